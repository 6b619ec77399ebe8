//! Names of inputs and outputs.

use crate::error::{Error, Kind as ErrorKind, Result};
use std::collections::HashSet;

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || "_'.".contains(c))
}

/// That they are names, each one once.
pub(super) fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !is_name(name) {
            let rule = "a name starts with a letter and goes on with letters, digits, `_`, `.` or `'`";
            return Err(Error::new(ErrorKind::Name, format!("`{name}` does not name an {what}: {rule}")));
        }
        if !seen.insert(name) {
            return Err(Error::new(ErrorKind::Name, format!("two {what}s are named `{name}`")));
        }
    }
    Ok(())
}

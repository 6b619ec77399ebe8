//! Names of inputs and outputs.

use crate::error::{Error, Kind as ErrorKind, Result, short};
use std::collections::HashSet;

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_') && name.chars().all(|c| c.is_alphanumeric() || "_'.".contains(c))
}

/// A name, with items of lists as in `layers[0].b`.
fn is_path(name: &str) -> bool {
    let mut parts = name.split('[');
    let item = |rest: &str| {
        rest.split_once(']').is_some_and(|(k, rest)| {
            let goes_on = rest.is_empty() || rest.strip_prefix('.').is_some_and(|field| is_name(&format!("_{field}")));
            !k.is_empty() && k.chars().all(|c| c.is_ascii_digit()) && goes_on
        })
    };
    parts.next().is_some_and(is_name) && parts.all(item)
}

/// Which of the groups a name stands for: the one that is called so, else all that are parts of a structure that is.
pub(crate) fn named<'a>(name: &str, groups: impl Iterator<Item = &'a str> + Clone) -> Vec<usize> {
    if let Some(at) = groups.clone().position(|group| group == name) {
        return vec![at];
    }
    let is_part = |group: &str| group.strip_prefix(name).is_some_and(|rest| rest.starts_with(['.', '[']));
    groups.enumerate().filter(|(_, group)| is_part(group)).map(|(at, _)| at).collect()
}

/// That they are names, each one once.
pub(super) fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<()> {
    let mut seen = HashSet::new();
    for name in names {
        if !is_path(name) {
            let rule =
                "a name starts with a letter and goes on with letters, digits, `_`, `.` or `'`; items of lists are as `[0]`";
            return Err(Error::new(ErrorKind::Name, format!("`{}` does not name an {what}: {rule}", short(name))));
        }
        if !seen.insert(name) {
            return Err(Error::new(ErrorKind::Name, format!("two {what}s are named `{}`", short(name))));
        }
    }
    Ok(())
}

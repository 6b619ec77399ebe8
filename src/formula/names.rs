//! The words of formulas: which operations are functions there, and by which names.

use crate::op::Op;
use std::f64::consts;

/// Names that mean numbers.
pub(super) const CONSTANTS: &[(&str, f64)] =
    &[("pi", consts::PI), ("π", consts::PI), ("e", consts::E), ("inf", f64::INFINITY), ("nan", f64::NAN)];

/// Truth values.
pub(super) const FLAGS: &[(&str, bool)] = &[("true", true), ("false", false)];

/// Other usual names of operations.
const ALIASES: &[(&str, &str)] = &[("if", "select"), ("pow", "powf"), ("expm1", "exp_m1"), ("log1p", "ln_1p")];

/// Whether formulas write an operation as a function, rather than with a sign.
fn is_function(op: Op) -> bool {
    use Op::*;
    !matches!(op, Add | Sub | Mul | Div | Rem | Neg | Lt | Le | Gt | Ge | Eq | Ne | And | Or | Not)
}

/// The operation that a function's name means. One with a parameter stands with a sample of it.
pub(super) fn operation(name: &str) -> Option<Op> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, name)| name);
    Op::ALL.iter().copied().find(|op| op.name() == name && is_function(*op))
}

/// All names of functions.
pub(super) fn functions() -> impl Iterator<Item = &'static str> {
    Op::ALL.iter().filter(|op| is_function(**op)).map(|op| op.name()).chain(ALIASES.iter().map(|(alias, _)| *alias))
}

/// Which operand of a function is its parameter, a whole number: `powi(x, 3)`, `polygamma(1, x)`.
pub(super) fn parameter_place(op: Op) -> Option<usize> {
    op.parameter()?;
    Some(if let Op::Powi(_) = op { 1 } else { 0 })
}

/// How many values a function takes in a formula.
pub(super) fn arity(op: Op) -> usize {
    op.arity() + usize::from(op.parameter().is_some())
}

/// Whether a name without quotes is a number or truth value, if nothing else has it.
pub(super) fn is_word(name: &str) -> bool {
    CONSTANTS.iter().any(|(known, _)| *known == name) || FLAGS.iter().any(|(known, _)| *known == name)
}

/// Whether a name without quotes reads as itself: it has the form of one, and is no word of the language.
pub(super) fn is_plain(name: &str) -> bool {
    let shape = name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || "_'.".contains(c));
    let is_taken = ["and", "or", "not", "inf", "nan", "true", "false", "if"].contains(&name);
    shape && !is_taken
}

/// The one of some names that is nearest to a name, if it is near enough to be meant.
pub(super) fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let close = known.map(|other| (crate::error::distance(name, &other), other)).min()?;
    (close.0 <= 2 && close.0 < name.chars().count()).then_some(close.1)
}

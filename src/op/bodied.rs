//! Operations with bodies, to arithmetics that know nothing of graphs.

use std::any::Any;

/// A result of an operation with bodies: of a loop, a choice, a function with a rule.
#[doc(hidden)]
pub trait Bodied: Any {
    /// What the graph that has it knows.
    fn as_any(&self) -> &dyn Any;
    /// What the result's series are, up to an order, if the marked operands are series; `None` where it depends on none of them.
    fn expanded(&self, marked: &[bool], order: usize) -> Option<Expanded>;
}

/// The coefficients of a result's series, but for its value.
#[doc(hidden)]
pub struct Expanded {
    /// By power, from the first on.
    pub coefficients: Vec<Box<dyn Bodied>>,
    /// What they all take: by operand and power, a coefficient of its series.
    pub operands: Vec<(usize, usize)>,
}

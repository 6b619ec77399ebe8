//! What a function is made of, what it costs, and where it goes wrong. In: a [`Function`], and a point if there is one. Out:
//! reports and pictures, for people to read.

mod cost;
mod non_finite;
mod picture;

pub use cost::{Cost, GradientCost};
pub use non_finite::NonFinite;

use crate::graph::{Function, Kind, NodeId};

impl Function {
    /// What the input number of a slot is called: `a`, or `x[2]` in an input of several numbers.
    fn slot_name(&self, slot: usize) -> String {
        let group = self.inputs().iter().find(|group| group.range().contains(&slot)).expect("every slot is of an input");
        if group.len() == 1 { group.name().into() } else { format!("{}[{}]", group.name(), slot - group.range().start) }
    }

    /// What a node is called: the input's name (`x[2]` in an input of several numbers), the constant, or the operation.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("a", ("x", 2)), |(a, x)| (a + 2.0).sin() * x[1])?;
    /// let names: Vec<String> = f.graph().ids().map(|id| f.name_of(id)).collect();
    /// assert_eq!(names, ["a", "x[0]", "x[1]", "2", "add", "sin", "mul"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    pub fn name_of(&self, id: NodeId) -> String {
        match self.graph().node(id).kind() {
            Kind::Input(slot) => self.slot_name(slot as usize),
            Kind::Const(bits) => plain(f64::from_bits(bits)),
            Kind::Flag(b) => b.to_string(),
            Kind::Apply(op) => op.to_string(),
            Kind::Array(op) => op.to_string(),
            Kind::Control(nested) => nested.control.name().into(),
        }
    }
}

/// All digits, but an integer without `.0` and the very large and small in powers of ten.
fn plain(v: f64) -> String {
    if v.fract() == 0.0 && v.abs() < 1e15 { v.to_string() } else { format!("{v:?}") }
}

/// At most six significant digits, integers in full.
fn short(v: f64) -> String {
    let rounded = format!("{v:.5e}").parse().unwrap_or(v);
    plain(if v.fract() == 0.0 { v } else { rounded })
}

//! What nodes and numbers are called, for people to read.

use crate::graph::{Function, Kind, NodeId};

/// What the input number of a slot is called: `a`, or `x[2]` in an input of several numbers.
pub(super) fn slot_name(f: &Function, slot: usize) -> String {
    let group = f.inputs().iter().find(|group| group.range().contains(&slot)).expect("every slot is of an input");
    if group.len() == 1 { group.name().into() } else { format!("{}[{}]", group.name(), slot - group.range().start) }
}

/// What a node is called; see [`Function::name_of`].
pub(crate) fn name_of(f: &Function, id: NodeId) -> String {
    match f.graph().node(id).kind() {
        Kind::Input(slot) => slot_name(f, slot as usize),
        Kind::Const(bits) => plain(f64::from_bits(bits)),
        Kind::Flag(b) => b.to_string(),
        Kind::Apply(op) => op.to_string(),
        Kind::Array(op) => op.to_string(),
        Kind::Control(nested) => nested.control.name().into(),
    }
}

/// All digits, but an integer without `.0` and the very large and small in powers of ten.
pub(super) fn plain(v: f64) -> String {
    if v.fract() == 0.0 && v.abs() < 1e15 { v.to_string() } else { format!("{v:?}") }
}

/// At most six significant digits, integers in full.
pub(super) fn short(v: f64) -> String {
    let rounded = format!("{v:.5e}").parse().unwrap_or(v);
    plain(if v.fract() == 0.0 { v } else { rounded })
}

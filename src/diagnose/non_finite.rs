//! Finding where infinities and NaNs begin. In: a [`Function`] and a point. Out: the first node that is not finite, with
//! the line of the user's source that made it.

use super::names::{name_of, plain};
use crate::error::{Error, Kind as ErrorKind, Result, made};
use crate::graph::{Args, Function, Kind, NodeId};
use crate::op::{Op, Value};
use std::{fmt, panic::Location};

/// Where a value stopped being finite; see [`Function::first_non_finite`].
#[derive(Clone, Debug)]
pub struct NonFinite {
    /// The node.
    pub node: NodeId,
    /// Its operation, or the input's name.
    pub name: String,
    /// The operation; `None` for an input.
    pub op: Option<Op>,
    /// The operands' values.
    pub operands: Vec<Value<f64, bool>>,
    /// What came out: infinite or NaN.
    pub value: f64,
    /// The line of the user's source that made the node, where one did.
    pub location: Option<&'static Location<'static>>,
}

/// The first input or operation whose value is infinite or NaN; see [`Function::first_non_finite`].
#[track_caller]
pub(crate) fn first_non_finite(f: &Function, x: &[f64]) -> Result<Option<NonFinite>> {
    f.check_len("inputs", f.input_len(), x.len())?;
    if f.has_arrays() {
        let message = "first_non_finite looks at single numbers, and this function has arrays, loops or opaque calls inside: evaluate it with what is \
                       to be seen as `aux` outputs";
        return Err(Error::here(ErrorKind::Unsupported, message));
    }
    let graph = f.graph();
    let mut values: Vec<Value<f64, bool>> = Vec::with_capacity(graph.len());
    let operands = |values: &[Value<f64, bool>], id: NodeId| -> arrayvec::ArrayVec<Value<f64, bool>, 3> {
        graph.operands(id).map(|operand| values[operand.index()]).collect()
    };
    for id in graph.ids() {
        values.push(match graph.node(id).kind() {
            Kind::Input(slot) => Value::Num(f.width().round(x[slot as usize])),
            Kind::Const(bits) => Value::Num(f64::from_bits(bits)),
            Kind::Flag(b) => Value::Mask(b),
            Kind::Array(_) | Kind::Control(_) => unreachable!("an array in a function of single numbers"),
            Kind::Apply(op) => crate::op::constant(op, &operands(&values, id), f.width()),
        });
    }
    let live = live_at(f, &values);
    let non_finite = |id: &NodeId| match (graph.node(*id).kind(), values[id.index()]) {
        (Kind::Input(_) | Kind::Apply(_), Value::Num(v)) => live[id.index()] && !v.is_finite(),
        _ => false,
    };
    Ok(graph.ids().find(non_finite).map(|id| NonFinite {
        node: id,
        name: name_of(f, id),
        op: graph.node(id).op(),
        operands: operands(&values, id).to_vec(),
        value: values[id.index()].num(),
        location: graph.node(id).location(),
    }))
}

/// Marks what the outputs depend on at a point: of a `select`, only the branch taken.
fn live_at(f: &Function, values: &[Value<f64, bool>]) -> Vec<bool> {
    let graph = f.graph();
    let mut live = vec![false; graph.len()];
    for id in f.output_nodes() {
        live[id.index()] = true;
    }
    for id in graph.ids().rev().filter(|id| !matches!(graph.node(*id).kind(), Kind::Input(_))) {
        if !live[id.index()] {
            continue;
        }
        let operands: Args = graph.operands(id).collect();
        let skipped = (graph.node(id).op() == Some(Op::Select)).then(|| if values[operands[0].index()].truth() { 2 } else { 1 });
        for (k, operand) in operands.iter().enumerate() {
            live[operand.index()] |= skipped != Some(k);
        }
    }
    live
}

/// One line: the node, the operation on the operands' values, what came out, and the line of source.
impl fmt::Display for NonFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.node, self.name)?;
        if self.op.is_some() {
            let operands = self.operands.iter().map(|operand| match *operand {
                Value::Num(v) => plain(v),
                Value::Mask(m) => m.to_string(),
            });
            write!(f, "({})", operands.collect::<Vec<_>>().join(", "))?;
        }
        write!(f, " is {}", self.value)?;
        f.write_str(&made(self.location))
    }
}

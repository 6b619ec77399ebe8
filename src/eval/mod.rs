//! The one evaluation: a walk over the graph in any arithmetic.
//!
//! Numbers interpret, duals differentiate forward, handles of a trace rebuild the graph there.

pub(crate) mod along;
mod arrays;
mod control;
pub(crate) mod linalg;
pub(crate) mod moves;

pub use arrays::Array;
pub(crate) use arrays::{Lengths, index_error};

use crate::graph::{Args, Graph, Kind, Located, Width};
use crate::op::{Op, Real, Value};

/// Every node's value, in order. `inputs` has a number for every input node.
#[track_caller]
pub(crate) fn eval<S: Real>(graph: &Graph, inputs: &[S]) -> Vec<Value<S, S::Mask>> {
    let located = Located::new();
    let mut values: Vec<Value<S, S::Mask>> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let value = match node.kind() {
            Kind::Input(slot) => Value::Num(inputs[slot as usize]),
            Kind::Const(bits) => Value::Num(S::lit(f64::from_bits(bits))),
            Kind::Flag(b) => Value::Mask(S::lit(b as u8 as f64).ne(S::lit(0.0))),
            Kind::Apply(op) => {
                located.at(node.location());
                let args: Args = graph.operands(id).collect();
                let args: arrayvec::ArrayVec<_, 3> = args.iter().map(|operand| values[operand.index()]).collect();
                op.apply(&args)
            }
            Kind::Array(op) => {
                located.at(node.location());
                let args: smallvec::SmallVec<[_; 4]> = graph.operands(id).map(|operand| values[operand.index()]).collect();
                S::array(op, &args)
            }
            Kind::Control(nested) => {
                located.at(node.location());
                let args: smallvec::SmallVec<[S; 8]> = graph.operands(id).map(|operand| values[operand.index()].num()).collect();
                Value::Num(S::nested(&nested, &args))
            }
        };
        values.push(value);
    }
    values
}

/// The value of an operation on constants, with the rounding of the width.
pub(crate) fn constant(op: Op, args: &[Value<f64, bool>], width: Width) -> Value<f64, bool> {
    match width {
        Width::F64 => op.value::<f64>(args),
        Width::F32 => {
            let narrow: arrayvec::ArrayVec<Value<f32, bool>, 3> = args
                .iter()
                .map(|x| match *x {
                    Value::Num(v) => Value::Num(v as f32),
                    Value::Mask(b) => Value::Mask(b),
                })
                .collect();
            match op.value::<f32>(&narrow) {
                Value::Num(v) => Value::Num(v as f64),
                Value::Mask(b) => Value::Mask(b),
            }
        }
    }
}

//! The walk over a graph, in any arithmetic.

use super::arithmetic::Lengths;
use super::reals::{Given, numbers_at};
use crate::error::Result;
use crate::graph::{Control, Function, Graph, Kind, Located, Nested, NestedOp, NodeId, Port};
use crate::op::{Real, Value};

/// The outputs at a point; see [`Function::eval`].
#[track_caller]
pub(crate) fn outputs_at<T: Real>(f: &Function, x: &[T]) -> Result<Vec<T>> {
    f.check_len("inputs", f.input_len(), x.len())?;
    if !T::ARRAYS {
        f.check_numbers("eval", Some("run"))?;
        if !is_plain(f) {
            return numbers_at(f, x);
        }
    }
    let values = eval(f.graph(), x);
    Ok(f.output_nodes().map(|id| values[id.index()].num()).collect())
}

/// Whether there is nothing but operations on single numbers, in derivatives that functions bring along, too.
fn is_plain(f: &Function) -> bool {
    let nested = |id| match f.graph().node(id).kind() {
        Kind::Control(nested) => nested.control.bodies().into_iter().all(is_plain),
        _ => true,
    };
    !f.has_arrays() && f.graph().ids().all(nested)
}

/// Every node's value, in order. `inputs` has a number for every input node.
#[track_caller]
pub(crate) fn eval<S: Real>(graph: &Graph, inputs: &[S]) -> Vec<Value<S, S::Mask>> {
    eval_but(graph, inputs, |_, _| None)
}

/// The same where some nodes' values are given; those of the nodes before are there.
#[track_caller]
pub(crate) fn eval_but<S: Real>(
    graph: &Graph,
    inputs: &[S],
    mut given: impl FnMut(NodeId, &[Value<S, S::Mask>]) -> Option<S>,
) -> Vec<Value<S, S::Mask>> {
    let located = Located::new();
    let mut values: Vec<Value<S, S::Mask>> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let value = match node.kind() {
            _ if let Some(value) = given(id, &values) => Value::Num(value),
            Kind::Input(slot) => Value::Num(inputs[slot as usize]),
            Kind::Const(bits) => Value::Num(S::lit(f64::from_bits(bits))),
            Kind::Flag(b) => Value::Mask(S::lit(b as u8 as f64).ne(S::lit(0.0))),
            Kind::Apply(op) => {
                located.at(node.location());
                let args: arrayvec::ArrayVec<_, 3> = graph.operands(id).map(|operand| values[operand.index()]).collect();
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
                Value::Num(result(nested, &args))
            }
        };
        values.push(value);
    }
    values
}

/// A result of an operation with bodies.
#[track_caller]
pub(crate) fn result<S: Real>(nested: Nested, args: &[S]) -> S {
    if S::ARRAYS {
        return S::nested(&NestedOp { control: nested.control.clone(), port: nested.port }, args);
    }
    let results = match &**nested.control {
        Control::Rule { body, rule } => {
            let open = Lengths::default();
            let given = Given::new(body, rule, &open);
            let results = S::ruled(&given, args);
            given.checked().expect("a rule of numbers does not fail");
            results
        }
        Control::Remat { body } => outputs_at(body, args).expect("as many arguments as inputs"),
        other => unreachable!("a function of single numbers has no {}", other.name()),
    };
    let Port::Final(k) = nested.port else { unreachable!("only loops have other results") };
    results[k as usize]
}

//! The walk over a graph, in any arithmetic.

use crate::error::Result;
use crate::graph::{Args, Control, Derivative, Function, Graph, Kind, Located, Nested, NestedOp, NodeId, Port, Transpose};
use crate::op::{CustomRule, Real, Value};

/// The outputs at a point; see [`Function::eval`].
#[track_caller]
pub(crate) fn outputs_at<T: Real>(f: &Function, x: &[T]) -> Result<Vec<T>> {
    f.check_len("inputs", f.input_len(), x.len())?;
    if !T::ARRAYS {
        f.check_scalar("eval", Some("eval_arrays"))?;
    }
    let values = eval(f.graph(), x);
    Ok(f.output_nodes().map(|id| values[id.index()].num()).collect())
}

/// Every node's value, in order. `inputs` has a number for every input node.
#[track_caller]
pub(crate) fn eval<S: Real>(graph: &Graph, inputs: &[S]) -> Vec<Value<S, S::Mask>> {
    eval_but(graph, inputs, |_| None)
}

/// The same where some nodes' values are given.
#[track_caller]
pub(crate) fn eval_but<S: Real>(graph: &Graph, inputs: &[S], given: impl Fn(NodeId) -> Option<S>) -> Vec<Value<S, S::Mask>> {
    let located = Located::new();
    let mut values: Vec<Value<S, S::Mask>> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let value = match node.kind() {
            _ if let Some(value) = given(id) => Value::Num(value),
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
        Control::Rule { body, rule } => S::ruled(&Given { body, rule }, args),
        Control::Remat { body } => outputs(body, args),
        other => unreachable!("a function of single numbers has no {}", other.name()),
    };
    let Port::Final(k) = nested.port else { unreachable!("only loops have other results") };
    results[k as usize]
}

#[track_caller]
fn outputs<S: Real>(f: &Function, args: &[S]) -> Vec<S> {
    outputs_at(f, args).expect("as many arguments as inputs")
}

/// A rule that a graph holds.
struct Given<'a> {
    body: &'a Function,
    rule: &'a Derivative,
}

impl CustomRule for Given<'_> {
    fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
        outputs(self.body, x)
    }

    fn jvp<T: Real>(&self, x: &[T], y: &[T], t: &[T]) -> Vec<T> {
        match self.rule {
            Derivative::Jvp(rule) => outputs(rule, &[x, y, t].concat()),
            Derivative::Vjp(_) => outputs(&self.rule.transposed(self.body), &[x, y, t].concat()),
        }
    }
}

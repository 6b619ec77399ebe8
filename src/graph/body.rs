//! Bodies under construction: a closure becomes a function whose inputs are its arguments and what it takes from the trace around.

use super::control::{Control, Port, SharedControl, Type, make_body, types_in, types_out};
use super::expr::Expr;
use super::function::{Function, InputGroup, OutputGroup};
use super::node::NodeId;
use super::trace::{self, Session};
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::op::lit;
use std::panic::Location;

pub(crate) type Caller = &'static Location<'static>;

/// A traced body, and what it takes from the trace around, which are its last inputs.
pub(crate) struct Body {
    pub(crate) f: Function,
    pub(crate) captured: Vec<Expr>,
}

impl Body {
    /// The closure says whether it gives as many values as are carried, and the results.
    pub(crate) fn trace(what: &str, types: &[Type], at: Caller, f: impl FnOnce(&[Expr]) -> (bool, Vec<Expr>)) -> Result<Body> {
        let width = trace::width().unwrap_or(Width::F64);
        let session = Session::open_body(width, at);
        let args: Vec<Expr> = types.iter().map(|&(shape, dtype)| session.input(shape, dtype)).collect();
        let (fits, results) = f(&args);
        if !fits {
            let message = format!("{what}: the body gives another number of values to carry on than it takes");
            session.fail(Error::new(ErrorKind::Shape, message).at(Some(at)));
        }
        let nodes = session.outputs(&results, at);
        let captured = session.captured();
        let (graph, map) = session.finish()?.inputs_first();
        let types = types.iter().copied().chain(captured.iter().map(|&(_, ty)| ty));
        let f = function(width, graph, types, nodes.iter().map(|id| map[id.index()]))?;
        Ok(Body { f, captured: captured.into_iter().map(|(x, _)| x).collect() })
    }

    /// Whether the first outputs are what the body is given to carry.
    pub(super) fn check_carried(&self, what: &str, types: &[Type], at: Caller) -> Result<()> {
        let outputs = types_out(&self.f);
        match types.iter().zip(&outputs).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(k) => {
                let ((shape, dtype), (other, kind)) = (types[k], outputs[k]);
                let message = format!(
                    "{what}: carried value {k} has the shape {shape} ({dtype:?}) at first, and the body gives {other} ({kind:?})"
                );
                Err(Error::new(ErrorKind::Shape, message).at(Some(at)))
            }
        }
    }
}

fn function(
    width: Width,
    graph: super::Graph,
    types: impl Iterator<Item = Type>,
    outputs: impl Iterator<Item = NodeId>,
) -> Result<Function> {
    let inputs = types.enumerate().map(|(k, (shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
    let outputs = outputs.enumerate().map(|(k, id)| OutputGroup { name: format!("y{k}"), nodes: vec![id], aux: false });
    Function::assemble(graph, width, inputs.collect(), outputs.collect())
}

/// Two bodies of the same inputs: the first `n`, then what either captures.
pub(super) fn joined([a, b]: [Body; 2], n: usize, at: Caller) -> Result<[Body; 2]> {
    let all = [&a.captured[..], &b.captured].concat();
    let types: Vec<Type> = types_in(&a.f).into_iter().chain(types_in(&b.f).into_iter().skip(n)).collect();
    let of_a = n + a.captured.len();
    let width = a.f.width();
    let remade = |f: &Function, own: &dyn Fn(&[Expr]) -> Vec<Expr>| {
        make_body(width, &types, at, |args| outputs_at(f, &own(args)).expect("as many as the body takes"))
    };
    let first = remade(&a.f, &|args| args[..of_a].to_vec())?;
    let second = remade(&b.f, &|args| [&args[..n], &args[of_a..]].concat())?;
    Ok([Body { f: first, captured: all.clone() }, Body { f: second, captured: all }])
}

/// Values to carry on, known numbers in the shape that is carried.
pub(crate) fn fitting(next: Vec<Expr>, types: &[Type]) -> Vec<Expr> {
    let fit = |(k, x): (usize, Expr)| match (x, types.get(k)) {
        (Expr::Const(v), Some(&(shape, _))) => Expr::full(v, shape),
        _ => x,
    };
    next.into_iter().enumerate().map(fit).collect()
}

/// The handles, or placeholders and an error of the trace.
pub(super) fn given(made: Result<Vec<Expr>>, n: usize) -> Vec<Expr> {
    made.unwrap_or_else(|error| {
        trace::refuse(error);
        vec![lit(f64::NAN); n]
    })
}

/// All results of an operation: what is carried in the end, and what every step keeps.
pub(super) fn ports(control: Control, operands: &[Expr], carries: usize, each: usize, at: Caller) -> (Vec<Expr>, Vec<Expr>) {
    let control = SharedControl::from(control);
    let port = |port: Port| trace::nested(&control, port, operands, at);
    ((0..carries as u32).map(|k| port(Port::Final(k))).collect(), (0..each as u32).map(|k| port(Port::Each(k))).collect())
}

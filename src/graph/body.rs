//! Bodies under construction: a closure becomes a function whose inputs are its arguments and what it takes from the trace around.

use super::builder::Builder;
use super::control::kind_of;
use super::function::NewOutput;
use super::handle::Expr;
use super::model::{Control, Function, Graph, InputGroup, OutputGroup, SharedControl};
use super::node::{NodeId, Port};
use super::session::Session;
use super::trace;
use super::types::{Type, types_in, types_out};
use super::view::Kind;
use crate::base::Width;
use crate::error::{Caller, Error, Kind as ErrorKind, Result, made};
use crate::op::lit;
use rustc_hash::FxHashMap;

/// A traced body, and what it takes from the trace around, which are its last inputs.
pub(crate) struct Body {
    pub(crate) f: Function,
    pub(crate) captured: Vec<Expr>,
}

impl Body {
    /// The closure says whether it gives as many values as are carried, and the results.
    pub(crate) fn trace(
        what: &str,
        types: &[Type],
        at: Caller,
        f: impl FnOnce(&[Expr]) -> Result<(bool, Vec<Expr>)>,
    ) -> Result<Body> {
        let width = trace::width().unwrap_or(Width::F64);
        let session = Session::open_body(width, at);
        let args: Vec<Expr> = types.iter().map(|&(shape, dtype)| session.input(shape, dtype)).collect();
        let (fits, results) = f(&args)?;
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

    /// Where a result was made.
    pub(super) fn line(&self, k: usize) -> Option<Caller> {
        self.f.output_nodes().nth(k).and_then(|id| self.f.graph().node(id).location())
    }

    /// Whether the first outputs are what the body is given to carry.
    pub(super) fn check_carried(&self, what: &str, types: &[Type], at: Caller) -> Result<()> {
        let outputs = types_out(&self.f);
        match types.iter().zip(&outputs).position(|(a, b)| a != b) {
            None => Ok(()),
            Some(k) => {
                let [first, next] = [types[k], outputs[k]].map(kind_of);
                let next = next + &made(self.line(k));
                let message = format!("{what}: carried value {k} is {first} at first, and the body gives {next}");
                Err(Error::new(ErrorKind::Shape, message).at(Some(at)))
            }
        }
    }
}

fn function(
    width: Width,
    graph: Graph,
    types: impl Iterator<Item = Type>,
    outputs: impl Iterator<Item = NodeId>,
) -> Result<Function> {
    let inputs = types.enumerate().map(|(k, (shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
    let outputs = outputs.enumerate().map(|(k, id)| OutputGroup::new(format!("y{k}"), vec![id]));
    Function::assemble(graph, width, inputs.collect(), outputs.collect())
}

/// Two bodies of the same inputs: the first `n`, then what either captures. What both capture is one input, so that its adjoint is, too: a sum of
/// one from each branch of a choice would be a sum with zero.
pub(super) fn joined([a, b]: [Body; 2], n: usize) -> Result<[Body; 2]> {
    let (mut types, of_b) = (types_in(&a.f), types_in(&b.f));
    let mut captured = a.captured;
    let node = |handle: Expr| match handle {
        Expr::Node { id, .. } => Some(id),
        Expr::Const(_) => None,
    };
    let known: FxHashMap<NodeId, usize> = captured.iter().zip(n..).filter_map(|(&x, k)| Some((node(x)?, k))).collect();
    let mut places: Vec<usize> = (0..n).collect();
    for (handle, ty) in b.captured.into_iter().zip(&of_b[n..]) {
        places.push(node(handle).and_then(|id| known.get(&id).copied()).unwrap_or_else(|| {
            captured.push(handle);
            types.push(*ty);
            types.len() - 1
        }));
    }
    let first = widened(&a.f, &types, |slot| slot)?;
    let second = widened(&b.f, &types, |slot| places[slot])?;
    Ok([Body { f: first, captured: captured.clone() }, Body { f: second, captured }])
}

/// The body with inputs of these types, of which `own` says which one each of its own is.
fn widened(f: &Function, types: &[Type], own: impl Fn(usize) -> usize) -> Result<Function> {
    let graph = f.graph();
    let mut new = Builder::like(graph);
    let inputs: Vec<NodeId> = types.iter().map(|&(shape, dtype)| new.input(shape, dtype)).collect();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        map.push(match node.kind() {
            Kind::Input(slot) => inputs[own(slot as usize)],
            kind => {
                let args = graph.operands_as(id, |operand| map[operand.index()]);
                new.intern(kind, &args, node.location())
            }
        });
    }
    function(f.width(), new.finish(), types.iter().copied(), f.output_nodes().map(|id| map[id.index()]))
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

/// A body of a transformation, with inputs of these types.
pub(crate) fn make_body(width: Width, types: &[Type], at: Caller, f: impl FnOnce(&[Expr]) -> Vec<Expr>) -> Result<Function> {
    let inputs = types.iter().enumerate().map(|(k, &(shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
    Function::build(width, inputs.collect(), at, |args| {
        let results = f(args).into_iter().enumerate();
        results.map(|(k, x)| NewOutput::new(format!("y{k}"), vec![x])).collect()
    })
}

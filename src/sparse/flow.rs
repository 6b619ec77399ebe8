//! Which columns each number of a function depends on, whatever the point: sets that flow along the edges that carry a derivative.
//!
//! In: a function whose lengths are known, and the sets of its inputs. Out: those of its outputs. What depends on no unknown
//! input (indices that were given, masks that are made of indices) is computed, so that the sets are exact there.

use super::known::{Known, Numbers};
use super::loops::Nests;
use super::value::{Flow, count, lengths};
use super::{arrays, loops};
use crate::base::sets::{Sets, union};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::Array;
use crate::graph::{Args, Function, Kind, NodeId};
use crate::op::{ArrayOp, DType, EdgeMap, Op, Value};

/// A walk over a graph.
struct Walk<'f> {
    f: &'f Function,
    /// By node, until its last user has come.
    sets: Vec<Sets>,
    /// By node, the last one that uses it.
    last: Vec<u32>,
    numbers: Numbers,
    nests: Nests,
}

/// The flows of the outputs, in order.
pub(super) fn flow(f: &Function, known: &Known, inputs: Vec<Flow>) -> Result<Vec<Flow>> {
    let graph = f.graph();
    let mut last = vec![0; graph.len()];
    for id in graph.ids() {
        graph.operands(id).for_each(|operand| last[operand.index()] = id.0);
    }
    f.output_nodes().for_each(|id| last[id.index()] = u32::MAX);
    let (sets, arrays): (Vec<Sets>, Vec<Option<Array>>) = inputs.into_iter().map(|flow| (flow.sets, flow.known)).unzip();
    let numbers = known.values(arrays)?;
    let mut walk = Walk { f, sets, last, numbers, nests: Nests::default() };
    for id in graph.ids().skip(f.input_len()) {
        let sets = walk.node(id)?;
        walk.sets.push(sets);
    }
    let output = |id: NodeId| Flow { sets: walk.sets[id.index()].clone(), known: walk.numbers.get(id).cloned() };
    Ok(f.output_nodes().map(output).collect())
}

impl Walk<'_> {
    /// The sets of an operand; they move to its last use.
    fn take(&mut self, operands: &[NodeId], k: usize, user: NodeId) -> Sets {
        let sets = &mut self.sets[operands[k].index()];
        let last = self.last[operands[k].index()] == user.0 && !operands[k + 1..].contains(&operands[k]);
        if last { std::mem::take(sets) } else { sets.clone() }
    }

    /// The sets of an operand, and its numbers.
    fn operand(&self, id: NodeId) -> Flow {
        Flow { sets: self.sets[id.index()].clone(), known: self.numbers.get(id).cloned() }
    }

    fn node(&mut self, id: NodeId) -> Result<Sets> {
        let node = self.f.graph().node(id);
        let operands: Args = self.f.graph().operands(id).collect();
        match node.kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => Ok(Sets::new()),
            Kind::Apply(Op::Select) if self.numbers.get(operands[0]).is_some() => {
                let (a, b) = (self.take(&operands, 1, id), self.take(&operands, 2, id));
                let mask = self.numbers.get(operands[0]).expect("it is known").data();
                let len = if a.is_empty() && b.is_empty() { 0 } else { count(node.shape()) };
                let chosen = |k: usize| {
                    let from = if mask[if mask.len() == 1 { 0 } else { k }] != 0.0 { &a } else { &b };
                    from.get(k).cloned().flatten()
                };
                Ok((0..len).map(chosen).collect())
            }
            Kind::Apply(op) => {
                let mut sum = Sets::new();
                for (k, flows) in carries(op).into_iter().enumerate().take(operands.len()) {
                    if !flows {
                        continue;
                    }
                    let term = self.take(&operands, k, id);
                    if sum.is_empty() {
                        sum = term;
                    } else if !term.is_empty() {
                        sum.iter_mut().zip(term).for_each(|(set, more)| *set = union(std::mem::take(set), more));
                    }
                }
                Ok(sum)
            }
            Kind::Array(op) => {
                let shapes: Vec<Vec<usize>> =
                    operands.iter().map(|&operand| lengths(self.f.graph().node(operand).shape())).collect();
                let index = match op {
                    ArrayOp::Gather { .. } | ArrayOp::ScatterAdd { .. } => Some(self.index(id, operands[1])?),
                    _ => None,
                };
                let sets: Vec<Sets> = (0..operands.len()).map(|k| self.take(&operands, k, id)).collect();
                arrays::flow(op, sets, &shapes, &lengths(node.shape()), index.as_ref())
                    .map_err(|error| if error.location().is_some() { error } else { error.at(node.location()) })
            }
            Kind::Control(nested) => {
                let mut nests = std::mem::take(&mut self.nests);
                let given = |operands: &[NodeId]| operands.iter().map(|&operand| self.operand(operand)).collect();
                let found = loops::result(&mut nests, nested, operands.to_vec(), given, flow);
                self.nests = nests;
                let found = found?;
                if let Some(known) = found.known {
                    self.numbers.insert(id, known);
                }
                Ok(found.sets)
            }
        }
    }

    /// The indices of a gather or scatter, which must be known.
    fn index(&self, id: NodeId, index: NodeId) -> Result<Array> {
        self.numbers.get(index).cloned().ok_or_else(|| {
            let node = self.f.graph().node(id);
            let Kind::Array(op) = node.kind() else { unreachable!("it is an array operation") };
            let message = format!(
                "{}: where the sparse entries are depends on indices; those that are inputs must be given with `Method::data`, \
                 and none may be computed from what is not given",
                op.name()
            );
            Error::new(ErrorKind::Unsupported, message).at(node.location())
        })
    }
}

/// Which operands of an operation a derivative flows from.
pub(crate) fn carries(op: Op) -> [bool; 3] {
    // Which maps are zero is a matter of the rule, not of the point.
    let args: Vec<Value<f64, bool>> =
        op.operands().iter().map(|dtype| if *dtype == DType::Mask { Value::Mask(true) } else { Value::Num(0.5) }).collect();
    let edges = op.edges::<f64>(&args, if op.result() == DType::Mask { Value::Mask(true) } else { Value::Num(0.5) });
    edges.map(|edge| !matches!(edge, EdgeMap::Zero))
}

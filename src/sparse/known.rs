//! Values that nothing unknown enters: indices that were given, and what is computed from them or from nothing at all.

use crate::base::Width;
use crate::error::Result;
use crate::eval::{Array, evaluated};
use crate::graph::{Function, Kind, NewOutput, NodeId};
use crate::op::{ArrayOp, Op, Value, select};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// Which values of a function can be computed, and are worth it: indices, masks, and what goes in and out of loops.
pub(super) struct Known {
    wanted: Vec<NodeId>,
    f: Option<Function>,
}

/// Numbers by node; a mask is 1 or 0.
#[derive(Default)]
pub(super) struct Numbers(FxHashMap<NodeId, Array>);

impl Numbers {
    pub(super) fn get(&self, id: NodeId) -> Option<&Array> {
        self.0.get(&id)
    }
    pub(super) fn insert(&mut self, id: NodeId, known: Array) {
        self.0.insert(id, known);
    }
}

impl Known {
    /// `given` says which inputs are known.
    pub(super) fn new(f: &Function, given: &[bool]) -> Result<Known> {
        let graph = f.graph();
        if !f.has_arrays() && !given.contains(&true) {
            return Ok(Known { wanted: vec![], f: None });
        }
        let mut known: Vec<bool> = given.to_vec();
        let mut useful = vec![false; graph.len()];
        for id in graph.ids().skip(given.len()) {
            let kind = graph.node(id).kind();
            known.push(kind.is_known() || !matches!(kind, Kind::Input(_)) && graph.operands(id).all(|x| known[x.index()]));
            match kind {
                Kind::Array(ArrayOp::Gather { .. } | ArrayOp::ScatterAdd { .. }) => {
                    graph.operands(id).skip(1).for_each(|index| useful[index.index()] = true);
                }
                Kind::Apply(Op::Select) => graph.operands(id).take(1).for_each(|mask| useful[mask.index()] = true),
                Kind::Control(_) => graph.operands(id).for_each(|operand| useful[operand.index()] = true),
                _ => {}
            }
        }
        f.output_nodes().for_each(|id| useful[id.index()] = true);
        let wanted: Vec<NodeId> = graph.ids().filter(|id| known[id.index()] && useful[id.index()]).collect();
        if wanted.is_empty() {
            return Ok(Known { wanted, f: None });
        }
        let f = Function::build(Width::F64, f.inputs().to_vec(), Location::caller(), |args| {
            let values = crate::eval::eval(graph, args);
            let output = |(k, id): (usize, &NodeId)| {
                let value = match values[id.index()] {
                    Value::Num(x) => x,
                    Value::Mask(mask) => select(mask, 1.0, 0.0),
                };
                NewOutput::new(format!("k{k}"), vec![value])
            };
            wanted.iter().enumerate().map(output).collect()
        })?;
        Ok(Known { wanted, f: Some(f) })
    }

    /// Computes them; of an input that is not known nothing is read.
    pub(super) fn values(&self, inputs: Vec<Option<Array>>) -> Result<Numbers> {
        let Some(f) = &self.f else { return Ok(Numbers::default()) };
        let groups = f.inputs().iter().flat_map(|group| std::iter::repeat_n(group, group.len()));
        let nothing = |group: &crate::graph::InputGroup| {
            let lengths = super::value::lengths(group.shape());
            let data = vec![0.0; lengths.iter().product()];
            Array::new(lengths, data)
        };
        let inputs = groups.zip(inputs).map(|(group, known)| known.map_or_else(|| nothing(group), Ok));
        let values = evaluated(f, &inputs.collect::<Result<Vec<_>>>()?)?;
        Ok(Numbers(self.wanted.iter().copied().zip(values).collect()))
    }
}

//! The operations with bodies of a graph: which nodes are their results, and what depends on what.

use crate::error::{Error, Result};
use crate::graph::{Control, Flow, Function, Graph, Nested, NodeId, Port, SharedControl, Type, refuse};
use crate::op::{DType, Op, Real};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// How bodies are differentiated. A derivative needs that of the bodies that it meets, so whoever takes one gives these along.
#[derive(Copy, Clone)]
pub(super) struct Bodies {
    /// Of a function, and which of its inputs' tangents may be a guard's zeros.
    pub(super) jvp: fn(&Function, &[bool]) -> Result<Function>,
    pub(super) vjp: fn(&Function) -> Result<Function>,
}

/// An operation with bodies in a graph, and the nodes of its results.
pub(super) struct Group<'f> {
    pub(super) control: &'f SharedControl,
    pub(super) operands: Vec<NodeId>,
    pub(super) members: Vec<(Port, NodeId)>,
    /// Which operands depend on an active input.
    pub(super) active: Vec<bool>,
    pub(super) at: &'static Location<'static>,
    pub(super) bodies: Bodies,
}

/// The operations with bodies of a graph, by the nodes of their results. Fills in which results are active, given what is so far.
pub(super) struct Groups<'f> {
    bodies: Bodies,
    all: Vec<Group<'f>>,
    of: FxHashMap<NodeId, usize>,
    known: FxHashMap<(*const Control, Vec<NodeId>), usize>,
}

impl<'f> Groups<'f> {
    pub(super) fn new(bodies: Bodies) -> Self {
        Groups { bodies, all: vec![], of: FxHashMap::default(), known: FxHashMap::default() }
    }

    /// Enters a node; whether its value depends on an active input.
    #[track_caller]
    pub(super) fn enter(&mut self, graph: &Graph, id: NodeId, nested: Nested<'f>, active: &[bool]) -> bool {
        let operands: Vec<NodeId> = graph.operands(id).collect();
        let all = &mut self.all;
        let at = *self.known.entry((std::ptr::from_ref(&**nested.control), operands.clone())).or_insert_with(|| {
            all.push(Group {
                control: nested.control,
                active: operands.iter().map(|operand| active[operand.index()]).collect(),
                operands,
                members: vec![],
                at: graph.node(id).location().unwrap_or_else(Location::caller),
                bodies: self.bodies,
            });
            all.len() - 1
        });
        let group = &mut self.all[at];
        group.members.push((nested.port, id));
        self.of.insert(id, at);
        graph.node(id).dtype() == DType::Float && group.flow(&group.active).reaches(nested.control, nested.port)
    }

    /// Whether one is so.
    pub(super) fn any(&self, is: impl Fn(&Group<'f>) -> bool) -> bool {
        self.all.iter().any(is)
    }

    /// The operation that a node is a result of.
    pub(super) fn of(&self, id: NodeId) -> Option<&Group<'f>> {
        self.of.get(&id).map(|&at| &self.all[at])
    }
}

/// Whether an operation is a part of a function of numbers that was put aside; see [`outlined`](super::outlined).
pub(super) fn is_part(control: &Control) -> bool {
    matches!(control, Control::Remat { .. }) && control.needs_arrays()
}

pub(super) fn apply<S: Real>(control: &SharedControl, port: Port, operands: &[S]) -> S {
    crate::eval::result(Nested { control, port }, operands)
}

impl Group<'_> {
    /// What depends on marked operands, numbers only.
    pub(super) fn flow(&self, marked: &[bool]) -> Flow {
        let mut flow = self.control.flow(marked);
        let numbers = |types: Vec<Type>, marks: &mut Vec<bool>| {
            marks.iter_mut().zip(types).for_each(|(mark, (_, dtype))| *mark &= dtype == DType::Float);
        };
        numbers(self.control.takes(), &mut flow.inputs);
        numbers(self.control.gives(), &mut flow.outputs);
        flow
    }

    /// Of a choice, the one of its branches that a result's tangent comes from, given which operands have one; none where both give some.
    pub(super) fn where_it_varies(&self, result: NodeId, marked: impl Iterator<Item = bool>) -> Option<bool> {
        let Control::Choice { bodies } = &**self.control else { return None };
        let &(port, _) = self.members.iter().find(|(_, id)| *id == result)?;
        let Port::Final(k) = port else { return None };
        let marked: Vec<bool> = marked.skip(1).collect();
        one_varies(bodies, &marked, k as usize)
    }

    /// Where the operands that are the body's inputs begin: a choice has a number in front of them.
    pub(super) fn own<T>(&self, operands: &[T]) -> usize {
        operands.len() - self.control.takes().len()
    }
}

/// Which of two bodies has a result that changes with the marked inputs, if one alone has.
pub(super) fn one_varies(bodies: &[Function; 2], marked: &[bool], result: usize) -> Option<bool> {
    match bodies.each_ref().map(|body| varies(body, marked, result)) {
        [true, false] => Some(true),
        [false, true] => Some(false),
        _ => None,
    }
}

/// Whether a result changes with the marked inputs, other than by steps.
fn varies(f: &Function, marked: &[bool], result: usize) -> bool {
    let graph = f.graph();
    let mut moved = marked.to_vec();
    for id in graph.ids().skip(marked.len()) {
        let node = graph.node(id);
        let still = node.dtype() != DType::Float || node.op().is_some_and(Op::is_step);
        moved.push(!still && graph.operands(id).any(|operand| moved[operand.index()]));
    }
    f.output_nodes().nth(result).is_some_and(|id| moved[id.index()])
}

/// The members of a list that are marked.
pub(super) fn chosen<T: Copy>(list: &[T], marked: &[bool]) -> Vec<T> {
    list.iter().zip(marked).filter(|(_, marked)| **marked).map(|(&x, _)| x).collect()
}

/// How many are marked.
pub(super) fn count(marks: &[bool]) -> usize {
    marks.iter().filter(|mark| **mark).count()
}

/// The place of a number among those that are marked.
pub(super) fn place(marked: &[bool], k: u32) -> u32 {
    marked[..k as usize].iter().filter(|marked| **marked).count() as u32
}

/// Nothing, and an error of the trace.
pub(super) fn refused<T>(error: Error) -> Vec<T> {
    refuse(error);
    vec![]
}

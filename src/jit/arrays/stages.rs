//! From a graph to stages: which nodes are computed together, and which values need memory.

use super::control::ControlStage;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Args, Builder, Control, Function, Graph, InputGroup, Kind, Line, NodeId, OutputGroup, Port, Signature};
use crate::jit::native::Native;
use crate::op::{ArrayOp, Axis, DType, Op, Shape};
use crate::schedule::{Options, Program, Reduce, RowCall, RowShape};
use rustc_hash::FxHashMap;
use std::fmt;

/// Where a value is read: the node that has the memory, and the shape that its numbers have there. The value may be that
/// shape broadcast.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source {
    pub(super) node: NodeId,
    pub(super) shape: Shape,
}

/// Something that runs at once.
pub(super) enum Stage {
    /// A native loop.
    Loop(Box<Loop>),
    /// An operation of a library, or a copy, into the node's memory.
    Library(NodeId),
    /// An operation with bodies.
    Control(ControlStage),
}

/// A loop nest over a shape, its innermost axis native.
pub(super) struct Loop {
    pub(super) shape: Shape,
    /// What it computes.
    pub(super) nodes: Vec<NodeId>,
    pub(super) inputs: Vec<LoopInput>,
    pub(super) outputs: Vec<LoopOutput>,
    /// The last step that reads an input, and the step that makes an output.
    last_read: Vec<u32>,
    made: Vec<u32>,
    pub(super) native: Native,
}

pub(super) enum LoopInput {
    /// A value that is there.
    Source(Source),
    /// The output of this number, so far: a sum over outer axes is added up in memory.
    Partial(usize),
}

pub(super) struct LoopOutput {
    pub(super) node: NodeId,
    /// The axes of the loop that are summed over.
    pub(super) summed: Vec<usize>,
}

impl Stage {
    /// The nodes whose memory is read.
    pub(super) fn reads(&self, f: &Function) -> Vec<NodeId> {
        match self {
            Stage::Loop(looped) => looped.sources().map(|(_, source)| source.node).collect(),
            Stage::Library(node) => {
                let product = f.graph().node(*node).kind() == Kind::Array(&ArrayOp::MatMul);
                let read = |operand: NodeId| if product { matrix(f, operand).0 } else { operand };
                f.graph().operands(*node).map(|operand| owner(f, read(operand))).collect()
            }
            Stage::Control(control) => control.reads(f),
        }
    }

    /// Whether a node's memory is written.
    pub(super) fn makes(&self, id: NodeId) -> bool {
        match self {
            Stage::Loop(looped) => looped.outputs.iter().any(|output| output.node == id),
            Stage::Library(node) => *node == id,
            Stage::Control(control) => control.members.iter().any(|&(_, node)| node == id),
        }
    }
}

impl Loop {
    /// What is read of memory, by the number of the input.
    fn sources(&self) -> impl Iterator<Item = (usize, Source)> {
        self.inputs.iter().enumerate().filter_map(|(k, input)| match input {
            LoopInput::Source(source) => Some((k, *source)),
            LoopInput::Partial(_) => None,
        })
    }

    /// Whether an output may be written to the memory of an input: every number is read before it is overwritten, and not again.
    pub(super) fn may_overwrite(&self, output: NodeId, input: NodeId) -> bool {
        let Some(k) = self.outputs.iter().position(|other| other.node == output) else { return false };
        self.outputs[k].summed.is_empty()
            && self
                .sources()
                .filter(|(_, source)| source.node == input)
                .all(|(slot, source)| source.shape == self.shape && self.last_read[slot] <= self.made[k])
    }
}

/// The stages, each with the nodes that it computes.
impl fmt::Display for Stages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {{", Signature(&self.f))?;
        for (k, stage) in self.stages.iter().enumerate() {
            let once = if k < self.once { "once: " } else { "" };
            match stage {
                Stage::Library(node) => writeln!(out, "  {once}{}", Line(&self.f, *node))?,
                Stage::Control(control) => {
                    for (_, node) in &control.members {
                        writeln!(out, "  {once}{}", Line(&self.f, *node))?;
                    }
                }
                Stage::Loop(looped) => {
                    write!(out, "  {once}loop over {}", looped.shape)?;
                    for (k, output) in looped.outputs.iter().enumerate() {
                        write!(out, "{} {}", if k == 0 { ", stores" } else { "," }, output.node)?;
                    }
                    writeln!(out, ":")?;
                    for &node in &looped.nodes {
                        writeln!(out, "    {}", Line(&self.f, node))?;
                    }
                }
            }
        }
        out.write_str("}")
    }
}

/// The stages of a function, in order.
pub(super) struct Stages {
    pub(super) f: Function,
    pub(super) stages: Vec<Stage>,
    /// How many of them, the first ones, depend on no input: they run once.
    pub(super) once: usize,
    /// Whether subnormal numbers are zeros to the loops.
    pub(super) flush: bool,
}

/// Walks over places keep an index per axis on the stack.
pub(super) const MAX_RANK: usize = 16;

/// What is decided about the nodes before the loops are made.
struct Analysis<'f> {
    f: &'f Function,
    graph: &'f Graph,
    users: Vec<Vec<NodeId>>,
    is_output: Vec<bool>,
    /// The level that a node is computed at; a loop has the nodes of one shape and level.
    level: Vec<u32>,
    /// The first level that may read a node's value.
    ready: Vec<u32>,
    /// Whether a node depends on no input.
    once: Vec<bool>,
}

impl Stages {
    pub(super) fn new(f: Function, options: Options) -> Result<Stages> {
        let graph = f.graph();
        if let Some(id) = graph.ids().find(|&id| graph.node(id).shape().rank() > MAX_RANK) {
            let message = format!("the shape {} has more than {MAX_RANK} axes", graph.node(id).shape());
            return Err(Error::new(ErrorKind::Limit, message).at(graph.node(id).location()));
        }
        let analysis = Analysis::new(&f);
        // What depends on no input comes first.
        type When = (bool, u32);
        let mut groups: FxHashMap<(When, Shape), Vec<NodeId>> = FxHashMap::default();
        let mut nested: FxHashMap<(*const Control, Args), Vec<(Port, NodeId)>> = FxHashMap::default();
        let mut order: Vec<(When, Option<Shape>, Option<NodeId>)> = Vec::new();
        for id in graph.ids() {
            let level = (!analysis.once[id.index()], analysis.level[id.index()]);
            match analysis.place(id) {
                Place::Nowhere => {}
                Place::Library => order.push((level, None, Some(id))),
                Place::Control(control, port) => {
                    let members = nested.entry((control, graph.operands(id).collect())).or_default();
                    if members.is_empty() {
                        order.push((level, None, Some(id)));
                    }
                    members.push((port, id));
                }
                Place::Loop(shape) => {
                    let members = groups.entry((level, shape)).or_default();
                    if members.is_empty() {
                        order.push((level, Some(shape), None));
                    }
                    members.push(id);
                }
            }
        }
        order.sort_by_key(|(level, ..)| *level);
        let mut stages = Vec::new();
        let once = order.iter().filter(|(level, ..)| !level.0).count();
        for (level, shape, node) in order {
            stages.push(match (shape, node) {
                (Some(shape), _) => Stage::Loop(Box::new(analysis.make_loop(shape, &groups[&(level, shape)], options)?)),
                (None, Some(id)) => match graph.node(id).kind() {
                    Kind::Control(op) => {
                        let members = nested.remove(&(std::ptr::from_ref(op.control), graph.operands(id).collect()));
                        let members = members.expect("the first of the results stands for all");
                        Stage::Control(ControlStage::new(op.control, members, options)?)
                    }
                    _ => Stage::Library(id),
                },
                (None, None) => unreachable!("a stage is a loop or a library call"),
            });
        }
        Ok(Stages { f, stages, once, flush: options.flush_subnormals })
    }
}

enum Place {
    /// It is read where its operand is, or known.
    Nowhere,
    Library,
    Loop(Shape),
    Control(&'static Control, Port),
}

/// Whether a permutation exchanges the last two axes.
fn is_transpose(order: &[usize]) -> bool {
    let n = order.len();
    n >= 2 && order[n - 2..] == [n - 1, n - 2] && order[..n - 2].iter().copied().eq(0..n - 2)
}

/// The value that a matrix product reads in place of an operand, and whether it reads it transposed.
pub(super) fn matrix(f: &Function, id: NodeId) -> (NodeId, bool) {
    match f.graph().node(id).kind() {
        Kind::Array(ArrayOp::Permute(order)) if is_transpose(order) => {
            (f.graph().operands(id).next().expect("a permutation has an operand"), true)
        }
        _ => (id, false),
    }
}

/// Where a value is read; a value that is broadcast in memory of its own is read there by `whole`.
pub(super) fn source(f: &Function, mut id: NodeId) -> Source {
    let graph = f.graph();
    loop {
        match graph.node(id).kind() {
            Kind::Array(ArrayOp::Broadcast(_)) => id = graph.operands(id).next().expect("it has an operand"),
            Kind::Array(ArrayOp::Reshape(_)) => {
                let shape = graph.node(id).shape();
                let owner = owner(f, id);
                return Source { node: owner, shape };
            }
            _ => return Source { node: id, shape: graph.node(id).shape() },
        }
    }
}

/// The node whose memory holds all numbers of a value, in the value's order.
pub(super) fn owner(f: &Function, mut id: NodeId) -> NodeId {
    while let Kind::Array(ArrayOp::Reshape(_)) = f.graph().node(id).kind() {
        id = f.graph().operands(id).next().expect("it has an operand");
    }
    id
}

impl<'f> Analysis<'f> {
    fn new(f: &'f Function) -> Self {
        let graph = f.graph();
        let mut users = vec![Vec::new(); graph.len()];
        for id in graph.ids() {
            for operand in graph.operands(id) {
                users[operand.index()].push(id);
            }
        }
        let mut is_output = vec![false; graph.len()];
        f.output_nodes().for_each(|id| is_output[id.index()] = true);
        let n = graph.len();
        let mut analysis = Analysis { f, graph, users, is_output, level: vec![0; n], ready: vec![0; n], once: vec![false; n] };
        for id in graph.ids() {
            let is_input = matches!(graph.node(id).kind(), Kind::Input(_));
            analysis.once[id.index()] = !is_input && graph.operands(id).all(|operand| analysis.once[operand.index()]);
            let (level, ready) = analysis.levels(id);
            analysis.level[id.index()] = level;
            analysis.ready[id.index()] = ready;
        }
        analysis
    }

    /// The level that computes a node, and the first one that may read it.
    fn levels(&self, id: NodeId) -> (u32, u32) {
        let node = self.graph.node(id);
        let operands: Args = self.graph.operands(id).collect();
        // What is computed once is there before all else.
        let apart = |operand: NodeId| self.once[operand.index()] && !self.once[id.index()];
        let ready = |operand: &NodeId| if apart(*operand) { 0 } else { self.ready[operand.index()] };
        match node.kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => (0, 0),
            Kind::Apply(_) => {
                let fused = |operand: &NodeId| match self.graph.node(*operand).kind() {
                    _ if apart(*operand) => 0,
                    Kind::Apply(_) if self.graph.node(*operand).shape() == node.shape() => self.level[operand.index()],
                    Kind::Array(ArrayOp::Broadcast(_)) => ready(&source(self.f, *operand).node),
                    _ => ready(operand),
                };
                let level = operands.iter().map(fused).max().unwrap_or(0);
                (level, level + 1)
            }
            Kind::Array(ArrayOp::Sum(_)) => {
                let level = match self.graph.node(operands[0]).kind() {
                    Kind::Apply(_) => self.level[operands[0].index()],
                    Kind::Array(ArrayOp::Broadcast(_)) => ready(&source(self.f, operands[0]).node),
                    _ => ready(&operands[0]),
                };
                (level, level + 1)
            }
            Kind::Array(ArrayOp::Reshape(_)) => (0, ready(&operands[0])),
            // Of its own memory, if it needs any; whoever reads it broadcast asks its source.
            Kind::Array(ArrayOp::Broadcast(_)) => {
                let level = ready(&source(self.f, operands[0]).node);
                (level, level + 1)
            }
            Kind::Array(_) | Kind::Control(_) => {
                let level = operands.iter().map(ready).max().unwrap_or(0);
                (level, level + 1)
            }
        }
    }

    fn in_loop(&self, id: NodeId) -> bool {
        matches!(self.graph.node(id).kind(), Kind::Apply(_))
    }

    /// Whether a user reads a node's value from memory, rather than in the loop that computes it.
    fn reads_memory(&self, id: NodeId, user: NodeId) -> bool {
        let same_level = self.level[user.index()] == self.level[id.index()] && self.once[user.index()] == self.once[id.index()];
        match self.graph.node(user).kind() {
            Kind::Apply(_) => !(self.in_loop(id) && same_level && self.graph.node(user).shape() == self.graph.node(id).shape()),
            Kind::Array(ArrayOp::Sum(_)) => !self.in_loop(id),
            _ => true,
        }
    }

    /// Whether a node's value must be in memory.
    fn is_stored(&self, id: NodeId) -> bool {
        self.is_output[id.index()] || self.users[id.index()].iter().any(|&user| self.reads_memory(id, user))
    }

    /// Whether a broadcast must be in memory of its own, as anyone but loops reads it.
    fn is_spread(&self, id: NodeId) -> bool {
        let reads_whole = |user: &NodeId| match self.graph.node(*user).kind() {
            // A broadcast of a broadcast reads the first one's source.
            Kind::Apply(_) | Kind::Array(ArrayOp::Sum(_) | ArrayOp::Broadcast(_)) => false,
            _ => true,
        };
        self.is_output[id.index()] || self.users[id.index()].iter().any(reads_whole)
    }

    fn place(&self, id: NodeId) -> Place {
        let node = self.graph.node(id);
        match node.kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => Place::Nowhere,
            Kind::Apply(_) => Place::Loop(node.shape()),
            Kind::Array(ArrayOp::Sum(_)) => {
                let operand = self.graph.operands(id).next().expect("a sum has an operand");
                Place::Loop(self.graph.node(operand).shape())
            }
            Kind::Array(ArrayOp::Broadcast(_)) if self.is_spread(id) => Place::Loop(node.shape()),
            Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_)) => Place::Nowhere,
            Kind::Array(ArrayOp::Permute(order)) if is_transpose(order) => {
                let only_matmul = |user: &NodeId| self.graph.node(*user).kind() == Kind::Array(&ArrayOp::MatMul);
                if !self.is_output[id.index()] && self.users[id.index()].iter().all(only_matmul) {
                    Place::Nowhere
                } else {
                    Place::Library
                }
            }
            Kind::Array(_) => Place::Library,
            Kind::Control(op) => Place::Control(op.control, op.port),
        }
    }

    /// The loop that computes the nodes of one shape and level: a function of single numbers, mapped over rows.
    fn make_loop(&self, shape: Shape, members: &[NodeId], options: Options) -> Result<Loop> {
        let is_member = |id: NodeId| members.binary_search(&id).is_ok() && self.in_loop(id);
        let mut inputs: Vec<LoopInput> = Vec::new();
        let mut slots: FxHashMap<Source, usize> = FxHashMap::default();
        let mut outputs: Vec<LoopOutput> = Vec::new();
        let inner = shape.rank().checked_sub(1);
        for &id in members {
            for operand in self.graph.operands(id) {
                let source = source(self.f, operand);
                if is_member(operand) || self.graph.node(source.node).kind().is_known() {
                    continue;
                }
                slots.entry(source).or_insert_with(|| {
                    inputs.push(LoopInput::Source(source));
                    inputs.len() - 1
                });
            }
        }
        let mut partials: FxHashMap<NodeId, usize> = FxHashMap::default();
        for &id in members {
            let summed = match self.graph.node(id).kind() {
                Kind::Array(ArrayOp::Sum(axes)) => axes.clone(),
                Kind::Apply(_) if !self.is_stored(id) => continue,
                _ => vec![],
            };
            if !summed.is_empty() && inner.is_some_and(|inner| !summed.contains(&inner)) {
                partials.insert(id, inputs.len());
                inputs.push(LoopInput::Partial(outputs.len()));
            }
            outputs.push(LoopOutput { node: id, summed });
        }

        let mut builder = Builder::default();
        let slot_ids: Vec<NodeId> = inputs.iter().map(|_| builder.input(Shape::SCALAR, DType::Float)).collect();
        let mut made: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        let zero = builder.intern(Kind::constant(0.0), &[], None);
        let mut values: Vec<NodeId> = Vec::new();
        for &id in members {
            let node = self.graph.node(id);
            let args: Args = self
                .graph
                .operands(id)
                .map(|operand| {
                    if let Some(&known) = made.get(&operand).filter(|_| is_member(operand)) {
                        return known;
                    }
                    let source = source(self.f, operand);
                    let kind = self.graph.node(source.node).kind();
                    if kind.is_known() {
                        return builder.intern(kind, &[], None);
                    }
                    let number = slot_ids[slots[&source]];
                    // Masks are stored as numbers, 1 where they hold.
                    if self.graph.node(source.node).dtype() == DType::Mask {
                        builder.intern(Kind::Apply(Op::Ne), &[number, zero], None)
                    } else {
                        number
                    }
                })
                .collect();
            let value = match node.kind() {
                Kind::Apply(op) => builder.intern(Kind::Apply(op), &args, node.location()),
                _ => args[0],
            };
            made.insert(id, value);
        }
        for output in &outputs {
            let mut value = made[&output.node];
            if self.graph.node(output.node).dtype() == DType::Mask {
                let one = builder.intern(Kind::constant(1.0), &[], None);
                value = builder.intern(Kind::Apply(Op::Select), &[value, one, zero], None);
            }
            if let Some(&slot) = partials.get(&output.node) {
                value = builder.intern(Kind::Apply(Op::Add), &[slot_ids[slot], value], None);
            }
            values.push(value);
        }

        let varies = |input: &LoopInput| match (input, inner) {
            (LoopInput::Partial(_), _) => true,
            (LoopInput::Source(source), Some(inner)) => {
                let last = source.shape.axes().last();
                last.is_some_and(|&axis| axis != Axis::Fixed(1) || shape.axes()[inner] == Axis::Fixed(1))
            }
            (LoopInput::Source(_), None) => false,
        };
        let varying: Vec<bool> = inputs.iter().map(varies).collect();
        let reduce = |output: &LoopOutput| match inner {
            Some(inner) if output.summed.contains(&inner) => Reduce::Sum,
            _ => Reduce::Each,
        };
        let rows = RowShape { varying: varying.clone(), reduce: outputs.iter().map(reduce).collect() };
        let signature = (0..inputs.len()).map(|k| InputGroup::numbers(format!("x{k}"), 1)).collect();
        let results = values.iter().enumerate();
        let results = results.map(|(k, &value)| OutputGroup { name: format!("y{k}"), nodes: vec![value], aux: false }).collect();
        let f = Function::assemble(builder.finish(), self.f.width(), signature, results)?;
        let program = Program::new(&f, options.fuse(false), &varying);
        let native = Native::new(&program, Some(&RowCall::new(&program, &rows)))?;
        let mut last_read = vec![0; inputs.len()];
        for (k, step) in program.steps.iter().enumerate() {
            for &operand in step.operands() {
                if let Kind::Input(slot) = program.steps[operand as usize].kind {
                    last_read[slot as usize] = k as u32;
                }
            }
        }
        Ok(Loop { shape, nodes: members.to_vec(), inputs, outputs, last_read, made: program.outputs.to_vec(), native })
    }
}

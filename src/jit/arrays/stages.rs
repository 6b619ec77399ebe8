//! From a graph to stages: which nodes are computed together, and which values need memory.

use super::analysis::{Analysis, Place};
use super::axes;
use super::control::ControlStage;
use super::pieces::{Depths, Straight, pieces};
use super::saved::Supply;
use super::small::unrolled;
use super::views::{self, Source};
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Args, Control, Function, Kind, Line, NodeId, Port, Signature};
use crate::jit::compiled::Compiled;
use crate::jit::native::Native;
use crate::op::ArrayOp;
use crate::schedule::{Options, Program};
use rustc_hash::{FxHashMap, FxHashSet};
use std::{fmt, sync::Arc};

/// Something that runs at once.
pub(super) enum Stage {
    /// A native loop.
    Loop(Box<Loop>),
    /// Straight-line code for some of a function of few numbers.
    Straight(Box<Straight>),
    /// An operation of a library, or a copy, into the node's memory.
    Library(NodeId),
    /// An operation with bodies.
    Control(ControlStage),
}

/// A loop nest over a shape.
pub(super) struct Loop {
    pub(super) shape: Shape,
    /// How many of its last axes (those with a fixed length of 1 apart) are the rows of the native code.
    pub(super) rows: usize,
    /// What it computes.
    pub(super) nodes: Vec<NodeId>,
    pub(super) inputs: Vec<LoopInput>,
    pub(super) outputs: Vec<LoopOutput>,
    /// The last step that reads an input, and the step that makes an output.
    pub(super) last_read: Vec<u32>,
    pub(super) made: Vec<u32>,
    pub(super) native: Arc<Native>,
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
            Stage::Straight(straight) => straight.piece.inputs.clone(),
            Stage::Library(node) => {
                let product = f.graph().node(*node).kind() == Kind::Array(&ArrayOp::MatMul);
                let read = |operand: NodeId| if product { matrix(f, operand).source.node } else { owner(f, operand) };
                f.graph().operands(*node).map(read).collect()
            }
            Stage::Control(control) => control.reads(f),
        }
    }

    /// The nodes whose memory is written.
    pub(super) fn made(&self) -> Vec<NodeId> {
        match self {
            Stage::Loop(looped) => looped.outputs.iter().map(|output| output.node).collect(),
            Stage::Straight(straight) => straight.piece.outputs.clone(),
            Stage::Library(node) => vec![*node],
            Stage::Control(control) => control.members.iter().map(|&(_, node)| node).collect(),
        }
    }

    /// Whether a node's memory is written.
    pub(super) fn makes(&self, id: NodeId) -> bool {
        self.made().contains(&id)
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

    /// Whether the native code adds up rows.
    pub(super) fn is_sum(&self) -> bool {
        self.outputs.iter().any(|output| axes::is_sum_of_rows(&output.summed, self.shape))
    }

    /// Whether an output may be written to the memory of an input: every number is read before it is overwritten, and not again.
    pub(super) fn may_overwrite(&self, output: NodeId, input: NodeId) -> bool {
        let Some(k) = self.outputs.iter().position(|other| other.node == output) else { return false };
        self.outputs[k].summed.is_empty()
            && self
                .sources()
                .filter(|(_, source)| source.node == input)
                .all(|(slot, source)| source.cut.is_none() && source.shape == self.shape && self.last_read[slot] <= self.made[k])
    }
}

/// The stages, each with the nodes that it computes.
impl fmt::Display for Stages {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {{", Signature(&self.f))?;
        for id in self.f.graph().ids().filter(|&id| self.f.graph().node(id).kind().is_known()) {
            writeln!(out, "  {}", Line(&self.f, id))?;
        }
        if self.whole.is_some() {
            writeln!(out, "  number by number, in straight-line code:")?;
            let computed =
                |id: &NodeId| !matches!(self.f.graph().node(*id).kind(), Kind::Input(_) | Kind::Const(_) | Kind::Flag(_));
            for id in self.f.graph().ids().filter(computed) {
                writeln!(out, "    {}", Line(&self.f, id))?;
            }
        }
        for (k, stage) in self.stages.iter().enumerate() {
            let once = if k < self.once { "once: " } else { "" };
            match stage {
                Stage::Straight(straight) => {
                    writeln!(out, "  number by number, in straight-line code:")?;
                    for &node in &straight.piece.nodes {
                        writeln!(out, "    {}", Line(&self.f, node))?;
                    }
                }
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
    pub(super) options: Options,
    pub(super) stages: Vec<Stage>,
    /// How many of them, the first ones, depend on no input: they run once.
    pub(super) once: usize,
    /// All of a small function as straight-line code; then there are no stages.
    pub(super) whole: Option<Compiled>,
}

/// Walks over places keep an index per axis on the stack.
pub(super) const MAX_RANK: usize = 16;

impl Stages {
    /// As straight-line code where the function has no more than so many operations on numbers.
    pub(super) fn new(f: Function, options: Options, supply: &Supply, straight: usize) -> Result<Stages> {
        let graph = f.graph();
        if let Some(id) = graph.ids().find(|&id| graph.node(id).shape().rank() > MAX_RANK) {
            let message = format!("the shape {} has more than {MAX_RANK} axes", graph.node(id).shape());
            return Err(Error::new(ErrorKind::Limit, message).at(graph.node(id).location()));
        }
        if options.unroll
            && let Some(numbers) = unrolled(&f, straight)?
        {
            let program = Program::of_arrays(&numbers, options);
            let whole = Some(Compiled::new(supply.native(&program, None)?, program.width, program.layout.clone()));
            return Ok(Stages { f, options, stages: vec![], once: 0, whole });
        }
        if let Some(depths) = options.unroll.then(|| pieces(&f, straight)).flatten() {
            return Stages::in_pieces(f, depths, options, supply);
        }
        let analysis = Analysis::new(&f);
        // What depends on no input comes first.
        type When = (bool, u32);
        let mut groups: FxHashMap<(When, Shape), Vec<NodeId>> = FxHashMap::default();
        let mut nested = Nested::default();
        let mut order: Vec<(When, Option<Shape>, Option<NodeId>)> = Vec::new();
        for id in graph.ids() {
            let level = (!analysis.once[id.index()], analysis.level[id.index()]);
            match analysis.place(id) {
                Place::Nowhere => {}
                Place::Library => order.push((level, None, Some(id))),
                Place::Control(control, port) => {
                    if nested.enter(&f, control, port, id) {
                        order.push((level, None, Some(id)));
                    }
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
        let mut once = 0;
        for (level, shape, node) in order {
            match (shape, node) {
                (Some(shape), _) => {
                    for members in analysis.split(shape, &groups[&(level, shape)]) {
                        stages.push(Stage::Loop(Box::new(analysis.make_loop(shape, &members, options, supply)?)));
                    }
                }
                (None, Some(id)) => stages.push(nested.stage(&f, id, options, supply)?),
                (None, None) => unreachable!("a stage is a loop or a library call"),
            }
            if !level.0 {
                once = stages.len();
            }
        }
        Ok(Stages { f, options, stages, once, whole: None })
    }

    /// A function of few numbers with operations that are done between pieces of straight-line code.
    fn in_pieces(f: Function, depths: Depths, options: Options, supply: &Supply) -> Result<Stages> {
        let mut nested = Nested::default();
        let mut first = FxHashSet::default();
        for &id in depths.iter().flat_map(|(_, between)| between) {
            let is_first = match f.graph().node(id).kind() {
                Kind::Control(op) => nested.enter(&f, op.control, op.port, id),
                _ => true,
            };
            first.extend(is_first.then_some(id));
        }
        let mut stages = Vec::new();
        for (piece, between) in depths {
            if !piece.outputs.is_empty() {
                stages.push(Stage::Straight(Box::new(Straight::new(&f, piece, options, supply)?)));
            }
            for id in between.into_iter().filter(|id| first.contains(id)) {
                stages.push(nested.stage(&f, id, options, supply)?);
            }
        }
        Ok(Stages { f, options, stages, once: 0, whole: None })
    }

    /// All native code, in the order in which it is made.
    pub(super) fn natives(&self) -> Vec<&Native> {
        let mut natives: Vec<&Native> = self.whole.iter().map(|whole| &*whole.native).collect();
        for stage in &self.stages {
            match stage {
                Stage::Loop(looped) => natives.push(&looped.native),
                Stage::Straight(straight) => natives.push(&straight.code.native),
                Stage::Library(_) => {}
                Stage::Control(control) => control.bodies.iter().for_each(|body| natives.append(&mut body.stages().natives())),
            }
        }
        natives
    }
}

/// The nodes of the results of each operation with bodies.
#[derive(Default)]
struct Nested(FxHashMap<(*const Control, Args), Vec<(Port, NodeId)>>);

impl Nested {
    /// Enters a result; whether it is the first of its operation, which stands for all.
    fn enter(&mut self, f: &Function, control: &Control, port: Port, id: NodeId) -> bool {
        let members = self.0.entry((std::ptr::from_ref(control), f.graph().operands(id).collect())).or_default();
        members.push((port, id));
        members.len() == 1
    }

    /// The stage of a node that is not part of a loop.
    fn stage(&mut self, f: &Function, id: NodeId, options: Options, supply: &Supply) -> Result<Stage> {
        let Kind::Control(op) = f.graph().node(id).kind() else { return Ok(Stage::Library(id)) };
        let members = self.0.remove(&(std::ptr::from_ref(&**op.control), f.graph().operands(id).collect()));
        let members = members.expect("the first of the results stands for all");
        Ok(Stage::Control(ControlStage::new(f, op.control.clone(), members, options, supply)?))
    }
}

/// Whether a permutation exchanges the last two axes.
pub(super) fn is_transpose(order: &[usize]) -> bool {
    let n = order.len();
    n >= 2 && order[n - 2..] == [n - 1, n - 2] && order[..n - 2].iter().copied().eq(0..n - 2)
}

/// What a matrix product reads in place of an operand.
pub(super) struct Factor {
    pub(super) source: Source,
    pub(super) transposed: bool,
}

pub(super) fn matrix(f: &Function, id: NodeId) -> Factor {
    let (id, transposed) = match f.graph().node(id).kind() {
        Kind::Array(ArrayOp::Permute(order)) if is_transpose(order) => {
            (f.graph().operands(id).next().expect("a permutation has an operand"), true)
        }
        _ => (id, false),
    };
    Factor { source: views::factor(f, id), transposed }
}

/// The node whose memory holds all numbers of a value, in the value's order.
pub(super) fn owner(f: &Function, mut id: NodeId) -> NodeId {
    while let Kind::Array(ArrayOp::Reshape(_)) = f.graph().node(id).kind() {
        id = f.graph().operands(id).next().expect("it has an operand");
    }
    id
}

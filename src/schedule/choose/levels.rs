//! Which nodes are computed together: levels, and the loops over the nodes of one shape and level.

use crate::base::{Shape, sums::BLOCK};
use crate::error::Result;
use crate::graph::{Args, Builder, Control, Function, Graph, InputGroup, Kind, NodeId, OutputGroup, Port};
use crate::op::{ArrayOp, DType, Op};
use crate::schedule::axes::{self, Pattern};
use crate::schedule::ir::{Loop, LoopInput, LoopOutput, View};
use crate::schedule::queries::is_transpose;
use crate::schedule::segment::CAP;
use crate::schedule::unit::Units;
use crate::schedule::views::{self, owner};
use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
use rustc_hash::{FxHashMap, FxHashSet};

/// Operations of each of the loops that a long one is cut into, at most: few enough that a native function has room for what masks take.
const MOST_OF_PART: usize = CAP / 5 * 4;

/// The nodes of a loop, in order.
#[derive(Default)]
pub(super) struct Members {
    nodes: Vec<NodeId>,
    /// Those that are stored for a loop of sums that follows.
    stored: Vec<NodeId>,
}

/// What is decided about the nodes before the loops are made.
pub(super) struct Levels<'f> {
    f: &'f Function,
    graph: &'f Graph,
    users: Vec<Vec<NodeId>>,
    is_output: Vec<bool>,
    /// Whether loops read a value between zeros where its operand is.
    between: Vec<bool>,
    /// Whether a broadcast or a slice is in memory of its own.
    copied: Vec<bool>,
    /// The level that a node is computed at; a loop has the nodes of one shape and level.
    pub(super) level: Vec<u32>,
    /// The first level that may read a node's value.
    ready: Vec<u32>,
    /// Whether a node depends on no input.
    pub(super) once: Vec<bool>,
}

pub(super) enum Site<'f> {
    /// It is read where its operand is, or known.
    Nowhere,
    Library,
    Loop(Shape),
    Control(&'f Control, Port),
}

impl<'f> Levels<'f> {
    pub(super) fn new(f: &'f Function) -> Self {
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
        let between = graph.ids().map(|id| {
            let in_loop = |user: &NodeId| {
                matches!(graph.node(*user).kind(), Kind::Apply(_)) && graph.node(*user).shape() == graph.node(id).shape()
            };
            !is_output[id.index()] && users[id.index()].iter().all(in_loop) && views::between(f, id).is_some()
        });
        let between = between.collect();
        let mut analysis = Levels {
            f,
            graph,
            users,
            is_output,
            between,
            copied: vec![false; n],
            level: vec![0; n],
            ready: vec![0; n],
            once: vec![false; n],
        };
        for id in graph.ids() {
            let is_input = matches!(graph.node(id).kind(), Kind::Input(_));
            analysis.once[id.index()] = !is_input && graph.operands(id).all(|operand| analysis.once[operand.index()]);
            let (level, ready) = analysis.levels(id);
            analysis.level[id.index()] = level;
            analysis.ready[id.index()] = ready;
        }
        for k in (0..n).rev() {
            analysis.sink(NodeId::new(k));
        }
        for k in (0..n).rev() {
            analysis.copied[k] = analysis.must_copy(NodeId::new(k));
        }
        analysis
    }

    /// Moves a value that later loops of its shape alone read to the first of them, where it is computed when it is needed and not stored, unless more
    /// would have to be stored for it.
    fn sink(&mut self, id: NodeId) {
        let (node, k) = (self.graph.node(id), id.index());
        if !self.in_loop(id) || self.is_output[k] {
            return;
        }
        let beside = |other: NodeId| {
            self.in_loop(other) && self.graph.node(other).shape() == node.shape() && self.once[other.index()] == self.once[k]
        };
        let users = &self.users[k];
        let Some(first) = users.iter().map(|user| self.level[user.index()]).min() else { return };
        // What is computed beside it is stored anyway, or moves with it. A value between zeros would cut the other loop.
        let stays = |operand: NodeId| {
            let together = beside(operand) && self.level[operand.index()] == self.level[k];
            let is_free = self.is_stored(operand) || self.users[operand.index()].iter().all(|user| *user == id);
            self.between[operand.index()] || (together && !is_free)
        };
        if first > self.level[k] && users.iter().all(|&user| beside(user)) && !self.graph.operands(id).any(stays) {
            (self.level[k], self.ready[k]) = (first, first + 1);
        }
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
                    _ if self.in_loop(*operand) && self.graph.node(*operand).shape() == node.shape() => {
                        self.level[operand.index()]
                    }
                    Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Slice(_) | ArrayOp::Pad(..)) => ready(&self.read(*operand).node),
                    _ => ready(operand),
                };
                let level = operands.iter().map(fused).max().unwrap_or(0);
                (level, level + 1)
            }
            Kind::Array(ArrayOp::Sum(_)) => {
                let level = match self.in_loop(operands[0]) {
                    true => self.level[operands[0].index()],
                    false => ready(&self.source(id, operands[0]).node),
                };
                (level, level + 1)
            }
            Kind::Array(ArrayOp::Reshape(_)) => (0, ready(&operands[0])),
            // Of its own memory, if it needs any; whoever reads it broadcast asks its source.
            Kind::Array(ArrayOp::Broadcast(_)) => {
                let level = ready(&self.read(operands[0]).node);
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
            Kind::Apply(_) => {
                !(self.in_loop(id)
                    && self.in_loop(user)
                    && same_level
                    && self.graph.node(user).shape() == self.graph.node(id).shape())
            }
            Kind::Array(ArrayOp::Sum(_)) => !self.in_loop(id),
            _ => true,
        }
    }

    /// Whether a node's value must be in memory.
    fn is_stored(&self, id: NodeId) -> bool {
        self.is_output[id.index()] || self.users[id.index()].iter().any(|&user| self.reads_memory(id, user))
    }

    /// Whether a broadcast or a slice must be in memory of its own, as anyone but loops reads it.
    fn must_copy(&self, id: NodeId) -> bool {
        let is_slice = matches!(self.graph.node(id).kind(), Kind::Array(ArrayOp::Slice(_)));
        let reads_whole = |user: &NodeId| match self.graph.node(*user).kind() {
            // A broadcast of a broadcast or slice reads the first one's source, as does a slice of a slice that is not copied.
            Kind::Apply(_) | Kind::Array(ArrayOp::Broadcast(_)) => false,
            _ if is_slice && views::is_window(self.f, *user) => self.copied[user.index()],
            Kind::Array(ArrayOp::MatMul) => !(is_slice && views::is_factor(self.f, id)),
            Kind::Array(ArrayOp::Permute(_)) if is_slice && views::is_factor(self.f, id) => {
                !matches!(self.site(*user), Site::Nowhere)
            }
            Kind::Array(ArrayOp::Sum(_)) => self.source(*user, id).node == id,
            _ => true,
        };
        self.is_output[id.index()] || self.users[id.index()].iter().any(reads_whole)
    }

    pub(super) fn site(&self, id: NodeId) -> Site<'f> {
        let node = self.graph.node(id);
        match node.kind() {
            Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => Site::Nowhere,
            Kind::Apply(_) => Site::Loop(node.shape()),
            Kind::Array(ArrayOp::Sum(_)) => {
                let operand = self.graph.operands(id).next().expect("a sum has an operand");
                Site::Loop(self.graph.node(operand).shape())
            }
            Kind::Array(ArrayOp::Broadcast(_)) if self.copied[id.index()] => Site::Loop(node.shape()),
            Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Reshape(_)) => Site::Nowhere,
            Kind::Array(ArrayOp::Pad(..)) if self.between[id.index()] => Site::Nowhere,
            _ if views::is_window(self.f, id) && !self.copied[id.index()] => Site::Nowhere,
            Kind::Array(ArrayOp::Permute(order)) if is_transpose(order) => {
                let only_matmul = |user: &NodeId| self.graph.node(*user).kind() == Kind::Array(&ArrayOp::MatMul);
                if !self.is_output[id.index()] && self.users[id.index()].iter().all(only_matmul) {
                    Site::Nowhere
                } else {
                    Site::Library
                }
            }
            Kind::Array(_) => Site::Library,
            Kind::Control(op) => Site::Control(op.control, op.port),
        }
    }

    /// Where a value is read that no loop at hand computes.
    fn read(&self, mut id: NodeId) -> View {
        let mut whole: Option<View> = None;
        loop {
            let shape = self.graph.node(id).shape();
            let operand = self.graph.operands(id).next();
            match (self.graph.node(id).kind(), operand) {
                (Kind::Array(ArrayOp::Broadcast(_)), Some(operand)) if whole.is_none() => id = operand,
                (_, Some(operand)) if views::is_window(self.f, id) => {
                    whole.get_or_insert(View { node: id, shape, cut: Some(id) });
                    id = operand;
                }
                (Kind::Array(ArrayOp::Pad(..)), Some(operand)) if whole.is_none() && self.between[id.index()] => {
                    return View { node: owner(self.f, operand), shape, cut: Some(id) };
                }
                _ => {
                    let node = owner(self.f, id);
                    return whole.map_or(View { node, shape, cut: None }, |whole| View { node, ..whole });
                }
            }
        }
    }

    /// Where a loop reads an operand that it does not compute. The run of a sum goes through memory evenly: a broadcast or a slice
    /// that does not is read from memory of its own.
    fn source(&self, user: NodeId, operand: NodeId) -> View {
        let from = self.read(operand);
        if let (Kind::Array(ArrayOp::Sum(summed)), Kind::Array(ArrayOp::Broadcast(_) | ArrayOp::Slice(_))) =
            (self.graph.node(user).kind(), self.graph.node(operand).kind())
        {
            let shape = self.graph.node(operand).shape();
            let pattern = self.pattern(from, shape);
            if axes::rows(std::iter::once(&pattern), shape) < axes::run(summed, shape) {
                return View { node: operand, shape, cut: None };
            }
        }
        from
    }

    fn pattern(&self, source: View, shape: Shape) -> Pattern {
        axes::read(source.shape, views::dense_from(self.f, source), shape)
    }

    /// Whether a loop computes an operand itself.
    fn is_computed(&self, operand: NodeId, members: &Members) -> bool {
        self.in_loop(operand) && members.nodes.binary_search(&operand).is_ok()
    }

    /// The values that a loop reads from memory.
    fn sources(&self, members: &Members) -> Vec<View> {
        let mut sources = Vec::new();
        let mut seen = FxHashSet::default();
        for &id in &members.nodes {
            for operand in self.graph.operands(id).filter(|&operand| !self.is_computed(operand, members)) {
                let source = self.source(id, operand);
                if !self.graph.node(source.node).kind().is_known() && seen.insert(source) {
                    sources.push(source);
                }
            }
        }
        sources
    }

    /// The values that a loop writes to memory.
    fn outputs(&self, members: &Members) -> Vec<LoopOutput> {
        let output = |&id: &NodeId| match self.graph.node(id).kind() {
            Kind::Array(ArrayOp::Sum(axes)) => Some(LoopOutput { node: id, summed: axes.clone() }),
            Kind::Apply(_) if !self.is_stored(id) && !members.stored.contains(&id) => None,
            _ => Some(LoopOutput { node: id, summed: vec![] }),
        };
        members.nodes.iter().filter_map(output).collect()
    }

    /// How many of the last axes are rows of a loop's native code.
    fn rows(&self, shape: Shape, sources: &[View], outputs: &[LoopOutput]) -> usize {
        let read = sources.iter().map(|&source| self.pattern(source, shape));
        let places: Vec<Pattern> = read.chain(outputs.iter().map(|output| axes::written(&output.summed, shape))).collect();
        axes::rows(places.iter(), shape)
    }

    /// Whether a loop needs what a sum adds up for nothing else.
    fn is_only_summed(&self, sum: NodeId, outputs: &[LoopOutput]) -> bool {
        let operand = self.graph.operands(sum).next().expect("a sum has an operand");
        self.users[operand.index()].len() == 1 && !outputs.iter().any(|output| output.node == operand)
    }

    /// The loops that compute the nodes of one shape and level. A sum whose run is longer than the rows that all of them could have
    /// in common goes through what it adds up in a loop of its own, as does one beside values between zeros, where a loop is cut, and
    /// one around the rows beside others, over other axes or over rows of several blocks.
    pub(super) fn split(&self, shape: Shape, nodes: &[NodeId]) -> Vec<Members> {
        let all = Members { nodes: nodes.to_vec(), stored: vec![] };
        let sources = self.sources(&all);
        let rows = self.rows(shape, &sources, &self.outputs(&all));
        let is_cut = sources.iter().any(|source| source.cut.is_some_and(|id| self.between[id.index()]));
        let mut split = vec![Members::default()];
        let mut late: Vec<(&[usize], Members)> = Vec::new();
        let mut around: Option<&[usize]> = None;
        let has_long_rows = |&id: &NodeId| {
            let Kind::Array(ArrayOp::Sum(summed)) = self.graph.node(id).kind() else { return false };
            // A sum over no axis, which texts may have.
            let Some(&first) = summed.first() else { return false };
            let row = Shape::new(&shape.axes()[first..]);
            axes::is_sum_of_rows(summed, shape) && row.len().is_none_or(|len| len > BLOCK)
        };
        let long_rows = nodes.iter().any(has_long_rows);
        for &id in nodes {
            match self.graph.node(id).kind() {
                Kind::Array(ArrayOp::Sum(summed))
                    if is_cut
                        || match axes::is_sum_of_rows(summed, shape) {
                            true => axes::run(summed, shape) > rows,
                            false => long_rows || **around.get_or_insert(summed) != summed[..],
                        } =>
                {
                    split[0].stored.extend(self.graph.operands(id).filter(|&operand| self.is_computed(operand, &all)));
                    match late.iter_mut().find(|(axes, _)| axes == summed) {
                        Some((_, members)) => members.nodes.push(id),
                        None => late.push((summed, Members { nodes: vec![id], stored: vec![] })),
                    }
                }
                _ => split[0].nodes.push(id),
            }
        }
        let mut split = self.cut(split.remove(0));
        split.extend(late.into_iter().map(|(_, members)| members));
        split.retain(|members| !members.nodes.is_empty());
        split
    }

    /// Loops of so few operations that each is one native function, which has vectors: they pass values on in memory.
    fn cut(&self, all: Members) -> Vec<Members> {
        let is_operation = |id: &NodeId| matches!(self.graph.node(*id).kind(), Kind::Apply(_));
        let operations = all.nodes.iter().filter(|id| is_operation(id)).count();
        if operations <= CAP {
            return vec![all];
        }
        let parts = operations.div_ceil(MOST_OF_PART);
        let mut cut: Vec<Members> = all
            .nodes
            .chunks(all.nodes.len().div_ceil(parts))
            .map(|nodes| Members { nodes: nodes.to_vec(), stored: vec![] })
            .collect();
        let stored: FxHashSet<NodeId> = all.stored.into_iter().collect();
        for part in &mut cut {
            let last = *part.nodes.last().expect("a part has nodes");
            let is_read =
                |id: &NodeId| self.users[id.index()].iter().any(|user| *user > last && all.nodes.binary_search(user).is_ok());
            part.stored =
                part.nodes.iter().copied().filter(|id| stored.contains(id) || is_operation(id) && is_read(id)).collect();
        }
        cut
    }

    /// The loop that computes some nodes of one shape and level: a function of single numbers, mapped over rows.
    pub(super) fn make_loop(&self, shape: Shape, members: &Members, options: Settings, units: &mut Units) -> Result<Loop> {
        let sources = self.sources(members);
        let slots: FxHashMap<View, usize> = sources.iter().copied().zip(0..).collect();
        let outputs = self.outputs(members);
        let rows = self.rows(shape, &sources, &outputs);
        let mut varying: Vec<bool> = sources.iter().map(|&source| axes::varies(&self.pattern(source, shape), shape)).collect();
        let mut inputs: Vec<LoopInput> = sources.into_iter().map(LoopInput::View).collect();
        let mut partials: FxHashMap<NodeId, usize> = FxHashMap::default();
        for (k, output) in outputs.iter().enumerate() {
            if !output.summed.is_empty() && axes::varies(&axes::written(&output.summed, shape), shape) {
                partials.insert(output.node, inputs.len());
                inputs.push(LoopInput::Partial(k));
                varying.push(true);
            }
        }

        let mut builder = Builder::default();
        let slot_ids: Vec<NodeId> = inputs.iter().map(|_| builder.input(Shape::SCALAR, DType::Float)).collect();
        let mut made: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        let zero = builder.intern(Kind::constant(0.0), &[], None);
        let mut values: Vec<NodeId> = Vec::new();
        for &id in &members.nodes {
            let node = self.graph.node(id);
            let args: Args = self
                .graph
                .operands(id)
                .map(|operand| {
                    if let Some(&known) = made.get(&operand).filter(|_| self.is_computed(operand, members)) {
                        return known;
                    }
                    let source = self.source(id, operand);
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
                value = added(&mut builder, slot_ids[slot], value, options.fuse && self.is_only_summed(output.node, &outputs));
            }
            values.push(value);
        }

        let reduce = |output: &LoopOutput| match axes::is_sum_of_rows(&output.summed, shape) {
            true => Reduce::Sum,
            false => Reduce::Each,
        };
        let call = RowShape { varying: varying.clone(), reduce: outputs.iter().map(reduce).collect() };
        let signature = (0..inputs.len()).map(|k| InputGroup::numbers(format!("x{k}"), 1)).collect();
        let results = values.iter().enumerate();
        let results = results.map(|(k, &value)| OutputGroup::new(format!("y{k}"), vec![value])).collect();
        let f = Function::assemble(builder.finish(), self.f.width(), signature, results)?;
        let program = lowered(&f, Settings { fuse: false, ..options }, &varying).with_kernels();
        let mut call = RowCall::new(&program, &call, options.fuse);
        call.in_turns = !partials.is_empty();
        let unit = units.add(program, Some(call));
        Ok(Loop { shape, rows, nodes: members.nodes.clone(), inputs, outputs, unit })
    }
}

/// A value that is added to a partial sum; a product with one rounding, if it may be.
fn added(builder: &mut Builder, part: NodeId, value: NodeId, fuse: bool) -> NodeId {
    let mut args = Args::from_slice(&[part, value]);
    let mut op = Op::Add;
    if fuse && builder.graph().node(value).kind() == Kind::Apply(Op::Mul) {
        (args, op) = (builder.graph().operands(value).collect(), Op::MulAdd);
        args.push(part);
    }
    builder.intern(Kind::Apply(op), &args, None)
}

//! Loops and branches over few numbers: number by number, as operations on single numbers that have bodies of single numbers.
//!
//! In: an operation with bodies. Out: its flow, if bodies do nothing but operations on a few numbers, with loops and branches of that kind
//! inside, and if sequences are read and kept by the outermost loop alone.

use super::unroll::{apart, cost, numbers};
use crate::base::{Axis, Shape};
use crate::error::{Caller, Result};
use crate::graph::{
    Args, Control, Function, InputGroup, Kind, Nested, NewOutput, NodeId, Port, SharedControl, Sweep, by, is_same, types_in,
    types_out,
};
use crate::op::{DType, Op};
use crate::schedule::flow::{Block, BlockStep, Flow, FlowKind, FlowOutput, From, Line, Most, Nested as Inner, SweepBlock, Turns};
use crate::schedule::{Settings, prepared, values_of};
use rustc_hash::{FxHashMap, FxHashSet};
use std::panic::Location;

/// Operations of all bodies together, at most: beyond, what a turn costs beside them is nothing, and straight-line code has vectors.
const MOST_OF_FLOW: usize = 1500;
/// The same of a scan whose step is straight-line code.
const MOST_OF_STRAIGHT: usize = 96;
/// Numbers that are carried, at most.
const MOST_CARRIED: usize = 48;
/// Bodies within bodies, at most.
const DEEPEST: usize = 32;
/// A branch whose two blocks have no more than so much to do becomes a selection: less than a jump costs that was predicted wrongly.
const CHEAPER_THAN_A_JUMP: usize = 12;

/// The flow of an operation with bodies, with the results that are asked for.
pub(super) fn flow(control: &SharedControl, ports: &[Port], options: Settings) -> Result<Option<Flow>> {
    flow_at(control, ports, options, None)
}

/// The same of an operation at a line.
pub(super) fn flow_at(control: &SharedControl, ports: &[Port], options: Settings, at: Option<Caller>) -> Result<Option<Flow>> {
    if let Control::Sweeps { .. } = **control {
        return if fits(control) { sweeps(control, ports, options, at) } else { Ok(None) };
    }
    let carries = match &**control {
        Control::Scan { carries, .. } => *carries,
        _ => 0,
    };
    let result = |port: &Port| match *port {
        Port::Final(k) => (From::Last, k as usize),
        Port::Each(k) => (From::Each, carries + k as usize),
        Port::Carried(k) => (From::Carried, k as usize),
    };
    let mut flow = flow_with(control, ports, &ports.iter().map(result).collect::<Vec<_>>(), options)?;
    if let Some(Flow { kind: FlowKind::While { most: Some(most), .. }, .. }) = &mut flow {
        most.at = Line(at);
    }
    Ok(flow)
}

/// The same computation, with other results: where each comes from, and which of the body's it is.
pub(super) fn flow_with(
    control: &SharedControl,
    ports: &[Port],
    results: &[(From, usize)],
    options: Settings,
) -> Result<Option<Flow>> {
    let (inputs, outputs) = (control.takes(), control.gives());
    if !fits(control) {
        return Ok(None);
    }
    // Nobody asks for some of what the steps of a scan give.
    let is_read = |k: usize| match &**control {
        Control::Scan { carries, .. } => k < *carries || ports.contains(&Port::Each((k - carries) as u32)),
        _ => true,
    };
    let bodies: Vec<Function> = match &**control {
        Control::Scan { body, .. } => vec![values_of(&body.with_chosen_outputs(is_read))],
        Control::While { .. } | Control::Choice { .. } => control.bodies().into_iter().map(values_of).collect(),
        Control::Sweeps { .. } | Control::Rule { .. } | Control::Remat { .. } | Control::Opaque { .. } => return Ok(None),
    };
    let mut total = 0;
    for body in &bodies {
        match operations(body, 0) {
            Some(count) => total += count.all,
            None => return Ok(None),
        }
    }
    // (A norm is a choice in these bodies, and none elsewhere.)
    let straight = matches!(**control, Control::Scan { .. }) && !has_turns(control.body());
    let most = if straight { MOST_OF_STRAIGHT } else { MOST_OF_FLOW };
    if total > most {
        return Ok(None);
    }
    let blocks = bodies.iter().map(|body| block(&apart(&numbers(body)?)?, options)).collect::<Result<Vec<Block>>>()?;
    let len = |&(shape, _): &(Shape, DType)| shape.len().expect("the lengths are known");
    let lengths: Vec<usize> = outputs.iter().enumerate().map(|(k, ty)| if is_read(k) { len(ty) } else { 0 }).collect();
    let first = |k: usize| lengths[..k].iter().sum::<usize>();
    let mut blocks = blocks.into_iter();
    let mut next = || blocks.next().expect("a block for every body");
    let kind = match &**control {
        Control::Choice { .. } => FlowKind::Branch([next(), next()]),
        Control::While { carries, .. } => {
            FlowKind::While { carries: *carries, condition: next(), body: next(), most: Most::of(options.turn_limit, None) }
        }
        Control::Scan { carries, xs, reverse, .. } => {
            FlowKind::Scan { carries: *carries, xs: *xs, reverse: *reverse, body: next() }
        }
        Control::Sweeps { .. } | Control::Rule { .. } | Control::Remat { .. } | Control::Opaque { .. } => {
            unreachable!("they have returned")
        }
    };
    let output = |&(from, k): &(From, usize)| FlowOutput { from, first: first(k), len: lengths[k] };
    let condition = matches!(**control, Control::Choice { .. }).then_some(1);
    let inputs = condition.into_iter().chain(inputs.iter().map(len)).collect();
    Ok(Some(Flow { kind, inputs, outputs: results.iter().map(output).collect() }))
}

/// Whether there are loops or choices in a function, or in what is inlined into it.
fn has_turns(f: &Function) -> bool {
    f.graph().ids().any(|id| match f.graph().node(id).kind() {
        Kind::Control(Nested { control, .. }) => match &**control {
            Control::Rule { .. } | Control::Remat { .. } => control.bodies().into_iter().any(has_turns),
            Control::While { .. } | Control::Sweeps { .. } | Control::Choice { .. } | Control::Scan { .. } => true,
            Control::Opaque { .. } => false,
        },
        _ => false,
    })
}

/// Sweeps over the turns of a loop: as the function that does nothing else.
fn sweeps(control: &SharedControl, ports: &[Port], options: Settings, at: Option<Caller>) -> Result<Option<Flow>> {
    let types = control.operands();
    let inputs = types.iter().enumerate().map(|(k, &(shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
    let at = at.unwrap_or(Location::caller());
    let f = Function::build(control.body().width(), inputs.collect(), at, |args| {
        let result = |(k, &port): (usize, &Port)| {
            NewOutput::new(format!("y{k}"), vec![crate::eval::result(Nested { control, port }, args)])
        };
        by(at, || ports.iter().enumerate().map(result).collect())
    })?;
    whole(&f, MOST_OF_FLOW, options)
}

/// All of a function of few numbers with loops or branches inside, if it has no more than so many operations outside of these.
pub(super) fn whole(f: &Function, outside: usize, options: Settings) -> Result<Option<Flow>> {
    let is_nested = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Control(_));
    let known = |(shape, dtype): &(Shape, DType)| *dtype == DType::Float && shape.len().is_some();
    let values: Vec<(Shape, DType)> = types_in(f).into_iter().chain(types_out(f)).collect();
    let is_small = || operations(f, 0).is_some_and(|count| count.outside <= outside);
    if !f.graph().ids().any(is_nested) || !values.iter().all(known) || !is_small() {
        return Ok(None);
    }
    let all = numbers(f)?;
    let lengths = |groups: &mut dyn Iterator<Item = usize>| groups.collect::<Vec<_>>();
    let inputs = lengths(&mut all.inputs().iter().map(InputGroup::len));
    let lens = lengths(&mut all.outputs().iter().map(|group| group.nodes().len()));
    let output = |k: usize| FlowOutput { from: From::Last, first: lens[..k].iter().sum(), len: lens[k] };
    let outputs = (0..lens.len()).map(output).collect();
    Ok(Some(Flow { kind: FlowKind::Once(block(&all, options)?), inputs, outputs }))
}

/// One body of sweeps over the turns of a loop, as it is in the code of them all.
pub(super) fn body(f: &Function, options: Settings) -> Result<Flow> {
    let of_numbers = apart(&numbers(&values_of(f))?)?;
    let lens = |types: Vec<(Shape, DType)>| types.iter().map(|(shape, _)| shape.len().expect("it is of few numbers")).collect();
    let lengths: Vec<usize> = lens(types_out(f));
    let output = |k: usize| FlowOutput { from: From::Last, first: lengths[..k].iter().sum(), len: lengths[k] };
    let outputs = (0..lengths.len()).map(output).collect();
    Ok(Flow { kind: FlowKind::Once(block(&of_numbers, options)?), inputs: lens(types_in(f)), outputs })
}

/// The elements of values whose lengths are known.
fn elements(types: &[(Shape, DType)]) -> usize {
    types.iter().filter_map(|(shape, _)| shape.len()).sum()
}

/// Whether all values have lengths that are known, and few numbers are carried.
fn fits(control: &Control) -> bool {
    let body = control.body();
    let of_numbers = |(shape, dtype): &(Shape, DType)| *dtype == DType::Float && shape.len().is_some();
    if let Control::Sweeps { budget: Some(_), .. } = control {
        // Its states are in memory that the plan knows.
        return false;
    }
    if let Control::Sweeps { sweeps, .. } = control {
        let few = |sweep: &Sweep| types_out(&sweep.body).iter().all(of_numbers) && elements(&sweep.carried()) <= MOST_CARRIED;
        return control.takes().iter().all(of_numbers) && sweeps.iter().all(few);
    }
    let carried = match control {
        Control::Scan { carries, .. } | Control::While { carries, .. } => *carries,
        _ => body.output_len(),
    };
    let inputs = types_in(body);
    inputs.iter().chain(&types_out(body)).all(of_numbers) && elements(&types_out(body)[..carried]) <= MOST_CARRIED
}

/// Operations on numbers.
#[derive(Copy, Clone, Default)]
struct Count {
    all: usize,
    /// Those that are not of bodies.
    outside: usize,
}

/// How many operations on numbers a function has, those of bodies inside included; none if it has others, or more than [`MOST_OF_FLOW`].
fn operations(f: &Function, depth: usize) -> Option<Count> {
    let (mut count, mut known) = (Count::default(), FxHashSet::<(*const Control, Args)>::default());
    for id in f.graph().ids() {
        match f.graph().node(id).kind() {
            Kind::Control(Nested { control, port }) => {
                let is_flow = match &**control {
                    Control::While { .. } | Control::Sweeps { .. } | Control::Choice { .. } => true,
                    // Sequences are read and kept by the outermost loop alone.
                    Control::Scan { xs: 0, length: Axis::Fixed(_), .. } => matches!(port, Port::Final(_)),
                    _ => false,
                };
                if !is_flow || depth >= DEEPEST || !fits(control) {
                    return None;
                }
                // Its results are one operation, which is made for each list of operands.
                if known.insert((std::ptr::from_ref(&**control), f.graph().operands(id).collect())) {
                    for body in control.bodies() {
                        count.all += operations(&values_of(body), depth + 1)?.all;
                    }
                    count.all += 1;
                }
            }
            _ => {
                let own = cost(f, id)?;
                count.all += own;
                count.outside += own;
            }
        };
        if count.all > MOST_OF_FLOW {
            return None;
        }
    }
    Some(count)
}

/// The steps of a function of numbers.
fn block(f: &Function, options: Settings) -> Result<Block> {
    let f = prepared(f, options);
    let mut made = Making {
        f: &f,
        options,
        place: vec![0; f.graph().len()],
        known: FxHashMap::default(),
        recorded: vec![],
        block: Block::default(),
    };
    for id in f.graph().ids() {
        let place = made.node(id)?;
        made.place[id.index()] = place;
    }
    let results = f.output_nodes().map(|id| made.place[id.index()]).collect();
    Ok(Block { results, given: f.input_len(), ..made.block }.counted())
}

/// A block under construction.
struct Making<'f> {
    f: &'f Function,
    options: Settings,
    /// The step of every node so far.
    place: Vec<u32>,
    /// The first result of every operation with bodies.
    known: FxHashMap<(*const Control, Args), u32>,
    recorded: Vec<Recorded<'f>>,
    block: Block,
}

/// A loop whose turns are recorded.
struct Recorded<'f> {
    control: &'f SharedControl,
    operands: Args,
    /// Its step, the first of its results, and the last step that reads records.
    at: u32,
    back: Option<u32>,
}

impl<'f> Making<'f> {
    fn push(&mut self, step: BlockStep) -> u32 {
        self.block.steps.push(step);
        self.block.steps.len() as u32 - 1
    }

    fn node(&mut self, id: NodeId) -> Result<u32> {
        let graph = self.f.graph();
        let operands: Args = graph.operands(id).collect();
        Ok(match graph.node(id).kind() {
            Kind::Input(slot) => {
                debug_assert_eq!(slot as usize, self.block.steps.len(), "inputs are the first nodes");
                self.push(BlockStep::Given)
            }
            Kind::Const(bits) => self.push(BlockStep::Const(bits)),
            Kind::Flag(holds) => self.push(BlockStep::Flag(holds)),
            Kind::Apply(op) => {
                let mut args = [0; 3];
                args.iter_mut().zip(&operands).for_each(|(arg, operand)| *arg = self.place[operand.index()]);
                self.push(BlockStep::Apply(op, args))
            }
            Kind::Array(_) => unreachable!("a function of numbers has no arrays"),
            Kind::Control(nested) => self.nested(nested, operands, graph.node(id).location())?,
        })
    }

    fn nested(&mut self, nested: Nested<'f>, operands: Args, at: Option<Caller>) -> Result<u32> {
        let Port::Final(k) = nested.port else { unreachable!("nothing is kept step by step in a function of numbers") };
        let key = (std::ptr::from_ref(&**nested.control), operands.clone());
        if let Some(&first) = self.known.get(&key) {
            return Ok(first + k);
        }
        if let Control::Sweeps { sweeps, .. } = &**nested.control {
            let first = self.back(nested.control, sweeps, &operands, at)?;
            self.known.insert(key, first);
            return Ok(first + k);
        }
        if let Control::While { .. } = &**nested.control
            && let Some((sweeps, loops)) = self.sweeps_of(nested.control, &operands)
        {
            let step = self.recorded(sweeps, &loops, at)?;
            self.known.insert(key, step + 1);
            return Ok(step + 1 + k);
        }
        let given: Vec<u32> = operands.iter().map(|operand| self.place[operand.index()]).collect();
        let results = nested.control.gives().len() as u32;
        let made = |body: &Function| block(body, self.options);
        let turns = match &**nested.control {
            Control::Choice { bodies: [a, b] } => Turns::Branch([made(a)?, made(b)?]),
            Control::While { condition, body, carries, .. } => {
                let most = Most::of(self.options.turn_limit, at);
                Turns::While { carries: *carries, condition: made(condition)?, body: made(body)?, most }
            }
            Control::Scan { body, carries, length: Axis::Fixed(times), .. } => {
                Turns::Repeat { carries: *carries, times: *times, body: made(body)? }
            }
            _ => unreachable!("a function of numbers has no others"),
        };
        let first = match turns {
            Turns::Branch(blocks) if blocks.iter().all(is_cheap) => self.selected(&blocks, &given),
            turns => {
                self.push(BlockStep::Nested(Box::new(Inner { operands: given, turns })));
                let first = self.block.steps.len() as u32;
                for k in 1..=results {
                    self.push(BlockStep::Result(k));
                }
                first
            }
        };
        self.known.insert(key, first);
        Ok(first + k)
    }

    /// Sweeps over the turns of a loop with these operands, if the function has some, and the operands of theirs.
    fn sweeps_of(&self, of: &Control, operands: &Args) -> Option<(&'f SharedControl, Args)> {
        let graph = self.f.graph();
        graph.ids().find_map(|id| {
            let Kind::Control(Nested { control, .. }) = graph.node(id).kind() else { return None };
            let Control::Sweeps { condition, sweeps, .. } = &**control else { return None };
            let all: Args = graph.operands(id).collect();
            (loop_operands(sweeps, &all) == *operands && is_loop(of, condition, &sweeps[0])).then_some((control, all))
        })
    }

    /// The step of the loop of sweeps.
    fn recorded(&mut self, control: &'f SharedControl, operands: &Args, line: Option<Caller>) -> Result<u32> {
        let Control::Sweeps { condition, sweeps, .. } = &**control else { unreachable!("they are sweeps") };
        let own = loop_operands(sweeps, operands);
        let same = |known: &Recorded| {
            let Control::Sweeps { condition: other, sweeps: others, .. } = &**known.control else { return false };
            known.operands == own && is_same(condition, other) && is_same(&sweeps[0].body, &others[0].body)
        };
        if let Some(known) = self.recorded.iter().find(|known| same(known)) {
            return Ok(known.at);
        }
        let made = |body: &Function| block(body, self.options);
        let (condition, body) = (made(condition)?, made(&sweeps[0].body)?);
        let (carries, given) = (sweeps[0].carries, own.iter().map(|operand| self.place[operand.index()]).collect());
        let most = Most::of(self.options.turn_limit, line);
        let turns = Turns::Recorded { condition, sweep: SweepBlock { carries, body, kept: vec![] }, most };
        let at = self.push(BlockStep::Nested(Box::new(Inner { operands: given, turns })));
        (1..=carries as u32).for_each(|k| _ = self.push(BlockStep::Result(k)));
        self.recorded.push(Recorded { control, operands: own, at, back: None });
        Ok(at)
    }

    /// The first of the results of sweeps: of the loop, and of the others behind it.
    fn back(&mut self, control: &'f SharedControl, sweeps: &[Sweep], operands: &Args, line: Option<Caller>) -> Result<u32> {
        let of = self.recorded(control, operands, line)?;
        let mut bodies: Vec<SweepBlock> = vec![];
        for sweep in &sweeps[1..] {
            bodies.push(SweepBlock { carries: sweep.carries, body: block(&sweep.body, self.options)?, kept: vec![] });
        }
        // What later sweeps read of the records of earlier ones.
        let kept = |first: u32, record: usize, later: &[SweepBlock]| -> Vec<u32> {
            (0..record as u32).filter(|entry| later.iter().any(|later| later.body.reads(first + entry))).collect()
        };
        let mut first = sweeps[0].body.output_len();
        let of_loop = kept(0, first, &bodies);
        for k in 0..bodies.len() {
            let record = bodies[k].body.results.len();
            bodies[k].kept = kept(first as u32, record, &bodies[k + 1..]);
            first += record;
        }
        let BlockStep::Nested(nested) = &mut self.block.steps[of as usize] else { unreachable!("it is the loop's step") };
        let Turns::Recorded { sweep, .. } = &mut nested.turns else { unreachable!("its turns are recorded") };
        sweep.kept.extend(of_loop);
        sweep.kept.sort_unstable();
        sweep.kept.dedup();
        let carries = sweeps[0].carries;
        let given = operands[carries..].iter().map(|operand| self.place[operand.index()]).collect();
        let turns = Turns::Back { of, sweeps: bodies, last: true };
        let at = self.push(BlockStep::Nested(Box::new(Inner { operands: given, turns })));
        let known = self.recorded.iter_mut().find(|known| known.at == of).expect("it was just found");
        if let Some(before) = known.back.replace(at)
            && let BlockStep::Nested(nested) = &mut self.block.steps[before as usize]
            && let Turns::Back { last, .. } = &mut nested.turns
        {
            *last = false;
        }
        let results: usize = sweeps[1..].iter().map(|sweep| sweep.carries).sum();
        (1..=results as u32).for_each(|k| _ = self.push(BlockStep::Result(k)));
        // All results one after the other, as the loop's may be elsewhere.
        let all = (1..=carries as u32).map(|k| of + k).chain((1..=results as u32).map(|k| at + k)).collect::<Vec<_>>();
        Ok(self.together(&all))
    }

    /// Steps that give what others do, in order.
    fn together(&mut self, steps: &[u32]) -> u32 {
        let first = self.block.steps.len() as u32;
        steps.iter().for_each(|&step| _ = self.push(BlockStep::Same(step)));
        first
    }

    /// Both blocks, and a selection between their results.
    fn selected(&mut self, blocks: &[Block; 2], operands: &[u32]) -> u32 {
        let is = |step: u32, v: f64| self.block.steps[step as usize] == BlockStep::Const(v.to_bits());
        let holds = match self.block.steps[operands[0] as usize] {
            BlockStep::Apply(Op::Select, [mask, a, b]) if is(a, 1.0) && is(b, 0.0) => mask,
            _ => {
                let zero = self.push(BlockStep::Const(0f64.to_bits()));
                self.push(BlockStep::Apply(Op::Ne, [operands[0], zero, 0]))
            }
        };
        let results = blocks.each_ref().map(|block| self.spliced(block, &operands[1..]));
        let first = self.block.steps.len() as u32;
        for (&a, &b) in results[0].iter().zip(&results[1]) {
            self.push(BlockStep::Apply(Op::Select, [holds, a, b]));
        }
        first
    }

    /// A block's steps in this one, and where its results are.
    fn spliced(&mut self, block: &Block, given: &[u32]) -> Vec<u32> {
        let mut map: Vec<u32> = given.to_vec();
        for step in &block.steps[block.given..] {
            let step = match step {
                BlockStep::Apply(op, args) => {
                    let mut moved = [0; 3];
                    moved.iter_mut().zip(&args[..op.arity()]).for_each(|(to, &arg)| *to = map[arg as usize]);
                    BlockStep::Apply(*op, moved)
                }
                known => known.clone(),
            };
            map.push(self.push(step));
        }
        block.results.iter().map(|&step| map[step as usize]).collect()
    }
}

/// Of the operands of sweeps, those of the loop.
pub(super) fn loop_operands(sweeps: &[Sweep], operands: &Args) -> Args {
    let shared = sweeps[0].body.input_len() - sweeps[0].carries;
    operands[..sweeps[0].carries].iter().chain(&operands[operands.len() - shared..]).copied().collect()
}

/// Whether a loop is that of sweeps, but for what else is recorded of its turns.
pub(super) fn is_loop(of: &Control, condition: &Function, sweep: &Sweep) -> bool {
    let Control::While { condition: own, body, .. } = of else { return false };
    is_same(own, condition) && is_same(body, &sweep.body.clone().with_outputs(..sweep.carries))
}

/// Whether a block takes less time than a jump that was predicted wrongly: a few operations of one instruction each.
fn is_cheap(block: &Block) -> bool {
    let cost = |step: &BlockStep| match step {
        BlockStep::Given | BlockStep::Const(_) | BlockStep::Flag(_) => Some(0),
        BlockStep::Apply(op, _) => match op {
            Op::Add | Op::Sub | Op::Mul | Op::MulAdd | Op::Neg | Op::Abs | Op::Select => Some(1),
            Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne | Op::And | Op::Or | Op::Not => Some(1),
            Op::Min | Op::Max | Op::Relu | Op::Clamp => Some(2),
            Op::Div | Op::Sqrt | Op::Recip => Some(4),
            _ => None,
        },
        BlockStep::Nested(_) | BlockStep::Result(_) | BlockStep::Same(_) => None,
    };
    block.steps.iter().map(cost).sum::<Option<usize>>().is_some_and(|cost| cost <= CHEAPER_THAN_A_JUMP / 2)
}

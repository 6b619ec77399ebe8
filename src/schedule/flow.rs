//! Loops and branches as code: blocks of steps that have blocks inside. The interpreter runs them, native code is made of them, with the same
//! bits.
//!
//! Values are single numbers and truth values. What goes on from turn to turn is a few numbers, which native code has in registers; a scan
//! reads its sequences, and writes what its steps keep, where the call has them.

use crate::error::Caller;
use crate::op::{DType, Op};
use rustc_hash::FxHashMap;
use std::hash::{Hash, Hasher};

/// Steps that run in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// How many values it is given: its first steps.
    pub(crate) given: usize,
    pub(crate) steps: Vec<BlockStep>,
    /// The steps that give its results, which are numbers.
    pub(crate) results: Vec<u32>,
    /// Registers that an interpreter needs for it and the blocks inside.
    pub(crate) registers: usize,
}

/// What a step does. Operands are numbers of earlier steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BlockStep {
    /// A value that the block is given.
    Given,
    Const(u64),
    Flag(bool),
    Apply(Op, [u32; 3]),
    /// Blocks inside; its results are the steps that follow.
    Nested(Box<Nested>),
    /// A result of the step with blocks that is so many steps before.
    Result(u32),
    /// What another step gives.
    Same(u32),
}

/// A loop or a branch inside of a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Nested {
    pub(crate) operands: Vec<u32>,
    pub(crate) turns: Turns,
}

/// In which order blocks run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Turns {
    /// Of the operands but the first: the first block if that is not 0, else the second.
    Branch([Block; 2]),
    /// The body, which gives the first `carries` operands anew, as long as the condition gives a number that is not 0.
    While { carries: usize, condition: Block, body: Block, most: Option<Most> },
    /// So many times.
    Repeat { carries: usize, times: usize, body: Block },
    /// As `While`, with records of the turns for the `Back` steps of the same block that name it.
    Recorded { condition: Block, sweep: SweepBlock, most: Option<Most> },
    /// Further sweeps over the turns of the loop that is an earlier step; see [`Sweep`](crate::graph::Sweep). Results are what each carries in the end.
    Back {
        of: u32,
        sweeps: Vec<SweepBlock>,
        /// Whether nobody reads the loop's records any more.
        last: bool,
    },
}

/// How many turns a loop may make.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Most {
    pub(crate) turns: usize,
    /// Which of the loops of its flow it is.
    pub(crate) number: u32,
    pub(crate) at: Line,
}

/// Where something stands in the user's sources. Code is the same wherever that is.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Line(pub(crate) Option<Caller>);

impl PartialEq for Line {
    fn eq(&self, _: &Line) -> bool {
        true
    }
}

impl Eq for Line {}

impl Hash for Line {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Most {
    /// Of a loop at a line, if turns have a limit.
    pub(crate) fn of(turns: Option<usize>, at: Option<Caller>) -> Option<Most> {
        turns.map(|turns| Most { turns, number: 0, at: Line(at) })
    }
}

/// A sweep over the turns of a loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SweepBlock {
    pub(crate) carries: usize,
    pub(crate) body: Block,
    /// What later sweeps read of a turn's record, in order: numbers of what the turn was given to carry, then of the body's other results.
    pub(crate) kept: Vec<u32>,
}

/// A loop or a branch whose operands and results are in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flow {
    pub(crate) kind: FlowKind,
    /// Elements of each operand; of one that is read step by step, those of a step.
    pub(crate) inputs: Vec<usize>,
    pub(crate) outputs: Vec<FlowOutput>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum FlowKind {
    /// One block, once.
    Once(Block),
    Branch([Block; 2]),
    While {
        carries: usize,
        condition: Block,
        body: Block,
        most: Option<Most>,
    },
    /// As many steps as a call says; `carries` and `xs` count operands.
    Scan {
        carries: usize,
        xs: usize,
        reverse: bool,
        body: Block,
    },
}

/// Where a result comes from: so many elements, the first of which has this number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowOutput {
    pub(crate) from: From,
    pub(crate) first: usize,
    pub(crate) len: usize,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum From {
    /// The results in the end.
    Last,
    /// The results of every step.
    Each,
    /// What every step is given to carry.
    Carried,
}

impl BlockStep {
    /// The steps that it reads.
    pub(crate) fn operands(&self) -> &[u32] {
        match self {
            BlockStep::Apply(op, operands) => &operands[..op.arity()],
            BlockStep::Nested(nested) => &nested.operands,
            BlockStep::Same(step) => std::slice::from_ref(step),
            BlockStep::Given | BlockStep::Const(_) | BlockStep::Flag(_) | BlockStep::Result(_) => &[],
        }
    }
}

impl Block {
    /// The number of operations, those of blocks inside included.
    pub(crate) fn operations(&self) -> usize {
        let own = |step: &BlockStep| match step {
            BlockStep::Apply(..) => 1,
            BlockStep::Nested(nested) => nested.turns.blocks().map(Block::operations).sum(),
            _ => 0,
        };
        self.steps.iter().map(own).sum()
    }

    /// Bytes of memory beside its own, about.
    fn bytes(&self) -> usize {
        let inside = |step: &BlockStep| match step {
            BlockStep::Nested(nested) => {
                let blocks = nested.turns.blocks().map(|block| size_of::<Block>() + block.bytes()).sum::<usize>();
                size_of::<Nested>() + size_of_val(&nested.operands[..]) + blocks
            }
            _ => 0,
        };
        size_of_val(&self.steps[..]) + size_of_val(&self.results[..]) + self.steps.iter().map(inside).sum::<usize>()
    }

    /// Whether it reads one of the values that it is given.
    pub(crate) fn reads(&self, given: u32) -> bool {
        self.results.contains(&given) || self.steps.iter().any(|step| step.operands().contains(&given))
    }

    /// Whether sweeps inside keep records.
    pub(crate) fn keeps_records(&self) -> bool {
        let keeps = |step: &BlockStep| match step {
            BlockStep::Nested(nested) => {
                matches!(nested.turns, Turns::Recorded { .. }) || nested.turns.blocks().any(Block::keeps_records)
            }
            _ => false,
        };
        self.steps.iter().any(keeps)
    }

    /// Whether there are blocks inside.
    pub(crate) fn is_nested(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, BlockStep::Nested(_)))
    }

    /// The numbers that a block behind this one, which is given the same, computes as this one does: its steps, with those of this one where the
    /// rest of it needs them.
    pub(crate) fn shared(&self, behind: &Block) -> Vec<(u32, Option<u32>)> {
        let mut known: FxHashMap<BlockStep, u32> = FxHashMap::default();
        self.keys(|key, k| Some(*known.entry(key).or_insert(k)));
        let same = behind.keys(|key, _| known.get(&key).copied());
        let mut needed = vec![false; behind.steps.len()];
        let mut need = |steps: &[u32]| steps.iter().for_each(|&step| needed[step as usize] = true);
        need(&behind.results);
        for (step, _) in behind.steps.iter().zip(&same).filter(|(_, same)| same.is_none()) {
            match step {
                BlockStep::Apply(op, operands) => need(&operands[..op.arity()]),
                BlockStep::Nested(nested) => need(&nested.operands),
                BlockStep::Same(step) => need(&[*step]),
                BlockStep::Given | BlockStep::Const(_) | BlockStep::Flag(_) | BlockStep::Result(_) => {}
            }
        }
        let is_operation = |k: usize| matches!(behind.steps[k], BlockStep::Apply(..));
        let of_both = same.iter().enumerate().filter_map(|(k, same)| same.filter(|_| is_operation(k)).map(|same| (k, same)));
        of_both.map(|(k, same)| (k as u32, needed[k].then_some(same))).collect()
    }

    /// For each step that gives a number by operations on numbers what `find` makes of it, given the operation on such numbers, and the step.
    fn keys(&self, mut find: impl FnMut(BlockStep, u32) -> Option<u32>) -> Vec<Option<u32>> {
        let mut all: Vec<Option<u32>> = Vec::with_capacity(self.steps.len());
        for (k, step) in self.steps.iter().enumerate() {
            let found = match step {
                BlockStep::Given => Some(k as u32),
                BlockStep::Const(_) => find(step.clone(), k as u32),
                BlockStep::Apply(op, operands) if op.result() == DType::Float => {
                    let mut own = [0; 3];
                    let known = own.iter_mut().zip(&operands[..op.arity()]).all(|(own, &operand)| {
                        all[operand as usize].is_some_and(|key| {
                            *own = key;
                            true
                        })
                    });
                    known.then(|| find(BlockStep::Apply(*op, own), k as u32)).flatten()
                }
                _ => None,
            };
            all.push(found);
        }
        all
    }

    /// Numbers the loops that have a limit.
    fn number(&mut self, next: &mut u32) {
        for step in &mut self.steps {
            let BlockStep::Nested(nested) = step else { continue };
            match &mut nested.turns {
                Turns::Branch(blocks) => blocks.iter_mut().for_each(|block| block.number(next)),
                Turns::While { condition, body, most, .. } => number_loop(most, [condition, body], next),
                Turns::Repeat { body, .. } => body.number(next),
                Turns::Recorded { condition, sweep, most } => number_loop(most, [condition, &mut sweep.body], next),
                Turns::Back { sweeps, .. } => sweeps.iter_mut().for_each(|sweep| sweep.body.number(next)),
            }
        }
    }

    /// The block, with its registers counted.
    pub(crate) fn counted(mut self) -> Block {
        let inside = |step: &BlockStep| match step {
            BlockStep::Nested(nested) => nested.turns.blocks().map(|block| block.registers).sum(),
            _ => 0,
        };
        self.registers = self.steps.len() + self.steps.iter().map(inside).max().unwrap_or(0);
        self
    }
}

fn number_loop(most: &mut Option<Most>, blocks: [&mut Block; 2], next: &mut u32) {
    if let Some(most) = most {
        most.number = *next;
        *next += 1;
    }
    blocks.into_iter().for_each(|block| block.number(next));
}

impl Turns {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        let (a, b, sweeps) = match self {
            Turns::Branch([a, b]) => (Some(a), Some(b), &[][..]),
            Turns::While { condition, body, .. } => (Some(condition), Some(body), &[][..]),
            Turns::Repeat { body, .. } => (Some(body), None, &[][..]),
            Turns::Recorded { condition, sweep, .. } => (Some(condition), Some(&sweep.body), &[][..]),
            Turns::Back { sweeps, .. } => (None, None, &sweeps[..]),
        };
        a.into_iter().chain(b).chain(sweeps.iter().map(|sweep| &sweep.body))
    }
}

impl Flow {
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        let (a, b) = match &self.kind {
            FlowKind::Branch([a, b]) => (a, Some(b)),
            FlowKind::While { condition, body, .. } => (condition, Some(body)),
            FlowKind::Scan { body, .. } | FlowKind::Once(body) => (body, None),
        };
        std::iter::once(a).chain(b)
    }

    pub(crate) fn operations(&self) -> usize {
        self.blocks().map(Block::operations).sum()
    }

    /// The flow, with its loops that have a limit numbered.
    pub(crate) fn numbered(mut self) -> Flow {
        let mut next = 0;
        match &mut self.kind {
            FlowKind::Once(block) | FlowKind::Scan { body: block, .. } => block.number(&mut next),
            FlowKind::Branch(blocks) => blocks.iter_mut().for_each(|block| block.number(&mut next)),
            FlowKind::While { condition, body, most, .. } => number_loop(most, [condition, body], &mut next),
        }
        self
    }

    /// The lines of the loops that have a limit, by their numbers.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let mut all: Vec<Most> = match &self.kind {
            FlowKind::While { most, .. } => most.iter().copied().collect(),
            _ => vec![],
        };
        let mut blocks: Vec<&Block> = self.blocks().collect();
        while let Some(block) = blocks.pop() {
            for step in &block.steps {
                let BlockStep::Nested(nested) = step else { continue };
                if let Turns::While { most, .. } | Turns::Recorded { most, .. } = &nested.turns {
                    all.extend(most);
                }
                blocks.extend(nested.turns.blocks());
            }
        }
        all.sort_unstable_by_key(|most| most.number);
        all.into_iter().map(|most| most.at).collect()
    }

    /// Bytes of memory, about.
    pub(crate) fn bytes(&self) -> usize {
        let lists = size_of_val(&self.inputs[..]) + size_of_val(&self.outputs[..]);
        size_of::<Flow>() + lists + self.blocks().map(Block::bytes).sum::<usize>()
    }

    /// Whether an operand has elements for every step.
    pub(crate) fn is_read_by_step(&self, operand: usize) -> bool {
        matches!(self.kind, FlowKind::Scan { carries, xs, .. } if (carries..carries + xs).contains(&operand))
    }
}

impl FlowOutput {
    /// Whether it has elements for every step.
    pub(crate) fn is_by_step(&self) -> bool {
        self.from != From::Last
    }
}

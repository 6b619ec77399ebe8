//! From a program's steps to lists: of what no row changes, and of the rows of one turn.

use super::super::lower::results;
use super::columns::{Columns, Rows};
use super::isa::Isa;
use super::list::{At, Body, Item, List, Node, V};
use super::number::{Number, Truth};
use crate::base::Width;
use crate::op::{DType, Value};
use crate::schedule::unit::{Interface, Unit};
use crate::schedule::{Program, RowCall, StepKind};
use rustc_hash::FxHashMap;

/// As many entries, about, a vector of rows is ahead of the next: few enough that the processor sees both and runs one where the other waits, and
/// enough that what is computed is used while it is in registers.
const STRETCH: usize = 48;

/// What no row changes, made in every lane where rows ask for it.
pub(super) struct Before<'p> {
    program: &'p Program,
    call: &'p RowCall,
    interface: Interface,
    list: List,
    made: Vec<Option<V>>,
    /// By step: its number among what is kept for the rows.
    kept: FxHashMap<u32, u32>,
}

impl<'p> Before<'p> {
    pub(super) fn new(isa: Isa, unit: &'p Unit, call: &'p RowCall) -> Self {
        let program = &unit.program;
        let (interface, list) = (Interface::new(unit), List::new(isa, program.width));
        let (made, kept) = (vec![None; program.invariant], FxHashMap::default());
        let mut before = Before { program, call, interface, list, made, kept };
        for k in 0..program.invariant {
            if let StepKind::Apply(op) = program.steps[k].kind {
                let operands = program.steps[k].operands();
                let args: Vec<V> = operands.iter().map(|&step| before.value(step)).collect();
                before.made[k] = Some(bare(op.value::<Number>(&typed(program, &before.list, operands, &args))));
            }
        }
        before
    }

    fn value(&self, step: u32) -> V {
        match self.program.steps[step as usize].kind {
            StepKind::Input(slot) => {
                let (place, k) = self.call.slots[slot as usize];
                self.list.push(Node::Shared(At { place, offset: (k as usize * self.program.width.bytes()) as i32 }))
            }
            StepKind::Apply(_) => self.made[step as usize].expect("steps are in order"),
            kind => known(&self.list, kind),
        }
    }

    /// The number of a step's value among those that are kept.
    fn keep(&mut self, step: u32) -> u32 {
        let next = self.kept.len() as u32;
        if let Some(&known) = self.kept.get(&step) {
            return known;
        }
        self.kept.insert(step, next);
        self.list.done(Item::Keep(next, self.value(step)));
        next
    }

    /// The list, and how many values are kept.
    pub(super) fn finish(self) -> (Body, usize) {
        (self.list.finish(|_, _| false), self.kept.len())
    }
}

/// A constant or a truth value that is known.
pub(super) fn known(list: &List, kind: StepKind) -> V {
    match kind {
        StepKind::Const(bits) => match list.width {
            Width::F32 => list.bits((f64::from_bits(bits) as f32).to_bits().into()),
            Width::F64 => list.bits(bits),
        },
        StepKind::Flag(holds) => list.flag(holds),
        StepKind::Input(_) | StepKind::Apply(_) => unreachable!("its value depends on inputs"),
    }
}

/// The list of the rows of one turn: some vectors of them.
pub(super) fn turn(before: &mut Before, rows: Rows) -> Body {
    let (program, call) = (before.program, before.call);
    let list = List::new(before.list.isa, program.width);
    let mut turn = Turn {
        program,
        call,
        before,
        list: &list,
        columns: Columns::new(&list, call, rows),
        results: results(program),
        sums: call.reduced().into_iter().zip(0..).collect(),
        copies: vec![vec![None; program.steps.len()]; rows.vectors],
        rows,
    };
    turn.steps();
    turn.columns.finish();
    let inputs = call.shape.varying.len() as u32;
    list.finish(|input, output| before.interface.is_read_before(input as usize, (output - inputs) as usize))
}

struct Turn<'t, 'p> {
    program: &'p Program,
    call: &'p RowCall,
    before: &'t mut Before<'p>,
    list: &'t List,
    columns: Columns<'t>,
    results: FxHashMap<u32, Vec<u32>>,
    /// By output number: which of the sums it is.
    sums: FxHashMap<u32, u32>,
    /// For every vector of rows, the values of steps.
    copies: Vec<Vec<Option<V>>>,
    rows: Rows,
}

impl Turn<'_, '_> {
    fn steps(&mut self) {
        let program = self.program;
        // What is known before the rows is still an output of every row.
        for copy in 0..self.rows.vectors {
            (0..program.invariant as u32).for_each(|step| self.outputs(step, copy));
        }
        let mut at = program.invariant;
        while at < program.steps.len() {
            let mut end = program.steps.len();
            for copy in 0..self.rows.vectors {
                let start = self.list.made();
                for k in at..end {
                    self.step(k, copy);
                    // Where the first copy stops, all do.
                    if copy == 0 && self.list.made() - start >= STRETCH {
                        end = k + 1;
                        break;
                    }
                }
            }
            at = end;
        }
    }

    fn step(&mut self, k: usize, copy: usize) {
        if let StepKind::Apply(op) = self.program.steps[k].kind {
            let operands = self.program.steps[k].operands();
            let args: Vec<V> = operands.iter().map(|&step| self.value(step, copy)).collect();
            let value = op.value::<Number>(&typed(self.program, self.list, operands, &args));
            self.copies[copy][k] = Some(bare(value));
        }
        self.outputs(k as u32, copy);
    }

    /// Stores a step's value where it is an output, or adds it to its sums.
    fn outputs(&mut self, step: u32, copy: usize) {
        for output in self.results.get(&step).cloned().unwrap_or_default() {
            let Some(&sum) = self.sums.get(&output) else {
                let v = self.value(step, copy);
                self.columns.store(output, copy, v);
                continue;
            };
            // Where one vector has all partial sums, copies add to it in turn.
            let partials = self.rows.vectors_of_partials as u32;
            let part = sum * partials + copy as u32 % partials;
            let item = match self.call.products[output as usize] {
                Some([x, y]) => Item::Add(part, self.value(x, copy), Some(self.value(y, copy))),
                None => Item::Add(part, self.value(step, copy), None),
            };
            self.list.done(item);
        }
    }

    /// What was made before the rows.
    fn kept(&mut self, step: u32) -> V {
        let is_mask = self.list.isa.has_masks() && self.program.steps[step as usize].dtype() == DType::Mask;
        let k = self.before.keep(step);
        self.list.push(if is_mask { Node::KeptMask(k) } else { Node::Kept(k) })
    }

    fn value(&mut self, step: u32, copy: usize) -> V {
        if let Some(v) = self.copies[copy][step as usize] {
            return v;
        }
        let v = match self.program.steps[step as usize].kind {
            StepKind::Input(slot) => match self.columns.load(slot, copy) {
                Some(v) => v,
                None => self.kept(step),
            },
            StepKind::Apply(_) => self.kept(step),
            kind => known(self.list, kind),
        };
        self.copies[copy][step as usize] = Some(v);
        v
    }
}

type Values<'l> = Vec<Value<Number<'l>, Truth<'l>>>;

pub(super) fn typed<'l>(program: &Program, list: &'l List, steps: &[u32], args: &[V]) -> Values<'l> {
    let typed = |(&step, &v): (&u32, &V)| match program.steps[step as usize].dtype() {
        DType::Mask => Value::Mask(Truth(Number::new(list, v))),
        DType::Float | DType::Index => Value::Num(Number::new(list, v)),
    };
    steps.iter().zip(args).map(typed).collect()
}

pub(super) fn bare(v: Value<Number, Truth>) -> V {
    let (Value::Num(number) | Value::Mask(Truth(number))) = v;
    number.v
}

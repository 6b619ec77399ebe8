//! The lowered program: steps, and the layout of what enters and leaves. `lower` makes it.

use super::Settings;
use super::flow::Flow;
use crate::base::Width;
use crate::graph::Function;
use crate::op::{DType, Op};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a step does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum StepKind {
    /// The input number so-and-so.
    Input(u32),
    /// A number, by its bits.
    Const(u64),
    /// A truth value that is known.
    Flag(bool),
    /// An operation on the operands.
    Apply(Op),
}

/// One step: its result has the step's number, its operands are numbers of earlier steps.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) kind: StepKind,
    pub(crate) dtype: DType,
    pub(crate) args: [u32; 3],
    /// Whether a value that takes a routine is the platform's, as those of plain numbers are, rather than our kernel's: one number at
    /// a time, the platform's tables beat arithmetic that is made for lanes.
    pub(crate) plain: bool,
    /// For the first of some steps that are computed together: how many.
    pub(crate) pack: u8,
}

impl Step {
    pub(crate) fn op(&self) -> Option<Op> {
        match self.kind {
            StepKind::Apply(op) => Some(op),
            _ => None,
        }
    }
    pub(crate) fn operands(&self) -> &[u32] {
        &self.args[..self.op().map_or(0, Op::arity)]
    }
    pub(crate) fn dtype(&self) -> DType {
        self.dtype
    }
}

/// The lengths and names of a program's inputs and outputs.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) inputs: Vec<(String, usize)>,
    pub(crate) outputs: Vec<(String, usize)>,
    pub(crate) input_len: usize,
    pub(crate) output_len: usize,
}

impl Layout {
    /// Of a function of numbers, or of rows of them.
    pub(crate) fn new(f: &Function) -> Layout {
        let groups = |all: &mut dyn Iterator<Item = (&str, usize)>| all.map(|(name, len)| (name.to_owned(), len)).collect();
        let inputs: Vec<(String, usize)> = groups(&mut f.inputs().iter().map(|group| (group.name(), group.len())));
        let outputs: Vec<(String, usize)> = groups(&mut f.outputs().iter().map(|group| (group.name(), group.nodes().len())));
        Layout { inputs, outputs, input_len: f.input_len(), output_len: f.output_len() }
    }
}

/// For every element of some groups: its group, and its index there.
pub(crate) fn elements(groups: &[(String, usize)]) -> Vec<(u32, u32)> {
    let groups = groups.iter().enumerate();
    groups.flat_map(|(g, (_, len))| (0..*len as u32).map(move |k| (g as u32, k))).collect()
}

/// A function lowered to a list of steps: the interpreter runs it, native code is made from it, with the same bits.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) width: Width,
    pub(crate) steps: Arc<[Step]>,
    /// The first steps, that do not depend on a row.
    pub(crate) invariant: usize,
    pub(crate) outputs: Arc<[u32]>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) options: Settings,
    /// Whether every input and output is at an address of its own, rather than one after the other.
    pub(crate) apart: bool,
    /// Loops and branches in the place of steps.
    pub(crate) flow: Option<Arc<Flow>>,
}

impl Program {
    /// A number that tells programs apart, as a rule.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.steps.hash(&mut hasher);
        self.outputs.hash(&mut hasher);
        self.flow.hash(&mut hasher);
        if self.apart {
            self.lengths().for_each(|len| len.hash(&mut hasher));
        }
        hasher.finish()
    }

    /// The number of operations.
    pub(crate) fn len(&self) -> usize {
        let steps = self.steps.iter().filter(|step| step.op().is_some()).count();
        steps + self.flow.as_ref().map_or(0, |flow| flow.operations())
    }
}

impl Program {
    /// Of loops and branches.
    pub(crate) fn of_flow(flow: Flow, width: Width, options: Settings) -> Program {
        let groups = |lengths: &mut dyn Iterator<Item = usize>, name: &str| -> Vec<(String, usize)> {
            lengths.enumerate().map(|(k, len)| (format!("{name}{k}"), len)).collect()
        };
        let inputs = groups(&mut flow.inputs.iter().copied(), "x");
        let outputs = groups(&mut flow.outputs.iter().map(|output| output.len), "y");
        let sum = |groups: &[(String, usize)]| groups.iter().map(|(_, len)| len).sum();
        let layout = Layout { input_len: sum(&inputs), output_len: sum(&outputs), inputs, outputs };
        Program {
            width,
            steps: [].into(),
            invariant: 0,
            outputs: [].into(),
            layout: Arc::new(layout),
            options,
            apart: true,
            flow: Some(Arc::new(flow.numbered())),
        }
    }

    /// The same with our kernels, whose bits those of loops are.
    pub(crate) fn with_kernels(self) -> Program {
        Program { steps: self.steps.iter().map(|step| Step { plain: false, ..*step }).collect(), ..self }
    }

    /// The lengths of the inputs, then of the outputs.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.layout.inputs.iter().chain(&self.layout.outputs).map(|(_, len)| *len)
    }
}

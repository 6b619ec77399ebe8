//! The lowered program: steps, and the layout of what enters and leaves. `lower` makes it.

use super::Options;
use crate::base::{Width, wrong_width};
use crate::error::{Error, Kind as ErrorKind, Result, count};
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
    pub(crate) structural_zeros: Vec<String>,
}

impl Layout {
    #[inline]
    pub(crate) fn check(&self, inputs: usize, outputs: usize) -> Result<()> {
        if inputs == self.input_len && outputs == self.output_len { Ok(()) } else { Err(self.mismatch(inputs, outputs)) }
    }

    #[cold]
    fn mismatch(&self, inputs: usize, outputs: usize) -> Error {
        let message = if inputs != self.input_len {
            let own = count(self.input_len, "number");
            format!("the inputs ({}) have {own} together, not {inputs}", list(&self.inputs))
        } else {
            let own = count(self.output_len, "number");
            format!("the outputs ({}) have {own} together; there is room for {outputs}", list(&self.outputs))
        };
        Error::new(ErrorKind::Length, message)
    }
}

/// For every element of some groups: its group, and its index there.
pub(crate) fn elements(groups: &[(String, usize)]) -> Vec<(u32, u32)> {
    let groups = groups.iter().enumerate();
    groups.flat_map(|(g, (_, len))| (0..*len as u32).map(move |k| (g as u32, k))).collect()
}

/// `x, w[3]`.
pub(super) fn list(groups: &[(String, usize)]) -> String {
    let group = |(name, len): &(String, usize)| if *len == 1 { name.clone() } else { format!("{name}[{len}]") };
    groups.iter().map(group).collect::<Vec<_>>().join(", ")
}

/// A function lowered to a list of steps: the interpreter runs it, native code is made from it, with the same bits.
#[derive(Clone)]
pub struct Program {
    pub(crate) width: Width,
    pub(crate) steps: Arc<[Step]>,
    /// The first steps, that do not depend on a row.
    pub(crate) invariant: usize,
    pub(crate) outputs: Arc<[u32]>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) options: Options,
    /// Whether every input and output is at an address of its own, rather than one after the other.
    pub(crate) apart: bool,
    /// Why it cannot run, if it cannot.
    pub(super) refused: Option<Error>,
}

impl Program {
    /// A number that tells programs apart, as a rule.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.steps.hash(&mut hasher);
        self.outputs.hash(&mut hasher);
        if self.apart {
            self.lengths().for_each(|len| len.hash(&mut hasher));
        }
        hasher.finish()
    }

    /// The number of operations.
    pub fn len(&self) -> usize {
        self.steps.iter().filter(|step| step.op().is_some()).count()
    }

    /// Whether there is no operation.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The float width.
    pub fn width(&self) -> Width {
        self.width
    }

    /// Whether the program can run at all, in this width.
    pub(crate) fn check_sound(&self, width: Width) -> Result<()> {
        self.check_supported()?;
        if self.width == width { Ok(()) } else { Err(wrong_width(self.width, width)) }
    }
}

impl Program {
    /// The same with our kernels, whose bits those of loops are.
    pub(crate) fn with_kernels(self) -> Program {
        Program { steps: self.steps.iter().map(|step| Step { plain: false, ..*step }).collect(), ..self }
    }

    /// The lengths of the inputs, then of the outputs.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.layout.inputs.iter().chain(&self.layout.outputs).map(|(_, len)| *len)
    }

    pub(crate) fn check_supported(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }
}

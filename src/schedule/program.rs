//! The lowered program.

use super::Options;
use super::contract::{contract, undetached};
use super::inline::inlined;
use super::lanes::side_by_side;
use super::open::opened;
use super::pack::pack;
use super::rows::places;
use super::sums::grouped;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::{Function, Kind};
use crate::op::{DType, Op};
use crate::simplify::{Simplify, simplify};
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// One step: its result has the step's number, its operands are numbers of earlier steps.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Step {
    pub(crate) kind: Kind,
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
            Kind::Apply(op) => Some(op),
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
    refused: Option<Error>,
}

/// The function as it is going to be computed.
pub(crate) fn prepared(f: &Function, options: Options) -> Function {
    let mut f = undetached(&inlined(f));
    if options.simplify {
        f = simplify(&f, Simplify::EXACT);
    }
    if options.fuse {
        f = contract(&f);
    }
    // Last, so that nothing inside a kernel is fused: opened or not, it gives the same bits.
    if options.simplify {
        f = opened(&f);
    }
    f = grouped(&f, options.fuse);
    debug_assert!(f.graph().verify().is_ok(), "{:?}", f.graph().verify());
    f
}

impl Program {
    /// `varying` says which inputs differ from row to row.
    #[track_caller]
    pub(crate) fn new(f: &Function, options: Options, varying: &[bool]) -> Program {
        let program = Program::apiece(f, options, varying);
        if varying.is_empty() && options.fuse { program.packed() } else { program }
    }

    /// Of arrays, whose numbers the function has one by one: with our kernels, whose bits those of loops are, inputs and outputs where
    /// the arrays are, and equal operations side by side.
    pub(crate) fn of_arrays(f: &Function, options: Options) -> Program {
        let program = Program::apiece(f, options, &[]).packed().with_kernels();
        let mut steps = program.steps.to_vec();
        side_by_side(&mut steps, program.width, &places(&program.layout.inputs));
        Program { steps: steps.into(), apart: true, ..program }
    }

    /// Every step by itself.
    #[track_caller]
    fn apiece(f: &Function, options: Options, varying: &[bool]) -> Program {
        let structural_zeros = f.structural_zeros().into_iter().map(str::to_owned).collect();
        let f = prepared(f, options);
        let graph = f.graph();
        let mut varies = vec![false; graph.len()];
        for id in graph.ids() {
            varies[id.index()] = match graph.node(id).kind() {
                Kind::Input(slot) => varying.get(slot as usize).copied().unwrap_or(false),
                _ => graph.operands(id).any(|operand| varies[operand.index()]),
            };
        }
        // What does not depend on a row first; each part stays in topological order.
        let mut place = vec![0u32; graph.len()];
        let mut steps = Vec::with_capacity(graph.len());
        let mut invariant = 0;
        for part in [false, true] {
            for id in graph.ids().filter(|id| varies[id.index()] == part) {
                place[id.index()] = steps.len() as u32;
                let mut args = [0; 3];
                for (arg, operand) in args.iter_mut().zip(graph.operands(id)) {
                    *arg = place[operand.index()];
                }
                steps.push(Step {
                    kind: graph.node(id).kind(),
                    dtype: graph.node(id).dtype(),
                    args,
                    plain: varying.is_empty(),
                    pack: 0,
                });
            }
            if !part {
                invariant = steps.len();
            }
        }
        let layout = Layout {
            inputs: f.inputs().iter().map(|group| (group.name().to_owned(), group.len())).collect(),
            outputs: f.outputs().iter().map(|group| (group.name().to_owned(), group.nodes().len())).collect(),
            input_len: f.input_len(),
            output_len: f.output_len(),
            structural_zeros,
        };
        Program {
            width: f.width(),
            steps: steps.into(),
            invariant,
            outputs: f.output_nodes().map(|id| place[id.index()]).collect(),
            layout: Arc::new(layout),
            options,
            apart: false,
            refused: f.check_scalar("the lowered form", Some("compile_arrays")).err(),
        }
    }

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

    /// The same with equal kernels next to each other, to be computed together.
    fn packed(self) -> Program {
        let mut steps = self.steps.to_vec();
        match pack(&mut steps, self.width) {
            Some(place) => {
                let outputs = self.outputs.iter().map(|&step| place[step as usize]).collect();
                Program { steps: steps.into(), outputs, ..self }
            }
            None => self,
        }
    }

    /// The lengths of the inputs, then of the outputs.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.layout.inputs.iter().chain(&self.layout.outputs).map(|(_, len)| *len)
    }

    pub(crate) fn check_supported(&self) -> Result<()> {
        self.refused.clone().map_or(Ok(()), Err)
    }
}

#[cold]
pub(crate) fn wrong_width(is: Width, asked: Width) -> Error {
    Error::new(ErrorKind::Shape, format!("the function computes in {is}, and is called with {asked}"))
}

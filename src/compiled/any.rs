//! Native code of a function whose lengths are known, of single numbers or of arrays, behind one call.

use super::arrays::{CompiledArrays, compile_arrays};
use super::point::{Compiled, compile};
use crate::error::Result;
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::Options;
use smallvec::SmallVec;

/// A slice per input; all outputs one after the other.
#[derive(Clone, Debug)]
pub(crate) enum AnyCompiled {
    Numbers(Compiled),
    /// With how many numbers each output has.
    Arrays(CompiledArrays, Vec<usize>),
}

/// Numbers of several inputs together, and slices of outputs, up to which they are collected on the stack.
const NUMBERS: usize = 128;
const SLICES: usize = 16;

impl AnyCompiled {
    pub(crate) fn new(f: &Function, options: Options) -> Result<AnyCompiled> {
        if !f.has_arrays() {
            return compile(f, options).map(AnyCompiled::Numbers);
        }
        let len = |id| f.graph().node(id).shape().len().expect("lengths are known");
        let lengths = f.outputs().iter().map(|y| y.nodes().iter().map(|&id| len(id)).sum()).collect();
        Ok(AnyCompiled::Arrays(compile_arrays(f, options)?, lengths))
    }

    pub(crate) fn call_into<T: Scalar>(&self, inputs: &[&[T]], values: &mut [T]) -> Result<()> {
        match (self, inputs) {
            (AnyCompiled::Numbers(code), [all]) => code.call_into(all, values),
            (AnyCompiled::Numbers(code), _) => {
                let all: SmallVec<[T; NUMBERS]> = inputs.iter().flat_map(|slice| slice.iter().copied()).collect();
                code.call_into(&all, values)
            }
            (AnyCompiled::Arrays(code, lengths), _) => {
                let mut rest = values;
                let mut outputs: SmallVec<[&mut [T]; SLICES]> = SmallVec::new();
                for &len in lengths {
                    let (output, after) = std::mem::take(&mut rest).split_at_mut(len);
                    outputs.push(output);
                    rest = after;
                }
                code.call_into(inputs, &mut outputs)
            }
        }
    }
}

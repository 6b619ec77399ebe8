//! Compiled functions of arrays.
//!
//! In: a function of arrays. Out: stages that run one after the other. Elementwise work and sums over one shape are fused into a
//! native loop each, made from the same steps as a row map; matrix products have kernels of their own; what only moves numbers is
//! copied. Code does not depend on lengths: where axes are open, a plan with addresses and counts is made for the
//! lengths at hand and kept.

use super::report::Report;
use crate::base::{Shape, host::Stopwatch};
use crate::error::Result;
use crate::eval::{Array, lengths_of};
use crate::exec::{Arrays, Code, Slices, check_threads};
use crate::graph::{Function, InputGroup, OutputGroup};
use crate::op::Scalar;
use crate::schedule::lengths::lengths;
use crate::schedule::unit::Units;
use crate::schedule::{MOST, Options, prepared, schedule};
use std::sync::atomic::AtomicBool;
use std::{fmt, sync::Arc};

/// A function of arrays as native code. `Send + Sync`, cheap to clone; the code is freed with the last clone.
///
/// A call takes a slice per input and per output, each in row-major order. Open axes get their lengths from the slices. Values
/// between are kept in a workspace of the thread, which is allocated once. The first call of some lengths makes a plan for them; later
/// ones allocate nothing.
#[derive(Clone)]
pub struct CompiledArrays {
    pub(super) code: Arc<Arrays>,
    /// Of a call, at most.
    pub(super) threads: usize,
}

/// Native code of a function of arrays; see [`Function::compile_arrays`].
pub(crate) fn compile_arrays(f: &Function, options: Options) -> Result<CompiledArrays> {
    check_threads(options.call_threads)?;
    let start = Stopwatch::start();
    let mut units = Units::default();
    let schedule = Arc::new(schedule(prepared(f, options), options, &mut units, MOST)?);
    let codes = Code::of_units(units.all(), options, &AtomicBool::new(false))?;
    let code = Arrays::new(schedule, codes.into(), vec![], start.elapsed());
    Ok(CompiledArrays { code: Arc::new(code), threads: options.call_threads })
}

impl CompiledArrays {
    /// Evaluates: a slice per input, a slice per output.
    ///
    /// # Errors
    /// If a length or the width does not fit, an index is out of range, or the largest of no numbers is asked for.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        self.call_with(&[], inputs, outputs)
    }

    /// As [`CompiledArrays::call_into`], with lengths of open axes that the slices alone do not tell: of an input `x[n,t]` only the
    /// product is known.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x[n,t]"], |[x]| x.sum(1))?.compile_arrays()?;
    /// let mut y = [0.0; 2];
    /// f.call_with(&[("n", 2)], &[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], &mut [&mut y])?;
    /// assert_eq!(y, [6.0, 15.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`CompiledArrays::call_into`]; if no input has an open axis of such a name.
    pub fn call_with<T: Scalar>(&self, lengths: &[(&str, usize)], inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        self.code.call(self.threads, lengths, Slices { state: &mut [], inputs, outputs })
    }

    /// The same code for calls on up to so many threads; see [`Options::call_threads`].
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    pub fn with_threads(&self, most: usize) -> Result<CompiledArrays> {
        check_threads(most)?;
        Ok(CompiledArrays { threads: most, ..self.clone() })
    }

    /// What compiling took and gave.
    pub fn report(&self) -> Report {
        report(&self.code)
    }

    /// The inputs, in the order of a call's slices.
    pub fn inputs(&self) -> &[InputGroup] {
        self.code.function().inputs()
    }

    /// The names and shapes of the outputs, in the order of a call's slices. An output of several values has the shape of each.
    pub fn outputs(&self) -> impl Iterator<Item = (&str, Shape)> {
        let f = self.code.function();
        let shape = |group: &OutputGroup| group.nodes().first().map_or(Shape::SCALAR, |&id| f.graph().node(id).shape());
        f.outputs().iter().map(move |group| (group.name(), shape(group)))
    }

    /// Evaluates arrays, one for every value of every input, into new ones, as [`Function::eval_arrays`] does.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// let f = Function::trace(["x[n,2]"], |[x]| (("rows", x.sum(1)), ("all", x.sum(..))))?.compile_arrays()?;
    /// let y = f.call_vec(&[Array::new([2, 2], vec![1.0, 2.0, 3.0, 4.0])?])?;
    /// assert_eq!((y[0].shape(), y[0].data(), y[1].data()), (&[2][..], &[3.0, 7.0][..], &[10.0][..]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the number of arrays, a shape or the width does not fit, an index is out of range, or the largest of no numbers is asked
    /// for.
    #[track_caller]
    pub fn call_vec<T: Scalar>(&self, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        let f = self.code.function();
        let open = lengths_of(f, inputs)?;
        let joined: Vec<Vec<T>> =
            f.inputs().iter().map(|group| inputs[group.range()].iter().flat_map(Array::data).copied().collect()).collect();
        let shapes: Vec<Vec<usize>> = f.output_nodes().map(|id| lengths(f.graph().node(id).shape(), &open)).collect();
        let mut rest = shapes.iter();
        let mut results: Vec<Vec<T>> = Vec::new();
        for group in f.outputs() {
            let len = rest.by_ref().take(group.nodes().len()).map(|shape| shape.iter().product::<usize>()).sum();
            results.push(vec![T::default(); len]);
        }
        let slices: Vec<&[T]> = joined.iter().map(Vec::as_slice).collect();
        let known: Vec<(&str, usize)> = open.into_iter().collect();
        self.call_with(&known, &slices, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>())?;
        let mut numbers = results.into_iter().flatten();
        let array = |shape: Vec<usize>| Array::new(&shape, numbers.by_ref().take(shape.iter().product()).collect());
        shapes.into_iter().map(array).collect()
    }

    /// Bytes of memory that a call with the lengths of the first call uses beside its slices: the workspace, which is the thread's and
    /// serves all calls, and the values that depend on no input, which are kept. `None` before the first call.
    pub fn workspace_bytes(&self) -> Option<usize> {
        self.code.workspace_bytes()
    }

    /// What a call does, stage by stage: the loops with the operations that were fused into each, and what a library does, with the
    /// nodes' numbers in the function as it was simplified. What depends on no input is done once for the lengths at hand.
    pub fn stages(&self) -> String {
        self.code.schedule().to_string()
    }
}

impl fmt::Debug for CompiledArrays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompiledArrays({})", self.report())
    }
}

pub(super) fn report(code: &Arrays) -> Report {
    Report::of_units(code.codes(), code.time)
}

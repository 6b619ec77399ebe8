//! The one compiled function, and the ways to call it.

use super::engine::{Engine, How};
use super::report::{Report, Rolled};
use super::running::Running;
use super::sizes::Sizes;
use super::slices::with_slices;
use crate::base::{memory_limit, wrong_width};
use crate::codegen;
use crate::error::{Caller, Error, Kind as ErrorKind, Result, count, listed, short};
use crate::eval::{Arguments, Array, Resolved, Results, check_sizes, joined, lengths_of, resolve, split};
use crate::exec::{Point, check_threads, signature_of_calls};
use crate::graph::{Function, InputGroup, OutputGroup};
use crate::op::Scalar;
use crate::schedule::Settings;
use crate::schedule::ir::Updates;
use crate::schedule::lengths::{lengths, named};
use crate::schedule::unit::Unit;
use std::{fmt, panic::Location, sync::Arc};

/// A function as native code; interpreted where there can be none ([`Report::interpreted`] says why). Made by [`Function::compile`].
/// `Send + Sync`, cheap to clone; the code is freed with the last clone.
///
/// | call | with |
/// |---|---|
/// | [`call`](Compiled::call) | numbers in, numbers out: all inputs one after the other, all outputs likewise |
/// | [`call_into`](Compiled::call_into) | a slice per input and per output |
/// | [`run`](Compiled::run) | arrays in, results by name |
///
/// A slice has the elements of its array in row-major order; an input of k numbers is k neighbours, and mapped over an axis (see
/// [`Function::vmap`]) it is a row of k neighbours for each place on the axis. Open axes get their lengths from the slices. Values in between are kept
/// in a workspace of the thread, which is allocated once. The first call of some lengths makes a plan for them; later ones allocate nothing, but `run`
/// its results, as long as the plan is kept ([`Options::plans`](crate::Options::plans)). Every call gives the same bits.
#[derive(Clone)]
pub struct Compiled {
    // What `call` reads comes first, on one cache line.
    point: Point,
    /// Whether there is one input and one output, so that their slices are all that `call` takes and gives.
    single: bool,
    pub(super) body: Arc<Body>,
    /// Of a call, at most.
    threads: usize,
    lengths: Arc<[(String, usize)]>,
}

/// What clones have in common.
pub(super) struct Body {
    pub(super) running: Running,
    /// The function's signature; see [`signature`](super::signature::signature).
    pub(super) f: Function,
    pub(super) sizes: Sizes,
    pub(super) settings: Settings,
    pub(super) updates: Box<Updates>,
    /// Outputs that are zero whatever the inputs.
    pub(super) zeros: Vec<String>,
    /// What became of repeats.
    pub(super) rolled: Option<Rolled>,
    /// What the code was made of; nothing of code that was loaded.
    pub(super) units: Box<[Arc<Unit>]>,
}

impl Compiled {
    pub(super) fn new(body: Body, threads: usize) -> Compiled {
        let point = match &body.running {
            Running::Made(Engine::Numbers(numbers), _) => numbers.point().cloned(),
            _ => None,
        };
        let single = (body.f.inputs().len(), body.f.outputs().len()) == (1, 1);
        Compiled { point: point.unwrap_or_else(Point::none), single, body: Arc::new(body), threads, lengths: Arc::new([]) }
    }

    /// Evaluates: all inputs one after the other, all outputs likewise. How many elements there are of these is known from the context, and checked.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let g = f.value_and_grad()?.compile()?;
    /// let [e, da, db] = g.call([2.0, 1.0])?;
    /// assert_eq!((e, da, db), (6.0, 2.0, 5.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// One output is an array of one number, too: `let [y] = f.call([2.0])?`. With `let y = f.call([2.0])?` nothing would say how many there are.
    ///
    /// Results are copied out. Where the next call takes what this one gives, that copy is what it waits for, some nanoseconds:
    /// [`call_into`](Compiled::call_into) of a function of one input and one output writes where it is to read next.
    ///
    /// # Errors
    /// If a length or the width does not fit, or an axis is open; as [`Compiled::call_into`] otherwise.
    #[inline]
    #[track_caller]
    pub fn call<T: Scalar, const M: usize>(&self, x: impl AsRef<[T]>) -> Result<[T; M]> {
        let x = x.as_ref();
        match self.point.call(x) {
            Some(y) => Ok(y),
            None => {
                let mut y = [T::default(); M];
                self.call_joint(x, &mut y)?;
                Ok(y)
            }
        }
    }

    /// Evaluates into slices: one for each input, one for each output. The slice of an input that is overwritten
    /// ([`Options::overwrite`](crate::Options::overwrite)) is that of the output.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| {
    ///     let e = x.matmul(w) - y;
    ///     (e * e).mean(..)
    /// })?;
    /// let g = f.wrt(["w"])?.value_and_grad()?.compile()?;
    /// let (mut loss, mut dw) = ([0.0], [0.0; 2]);
    /// g.call_into(&[&[1.0, 1.0], &[1.0, 0.0, 0.0, 2.0], &[0.0, 2.0]], &mut [&mut loss, &mut dw])?;
    /// assert_eq!((loss, dw), ([0.5], [1.0, 0.0]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a length or the width does not fit, an index is out of range, a value is found that an operation refuses (the largest of no
    /// elements, an opaque function's error), or memory runs out.
    #[inline]
    #[track_caller]
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        if let ([x], [y], true) = (inputs, &mut *outputs, self.single)
            && self.point.call_into(x, y)
        {
            return Ok(());
        }
        self.call_with(&self.lengths, inputs, outputs)
    }

    /// As [`Compiled::call_into`], with lengths of open axes.
    #[inline]
    #[track_caller]
    pub(crate) fn call_with<T: Scalar, S: AsRef<str>>(
        &self,
        lengths: &[(S, usize)],
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
    ) -> Result<()> {
        self.call_at(Location::caller(), lengths, inputs, outputs)
    }

    /// A call of that line.
    #[inline]
    fn call_at<T: Scalar, S: AsRef<str>>(
        &self,
        at: Caller,
        lengths: &[(S, usize)],
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
    ) -> Result<()> {
        let how = How { f: &self.body.f, threads: self.threads, lengths };
        self.body.running.engine().call(&how, inputs, outputs).map_err(|error| error.or_at(Some(at)))
    }

    /// Evaluates arrays, and more that can be given as such, into new ones; see [`Function::run`], which takes and gives the same.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x[n,2]", "s"], |[x, s]| (("rows", x.sum(1)), ("all", s * x.sum(..))))?.compile()?;
    /// let y = f.run((("x", [[1.0, 2.0], [3.0, 4.0]]), ("s", 0.5)))?;
    /// assert_eq!((y["rows"].data(), y["all"].data()), (&[3.0, 7.0][..], &[5.0][..]));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// An input that is overwritten ([`Options::overwrite`](crate::Options::overwrite)) is given like the others, and stays as it is: what
    /// would overwrite it comes out by the output's name.
    ///
    /// # Errors
    /// If a value is missing or of no input, or a shape or the width does not fit; as [`Compiled::call_into`] otherwise.
    #[track_caller]
    pub fn run<T: Scalar>(&self, arguments: impl Arguments<T>) -> Result<Results<T>> {
        let f = &self.body.f;
        let Resolved { arrays, lengths: open } = resolve(f, &arguments, &self.lengths)?;
        let (at, updates) = (Location::caller(), &self.body.updates);
        check_sizes(f, &open).map_err(|error| error.or_at(Some(at)))?;
        let shape = |group: &OutputGroup| lengths(f.output_shape(group), &open);
        let mut results: Vec<Array<T>> = Vec::with_capacity(f.outputs().len());
        for (k, group) in f.outputs().iter().enumerate() {
            results.push(match updates.iter().find(|(output, _)| *output == k) {
                Some(&(_, input)) => arrays[input].clone().into_owned(),
                None => zeros(shape(group)).map_err(|error| error.at(Some(at)))?,
            });
        }
        let is_given = |k: &usize| !updates.iter().any(|(_, input)| input == k);
        let slices: Vec<&[T]> = (0..arrays.len()).filter(is_given).map(|k| arrays[k].data()).collect();
        let known: Vec<(&str, usize)> = open.iter().map(|(&name, &len)| (name, len)).collect();
        self.call_with(&known, &slices, &mut results.iter_mut().map(Array::data_mut).collect::<Vec<_>>())?;
        Ok(Results::new(f.outputs(), results))
    }

    /// All inputs one after the other, all outputs likewise, where the code takes them otherwise.
    #[inline(never)]
    #[track_caller]
    fn call_joint<T: Scalar>(&self, x: &[T], y: &mut [T]) -> Result<()> {
        let at = Location::caller();
        if let Engine::Numbers(numbers) = self.body.running.engine()
            && self.body.updates.is_empty()
            && numbers.call_flat(x, y)
        {
            return Ok(());
        }
        self.check_flat(x, y).map_err(|error| error.at(Some(at)))?;
        let Body { sizes, .. } = &*self.body;
        with_slices((x, y), (sizes.inputs(), sizes.outputs()), |inputs, outputs| self.call_at(at, &self.lengths, inputs, outputs))
    }

    fn check_flat<T: Scalar>(&self, x: &[T], y: &[T]) -> Result<()> {
        let f = &self.body.f;
        if let Some(&(output, _)) = self.body.updates.first() {
            let name = short(f.outputs()[output].name());
            let message = format!("call: the output `{name}` overwrites an input, which has one slice for both; use `call_into`");
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let sizes = &self.body.sizes;
        let (Some(n), Some(m)) = sizes.together() else {
            let message = "call: an axis is open, so that it is not known how many elements there are; use `call_into` or `run`";
            return Err(Error::new(ErrorKind::Shape, message));
        };
        let fail = |message: String| Err(Error::new(ErrorKind::Length, message));
        if n != x.len() {
            let groups = listed(&f.inputs().iter().map(InputGroup::name).zip(sizes.inputs()).collect::<Vec<_>>());
            return fail(format!("the inputs ({groups}) have {} together, not {}", count(n, "element"), x.len()));
        }
        if m != y.len() {
            let groups = listed(&f.outputs().iter().map(OutputGroup::name).zip(sizes.outputs()).collect::<Vec<_>>());
            return fail(format!("the outputs ({groups}) have {} together; there is room for {}", count(m, "element"), y.len()));
        }
        if T::WIDTH != f.width() { Err(wrong_width(f.width(), T::WIDTH)) } else { Ok(()) }
    }

    /// As [`Compiled::call`], where the number of elements is not known from the context.
    #[track_caller]
    pub(crate) fn call_flat<T: Scalar>(&self, x: &[T]) -> Result<Vec<T>> {
        let (_, len) = self.body.sizes.together();
        let mut y = vec![T::default(); len.unwrap_or(0)];
        if !self.point.call_into(x, &mut y) {
            self.call_joint(x, &mut y)?;
        }
        Ok(y)
    }

    /// A slice per input; all outputs one after the other.
    #[track_caller]
    pub(crate) fn call_joined<T: Scalar>(&self, inputs: &[&[T]], y: &mut [T]) -> Result<()> {
        let at = Location::caller();
        with_slices((&[], y), (std::iter::empty(), self.body.sizes.outputs()), |_, outputs| {
            self.call_at(at, &self.lengths, inputs, outputs)
        })
    }

    /// Evaluates arrays, one for every value of every input, into new ones.
    #[track_caller]
    pub(crate) fn call_arrays<T: Scalar>(&self, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        let f = &self.body.f;
        let open = lengths_of(f, inputs)?;
        let joined: Vec<Array<T>> = f.inputs().iter().map(|group| joined(&inputs[group.range()], group.batch())).collect();
        let result = |y: &OutputGroup| zeros(lengths(f.output_shape(y), &open));
        let mut results = f.outputs().iter().map(result).collect::<Result<Vec<Array<T>>>>()?;
        let slices: Vec<&[T]> = joined.iter().map(Array::data).collect();
        let known: Vec<(&str, usize)> = open.into_iter().collect();
        self.call_with(&known, &slices, &mut results.iter_mut().map(Array::data_mut).collect::<Vec<_>>())?;
        let values = |(y, all): (&OutputGroup, &Array<T>)| split(all, y.nodes().len(), y.batch()).expect("the shape is its own");
        Ok(f.outputs().iter().zip(&results).flat_map(values).collect())
    }

    /// The same code for calls on up to so many threads; see [`Options::threads`](crate::Options::threads).
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    #[track_caller]
    pub fn with_threads(&self, most: usize) -> Result<Compiled> {
        let at = Location::caller();
        check_threads(most).map_err(|error| error.or_at(Some(at)))?;
        Ok(Compiled { threads: most, ..self.clone() })
    }

    /// The same code for calls with these lengths of open axes, which slices need not determine: of an input `x[n,t]` they determine the product
    /// alone, as do numbers in one row for `run`.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x[n,t]"], |[x]| x.sum(1))?.compile()?.with_lengths([("n", 2)])?;
    /// let mut y = [0.0; 2];
    /// f.call_into(&[&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]], &mut [&mut y])?;
    /// assert_eq!(y, [6.0, 15.0]);
    /// assert_eq!(f.run([("x", vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])])?[0].data(), y);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input has an open axis of such a name, or one is given two lengths.
    #[track_caller]
    pub fn with_lengths<S: AsRef<str>>(&self, lengths: impl IntoIterator<Item = (S, usize)>) -> Result<Compiled> {
        let lengths: Vec<(String, usize)> = lengths.into_iter().map(|(name, len)| (name.as_ref().to_owned(), len)).collect();
        named(&self.body.f, &lengths)?;
        Ok(Compiled { lengths: lengths.into(), ..self.clone() })
    }

    /// The inputs, as `run` takes them. [`Compiled::call_into`] takes a slice for each, in this order, but for those that are overwritten: their
    /// slices stand among the outputs. [`Compiled::report`] prints what it takes, as `(x, y) -> (loss, next_w over w)`.
    pub fn inputs(&self) -> &[InputGroup] {
        self.body.f.inputs()
    }

    /// The outputs, in the order of a call's slices.
    pub fn outputs(&self) -> &[OutputGroup] {
        self.body.f.outputs()
    }

    /// Whether calls run native code by now.
    pub fn is_native(&self) -> bool {
        self.body.running.engine().codes().iter().all(|code| code.reason().is_none())
    }

    /// Waits for the native code that a thread makes; see [`Options::background`](crate::Options::background). Without that it is there.
    ///
    /// # Errors
    /// If there will be none; calls are interpreted then.
    #[track_caller]
    pub fn wait(&self) -> Result<()> {
        let at = Location::caller();
        match &self.body.running {
            Running::Background(background) => background.wait().map_err(|error| error.or_at(Some(at))),
            Running::Made(..) => Ok(()),
        }
    }

    /// What compiling took and gave, and which form the function has.
    pub fn report(&self) -> Report {
        let why = match &self.body.running {
            Running::Background(background) => background.reason(),
            Running::Made(..) => None,
        };
        let engine = self.body.running.engine();
        let Body { f, updates, zeros, .. } = &*self.body;
        let signature = signature_of_calls(f, updates);
        let report = Report::new(engine.form(), signature, engine.codes(), self.body.running.time(), zeros.clone());
        Report { interpreted: why.or(report.interpreted), rolled: self.body.rolled.clone(), ..report }
    }

    /// Bytes of memory that a call with the lengths of the first call uses beside its slices: the workspace, which is the thread's and
    /// serves all calls, and the values that depend on no input, which are kept. `None` before the first call of a function of arrays.
    pub fn workspace_bytes(&self) -> Option<usize> {
        match self.body.running.engine() {
            Engine::Arrays(arrays) => arrays.workspace_bytes(),
            engine => Some(engine.codes().iter().map(|code| code.needs.scratch * 8).sum()),
        }
    }

    /// What a call does, stage by stage: the loops with the operations that were fused into each, and what a library does, with the
    /// nodes' numbers in the function as it was simplified. What depends on no input is done once for the lengths at hand.
    pub fn plan(&self) -> String {
        match self.body.running.engine() {
            Engine::Arrays(arrays) => arrays.schedule().to_string(),
            engine => {
                let operations: usize = engine.codes().iter().map(|code| code.operations).sum();
                format!("{} of {}", engine.form(), count(operations, "operation"))
            }
        }
    }

    /// The Cranelift IR of the code, unit by unit: a function of numbers or of rows has one, one of arrays has several. Of a loop over rows in
    /// vectors of more than 128 bits, which Cranelift does not make, it is that of the loop in 128 bits, which has the same bits.
    ///
    /// # Errors
    /// If Cranelift does not support this processor, or is not there (without the feature `jit`); for code that was loaded from a file.
    #[track_caller]
    pub fn clif(&self) -> Result<String> {
        self.text(codegen::clif)
    }

    /// The machine code that runs, as text, unit by unit.
    ///
    /// # Errors
    /// As [`Compiled::clif`].
    #[track_caller]
    pub fn assembly(&self) -> Result<String> {
        self.text(codegen::assembly)
    }

    #[track_caller]
    fn text(&self, of: impl Fn(&Unit) -> Result<String>) -> Result<String> {
        let at = Location::caller();
        let units = &self.body.units;
        if units.is_empty() && !self.body.running.engine().codes().is_empty() {
            let message = "the code was loaded from a file, which has nothing that it could be made of again";
            return Err(Error::here(ErrorKind::Unsupported, message));
        }
        let texts = units.iter().map(|unit| of(unit)).collect::<Result<Vec<_>>>();
        Ok(texts.map_err(|error| error.or_at(Some(at)))?.join("\n"))
    }
}

/// An array of zeros.
///
/// # Errors
/// If the system has no room for it.
fn zeros<T: Scalar>(shape: Vec<usize>) -> Result<Array<T>> {
    let len = shape.iter().product();
    let mut data = Vec::new();
    if size_of::<T>() * len > memory_limit() || data.try_reserve_exact(len).is_err() {
        let message = format!("the result of the shape {shape:?} is larger than the memory that there is");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    data.resize(len, T::default());
    Array::new(shape, data)
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Compiled({})", self.report())
    }
}

//! A training in progress: parameters, what the rule keeps of them, and one compiled function that makes a step.

use super::step::{Binding, Settings, Step};
use super::{Batch, Params, Rng};
use crate::base::Axis;
use crate::compiled::{Compiled, Report};
use crate::error::{Error, Kind as ErrorKind, Result, count, unknown_name};
use crate::eval::Array;
use crate::graph::{Function, InputGroup};
use crate::io::Archive;
use crate::op::Scalar;
use crate::op::lit;
use crate::optim::Rule;
use std::{mem, path::Path};

/// A training in progress. Loss, gradient and update are one compiled function; a step is one call of it, for any number of rows.
///
/// ```
/// use wengert::nn::{Data, Init, Params, Rng, Training, dense, mse};
/// use wengert::{Function, optim::Adam};
/// let params = Params::new(&mut Rng::new(1), [("w[1,1]", Init::Zeros), ("b[1]", Init::Zeros)])?;
/// let loss = Function::trace((&params, ["x[n,1]", "y[n,1]"]), |(p, [x, y])| mse(dense(x, p["w"], p["b"]), y))?;
///
/// let (x, y) = ([0.0, 1.0, 2.0, 3.0], [1.0, 3.0, 5.0, 7.0]); // y = 2x + 1
/// let data = Data::new().rows("x", &x, 1)?.rows("y", &y, 1)?;
/// let batches = data.batches(3)?.shuffled(1); // of three rows, then of one
/// let mut training = Training::new(&loss, params, Adam::new(0.05))?;
/// for epoch in 0..400 {
///     training.run(batches.epoch(epoch))?;
/// }
/// let w: f64 = training.params().get("w")?.data()[0];
/// assert!((w - 2.0).abs() < 1e-2);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Debug)]
pub struct Training<R: Rule, T: Scalar> {
    rule: R,
    settings: Settings,
    compiled: Compiled,
    /// The loss' gradient, to find out what is wrong with a step.
    gradient: Function,
    bindings: Vec<Binding>,
    batch: Vec<InputGroup>,
    params: Params<T>,
    /// What the rule keeps for each parameter.
    kept: Vec<Array<T>>,
    /// Where a step writes the next parameters and what is kept then; they change places afterwards.
    next: Vec<Array<T>>,
    names: Vec<String>,
    results: Vec<T>,
    steps: u64,
}

impl<R: Rule, T: Scalar> Training<R, T> {
    /// A training of parameters, from their present values on, by a rule.
    ///
    /// The loss has the parameters among its inputs, by name; its other inputs are what a batch has, in their order. Its outputs are
    /// numbers: the first is minimised, others are auxiliary and reported.
    ///
    /// # Errors
    /// If the loss lacks a parameter, or has it in another shape; if an output is not a number; if the widths differ.
    #[track_caller]
    pub fn new(loss: &Function, params: Params<T>, rule: R) -> Result<Self> {
        Training::with(loss, params, rule, Settings::default())
    }

    /// As [`Training::new`], with settings.
    ///
    /// # Errors
    /// As [`Training::new`]; if a setting is out of range.
    #[track_caller]
    pub fn with(loss: &Function, params: Params<T>, rule: R, settings: Settings) -> Result<Self> {
        let Step { function, gradient, bindings, batch } = Step::new(loss, &params, &rule, &settings)?;
        let start = rule.start::<T>();
        let filled = |array: &Array<T>, v: T| Array::new(array.shape(), vec![v; array.data().len()]);
        let of_param = |(_, array)| start.as_ref().iter().map(move |&v| filled(array, v));
        let kept = params.iter().flat_map(of_param).collect::<Result<Vec<_>>>()?;
        let next = params.iter().map(|(_, array)| array.clone()).chain(kept.clone()).collect();
        let names: Vec<String> = loss.outputs().iter().map(|y| y.name().to_owned()).collect();
        let results = vec![lit(0.0); function.outputs().len() - params.len() - kept.len()];
        let compiled = function.compile()?;
        Ok(Training { rule, settings, compiled, gradient, bindings, batch, params, kept, next, names, results, steps: 0 })
    }

    /// The same training with steps on up to so many threads; see [`Options::threads`](crate::Options::threads).
    ///
    /// # Errors
    /// If it is none, or more than one without the feature `threads`.
    pub fn with_threads(self, most: usize) -> Result<Self> {
        Ok(Training { compiled: self.compiled.with_threads(most)?, ..self })
    }

    /// A step on a batch: a slice for each of the loss' inputs that is no parameter, in order. Gives the loss before the step.
    ///
    /// # Errors
    /// If a slice does not fit; if the batch has no rows; if gradients that are clipped have a norm that is not finite; if
    /// [`Settings::finite`] asks for it, and something is not. Nothing has changed then.
    #[track_caller]
    pub fn step<S: AsRef<[T]>>(&mut self, batch: &[S]) -> Result<f64> {
        self.step_with(&[], batch)
    }

    /// As [`Training::step`], with lengths of open axes, which the slices do not tell where two of them meet, as in `x[time,n]`.
    ///
    /// # Errors
    /// As [`Training::step`]; if no input of the batch has an open axis of such a name.
    #[track_caller]
    pub fn step_with<S: AsRef<[T]>>(&mut self, lengths: &[(&str, usize)], batch: &[S]) -> Result<f64> {
        let batch: Vec<&[T]> = batch.iter().map(AsRef::as_ref).collect();
        self.check_batch(&batch)?;
        let rate = self.rule.rate() * self.settings.schedule.factor(self.steps);
        let numbers = [[lit((self.steps + 1) as f64)], [lit(rate)]];
        let state = self.params.iter().map(|(_, array)| array).chain(&self.kept).map(Array::data);
        let inputs: Vec<&[T]> = state.chain(numbers.iter().map(|v| &v[..])).chain(batch.iter().copied()).collect();
        let results = self.results.chunks_mut(1);
        let mut outputs: Vec<&mut [T]> = results.chain(self.next.iter_mut().map(Array::data_mut)).collect();
        self.compiled.call_with(lengths, &inputs, &mut outputs)?;

        let norm = self.results.get(self.names.len());
        if let Some(norm) = norm
            && !norm.to_f64().is_finite()
        {
            let message = format!("step {}: the gradients have the norm {norm:?}, and no direction", self.steps + 1);
            return Err(Error::here(ErrorKind::Value, message));
        }
        if self.settings.finite && !(finite(&self.results) && self.next.iter().all(|array| finite(array.data()))) {
            return Err(self.first_non_finite(lengths, &batch)?);
        }
        let state = self.params.arrays_mut().iter_mut().chain(&mut self.kept);
        state.zip(&mut self.next).for_each(|(old, new)| mem::swap(old, new));
        self.steps += 1;
        Ok(self.results[0].to_f64())
    }

    /// A step on each batch; gives the mean loss of a row. Progress can be watched through the iterator.
    ///
    /// # Errors
    /// As [`Training::step`]; if there is no batch.
    #[track_caller]
    pub fn run(&mut self, batches: impl IntoIterator<Item = Batch<T>>) -> Result<f64> {
        let (mut total, mut rows) = (0.0, 0);
        for batch in batches {
            total += self.step(&batch.columns)? * batch.rows as f64;
            rows += batch.rows;
        }
        if rows == 0 {
            return Err(Error::here(ErrorKind::Value, "there is no batch to learn from"));
        }
        Ok(total / rows as f64)
    }

    #[track_caller]
    fn check_batch(&self, batch: &[&[T]]) -> Result<()> {
        if batch.len() != self.batch.len() {
            let names: Vec<&str> = self.batch.iter().map(InputGroup::name).collect();
            let message = format!("{} for a batch of ({})", count(batch.len(), "slice"), names.join(", "));
            return Err(Error::here(ErrorKind::Length, message));
        }
        let open = |input: &InputGroup| input.shape().axes().iter().any(|axis| matches!(axis, Axis::Open(_)));
        match self.batch.iter().zip(batch).find(|(input, values)| values.is_empty() && open(input)) {
            Some((input, _)) => Err(Error::here(ErrorKind::Value, format!("the batch's `{}` has no rows", input.name()))),
            None => Ok(()),
        }
    }

    /// What is not finite first, in the order in which a step computes.
    #[track_caller]
    fn first_non_finite(&self, lengths: &[(&str, usize)], batch: &[&[T]]) -> Result<Error> {
        let params: Vec<(&str, &Array<T>)> = self.params.iter().collect();
        let from = |binding: &Binding| match *binding {
            Binding::Param(k) => params[k].1.data(),
            Binding::Batch(k) => batch[k],
        };
        let inputs: Vec<&[T]> = self.bindings.iter().map(from).collect();
        let of = self.bindings.iter().filter_map(|binding| if let Binding::Param(k) = binding { Some(params[*k]) } else { None });
        let mut gradients: Vec<(&str, Vec<T>)> = of.map(|(name, array)| (name, array.data().to_vec())).collect();
        let mut results = vec![lit(0.0); self.names.len()];
        let mut outputs: Vec<&mut [T]> = results.chunks_mut(1).collect();
        outputs.extend(gradients.iter_mut().map(|(_, values)| values.as_mut_slice()));
        self.gradient.compile()?.call_with(lengths, &inputs, &mut outputs)?;

        let mut all: Vec<(String, &[T])> = vec![];
        all.extend(self.batch.iter().zip(batch).map(|(input, values)| (format!("the batch's `{}`", input.name()), *values)));
        all.extend(params.iter().map(|(name, array)| (format!("the parameter `{name}`"), array.data())));
        all.extend(self.names.iter().zip(self.results.chunks(1)).map(|(name, v)| (format!("the output `{name}`"), v)));
        all.extend(gradients.iter().map(|(name, values)| (format!("the gradient of `{name}`"), &values[..])));
        let (next, kept) = self.next.split_at(params.len());
        all.extend(params.iter().zip(next).map(|((name, _), array)| (format!("the next `{name}`"), array.data())));
        let of_kept = (0..kept.len()).map(|k| format!("what the rule keeps for `{}`", params[k * params.len() / kept.len()].0));
        all.extend(of_kept.zip(kept.iter().map(Array::data)));
        let found = all.iter().find_map(|(what, values)| {
            let (at, v) = values.iter().enumerate().find(|(_, v)| !v.to_f64().is_finite())?;
            let place = if values.len() == 1 { String::new() } else { format!(" at number {at}") };
            Some(format!("step {}: {what} is {v:?}{place}", self.steps + 1))
        });
        Ok(Error::here(ErrorKind::Value, found.expect("something of the step is not finite")))
    }

    /// The parameters as they are now.
    pub fn params(&self) -> &Params<T> {
        &self.params
    }

    /// The parameters, at the end of the training.
    pub fn into_params(self) -> Params<T> {
        self.params
    }

    /// How many steps were made.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// An output of the loss, before the last step's update; 0 before the first step.
    ///
    /// # Errors
    /// If the loss has no output of that name.
    #[track_caller]
    pub fn result(&self, name: &str) -> Result<f64> {
        match self.names.iter().position(|known| known == name) {
            Some(at) => Ok(self.results[at].to_f64()),
            None => Err(unknown_name("output", name, &self.names.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    /// The seed, of the settings or of the file that was read last.
    pub fn seed(&self) -> u64 {
        self.settings.seed
    }

    /// Random numbers for the next step, such as a dropout's: the same for the same seed and step, also after an interruption.
    pub fn rng(&self) -> Rng {
        // Epochs are the seed's own family; see `Batches::epoch`.
        Rng::new(self.settings.seed).fork(u64::MAX).fork(self.steps)
    }

    /// What compiling the step took and gave.
    pub fn report(&self) -> Report {
        self.compiled.report()
    }

    /// Writes parameters, what the rule keeps, the number of steps and the seed into a file; see [`Archive::save`].
    ///
    /// # Errors
    /// If it cannot be written.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut archive = Archive::new();
        self.params.put_into(&mut archive);
        for (k, array) in self.kept.iter().enumerate() {
            archive.put_array(&format!("kept {k}"), array);
        }
        archive.put_count("steps", self.steps).put_count("seed", self.settings.seed);
        archive.save(path)
    }

    /// Goes on from a file that [`Training::save`] wrote. What follows has the same bits as if there had been no interruption.
    ///
    /// # Errors
    /// If the file cannot be read, or is of other parameters, or of a rule that keeps more or less. Nothing has changed then.
    #[track_caller]
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let archive = Archive::load(path)?;
        let params = Params::from_archive(&archive)?;
        if !params.same_shapes(&self.params) {
            let message = format!("the file has the parameters {params}, and the training those of {}", self.params);
            return Err(Error::here(ErrorKind::Shape, message));
        }
        let in_file = archive.names().filter(|name| name.starts_with("kept ")).count();
        if in_file != self.kept.len() {
            let (there, here) = (count(in_file, "array"), self.kept.len());
            let message = format!("the file has {there} that a rule keeps, and the rule of this training has {here}");
            return Err(Error::here(ErrorKind::Shape, message));
        }
        let mut kept = vec![];
        for (k, array) in self.kept.iter().enumerate() {
            let read = archive.array::<T>(&format!("kept {k}"))?;
            if read.shape() != array.shape() {
                let message = format!("`kept {k}` has the shape {:?} in the file, not {:?}", read.shape(), array.shape());
                return Err(Error::here(ErrorKind::Shape, message));
            }
            kept.push(read);
        }
        let (steps, seed) = (archive.count("steps")?, archive.count("seed")?);
        (self.steps, self.settings.seed) = (steps, seed);
        (self.params, self.kept) = (params, kept);
        Ok(())
    }
}

/// Whether there is neither an infinity nor a NaN; without a branch per number.
fn finite<T: Scalar>(values: &[T]) -> bool {
    values.chunks(64).all(|part| part.iter().fold(true, |all, v| all & v.to_f64().is_finite()))
}

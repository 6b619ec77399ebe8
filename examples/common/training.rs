//! Training over arrays: loss, gradient and the optimiser's update as one compiled function, its state, and the order of rows.

use super::{Outcome, Rng};
use wengert::optim::Rule;
use wengert::{CompiledArrays, DType, Expr, Function, InputGroup, Report, Structure, Width};

/// An array's name and shape as a trace wants them: `w1[64,32]`.
fn declaration(prefix: &str, input: &InputGroup) -> String {
    let dtype = if input.dtype() == DType::Index { ": index" } else { "" };
    format!("{prefix}{}{}{dtype}", input.name(), input.shape())
}

/// The first inputs of a function, declared as a trace wants them.
pub fn declarations(function: &Function, count: usize) -> Vec<String> {
    function.inputs()[..count].iter().map(|input| declaration("", input)).collect()
}

/// Starting values of the first inputs of a function: matrices as K. He et al. proposed for ReLU (2015), uniform; zeros for
/// everything else.
pub fn start(function: &Function, count: usize, rng: &mut Rng) -> Outcome<Vec<Vec<f32>>> {
    let values = |input: &InputGroup| {
        let len = input.shape().len().ok_or_else(|| format!("the parameter {} has an open axis", input.name()))?;
        let spread = match input.shape().axes() {
            &[wengert::Axis::Fixed(rows), _] => (6.0 / rows as f64).sqrt(),
            _ => 0.0,
        };
        Ok(rng.vec(len, -spread, spread).into_iter().map(|v| v as f32).collect())
    };
    function.inputs()[..count].iter().map(values).collect()
}

/// A training in progress.
pub struct Trainer {
    step: CompiledArrays,
    /// The parameters, then what the rule keeps for each of them.
    state: Vec<Vec<f32>>,
    /// Where a step writes the next state; the two change places afterwards.
    next: Vec<Vec<f32>>,
    parameters: usize,
    /// The loss, and the numbers that come with it.
    results: Vec<f32>,
    steps: u32,
}

impl Trainer {
    /// A training of the first inputs of a loss, from these values on. The loss' outputs are numbers, of which the first is
    /// minimised; its other inputs are what a batch has, a row per sample.
    pub fn new<R: Rule>(loss: &Function, parameters: Vec<Vec<f32>>, rule: R) -> Outcome<Trainer> {
        let (count, all) = (parameters.len(), loss.inputs());
        let gradient = loss.wrt(all[..count].iter().map(InputGroup::name))?.value_and_grad()?;
        let results = loss.outputs().len();

        // The inputs of a step: the parameters, what the rule keeps of each, the step's number, the batch.
        let kept = rule.start::<f64>().flatten().len();
        let mut inputs = declarations(loss, count);
        inputs.extend(all[..count].iter().flat_map(|p| (0..kept).map(move |k| declaration(&format!("kept{k}_"), p))));
        inputs.push("t".into());
        inputs.extend(all[count..].iter().map(|input| declaration("", input)));
        let step = Function::trace_in(Width::F32, inputs, |v| {
            let (p, rest) = v.split_at(count);
            let (states, rest) = rest.split_at(count * kept);
            let (t, batch) = (rest[0], &rest[1..]);
            let values = gradient.eval(&[p, batch].concat())?;
            let mut next: Vec<(String, Expr)> = (0..results).map(|k| (format!("result{k}"), values[k])).collect();
            let mut next_states = vec![];
            for k in 0..count {
                let state = rule.start::<Expr>().refill(&states[kept * k..kept * (k + 1)]);
                let (p, state) = rule.update(p[k], values[results + k], state, t);
                next.push((format!("p{k}"), p));
                next_states.extend(state.flatten().into_iter().enumerate().map(|(s, v)| (format!("kept{s}_p{k}"), v)));
            }
            next.extend(next_states);
            Ok::<_, wengert::Error>(next)
        })?;

        let mut state = parameters;
        for k in 0..count {
            state.extend(rule.start::<f64>().flatten().iter().map(|&v| vec![v as f32; state[k].len()]).collect::<Vec<_>>());
        }
        let next = state.clone();
        Ok(Trainer { step: step.compile_arrays()?, state, next, parameters: count, results: vec![0.0; results], steps: 0 })
    }

    pub fn parameters(&self) -> &[Vec<f32>] {
        &self.state[..self.parameters]
    }

    pub fn report(&self) -> Report {
        self.step.report()
    }

    /// One step on a batch; gives the loss before it.
    pub fn step(&mut self, batch: &[&[f32]]) -> Outcome<f64> {
        self.steps += 1;
        let t = [self.steps as f32];
        let mut inputs: Vec<&[f32]> = self.state.iter().map(Vec::as_slice).collect();
        inputs.push(&t);
        inputs.extend(batch);
        let mut outputs: Vec<&mut [f32]> = self.results.chunks_mut(1).collect();
        outputs.extend(self.next.iter_mut().map(Vec::as_mut_slice));
        self.step.call_into(&inputs, &mut outputs)?;
        if !self.results[0].is_finite() {
            return Err(format!("the loss is {} in step {}", self.results[0], self.steps).into());
        }
        std::mem::swap(&mut self.state, &mut self.next);
        Ok(self.results[0] as f64)
    }

    /// Steps over all rows once, in a new order, so many at a time; gives the mean loss. A column has the same number of values
    /// for every row. `progress` hears how many rows are done.
    pub fn epoch(
        &mut self,
        columns: &[&[f32]],
        rows: usize,
        batch: usize,
        rng: &mut Rng,
        mut progress: impl FnMut(usize),
    ) -> Outcome<f64> {
        let mut order: Vec<usize> = (0..rows).collect();
        rng.shuffle(&mut order);
        let mut picked: Vec<Vec<f32>> = vec![vec![]; columns.len()];
        let (mut total, mut done) = (0.0, 0);
        for part in order.chunks(batch) {
            for (picked, column) in picked.iter_mut().zip(columns) {
                let width = column.len() / rows;
                picked.clear();
                part.iter().for_each(|&row| picked.extend_from_slice(&column[row * width..(row + 1) * width]));
            }
            let batch: Vec<&[f32]> = picked.iter().map(Vec::as_slice).collect();
            total += self.step(&batch)? * part.len() as f64;
            done += part.len();
            progress(done);
        }
        Ok(total / rows as f64)
    }
}

/// Calls a function with parameters and more inputs; gives its outputs, of these lengths.
pub fn call<const N: usize>(
    function: &CompiledArrays,
    parameters: &[Vec<f32>],
    inputs: &[&[f32]],
    lengths: [usize; N],
) -> Outcome<[Vec<f32>; N]> {
    let mut all: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
    all.extend(inputs);
    let mut results = lengths.map(|n| vec![0.0f32; n]);
    function.call_into(&all, &mut results.each_mut().map(Vec::as_mut_slice))?;
    Ok(results)
}

//! Random programs over every operation of the table, and small helpers of the tests.
#![allow(dead_code, reason = "every target uses a part of it")]

pub mod arrays;
pub mod big;
pub mod sums;
pub mod text;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;
use wengert::check::Body;
use wengert::graph::Outputs;
use wengert::op::{DType, EdgeMap, Op, Value};
use wengert::{Compiled, Expr, Function, Real, Result, Scalar, Width, lit};

/// Cases of a property: the same ones every time, unless `PROPTEST_RNG_SEED` says otherwise.
pub fn cases(cases: u32) -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20);
    }
    config.cases = config.cases.max(cases);
    config
}

/// A small generator of pseudo-random numbers (splitmix64, G. Steele, D. Lea and C. Flood, 2014).
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
    /// Of either sign, neither large nor small.
    pub fn ordinary(&mut self) -> f64 {
        let v = 0.2 + 2.3 * self.unit();
        if self.chance(0.5) { v } else { -v }
    }
    /// Any float, the special ones often.
    pub fn any(&mut self) -> f64 {
        match self.below(8) {
            0 => self.pick(&SPECIAL),
            1 => f64::from_bits(self.next()),
            2 => (self.ordinary() * 4.0).round(),
            3 => 10f64.powf(80.0 * self.unit() - 40.0).copysign(self.ordinary()),
            _ => self.ordinary(),
        }
    }
}

/// Floats where formulas go wrong.
pub const SPECIAL: [f64; 22] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    2.0,
    -2.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    5e-324,
    -5e-324,
    1e-310,
    f64::MIN_POSITIVE,
    f64::MAX,
    f64::MIN,
    f64::EPSILON,
    1e-45,
    1.5e-39,
    3.4e38,
    4503599627370497.5,
];

const LITERALS: [f64; 12] = [0.0, 1.0, -1.0, 2.0, 0.5, -0.0, 3.0, -2.5, 0.7, 1.0 / 3.0, 4.0, 1e-3];
const POWERS: [i32; 22] = [-33, -17, -16, -5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 15, 16, 17, 20, 31];

#[derive(Clone, Copy, Debug)]
pub enum Step {
    Number(f64),
    Apply(Op, [usize; 3]),
}

/// A straight-line program: inputs, then steps; operands are numbers of earlier values.
#[derive(Clone, Debug)]
pub struct Random {
    pub inputs: usize,
    pub steps: Vec<Step>,
    pub outputs: Vec<usize>,
    /// A point where the values were seen to be ordinary while the program was made.
    pub point: Vec<f64>,
}

/// How programs are made.
#[derive(Clone, Copy)]
pub struct Recipe {
    pub inputs: usize,
    pub steps: usize,
    pub outputs: usize,
    /// How many steps are taken whatever their value at the point.
    pub wild: f64,
    /// Whether every step may depend on all inputs at once, so that few second derivatives are zero.
    pub mixed: bool,
    /// Whether to leave out operations that jump or hide a derivative.
    pub smooth: bool,
}

struct Maker {
    rng: Rng,
    program: Random,
    values: Vec<Value<f64, bool>>,
    /// Whether a derivative with respect to some input flows to the value.
    active: Vec<bool>,
    floats: Vec<usize>,
    masks: Vec<usize>,
    unused: usize,
}

impl Random {
    pub fn new(seed: u64, recipe: Recipe) -> Random {
        let mut rng = Rng(!seed);
        Random::at(seed, (0..recipe.inputs).map(|_| rng.ordinary()).collect(), recipe)
    }

    /// A program whose values are ordinary at the given point, as far as that can be.
    pub fn at(seed: u64, point: Vec<f64>, recipe: Recipe) -> Random {
        let mut rng = Rng(seed);
        let mut maker = Maker {
            // One input in five programs is not used by any step.
            unused: if recipe.inputs > 1 && rng.chance(0.2) { rng.below(recipe.inputs) } else { usize::MAX },
            values: point.iter().map(|&v| Value::Num(v)).collect(),
            active: vec![true; recipe.inputs],
            floats: vec![],
            masks: vec![],
            program: Random { inputs: recipe.inputs, steps: vec![], outputs: vec![], point },
            rng,
        };
        maker.floats = (0..recipe.inputs).filter(|&k| k != maker.unused).collect();
        if recipe.mixed {
            maker.mix();
        }
        let end = maker.program.steps.len() + recipe.steps;
        while maker.program.steps.len() < end {
            maker.step(recipe);
        }
        for _ in 0..recipe.outputs {
            let terms = 1 + maker.rng.below(4);
            let mut y = maker.any_float(true);
            for _ in 0..terms {
                let other = maker.any_float(true);
                y = maker.push(Step::Apply(Op::Add, [y, other, 0]));
            }
            maker.program.outputs.push(y);
        }
        maker.program
    }

    /// All values in any arithmetic.
    #[track_caller]
    pub fn values<T: Real>(&self, x: &[T]) -> Vec<Value<T, T::Mask>> {
        let mut values: Vec<Value<T, T::Mask>> = x.iter().map(|&v| Value::Num(v)).collect();
        for step in &self.steps {
            let value = match *step {
                Step::Number(v) => Value::Num(lit(v)),
                Step::Apply(op, args) => {
                    let args: Vec<_> = args[..op.arity()].iter().map(|&k| values[k]).collect();
                    op.apply(&args)
                }
            };
            values.push(value);
        }
        values
    }

    /// The results in double precision.
    pub fn call_at(&self, x: &[f64]) -> Vec<f64> {
        self.call(x)
    }

    pub fn function(&self, width: Width) -> Function {
        Function::trace_in(width, ("x", self.inputs), |x| self.call(&x)).expect("a random program can be traced")
    }

    /// With inputs and outputs in groups: inputs as given by their lengths, an output each.
    pub fn grouped(&self, width: Width, groups: &[usize]) -> Function {
        assert_eq!(groups.iter().sum::<usize>(), self.inputs);
        struct Many(Vec<(String, Expr)>);
        impl Outputs for Many {
            fn collect(self, collector: &mut wengert::graph::Collector) {
                for (name, y) in self.0 {
                    (name.as_str(), y).collect(collector);
                }
            }
        }
        struct Groups<'a>(&'a [usize]);
        impl wengert::graph::Inputs for Groups<'_> {
            type Args = Vec<Expr>;
            fn bind(self, binder: &mut wengert::graph::Binder) -> Vec<Expr> {
                self.0.iter().enumerate().flat_map(|(g, &len)| binder.numbers(&format!("x{g}"), len)).collect()
            }
        }
        let outputs = |x: Vec<Expr>| {
            let y = self.call(&x);
            Many(y.into_iter().enumerate().map(|(k, y)| (format!("y{k}"), y)).collect())
        };
        Function::trace_in(width, Groups(groups), outputs).expect("a random program can be traced")
    }

    /// Points to evaluate at: the one it was made for, one near it, and two of any floats.
    pub fn points(&self, rng: &mut Rng) -> [Vec<f64>; 4] {
        let near = self.point.iter().map(|v| v * (1.0 + 0.01 * rng.unit())).collect();
        let mut mixed = self.point.clone();
        let k = rng.below(mixed.len());
        mixed[k] = rng.any();
        [self.point.clone(), near, mixed, self.point.iter().map(|_| rng.any()).collect()]
    }
}

impl Body for Random {
    #[track_caller]
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let values = self.values(x);
        let number = |&k: &usize| values[k].number().expect("outputs are numbers");
        self.outputs.iter().map(number).collect()
    }

    fn input_len(&self) -> Option<usize> {
        Some(self.inputs)
    }
}

impl Maker {
    fn any_float(&mut self, want_active: bool) -> usize {
        for _ in 0..8 {
            let n = self.floats.len();
            let k = if self.rng.chance(0.6) { n - 1 - self.rng.below(n.min(10)) } else { self.rng.below(n) };
            let k = self.floats[k];
            if !want_active || self.active[k] {
                return k;
            }
        }
        self.floats[0]
    }

    /// Puts sums and products of all inputs in their place: each xₖ becomes xₖ + s²/10, where s is a weighted sum of all.
    fn mix(&mut self) {
        let mut sum = None;
        for k in self.floats.clone() {
            let weight = self.rng.ordinary();
            let weight = self.push(Step::Number(weight));
            let term = self.push(Step::Apply(Op::Mul, [k, weight, 0]));
            sum = Some(sum.map_or(term, |sum| self.push(Step::Apply(Op::Add, [sum, term, 0]))));
        }
        let sum = sum.expect("there is an input");
        let tenth = self.push(Step::Number(0.1));
        let square = self.push(Step::Apply(Op::Mul, [sum, sum, 0]));
        let square = self.push(Step::Apply(Op::Mul, [square, tenth, 0]));
        self.floats = (0..self.program.inputs).map(|k| self.push(Step::Apply(Op::Add, [k, square, 0]))).collect();
    }

    fn step(&mut self, recipe: Recipe) {
        if self.rng.chance(0.1) {
            let v = if self.rng.chance(0.7) { self.rng.pick(&LITERALS) } else { self.rng.ordinary() };
            self.push(Step::Number(v));
            return;
        }
        let op = match self.rng.pick(Op::ALL) {
            Op::Powi(_) => Op::Powi(self.rng.pick(&POWERS)),
            Op::Polygamma(_) => Op::Polygamma(self.rng.below(4) as i32),
            op => op,
        };
        if recipe.smooth && jumps(op) || op.operands().contains(&DType::Mask) && self.masks.is_empty() {
            return;
        }
        let anything = self.rng.chance(recipe.wild);
        for _ in 0..16 {
            let mut args = [0; 3];
            for (k, dtype) in op.operands().iter().enumerate() {
                let want_active = self.rng.chance(0.8);
                args[k] = match dtype {
                    DType::Float | DType::Index => self.any_float(want_active),
                    DType::Mask => self.rng.pick(&self.masks),
                };
            }
            if anything || self.is_ordinary(op, &args) {
                self.push(Step::Apply(op, args));
                return;
            }
        }
    }

    fn evaluate(&self, op: Op, args: &[usize]) -> (Value<f64, bool>, [EdgeMap<f64>; 3]) {
        let operands: Vec<_> = args[..op.arity()].iter().map(|&k| self.values[k]).collect();
        let z = op.apply(&operands);
        (z, op.edges(&operands, z))
    }

    fn is_ordinary(&self, op: Op, args: &[usize]) -> bool {
        let (z, edges) = self.evaluate(op, args);
        let Value::Num(z) = z else { return true };
        let tame = |v: f64| v.is_finite() && v.abs() < 300.0;
        tame(z) && z.abs() > 3e-3 && edges.iter().all(|edge| tame(edge.partial()))
    }

    fn push(&mut self, step: Step) -> usize {
        let id = self.values.len();
        let (value, active) = match step {
            Step::Number(v) => (Value::Num(v), false),
            Step::Apply(op, args) => {
                let (z, edges) = self.evaluate(op, &args);
                let flows = |(k, edge): (usize, &EdgeMap<f64>)| self.active[args[k]] && edge.partial() != 0.0;
                (z, matches!(z, Value::Num(_)) && edges[..op.arity()].iter().enumerate().any(flows))
            }
        };
        match value {
            Value::Num(_) => self.floats.push(id),
            Value::Mask(_) => self.masks.push(id),
        }
        self.values.push(value);
        self.active.push(active);
        self.program.steps.push(step);
        id
    }
}

fn jumps(op: Op) -> bool {
    use Op::*;
    matches!(op, Detach | Signum | Copysign | Floor | Ceil | Round | Trunc | Fract | Rem | Select)
}

/// The same bits, or both NaN.
pub fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

pub fn same32(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
}

/// Calls a compiled function of numbers: all inputs one after the other, all outputs likewise. The last input gets what there is left, so that the
/// call finds what does not fit.
#[track_caller]
pub fn flat<T: Scalar>(f: &Compiled, x: &[T]) -> Result<Vec<T>> {
    let (mut rest, last) = (x, f.inputs().len().saturating_sub(1));
    let mut inputs: Vec<&[T]> = f.inputs()[..last].iter().map(|group| next(&mut rest, group.len())).collect();
    if !f.inputs().is_empty() || !rest.is_empty() {
        inputs.push(rest);
    }
    let mut y = vec![T::default(); f.outputs().iter().map(|group| group.nodes().len()).sum()];
    let mut rest = &mut y[..];
    let mut outputs = Vec::new();
    for group in f.outputs() {
        let slice;
        (slice, rest) = std::mem::take(&mut rest).split_at_mut(group.nodes().len());
        outputs.push(slice);
    }
    f.call_into(&inputs, &mut outputs)?;
    Ok(y)
}

/// Cuts off up to so many from the front.
fn next<'a, T>(rest: &mut &'a [T], len: usize) -> &'a [T] {
    let slice;
    (slice, *rest) = rest.split_at(len.min(rest.len()));
    slice
}

/// Counts how many compared numbers say something.
#[derive(Default)]
pub struct Tally {
    pub total: usize,
    pub telling: usize,
}

impl Tally {
    pub fn count(&mut self, v: f64) {
        self.total += 1;
        self.telling += (v.is_finite() && v != 0.0) as usize;
    }
    pub fn share(&self) -> f64 {
        self.telling as f64 / self.total as f64
    }
}

//! Loops over rows in wide vectors against those in 128 bits and the interpreter, bit by bit.

use super::{Code, Rows};
use crate::base::host::Stop;
use crate::base::Width;
use crate::graph::{Cond, Expr, Function, InputGroup, NewOutput};
use crate::op::{DType, Op, Scalar, Value, lit, select};
use crate::schedule::unit::Unit;
use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
use std::panic::Location;
use std::sync::Arc;

/// A small generator of pseudo-random numbers (splitmix64, G. Steele, D. Lea and C. Flood, 2014).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// Mostly tame, some odd.
    fn number(&mut self) -> f64 {
        const ODD: [f64; 12] = [
            0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 5e-324, 1e300, -1e300, 1e12, 0.5,
        ];
        match self.below(8) {
            0 => ODD[self.below(ODD.len())],
            1 => f64::from_bits(self.next()),
            _ => 8.0 * (self.next() >> 11) as f64 / (1u64 << 53) as f64 - 4.0,
        }
    }
}

fn bits<T: Scalar>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| if x.to_f64().is_nan() { 1 } else { x.to_f64().to_bits() }).collect()
}

/// How a function of these groups is called.
struct Case {
    unit: Arc<Unit>,
    call: Arc<RowCall>,
}

fn case(f: &Function, varying: &[bool], reduce: Vec<Reduce>, vectors: usize) -> Case {
    let options = Settings { vectors, ..Settings::default() };
    let groups = f.inputs().iter().zip(varying);
    let each: Vec<bool> = groups.flat_map(|(group, &varies)| std::iter::repeat_n(varies, group.len())).collect();
    let program = lowered(f, options, &each);
    let call = RowCall::new(&program, &RowShape { varying: varying.to_vec(), reduce }, true);
    Case { unit: Arc::new(Unit::new(program, Some(call.clone()))), call: Arc::new(call) }
}

fn compiled(case: &Case) -> Arc<Code> {
    let unit = std::slice::from_ref(&case.unit);
    Code::of_units(unit, case.unit.program.options, &Stop::default()).unwrap().remove(0)
}

fn run<T: Scalar>(code: &Arc<Code>, case: &Case, rows: usize, inputs: &[Vec<T>]) -> Vec<Vec<u64>> {
    let lens = case.call.shape.reduce.iter().enumerate();
    let room = lens.map(|(k, &reduce)| case.call.output_len(k) * if reduce == Reduce::Each { rows } else { 1 });
    let mut outputs: Vec<Vec<T>> = room.map(|len| vec![T::lit(7.0); len]).collect();
    let slices: Vec<&[T]> = inputs.iter().map(Vec::as_slice).collect();
    let mut results: Vec<&mut [T]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    let rows_of = Rows { code: code.clone(), call: case.call.clone(), fixed: Some(rows) };
    rows_of.call_into(1, None, &slices, &mut results).unwrap();
    outputs.iter().map(|y| bits(y)).collect()
}

/// All three give the same, for some numbers of rows.
fn check<T: Scalar>(what: &str, f: &Function, varying: &[bool], reduce: &[Reduce], rows: &[usize], rng: &mut Rng) {
    let wide = case(f, varying, reduce.to_vec(), 512);
    let narrow = case(f, varying, reduce.to_vec(), 128);
    let codes = [compiled(&wide), compiled(&narrow), Arc::new(Code::interpreted(&wide.unit, "a test"))];
    for &rows in rows {
        let inputs: Vec<Vec<T>> = (f.inputs().iter().zip(varying))
            .map(|(group, &varies)| (0..group.len() * if varies { rows } else { 1 }).map(|_| T::lit(rng.number())).collect())
            .collect();
        let [a, b, c] = [0, 1, 2].map(|k| run(&codes[k], &wide, rows, &inputs));
        assert_eq!(b, c, "{what}: 128 bits and the interpreter, {rows} rows");
        assert_eq!(a, c, "{what}: 256 bits and the interpreter, {rows} rows");
    }
}

const ROWS: [usize; 14] = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 31, 40, 1029];

/// A value with its derivatives by all numbers, of groups of these lengths.
fn with_gradient(width: Width, lens: &[usize], body: impl FnOnce(&[Expr]) -> Expr) -> Function {
    let groups = lens.iter().enumerate().map(|(k, &len)| InputGroup::numbers(format!("x{k}"), len)).collect();
    let f = Function::build(width, groups, Location::caller(), |args| vec![NewOutput::new("y".to_owned(), vec![body(args)])]);
    f.unwrap().value_and_grad().unwrap()
}

/// An operation on some numbers; truth values are comparisons of them.
fn applied(op: Op, x: &[Expr]) -> Expr {
    let mut at = x.iter().cycle();
    let mut operand = |dtype: &DType| match dtype {
        DType::Mask => Value::Mask(at.next().unwrap().lt(0.5)),
        _ => Value::Num(*at.next().unwrap()),
    };
    let operands: Vec<Value<Expr, Cond>> = op.operands().iter().map(&mut operand).collect();
    match op.apply(&operands) {
        Value::Num(y) => y,
        Value::Mask(m) => select(m, x[0], lit::<Expr>(2.0)),
    }
}

/// All groups as columns, as rows of three, and with what all rows share; each of the results, and their sums.
fn layouts<T: Scalar>(what: &str, rng: &mut Rng, body: impl Fn(&[Expr]) -> Expr) {
    for (lens, varying) in [(vec![1, 1, 1], vec![true; 3]), (vec![3], vec![true]), (vec![5], vec![true]), (vec![1, 2], vec![true, false])] {
        let f = with_gradient(T::WIDTH, &lens, &body);
        for reduce in [Reduce::Each, Reduce::Sum] {
            check::<T>(what, &f, &varying, &vec![reduce; f.outputs().len()], &ROWS, rng);
        }
    }
}

#[test]
fn operations_with_gradients() {
    let mut rng = Rng(1);
    for &op in Op::ALL {
        layouts::<f64>(&format!("{op:?}"), &mut rng, |x| applied(op, x));
        layouts::<f32>(&format!("{op:?} in f32"), &mut rng, |x| applied(op, x));
    }
}

#[test]
fn random_bodies() {
    let mut rng = Rng(2);
    for seed in 0..30 {
        let body = |x: &[Expr]| {
            let mut rng = Rng(seed);
            let mut numbers = x.to_vec();
            for _ in 0..10 + rng.below(120) {
                let op = Op::ALL[rng.below(Op::ALL.len())];
                let of: Vec<Expr> = (0..3).map(|_| numbers[numbers.len() - 1 - rng.below(numbers.len().min(20))]).collect();
                numbers.push(applied(op, &of));
            }
            numbers.iter().skip(x.len()).step_by(3).fold(lit(0.0), |sum, &y| sum + y)
        };
        layouts::<f64>(&format!("body {seed}"), &mut rng, body);
        layouts::<f32>(&format!("body {seed} in f32"), &mut rng, body);
    }
}

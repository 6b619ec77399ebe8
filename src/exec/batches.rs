//! Random functions over batches, by every route: a call per row, the function of the batch, and the loop over its rows.

use super::random::Rng;
use super::{Code, Rows};
use crate::base::{Axis, Width};
use crate::eval::{Array, evaluated, joined, outputs_at, split};
use crate::graph::{Cond, Expr, Function, InputGroup, NewOutput};
use crate::op::{DType, Op, Scalar, Value, lit};
use crate::schedule::unit::Unit;
use crate::schedule::{Reduce, RowCall, RowForm, RowShape, Settings, lowered};
use crate::vmap::{Over, packed, reduced_of, vmap};
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use std::panic::Location;
use std::sync::Arc;

/// Operations that stay tame, whatever comes before.
const TAME: &[Op] = &[Op::Add, Op::Sub, Op::Neg, Op::Sin, Op::Tanh, Op::Atan, Op::Min, Op::Select, Op::Lt];

/// A function of groups of numbers, of a few of these operations.
fn random(rng: &mut Rng, width: Width, tame: bool) -> Function {
    let ops = if tame { TAME } else { Op::ALL };
    let groups = (0..1 + rng.below(4)).map(|k| InputGroup::numbers(format!("x{k}"), [1, 1, 2, 3, 0][rng.below(5)]));
    let mut groups: Vec<InputGroup> = groups.collect();
    groups.push(InputGroup::numbers("x", 1 + rng.below(3)));
    let made = Function::build(width, groups, Location::caller(), |args| {
        let mut numbers: Vec<Expr> = args.to_vec();
        let mut masks: Vec<Cond> = vec![numbers[0].lt(0.25)];
        for _ in 0..1 + rng.below(40) {
            let op = match ops[rng.below(ops.len())] {
                Op::Powi(_) => Op::Powi(rng.below(9) as i32 - 3),
                Op::Polygamma(_) => Op::Polygamma(rng.below(3) as i32),
                op => op,
            };
            let mut operand = |dtype: &DType| match dtype {
                DType::Mask => Value::Mask(masks[rng.below(masks.len())]),
                _ if rng.below(6) == 0 => Value::Num(lit(rng.within(2.0))),
                _ => Value::Num(numbers[rng.below(numbers.len())]),
            };
            let operands: Vec<Value<Expr, Cond>> = op.operands().iter().map(&mut operand).collect();
            match op.apply(&operands) {
                Value::Num(x) => numbers.push(x),
                Value::Mask(x) => masks.push(x),
            }
        }
        let mut output = |k: usize, len: usize| {
            let values = (0..len).map(|_| if rng.below(12) == 0 { lit(1.5) } else { numbers[rng.below(numbers.len())] });
            NewOutput::new(format!("y{k}"), values.collect())
        };
        vec![output(0, 1), output(1, 3), output(2, 0), output(3, 2)]
    });
    made.unwrap()
}

fn bits<T: Scalar>(x: &[T]) -> Vec<u64> {
    x.iter().map(|x| if x.to_f64().is_nan() { 0 } else { x.to_f64().to_bits() }).collect()
}

/// The outputs as arrays, of inputs as arrays.
fn of_groups<T: Scalar>(f: &Function, inputs: &[Array<T>]) -> Vec<Array<T>> {
    let values = f.inputs().iter().zip(inputs).flat_map(|(group, x)| split(x, group.len(), group.batch()).unwrap());
    let results = evaluated(f, &values.collect::<Vec<_>>()).unwrap();
    let mut results = &results[..];
    let output = |y: &crate::graph::OutputGroup| {
        let own;
        (own, results) = results.split_at(y.nodes().len());
        joined(own, y.batch())
    };
    f.outputs().iter().map(output).collect()
}

/// A row loop, interpreted.
fn of_rows<T: Scalar>(f: &Function, shape: &RowShape, options: Settings, rows: usize, inputs: &[Array<T>]) -> Vec<Vec<T>> {
    let groups = f.inputs().iter().zip(&shape.varying);
    let varying: Vec<bool> = groups.flat_map(|(group, &varies)| std::iter::repeat_n(varies, group.len())).collect();
    let program = lowered(f, options, &varying);
    let call = Arc::new(RowCall::new(&program, shape, options.fuse));
    let each = f.outputs().iter().zip(&shape.reduce);
    let room = each.map(|(y, &reduce)| y.nodes().len() * if reduce == Reduce::Each { rows } else { 1 });
    let mut results: Vec<Vec<T>> = room.map(|len| vec![T::lit(777.0); len]).collect();
    let slices: Vec<&[T]> = inputs.iter().map(Array::data).collect();
    let mut outputs: Vec<&mut [T]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    let unit = Arc::new(Unit::new(program, Some((*call).clone())));
    let code = Arc::new(Code::interpreted(&unit, "a test"));
    Rows { code, call, fixed: Some(rows) }.call_into(1, None, &slices, &mut outputs).unwrap();
    results
}

fn property<T: Scalar>(seed: u64, tame: bool) -> std::result::Result<(), TestCaseError> {
    let mut rng = Rng(seed);
    let f = random(&mut rng, T::WIDTH, tame);
    let groups = f.inputs();
    let mut varying: Vec<bool> = groups.iter().map(|_| rng.below(2) == 0).collect();
    // Some input tells how many rows there are.
    varying[groups.len() - 1] = true;
    let rows = [0, 1, 2, 3, 7, 17, 40][rng.below(7)];
    let names: Vec<&str> = groups.iter().zip(&varying).filter(|(_, varies)| **varies).map(|(group, _)| group.name()).collect();
    let axis = if rng.below(3) == 0 { Axis::Fixed(rows) } else { Axis::Open("n") };
    let mut batch = vmap(&f, axis, &names).unwrap();
    let mut reduce = vec![Reduce::Each; f.outputs().len()];
    for (y, reduce) in f.outputs().iter().zip(&mut reduce).filter(|_| axis == Axis::Open("n")) {
        let over = match rng.below(3) {
            0 => Over::Sum,
            1 => Over::Mean,
            _ => continue,
        };
        if !y.nodes().is_empty() {
            batch = reduced_of(&batch, over, "n", [y.name()]).unwrap();
            *reduce = if over == Over::Sum { Reduce::Sum } else { Reduce::Mean };
        }
    }
    let array = |(group, &varies): (&InputGroup, &bool)| {
        let shape = if varies { vec![rows] } else { vec![] };
        let shape = if group.len() == 1 { shape } else { [&shape[..], &[group.len()]].concat() };
        let data = (0..shape.iter().product()).map(|_| T::lit(rng.within(2.0)));
        Array::new(&shape, data.collect()).unwrap()
    };
    let inputs: Vec<Array<T>> = groups.iter().zip(&varying).map(array).collect();

    // The loop over the rows, and the one over those of the function itself: the same program.
    let form = RowForm::of(&batch).expect("it is a loop over rows");
    let shape = RowShape { varying: varying.clone(), reduce: reduce.clone() };
    prop_assert_eq!(&form.shape, &shape);
    prop_assert_eq!(form.rows, if axis == Axis::Open("n") { None } else { Some(rows) });
    for fuse in [true, false] {
        let options = Settings { fuse, ..Settings::default() };
        let looped = of_rows(&form.f, &form.shape, options, rows, &inputs);
        let own = of_rows(&f, &shape, options, rows, &inputs);
        for (a, b) in looped.iter().zip(&own) {
            prop_assert_eq!(bits(a), bits(b));
        }
    }
    // The function of the batch by the reference, as it is and as it lies in memory.
    let looped = of_rows(&form.f, &form.shape, Settings { fuse: false, ..Settings::default() }, rows, &inputs);
    let whole = of_groups(&batch, &inputs);
    let in_memory = of_groups(&packed(&batch), &inputs);
    for (k, ((a, b), c)) in looped.iter().zip(&whole).zip(&in_memory).enumerate() {
        prop_assert_eq!(bits(a), bits(b.data()), "output {}", k);
        prop_assert_eq!(b.shape(), c.shape());
        prop_assert_eq!(bits(b.data()), bits(c.data()));
    }
    // A call per row, by the platform's functions.
    for row in (0..rows).filter(|_| tame) {
        let part = |(x, (group, &varies)): (&Array<T>, (&InputGroup, &bool))| {
            let from = if varies { row * group.len() } else { 0 };
            x.data()[from..from + group.len()].to_vec()
        };
        let point: Vec<T> = inputs.iter().zip(groups.iter().zip(&varying)).flat_map(part).collect();
        let mut expected = &outputs_at(&f, &point).unwrap()[..];
        for ((y, got), reduce) in f.outputs().iter().zip(&looped).zip(&reduce) {
            let own;
            (own, expected) = expected.split_at(y.nodes().len());
            if *reduce == Reduce::Each {
                for (a, b) in got[row * own.len()..(row + 1) * own.len()].iter().zip(own) {
                    let (a, b) = (a.to_f64(), b.to_f64());
                    let most = if T::WIDTH == Width::F32 { 1e-3 } else { 1e-11 };
                    prop_assert!((a - b).abs() <= most * (1.0 + b.abs()), "{} is not {}", a, b);
                }
            }
        }
    }
    Ok(())
}

fn over(cases: u32, property: impl Fn(u64) -> std::result::Result<(), TestCaseError>) {
    // An interpreter of machine code takes minutes for one.
    let cases = if cfg!(miri) { 2 } else { cases };
    let mut config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20);
    }
    if let Err(error) = TestRunner::new(config).run(&any::<u64>(), property) {
        panic!("{error}");
    }
}

#[test]
fn every_route_gives_the_same() {
    over(400, |seed| property::<f64>(seed, false));
    over(400, |seed| property::<f32>(seed, false));
}

#[test]
fn a_batch_is_a_call_per_row() {
    over(200, |seed| property::<f64>(seed, true));
    over(200, |seed| property::<f32>(seed, true));
}

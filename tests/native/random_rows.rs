//! Random programs mapped over rows: native rows = interpreted rows = a loop over single calls, to the bit.

use crate::common::sums::summed;
use crate::common::{Random, Recipe, Rng, Tally, cases, same};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use wengert::compiled::Form;
use wengert::{Options, Scalar, Width};

/// What becomes of an output over the rows.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Reduce {
    Each,
    Sum,
    Mean,
}

/// Shared and varying inputs, and what becomes of each output.
struct Rows {
    groups: Vec<usize>,
    varying: Vec<bool>,
    reduce: Vec<Reduce>,
    rows: usize,
}

impl Rows {
    fn new(rng: &mut Rng, inputs: usize, outputs: usize) -> Rows {
        let mut groups = Vec::new();
        let mut left = inputs;
        while left > 0 {
            let len = 1 + rng.below(left.min(6));
            groups.push(len);
            left -= len;
        }
        let mut varying: Vec<bool> = groups.iter().map(|_| rng.chance(0.6)).collect();
        let k = rng.below(varying.len());
        varying[k] = true;
        let reduce = (0..outputs).map(|_| rng.pick(&[Reduce::Each, Reduce::Sum, Reduce::Mean])).collect();
        Rows { groups, varying, reduce, rows: rng.pick(&[0, 1, 2, 3, 4, 5, 8, 17, 31, 45]) }
    }
}

fn bits<T: Scalar>(v: T) -> f64 {
    v.to_f64()
}

fn property<T: Scalar>(seed: u64, program: &Random, [fuse, simplify]: [bool; 2], tally: &mut Tally) -> Result<(), TestCaseError> {
    let options = Options::new().fuse(fuse).simplify(simplify);
    let mut rng = Rng(seed ^ 5);
    let rows = Rows::new(&mut rng, program.inputs, program.outputs.len());
    let f = program.grouped(T::WIDTH, &rows.groups);
    let varying: Vec<String> = (0..rows.groups.len()).filter(|&g| rows.varying[g]).map(|g| format!("x{g}")).collect();
    let named = |r| -> Vec<String> { (0..rows.reduce.len()).filter(|&k| rows.reduce[k] == r).map(|k| format!("y{k}")).collect() };
    let mut map = f.vmap("n", &varying).unwrap();
    let (sums, means) = (named(Reduce::Sum), named(Reduce::Mean));
    if !sums.is_empty() {
        map = map.sum_of("n", sums).unwrap();
    }
    if !means.is_empty() {
        map = map.mean_of("n", means).unwrap();
    }

    // The first row is the point the program was made for, one row is of any floats, the others are near it.
    let mut offset = 0;
    let wild = rng.below(8);
    // Long programs are chaotic.
    let spread = if program.steps.len() > 1000 { 1e-6 } else { 0.01 };
    let mut inputs: Vec<Vec<T>> = Vec::new();
    for (&len, &varies) in rows.groups.iter().zip(&rows.varying) {
        let at = &program.point[offset..offset + len];
        offset += len;
        let mut values = Vec::new();
        for row in 0..if varies { rows.rows } else { 1 } {
            values.extend(at.iter().map(|&v| {
                T::lit(match row {
                    0 => v,
                    _ if row == wild => rng.any(),
                    _ => v * (1.0 + spread * rng.unit()),
                })
            }));
        }
        inputs.push(values);
    }
    let slices: Vec<&[T]> = inputs.iter().map(Vec::as_slice).collect();
    let room = || -> Vec<Vec<T>> {
        rows.reduce.iter().map(|&r| vec![T::lit(777.0); if r == Reduce::Each { rows.rows } else { 1 }]).collect()
    };
    let (mut interpreted, mut native) = (room(), room());
    for (out, by_interpreter) in [(&mut interpreted, true), (&mut native, false)] {
        let compiled = map.compile_with(options.clone().interpreted(by_interpreter)).unwrap();
        prop_assert_eq!(compiled.report().form, Form::Rows);
        compiled.call_into(&slices, &mut out.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
    }

    // One call per row, in which every input has its row. (A program for a single point takes other routines.)
    let names: Vec<&str> = f.inputs().iter().map(|group| group.name()).collect();
    let single = f.vmap("n", &names).unwrap().compile_with(options.interpreted(true)).unwrap();
    let mut expected: Vec<Vec<T>> = rows.reduce.iter().map(|_| vec![]).collect();
    for row in 0..rows.rows {
        let groups = inputs.iter().zip(&rows.groups).zip(&rows.varying);
        let point = groups.map(|((x, &len), &varies)| if varies { &x[row * len..(row + 1) * len] } else { &x[..] });
        let mut y: Vec<[T; 1]> = vec![[T::lit(777.0)]; expected.len()];
        let mut out: Vec<&mut [T]> = y.iter_mut().map(|y| &mut y[..]).collect();
        single.call_into(&point.collect::<Vec<_>>(), &mut out).unwrap();
        y.into_iter().zip(&mut expected).for_each(|([y], all)| all.push(y));
    }
    for (all, reduce) in expected.iter_mut().zip(&rows.reduce) {
        if *reduce == Reduce::Each {
            continue;
        }
        let sum = summed(all);
        *all = vec![if *reduce == Reduce::Mean { sum / T::lit(rows.rows as f64) } else { sum }];
    }
    for (k, expected) in expected.iter().enumerate() {
        for (i, &e) in expected.iter().enumerate() {
            let (a, b, e) = (bits(interpreted[k][i]), bits(native[k][i]), bits(e));
            // A product that is summed is not rounded before it is added, if that is allowed.
            let unknown = fuse && rows.reduce[k] != Reduce::Each;
            prop_assert!(
                same(a, b) && (same(a, e) || unknown),
                "y{k}[{i}] {:?}: interpreter {a:e}, native {b:e}, single {e:e}",
                rows.reduce[k]
            );
            if i != wild && (rows.rows <= wild || rows.reduce[k] == Reduce::Each) && rows.rows > 0 {
                tally.count(e);
            }
        }
    }
    Ok(())
}

fn over(
    sizes: std::ops::Range<usize>,
    outputs: std::ops::Range<usize>,
    check: impl Fn(u64, &Random, [bool; 2]) -> Result<(), TestCaseError>,
) {
    let strategy = (any::<u64>(), sizes, 1usize..7, outputs, prop_oneof![Just(0.0), Just(0.02)], any::<bool>());
    let mut runner = proptest::test_runner::TestRunner::new(cases(1000));
    let outcome = runner.run(&strategy, |(seed, steps, inputs, outputs, wild, mixed)| {
        // In a long program a few steps of any value spread far.
        let wild = if steps > 1000 { wild / 20.0 } else { wild };
        let program = Random::new(seed, Recipe { inputs, steps, outputs, wild, mixed, smooth: false });
        check(seed, &program, [seed % 2 == 0, seed / 2 % 2 == 0])
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn told(name: &str, tally: &Tally) {
    println!("{name}: {} numbers compared, {:.1} % finite and not zero", tally.total, 100.0 * tally.share());
    assert!(tally.share() >= 0.8);
}

/// Up to 20 outputs: more sums than are carried in registers.
#[test]
fn rows_are_a_loop_over_calls_f64() {
    let tally = RefCell::new(Tally::default());
    over(1..60, 1..21, |seed, program, options| property::<f64>(seed, program, options, &mut tally.borrow_mut()));
    told("rows, f64", &tally.borrow());
}

#[test]
fn rows_are_a_loop_over_calls_f32() {
    let tally = RefCell::new(Tally::default());
    over(1..60, 1..21, |seed, program, options| property::<f32>(seed, program, options, &mut tally.borrow_mut()));
    told("rows, f32", &tally.borrow());
}

/// More operations than one native function takes: the loop over the rows is outside, values go through scratch memory.
#[test]
fn rows_are_a_loop_over_calls_in_segments() {
    let (tally, segmented) = (RefCell::new(Tally::default()), Cell::new(0));
    over(2000..2800, 20..60, |seed, program, options| {
        let one = Options::new().fuse(options[0]).simplify(options[1]).interpreted(true);
        let operations = program.function(Width::F64).compile_with(one).unwrap().report().operations;
        segmented.set(segmented.get() + (operations > 500) as u32);
        property::<f64>(seed, program, options, &mut tally.borrow_mut())
    });
    told("rows in segments", &tally.borrow());
    assert!(segmented.get() >= 800, "{} of 1000 programs had more than 500 operations", segmented.get());
}

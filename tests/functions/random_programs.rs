//! Random programs over every operation of the table: all engines and all modes give what mathematics says.

use crate::common::{Random, Recipe, Rng, Step, Tally, cases, flat, same, same32};
use proptest::prelude::*;
use std::cell::{Cell, RefCell};
use wengert::check::Check;
use wengert::compiled::Tier;
use wengert::op::Op;
use wengert::simplify::Simplify;
use wengert::{Function, Options, Width};

/// Runs a property over random programs.
fn over(
    number: u32,
    sizes: std::ops::Range<usize>,
    outputs: std::ops::Range<usize>,
    property: impl Fn(u64, Recipe) -> Result<(), TestCaseError>,
) {
    let strategy = (any::<u64>(), sizes, 1usize..6, outputs, prop_oneof![Just(0.0), Just(0.02)], any::<bool>());
    let mut runner = proptest::test_runner::TestRunner::new(cases(number));
    let outcome = runner.run(&strategy, |(seed, steps, inputs, outputs, wild, mixed)| {
        property(seed, Recipe { inputs, steps, outputs, wild, mixed, smooth: false })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

const LOWERINGS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

fn narrow(x: &[f64]) -> Vec<f32> {
    x.iter().map(|&v| v as f32).collect()
}

/// On one program, interpreter and native code give the same bits.
fn engines_agree(f: &Function, options: Options, points: &[Vec<f64>], tally: &mut Tally) -> Result<(), TestCaseError> {
    let program = f.compile_with(options.clone().interpreted(true)).unwrap();
    for tier in [Tier::Best, Tier::Fast] {
        let native = f.compile_with(options.clone().tier(tier)).unwrap();
        for (k, x) in points.iter().enumerate() {
            let (a, b): (Vec<f64>, Vec<f64>) = if f.width() == Width::F64 {
                (flat(&program, x).unwrap(), flat(&native, x).unwrap())
            } else {
                let wide = |y: Vec<f32>| y.into_iter().map(f64::from).collect();
                let x = narrow(x);
                (wide(flat(&program, &x).unwrap()), wide(flat(&native, &x).unwrap()))
            };
            for (i, (&a, &b)) in a.iter().zip(&b).enumerate() {
                prop_assert!(same(a, b), "y[{i}] at {x:?} with {options:?} and {tier:?}: interpreter {a:e}, native {b:e}");
                if k == 0 && tier == Tier::Best {
                    tally.count(a);
                }
            }
        }
    }
    Ok(())
}

fn report(name: &str, tally: &Tally) {
    println!("{name}: {} numbers compared, {:.1} % finite and not zero", tally.total, 100.0 * tally.share());
    assert!(tally.share() >= 0.8, "too few comparisons say something");
}

#[test]
fn every_operation_takes_part() {
    let mut seen = std::collections::HashMap::new();
    for seed in 0..1000 {
        for step in Random::new(seed, Recipe { inputs: 3, steps: 40, outputs: 2, wild: 0.01, mixed: false, smooth: false }).steps
        {
            if let Step::Apply(op, _) = step {
                *seen.entry(op.name()).or_insert(0) += 1;
            }
        }
    }
    for op in Op::ALL {
        let count = seen.get(op.name()).copied().unwrap_or(0);
        assert!(count >= 50, "{} occurs {count} times in 1,000 programs", op.name());
    }
}

fn interpreter_is_native(width: Width) {
    let tally = RefCell::new(Tally::default());
    over(1000, 1..60, 1..4, |seed, recipe| {
        let program = Random::new(seed, recipe);
        let f = program.function(width);
        let points = program.points(&mut Rng(seed ^ 1));
        for (simplify, fuse) in LOWERINGS {
            let options = Options::new().simplify(simplify).fuse(fuse);
            engines_agree(&f, options, &points, &mut tally.borrow_mut())?;
        }
        Ok(())
    });
    report(&format!("interpreter = native, {width}"), &tally.borrow());
}

#[test]
fn interpreter_is_native_f64() {
    interpreter_is_native(Width::F64);
}

#[test]
fn interpreter_is_native_f32() {
    interpreter_is_native(Width::F32);
}

/// More operations than one native function takes, so that values go through scratch memory.
#[test]
fn interpreter_is_native_in_segments() {
    let segmented = Cell::new(0);
    let tally = RefCell::new(Tally::default());
    over(1000, 2000..2800, 20..60, |seed, recipe| {
        let program = Random::new(seed, recipe);
        let width = if seed % 3 == 0 { Width::F32 } else { Width::F64 };
        let f = program.function(width);
        let (simplify, fuse) = LOWERINGS[seed as usize / 3 % 4];
        let options = Options::new().simplify(simplify).fuse(fuse);
        let operations = f.compile_with(options.clone().interpreted(true)).unwrap().report().operations;
        segmented.set(segmented.get() + (operations > 500) as u32);
        let points = program.points(&mut Rng(seed ^ 1));
        engines_agree(&f, options, &points, &mut tally.borrow_mut())
    });
    report("interpreter = native in segments", &tally.borrow());
    println!("{} of 1000 programs had more than 500 operations", segmented.get());
    assert!(segmented.get() >= 800);
}

/// Derivatives are programs too, with other operations in other proportions.
#[test]
fn interpreter_is_native_on_derivatives() {
    let tally = RefCell::new(Tally::default());
    over(1000, 1..40, 1..2, |seed, recipe| {
        let program = Random::new(seed, Recipe { mixed: seed % 16 != 0, ..recipe });
        let f = program.function(if seed % 2 == 0 { Width::F64 } else { Width::F32 });
        let f = [f.value_and_grad(), f.jacobian(), f.vjp(), f.hessian()][seed as usize / 2 % 4].clone().unwrap();
        prop_assert!(f.graph().verify().is_ok());
        let mut rng = Rng(seed ^ 1);
        let tail: Vec<f64> = (program.inputs..f.input_len()).map(|_| rng.ordinary()).collect();
        let points = program.points(&mut rng).map(|x| [x, tail.clone()].concat());
        engines_agree(&f, Options::new(), &points, &mut tally.borrow_mut())
    });
    report("interpreter = native on derivatives", &tally.borrow());
}

/// Every mode against every other: values, Jacobians and Hessians, by the library's own check, without finite
/// differences (random programs have kinks and jumps; those have a property of their own).
#[test]
fn all_modes_agree() {
    let (compared, telling, undecided) = (RefCell::new(0), RefCell::new(0), RefCell::new(0));
    over(1000, 1..30, 1..4, |seed, recipe| {
        let mixed = seed % 8 != 0;
        let program = Random::new(seed, Recipe { inputs: recipe.inputs.min(4), mixed, ..recipe });
        let check = Check::new().finite_differences(false).skip_non_finite(true);
        let done = check.run(&program, &program.point).map_err(|error| TestCaseError::fail(format!("{error}\n{program:?}")))?;
        *compared.borrow_mut() += done.compared();
        *telling.borrow_mut() += done.telling();
        *undecided.borrow_mut() += done.undecided();
        // Anywhere else too; there, fewer numbers say something.
        for x in &program.points(&mut Rng(seed))[1..3] {
            check.run(&program, x).map_err(|error| TestCaseError::fail(format!("at {x:?}: {error}\n{program:?}")))?;
        }
        Ok(())
    });
    let (compared, telling, undecided) = (compared.into_inner(), telling.into_inner(), undecided.into_inner());
    println!("all modes: {compared} comparisons, {telling} telling, {undecided} undecided");
    assert!(telling as f64 >= 0.8 * compared as f64 && undecided * 20 < compared);
}

/// Exact rules keep every bit; every other level keeps the graph well-formed.
#[test]
fn simplification_keeps_every_bit() {
    let tally = RefCell::new(Tally::default());
    over(1000, 1..80, 1..4, |seed, recipe| {
        let program = Random::new(seed, recipe);
        for width in [Width::F64, Width::F32] {
            let f = program.function(width);
            let g = f.simplify();
            prop_assert!(g.graph().verify().is_ok());
            prop_assert!(
                g.graph().len() <= f.graph().len() + 16,
                "simplification made {} nodes of {}",
                g.graph().len(),
                f.graph().len()
            );
            let loose = f.simplify_with(Simplify::EXACT.rounding(true).finite(true));
            prop_assert!(loose.graph().verify().is_ok());
            let plain = Options::new().simplify(false).fuse(false).interpreted(true);
            let [f, g] = [f, g].map(|f| f.compile_with(plain.clone()).unwrap());
            for (k, x) in program.points(&mut Rng(seed ^ 1)).iter().enumerate() {
                if width == Width::F64 {
                    for (a, b) in flat(&f, x).unwrap().into_iter().zip(flat(&g, x).unwrap()) {
                        prop_assert!(same(a, b), "{a:e} became {b:e} at {x:?}");
                        if k == 0 {
                            tally.borrow_mut().count(a);
                        }
                    }
                } else {
                    let x = narrow(x);
                    for (a, b) in flat(&f, &x).unwrap().into_iter().zip(flat(&g, &x).unwrap()) {
                        prop_assert!(same32(a, b), "{a:e} became {b:e} at {x:?}");
                    }
                }
            }
        }
        Ok(())
    });
    report("simplification", &tally.borrow());
}

#[test]
fn transformations_give_well_formed_graphs() {
    over(1000, 1..40, 1..3, |seed, recipe| {
        let program = Random::new(seed, recipe);
        let f = program.function(Width::F64);
        let mut all = vec![f.jvp(), f.vjp(), f.jacobian(), f.simplify().jvp(), f.vjp().and_then(|g| g.jvp())];
        if recipe.outputs == 1 {
            all.extend([f.grad(), f.value_and_grad(), f.hvp(), f.hessian()]);
        }
        for g in all {
            let g = g.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(g.graph().verify().is_ok(), "{:?}", g.graph().verify());
            prop_assert_eq!(g.simplify().graph().verify().err().map(|e| e.to_string()), None);
        }
        Ok(())
    });
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Σ over all paths of the products of |partials|, times the seeds: rounding errors of a sweep are proportional to it.
fn path_sums(program: &Random, x: &[f64], seeds: &[f64]) -> Vec<f64> {
    let values = program.values(x);
    let mut sums = seeds.to_vec();
    for (k, step) in program.steps.iter().enumerate() {
        sums.push(match *step {
            Step::Apply(op, args) if op.result() == wengert::op::DType::Float => {
                let operands: Vec<_> = args[..op.arity()].iter().map(|&k| values[k]).collect();
                let edges = op.edges(&operands, values[program.inputs + k]);
                args.iter().zip(&edges[..op.arity()]).map(|(&k, edge)| (edge.partial() * sums[k]).abs()).sum()
            }
            _ => 0.0,
        });
    }
    program.outputs.iter().map(|&k| sums[k]).collect()
}

/// Whether rounding explains the difference. Where the paths' sum is not finite nothing can be said; the tally counts that.
fn near(got: f64, expected: f64, paths: f64) -> bool {
    same(got, expected) || !paths.is_finite() || (got - expected).abs() <= 1e-13 * paths + f64::MIN_POSITIVE
}

/// jvp(αu + βv) = α·jvp(u) + β·jvp(v), as graphs and as duals.
#[test]
fn jvp_is_linear_in_its_tangent() {
    let tally = RefCell::new(Tally::default());
    over(1000, 1..60, 1..4, |seed, recipe| {
        let program = Random::new(seed, recipe);
        let mut rng = Rng(seed ^ 7);
        let (alpha, beta) = (rng.ordinary(), rng.ordinary());
        let u: Vec<f64> = program.point.iter().map(|_| rng.ordinary()).collect();
        let v: Vec<f64> = program.point.iter().map(|_| rng.ordinary()).collect();
        let w: Vec<f64> = u.iter().zip(&v).map(|(u, v)| alpha * u + beta * v).collect();
        let native = program.function(Width::F64).jvp().unwrap().compile().unwrap();
        let jvp = |t: &[f64]| flat(&native, &[&program.point, t].concat()).unwrap()[recipe.outputs..].to_vec();
        let (du, dv, dw) = (jvp(&u), jvp(&v), jvp(&w));
        let seeds: Vec<f64> = u.iter().zip(&v).map(|(u, v)| (alpha * u).abs() + (beta * v).abs()).collect();
        let scale = path_sums(&program, &program.point, &seeds);
        for k in 0..recipe.outputs {
            let expected = alpha * du[k] + beta * dv[k];
            prop_assert!(near(dw[k], expected, scale[k]), "{} for {expected}, paths {}", dw[k], scale[k]);
            tally.borrow_mut().count(expected);
        }
        Ok(())
    });
    report("linearity", &tally.borrow());
}

/// The derivative of g∘f, inlined into one graph, is the product of both Jacobians.
#[test]
fn chain_rule_by_inlining() {
    let tally = RefCell::new(Tally::default());
    over(1000, 1..30, 1..4, |seed, recipe| {
        let inner = Random::new(seed, recipe);
        let middle = inner.call_at(&inner.point);
        // The outer program is made for the point where the inner one ends.
        let outer = Random::at(seed ^ 3, middle.clone(), Recipe { inputs: recipe.outputs, outputs: 2, ..recipe });
        let (f, g) = (inner.function(Width::F64), outer.function(Width::F64));
        let both = Function::trace(("x", inner.inputs), |x| g.eval(&f.eval(&x).unwrap()).unwrap()).unwrap();
        let (x, n, m) = (&inner.point, inner.inputs, middle.len());
        let whole = both.jacobian().unwrap().eval(x).unwrap();
        let (first, second) = (f.jacobian().unwrap().eval(x).unwrap(), g.jacobian().unwrap().eval(&middle).unwrap());
        for j in 0..n {
            let seed: Vec<f64> = (0..n).map(|k| (k == j) as u8 as f64).collect();
            let scale = path_sums(&outer, &middle, &path_sums(&inner, x, &seed));
            let column: Vec<f64> = (0..m).map(|k| first[k * n + j]).collect();
            for i in 0..2 {
                let expected = dot(&second[i * m..(i + 1) * m], &column);
                let got = whole[i * n + j];
                // 0·∞ in the product of the matrices, where the graph has no path.
                if expected.is_nan() {
                    continue;
                }
                prop_assert!(near(got, expected, scale[i]), "{got} for {expected}, paths {}", scale[i]);
                tally.borrow_mut().count(expected);
            }
        }
        Ok(())
    });
    report("chain rule", &tally.borrow());
}

/// Where nothing jumps, finite differences decide nearly always, and then they agree.
#[test]
fn finite_differences_agree() {
    let (decided, undecided) = (Cell::new(0), Cell::new(0));
    over(1000, 1..20, 1..3, |seed, recipe| {
        let program = Random::new(seed, Recipe { wild: 0.0, smooth: true, ..recipe });
        let run = |on| Check::new().finite_differences(on).second_order(false).native(false).run(&program, &program.point);
        let with = run(true).map_err(|error| TestCaseError::fail(format!("{error}\n{program:?}")))?;
        let without = run(false).unwrap();
        decided.set(decided.get() + with.compared() - without.compared());
        undecided.set(undecided.get() + with.undecided() - without.undecided());
        Ok(())
    });
    println!("finite differences: {} decided, {} undecided", decided.get(), undecided.get());
    assert!(decided.get() > 4000 && undecided.get() * 5 < decided.get());
}

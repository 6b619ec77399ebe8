use super::classes::{Unit, units};
use super::columns::{Place, pieces};
use super::flat::{Flat, Sums, What};
use super::*;
use crate::op::{Op, Real};
use crate::{Expr, lit};

fn flat_units(f: &Function) -> Vec<usize> {
    let mut sizes: Vec<usize> =
        units(&mut Flat::new(f, Sums::All), usize::MAX / 2).unwrap().iter().map(|unit: &Unit| unit.members.len()).collect();
    sizes.sort_unstable();
    sizes
}

fn places(all: impl IntoIterator<Item = (u32, u32)>) -> Vec<Place> {
    all.into_iter().map(|(array, index)| Place { array, index }).collect()
}

/// The rolled function gives what the flat one gives, to the bit.
fn check(f: &Function, rolled: &Function, x: &[f64]) {
    let y = |f: &Function| {
        let y = f.run([("x", x.to_vec())]).unwrap();
        y.iter().flat_map(|(_, y)| y.data().iter().map(|y| y.to_bits()).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    assert_eq!(y(f), y(rolled));
}

fn point(n: usize) -> Vec<f64> {
    (0..n).map(|k| 0.3 + (k as f64 * 0.7).sin()).collect()
}

#[test]
fn a_long_sum_is_one_node_with_its_terms_in_order() {
    let f = Function::trace(("x", 40), |x| {
        x[1..].iter().enumerate().fold(x[0], |sum, (k, &x)| if k % 3 == 0 { sum - x } else { sum + x })
    });
    let flat = Flat::new(&f.unwrap(), Sums::All);
    let [sum] = &flat.sums[..] else { panic!("one sum") };
    assert_eq!(sum.first, 0);
    assert_eq!(sum.links.iter().map(|link| link.terms[0]).collect::<Vec<_>>(), (1..40).collect::<Vec<_>>());
    assert!(sum.links.iter().enumerate().all(|(k, link)| (link.op == Op::Sub) == (k % 3 == 0)));
    assert_eq!(flat.operations(), 39);
    // A chain whose parts are used otherwise, or a short one, stays what it is.
    let short = Function::trace(("x", 30), |x| x[1..].iter().fold(x[0], |sum, &x| sum + x)).unwrap();
    assert_eq!(Flat::new(&short, Sums::All).sums, []);
    let seen = Function::trace(("x", 40), |x| {
        let mut sums = vec![x[0]];
        x[1..].iter().for_each(|&x| sums.push(sums[sums.len() - 1] + x));
        sums
    });
    assert_eq!(Flat::new(&seen.unwrap(), Sums::All).sums, []);
}

#[test]
fn a_loop_over_inputs_is_a_class_for_each_of_its_operations() {
    let f = Function::trace(("x", 100), |x| x.iter().map(|&x| (x * x + 1.0).sqrt()).collect::<Vec<_>>()).unwrap();
    assert_eq!(flat_units(&f), [100, 100, 100]);
    // Members used in different ways are split.
    let f = Function::trace(("x", 100), |x| {
        let y = |k: usize| x[k] * x[k] + 1.0;
        (0..100).map(|k| if k % 2 == 0 { y(k).sqrt() } else { y(k).abs() }).collect::<Vec<_>>()
    });
    assert_eq!(flat_units(&f.unwrap()), [50; 6]);
}

#[test]
fn constants_of_few_values_are_told_apart_and_others_are_not() {
    let scaled = |scale: fn(usize) -> f64| {
        let f = Function::trace(("x", 64), |x| x.iter().zip(0..).map(|(&x, k)| x.exp() * scale(k)).collect::<Vec<_>>());
        flat_units(&f.unwrap())
    };
    assert_eq!(scaled(|k| [2.0, 3.0][k % 2]), [32, 32, 32, 32]);
    assert_eq!(scaled(|k| 2.0 + k as f64), [64, 64]);
}

/// Nodes that depend on each other are in different units, and units come after what they read, whatever the graph.
#[test]
fn no_unit_depends_on_itself() {
    let recurrence = Function::trace(("x", 4), |x| (0..500).fold(x[0], |y, k| (y * x[k % 4]).sin())).unwrap();
    assert_eq!(flat_units(&recurrence), vec![1; 1000]);
    let interleaved = Function::trace(("x", 64), |x| {
        let mut y = x.clone();
        for turn in 1..6 {
            let last = y.clone();
            y.iter_mut().enumerate().for_each(|(k, y)| *y = (last[(k + turn) % 64] * last[(k * turn) % 64]).cos());
        }
        y
    });
    for f in [recurrence, interleaved.unwrap()] {
        let mut flat = Flat::new(&f, Sums::All);
        let flat_len = flat.len();
        let all = units(&mut flat, flat_len).unwrap();
        let mut unit_of = vec![usize::MAX; flat.len()];
        all.iter().enumerate().for_each(|(at, unit)| unit.members.iter().for_each(|&k| unit_of[k as usize] = at));
        for k in (0..flat.len()).filter(|&k| matches!(flat.what[k], What::Apply(_))) {
            let is_before = |&x: &u32| matches!(flat.what[x as usize], What::Input) || unit_of[x as usize] < unit_of[k];
            assert!(flat.operands(k).iter().all(is_before));
        }
    }
}

#[test]
fn columns_are_found_in_rows_and_with_steps() {
    let along = places((0..10).map(|k| (0, 3 + 2 * k)));
    let [piece] = &pieces(&along, 1).unwrap()[..] else { panic!("one piece") };
    assert_eq!((piece.rows, &piece.columns[..]), (10, &[(along[0], 2)][..]));
    let backward = places((0..10).map(|k| (0, 20 - k)));
    assert_eq!(pieces(&backward, 1).unwrap()[0].columns, [(backward[0], -1)]);
    // Two arrays by turns, with an odd number at the start.
    let turns = places([(7, 0)].into_iter().chain((0..20).map(|k| (k % 2, 5 + k / 2))));
    let found = pieces(&turns, 2).unwrap();
    assert_eq!(found.iter().map(|piece| (piece.rows, piece.columns.len())).collect::<Vec<_>>(), [(1, 1), (10, 2)]);
    assert_eq!(found[1].columns, [(turns[1], 1), (turns[2], 1)]);
    assert_eq!(pieces(&turns, 1), None);
    let mixed = places((0..40).map(|k| (0, k * k)));
    assert_eq!(pieces(&mixed, 16), None);
}

/// Every piece stands for the places that it was found in.
#[test]
fn pieces_are_what_they_were_found_in() {
    let mut seed = 1u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (seed >> 33) % n
    };
    for _ in 0..300 {
        let mut all = Vec::new();
        for _ in 0..1 + random(5) {
            let (array, start, step, len, width) = (random(2), random(9), random(3), 1 + random(30), 1 + random(3));
            all.extend((0..len).map(|k| ((array + k % width) as u32, (start + step * (k / width)) as u32)));
        }
        let all = places(all);
        let found = pieces(&all, all.len()).unwrap();
        let again = found.iter().flat_map(|piece| {
            (0..piece.len()).map(|k| {
                let (place, step) = piece.columns[k % piece.columns.len()];
                let index = place.index as isize + step * (k / piece.columns.len()) as isize;
                Place { index: index as u32, ..place }
            })
        });
        assert_eq!(again.collect::<Vec<_>>(), all);
    }
}

#[test]
fn rosenbrock_rolls_with_its_bits() {
    let n = 300;
    let term = |a: Expr, b: Expr| lit::<Expr>(100.0) * (b - a * a).powi(2) + (1.0 - a).powi(2);
    let f = Function::trace(("x", n), |x| (1..n).fold(lit(0.0), |sum: Expr, k| sum + term(x[k - 1], x[k]))).unwrap();
    let f = f.value_and_grad().unwrap().simplify();
    let (rolled, counts) = of_at_least(&f, 100).unwrap();
    assert!(counts.rolled > 20 * counts.straight && counts.sums == 1, "{counts:?}");
    check(&f, &rolled, &point(n));
}

#[test]
fn sums_with_every_kind_of_link_keep_their_order() {
    let n = 200;
    let f = Function::trace(("x", n), |x| {
        let sum = |start: Expr| x.chunks(2).fold(start, |sum, x| Real::mul_add(x[0], x[1], sum - x[0].exp()) + x[1].abs());
        (("a", sum(x[3])), ("b", x.iter().map(|&x| x.exp() * x).collect::<Vec<_>>()))
    });
    let f = f.unwrap();
    let (rolled, counts) = of_at_least(&f, 100).unwrap();
    assert_eq!(counts.sums, 1);
    check(&f, &rolled, &point(n));
}

#[test]
fn what_does_not_repeat_is_left() {
    let recurrence = Function::trace(("x", 4), |x| (0..500).fold(x[0], |y, k| (y * x[k % 4]).sin())).unwrap();
    assert!(of_at_least(&recurrence, 100).is_none());
    // A class whose operands are all over the place.
    let mixed = Function::trace(("x", 401), |x| (0..400).map(|k| x[k * k % 401] * x[k]).collect::<Vec<_>>()).unwrap();
    assert!(of_at_least(&mixed, 100).is_none());
    // And so few operations that straight-line code is as good.
    let few = Function::trace(("x", 1000), |x| x.iter().map(|&x| x.exp()).collect::<Vec<_>>()).unwrap();
    assert!(rolled(&few, true).is_none() && of_at_least(&few, 1000).is_some());
}

/// A million operations, all of one class, or none like another one, take a time in proportion.
#[test]
fn large_graphs_are_no_trouble() {
    let n = 1000;
    let one = Function::trace(("x", n), |x| (0..n * n).map(|k| x[k / n] - x[k % n] * 0.5).collect::<Vec<_>>());
    assert_eq!(flat_units(&one.unwrap()).last(), Some(&(n * n)));
    let deep = Function::trace("x", |x| (0..1_000_000).fold(x, |y, k| if k % 2 == 0 { y + x } else { y * x })).unwrap();
    assert_eq!(flat_units(&deep).len(), 1_000_000);
}

//! The evals of GradBench (github.com/gradbench/gradbench) as the adapter in `examples/gradbench` has them, each beside an objective and a
//! derivative written by hand.

mod ba;
mod descent;
mod det;
mod gmm;
mod ht;
mod kmeans;
mod llsq;
mod lse;
mod lstm;
mod ode;
mod particle;
mod saddle;

use crate::bench::*;
use serde_json::{Value, json};
use std::hint::black_box;
use wengert_gradbench::{self as adapter, prepared::Prepare};

/// What the rows of an eval aim at, and what they are measured in.
struct Targets {
    unit: Unit,
    primal: Target,
    derivative: Target,
    /// Derivative over primal, both ours.
    cost: Target,
}

pub fn run(bench: &mut Bench) {
    bench.section("GradBench: objectives and derivatives, by the adapter / by hand");
    for (name, d, k, most) in [("gmm.d2k5", 2, 5, 0.35), ("gmm.d10k25", 10, 25, 0.5), ("gmm.d64k25", 64, 25, 0.45)] {
        mixture(bench, name, (d, k), most);
    }
    adjustment(bench);
    memory(bench);
    hand(bench, "ht.simple", include_str!("../../../examples/gradbench/cases/ht_simple_small.json"));
    hand(bench, "ht.complicated", include_str!("../../../examples/gradbench/cases/ht_complicated_small.json"));
    exponentials(bench);
    equation(bench);
    polynomial(bench);
    determinant(bench);
    clusters(bench);
    descents(bench);
}

/// Panics unless all arrays agree to 1e-9 of their largest magnitude.
fn close(what: &str, ours: &[Vec<f64>], by_hand: &[Vec<f64>]) {
    assert_eq!(ours.len(), by_hand.len(), "{what}");
    for (a, b) in ours.iter().zip(by_hand) {
        assert_eq!(a.len(), b.len(), "{what}");
        let largest = b.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        for (k, (x, y)) in a.iter().zip(b).enumerate() {
            assert!((x - y).abs() <= 1e-9 * largest, "{what}: number {k} is {x} here and {y} by hand, the largest {largest}");
        }
    }
}

/// The three rows of an eval.
fn rows(bench: &mut Bench, name: &str, targets: Targets, ours: [&mut dyn FnMut(); 2], by_hand: [&mut dyn FnMut(); 2]) {
    let ([primal, derivative], [hand_primal, hand_derivative]) = (ours, by_hand);
    let row = |kind: &str| format!("gradbench.{name}.{kind}");
    let (what, unit) = ("by the adapter / by hand", (targets.unit, 1.0));
    bench.pair(&row("primal"), what, unit, targets.primal, |_| primal(), |_| hand_primal());
    bench.pair(&row("derivative"), what, unit, targets.derivative, |_| derivative(), |_| hand_derivative());
    bench.pair(&row("cost"), "derivative / primal, by the adapter", unit, targets.cost, |_| derivative(), |_| primal());
}

/// Prepares objective and derivative, asserts that both sides agree, and prints the rows. What is written by hand fills arrays of the
/// same lengths.
fn compare(
    bench: &mut Bench,
    name: &str,
    targets: Targets,
    prepare: [Prepare; 2],
    input: &Value,
    mut hand_primal: impl FnMut(&mut [Vec<f64>]),
    mut hand_derivative: impl FnMut(&mut [Vec<f64>]),
) {
    let [mut primal, mut derivative] = prepare.map(|prepare| prepare(input).expect("a sound input").run);
    let (y, dy) = (primal().unwrap().to_vec(), derivative().unwrap().to_vec());
    let blank = |y: &[Vec<f64>]| y.iter().map(|y| vec![0.0; y.len()]).collect::<Vec<_>>();
    let (mut z, mut dz) = (blank(&y), blank(&dy));
    hand_primal(&mut z);
    hand_derivative(&mut dz);
    close(name, &y, &z);
    close(name, &dy, &dz);
    rows(
        bench,
        name,
        targets,
        [&mut || drop(black_box(primal().unwrap())), &mut || drop(black_box(derivative().unwrap()))],
        [&mut || hand_primal(black_box(&mut z)), &mut || hand_derivative(black_box(&mut dz))],
    );
}

fn wants(bench: &Bench, name: &str) -> bool {
    bench.wants_within(&format!("gradbench.{name}"))
}

fn within(derivative: f64) -> Targets {
    Targets { unit: MS, primal: Target::Within(1.1), derivative: Target::Within(derivative), cost: Target::None }
}

/// `n` numbers, from sines whose arguments do not repeat.
fn waves(n: usize, scale: f64, speed: f64) -> Vec<f64> {
    (0..n).map(|i| scale * (speed * i as f64 + 0.5).sin()).collect()
}

/// `n` numbers from 0 to 1 that look like chance: what is behind the point of large sines.
fn fractions(n: usize) -> Vec<f64> {
    waves(n, 1e4, 1.7).into_iter().map(|v| v.rem_euclid(1.0)).collect()
}

/// A thousand points; numbers are sines of their place.
fn mixture(bench: &mut Bench, name: &str, (d, k): (usize, usize), most: f64) {
    const POINTS: usize = 1000;
    if !wants(bench, name) {
        return;
    }
    let below = d * (d - 1) / 2;
    let problem = gmm::Problem {
        d,
        k,
        x: waves(POINTS * d, 1.5, 1.7),
        alpha: waves(k, 1.0, 2.3),
        mu: waves(k * d, 1.0, 1.3),
        q: waves(k * d, 0.7, 0.9),
        l: waves(k * below, 0.5, 1.1),
        gamma: 1.0,
        m: 0.0,
    };
    let nested = |v: &[f64], len: usize| if len == 0 { vec![vec![]; k] } else { v.chunks(len).map(<[f64]>::to_vec).collect() };
    let input = json!({
        "d": d, "k": k, "n": POINTS, "x": nested(&problem.x, d), "m": problem.m, "gamma": problem.gamma, "alpha": problem.alpha,
        "mu": nested(&problem.mu, d), "q": nested(&problem.q, d), "l": nested(&problem.l, below),
    });
    let (mut room, mut other) = (problem.room(), problem.room());
    compare(
        bench,
        name,
        within(most),
        [adapter::gmm::objective, adapter::gmm::jacobian],
        &input,
        |y| y[0][0] = black_box(&problem).objective(&mut room),
        |dy| {
            let [alpha, mu, q, l] = dy else { unreachable!("four arrays") };
            black_box(&problem).derivative(&mut other, [alpha, mu, q, l]);
        },
    );
}

/// As many cameras, points and observations as ba1 has, each different: around the file's by sines of its place.
fn adjustment(bench: &mut Bench) {
    const NAME: &str = "ba.ba1";
    if !wants(bench, NAME) {
        return;
    }
    let case: Value = serde_json::from_str(include_str!("../../../examples/gradbench/cases/ba1.json")).unwrap();
    let input = &case["entries"][0]["input"];
    let count = |key: &str| input[key].as_u64().unwrap() as usize;
    let (n, m, p) = (count("n"), count("m"), count("p"));
    let near = |key: &str, k: usize, i: usize| input[key][k].as_f64().unwrap() * (1.0 + 0.05 * (1.9 * i as f64 + k as f64).sin());
    let problem = adapter::ba::Problem {
        cameras: (0..n).map(|i| std::array::from_fn(|k| near("cam", k, i))).collect(),
        points: (0..m).map(|i| std::array::from_fn(|k| near("x", k, i))).collect(),
        weights: waves(p, 1.0, 0.7),
        features: (0..p).map(|i| std::array::from_fn(|k| near("feat", k, i))).collect(),
        observations: (0..p).map(|i| (i % n, i % m)).collect(),
    };
    let mut errors = adapter::ba::Kernels::errors().unwrap();
    let mut jacobian = adapter::ba::Jacobian::new().unwrap();
    let (mut y, mut z) = ([vec![0.0; 2 * p], vec![0.0; p]], [vec![0.0; 2 * p], vec![0.0; p]]);
    let (mut dy, mut dz) = (adapter::ba::Csr::default(), adapter::ba::Csr::default());
    let mut primal = || {
        let [of_points, of_weights] = &mut y;
        errors.run(black_box(&problem), of_points, of_weights).unwrap();
    };
    let mut hand_primal = || {
        let [of_points, of_weights] = &mut z;
        ba::objective(black_box(&problem), of_points, of_weights);
    };
    primal();
    hand_primal();
    jacobian.run(&problem, &mut dy).unwrap();
    ba::derivative(&problem, &mut dz);
    let by_kind = |values: &[f64]| [values[..30 * p].to_vec(), values[30 * p..].to_vec()];
    close(NAME, &by_kind(&dy.values), &by_kind(&dz.values));
    assert!(dy.rows == dz.rows && dy.columns == dz.columns, "both sides place their numbers alike");
    rows(
        bench,
        NAME,
        within(0.4),
        [&mut primal, &mut || jacobian.run(black_box(&problem), &mut dy).unwrap()],
        [&mut hand_primal, &mut || ba::derivative(black_box(&problem), &mut dz)],
    );
    close(NAME, &y, &z);
    bench.pair(
        "gradbench.ba.ba1.values",
        "the derivatives' values alone",
        (MS, 1.0),
        Target::Within(0.35),
        |_| jacobian.values(black_box(&problem), black_box(&mut dy.values)).unwrap(),
        |_| ba::values(black_box(&problem), black_box(&mut dz.values)),
    );
}

/// Two layers of the width 14, and 1,024 characters: bits by a rule.
fn memory(bench: &mut Bench) {
    const NAME: &str = "lstm.l2c1024";
    const LAYERS: usize = 2;
    const WIDTH: usize = 14;
    if !wants(bench, NAME) {
        return;
    }
    let problem = lstm::Problem {
        layers: LAYERS,
        width: WIDTH,
        main: waves(8 * LAYERS * WIDTH, 1.0, 1.7),
        extra: waves(3 * WIDTH, 1.0, 1.3),
        state: waves(2 * LAYERS * WIDTH, 1.0, 0.9),
        sequence: waves(1024 * WIDTH, 1.0, 2.1).into_iter().map(|v| f64::from(u8::from(v > 0.3))).collect(),
    };
    let nested = |v: &[f64], len: usize| v.chunks(len).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let input = json!({
        "main_params": nested(&problem.main, 4 * WIDTH), "extra_params": nested(&problem.extra, WIDTH),
        "state": nested(&problem.state, WIDTH), "sequence": nested(&problem.sequence, WIDTH),
    });
    let (mut room, mut other) = (problem.room(), problem.room());
    compare(
        bench,
        NAME,
        within(0.45),
        [adapter::lstm::objective, adapter::lstm::jacobian],
        &input,
        |y| y[0][0] = black_box(&problem).objective(&mut room),
        |dy| {
            let [main, extra] = dy else { unreachable!("two arrays") };
            black_box(&problem).derivative(&mut other, main, extra);
        },
    );
}

/// The suite's small hand, and 192 points: those of the case, and again with other vertices.
fn hand(bench: &mut Bench, name: &str, case: &str) {
    const POINTS: usize = 192;
    if !wants(bench, name) {
        return;
    }
    let mut case: Value = serde_json::from_str(case).unwrap();
    let input = &mut case["entries"][0]["input"];
    let again = |list: &mut Value, shift: bool| {
        let list = list.as_array_mut().unwrap();
        for i in 0..if list.is_empty() { 0 } else { POINTS - list.len() } {
            let value = list[i].clone();
            list.push(value.as_u64().filter(|_| shift).map_or(value, |v| json!((v + 7) % 500)));
        }
    };
    again(&mut input["us"], false);
    again(&mut input["data"]["correspondences"], true);
    again(&mut input["data"]["points"], false);
    let problem = ht::Problem::read(input);
    compare(
        bench,
        name,
        within(1.0),
        [adapter::ht::objective, adapter::ht::jacobian],
        input,
        |y| black_box(&problem).objective(&mut y[0]),
        |dy| black_box(&problem).derivative(&mut dy[0]),
    );
}

fn exponentials(bench: &mut Bench) {
    const NAME: &str = "lse.n1280000";
    if !wants(bench, NAME) {
        return;
    }
    let x: Vec<f64> = waves(1_280_000, 0.5, 1.7).into_iter().map(|v| v + 0.5).collect();
    compare(
        bench,
        NAME,
        within(0.45),
        [adapter::lse::primal, adapter::lse::gradient],
        &json!({ "x": x }),
        |y| y[0][0] = lse::objective(black_box(&x)),
        |dy| lse::derivative(black_box(&x), &mut dy[0]),
    );
}

/// The last component's derivative is nothing where there are more components than a hundred steps reach, so both sides are
/// compared for few of them as well.
fn equation(bench: &mut Bench) {
    const NAME: &str = "ode.n1000s100";
    if !wants(bench, NAME) {
        return;
    }
    let (few, steps) = (waves(9, 0.5, 1.7).iter().map(|v| v + 1.5).collect::<Vec<_>>(), 25);
    let mut gradient = adapter::ode::gradient(&json!({"x": few, "s": steps})).unwrap().run;
    let mut by_hand = vec![vec![0.0; few.len()]];
    ode::derivative(&few, steps, &mut ode::Room::new(few.len(), steps), &mut by_hand[0]);
    close("ode.n9s25", &gradient().unwrap(), &by_hand);

    let (x, steps) = (waves(1000, 0.5, 1.7).into_iter().map(|v| v + 0.5).collect::<Vec<_>>(), 100);
    let (mut room, mut other) = (ode::Room::new(x.len(), steps), ode::Room::new(x.len(), steps));
    compare(
        bench,
        NAME,
        Targets { derivative: Target::None, cost: Target::Within(4.0), ..within(1.0) },
        [adapter::ode::primal, adapter::ode::gradient],
        &json!({"x": x, "s": steps}),
        |y| ode::objective(black_box(&x), steps, &mut room, &mut y[0]),
        |dy| ode::derivative(black_box(&x), steps, &mut other, &mut dy[0]),
    );
}

fn polynomial(bench: &mut Bench) {
    const NAME: &str = "llsq.n1024m128";
    if !wants(bench, NAME) {
        return;
    }
    let (n, x) = (1024, waves(128, 0.5, 1.7).into_iter().map(|v| v + 0.5).collect::<Vec<_>>());
    compare(
        bench,
        NAME,
        within(0.3),
        [adapter::llsq::primal, adapter::llsq::gradient],
        &json!({"x": x, "n": n}),
        |y| y[0][0] = llsq::objective(black_box(&x), n),
        |dy| llsq::derivative(black_box(&x), n, &mut dy[0]),
    );
}

/// Both sides have every minor once. How long it takes to get there is of the largest that the suite asks for.
fn determinant(bench: &mut Bench) {
    const NAME: &str = "det.l8";
    const TRACE: &str = "gradbench.det.l11.trace";
    const READY: &str = "gradbench.det.l11.ready";
    if wants(bench, NAME) {
        let (l, a) = (8, fractions(64));
        let (mut room, mut other) = (det::Room::new(l), det::Room::new(l));
        compare(
            bench,
            NAME,
            Targets { unit: US, ..within(0.5) },
            [adapter::det::primal, adapter::det::gradient],
            &json!({"A": a, "ell": l}),
            |y| y[0][0] = det::objective(black_box(&a), l, &mut room),
            |dy| det::derivative(black_box(&a), l, &mut other, &mut dy[0]),
        );
    }
    if bench.wants(TRACE) {
        let traced: Vec<f64> = (0..5).map(|_| 1e3 * timed(|| adapter::det::determinant(11).unwrap()).1.as_secs_f64()).collect();
        bench.absolute(TRACE, "the trace of the largest", &traced, "ms", Target::None);
    }
    if bench.wants(READY) {
        let input = json!({"A": fractions(121), "ell": 11});
        let ready: Vec<f64> = (0..5).map(|_| 1e3 * waited(|| adapter::det::gradient(&input).unwrap()).1).collect();
        bench.absolute(READY, "trace, derivative and code of the largest", &ready, "ms", Target::None);
    }
}

/// The last points are the centroids.
fn clusters(bench: &mut Bench) {
    const NAME: &str = "kmeans.k100n10000d8";
    if !wants(bench, NAME) {
        return;
    }
    let (k, n, d) = (100, 10_000, 8);
    let points = fractions(n * d);
    let problem = kmeans::Problem { d, centroids: points[(n - k) * d..].to_vec(), points };
    let nested = |v: &[f64]| v.chunks(d).map(<[f64]>::to_vec).collect::<Vec<_>>();
    let input = json!({"points": nested(&problem.points), "centroids": nested(&problem.centroids)});
    let mut counts = vec![0.0; k];
    compare(
        bench,
        NAME,
        within(0.5),
        [adapter::kmeans::cost, adapter::kmeans::dir],
        &input,
        |y| y[0][0] = black_box(&problem).cost(),
        |dy| black_box(&problem).direction(&mut counts, &mut dy[0]),
    );
}

/// A whole descent from the suite's start, in each pair of modes: where the outer one is forward, beside derivatives by hand, else beside dual
/// numbers in a plain loop.
fn descents(bench: &mut Bench) {
    use adapter::{particle as p, saddle as s};
    let modes = ["ff", "fr", "rf", "rr"];
    let start = [1.0, 1.0];
    let from = || *black_box(&start);
    let (of_particle, of_saddle) = (json!({"w": 0.0}), json!({ "start": start }));
    let list = |y: &[f64]| vec![y.to_vec()];
    for (mode, prepare) in modes.into_iter().zip([p::ff, p::fr, p::rf, p::rr] as [Prepare; 4]) {
        let hand = || list(&[particle::by_hand(black_box(0.0))]);
        let duals = || list(&[particle::by_duals(black_box(0.0))]);
        descent(bench, &format!("particle.{mode}"), 1.3, prepare, &of_particle, [&hand, &duals]);
    }
    for (mode, prepare) in modes.into_iter().zip([s::ff, s::fr, s::rf, s::rr] as [Prepare; 4]) {
        let (hand, duals) = (|| list(&saddle::by_hand(from())), || list(&saddle::by_duals(from())));
        descent(bench, &format!("saddle.{mode}"), 2.0, prepare, &of_saddle, [&hand, &duals]);
    }
}

fn descent(
    bench: &mut Bench,
    name: &str,
    most: f64,
    prepare: Prepare,
    input: &Value,
    [by_hand, by_duals]: [&dyn Fn() -> Vec<Vec<f64>>; 2],
) {
    if !wants(bench, name) {
        return;
    }
    let mut run = prepare(input).expect("a sound input").run;
    let y = run().unwrap().to_vec();
    close(name, &y, &by_hand());
    close(name, &y, &by_duals());
    let (what, reference, most) = match name.ends_with("ff") || name.ends_with("fr") {
        true => ("by the adapter / by hand", by_hand, most),
        false => ("by the adapter / duals in a plain loop", by_duals, 2.0),
    };
    let ours = |_: usize| drop(black_box(run().unwrap()));
    bench.pair(&format!("gradbench.{name}"), what, (MS, 1.0), Target::Within(most), ours, |_| drop(black_box(reference())));
}

//! W4, W5, W6, W9: a loop over rows inside native code, and training around it.

use super::{bench::*, c, calls::option_row, formulas::*, hand};
use std::hint::black_box;
use wengert::{Function, Real};

pub fn run(bench: &mut Bench) {
    logistic_regression(bench);
    exclusive_or(bench);
    polynomial(bench);
    options(bench);
}

/// The data: 569 rows of 30 standardised features, and the classes.
pub fn breast_cancer() -> (Vec<f64>, Vec<f64>) {
    let text = include_str!("../../data/breast_cancer.csv");
    let rows: Vec<Vec<f64>> = text.lines().skip(1).map(|row| row.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let n = rows.len() as f64;
    let mut x = vec![0.0; rows.len() * 30];
    for k in 0..30 {
        let mean = rows.iter().map(|row| row[k]).sum::<f64>() / n;
        let deviation = (rows.iter().map(|row| (row[k] - mean).powi(2)).sum::<f64>() / n).sqrt();
        rows.iter().enumerate().for_each(|(i, row)| x[i * 30 + k] = (row[k] - mean) / deviation);
    }
    (x, rows.iter().map(|row| row[30]).collect())
}

fn logistic_regression(bench: &mut Bench) {
    const ROWS: usize = 569;
    bench.section("W4: logistic regression, 569 rows of 30 features");
    if !["w4.full", "w4.epoch", "w4.first"].iter().any(|name| bench.wants_within(name)) {
        return;
    }
    let (x, y) = breast_cancer();
    let w: Vec<f64> = (0..31).map(|j| 0.1 * (j as f64).sin()).collect();
    let made = || {
        let f = Function::trace((("w", 31), ("x", 30), "y"), |(w, x, y)| logistic(&w, &x, y)).unwrap();
        f.wrt(["w"]).unwrap().value_and_grad().unwrap().vmap("n", ["x", "y"]).unwrap().mean("n").unwrap().compile().unwrap()
    };
    let compiled = made();
    bench.note(&compiled.report().to_string());

    let (mut f, mut g, mut expected) = ([0.0], vec![0.0; 31], vec![0.0; 31]);
    if bench.wants("w4.first") {
        let first = |_| timed(|| made().call_into(&[&w, &x, &y], &mut [&mut f, &mut g]).unwrap()).1.as_secs_f64() * 1e3;
        let times: Vec<f64> = (0..31).map(first).collect();
        bench.absolute("w4.first", "from a closure to the first mean loss and gradient", &times, "ms", Target::Below(1.0));
    }
    compiled.call_into(&[&w, &x, &y], &mut [&mut f, &mut g]).unwrap();
    let loss = hand::logistic(&x, &y, &w, &mut expected);
    agree("w4.full", &[&f[..], &g].concat(), &[&[loss][..], &expected].concat(), 1e-12);
    let what = "mean loss and gradient by `vmap` and `mean` / a loop written by hand, per row";
    let mut ours = |_: usize| {
        compiled.call_into(black_box(&[&w[..], &x, &y]), &mut [black_box(&mut f[..]), &mut g]).unwrap();
    };
    bench.pair("w4.full", what, (NS, ROWS as f64), Target::Within(1.5), &mut ours, |_| {
        black_box(hand::logistic(black_box(&x), &y, &w, black_box(&mut expected)));
    });
    for (build, in_c) in c::logistic() {
        let name = format!("w4.full.{build}");
        let mut h = vec![0.0; 31];
        let loss = in_c(&x, &y, &w, &mut h);
        let loss_by_hand = hand::logistic(&x, &y, &w, &mut expected);
        agree(&name, &[&[loss][..], &h].concat(), &[&[loss_by_hand][..], &expected].concat(), 1e-12);
        let target = c::target(build, "c256", 0.85);
        bench.pair(&name, "the same / in C, two passes", (NS, ROWS as f64), target, &mut ours, |_| {
            black_box(in_c(black_box(&x), &y, &w, black_box(&mut h)));
        });
    }

    const BATCH: usize = 32;
    /// Rows, classes, weights; the gradient.
    type Gradient<'a> = &'a mut dyn FnMut(&[f64], &[f64], &[f64], &mut [f64]);
    let epoch = |w: &mut [f64], gradient: Gradient| {
        let mut g = [0.0; 31];
        for (x, y) in x.chunks_exact(BATCH * 30).zip(y.chunks_exact(BATCH)) {
            gradient(x, y, w, &mut g);
            w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g);
        }
    };
    let mut ours = |x: &[f64], y: &[f64], w: &[f64], g: &mut [f64]| {
        compiled.call_into(&[w, x, y], &mut [&mut f, g]).unwrap();
    };
    let mut reference = |x: &[f64], y: &[f64], w: &[f64], g: &mut [f64]| {
        hand::logistic(x, y, w, g);
    };
    let (mut a, mut b) = (w.clone(), w.clone());
    epoch(&mut a, &mut ours);
    epoch(&mut b, &mut reference);
    agree("w4.epoch", &a, &b, 1e-12);
    let what = "an epoch of 17 steps on batches of 32 / the same written by hand";
    let mut ours = |_: usize| epoch(&mut a, &mut ours);
    bench.pair("w4.epoch", what, (US, 1.0), Target::Within(1.5), &mut ours, |_| epoch(&mut b, &mut reference));
    for (build, in_c) in c::logistic() {
        let mut reference = |x: &[f64], y: &[f64], w: &[f64], g: &mut [f64]| {
            in_c(x, y, w, g);
        };
        let (name, target) = (format!("w4.epoch.{build}"), c::target(build, "c256", 1.0));
        let what = "the same / in C, two passes";
        bench.pair(&name, what, (US, 1.0), target, &mut ours, |_| epoch(&mut b, &mut reference));
    }
}

/// The four rows as constants of the graph.
fn exclusive_or_loss<T: Real>(p: &[T]) -> T {
    let error = |(x, y): ([f64; 2], f64)| exclusive_or_row(p, x.map(T::lit), T::lit(y));
    XOR.into_iter().map(error).sum::<T>() * T::lit(0.25)
}

fn exclusive_or(bench: &mut Bench) {
    const STEPS: usize = 10_000;
    const RATE: f64 = 0.5;
    bench.section("W5: exclusive or by a network 2-8-1, 10,000 steps on all four rows");
    if !["w5.rows", "w5.unrolled"].iter().any(|name| bench.wants_within(name)) {
        return;
    }
    let start: [f64; 33] = std::array::from_fn(|k| (k as f64 + 1.0).sin());

    let f = Function::trace((("p", 33), ("x", 2), "y"), |(p, x, y)| exclusive_or_row(&p, [x[0], x[1]], y)).unwrap();
    let mean = f.wrt(["p"]).unwrap().value_and_grad().unwrap().vmap("n", ["x", "y"]).unwrap().mean("n").unwrap();
    let rows = mean.compile().unwrap();
    let (x, y) = (XOR.map(|(x, _)| x).concat(), XOR.map(|(_, y)| y));
    let by_rows = |steps: usize, p: &mut [f64; 33]| {
        let (mut f, mut g) = ([0.0], [0.0; 33]);
        for _ in 0..steps {
            rows.call_into(&[&p[..], &x, &y], &mut [&mut f, &mut g]).unwrap();
            p.iter_mut().zip(g).for_each(|(p, g)| *p -= RATE * g);
        }
        f[0]
    };

    // A step as a function: the parameters after the update, and the loss.
    let gradient = Function::trace(("p", 33), |p| exclusive_or_loss(&p)).unwrap().value_and_grad().unwrap();
    let step = Function::trace(("p", 33), |p| {
        let y = gradient.eval(&p).unwrap();
        let next: Vec<_> = p.iter().zip(&y[1..]).map(|(&p, &g)| p - RATE * g).collect();
        ("next", [next, vec![y[0]]].concat())
    });
    let step = step.unwrap().compile().unwrap();
    bench.note(&format!("rows: {}; unrolled: {}", rows.report(), step.report()));
    // From one buffer to the other and back: a copy would wait for the stores before it.
    let unrolled = |steps: usize, p: &mut [f64; 33]| {
        let (mut a, mut b) = ([0.0; 34], [0.0; 34]);
        a[..33].copy_from_slice(p);
        let (mut from, mut to) = (&mut a, &mut b);
        for _ in 0..steps {
            step.call_into(&[&from[..33]], &mut [&mut to[..]]).unwrap();
            std::mem::swap(&mut from, &mut to);
        }
        p.copy_from_slice(&from[..33]);
        from[33]
    };

    let (mut p, mut q, mut r) = (start, start, start);
    let losses = [by_rows(STEPS, &mut p), unrolled(STEPS, &mut q), hand::exclusive_or(STEPS, &mut r, RATE)];
    agree("w5 after 10,000 steps", &losses, &[1.02799614e-4; 3], 1e-12);
    agree("w5.rows", &p, &r, 1e-9);
    agree("w5.unrolled", &q, &r, 1e-9);
    (p, q, r) = (start, start, start);
    let _ = (by_rows(100, &mut p), unrolled(100, &mut q), hand::exclusive_or(100, &mut r, RATE));
    agree("w5.rows", &p, &r, 1e-12);
    agree("w5.unrolled", &q, &r, 1e-12);

    // From the same start in every run: a run is 100 steps, and the figure 100 of them.
    type Steps<'a> = &'a dyn Fn(usize, &mut [f64; 33]) -> f64;
    let mut pair = |name: &str, what: &str, ours: Steps, reference: Steps, target: Target| {
        let run = |f: Steps| {
            let mut p = start;
            black_box(f(black_box(100), &mut p));
            black_box(p);
        };
        bench.pair(name, what, (MS, 0.01), target, |_| run(ours), |_| run(reference));
    };
    let by_hand = |steps: usize, p: &mut [f64; 33]| hand::exclusive_or(steps, p, RATE);
    let what = ["a row loop over the four rows, the update in Rust", "four rows and the update as one straight line"];
    pair("w5.rows", &format!("{} / by hand", what[0]), &by_rows, &by_hand, Target::Within(1.5));
    pair("w5.unrolled", &format!("{} / by hand", what[1]), &unrolled, &by_hand, Target::Within(1.5));
    for (build, kernel) in c::exclusive_or() {
        let in_c = |steps: usize, p: &mut [f64; 33]| kernel(steps, p, RATE);
        agree("w5 in C", &[in_c(100, &mut start.clone())], &[by_hand(100, &mut start.clone())], 1e-12);
        let target = c::target(build, "c128", 1.0);
        pair(&format!("w5.rows.{build}"), &format!("{} / in C", what[0]), &by_rows, &in_c, target);
        pair(&format!("w5.unrolled.{build}"), &format!("{} / in C", what[1]), &unrolled, &in_c, target);
    }
}

fn polynomial(bench: &mut Bench) {
    bench.section("W6: a cubic through 2,000 points, 10,000 steps");
    if !["w6.full", "w6.single"].iter().any(|name| bench.wants_within(name)) {
        return;
    }
    let x: Vec<f64> = (0..2000).map(|i| -1.0 + 2.0 * i as f64 / 1999.0).collect();
    let y: Vec<f64> = x.iter().map(|x| x + 2.0 * x * x + 3.0 * x * x * x).collect();
    let f = Function::trace((("p", 4), ["x", "y"]), |(p, [x, y])| cubic([p[0], p[1], p[2], p[3]], x, y)).unwrap();
    let gradient = f.wrt(["p"]).unwrap().value_and_grad().unwrap();

    let rows = gradient.vmap("n", ["x", "y"]).unwrap().sum("n").unwrap().compile().unwrap();
    bench.note(&rows.report().to_string());
    let full = |steps: usize, p: &mut [f64; 4]| {
        let (mut f, mut g) = ([0.0], [0.0; 4]);
        for _ in 0..steps {
            rows.call_into(&[&p[..], &x, &y], &mut [&mut f, &mut g]).unwrap();
            p.iter_mut().zip(g).for_each(|(p, g)| *p -= 1e-4 * g);
        }
        f[0]
    };
    let (mut p, mut q, mut r) = ([0.0; 4], [0.0; 4], [0.0; 4]);
    full(100, &mut p);
    hand::cubic_full(100, &x, &y, &mut q, 1e-4);
    agree("w6.full", &p, &q, 1e-12);
    full(9_900, &mut p);
    agree("w6.full: the fit", &p, &[0.0, 1.0, 2.0, 3.0], 1e-4);
    let what = "all points a step, by `vmap` and `sum` / a loop written by hand";
    let mut ours = |_: usize| {
        black_box(full(black_box(10), black_box(&mut p)));
    };
    bench.pair("w6.full", what, (MS, 0.001), Target::Within(1.5), &mut ours, |_| {
        black_box(hand::cubic_full(black_box(10), &x, &y, black_box(&mut q), 1e-4));
    });
    for (build, kernel) in c::cubic(c"cubic") {
        let mut in_c = |steps: usize| kernel(steps, &x, &y, black_box(&mut r), 1e-4);
        in_c(10_000);
        let (name, target) = (format!("w6.full.{build}"), c::target(build, "c256", 0.85));
        bench.pair(&name, "the same / in C", (MS, 0.001), target, &mut ours, |_| {
            black_box(in_c(black_box(10)));
        });
        agree("w6.full in C: the fit", &r, &[0.0, 1.0, 2.0, 3.0], 1e-4);
    }

    // One point a step: the update is part of the function, of the parameters and the point in one slice.
    let step = Function::trace(("at", 6), |at| {
        let y = gradient.eval(&at[..]).unwrap();
        at[..4].iter().zip(&y[1..]).map(|(&p, &g)| p - 1e-2 * g).collect::<Vec<_>>()
    });
    let step = step.unwrap().compile().unwrap();
    let single = |steps: usize, p: &mut [f64; 4]| {
        let (mut a, mut b) = ([0.0; 6], [0.0; 6]);
        a[..4].copy_from_slice(p);
        let (mut from, mut to) = (&mut a, &mut b);
        for s in 0..steps {
            (from[4], from[5]) = (x[s % x.len()], y[s % x.len()]);
            step.call_into(&[&from[..]], &mut [&mut to[..4]]).unwrap();
            std::mem::swap(&mut from, &mut to);
        }
        p.copy_from_slice(&from[..4]);
    };
    let (mut p, mut q) = ([0.0; 4], [0.0; 4]);
    single(10_000, &mut p);
    hand::cubic_single(10_000, &x, &y, &mut q, 1e-2);
    agree("w6.single", &p, &q, 1e-12);
    let what = "one point a step, the update compiled in / a loop written by hand";
    let mut ours = |_: usize| single(black_box(10_000), black_box(&mut p));
    bench.pair("w6.single", what, (MS, 1.0), Target::Within(1.5), &mut ours, |_| {
        hand::cubic_single(black_box(10_000), &x, &y, black_box(&mut q), 1e-2);
    });
    for (build, in_c) in c::cubic(c"cubic_single") {
        let mut by_hand = [0.0; 4];
        q = [0.0; 4];
        hand::cubic_single(10_000, &x, &y, &mut by_hand, 1e-2);
        in_c(10_000, &x, &y, &mut q, 1e-2);
        agree("w6.single in C", &q, &by_hand, 1e-12);
        let (name, target) = (format!("w6.single.{build}"), c::target(build, "co3", 1.1));
        bench.pair(&name, "the same / in C", (MS, 1.0), target, &mut ours, |_| {
            black_box(in_c(black_box(10_000), &x, &y, black_box(&mut q), 1e-2));
        });
    }
}

fn options(bench: &mut Bench) {
    const ROWS: usize = 1_000_000;
    bench.section("W9: an option's price and five partial derivatives over 1,000,000 rows");
    if !["w9.bs_l", "w9.bs_erf"].iter().any(|name| bench.wants_within(name)) {
        return;
    }
    let rows: Vec<[f64; 5]> = (0..ROWS).map(option_row).collect();
    let columns: [Vec<f64>; 5] = std::array::from_fn(|k| rows.iter().map(|row| row[k]).collect());
    let x: [&[f64]; 5] = std::array::from_fn(|k| &columns[k][..]);
    let names = ["s", "k", "r", "v", "t"];
    type Rows = fn(&[&[f64]; 5], [&mut [f64]; 6]);
    for (name, f, reference, (kernel, most)) in [
        ("w9.bs_l", Function::trace(names, option_logistic), hand::option_logistic_rows as Rows, (c"option_logistic", 1.0)),
        ("w9.bs_erf", Function::trace(names, option_erf), hand::option_erf_rows as Rows, (c"option_erf", 0.9)),
    ] {
        if !bench.wants_within(name) {
            continue;
        }
        let compiled = f.unwrap().value_and_grad().unwrap().vmap("n", names).unwrap().compile().unwrap();
        let (mut y, mut z) = ([(); 6].map(|()| vec![0.0; ROWS]), [(); 6].map(|()| vec![0.0; ROWS]));
        let ours = |y: &mut [Vec<f64>; 6]| {
            let [a, b, c, d, e, f] = y;
            compiled.call_into(black_box(&x), &mut [a, b, c, d, e, f]).unwrap();
        };
        ours(&mut y);
        reference(&x, z.each_mut().map(Vec::as_mut_slice));
        y.iter().zip(&z).for_each(|(y, z)| agree(name, y, z, 1e-12));
        let what = "a result per row by `vmap` / a loop written by hand, per row";
        let unit = (NS, ROWS as f64);
        bench.pair(
            name,
            what,
            unit,
            Target::None,
            |_| ours(black_box(&mut y)),
            |_| {
                reference(black_box(&x), black_box(&mut z).each_mut().map(Vec::as_mut_slice));
            },
        );
        let (by_threads, in_two) = (format!("{name}.threads"), compiled.with_threads(2));
        match in_two {
            Ok(in_two) if bench.wants(&by_threads) => {
                let mut speed_ups = Vec::new();
                for _ in 0..15 {
                    let [one, two] = [&compiled, &in_two].map(|compiled| {
                        waited(|| compiled.call_into(black_box(&x), &mut y.each_mut().map(Vec::as_mut_slice)).unwrap()).1
                    });
                    let by_hand = waited(|| reference(black_box(&x), z.each_mut().map(Vec::as_mut_slice))).1;
                    speed_ups.push((one / two, by_hand / waited(|| halves(reference, black_box(&x), &mut z)).1));
                }
                y.iter().zip(&z).for_each(|(y, z)| agree(&by_threads, y, z, 1e-12));
                let what = "two threads against one / two copies of the loop by hand, half of the rows each, against one";
                bench.speed_ups(&by_threads, what, &speed_ups, 0.9);
            }
            Ok(_) => {}
            Err(why) => bench.note(&format!("no row {by_threads}: {why}")),
        }
        for (build, in_c) in c::option_rows(kernel) {
            let (name, target) = (format!("{name}.{build}"), c::target(build, "c256", most));
            let mut in_c = || in_c(black_box(&x), black_box(&mut z).each_mut().map(Vec::as_mut_slice));
            in_c();
            bench.pair(&name, "the same / in C", unit, target, |_| ours(black_box(&mut y)), |_| in_c());
            y.iter().zip(&z).for_each(|(y, z)| agree(&name, y, z, 1e-11));
        }
    }
}

/// A loop over rows as two copies on two threads, each on half of the rows.
fn halves(run: fn(&[&[f64]; 5], [&mut [f64]; 6]), x: &[&[f64]; 5], y: &mut [Vec<f64>; 6]) {
    let half = x[0].len() / 2;
    let (lower, upper) = (x.map(|column| &column[..half]), x.map(|column| &column[half..]));
    let mut parts = y.each_mut().map(|column| column.split_at_mut(half));
    let (below, above) = (parts.each_mut().map(|part| std::mem::take(&mut part.0)), parts.map(|part| part.1));
    std::thread::scope(|scope| {
        scope.spawn(|| run(&upper, above));
        run(&lower, below);
    });
}

//! W2 to W6 as functions of whole arrays, against loops written by hand.

use super::{bench::*, c, hand, rows::breast_cancer};
use std::hint::black_box;
use wengert::{Compiled, Expr, Function, Options, Result};

pub fn run(bench: &mut Bench) {
    rosenbrock(bench);
    products(bench);
    logistic_regression(bench);
    exclusive_or(bench);
    polynomial(bench);
}

/// Value and gradient in the first inputs, compiled.
pub fn gradient(f: Result<Function>, of: &[&str]) -> Compiled {
    f.unwrap().wrt(of.iter().copied()).unwrap().value_and_grad().unwrap().compile().unwrap()
}

/// A step of gradient descent: the loss' inputs, of which the first ones are moved against their gradient where they are; gives the
/// loss.
pub fn descent(loss: &Function, moved: &[&str], rate: f64) -> Compiled {
    let gradient = loss.wrt(moved.iter().copied()).unwrap().value_and_grad().unwrap();
    let step = gradient.then(|inputs, outputs| {
        let next = moved.iter().map(|&name| (format!("next_{name}"), inputs[name] - rate * outputs[&*format!("d_{name}")]));
        std::iter::once(("loss".to_owned(), outputs[0])).chain(next).collect::<Vec<_>>()
    });
    let pairs = moved.iter().map(|name| (format!("next_{name}"), name.to_string()));
    step.unwrap().compile_with(Options::new().overwrite(pairs)).unwrap()
}

/// Rosenbrock's function of n numbers as one of slices of x.
pub fn rosenbrock_by_slices(n: usize) -> Result<Function> {
    Function::trace(vec![format!("x[{n}]")], |x| {
        let (a, b) = (x[0].slice(0, 0..n - 1), x[0].slice(0, 1..n));
        ((b - a * a).powi(2) * 100.0 + (1.0 - a).powi(2)).sum(..)
    })
}

fn rosenbrock(bench: &mut Bench) {
    bench.section("W2 as an array program: Rosenbrock's function by slices, value and gradient");
    for (name, n) in [("w2.array.1k", 1000), ("w2.array.10k", 10_000)] {
        if !bench.wants_within(name) {
            continue;
        }
        let compiled = gradient(rosenbrock_by_slices(n), &["x"]);
        bench.note(&compiled.report().to_string());
        let mut x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        let (mut z, mut f, mut g, mut expected) = (x.clone(), [0.0], vec![0.0; n], vec![0.0; n + 1]);
        compiled.call_into(&[&x], &mut [&mut f, &mut g]).unwrap();
        hand::rosenbrock(&x, &mut expected);
        agree(name, &[&f[..], &g].concat(), &expected, 1e-12);
        let mut ours = |_: usize| {
            compiled.call_into(black_box(&[&x[..]]), &mut [black_box(&mut f[..]), &mut g]).unwrap();
            x[0] += 1e-12;
        };
        bench.pair(name, "slices of x / a loop written by hand", (US, 1.0), Target::Within(1.5), &mut ours, |_| {
            hand::rosenbrock(black_box(&z), black_box(&mut expected));
            z[0] += 1e-12;
        });
        for (build, in_c) in c::rosenbrock() {
            let mut in_c = |_: usize| {
                let (f, g) = expected.split_first_mut().unwrap();
                *f = in_c(black_box(&z), black_box(g));
                z[0] += 1e-12;
            };
            let (name, target) = (format!("{name}.{build}"), c::target(build, "c256", 1.3));
            bench.pair(&name, "the same / in C", (US, 1.0), target, &mut ours, &mut in_c);
        }
    }
}

fn products(bench: &mut Bench) {
    const N: usize = 1000;
    const M: usize = 100;
    bench.section("W3 as array programs: the product of 1,000 numbers, and ln Σ exp(A·x + b) over 100 rows, value and gradient");
    if bench.wants_within("w3.array.product") {
        let compiled = gradient(Function::trace(["x[1000]"], |[x]| x.prod(..)), &["x"]);
        bench.note(&compiled.report().to_string());
        let x: Vec<f64> = (0..N).map(|i| 1.0 + 0.01 * (i as f64).sin()).collect();
        let (mut f, mut g, mut expected) = ([0.0], vec![0.0; N], vec![0.0; N]);
        compiled.call_into(&[&x], &mut [&mut f, &mut g]).unwrap();
        let value = hand::product_of(&x, &mut expected);
        agree("w3.array.product", &[&f[..], &g].concat(), &[&[value][..], &expected].concat(), 1e-12);
        let mut ours = |_: usize| compiled.call_into(black_box(&[&x[..]]), &mut [black_box(&mut f[..]), &mut g]).unwrap();
        let what = "`prod` / products of what is before and after, by hand";
        bench.pair("w3.array.product", what, (US, 1.0), Target::Within(1.5), &mut ours, |_| {
            black_box(hand::product_of(black_box(&x), black_box(&mut expected)));
        });
        for (build, in_c) in c::product() {
            agree("w3 in C", &[in_c(&x, &mut expected)], &[value], 1e-12);
            let (name, target) = (format!("w3.array.product.{build}"), c::target(build, "co3", 1.1));
            bench.pair(&name, "the same / in C", (US, 1.0), target, &mut ours, |_| {
                black_box(in_c(black_box(&x), black_box(&mut expected)));
            });
        }
    }
    if bench.wants_within("w3.array.lse") {
        let f = Function::trace(["x[1000]", "a[100,1000]", "b[100]"], |[x, a, b]| (a.matmul(x) + b).log_sum_exp(..));
        let compiled = gradient(f, &["x"]);
        bench.note(&compiled.report().to_string());
        let x: Vec<f64> = (0..N).map(|i| (i as f64).sin()).collect();
        let a: Vec<f64> = (0..M * N).map(|k| (k as f64).sin() / (N as f64).sqrt()).collect();
        let b: Vec<f64> = (0..M).map(|j| (j as f64).cos()).collect();
        let (mut f, mut g, mut expected) = ([0.0], vec![0.0; N], vec![0.0; N]);
        compiled.call_into(&[&x, &a, &b], &mut [&mut f, &mut g]).unwrap();
        let value = hand::log_sum_exp(&a, &b, &x, &mut expected);
        agree("w3.array.lse", &[&f[..], &g].concat(), &[&[value][..], &expected].concat(), 1e-12);
        let mut ours = |_: usize| compiled.call_into(black_box(&[&x[..], &a, &b]), &mut [black_box(&mut f[..]), &mut g]).unwrap();
        bench.pair("w3.array.lse", "`matmul` and `log_sum_exp` / by hand", (US, 1.0), Target::Within(1.5), &mut ours, |_| {
            black_box(hand::log_sum_exp(black_box(&a), &b, &x, black_box(&mut expected)));
        });
        for (build, in_c) in c::log_sum_exp() {
            agree("w3 in C", &[in_c(&a, &b, &x, &mut expected)], &[value], 1e-12);
            let (name, target) = (format!("w3.array.lse.{build}"), c::target(build, "c256", 0.6));
            bench.pair(&name, "the same / in C", (US, 1.0), target, &mut ours, |_| {
                black_box(in_c(black_box(&a), &b, &x, black_box(&mut expected)));
            });
        }
    }
}

fn logistic_regression(bench: &mut Bench) {
    const ROWS: usize = 569;
    bench.section("W4 as an array program: logistic regression, 569 rows of 30 features");
    if !bench.wants_within("w4.array") {
        return;
    }
    let (x, y) = breast_cancer();
    let f = Function::trace(["w[30]", "b", "x[n,30]", "y[n]"], |[w, b, x, y]| {
        let z = x.matmul(w) + b;
        ("loss", (z.softplus() - y * z).mean(..))
    });
    let loss = f.unwrap();
    let compiled = gradient(Ok(loss.clone()), &["w", "b"]);
    bench.note(&compiled.report().to_string());
    let w: Vec<f64> = (0..31).map(|j| 0.1 * (j as f64).sin()).collect();
    let (mut f, mut g, mut expected) = ([0.0], vec![0.0; 31], vec![0.0; 31]);
    let ours = |f: &mut [f64], g: &mut [f64]| {
        let (dw, db) = g.split_at_mut(30);
        compiled.call_into(black_box(&[&w[..30], &w[30..], &x, &y]), &mut [f, dw, db]).unwrap();
    };
    ours(&mut f, &mut g);
    let value = hand::logistic(&x, &y, &w, &mut expected);
    agree("w4.array.full", &[&f[..], &g].concat(), &[&[value][..], &expected].concat(), 1e-12);
    let what = "mean loss and gradient / a loop written by hand, per row";
    let mut ours = |_: usize| ours(black_box(&mut f), &mut g);
    bench.pair("w4.array.full", what, (NS, ROWS as f64), Target::Within(1.3), &mut ours, |_| {
        black_box(hand::logistic(black_box(&x), &y, &w, black_box(&mut expected)));
    });
    for (build, in_c) in c::logistic() {
        let (name, target) = (format!("w4.array.full.{build}"), c::target(build, "c256", 1.0));
        bench.pair(&name, "the same / in C, two passes", (NS, ROWS as f64), target, &mut ours, |_| {
            black_box(in_c(black_box(&x), &y, &w, black_box(&mut expected)));
        });
    }

    const BATCH: usize = 32;
    let step = descent(&loss, &["w", "b"], 0.1);
    let epoch = |w: &mut [f64]| {
        let (mut loss, (w, b)) = ([0.0], w.split_at_mut(30));
        for (x, y) in x.chunks_exact(BATCH * 30).zip(y.chunks_exact(BATCH)) {
            step.call_into(&[x, y], &mut [&mut loss, w, b]).unwrap();
        }
    };
    /// Rows, classes, weights; the gradient.
    type Gradient<'a> = &'a dyn Fn(&[f64], &[f64], &[f64], &mut [f64]) -> f64;
    let by = |gradient: Gradient, w: &mut [f64]| {
        let mut g = [0.0; 31];
        for (x, y) in x.chunks_exact(BATCH * 30).zip(y.chunks_exact(BATCH)) {
            gradient(x, y, w, &mut g);
            w.iter_mut().zip(g).for_each(|(w, g)| *w -= 0.1 * g);
        }
    };
    let (mut a, mut b) = (w.clone(), w.clone());
    epoch(&mut a);
    by(&hand::logistic, &mut b);
    agree("w4.array.epoch", &a, &b, 1e-12);
    let what = "an epoch of 17 steps on batches of 32, the update compiled in / by hand";
    let mut ours = |_: usize| epoch(&mut a);
    bench.pair("w4.array.epoch", what, (US, 1.0), Target::Within(1.3), &mut ours, |_| by(&hand::logistic, &mut b));
    for (build, in_c) in c::logistic() {
        let (name, target) = (format!("w4.array.epoch.{build}"), c::target(build, "c256", 1.0));
        bench.pair(&name, "the same / in C, two passes", (US, 1.0), target, &mut ours, |_| by(&in_c, &mut b));
    }
}

fn exclusive_or(bench: &mut Bench) {
    const STEPS: usize = 100;
    bench.section("W5 as an array program: exclusive or by a network 2-8-1, 10,000 steps on all four rows");
    if !bench.wants_within("w5.array") {
        return;
    }
    let loss = Function::trace(["u[2,8]", "b[8]", "v[8]", "c", "x[4,2]", "y[4]"], |[u, b, v, c, x, y]| {
        let h = (x.matmul(u) + b).tanh();
        ("loss", ((h.matmul(v) + c).sigmoid() - y).powi(2).mean(..))
    });
    let step = descent(&loss.unwrap(), &["u", "b", "v", "c"], 0.5);
    bench.note(&format!("{step:?}"));
    let x = super::formulas::XOR.map(|(x, _)| x).concat();
    let y = super::formulas::XOR.map(|(_, y)| y);
    let start: [f64; 33] = std::array::from_fn(|k| (k as f64 + 1.0).sin());
    let ours = |steps: usize, p: &mut [f64; 33]| {
        let mut loss = [0.0];
        let (u, rest) = p.split_at_mut(16);
        let (b, rest) = rest.split_at_mut(8);
        let (v, c) = rest.split_at_mut(8);
        for _ in 0..steps {
            step.call_into(&[&x, &y], &mut [&mut loss, u, b, v, c]).unwrap();
        }
        loss[0]
    };
    let (mut p, mut q) = (start, start);
    ours(STEPS, &mut p);
    hand::exclusive_or(STEPS, &mut q, 0.5);
    agree("w5.array", &p, &q, 1e-12);
    type Steps<'a> = &'a dyn Fn(usize, &mut [f64; 33]) -> f64;
    let mut pair = |name: &str, what: &str, reference: Steps, target: Target| {
        let run = |f: Steps| {
            let mut p = start;
            black_box(f(black_box(STEPS), &mut p));
            black_box(p);
        };
        bench.pair(name, what, (MS, 0.01), target, |_| run(&ours), |_| run(reference));
    };
    let by_hand = |steps: usize, p: &mut [f64; 33]| hand::exclusive_or(steps, p, 0.5);
    pair("w5.array", "a step as one call / by hand", &by_hand, Target::Within(1.3));
    for (build, in_c) in c::exclusive_or() {
        let in_c = |steps: usize, p: &mut [f64; 33]| in_c(steps, p, 0.5);
        pair(&format!("w5.array.{build}"), "the same / in C", &in_c, c::target(build, "c128", 1.1));
    }
}

fn polynomial(bench: &mut Bench) {
    bench.section("W6 as an array program: a cubic through 2,000 points, 10,000 steps on all of them");
    if !bench.wants_within("w6.array") {
        return;
    }
    let x: Vec<f64> = (0..2000).map(|i| -1.0 + 2.0 * i as f64 / 1999.0).collect();
    let y: Vec<f64> = x.iter().map(|x| x + 2.0 * x * x + 3.0 * x * x * x).collect();
    let loss = Function::trace(["a", "b", "c", "d", "x[n]", "y[n]"], |[a, b, c, d, x, y]: [Expr; 6]| {
        let e = a + b * x + c * (x * x) + d * (x * x * x) - y;
        ("loss", (e * e).sum(..))
    });
    let step = descent(&loss.unwrap(), &["a", "b", "c", "d"], 1e-4);
    bench.note(&format!("{step:?}"));
    let full = |steps: usize, p: &mut [f64; 4]| {
        let (mut loss, (ab, cd)) = ([0.0], p.split_at_mut(2));
        let ((a, b), (c, d)) = (ab.split_at_mut(1), cd.split_at_mut(1));
        for _ in 0..steps {
            step.call_into(&[&x, &y], &mut [&mut loss, a, b, c, d]).unwrap();
        }
    };
    let (mut p, mut q) = ([0.0; 4], [0.0; 4]);
    full(100, &mut p);
    hand::cubic_full(100, &x, &y, &mut q, 1e-4);
    agree("w6.array", &p, &q, 1e-12);
    let what = "a step as one call / a loop written by hand";
    let mut ours = |_: usize| full(black_box(10), black_box(&mut p));
    bench.pair("w6.array", what, (MS, 0.001), Target::Within(1.3), &mut ours, |_| {
        black_box(hand::cubic_full(black_box(10), &x, &y, black_box(&mut q), 1e-4));
    });
    for (build, in_c) in c::cubic(c"cubic") {
        let (name, target) = (format!("w6.array.{build}"), c::target(build, "c128", 1.2));
        bench.pair(&name, "the same / in C", (MS, 0.001), target, &mut ours, |_| {
            black_box(in_c(black_box(10), &x, &y, black_box(&mut q), 1e-4));
        });
    }
}

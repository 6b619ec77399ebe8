//! W2: the gradient of a function of 1,000 numbers, as straight-line code, against tapes.

use super::{bench::*, c, formulas::*, hand};
use reverse::Gradient as _;
use std::hint::black_box;
use wengert::Function;

const N: usize = 1000;

pub fn run(bench: &mut Bench) {
    bench.section("W2: Rosenbrock's function of 1,000 numbers, value and gradient");
    let names = ["w2.grad.bytecode", "w2.grad.tape", "w2.grad.aad", "w2.grad.hand", "w2.grad.reverse"];
    if !bench.wants_within("w2.grad") {
        return;
    }
    let mut x: Vec<f64> = (0..N).map(|i| (i as f64).sin()).collect();
    let mut z = x.clone();
    let f = Function::trace(("x", N), |x| rosenbrock(&x)).unwrap();
    let compiled = f.value_and_grad().unwrap().compile().unwrap();
    bench.note(&compiled.report().to_string());
    let (mut y, mut dx, mut expected) = ([0.0], vec![0.0; N], vec![0.0; N + 1]);
    hand::rosenbrock(&x, &mut expected);
    compiled.call_into(&[&x], &mut [&mut y, &mut dx]).unwrap();
    agree("w2", &[&y[..], &dx].concat(), &expected, 1e-12);
    let mut ours = move |_: usize| {
        compiled.call_into(black_box(&[&x[..]]), &mut [&mut y, black_box(&mut dx)]).unwrap();
        x[0] += 1e-12;
    };

    let (mut tape, value) = echidna::record(rosenbrock, &z);
    let mut buffer = Vec::new();
    agree(names[0], &[&[value][..], &tape.gradient_with_buf(&z, &mut buffer)].concat(), &expected, 1e-12);
    let target = Target::Faster(10.0);
    bench.pair(names[0], "straight-line code / echidna, bytecode recorded once", (US, 1.0), target, &mut ours, |_| {
        black_box(tape.gradient_with_buf(black_box(&z), &mut buffer));
        z[0] += 1e-12;
    });

    z[0] = 0.0;
    agree(names[1], &echidna::grad(rosenbrock, &z), &expected[1..], 1e-12);
    bench.pair(names[1], "straight-line code / echidna, a tape per call", (US, 1.0), target, &mut ours, |_| {
        black_box(echidna::grad(rosenbrock, black_box(&z)));
        z[0] += 1e-12;
    });

    z[0] = 0.0;
    let aad = |x: &[f64]| -> Vec<f64> {
        let tape = aad::Tape::with_capacity(16 * N);
        let vars: Vec<_> = tape.create_variables_iter(x).collect();
        let gradients = rosenbrock(&vars).compute_gradients().unwrap();
        gradients.get_gradients_iter(&vars).map(|g| g.unwrap()).collect()
    };
    agree(names[2], &aad(&z), &expected[1..], 1e-12);
    bench.pair(names[2], "straight-line code / aad, a tape per call", (US, 1.0), target, &mut ours, |_| {
        black_box(aad(black_box(&z)));
        z[0] += 1e-12;
    });

    z[0] = 0.0;
    // In the crate's own operators: its variables are nothing without a tape, so they have no literals.
    let reversed = |x: &[f64]| -> Vec<f64> {
        let tape = reverse::Tape::new();
        let vars = tape.add_vars(x);
        let term = |i: usize| {
            let (a, b) = (vars[i + 1] - vars[i] * vars[i], 1.0 - vars[i]);
            100.0 * (a * a) + b * b
        };
        (1..vars.len() - 1).fold(term(0), |sum, i| sum + term(i)).grad().wrt(&vars)
    };
    agree(names[4], &reversed(&z), &expected[1..], 1e-12);
    bench.pair(names[4], "straight-line code / reverse, a tape per call", (US, 1.0), target, &mut ours, |_| {
        black_box(reversed(black_box(&z)));
        z[0] += 1e-12;
    });

    let reference: hand::Call = black_box(hand::rosenbrock);
    bench.pair(names[3], "straight-line code / a loop written by hand", (US, 1.0), Target::None, &mut ours, |_| {
        reference(black_box(&z), black_box(&mut expected));
        z[0] += 1e-12;
    });
    for (build, in_c) in c::rosenbrock() {
        let mut in_c = |_: usize| {
            let (f, g) = expected.split_first_mut().unwrap();
            *f = in_c(black_box(&z), black_box(g));
            z[0] += 1e-12;
        };
        let name = format!("w2.grad.{build}");
        bench.pair(&name, "straight-line code / a loop in C", (US, 1.0), Target::None, &mut ours, &mut in_c);
    }
}

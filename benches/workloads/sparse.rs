//! W2's sparse Hessian against C: as a sum of gathered terms, as straight-line code, as an array program.

use super::{bench::*, c, formulas};
use std::hint::black_box;
use std::time::Instant;
use wengert::simplify::Simplify;
use wengert::{Function, Options, Real, lit};

const NAMES: [[&str; 2]; 4] = [
    ["sparse.terms.1k", "sparse.terms.10k"],
    ["sparse.straight.1k", "sparse.straight.10k"],
    ["sparse.exact.1k", "sparse.exact.10k"],
    ["sparse.array.1k", "sparse.array.10k"],
];

/// CasADi's generated C takes 9.4 times as long as C by hand (4.5 µs and 0.48 µs for 1,000 numbers on one machine): half of it.
const HALF_OF_CASADI: f64 = 4.7;

fn term<T: Real>(a: T, b: T) -> T {
    let (e, u) = (b - a * a, lit::<T>(1.0) - a);
    lit::<T>(100.0) * (e * e) + u * u
}

pub fn run(bench: &mut Bench) {
    bench.section("W2's Hessian, 2n − 1 entries of its lower triangle, against C written by hand (128-bit vectors)");
    for (k, n) in [1000usize, 10_000].into_iter().enumerate() {
        if !NAMES.map(|names| names[k]).into_iter().any(|name| bench.wants(name)) {
            continue;
        }
        let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
        if bench.wants(NAMES[0][k]) {
            let start = Instant::now();
            let rows = Function::trace(["a", "b"], |[a, b]| term(a, b)).unwrap();
            let gathered = [("a", (0..n - 1).collect()), ("b", (1..n).collect())];
            let hessian = rows.terms(n, gathered).unwrap().hessian_lower().unwrap().compile().unwrap();
            let made = start.elapsed();
            pair(bench, (NAMES[0][k], "a loop over gathered terms", 3.0), &x, |x, values| {
                hessian.call_into(&[x], &mut [values]).unwrap();
            });
            bench.note(&format!("made in {made:.1?}: {hessian:?}"));
        }
        for (names, exact, what) in
            [(NAMES[1], false, "straight-line code, rounding allowed"), (NAMES[2], true, "straight-line code, every bit kept")]
        {
            if bench.wants(names[k]) {
                let start = Instant::now();
                let f = Function::trace(("x", n), |x| formulas::rosenbrock(&x)).unwrap();
                let derivative = f.hessian_lower().unwrap().simplify_with(Simplify::EXACT.rounding(!exact));
                let (traced, hessian) = (start.elapsed(), derivative.compile_with(Options::new().roll(false)).unwrap());
                let made = start.elapsed();
                let most = if n == 1000 && !exact { HALF_OF_CASADI } else { f64::INFINITY };
                pair(bench, (names[k], what, most), &x, |x, values| hessian.call_into(&[x], &mut [values]).unwrap());
                bench.note(&format!("made in {made:.1?}, {traced:.1?} without native code: {hessian:?}"));
            }
        }
        if bench.wants(NAMES[3][k]) {
            let start = Instant::now();
            let f = Function::trace([format!("x[{n}]")], |[x]| term(x.slice(0, 0..n - 1), x.slice(0, 1..n)).sum(..));
            let hessian = f.unwrap().hessian_lower().unwrap().compile().unwrap();
            let made = start.elapsed();
            pair(bench, (NAMES[3][k], "an array program: three products", f64::INFINITY), &x, |x, values| {
                hessian.call_into(&[x], &mut [values]).unwrap();
            });
            bench.note(&format!("made in {made:.1?}: {hessian:?}"));
        }
    }
}

/// Ours against C; the entries are those of each column, the diagonal's first.
fn pair(bench: &mut Bench, (name, what, most): (&str, &str, f64), x: &[f64], call: impl Fn(&[f64], &mut [f64])) {
    let Some((_, theirs)) = c::rosenbrock_hessian().find(|(build, _)| *build == "c128") else { return };
    let n = x.len();
    let (mut z, mut diagonal, mut below) = (x.to_vec(), vec![0.0; n], vec![0.0; n - 1]);
    let (mut x, mut values) = (x.to_vec(), vec![0.0; 2 * n - 1]);
    call(&x, &mut values);
    theirs(&z, &mut diagonal, &mut below);
    let together: Vec<f64> = (0..2 * n - 1).map(|k| if k % 2 == 0 { diagonal[k / 2] } else { below[k / 2] }).collect();
    agree(name, &values, &together, 1e-12);
    bench.pair(
        name,
        what,
        (US, 1.0),
        if most.is_finite() { Target::Within(most) } else { Target::None },
        |_| {
            call(black_box(&x), black_box(&mut values));
            x[0] += 1e-12;
        },
        |_| {
            theirs(black_box(&z), black_box(&mut diagonal), &mut below);
            z[0] += 1e-12;
        },
    );
}

//! One function of every number of an array, against the platform's vector mathematics in C.

use super::{bench::*, cc::Library};
use std::{ffi::CStr, hint::black_box};
use wengert::{Expr, Function};

/// Numbers in the array.
const N: usize = 4096;

/// A row's name, the function in C, ours, and the range of its arguments.
type Row = (&'static str, &'static CStr, fn(Expr) -> Expr, [f64; 2]);

const ROWS: [Row; 5] = [
    ("elementwise.exp", c"array_exp", Expr::exp, [-20.0, 20.0]),
    ("elementwise.ln", c"array_ln", Expr::ln, [1e-3, 1e3]),
    ("elementwise.sin", c"array_sin", Expr::sin, [-30.0, 30.0]),
    ("elementwise.tanh", c"array_tanh", Expr::tanh, [-5.0, 5.0]),
    ("elementwise.erf", c"array_erf", Expr::erf, [-4.0, 4.0]),
];

/// n, x, y.
type OverArray = unsafe extern "C" fn(i64, *const f64, *mut f64);

pub fn run(bench: &mut Bench) {
    if !ROWS.iter().any(|row| bench.wants(row.0)) {
        return;
    }
    let flags = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=128"];
    let library = match Library::compile("elementwise", include_str!("elementwise.c"), &flags) {
        Ok(library) => library,
        Err(why) => return bench.note(&format!("no rows in C: {why}")),
    };
    bench.section("One function of 4,096 numbers of an array");
    for (name, routine, of, [low, high]) in ROWS {
        if !bench.wants(name) {
            continue;
        }
        // SAFETY: the routines are of this type.
        let reference = unsafe { library.function::<OverArray>(routine) }.expect("elementwise.c has the routine");
        let f = Function::trace([format!("x[{N}]")], |[x]| of(x)).unwrap().compile().unwrap();
        let mut x: Vec<f64> =
            (0..N).map(|i| low + (high - low) * ((i as f64 * 0.618034).fract() * 0.5 + i as f64 / N as f64 * 0.5)).collect();
        let mut z = x.clone();
        let (mut y, mut expected) = (vec![0.0; N], vec![0.0; N]);
        let in_c = |x: &[f64], y: &mut [f64]| {
            // SAFETY: both arrays have as many numbers.
            unsafe { reference(x.len() as i64, x.as_ptr(), y.as_mut_ptr()) }
        };
        f.call_into(&[&x], &mut [&mut y]).unwrap();
        in_c(&x, &mut expected);
        agree(name, &y, &expected, 1e-12);
        bench.pair(
            name,
            "native code, a number / in C",
            (NS, N as f64),
            Target::Within(1.2),
            |_| {
                f.call_into(black_box(&[&x[..]]), &mut [black_box(&mut y[..])]).unwrap();
                x[0] += 1e-12;
            },
            |_| {
                in_c(black_box(&z), black_box(&mut expected));
                z[0] += 1e-12;
            },
        );
    }
}

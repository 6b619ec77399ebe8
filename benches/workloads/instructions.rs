//! Instructions that key calls take, counted by valgrind's callgrind and compared with instructions.txt: `cargo bench -- --instructions`, with
//! `--bless` to write the counts down. Unlike times, counts do not depend on what else the machine does.
//!
//! Valgrind shows programs a processor with AVX2 and FMA and without AVX-512, so counts are alike on every machine that has these. The calls are
//! such that use no routine of the platform's mathematics, whose length is its own.

use super::{arrays, formulas::*, rows::breast_cancer};
use std::hint::black_box;
use std::process::{Command, ExitCode};
use wengert::{Compiled, Function, Width};

/// What a count may differ by: a part, and some instructions.
const TOLERANCE: (f64, u64) = (0.04, 4);

const NAMES: [&str; 8] =
    ["w1.f1.call", "w2.grad.100", "w2.array.1k", "w4.rows", "w5.rows", "w6.rows", "w9.rows.1k", "product.64"];

/// The call of a name, ready to run.
fn kernel(name: &str) -> Box<dyn FnMut()> {
    match name {
        "w1.f1.call" => {
            let g = Function::trace(["a", "b"], product).unwrap().value_and_grad().unwrap().compile().unwrap();
            Box::new(move || {
                black_box(&g.call::<f64, 3>(black_box([2.0, 1.0])).unwrap());
            })
        }
        "w2.array.1k" => {
            let g = arrays::gradient(arrays::rosenbrock_by_slices(1000), &["x"]);
            let (x, mut f, mut dx) = (vec![0.5; 1000], [0.0], vec![0.0; 1000]);
            Box::new(move || g.call_into(&[black_box(&x)], &mut [&mut f, &mut dx]).unwrap())
        }
        "w4.rows" => {
            let f = Function::trace((("w", 31), ("x", 30), "y"), |(w, x, y)| logistic(&w, &x, y)).unwrap();
            let g = over_points(&f, "w", Function::mean);
            let ((x, y), w, mut f, mut dw) = (breast_cancer(), [0.1; 31], [0.0], [0.0; 31]);
            Box::new(move || {
                g.call_into(&[&w, black_box(&x), &y], &mut [&mut f, &mut dw]).unwrap();
            })
        }
        "w5.rows" => {
            let f = Function::trace((("p", 33), ("x", 2), "y"), |(p, x, y)| exclusive_or_row(&p, [x[0], x[1]], y)).unwrap();
            let g = over_points(&f, "p", Function::mean);
            let (x, y, p) = (XOR.map(|(x, _)| x).concat(), XOR.map(|(_, y)| y), [0.1; 33]);
            let (mut f, mut dp) = ([0.0], [0.0; 33]);
            Box::new(move || {
                g.call_into(&[&p, black_box(&x), &y], &mut [&mut f, &mut dp]).unwrap();
            })
        }
        "w6.rows" => {
            let f = Function::trace((("p", 4), ["x", "y"]), |(p, [x, y])| cubic([p[0], p[1], p[2], p[3]], x, y)).unwrap();
            let g = over_points(&f, "p", Function::sum);
            let (x, mut f, mut dp) = (vec![0.5; 2000], [0.0], [0.0; 4]);
            Box::new(move || {
                g.call_into(&[&[1.0; 4], black_box(&x), &x], &mut [&mut f, &mut dp]).unwrap();
            })
        }
        "w9.rows.1k" => {
            let names = ["s", "k", "r", "v", "t"];
            let f = Function::trace(names, option_logistic).unwrap();
            let g = f.value_and_grad().unwrap().vmap("n", names).unwrap().compile().unwrap();
            let x: Vec<Vec<f64>> = (0..5).map(|k| (0..1000).map(|i| super::calls::option_row(i)[k]).collect()).collect();
            let mut y = [(); 6].map(|()| vec![0.0; 1000]);
            Box::new(move || {
                let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
                g.call_into(black_box(&x), &mut y.each_mut().map(Vec::as_mut_slice)).unwrap();
            })
        }
        "product.64" => {
            let f = Function::trace_in(Width::F32, ["a[64,64]", "b[64,64]"], |[a, b]| a.matmul(b)).unwrap();
            let (g, x, mut y) = (f.compile().unwrap(), vec![0.5f32; 64 * 64], vec![0f32; 64 * 64]);
            Box::new(move || g.call_into(&[black_box(&x), &x], &mut [&mut y]).unwrap())
        }
        "w2.grad.100" => {
            let g = Function::trace(("x", 100), |x| rosenbrock(&x)).unwrap().value_and_grad().unwrap().compile().unwrap();
            let (x, mut f, mut dx) = (vec![0.5; 100], [0.0], vec![0.0; 100]);
            Box::new(move || g.call_into(&[black_box(&x)], &mut [&mut f, &mut dx]).unwrap())
        }
        _ => unreachable!("{name} is none of {NAMES:?}"),
    }
}

/// Value and gradient by the parameters, taken together over all points.
fn over_points(f: &Function, parameters: &str, together: fn(&Function, &str) -> wengert::Result<Function>) -> Compiled {
    let each = f.wrt([parameters]).unwrap().value_and_grad().unwrap().vmap("n", ["x", "y"]).unwrap();
    together(&each, "n").unwrap().compile().unwrap()
}

/// What callgrind counts in.
#[unsafe(no_mangle)]
#[inline(never)]
extern "C" fn wengert_counted(f: &mut Box<dyn FnMut()>) {
    f();
}

/// Runs one call, in the process that callgrind watches.
pub fn run_one(name: &str) {
    let mut f = kernel(name);
    // Plans, scratch memory and lazily bound symbols are there afterwards.
    f();
    f();
    wengert_counted(black_box(&mut f));
}

fn count(name: &str) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let arguments = ["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=wengert_counted"];
    let output =
        Command::new("valgrind").args(arguments).arg(program).args(["--count", name]).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let found = text.lines().find_map(|line| line.split_once("Collected : ")).and_then(|(_, count)| count.trim().parse().ok());
    found.filter(|_| output.status.success()).ok_or(text)
}

/// Compares every count with the one that is written down, or writes them down.
pub fn run(bless: bool) -> ExitCode {
    #[cfg(target_arch = "x86_64")]
    let fits = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let fits = false;
    if !fits {
        println!("instructions: left out, as the counts are those of a processor with AVX2 and FMA");
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("instructions: left out, as there is no valgrind");
        return ExitCode::SUCCESS;
    }
    let mut text = String::new();
    let mut failed = false;
    for name in NAMES {
        let count = match count(name) {
            Ok(count) => count,
            Err(why) => {
                println!("instructions: {name} does not run under valgrind:\n{why}");
                return ExitCode::FAILURE;
            }
        };
        text += &format!("{name} {count}\n");
        let known = include_str!("instructions.txt").lines().filter_map(|line| line.split_once(' '));
        let known: Option<u64> = known.filter(|(other, _)| *other == name).find_map(|(_, count)| count.parse().ok());
        let within = |known: u64| count.abs_diff(known) <= ((known as f64 * TOLERANCE.0) as u64).max(TOLERANCE.1);
        let (verdict, fine) = match known {
            Some(known) if within(known) => ("as known", true),
            Some(known) if count < known => ("fewer than known: write it down with --bless", true),
            Some(_) => ("MORE than known", false),
            None => ("not known yet: write it down with --bless", false),
        };
        failed |= !fine;
        println!(
            "{name:<12} {count:>9} instructions, {} known: {verdict}",
            known.map_or("none".into(), |known| known.to_string())
        );
    }
    if bless {
        let to = concat!(env!("CARGO_MANIFEST_DIR"), "/workloads/instructions.txt");
        std::fs::write(to, text).expect("the counts can be written");
        return ExitCode::SUCCESS;
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

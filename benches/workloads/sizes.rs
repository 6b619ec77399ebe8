//! W10: straight-line functions of growing size: time to the first result, and what a later call takes. And memory.

use super::{bench::*, c, formulas::*};
use std::hint::black_box;
use wengert::compiled::Tier;
use wengert::{Compiled, Function, Options};

pub fn run(bench: &mut Bench) {
    first_results(bench);
    second_compilations(bench);
    later_calls(bench);
    mapped(bench);
    memory(bench);
}

pub fn point() -> [f64; 8] {
    std::array::from_fn(|i| 0.1 * (i as f64 + 1.0))
}

pub fn trace(n: usize) -> Function {
    Function::trace(("v", 8), |v| network(v.try_into().expect("eight numbers"), n)).unwrap()
}

fn first_results(bench: &mut Bench) {
    bench.section("W10: from a finished Rust closure to the first value and gradient");
    // By one thread, whose CPU time is what is measured.
    for (name, n, runs, most) in [
        ("w10.first.100", 100, 31, 2.0),
        ("w10.first.1k", 1_000, 31, 20.0),
        ("w10.first.10k", 10_000, 7, 200.0),
        ("w10.first.100k", 100_000, 5, 2000.0),
        ("w10.first.1m", 1_000_000, 3, 15_000.0),
    ] {
        for tier in [Tier::Auto, Tier::Fast, Tier::Best] {
            let (label, target) = match tier {
                Tier::Auto => (name.to_owned(), Target::Below(most)),
                tier => (format!("{name}.{}", format!("{tier:?}").to_lowercase()), Target::None),
            };
            if !bench.wants(&label) {
                continue;
            }
            let mut parts = [const { Vec::new() }; 6];
            for _ in 0..runs {
                let (f, tracing) = timed(|| trace(n));
                let (g, differentiating) = timed(|| f.value_and_grad().unwrap());
                let options = Options::new().tier(tier).compile_threads(1);
                let (compiled, compiling) = timed(|| g.compile_with(options.clone()).unwrap());
                let (y, calling) = timed(|| compiled.call::<f64, 9>(black_box(point())).unwrap());
                black_box(y);
                // All of compiling that is not the native compiler's.
                let (_, lowering) = timed(|| g.compile_with(options.interpreted(true)).unwrap());
                let all = [tracing, differentiating, lowering, compiling.saturating_sub(lowering), calling];
                all.iter().zip(&mut parts).for_each(|(time, part)| part.push(time.as_secs_f64() * 1e3));
                parts[5].push((tracing + differentiating + compiling + calling).as_secs_f64() * 1e3);
            }
            bench.absolute(&label, "trace, differentiate, compile, call", &parts[5], "ms", target);
            let median = |part: &mut Vec<f64>| {
                part.sort_by(f64::total_cmp);
                part[part.len() / 2]
            };
            let [a, b, c, d, e, _] = parts.each_mut().map(median);
            bench.note(&format!("trace {a:.3}, differentiate {b:.3}, lower {c:.3}, compile {d:.3}, first call {e:.3} ms"));
        }
    }
}

/// What is found in the process, or on disk, against compiling again.
fn second_compilations(bench: &mut Bench) {
    bench.section("W10: native code that was made before");
    let clock = std::mem::replace(&mut bench.clock, wall_time);
    for (name, n) in [("1k", 1_000), ("10k", 10_000)] {
        let rows = ["cached", "loaded", "tiered", "threads"].map(|what| format!("w10.{what}.{name}"));
        if !rows.iter().any(|row| bench.wants(row)) {
            continue;
        }
        let g = trace(n).value_and_grad().unwrap();
        let compiled = |options: Options| drop(black_box(g.compile_with(options).unwrap()));
        let path = std::env::temp_dir().join(format!("wengert-bench-{}.code", std::process::id()));
        let first = g.compile_with(Options::new().cached(true)).unwrap();
        first.save(&path).unwrap();
        let compile = |_: usize| compiled(Options::new());
        let [of_cached, of_loaded, of_tiered, of_threads] = rows;
        let ms = (MS, 1.0);
        bench.pair(
            &of_cached,
            "found in the cache / compiled",
            ms,
            Target::None,
            |_| compiled(Options::new().cached(true)),
            compile,
        );
        // SAFETY: the file is the one just written.
        let load = |_: usize| drop(black_box(unsafe { Compiled::load(&path) }.unwrap()));
        bench.pair(&of_loaded, "loaded from a file / compiled", ms, Target::None, load, compile);
        let called = |options: Options| {
            black_box(&g.compile_with(options).unwrap().call::<f64, 9>(point()).unwrap());
        };
        let first_call = |_: usize| called(Options::new().background(true));
        let whole = |_: usize| called(Options::new());
        bench.pair(&of_tiered, "a first result while it is compiled / after it", ms, Target::None, first_call, whole);
        bench.pair(&of_threads, "compiled by all threads / by one", ms, Target::None, compile, |_| {
            compiled(Options::new().compile_threads(1))
        });
        let _ = std::fs::remove_file(&path);
    }
    bench.clock = clock;
}

fn later_calls(bench: &mut Bench) {
    bench.section("W10: later values and gradients");
    for (name, n, least) in
        [("w10.exec.100", 100, 3.0), ("w10.exec.1k", 1_000, 5.0), ("w10.exec.10k", 10_000, 7.0), ("w10.exec.100k", 100_000, 5.0)]
    {
        if !bench.wants_within(name) {
            continue;
        }
        let gradient = trace(n).value_and_grad().unwrap();
        let compiled = gradient.compile().unwrap();
        bench.note(&compiled.report().to_string());
        let (mut tape, value) = echidna::record(|v| network(v.try_into().expect("eight numbers"), n), &point());
        let (mut expected, mut buffer) = (vec![0.0; 9], Vec::new());
        let mut x = point();
        let y: [f64; 9] = compiled.call(x).unwrap();
        agree(name, &y, &[&[value][..], &tape.gradient_with_buf(&x, &mut buffer)].concat(), 1e-12);
        let mut z = x;
        let mut ours = |_: usize| {
            black_box(&compiled.call::<f64, 9>(black_box(&x)).unwrap());
            x[0] += 1e-12;
        };
        let what = "native code / echidna, bytecode recorded once";
        bench.pair(name, what, (US, 1.0), Target::Faster(least), &mut ours, |_| {
            black_box(tape.gradient_with_buf(black_box(&z), &mut buffer));
            z[0] += 1e-12;
        });
        let of_best = format!("{name}.best");
        if bench.wants(&of_best) {
            let best = gradient.compile_with(Options::new().tier(Tier::Best)).unwrap();
            let mut x = point();
            let what = "native code / that of `Tier::Best`";
            bench.pair(&of_best, what, (US, 1.0), Target::None, &mut ours, |_| {
                black_box(&best.call::<f64, 9>(black_box(&x)).unwrap());
                x[0] += 1e-12;
            });
        }
        // C compilers take minutes for the largest.
        let name = format!("{name}.co3");
        if n > 10_000 || !bench.wants(&name) {
            continue;
        }
        let (in_c, seconds) = waited(|| c::straight(&gradient));
        let in_c = match in_c {
            Ok(in_c) => in_c,
            Err(why) => {
                bench.note(&format!("no straight line in C: {why}"));
                continue;
            }
        };
        bench.note(&format!("the C compiler took {seconds:.1} s"));
        z = point();
        in_c(&z, &mut expected);
        agree(&name, &compiled.call::<f64, 9>(z).unwrap(), &expected, 1e-12);
        let what = "native code / the same graph as C, a variable a node";
        bench.pair(&name, what, (US, 1.0), Target::Within(1.2), &mut ours, |_| {
            in_c(black_box(&z), black_box(&mut expected));
            z[0] += 1e-12;
        });
    }
}

/// Bodies of loops over rows that Cranelift gets in several functions, one row at a time.
fn mapped(bench: &mut Bench) {
    const ROWS: usize = 256;
    for (name, n) in [("w10.rows.100", 100), ("w10.rows.1k", 1_000), ("w10.rows.10k", 10_000)] {
        if !bench.wants(name) {
            continue;
        }
        let f = Function::trace(["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"], |v| network(v, n)).unwrap();
        let g = f.value_and_grad().unwrap().vmap("n", ["v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7"]).unwrap();
        let x: Vec<Vec<f64>> = (0..8).map(|k| (0..ROWS).map(|i| 0.1 * (k + 1) as f64 + 1e-3 * i as f64).collect()).collect();
        let x: Vec<&[f64]> = x.iter().map(Vec::as_slice).collect();
        let [mut y, mut z] = [(); 2].map(|()| vec![vec![0.0; ROWS]; 9]);
        let (wide, narrow) = (g.compile().unwrap(), g.compile_with(Options::new().vectors(128)).unwrap());
        bench.note(&wide.report().to_string());
        let call = |code: &Compiled, y: &mut Vec<Vec<f64>>| {
            code.call_into(black_box(&x), &mut y.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        };
        let what = "a row of the widest vectors / of Cranelift's, 128 bits";
        let each = (NS, ROWS as f64);
        bench.pair(name, what, each, Target::None, |_| call(&wide, &mut y), |_| call(&narrow, &mut z));
        assert_eq!(y, z, "the bits are the same");
    }
}

/// Bytes of this process in memory.
fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: f64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(f64::NAN);
    // SAFETY: no arguments, no memory.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as f64
}

fn memory(bench: &mut Bench) {
    const FUNCTIONS: usize = 1000;
    bench.section("Memory");
    if !bench.wants("memory.1k") {
        return;
    }
    let g = trace(400).value_and_grad().unwrap();
    bench.note(&format!("the gradient has {} nodes; {}", g.graph().len(), g.compile().unwrap().report()));
    // So many that what the allocator had free before does not count.
    let before = resident();
    let kept: Vec<_> = (0..FUNCTIONS).map(|_| g.compile().unwrap()).collect();
    let each = (resident() - before) / kept.len() as f64 / 1024.0;
    bench.absolute("memory.1k", "resident memory of a compiled function of 1,000 nodes", &[each], "KiB", Target::Below(100.0));
}

//! Loops over rows in vectors of several widths: which a loop has, and that nothing depends on it.

use wengert::compiled::Report;
use wengert::{Compiled, Function, Options, Width};

/// The most bits of vectors on this processor, as far as there is code for them.
fn widest() -> usize {
    #[cfg(all(target_arch = "x86_64", unix))]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        let has =
            [is_x86_feature_detected!("avx512f"), is_x86_feature_detected!("avx512dq"), is_x86_feature_detected!("avx512vl")];
        return if has == [true; 3] { 512 } else { 256 };
    }
    128
}

fn has_wide_vectors() -> bool {
    widest() > 128
}

/// What the environment says.
fn by_default() -> usize {
    std::env::var("WENGERT_VECTORS").map_or(512, |bits| bits.parse().unwrap())
}

/// A loss and what it is of, with shared numbers, rows of two, a sum, a mean, and kernels.
fn mapped(width: Width) -> Function {
    let f = Function::trace_in(width, (("p", 2), ("x", 2), "t"), |(p, x, t)| {
        let y = (p[0] * x[0] + p[1]).tanh() + (x[1] * t).exp() * p[0];
        (("loss", (y - t).powi(2)), ("y", y), ("t2", t * t))
    });
    f.unwrap().vmap("n", ["x", "t"]).unwrap().mean_of("n", ["loss"]).unwrap().sum_of("n", ["t2"]).unwrap()
}

fn run(f: &Compiled, rows: usize) -> [Vec<f64>; 3] {
    let x: Vec<f64> = (0..2 * rows).map(|k| (k as f64 * 0.7).sin()).collect();
    let t: Vec<f64> = (0..rows).map(|k| (k as f64 * 1.3).cos()).collect();
    let mut y = [vec![0.0], vec![0.0; rows], vec![0.0]];
    f.call_into(&[&[0.3, -0.2], &x, &t], &mut y.each_mut().map(|y| &mut y[..])).unwrap();
    y
}

fn widths(report: &Report) -> Vec<usize> {
    report.loops.iter().map(|row_loop| row_loop.vector_bits).collect()
}

#[test]
fn the_report_says_which_vectors_a_loop_has() {
    let f = mapped(Width::F64);
    let compile = |bits: usize| f.compile_with(Options::new().vectors(bits)).unwrap();
    for (bits, most) in [(0, 128), (128, 128), (255, 128), (256, 256), (511, 256), (512, 512), (9999, 512)] {
        let report = compile(bits).report();
        let has = widest().min(most);
        assert_eq!(widths(&report), [has], "{bits}");
        let row_loop = report.loops[0];
        assert_eq!((row_loop.code_bytes, row_loop.narrow.is_none()), (report.code_bytes, has > 128));
        assert_eq!(row_loop.spilled.is_some(), has > 128);
        assert!(report.to_string().contains(&format!(", 1 loop over rows in {has} bits")), "{report}");
    }
    let reason = compile(128).report().loops[0].narrow.unwrap();
    assert!(!has_wide_vectors() || reason == "the options do not allow more", "{reason}");
    assert_eq!(f.compile().unwrap().report().loops, compile(by_default()).report().loops);
    // A long body is several functions of Cranelift's, which have no loop inside, and one of wide vectors. Straight-line code has no loop at all.
    let long = Function::trace(["a", "x"], |[a, x]| (0..700).fold(x, |y, k| (y * a + k as f64).sin()));
    let long = long.unwrap();
    assert!(long.compile().unwrap().report().loops.is_empty());
    let long = long.vmap("n", ["x"]).unwrap();
    for bits in [256, 512] {
        let wide = long.compile_with(Options::new().vectors(bits)).unwrap().report();
        assert_eq!(widths(&wide), [if has_wide_vectors() { widest().min(bits) } else { 0 }]);
    }
    let report = long.compile_with(Options::new().vectors(128)).unwrap().report();
    assert_eq!(widths(&report), [0]);
    assert!(
        report.functions > 1 && report.loops[0].narrow.is_some() && report.to_string().contains(", 1 loop over single rows"),
        "{report}"
    );
    assert!(f.compile_with(Options::new().interpreted(true)).unwrap().report().loops.is_empty());
}

#[test]
fn loops_of_arrays_have_them_too() {
    let f = Function::trace(["x[n]"], |[x]| (x.sin().exp().sum(..), (x * x + x.tanh()).cumsum(0))).unwrap();
    let [widest_vectors, wide, narrow] = [512, 256, 128].map(|bits| {
        let f = f.compile_with(Options::new().vectors(bits)).unwrap();
        let loops = widths(&f.report());
        assert!(!loops.is_empty() && loops.iter().all(|&has| has == widest().min(bits)), "{loops:?}");
        f
    });
    for n in [0, 1, 5, 8, 1030, 5000] {
        let x: Vec<f64> = (0..n).map(|k| (k as f64 * 0.7).sin() * 9.0).collect();
        let run = |f: &Compiled| {
            let (mut sum, mut y) = ([0.0], vec![0.0; n]);
            f.call_into(&[&x], &mut [&mut sum, &mut y]).unwrap();
            (sum, y)
        };
        assert_eq!([run(&widest_vectors), run(&wide)], [run(&narrow), run(&narrow)]);
    }
}

/// Threads share the rows, the mode for subnormal numbers is that of all vectors, and what was kept or saved is of one width.
#[test]
fn options_go_together() {
    let f = mapped(Width::F64);
    let plain = f.compile().unwrap();
    let (small, large) = (run(&plain, 37), run(&plain, 30_000));
    for bits in [128, 256, 512] {
        let options = Options::new().vectors(bits);
        let mut all =
            vec![options.clone(), options.clone().cached(true), options.clone().cached(true), options.clone().interpreted(true)];
        if cfg!(feature = "threads") {
            all.push(options.threads(2));
        }
        for options in all {
            let g = f.compile_with(options.clone()).unwrap();
            assert!(options == options.clone().interpreted(true) || widths(&g.report()) == [widest().min(bits)], "{options:?}");
            assert_eq!((&run(&g, 37), &run(&g, 30_000)), (&small, &large), "{options:?}");
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn subnormal_numbers_are_zeros_where_asked() {
    let f = Function::trace(["x", "y"], |[x, y]| x * y).unwrap().vmap("n", ["x", "y"]).unwrap();
    for bits in [128, 256, 512] {
        for (flush, wanted) in [(false, 1e-310), (true, 0.0)] {
            let g = f.compile_with(Options::new().vectors(bits).flush_subnormals(flush)).unwrap();
            let (x, y) = ([1e-155; 11], [1e-155; 11]);
            let mut products = [1.0; 11];
            g.call_into(&[&x, &y], &mut [&mut products]).unwrap();
            assert_eq!(products, [wanted; 11], "{bits} bits");
            // The mode was put back.
            assert_eq!(std::hint::black_box(1e-155) * 1e-155, 1e-310);
        }
    }
}

#[test]
fn limits_hold() {
    let f = mapped(Width::F32);
    let bytes = f.compile().unwrap().report().code_bytes;
    assert!(f.compile_with(Options::new().code_limit(bytes)).is_ok());
    assert!(f.compile_with(Options::new().code_limit(bytes - 1)).unwrap_err().is_limit());
    assert!(f.compile_with(Options::new().time_limit(std::time::Duration::ZERO)).unwrap_err().is_limit());
}

/// Rows that there are not are written to the stack, which a row of 68 kB would take too much of.
#[test]
fn a_report_says_why_a_loop_is_narrower_than_the_processor() {
    let f = Function::trace("x", |x| vec![x.exp(); 8500]).unwrap().vmap("n", ["x"]).unwrap();
    let compile = |bits: usize| f.compile_with(Options::new().vectors(bits)).unwrap();
    let (wide, narrow) = (compile(512), compile(128));
    let row_loop = wide.report().loops[0];
    assert_eq!(row_loop.vector_bits, widest().min(256));
    assert_eq!(row_loop.narrow.is_some_and(|reason| reason.contains("too much of the stack")), widest() == 512, "{row_loop:?}");
    let run = |f: &Compiled| {
        let mut y = vec![0.0; 5 * 8500];
        f.call_into(&[&[0.1, 0.2, -0.3, 4.0, 0.5]], &mut [&mut y]).unwrap();
        y
    };
    assert_eq!(run(&wide), run(&narrow));
}

#[test]
fn assembly_shows_what_runs() {
    let f = mapped(Width::F64);
    let assembly = |bits: usize| f.compile_with(Options::new().vectors(bits)).unwrap().assembly().unwrap();
    for bits in [128, 256, 512] {
        let (text, has) = (assembly(bits), widest().min(bits));
        // Few rows are half of a vector.
        assert_eq!((text.contains("zmm"), text.contains("ymm")), (has == 512, has >= 256), "{text}");
        if has > 128 {
            assert!(text.contains("vfmadd") && text.contains("  ret\n") && text.contains("in every lane"), "{text}");
        }
    }
    // Cranelift's loop, which has the same bits.
    assert!(f.compile().unwrap().clif().unwrap().contains("f64x2"));
}

/// A process reads its environment once, so others are started for this.
#[test]
fn the_environment_says_what_is_the_default() {
    const CHILD: &str = "WENGERT_VECTORS_EXPECTED";
    if let Ok(expected) = std::env::var(CHILD) {
        match (mapped(Width::F64).compile(), expected.parse::<usize>()) {
            (Ok(compiled), Ok(most)) => assert_eq!(widths(&compiled.report()), [widest().min(most)]),
            (Err(error), Err(_)) => {
                assert!(error.to_string().contains(&expected) && error.to_string().contains(file!()), "{error}");
            }
            (other, _) => panic!("{expected}: {other:?}"),
        }
        return;
    }
    let refused =
        |said: &str| format!("the environment variable WENGERT_VECTORS is `{said}`, which is no number of bits: 128, 256 or 512");
    let (word, nothing) = (refused("wide"), refused(""));
    for (said, expected) in [("128", "128"), ("256", "256"), ("300", "256"), ("0", "128"), ("wide", &*word), ("", &nothing)] {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap());
        child
            .args(["vectors::the_environment_says_what_is_the_default", "--exact"])
            .env("WENGERT_VECTORS", said)
            .env(CHILD, expected);
        let output = child.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{said}: {text}");
    }
}

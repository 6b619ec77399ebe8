//! Native code in files: what is read is what was written, and nothing else is read.

use crate::common::flat;
use std::path::PathBuf;
use wengert::compiled::{Form, Tier};
use wengert::io::Archive;
use wengert::{Array, Compiled, Expr, Function, Options, Real, Width, scan};

/// A file of a test, removed at its end.
struct File(PathBuf);

impl File {
    fn new(name: &str) -> File {
        File(std::env::temp_dir().join(format!("wengert-{name}-{}.code", std::process::id())))
    }
    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn load(file: &File) -> wengert::Result<Compiled> {
    // SAFETY: the file is one of ours, or damaged in a way that is found.
    unsafe { Compiled::load(&file.0) }
}

fn bits(v: &[f64]) -> Vec<u64> {
    v.iter().map(|v| v.to_bits()).collect()
}

/// Every kind of operation that calls something, in several native functions if there are many steps.
fn long(x: &[Expr], steps: usize) -> Expr {
    (0..steps).fold(x[0], |y, k| {
        let z = y * x[k % x.len()] + (1.0 + k as f64 * 1e-3);
        match k % 5 {
            0 => z.sin(),
            1 => z.tanh() + z.atan2(y),
            2 => (-z * z).exp(),
            3 => z.erf().max(y),
            _ => z.abs().powf(Expr::lit(0.3)),
        }
    })
}

fn gradient(width: Width, steps: usize) -> Function {
    Function::trace_in(width, (("x", 3), "unused"), |(x, _)| long(&x, steps)).unwrap().value_and_grad().unwrap()
}

#[test]
fn numbers() {
    let file = File::new("numbers");
    for (steps, tier) in [(4, Tier::Best), (900, Tier::Best), (900, Tier::Fast)] {
        for flush in [false, true] {
            let options = Options::new().tier(tier).flush_subnormals(flush && cfg!(target_arch = "x86_64"));
            let f = gradient(Width::F64, steps).compile_with(options).unwrap();
            f.save(&file.0).unwrap();
            let g = load(&file).unwrap();
            let x = [0.3, -1.2, 0.7, 0.0];
            assert_eq!(bits(&flat(&f, &x).unwrap()), bits(&flat(&g, &x).unwrap()));
            let error = g.call::<f64, 5>([1.0]).unwrap_err();
            assert!(error.to_string().contains("the inputs (x[3], unused) have 4 elements together, not 1"), "{error}");
            assert!(g.call::<f32, 5>([1.0f32; 4]).unwrap_err().is_shape());
            let (of_f, of_g) = (f.report(), g.report());
            assert_eq!((of_f.functions, of_f.code_bytes, of_f.tier), (of_g.functions, of_g.code_bytes, of_g.tier));
            assert_eq!((of_f.operations, of_f.scratch_bytes), (of_g.operations, of_g.scratch_bytes));
            assert_eq!((of_f.form, of_f.structural_zeros), (of_g.form, of_g.structural_zeros.clone()));
            assert_eq!(of_g.structural_zeros.len(), 1);
        }
    }
    let f = gradient(Width::F32, 900).compile().unwrap();
    f.save(&file.0).unwrap();
    let x = [0.3f32, -1.2, 0.7, 0.0];
    assert_eq!(flat(&f, &x).unwrap(), flat(&load(&file).unwrap(), &x).unwrap());
}

/// Threads give the same file, and so does what was read.
#[test]
fn the_file_is_a_matter_of_the_function_alone() {
    let (a, b) = (File::new("alone-a"), File::new("alone-b"));
    let g = gradient(Width::F64, 1500);
    g.compile_with(Options::new().compile_threads(1)).unwrap().save(&a.0).unwrap();
    for n in [2, 5] {
        g.compile_with(Options::new().compile_threads(n)).unwrap().save(&b.0).unwrap();
        assert!(a.bytes() == b.bytes());
    }
    load(&a).unwrap().save(&b.0).unwrap();
    assert!(a.bytes() == b.bytes());
}

#[test]
fn rows() {
    let file = File::new("rows");
    // In one function, and in several.
    for steps in [3, 400] {
        let f = Function::trace((("p", 2), ("x", 2), "t"), |(p, x, t)| {
            let y = long(&[p[0], x[0], p[1], x[1], t], steps);
            (("loss", (y - t).powi(2)), ("y", y), ("t2", t * t))
        });
        let map = f.unwrap().vmap("n", ["x", "t"]).unwrap().mean_of("n", ["loss"]).unwrap().sum_of("n", ["t2"]).unwrap();
        let f = map.compile().unwrap();
        f.save(&file.0).unwrap();
        let g = load(&file).unwrap();
        assert_eq!([f.report().form, g.report().form], [Form::Rows; 2]);
        let x: Vec<f64> = (0..46).map(|k| (k as f64 * 0.7).sin()).collect();
        let t: Vec<f64> = (0..23).map(|k| (k as f64 * 1.3).cos()).collect();
        let run = |rows: &Compiled| {
            let (mut loss, mut y, mut sum) = ([0.0], [0.0; 23], [0.0]);
            rows.call_into(&[&[0.3, 0.8], &x, &t], &mut [&mut loss, &mut y, &mut sum]).unwrap();
            (bits(&loss), bits(&y), bits(&sum))
        };
        assert_eq!(run(&f), run(&g));
        let error = g.call_into::<f64>(&[&[0.3], &x, &t], &mut [&mut [0.0], &mut [0.0; 23], &mut [0.0]]).unwrap_err();
        assert!(error.to_string().contains("the shared input `p` has 2 numbers, not 1"), "{error}");
    }
}

#[test]
fn arrays() {
    let file = File::new("arrays");
    let shapes = |n: usize| -> Vec<Array<f64>> {
        let wave = |shape: [usize; 2], s: f64| {
            Array::new(shape, (0..shape[0] * shape[1]).map(|k| (s * (1 + k) as f64).sin()).collect()).unwrap()
        };
        vec![wave([3, 4], 0.7), wave([n, 3], 1.9)]
    };
    let layers = |w: Expr, x: Expr| {
        let y = x.matmul(w).tanh();
        (y.sum(0), y.softplus().mean(..))
    };
    let open = Function::trace(["w[3,4]", "x[n,3]"], |[w, x]| layers(w, x)).unwrap();
    // Small, so that it is straight-line code.
    let small = Function::trace(["w[3,4]", "x[2,3]"], |[w, x]| layers(w, x)).unwrap();
    let looped = Function::trace(["w[3,4]", "x[n,3]"], |[w, x]| {
        let (last, each) = scan(w, x, |w: Expr, x: Expr| ((w + x.matmul(w)).sin(), w.sum(..) * x.exp()));
        (last, each.cos())
    });
    for (f, n) in [(open.clone(), 37), (small, 2), (looped.unwrap(), 5)] {
        let code = f.compile().unwrap();
        code.save(&file.0).unwrap();
        let read = load(&file).unwrap();
        let run = |code: &Compiled| -> Vec<_> {
            let y = code.run(shapes(n)).unwrap();
            y.iter().map(|(name, y)| (name.to_owned(), y.shape().to_vec(), bits(y.data()))).collect()
        };
        assert_eq!(run(&code), run(&read));
        assert_eq!((code.plan(), code.report().form), (read.plan(), read.report().form));
        assert_eq!(code.report().code_bytes, read.report().code_bytes);
    }
    // Another function's code is not taken for this one's.
    let doubled = Function::trace(["x[n]"], |[x]| (x * 2.0).abs()).unwrap();
    doubled.compile().unwrap().save(&file.0).unwrap();
    let mut archive = Archive::load(&file.0).unwrap();
    let text = archive.text("function").unwrap().replace("abs", "neg");
    archive.put_text("function", &text).save(&file.0).unwrap();
    let error = load(&file).unwrap_err();
    assert!(error.is_file() && error.to_string().contains("that of other stages"), "{error}");
}

/// What overwrites what, is part of the code.
#[test]
fn updates() {
    let file = File::new("updates");
    let numbers = Function::trace((("p", 3), ("g", 3)), |(p, g)| {
        let next: Vec<Expr> = p.iter().zip(&g).map(|(&p, &g)| p - 0.5 * g * p).collect();
        (("norm", p[0].hypot(p[1])), ("next", next))
    });
    let arrays = Function::trace(["p[n]", "g[n]"], |[p, g]| (("norm", p.norm()), ("next", p - 0.5 * g * p)));
    for f in [numbers, arrays] {
        let step = f.unwrap().compile_with(Options::new().overwrite([("next", "p")])).unwrap();
        step.save(&file.0).unwrap();
        let read = load(&file).unwrap();
        let run = |step: &Compiled| {
            let (mut p, mut norm) = ([0.3, -2.0, 1.5], [0.0]);
            (0..3).for_each(|_| step.call_into(&[&[1.0, 0.25, -1.0]], &mut [&mut norm, &mut p]).unwrap());
            [bits(&p), bits(&norm)]
        };
        assert_eq!(run(&step), run(&read));
        let error = read.call_into::<f64>(&[&[0.0; 3], &[0.0; 3]], &mut [&mut [0.0], &mut [0.0; 3]]).unwrap_err();
        assert!(error.to_string().contains("2 input slices"), "{error}");
    }
}

/// The code is saved once it is there, and no sooner.
#[test]
fn what_is_made_in_the_background() {
    let (file, other) = (File::new("background"), File::new("foreground"));
    let f = gradient(Width::F64, 1500);
    f.compile_with(Options::new().background(true)).unwrap().save(&file.0).unwrap();
    f.compile().unwrap().save(&other.0).unwrap();
    assert!(file.bytes() == other.bytes());
    assert!(load(&file).unwrap().is_native());
}

/// A file has the code, and nothing that its texts could be made of.
#[test]
fn there_are_no_texts_of_what_was_loaded() {
    let file = File::new("texts");
    let f = gradient(Width::F64, 3).compile().unwrap();
    assert!(f.clif().unwrap().contains("function") && !f.assembly().unwrap().is_empty());
    f.save(&file.0).unwrap();
    let g = load(&file).unwrap();
    for error in [g.clif().unwrap_err(), g.assembly().unwrap_err()] {
        assert!(error.is_unsupported() && error.to_string().contains("loaded from a file"), "{error}");
        assert_eq!(error.location().unwrap().file(), file!());
    }
}

#[test]
fn what_is_cut_off_or_damaged_is_an_error() {
    let file = File::new("damaged");
    gradient(Width::F64, 1).compile().unwrap().save(&file.0).unwrap();
    let whole = file.bytes();
    assert!(load(&file).is_ok());
    for len in 0..whole.len() {
        std::fs::write(&file.0, &whole[..len]).unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.is_file(), "{len} bytes: {error}");
    }
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        std::fs::write(&file.0, bytes).unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.is_file(), "byte {at}: {error}");
    }
}

/// A file that is whole, with an entry that does not fit.
#[test]
fn what_is_for_others_is_an_error_that_says_so() {
    let file = File::new("others");
    let f = gradient(Width::F64, 3).compile().unwrap();
    f.save(&file.0).unwrap();
    let whole = Archive::load(&file.0).unwrap();
    let refused = |change: &dyn Fn(&mut Archive), what: &str| {
        let mut archive = whole.clone();
        change(&mut archive);
        archive.save(&file.0).unwrap();
        let error = load(&file).unwrap_err();
        assert!(error.is_file() && error.to_string().contains(what), "{error}");
        assert_eq!(error.location().unwrap().file(), file!());
    };
    let target = whole.text("target").unwrap();
    refused(
        &|a| {
            a.put_text("target", &target.replace("=1", "=0"));
        },
        "for another processor",
    );
    refused(
        &|a| {
            a.put_text("target", "a strange one");
        },
        "for another processor: a strange one there",
    );
    refused(
        &|a| {
            a.put_text("library", "0.0.1");
        },
        "made with version 0.0.1 of library",
    );
    refused(
        &|a| {
            a.put_text("cranelift", "0.1.0");
        },
        "made with version 0.1.0 of cranelift",
    );
    refused(
        &|a| {
            a.put_count("form", 7);
        },
        "version 7 of its form",
    );
    refused(
        &|a| {
            a.put_text("native code", "CompiledSparse");
        },
        "the code of a CompiledSparse, not of a Compiled",
    );
    refused(
        &|a| {
            a.put_text("signature", "function f16 (x: %0) -> (y: %0) {}");
        },
        "`f16` is no width",
    );
    refused(
        &|a| {
            a.put_text("function is of", "poems");
        },
        "there are no functions of `poems`",
    );
    refused(
        &|a| {
            a.put_text("function is of", "rows");
        },
        "varying",
    );
    refused(
        &|a| {
            a.put_text("code", "none");
        },
        "no bytes `code`",
    );
    refused(&|a| *a = Archive::new(), "it holds no native code");
    std::fs::write(&file.0, "a text").unwrap();
    assert!(load(&file).unwrap_err().to_string().contains("no file of this library"));
    // SAFETY: there is nothing to run.
    assert!(unsafe { Compiled::load("/no/such/file") }.unwrap_err().is_file());
    let error = f.save("/no/such/place/f.code").unwrap_err();
    assert!(error.is_file() && error.location().unwrap().file() == file!(), "{error}");
    // What has no code has nothing to save.
    let interpreted = gradient(Width::F64, 3).compile_with(Options::new().strange_processor(true)).unwrap();
    assert!(interpreted.save(&file.0).unwrap_err().to_string().contains("it is interpreted"));
}

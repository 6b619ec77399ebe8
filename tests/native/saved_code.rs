//! Native code in files: what is read is what was written, and nothing else is read.

use std::path::PathBuf;
use wengert::io::Archive;
use wengert::{Array, Compiled, CompiledArrays, CompiledRows, Expr, Function, Options, Real, Tier, Width, scan};

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
fn points() {
    let file = File::new("points");
    for (steps, tier) in [(4, Tier::Best), (900, Tier::Best), (900, Tier::Fast)] {
        for flush in [false, true] {
            let options = Options::new().tier(tier).flush_subnormals(flush && cfg!(target_arch = "x86_64"));
            let f = gradient(Width::F64, steps).compile_with(options).unwrap();
            f.save(&file.0).unwrap();
            let g = load(&file).unwrap();
            let x = [0.3, -1.2, 0.7, 0.0];
            assert_eq!(bits(&f.call_vec(&x).unwrap()), bits(&g.call_vec(&x).unwrap()));
            assert!(
                g.call_vec(&[1.0]).unwrap_err().to_string().contains("the inputs (x[3], unused) have 4 numbers together, not 1")
            );
            assert!(g.call_vec(&[1.0f32; 4]).unwrap_err().is_shape());
            let (of_f, of_g) = (f.report(), g.report());
            assert_eq!((of_f.functions, of_f.code_bytes, of_f.tier), (of_g.functions, of_g.code_bytes, of_g.tier));
            assert_eq!((of_f.operations, of_f.scratch_bytes), (of_g.operations, of_g.scratch_bytes));
            assert_eq!(of_f.structural_zeros, of_g.structural_zeros);
            assert_eq!(of_g.structural_zeros.len(), 1);
        }
    }
    let f = gradient(Width::F32, 900).compile().unwrap();
    f.save(&file.0).unwrap();
    let x = [0.3f32, -1.2, 0.7, 0.0];
    assert_eq!(f.call_vec(&x).unwrap(), load(&file).unwrap().call_vec(&x).unwrap());
}

/// Threads give the same file, and so does what was read.
#[test]
fn the_file_is_a_matter_of_the_function_alone() {
    let (a, b) = (File::new("alone-a"), File::new("alone-b"));
    let g = gradient(Width::F64, 1500);
    g.compile_with(Options::new().threads(1)).unwrap().save(&a.0).unwrap();
    for n in [2, 5] {
        g.compile_with(Options::new().threads(n)).unwrap().save(&b.0).unwrap();
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
        let map = f.unwrap().map_rows(["x", "t"]).unwrap().mean(["loss"]).unwrap().sum(["t2"]).unwrap();
        let f = map.compile().unwrap();
        f.save(&file.0).unwrap();
        // SAFETY: the file was just written.
        let g = unsafe { CompiledRows::load(&file.0) }.unwrap();
        let x: Vec<f64> = (0..46).map(|k| (k as f64 * 0.7).sin()).collect();
        let t: Vec<f64> = (0..23).map(|k| (k as f64 * 1.3).cos()).collect();
        let run = |rows: &CompiledRows| {
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
        let code = f.compile_arrays().unwrap();
        code.save(&file.0).unwrap();
        // SAFETY: the file was just written.
        let read = unsafe { CompiledArrays::load(&file.0) }.unwrap();
        let run = |code: &CompiledArrays| -> Vec<_> {
            code.call_vec(&shapes(n)).unwrap().iter().map(|y| (y.shape().to_vec(), bits(y.data()))).collect()
        };
        assert_eq!(run(&code), run(&read));
        assert_eq!(code.stages(), read.stages());
        assert_eq!(code.report().code_bytes, read.report().code_bytes);
    }
    // Another function's code is not taken for this one's.
    let doubled = Function::trace(["x[n]"], |[x]| (x * 2.0).abs()).unwrap();
    doubled.compile_arrays().unwrap().save(&file.0).unwrap();
    let mut archive = Archive::load(&file.0).unwrap();
    let text = archive.text("function").unwrap().replace("abs", "neg");
    archive.put_text("function", &text).save(&file.0).unwrap();
    // SAFETY: what does not fit is found.
    let error = unsafe { CompiledArrays::load(&file.0) }.unwrap_err();
    assert!(error.is_file() && error.to_string().contains("that of other stages"), "{error}");
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
            a.put_text("native code", "CompiledRows");
        },
        "the code of a CompiledRows, not of a Compiled",
    );
    refused(
        &|a| {
            a.put_text("width", "f16");
        },
        "neither f32 nor f64",
    );
    refused(
        &|a| {
            a.put_text("inputs", "x");
        },
        "inputs do not fit their lengths",
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
    assert!(unsafe { CompiledRows::load("/no/such/file") }.unwrap_err().is_file());
    let error = f.save("/no/such/place/f.code").unwrap_err();
    assert!(error.is_file() && error.location().unwrap().file() == file!(), "{error}");
    // What has no code has nothing to save.
    let interpreted = gradient(Width::F64, 3).compile_with(Options::new().strange_processor(true)).unwrap();
    assert!(interpreted.save(&file.0).unwrap_err().to_string().contains("it is interpreted"));
}

//! Functions of arrays, checked: every engine against every other, every mode of differentiation against finite differences.

use wengert::graph::{Inputs, Outputs};
use wengert::{Array, Function, Options};

/// Reproducible numbers in (−1, 1).
pub fn noise(shape: &[usize], seed: u64) -> Array {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |_| {
        s ^= s << 13;
        s ^= s >> 7;
        s ^= s << 17;
        (s >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    Array::new(shape, (0..shape.iter().product()).map(next).collect()).unwrap()
}

pub fn dot(a: &Array, b: &Array) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.data().iter().zip(b.data()).map(|(x, y)| x * y).sum()
}

/// Evaluates by interpretation and as native code; they agree to the bit but for products of matrices. So does the function that is
/// read from the text. An array for each input, one for each output.
pub fn evaluate(name: &str, f: &Function, x: &[Array]) -> Vec<Array> {
    let y = f.run(x).unwrap().into_arrays();
    let text = f.to_string();
    let read = Function::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
    assert_eq!(read.to_string(), text, "{name}");
    let same = |a: &f64, b: &f64| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
    for (a, b) in read.run(x).unwrap().arrays().iter().zip(&y) {
        assert!(a.shape() == b.shape() && a.data().iter().zip(b.data()).all(|(a, b)| same(a, b)), "{name}: {a:?} is not {b:?}");
    }
    for (fuse, unroll) in [(false, false), (true, false), (false, true)] {
        let native = f.compile_with(Options::new().fuse(fuse).unroll(unroll)).unwrap();
        let inputs: Vec<&[f64]> = x.iter().map(|x| x.data()).collect();
        let mut results: Vec<Vec<f64>> = y.iter().map(|y| vec![f64::NAN; y.data().len()]).collect();
        for _ in 0..2 {
            let mut outputs: Vec<&mut [f64]> = results.iter_mut().map(Vec::as_mut_slice).collect();
            native.call_into(&inputs, &mut outputs).unwrap();
        }
        // Arrays go the same way.
        for ((run, got), want) in native.run(x).unwrap().arrays().iter().zip(&results).zip(&y) {
            let alike = run.shape() == want.shape() && run.data().iter().zip(got).all(|(a, b)| same(a, b));
            assert!(alike, "{name}: by `run` {run:?}, by slices {got:?}");
        }
        // In bodies, too.
        let exact = !fuse && !f.to_string().contains("matmul");
        for (got, want) in results.iter().zip(&y) {
            for (&a, &b) in got.iter().zip(want.data()) {
                assert!(
                    same(&a, &b) || !exact && (a - b).abs() <= 1e-12 * (1.0 + b.abs()),
                    "{name}: native {got:?}, interpreted {want:?}\n{f}"
                );
            }
        }
    }
    y
}

/// ⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩ = the finite difference along v, for the function and, over its gradient's directional derivative, for
/// second derivatives.
pub fn check(name: &str, f: &Function, x: &[Array]) {
    check_first(name, f, x);
    let (n, y) = (x.len(), f.run(x).unwrap().into_arrays());
    let cotangents: Vec<Array> = y.iter().enumerate().map(|(k, y)| noise(y.shape(), 700 + k as u64)).collect();
    let mut extended = x.to_vec();
    extended.extend(cotangents);
    // The adjoints, as a function of x and the cotangent, differentiated again.
    let adjoint = f.vjp().unwrap();
    assert_eq!(adjoint.inputs().len(), n + y.len());
    check_first(&format!("{name}, second order"), &adjoint, &extended);
}

pub fn check_first(name: &str, f: &Function, x: &[Array]) {
    let active: Vec<usize> = f.inputs().iter().enumerate().filter(|(_, input)| input.is_active()).map(|(k, _)| k).collect();
    let v: Vec<Array> = active.iter().map(|&k| noise(x[k].shape(), 100 + k as u64)).collect();
    let y = f.run(x).unwrap().into_arrays();
    let u: Vec<Array> = y.iter().enumerate().map(|(k, y)| noise(y.shape(), 200 + k as u64)).collect();
    let with = |more: &[Array]| x.iter().chain(more).cloned().collect::<Vec<_>>();
    for f in [f.clone(), f.simplify()] {
        let jv = evaluate(name, &f.jvp().unwrap(), &with(&v)).split_off(y.len());
        let ju = evaluate(name, &f.vjp().unwrap(), &with(&u)).split_off(y.len());
        let forward: f64 = u.iter().zip(&jv).map(|(u, jv)| dot(u, jv)).sum();
        let reverse: f64 = v.iter().zip(&ju).map(|(v, ju)| dot(v, ju)).sum();
        let along = |h: f64| -> f64 {
            let mut moved = x.to_vec();
            for (&k, v) in active.iter().zip(&v) {
                moved[k].data_mut().iter_mut().zip(v.data()).for_each(|(x, v)| *x += h * v);
            }
            f.run(&moved).unwrap().arrays().iter().zip(&u).map(|(y, u)| dot(y, u)).sum()
        };
        let h = 1e-3;
        // Fourth order.
        let difference = (8.0 * (along(h) - along(-h)) - (along(2.0 * h) - along(-2.0 * h))) / (12.0 * h);
        let scale = 1.0 + forward.abs();
        assert!((forward - reverse).abs() <= 1e-12 * scale, "{name}: forward {forward}, reverse {reverse}");
        assert!((forward - difference).abs() <= 1e-7 * scale, "{name}: forward {forward}, difference {difference}");
    }
}

pub fn traced<I: Inputs, R: Outputs>(inputs: I, f: impl FnOnce(I::Args) -> R) -> Function {
    Function::trace(inputs, f).unwrap()
}

/// Equal to a tolerance, relative where numbers are large.
#[track_caller]
pub fn close(got: &[f64], wanted: &[f64], tolerance: f64) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() <= tolerance * (1.0 + b.abs());
    assert!(got.len() == wanted.len() && got.iter().zip(wanted).all(near), "{got:?} is not {wanted:?}");
}

pub fn vector(x: &[f64]) -> Array {
    Array::vector(x.to_vec())
}

/// All numbers of all outputs.
pub fn all(f: &Function, x: &[Array]) -> Vec<f64> {
    f.run(x).unwrap().into_iter().flat_map(|(_, y)| y.into_data()).collect()
}

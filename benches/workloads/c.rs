//! The workloads written by hand in C, in several builds: compiled by `cc` when a row asks for them, if there is a compiler.
#![allow(clippy::type_complexity, reason = "a kernel's signature says what it takes")]

use super::{bench::Target, cc::Library};
use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use wengert::Function;
use wengert::graph::Kind;
use wengert::op::Op;

/// How kernels.c is compiled, by the last part of a row's name. `co3` keeps the order of sums; the other two may change it, take
/// glibc's vector mathematics, and differ in the width of their vectors.
pub const BUILDS: [(&str, &[&str]); 3] = [
    ("co3", &["-O3", "-march=native"]),
    ("c128", &["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=128"]),
    ("c256", &["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=256"]),
];

/// The bound of the rows against one build; the others are for information.
pub fn target(build: &str, bounded: &str, most: f64) -> Target {
    if build == bounded { Target::Within(most) } else { Target::None }
}

/// A build's name with a function of it.
pub type InC<F> = (&'static str, F);

/// A kernel of kernels.c in every build; none without a compiler.
///
/// # Safety
///
/// `F` is the type of a pointer to the kernel.
unsafe fn kernels<F: Copy>(name: &'static CStr) -> impl Iterator<Item = InC<F>> {
    static LIBRARIES: OnceLock<Vec<InC<Library>>> = OnceLock::new();
    let compile = || {
        let text = concat!(include_str!("kernels.c"), include_str!("sparse.c"));
        let made = BUILDS.iter().map(|&(build, flags)| Library::compile(build, text, flags).map(|library| (build, library)));
        made.collect::<Result<Vec<_>, _>>().unwrap_or_else(|why| {
            println!("    no rows in C: {why}");
            Vec::new()
        })
    };
    // SAFETY: as the caller promises.
    let function = move |library: Library| unsafe { library.function::<F>(name) }.expect("kernels.c has the kernel");
    LIBRARIES.get_or_init(compile).iter().map(move |&(build, library)| (build, function(library)))
}

/// A function of one point for W1: the gradient is written, the value given.
pub type Point = unsafe extern "C" fn(*const f64, *mut f64) -> f64;

pub fn point(name: &'static CStr) -> impl Iterator<Item = InC<Point>> {
    // SAFETY: the kernels of W1 have this signature.
    unsafe { kernels(name) }
}

/// Rosenbrock's function: the point, the gradient; gives the value.
pub fn rosenbrock() -> impl Iterator<Item = InC<impl Fn(&[f64], &mut [f64]) -> f64>> {
    type Kernel = unsafe extern "C" fn(i64, *const f64, *mut f64) -> f64;
    // SAFETY: the signature is the kernel's.
    unsafe { kernels::<Kernel>(c"rosenbrock") }.map(|(build, kernel)| {
        let call = move |x: &[f64], g: &mut [f64]| {
            assert!(x.len() == g.len() && x.len() > 1);
            // SAFETY: the slices are as long as the kernel reads and writes.
            unsafe { kernel(x.len() as i64, x.as_ptr(), g.as_mut_ptr()) }
        };
        (build, call)
    })
}

/// The sparse Hessian of Rosenbrock's function: the point, the diagonal, the numbers below it.
pub fn rosenbrock_hessian() -> impl Iterator<Item = InC<impl Fn(&[f64], &mut [f64], &mut [f64])>> {
    type Kernel = unsafe extern "C" fn(i64, *const f64, *mut f64, *mut f64);
    // SAFETY: the signature is the kernel's.
    unsafe { kernels::<Kernel>(c"rosenbrock_hessian") }.map(|(build, kernel)| {
        let call = move |x: &[f64], diagonal: &mut [f64], below: &mut [f64]| {
            assert!(x.len() == diagonal.len() && x.len() == below.len() + 1);
            // SAFETY: the slices are as long as the kernel reads and writes.
            unsafe { kernel(x.len() as i64, x.as_ptr(), diagonal.as_mut_ptr(), below.as_mut_ptr()) }
        };
        (build, call)
    })
}

/// The product of numbers: the numbers, the gradient; gives the product.
pub fn product() -> impl Iterator<Item = InC<impl Fn(&[f64], &mut [f64]) -> f64>> {
    type Kernel = unsafe extern "C" fn(i64, *const f64, *mut f64) -> f64;
    // SAFETY: the signature is the kernel's.
    unsafe { kernels::<Kernel>(c"product") }.map(|(build, kernel)| {
        let call = move |x: &[f64], g: &mut [f64]| {
            assert!(x.len() == g.len());
            // SAFETY: the slices are as long as the kernel reads and writes.
            unsafe { kernel(x.len() as i64, x.as_ptr(), g.as_mut_ptr()) }
        };
        (build, call)
    })
}

/// Log-sum-exp of A·x + b: A, b, x, the gradient in x; gives the value.
pub fn log_sum_exp() -> impl Iterator<Item = InC<impl Fn(&[f64], &[f64], &[f64], &mut [f64]) -> f64>> {
    type Kernel = unsafe extern "C" fn(i64, i64, *const f64, *const f64, *const f64, *mut f64, *mut f64) -> f64;
    // SAFETY: the signature is the kernel's.
    unsafe { kernels::<Kernel>(c"log_sum_exp") }.map(|(build, kernel)| {
        let call = move |a: &[f64], b: &[f64], x: &[f64], g: &mut [f64]| {
            let (m, n, mut z) = (b.len(), x.len(), [MaybeUninit::<f64>::uninit(); 128]);
            assert!(a.len() == m * n && g.len() == n && m <= z.len());
            // SAFETY: the slices are as long as the kernel reads and writes.
            unsafe { kernel(m as i64, n as i64, a.as_ptr(), b.as_ptr(), x.as_ptr(), z.as_mut_ptr().cast(), g.as_mut_ptr()) }
        };
        (build, call)
    })
}

/// Logistic regression of 30 features in two passes: rows, classes, weights, the gradient; gives the mean loss.
pub fn logistic() -> impl Iterator<Item = InC<impl Copy + Fn(&[f64], &[f64], &[f64], &mut [f64]) -> f64>> {
    const ROWS: usize = 569;
    type Kernel = unsafe extern "C" fn(i64, i64, *const f64, *const f64, *const f64, *mut f64, *mut f64, *mut f64) -> f64;
    // SAFETY: the signature is the kernel's.
    unsafe { kernels::<Kernel>(c"logistic") }.map(|(build, kernel)| {
        let call = move |x: &[f64], y: &[f64], w: &[f64], g: &mut [f64]| {
            assert!(x.len() == 30 * y.len() && y.len() <= ROWS && w.len() == 31 && g.len() == 31);
            let (mut z, mut q) = ([MaybeUninit::<f64>::uninit(); ROWS], [MaybeUninit::<f64>::uninit(); ROWS]);
            let (z, q) = (z.as_mut_ptr().cast(), q.as_mut_ptr().cast());
            // SAFETY: the slices are as long as the kernel reads and writes.
            unsafe { kernel(y.len() as i64, 30, x.as_ptr(), y.as_ptr(), w.as_ptr(), g.as_mut_ptr(), z, q) }
        };
        (build, call)
    })
}

/// Steps of gradient descent on exclusive or: how many, parameters, the rate; gives the loss before the last one.
pub fn exclusive_or() -> impl Iterator<Item = InC<impl Fn(usize, &mut [f64; 33], f64) -> f64>> {
    type Kernel = unsafe extern "C" fn(i64, *mut f64, f64) -> f64;
    // SAFETY: the signature is the kernel's, which has 33 parameters.
    unsafe { kernels::<Kernel>(c"exclusive_or") }.map(|(build, kernel)| {
        // SAFETY: as above.
        (build, move |steps: usize, p: &mut [f64; 33], rate: f64| unsafe { kernel(steps as i64, p.as_mut_ptr(), rate) })
    })
}

/// Steps of gradient descent of a cubic on all points, or on one point each.
pub fn cubic(name: &'static CStr) -> impl Iterator<Item = InC<impl Fn(usize, &[f64], &[f64], &mut [f64; 4], f64) -> f64>> {
    type Kernel = unsafe extern "C" fn(i64, i64, *const f64, *const f64, *mut f64, f64) -> f64;
    // SAFETY: the signature is the kernels', which have four parameters.
    unsafe { kernels::<Kernel>(name) }.map(|(build, kernel)| {
        let call = move |steps: usize, x: &[f64], y: &[f64], p: &mut [f64; 4], rate: f64| {
            assert_eq!(x.len(), y.len());
            // SAFETY: the slices are as long as the kernel reads, and it has room for four numbers.
            unsafe { kernel(steps as i64, x.len() as i64, x.as_ptr(), y.as_ptr(), p.as_mut_ptr(), rate) }
        };
        (build, call)
    })
}

/// Prices and partial derivatives of options: five columns of inputs, six of results.
pub fn option_rows(name: &'static CStr) -> impl Iterator<Item = InC<impl Copy + Send + Fn(&[&[f64]; 5], [&mut [f64]; 6])>> {
    type Kernel = unsafe extern "C" fn(i64, *const *const f64, *const *mut f64);
    // SAFETY: the signature is the kernels'.
    unsafe { kernels::<Kernel>(name) }.map(|(build, kernel)| {
        let call = move |x: &[&[f64]; 5], y: [&mut [f64]; 6]| {
            let n = x[0].len();
            assert!(x.iter().all(|column| column.len() == n) && y.iter().all(|column| column.len() == n));
            let (x, y) = (x.map(<[f64]>::as_ptr), y.map(<[f64]>::as_mut_ptr));
            // SAFETY: every column has as many numbers.
            unsafe { kernel(n as i64, x.as_ptr(), y.as_ptr()) }
        };
        (build, call)
    })
}

/// A function as straight-line C, a variable for each node of its simplified graph, in the first build: the point, the results.
pub fn straight(f: &Function) -> Result<impl Fn(&[f64], &mut [f64]) + use<>, String> {
    let (f, mut text) = (f.simplify(), "#include <math.h>\nvoid f(const double *restrict x, double *restrict y) {\n".to_owned());
    for id in f.graph().ids() {
        let operands: Vec<String> = f.graph().operands(id).map(|operand| format!("v{}", operand.index())).collect();
        let value = match (f.graph().node(id).kind(), &operands[..]) {
            (Kind::Input(k), _) => format!("x[{k}]"),
            (Kind::Const(bits), _) => format!("{:e}", f64::from_bits(bits)),
            (Kind::Apply(Op::Add), [a, b]) => format!("{a} + {b}"),
            (Kind::Apply(Op::Sub), [a, b]) => format!("{a} - {b}"),
            (Kind::Apply(Op::Mul), [a, b]) => format!("{a} * {b}"),
            (Kind::Apply(Op::Neg), [a]) => format!("-{a}"),
            (Kind::Apply(op @ (Op::Sin | Op::Cos)), [a]) => format!("{}({a})", op.name()),
            (kind, _) => return Err(format!("{kind:?} is not written as C")),
        };
        text += &format!("    const double v{} = {value};\n", id.index());
    }
    f.output_nodes().enumerate().for_each(|(k, id)| text += &format!("    y[{k}] = v{};\n", id.index()));
    text += "}\n";
    let library = Library::compile(&format!("straight-{}", f.graph().len()), &text, BUILDS[0].1)?;
    let (inputs, outputs) = (f.input_len(), f.output_len());
    // SAFETY: the text has this signature.
    let kernel = unsafe { library.function::<unsafe extern "C" fn(*const f64, *mut f64)>(c"f") }?;
    Ok(move |x: &[f64], y: &mut [f64]| {
        assert!(x.len() == inputs && y.len() == outputs);
        // SAFETY: the slices are as long as the function reads and writes.
        unsafe { kernel(x.as_ptr(), y.as_mut_ptr()) }
    })
}

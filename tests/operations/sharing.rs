//! Kernels that share a call of a library routine are laid open in the lowered program: fewer calls, and the same bits.

use crate::common::flat;
use wengert::{Expr, Function, Options, Scalar, Width, lit};

/// Calls of routines in the native code, if there is any.
fn calls(f: &Function) -> Option<usize> {
    let code = f.compile_with(Options::new().fuse(false)).unwrap();
    cfg!(feature = "jit").then(|| code.clif().unwrap().matches("= call fn").count())
}

#[test]
fn kernels_share_their_calls() {
    type Body = fn(Expr, Expr) -> Vec<Expr>;
    let bodies: [(Body, usize); 9] = [
        (|x, _| vec![x.softplus(), x.sigmoid()], 2),
        (|x, _| vec![x.softplus(), x.sin()], 2),
        (|x, y| vec![x.softplus(), y.sigmoid()], 2),
        (|x, y| vec![x.xlogy(y), (x + 1.0).xlogy(y), y.ln()], 1),
        (|x, y| vec![x.log(y), (x * x).log(y)], 3),
        (|x, y| vec![x.log_add_exp(y), y.log_add_exp(x), x.log_add_exp(y).sigmoid()], 5),
        (|x, _| vec![x.norm_cdf(), (x * -std::f64::consts::FRAC_1_SQRT_2).erfc()], 2),
        (|x, _| vec![x.powi(20), x.powf(20.0)], 1),
        (|x, y| vec![x.polygamma(2), y.polygamma(2), x.copysign(y), x.round()], 2),
    ];
    for (k, (body, expected)) in bodies.into_iter().enumerate() {
        for width in [Width::F64, Width::F32] {
            let f = Function::trace_in(width, ["x", "y"], |[x, y]| body(x, y)).unwrap();
            assert_eq!(calls(&f).unwrap_or(expected), expected, "body {k}: {f}");
            let f = Function::trace_in(width, ["x", "y"], |[x, y]| (body(x, y), x * y)).unwrap();
            match width {
                Width::F64 => same::<f64>(&f, f64::to_bits),
                Width::F32 => same::<f32>(&f, |v| v.to_bits() as u64),
            }
        }
    }
}

/// Simplified or not, interpreted or native: the same bits, all NaNs being equal.
fn same<T: Scalar>(f: &Function, bits: fn(T) -> u64) {
    let bits = |y: Vec<T>| y.into_iter().map(|v| if v.to_f64().is_nan() { u64::MAX } else { bits(v) }).collect::<Vec<_>>();
    let interpreted = Options::new().interpreted(true);
    let [plain, shared] = [interpreted.clone().simplify(false), interpreted].map(|options| f.compile_with(options).unwrap());
    let native = f.compile().unwrap();
    let special = [-3.5, -0.0, 0.0, 0.25, 1.0, 40.0, -800.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(lit::<T>);
    for x in special.iter().flat_map(|&x| special.map(|y| [x, y])) {
        let expected = bits(flat(&plain, &x).unwrap());
        assert_eq!(bits(flat(&shared, &x).unwrap()), expected, "{f} at {x:?}");
        assert_eq!(bits(flat(&native, &x).unwrap()), expected, "{f} at {x:?}");
    }
}

/// What lies inside of kernels is shared in a loop over rows: the bits stay those of the interpreter, which shares nothing.
#[test]
fn kernels_share_their_parts_in_loops() {
    fn check<T: Scalar>(bits: fn(T) -> u64) {
        let f = Function::trace_in(T::WIDTH, ["x", "y"], |[x, y]| {
            let of = |x: Expr| {
                let logistic = x.softplus() * x.sigmoid() + x.logistic_density();
                x.sin() + x.cos() * x.tan() + logistic + x.tanh() * x.sech_squared()
            };
            [of(x), of(y), of(x * y), x.sin(), x.cos(), x.sigmoid(), x.softplus(), x.tanh(), x.sech_squared()]
        });
        let rows = f.unwrap().vmap("n", ["x", "y"]).unwrap();
        let numbers: Vec<T> = (0..101).map(|k| lit((k as f64 - 50.0) * if k % 7 == 0 { 1e7 } else { 0.37 })).collect();
        let (x, y): (Vec<T>, Vec<T>) = numbers.iter().flat_map(|&x| numbers.iter().map(move |&y| (x, y))).unzip();
        let mut results = [vec![T::default(); 9 * x.len()], vec![T::default(); 9 * x.len()]];
        let [ours, native] = &mut results;
        rows.compile_with(Options::new().interpreted(true)).unwrap().call_into(&[&x, &y], &mut [ours]).unwrap();
        rows.compile().unwrap().call_into(&[&x, &y], &mut [native]).unwrap();
        let [ours, native] = results.map(|all| all.into_iter().map(bits).collect::<Vec<u64>>());
        assert_eq!(native, ours);
    }
    check::<f64>(f64::to_bits);
    check::<f32>(|v| v.to_bits() as u64);
}

//! Properties that hold for whatever function, on random graphs of all operations.

use crate::common::{flat, text::text};
use proptest::prelude::*;
use wengert::diff::Mode;
use wengert::{Expr, Function, Options, Width, select};

/// Any number, and those at which things go wrong.
fn number() -> impl Strategy<Value = f64> {
    let special = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, f64::MAX];
    prop_oneof![any::<f64>(), -3.0..3.0f64, prop::sample::select(special.to_vec())]
}

/// All NaNs count as equal.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|v| if v.is_nan() { f64::NAN } else { *v }.to_bits()).collect()
}

/// The function as it is, simplified, and as native code, in its own width.
fn assert_engines_agree(f: &Function, x: &[f64]) {
    // The one way in which the sign of a NaN, which no engine promises, shows in a number.
    if f.cost().of("copysign") > 0 {
        return;
    }
    let (text, plain) = (f.to_string(), Options::new().fuse(false));
    let engines = [plain.clone().simplify(false).interpreted(true), plain.clone().interpreted(true), plain];
    let engines = engines.map(|options| f.compile_with(options).unwrap());
    let [want, simple, native] = match f.width() {
        Width::F64 => engines.map(|f| flat(&f, x).unwrap()),
        Width::F32 => {
            let x: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            engines.map(|f| flat(&f, &x).unwrap().into_iter().map(f64::from).collect())
        }
    };
    assert_eq!(bits(&simple), bits(&want), "simplified: {text}");
    assert_eq!(bits(&native), bits(&want), "native code: {text}");
}

/// Functions of constants become constants only where that keeps the bits: kernels and std's functions differ by an ulp now and then.
#[test]
fn functions_of_constants_keep_their_bits() {
    for (op, k) in ["exp", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "atan", "erf", "cbrt"]
        .iter()
        .flat_map(|op| (1..60).map(move |k| (op, k)))
    {
        for width in ["f32", "f64"] {
            let text = format!(
                "function {width} (a: %0) -> (y: %3) {{\n  %1 = const {}\n  %2 = {op} %1\n  %3 = mul %0, %2\n}}",
                0.05 * k as f32
            );
            assert_engines_agree(&Function::parse(&text).unwrap(), &[1.0]);
        }
    }
}

proptest! {
    #[test]
    fn all_engines_give_the_same_bits(text in text(), x in prop::array::uniform3(number())) {
        assert_engines_agree(&Function::parse(&text).unwrap(), &x);
    }

    #[test]
    fn all_engines_give_the_same_bits_for_derivatives(text in text(), x in prop::collection::vec(number(), 6)) {
        let f = Function::parse(&text).unwrap();
        for g in [f.jvp().unwrap(), f.vjp().unwrap()] {
            assert_engines_agree(&g, &x[..g.input_len()]);
        }
    }

    /// Whatever is in a branch that is not taken, no derivative of it shows, in either mode.
    #[test]
    fn a_branch_not_taken_does_not_leak(text in text(), x in prop::array::uniform3(number()), flip in any::<bool>()) {
        let inner = Function::parse(&text).unwrap();
        let f = Function::trace(["a", "b", "c"], |x: [Expr; 3]| {
            let inside = inner.eval(&x).unwrap()[0];
            let never = x[0].gt(f64::INFINITY);
            let outside = x[1] + x[1];
            if flip { select(!never, outside, inside) } else { select(never, inside, outside) }
        });
        for mode in [Mode::Forward, Mode::Reverse] {
            let gradient: Vec<f64> = f.as_ref().unwrap().jacobian_in(mode).unwrap().eval(&x).unwrap();
            prop_assert_eq!(&gradient, &[0.0, 2.0, 0.0], "{:?} of {}", mode, f.as_ref().unwrap());
        }
    }
}

//! Small facts that are easy to get wrong.

use wengert::{Expr, Function, Real};

/// A shared intermediate is swept once: s = a·b, e = s + s has ∂e/∂a = 2b.
#[test]
fn shared_intermediates() {
    let f = Function::trace(["a", "b"], |[a, b]| {
        let s = a * b;
        s + s
    });
    let g = f.unwrap().value_and_grad().unwrap().compile().unwrap();
    // Evaluating again changes nothing: every evaluation starts from zero.
    for _ in 0..3 {
        assert_eq!(g.call([2.0, 3.0]).unwrap(), [12.0, 6.0, 4.0]);
    }
}

/// 60 doublings are 2⁶⁰ paths; the graph and its derivative stay linear.
#[test]
fn deep_sharing() {
    let f = Function::trace("x", |x| (0..60).fold(x, |x, _| x + x)).unwrap();
    assert_eq!(f.graph().len(), 61);
    let g = f.value_and_grad().unwrap();
    assert!(g.graph().len() <= 4 * 61, "{} nodes", g.graph().len());
    let two_to_60 = 2f64.powi(60);
    assert_eq!(g.compile().unwrap().call([1.5]).unwrap(), [1.5 * two_to_60, two_to_60]);
    // The same with products, where the partials differ: x^(2^10).
    let f = Function::trace("x", |x| (0..10).fold(x, |x, _| x * x)).unwrap().value_and_grad().unwrap();
    let [y, dy]: [f64; 2] = f.compile().unwrap().call([1.01]).unwrap();
    assert!((y / 1.01f64.powi(1024) - 1.0).abs() < 1e-12 && (dy / (1024.0 * 1.01f64.powi(1023)) - 1.0).abs() < 1e-12);
}

/// Variadic forms fold from the left and take one operand, too.
#[test]
fn variadic_forms() {
    let of = |x: &[f64], f: fn(Expr, Expr) -> Expr| {
        let traced = Function::trace(("x", x.len()), |x| x.into_iter().reduce(f).unwrap()).unwrap();
        traced.value_and_grad().unwrap().eval(x).unwrap()
    };
    assert_eq!(of(&[7.0, 2.0, 1.0], |a, b| a - b), [4.0, 1.0, -1.0, -1.0]);
    assert_eq!(of(&[12.0, 3.0, 2.0], |a, b| a / b)[0], 2.0);
    assert_eq!(of(&[5.0], |a, b| a - b), [5.0, 1.0]);
    let sums = Function::trace(("x", 3), |x| [x.iter().sum::<Expr>(), x.iter().product(), x[..1].iter().sum()]).unwrap();
    assert_eq!(sums.eval(&[2.0, 3.0, 4.0]).unwrap(), [9.0, 24.0, 2.0]);
    fn empty<T: Real>() -> (T, T) {
        let nothing: [T; 0] = [];
        (nothing.iter().sum(), nothing.iter().product())
    }
    assert_eq!(empty::<f64>(), (0.0, 1.0));
}

#[test]
fn an_input_that_nothing_depends_on() {
    let g = Function::trace(["a", "b", "c"], |[a, _, c]| a * a + c.floor()).unwrap().value_and_grad().unwrap();
    assert_eq!(g.structural_zeros(), ["d_b", "d_c"]);
    let native = g.compile().unwrap();
    let y: [f64; 4] = native.call([3.0, f64::NAN, f64::INFINITY]).unwrap();
    // Exactly zero, whatever the input: nothing was multiplied by 0.
    assert_eq!(y[1..], [6.0, 0.0, 0.0]);
    assert_eq!(native.report().structural_zeros, ["d_b", "d_c"]);
    assert!(native.report().to_string().contains("always zero: d_b, d_c"));
}

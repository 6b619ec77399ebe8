//! Infinities and NaNs of branches not taken do not reach a derivative.

use wengert::{DualVec, Expr, Function, Real, select};

fn gradient(f: impl FnOnce([Expr; 2]) -> Expr, x: [f64; 2]) -> [f64; 2] {
    let g = Function::trace(["x", "y"], f).unwrap().grad().unwrap();
    let interpreted = g.eval(&x).unwrap();
    let native: [f64; 2] = g.compile().unwrap().call(x).unwrap();
    assert_eq!(interpreted, native);
    native
}

#[test]
fn a_root_behind_a_mask() {
    // d/dx of select(x > 0, √x, 0) is 0 at 0, though the root's slope is infinite there.
    assert_eq!(gradient(|[x, y]| select(x.gt(0.0), x.sqrt(), 0.0) + y, [0.0, 1.0]), [0.0, 1.0]);
    assert_eq!(gradient(|[x, y]| select(x.gt(0.0), (2.0 * x).sqrt(), 0.0) + y, [2.0, 1.0]), [0.5, 1.0]);
}

#[test]
fn deep_inside_the_branch() {
    // The infinity arises behind products, shared nodes and further masks.
    let f = |[x, y]: [Expr; 2]| {
        let r = (x * x).sqrt();
        let inner = select(y.lt(5.0), r * y + r.ln() * 3.0, r.recip());
        select(r.gt(0.0), inner * 2.0, x)
    };
    assert_eq!(gradient(f, [0.0, 1.0]), [1.0, 0.0]);
    // an overflow: exp is not taken, and its product is ∞
    assert_eq!(gradient(|[x, y]| select(x.lt(700.0), x * x.exp() * y, y), [1000.0, 2.0]), [0.0, 1.0]);
    // max, relu and clamp mask as select does
    assert_eq!(gradient(|[x, y]| x.ln().max(y), [0.0, 1.0]), [0.0, 1.0]);
    assert_eq!(gradient(|[x, y]| x.ln().relu() + y, [0.0, 1.0]), [0.0, 1.0]);
}

#[test]
fn second_derivatives() {
    let f = Function::trace("x", |x| select(x.gt(0.0), x.sqrt(), x * x)).unwrap();
    assert_eq!(f.hessian().unwrap().eval(&[0.0]).unwrap(), [2.0]);
    let reverse_twice = f.grad().unwrap().grad().unwrap();
    assert_eq!(reverse_twice.eval(&[0.0]).unwrap(), [2.0]);
    assert!((reverse_twice.eval(&[4.0]).unwrap()[0] - -1.0 / 32.0).abs() < 1e-15);
}

#[test]
fn a_singular_edge_leaves_other_tangents_alone() {
    let f = |[x, y]: [DualVec<f64, 2>; 2]| x.sqrt() + y;
    assert_eq!(f([DualVec::variable(0.0, 0), DualVec::variable(1.0, 1)]).eps, [f64::INFINITY, 1.0]);
    assert_eq!(gradient(|[x, y]| x.sqrt() + y, [0.0, 1.0]), [f64::INFINITY, 1.0]);
}

#[test]
fn smooth_code_pays_nothing() {
    // A hidden layer's gradient selects once per unit, not once per weight.
    let f = Function::trace((("w", 6), ("x", 3)), |(w, x)| {
        let unit = |k: usize| (w[k] * x[0] + w[k + 1] * x[1] + w[k + 2] * x[2]).relu();
        unit(0) * 2.0 + unit(3)
    });
    let text = f.unwrap().wrt(["w"]).unwrap().grad().unwrap().simplify().to_string();
    assert_eq!(text.matches("select").count(), 2, "{text}");
}

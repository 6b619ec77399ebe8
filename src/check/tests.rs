use super::*;
use crate::op::Real;
use crate::op::{lit, select};

struct Smooth;
impl Body for Smooth {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let s = (x[0] * x[1]).sin() + x[2].exp() * x[0];
        vec![s, s * s / (x[1] * x[1] + lit(1.0)), select(x[0].lt(x[2]), x[0] * x[0], x[2])]
    }
}

#[test]
fn all_modes_agree_on_a_smooth_function() {
    let report = gradients(&Smooth, &[0.3, -1.2, 0.8]).unwrap();
    assert!(report.telling() * 10 > report.compared() * 7, "{report}");
    assert_eq!(report.undecided(), 0, "{report}");
    for mode in ["duals", "vector duals", "duals traced", "reverse", "native code", "finite differences", "nested duals", "hvp"] {
        assert!(report.modes().contains(&mode), "{mode} took no part");
    }
}

/// A function whose derivative has an error of one part in a thousand, in every mode but finite differences.
struct Wrong;
impl Body for Wrong {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        vec![x[0] * x[0] * lit(1.001) - (x[0] * x[0]).detach() * lit(0.001)]
    }
}

#[test]
fn an_error_of_a_thousandth_is_found() {
    let error = gradients(&Wrong, &[2.0]).unwrap_err();
    assert!(error.is_disagreement());
    assert!(error.to_string().contains("jacobian[0]: finite differences gives 3.99999999"), "{error}");
}

/// A function that knows which arithmetic it runs in, so that modes see different functions.
struct Fickle;
impl Body for Fickle {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let handle = std::mem::size_of::<T>() == 16 && std::any::TypeId::of::<T>() == std::any::TypeId::of::<crate::Expr>();
        vec![if handle { x[0] * x[1] } else { x[0] * x[1] * lit(1.0000001) }]
    }
}

#[test]
fn modes_that_see_different_functions_disagree() {
    let error = gradients(&Fickle, &[2.0, 3.0]).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("value[0]: graph gives 6e0, plain numbers gives 6.0000006"), "{text}");
    assert!(text.contains("jacobian[0, 1]: duals gives"), "{text}");
}

#[test]
fn a_point_of_the_wrong_length_is_an_error() {
    let f = Function::trace(["a", "b"], |[a, b]| a * b).unwrap();
    assert!(gradients(&f, &[1.0]).unwrap_err().is_length());
}

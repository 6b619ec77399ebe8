//! Second derivatives at kinks are those of the convention for the first, and graphs that are simplified may know better.

use crate::every::{Expected, body, every_mode, every_mode_of_array};
use wengert::{Expr, Function, lit};

#[test]
fn the_convention_as_written() {
    let flat = Expected { value: 0.0, gradient: &[0.0], hessian: Some(&[0.0]), relative: 0.0 };
    every_mode(body!(|[x]| (x * x).abs()), &[0.0], &flat);
    every_mode(body!(|[x]| x.abs() * x.abs()), &[0.0], &flat);
    every_mode(body!(|[x]| x.relu() * x.relu()), &[0.0], &flat);
    let flat = Expected { value: 0.0, gradient: &[0.0, 0.0], hessian: Some(&[0.0; 4]), relative: 0.0 };
    every_mode(body!(|[x, y]| x.hypot(y) * x.hypot(y) * lit(0.5)), &[0.0, 0.0], &flat);
    every_mode_of_array::<f64>(|x| x.norm() * x.norm() * 0.5, &[0.0, 0.0], &flat);
    let f = Function::trace(("x", 1), |x| (x[0] * x[0]).abs()).unwrap();
    assert_eq!(f.hessian_diagonal().unwrap().eval(&[0.0]).unwrap(), [0.0]);
    // Beside the kink all is as in the textbook.
    let near = Expected { value: 1e-20, gradient: &[2e-10], hessian: Some(&[2.0]), relative: 1e-13 };
    every_mode(body!(|[x]| (x * x).abs()), &[1e-10], &near);
    let near = Expected { value: 0.5e-20, gradient: &[1e-10, 0.0], hessian: Some(&[1.0, 0.0, 0.0, 1.0]), relative: 1e-13 };
    every_mode(body!(|[x, y]| x.hypot(y) * x.hypot(y) * lit(0.5)), &[1e-10, 0.0], &near);
}

#[test]
fn graphs_whose_kink_is_simplified_away() {
    let second = |f: Function| f.simplify().hessian().unwrap().eval(&[0.0]).unwrap()[0];
    assert_eq!(second(Function::trace("x", |x: Expr| (x * x).abs()).unwrap()), 2.0);
    assert_eq!(second(Function::trace("x", |x: Expr| x.powi(2).abs()).unwrap()), 2.0);
    assert_eq!(second(Function::trace("x", |x: Expr| x.exp().abs()).unwrap()), 1.0);
    assert_eq!(second(Function::trace("x", |x: Expr| x.cosh().abs()).unwrap()), 1.0);
}

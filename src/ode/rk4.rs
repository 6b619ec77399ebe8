//! Kutta's method with steps of equal length.

use super::{moved, slopes};
use crate::error::{Error, Kind as ErrorKind};
use crate::graph::{Expr, IntoValues, Scan, Values, refuse};
use std::panic::Location;

/// Integrates y′ = f(t, y) from `span[0]` to `span[1]` in equal steps of Kutta's method of order 4 (1901). Gives y at the end, and after every
/// step, along a new first axis. Differentiable in y, in both times, and in all handles that `f` uses; reverse mode keeps y at every step.
///
/// ```
/// use wengert::{Function, lit, ode::rk4};
/// // the angle of a pendulum after a time t, and its derivative in time and in the pendulum's length
/// let f = Function::trace(["length", "t"], |[length, t]| {
///     let ([angle, _], _) = rk4([lit(0.0), t], 200, [1.0, 0.0], |_, [a, v]| [v, -9.81 / length * a.sin()]);
///     angle
/// })?;
/// let [y, _, dt] = f.value_and_grad()?.compile()?.call([1.0f64, 0.5])?;
/// let [moved] = f.compile()?.call([1.0f64, 0.500001])?;
/// assert!(((moved - y) / 1e-6 - dt).abs() < 1e-5);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: a right-hand side of another shape than y; no steps.
#[track_caller]
pub fn rk4<Y: IntoValues<Expr>>(
    span: [Expr; 2],
    steps: usize,
    y0: Y,
    f: impl Fn(Expr, Y::Values) -> Y::Values,
) -> (Y::Values, Y::Values) {
    let (at, y0) = (Location::caller(), y0.into_values());
    if steps == 0 {
        refuse(Error::new(ErrorKind::Value, "rk4: no step leads from one time to another").at(Some(at)));
        return (y0.clone(), y0);
    }
    let [start, end] = span;
    let h = (end - start) / steps as f64;
    let slope = slopes("rk4", at, &y0, &f);
    let step = |(y, k): (Vec<Expr>, Expr), ()| {
        let t = start + h * k;
        let half = t + h * 0.5;
        let k1 = slope(t, &y);
        let k2 = slope(half, &moved(&y, h, &[(0.5, &k1)]));
        let k3 = slope(half, &moved(&y, h, &[(0.5, &k2)]));
        let k4 = slope(t + h, &moved(&y, h, &[(1.0, &k3)]));
        let (sixth, third) = (1.0 / 6.0, 1.0 / 3.0);
        let y = moved(&y, h, &[(sixth, &k1), (third, &k2), (third, &k3), (sixth, &k4)]);
        ((y.clone(), k + 1.0), y)
    };
    let scan = Scan::steps(steps);
    let ((last, _), each) = scan.run((y0.parts(), 0.0), step);
    (y0.with(&mut last.into_iter()), y0.with(&mut each.into_iter()))
}

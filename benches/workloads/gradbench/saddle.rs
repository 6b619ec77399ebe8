//! The saddle with derivatives by hand, carried forward through the ascent; and by nested dual numbers in a plain loop.

use super::descent::argmin;
use wengert::{DualVec, Real, dual, lit};

const TOLERANCE: f64 = 1e-5;

fn difference(y: [f64; 2], x: [f64; 2]) -> f64 {
    (x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1])
}

fn ascent(x: [f64; 2], start: [f64; 2]) -> [f64; 2] {
    argmin(|y| -difference(y, x), |y| [2.0 * y[0], 2.0 * y[1]], start)
}

fn length(x: [f64; 2]) -> f64 {
    (x[0] * x[0] + x[1] * x[1]).sqrt()
}

/// The derivative of the largest value by x: `t` are the tangents of y, along each coordinate of x.
fn derivative(x: [f64; 2], start: [f64; 2]) -> [f64; 2] {
    let (mut y, mut t) = (start, [[0.0; 2]; 2]);
    let mut fy = -difference(y, x);
    let (mut eta, mut upward) = (1e-5, 0);
    loop {
        let g = [2.0 * y[0], 2.0 * y[1]];
        if length(g) <= TOLERANCE {
            break;
        }
        if upward == 10 {
            eta *= 2.0;
            upward = 0;
            continue;
        }
        let to = [y[0] - eta * g[0], y[1] - eta * g[1]];
        if length([y[0] - to[0], y[1] - to[1]]) <= TOLERANCE {
            break;
        }
        let f_to = -difference(to, x);
        if f_to < fy {
            (y, fy) = (to, f_to);
            t = t.map(|t| t.map(|t| t - eta * (2.0 * t)));
            upward += 1;
        } else {
            eta /= 2.0;
            upward = 0;
        }
    }
    std::array::from_fn(|k| 2.0 * x[k] - 2.0 * (y[0] * t[k][0] + y[1] * t[k][1]))
}

pub fn by_hand(start: [f64; 2]) -> [f64; 4] {
    let x = argmin(|x| difference(ascent(x, start), x), |x| derivative(x, start), start);
    let y = ascent(x, start);
    [x[0], x[1], y[0], y[1]]
}

#[inline(always)]
fn difference_of<T: Real>(y: [T; 2], x: [T; 2]) -> T {
    (x[0] * x[0] + x[1] * x[1]) - (y[0] * y[0] + y[1] * y[1])
}

/// The suite's ascent, in any numbers.
#[inline(always)]
fn ascent_of<T: Real<Mask = bool>>(x: [T; 2], start: [T; 2]) -> [T; 2] {
    let length = |x: [T; 2]| (x[0] * x[0] + x[1] * x[1]).sqrt();
    let gradient = |y: [T; 2]| dual::gradient(|y| -difference_of(y, x.map(DualVec::constant)), y).1;
    let (mut y, mut fy, mut g) = (start, -difference_of(start, x), gradient(start));
    let (mut eta, mut upward) = (lit::<T>(1e-5), 0);
    while length(g).gt(lit(TOLERANCE)) {
        if upward == 10 {
            eta *= lit(2.0);
            upward = 0;
            continue;
        }
        let to = [y[0] - eta * g[0], y[1] - eta * g[1]];
        if length([y[0] - to[0], y[1] - to[1]]).le(lit(TOLERANCE)) {
            break;
        }
        let f_to = -difference_of(to, x);
        if f_to.lt(fy) {
            (y, fy, g) = (to, f_to, gradient(to));
            upward += 1;
        } else {
            eta *= lit(0.5);
            upward = 0;
        }
    }
    y
}

pub fn by_duals(start: [f64; 2]) -> [f64; 4] {
    let largest = |x| difference_of(ascent_of(x, start), x);
    let of_duals = |x: [DualVec<f64, 2>; 2]| difference_of(ascent_of(x, start.map(DualVec::constant)), x);
    let x = argmin(largest, |x| dual::gradient(of_duals, x).1, start);
    let y = ascent_of(x, start);
    [x[0], x[1], y[0], y[1]]
}

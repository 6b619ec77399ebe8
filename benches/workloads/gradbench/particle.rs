//! The particle's impact and its derivative by hand, carried forward; and by nested dual numbers in a plain loop.

use super::descent::argmin;
use wengert::{Dual, DualVec, Real, dual, lit};

const STEP: f64 = 0.1;

/// The slope of the potential at a place: charges are at (10, 10 − w) and (10, 0).
#[inline(always)]
fn slope(x: [f64; 2], w: f64) -> [f64; 2] {
    let at = |height: f64| {
        let (dx, dy) = (x[0] - 10.0, x[1] - height);
        let square = dx * dx + dy * dy;
        let k = -1.0 / (square * square.sqrt());
        [dx * k, dy * k]
    };
    let ([ax, ay], [bx, by]) = (at(10.0 - w), at(0.0));
    [ax + bx, ay + by]
}

/// The same, and its derivative where w has the tangent 1 and the place `t`.
#[inline(always)]
fn slope_and_tangent(x: [f64; 2], t: [f64; 2], w: f64) -> ([f64; 2], [f64; 2]) {
    let at = |height: f64, of_height: f64| {
        let (dx, dy, tx, ty) = (x[0] - 10.0, x[1] - height, t[0], t[1] - of_height);
        let square = dx * dx + dy * dy;
        let k = -1.0 / (square * square.sqrt());
        let of_k = -3.0 * k * (dx * tx + dy * ty) / square;
        ([dx * k, dy * k], [tx * k + dx * of_k, ty * k + dy * of_k])
    };
    let (([ax, ay], [tax, tay]), ([bx, by], [tbx, tby])) = (at(10.0 - w, -1.0), at(0.0, 0.0));
    ([ax + bx, ay + by], [tax + tbx, tay + tby])
}

fn impact(w: f64) -> f64 {
    let (mut x, mut v) = ([0.0, 8.0], [0.75, 0.0]);
    loop {
        let a = slope(x, w);
        x = [x[0] + STEP * v[0], x[1] + STEP * v[1]];
        if x[1] <= 0.0 {
            let hit = x[0] - x[1] / v[1] * v[0];
            return hit * hit;
        }
        v = [v[0] - STEP * a[0], v[1] - STEP * a[1]];
    }
}

fn derivative(w: f64) -> f64 {
    let (mut x, mut v, mut tx, mut tv) = ([0.0, 8.0], [0.75, 0.0], [0.0; 2], [0.0; 2]);
    loop {
        let (a, ta) = slope_and_tangent(x, tx, w);
        x = [x[0] + STEP * v[0], x[1] + STEP * v[1]];
        tx = [tx[0] + STEP * tv[0], tx[1] + STEP * tv[1]];
        if x[1] <= 0.0 {
            let time = -x[1] / v[1];
            let of_time = -(tx[1] + time * tv[1]) / v[1];
            let hit = x[0] + time * v[0];
            return 2.0 * hit * (tx[0] + of_time * v[0] + time * tv[0]);
        }
        v = [v[0] - STEP * a[0], v[1] - STEP * a[1]];
        tv = [tv[0] - STEP * ta[0], tv[1] - STEP * ta[1]];
    }
}

pub fn by_hand(w: f64) -> f64 {
    argmin(|[w]| impact(w), |[w]| [derivative(w)], [w])[0]
}

#[inline(always)]
fn potential<T: Real>([x, y]: [T; 2], w: T) -> T {
    let at = |height: T| {
        let (dx, dy) = (x - lit(10.0), y - height);
        (dx * dx + dy * dy).sqrt().recip()
    };
    at(lit::<T>(10.0) - w) + at(lit(0.0))
}

#[inline(always)]
fn impact_of<T: Real<Mask = bool>>(w: T) -> T {
    let (mut x, mut v) = ([lit::<T>(0.0), lit(8.0)], [lit::<T>(0.75), lit(0.0)]);
    loop {
        let (_, a) = dual::gradient(|x| potential(x, DualVec::constant(w)), x);
        x = [x[0] + v[0] * lit(STEP), x[1] + v[1] * lit(STEP)];
        if x[1].le(lit(0.0)) {
            let hit = x[0] - x[1] / v[1] * v[0];
            return hit * hit;
        }
        v = [v[0] - a[0] * lit(STEP), v[1] - a[1] * lit(STEP)];
    }
}

pub fn by_duals(w: f64) -> f64 {
    argmin(|[w]| impact_of(w), |[w]| [impact_of(Dual::new(w, 1.0)).eps()], [w])[0]
}

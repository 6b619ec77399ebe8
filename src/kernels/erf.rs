//! The error function: near 0 a series, further out 1 less a power of e. Its complement and the normal distribution function are e^(−u²)
//! times a function that hardly changes, from 0 to where they underflow.

use super::exp::parts_of_sum;
use super::parts::{Poly, pair, pick, signed, sum_of_any, two_product, two_sum};
use crate::base::Lanes;
use std::f64::consts::{FRAC_2_SQRT_PI, SQRT_2};

/// What FRAC_2_SQRT_PI and SQRT_2 lack.
const FRAC_2_SQRT_PI_LOW: f64 = 1.533545961316588e-17;
const SQRT_2_LOW: f64 = -9.667293313452913e-17;

/// (erf(a) / a − 2/√π) / a² in a² for a ≤ 0.65.
const NEAR: Poly = Poly {
    wide: &[
        -0.3761263890318361,
        0.11283791670941619,
        -0.02686617064073645,
        0.0052239775551988,
        -0.000854832065915395,
        0.00012054983821623378,
        -1.4913803543907366e-05,
        1.6218171372726037e-06,
        -1.3542044533960283e-07,
    ],
    narrow: &[-0.3761263537092941, 0.11283673780132626, -0.026853311551159453, 0.005162235822007461, -0.0007178455280829306],
};

/// −ln erfc(a) for a ≥ 0.65, to where erfc does not count against 1, without the two lowest coefficients.
const MIDDLE: Poly = Poly {
    wide: &[
        0.6366190158043663,
        0.10277588471353362,
        -0.01913839267653269,
        -0.0001867943054007207,
        0.0016572936495324287,
        -0.000536733318360874,
        -3.286237754446127e-05,
        0.00011673387644610425,
        -6.7331494897199e-05,
        2.5147536728451216e-05,
        -7.0083750262113164e-06,
        1.5124656217370995e-06,
        -2.536609925037313e-07,
        3.255464667808265e-08,
        -3.0914026397592008e-09,
        2.0448186757083775e-10,
        -8.393492581833284e-12,
        1.6049897953264452e-13,
    ],
    narrow: &[0.6355079471922699, 0.10549554067791148, -0.02302676125981968, 0.0032553781382182417, -0.0002187260168287434],
};

/// ((1 + 2u)·e^(u²)·erfc(u) − 1) / v in v − 1 for v = 2u / (u + c), for u ≥ 0 to where erfc underflows; c is 4 or 2.5.
const FAR: Poly = Poly {
    wide: &[
        0.2329951186255525,
        -0.3726162354661154,
        0.3879958875687354,
        -0.3198988333139988,
        0.2188597672776856,
        -0.12512693228086297,
        0.058796566468569796,
        -0.02162905090662495,
        0.005431316855122887,
        -0.00039934709323970446,
        -0.00035842629163481977,
        0.0001591707451472217,
        -8.548351663479392e-06,
        -1.585466252880459e-05,
        4.629563347539851e-06,
        1.0879432071540377e-06,
        -7.862314649469089e-07,
        -4.8369369161063516e-08,
        1.1090024055134327e-07,
        3.994613922158587e-09,
        -1.1750418907878297e-08,
        -1.765126762789258e-09,
    ],
    narrow: &[
        0.2648381805314222,
        -0.3871948747715487,
        0.28817072253451026,
        -0.13054295546554492,
        0.02756878706164803,
        0.00520882370887739,
        -0.004226798133976912,
        -0.00019323620465626313,
        0.0005329296916144039,
        7.955665623868474e-05,
    ],
};

/// e^(−square)·(1 + v·`FAR`) / (1 + 2u), times a factor; square and 1 + 2u are sums. It is erfc(u), if the former is u². Here `u` itself need not be exact.
#[inline(always)]
fn tail<L: Lanes>(u: L, (square, square_rest): (L, L), (below, below_rest): (L, L), factor: f64) -> L {
    let exp = parts_of_sum(-square, -square_rest);
    let (e, e_rest) = exp.power();
    // Both quotients by one division.
    let (sum, sum_lost) = sum_of_any(u, pick(u, 4.0, 2.5));
    let inverse = u.k(1.0) / (sum * below);
    let (inverse_sum, inverse) = (inverse * below, inverse * sum);
    let v = (u + u) * inverse_sum;
    let v = (-v).fma(sum_lost, (-v).fma(sum, u + u)).fma(inverse_sum, v);
    let (product, lost) = two_product(v, FAR.after(4, v - u.k(1.0)));
    let (q, q_lost) = two_sum(u.k(1.0), product);
    // What the coefficients lack in single precision, for large u.
    let q_rest = q_lost + v.fma(pick(u, 0.0, -1.149420e-08), lost);
    let (y, lost) = two_product(e, q);
    let y_rest = e.fma(q_rest, e_rest.fma(q, lost));
    let z = y * inverse;
    let rest = (-z).fma(below_rest, (-z).fma(below, y) + y_rest);
    exp.scaled(rest.fma(inverse, z) * u.k(factor))
}

/// No more than the limit; NaN stays.
#[inline(always)]
fn at_most<L: Lanes>(a: L, limit: L) -> L {
    L::select(limit.lt(a), limit, a)
}

/// −ln erfc(a) for a ≥ 0.65 as a sum.
#[inline(always)]
fn middle<L: Lanes>(a: L) -> (L, L) {
    let (slope, slope_low) = match a.is_double() {
        true => pair(a, 1.1283792757429338, 0.0),
        false => pair(a, 1.1286072111454386, 0.0),
    };
    let (product, lost) = two_product(a, MIDDLE.at(a));
    let (factor, lost_too) = two_sum(slope, product);
    let factor_rest = lost_too + (lost + slope_low);
    let (y, lost) = two_product(a, factor);
    (y, a.fma(factor_rest, lost) + pick(a, -7.306652419025096e-9, -1.5083122204694834e-5))
}

#[inline(always)]
pub(super) fn erf<L: Lanes>(x: L) -> L {
    let (a, one) = (x.abs(), x.k(1.0));
    let (factor, factor_low) = pair(a, FRAC_2_SQRT_PI, FRAC_2_SQRT_PI_LOW);
    let (high, lost) = two_product(a, factor);
    let square = a * a;
    let near = high + NEAR.at(square).fma(square * a, a.fma(factor_low, lost));
    let (p, p_rest) = middle(at_most(a, pick(x, 6.0, 4.0)));
    let exp = parts_of_sum(-p, -p_rest);
    // 1 − 2ⁿ is exact.
    let twos = exp.twos();
    let (sum, lost) = two_sum(one - twos, -twos * exp.high);
    let middle = sum + (-twos).fma(exp.low, lost);
    signed(L::select(x.k(0.65).lt(a), middle, near), x)
}

#[inline(always)]
pub(super) fn erfc<L: Lanes>(x: L) -> L {
    let u = at_most(x.abs(), pick(x, 28.0, 10.4));
    let y = tail(u, two_product(u, u), sum_of_any(x.k(1.0), u + u), 1.0);
    L::select(x.lt(x.k(0.0)), x.k(2.0) - y, y)
}

/// ½·erfc(u) for u = |x|/√2, or 1 less that.
#[inline(always)]
pub(super) fn norm_cdf<L: Lanes>(x: L) -> L {
    let a = at_most(x.abs(), pick(x, 39.5, 14.7));
    let (square, lost) = two_product(a, a);
    let half = x.k(0.5);
    let (root, root_low) = pair(x, SQRT_2, SQRT_2_LOW);
    let (twice, twice_lost) = two_product(a, root);
    let (below, below_lost) = sum_of_any(x.k(1.0), twice);
    let below_rest = below_lost + a.fma(root_low, twice_lost);
    let y = tail(twice * half, (square * half, lost * half), (below, below_rest), 0.5);
    L::select(x.lt(x.k(0.0)), y, x.k(1.0) - y)
}

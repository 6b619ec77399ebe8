//! The error function near 0, and e^(−a²) times a smooth function for larger a.

use super::exp::parts_of_sum;
use super::parts::{Poly, pair, pick, signed, sum_of_any, two_product, two_sum};
use crate::op::Lanes;
use std::f64::consts::FRAC_2_SQRT_PI;

/// What FRAC_2_SQRT_PI lacks.
const LOW: f64 = 1.533545961316588e-17;

/// (erf(a) / a − 2/√π) / a² in a² for a ≤ 1.
const NEAR: Poly = Poly {
    wide: &[
        -0.37612638903183615,
        0.11283791670947078,
        -0.026866170643499658,
        0.005223977608932495,
        -0.0008548326051729931,
        0.00012055296954429399,
        -1.4924772831334631e-05,
        1.6447833944297288e-06,
        -1.6211403858690598e-07,
        1.3731917237539258e-08,
        -7.816782406713105e-10,
    ],
    narrow: &[
        -0.37612631916999817,
        0.11283643543720245,
        -0.02685598097741604,
        0.005192065145820379,
        -0.0008040309767238796,
        7.94566803961061e-05,
    ],
};

/// (a + c)·e^(a²)·erfc(a) in t = (a − c) / (a + c), without the two lowest coefficients, from a = ½ to where erfc underflows; c is 4 or 3.5.
const FAR: Poly = Poly {
    wide: &[
        0.773208702265237,
        -0.5408538313132354,
        0.3308515878780242,
        -0.17401093723993763,
        0.07638151490886727,
        -0.026370053340012075,
        0.006112055663228295,
        -0.00028095887098212647,
        -0.00045505275561952583,
        0.00017681286428476123,
        -3.6347608142759585e-06,
        -1.8861100792692532e-05,
        4.692950558090626e-06,
        1.424779698323743e-06,
        -8.429486321502548e-07,
        -7.645396530109816e-08,
        1.1980071245591608e-07,
        1.638850248532597e-09,
        -1.2260136132447482e-08,
        -1.248618898227807e-10,
    ],
    narrow: &[
        0.6941137206440983,
        -0.4352554617355459,
        0.22573660947923302,
        -0.09232643335048127,
        0.026534535369497785,
        -0.003133716255769606,
        -0.0013509505300393853,
        0.0006124062984339313,
    ],
};

/// erf(a) for a ≤ 0.75, as a sum.
#[inline(always)]
fn near<L: Lanes>(a: L) -> (L, L) {
    let (factor, factor_low) = pair(a, FRAC_2_SQRT_PI, LOW);
    let (high, lost) = two_product(a, factor);
    let square = a * a;
    (high, NEAR.at(square).fma(square * a, a.fma(factor_low, lost)))
}

/// erfc(a) for a ≥ ½.
#[inline(always)]
fn far<L: Lanes>(a: L) -> L {
    let (square, square_rest) = two_product(a, a);
    let exp = parts_of_sum(-square, -square_rest);
    let (e, e_rest) = exp.power();

    // t = 1 − v for v = 2c / (a + c)
    let c = pick(a, 4.0, 3.5);
    let (sum, lost) = two_sum(c, a);
    let inverse = a.k(1.0) / sum;
    let inverse_rest = inverse * ((-sum).fma(inverse, a.k(1.0)) - lost * inverse);
    let (v, v_rest) = two_product(c + c, inverse);
    let (t, t_lost) = two_sum(a.k(1.0), -v);
    // What is missing is eight times what is missing of the inverse.
    let (t, t_rest) = two_sum(t, t_lost - (c + c).fma(inverse_rest, v_rest));

    // The lowest coefficients are added one by one, the two last ones in more digits.
    let (curve, curve_rest) = two_product(t, FAR.after(1, t));
    let (slope, lost) = sum_of_any(pick(a, -0.976548729080882, -0.9377997517585754), curve);
    let slope_rest = lost + curve_rest;
    let (product, lost) = two_product(t, slope);
    let product_rest = t.fma(slope_rest, lost);
    let (start, start_low) =
        (pick(a, 1.095995661000491, 1.0870555639266968), pick(a, 5.757254511326975e-17, 2.5335563304475336e-08));
    let (q, q_lost) = sum_of_any(start, product);
    let q_rest = q_lost + t_rest.fma(slope, product_rest + start_low);

    let (y, y_lost) = two_product(e, q);
    let y_rest = e.fma(q_rest, e_rest.fma(q, y_lost));
    let (z, z_lost) = two_product(y, inverse);
    let z_rest = y.fma(inverse_rest, y_rest.fma(inverse, z_lost));
    L::select(pick(a, 27.5, 10.3).lt(a), a.k(0.0), exp.scaled(z + z_rest))
}

#[inline(always)]
pub(super) fn erf<L: Lanes>(x: L) -> L {
    let a = x.abs();
    let (high, low) = near(a);
    // Where erfc underflows it is 0.
    signed(L::select(x.k(0.75).lt(a), x.k(1.0) - far(a), high + low), x)
}

#[inline(always)]
pub(super) fn erfc<L: Lanes>(x: L) -> L {
    let a = x.abs();
    let (high, low) = near(x);
    let (sum, lost) = two_sum(x.k(1.0), -high);
    let y = far(a);
    let y = L::select(x.lt(x.k(0.0)), x.k(2.0) - y, y);
    L::select(a.lt(x.k(0.5)), sum + (lost - low), y)
}

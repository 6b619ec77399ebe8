//! The operations in 256-bit arithmetic: references that share no code with the crate.

use dashu_float::{FBig, round::mode::HalfEven};
use std::sync::OnceLock;
use wengert::op::Op;

pub type Big = FBig<HalfEven, 2>;

const BITS: usize = 256;
/// For 1 − erf x, where erf x is nearly 1.
const WIDE: usize = 1500;

pub fn big(v: f64) -> Big {
    wide(v, BITS)
}

fn wide(v: f64, bits: usize) -> Big {
    Big::try_from(v).expect("a finite number").with_precision(bits).value()
}

pub fn small(v: &Big) -> f64 {
    v.to_f64().value()
}

fn one() -> Big {
    big(1.0)
}

fn abs(x: &Big) -> Big {
    if *x < big(0.0) { -x.clone() } else { x.clone() }
}

fn sign(x: &Big) -> Big {
    if *x < big(0.0) { -one() } else { one() }
}

fn power(x: &Big, n: i32) -> Big {
    let mut p = one();
    for _ in 0..n.unsigned_abs() {
        p *= x;
    }
    if n < 0 { one() / p } else { p }
}

fn truncated(x: &Big) -> Big {
    x.trunc().with_precision(BITS).value()
}

fn floor(x: &Big) -> Big {
    x.floor().with_precision(BITS).value()
}

/// 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, which has only positive terms (M. Abramowitz and I. Stegun, 7.1.6).
fn erf(x: &Big, bits: usize) -> Big {
    let x = x.clone().with_precision(bits).value();
    let square = &x * &x;
    let (mut term, mut sum) = (x.clone(), x);
    let mut n = 1.0;
    let tiny = power(&big(0.5), 30) / power(&big(2.0), bits as i32);
    while abs(&term) > abs(&sum) * &tiny {
        term = term * (&square * wide(2.0, bits)) / wide(2.0 * n + 1.0, bits);
        sum += &term;
        n += 1.0;
    }
    wide(2.0, bits) / Big::pi(bits).sqrt() * (-square).exp() * sum
}

fn erfc(x: &Big) -> Big {
    (wide(1.0, WIDE) - erf(x, WIDE)).with_precision(BITS).value()
}

/// Bernoulli numbers B₂, B₄, …, by their recurrence.
pub fn bernoulli() -> &'static [Big] {
    static NUMBERS: OnceLock<Vec<Big>> = OnceLock::new();
    NUMBERS.get_or_init(|| {
        let bits = 700;
        let mut all: Vec<Big> = vec![wide(1.0, bits)];
        for m in 1..=60 {
            let (mut sum, mut choose) = (wide(0.0, bits), wide(1.0, bits));
            for (k, b) in all.iter().enumerate() {
                sum += &choose * b;
                choose = choose * wide((m + 1 - k) as f64, bits) / wide((k + 1) as f64, bits);
            }
            all.push(-sum / wide((m + 1) as f64, bits));
        }
        all.into_iter().skip(2).step_by(2).map(|b| b.with_precision(BITS).value()).collect()
    })
}

/// From here on the asymptotic series have more digits than are needed.
const SHIFT: usize = 64;

fn lgamma(x: &Big) -> Big {
    let mut product = one();
    let mut z = x.clone();
    for _ in 0..SHIFT {
        product *= &z;
        z += one();
    }
    let half = big(0.5);
    let mut sum = (&z - &half) * z.ln() - &z + half * (big(2.0) * Big::pi(BITS)).ln();
    let mut power = z.clone();
    for (k, b) in bernoulli().iter().enumerate() {
        let n = 2.0 * (k + 1) as f64;
        sum += b / (big(n * (n - 1.0)) * &power);
        power = power * &z * &z;
    }
    sum - abs(&product).ln()
}

fn digamma(x: &Big) -> Big {
    let (mut sum, mut z) = (big(0.0), x.clone());
    for _ in 0..SHIFT {
        sum -= one() / &z;
        z += one();
    }
    sum += z.ln() - big(0.5) / &z;
    let mut power = &z * &z;
    for (k, b) in bernoulli().iter().enumerate() {
        sum -= b / (big(2.0 * (k + 1) as f64) * &power);
        power = power * &z * &z;
    }
    sum
}

fn polygamma(n: i32, x: &Big) -> Big {
    if n == 0 {
        return digamma(x);
    }
    let factorial = (1..=n).fold(one(), |p, k| p * big(k as f64));
    let (mut sum, mut z) = (big(0.0), x.clone());
    for _ in 0..SHIFT {
        sum += one() / power(&z, n + 1);
        z += one();
    }
    sum = sum * &factorial + &factorial / big(n as f64) / power(&z, n) + &factorial / big(2.0) / power(&z, n + 1);
    // (2k+n−1)!/(2k)!
    let mut ratio = (1..n).fold(one(), |p, k| p * big((2 + k) as f64));
    for (k, b) in bernoulli().iter().enumerate() {
        let k2 = 2 * (k as i32 + 1);
        sum += b * &ratio / power(&z, k2 + n);
        ratio = ratio * big((k2 + n) as f64) * big((k2 + n + 1) as f64) / big((k2 + 1) as f64) / big((k2 + 2) as f64);
    }
    if n % 2 == 0 { -sum } else { sum }
}

/// The value of an operation, by its definition. Masks are 0 or 1.
pub fn reference(op: Op, args: &[Big]) -> Big {
    use Op::*;
    let x = &args[0];
    let y = args.get(1).unwrap_or(x);
    let flag = |b: bool| big(b as u8 as f64);
    match op {
        Add => x + y,
        Sub => x - y,
        Mul => x * y,
        Div => x / y,
        Rem => x - y * truncated(&(x / y)),
        Neg => -x.clone(),
        Detach => x.clone(),
        Recip => one() / x,
        MulAdd => x * y + &args[2],
        Powi(n) => power(x, n),
        Powf => x.powf(y),
        Sqrt => x.sqrt(),
        Cbrt => sign(x) * abs(x).nth_root(3),
        Hypot => (x * x + y * y).sqrt(),
        Direction => x / (x * x + y * y).sqrt(),
        Exp => x.exp(),
        Exp2 => (x * big(2.0).ln()).exp(),
        ExpM1 => x.exp() - one(),
        Ln => x.ln(),
        Ln1p => (one() + x).ln(),
        Log2 => x.ln() / big(2.0).ln(),
        Log10 => x.ln() / big(10.0).ln(),
        Log => x.ln() / y.ln(),
        Sin => x.sin(),
        Cos => x.cos(),
        Tan => x.tan(),
        Asin => x.asin(),
        Acos => x.acos(),
        Atan => x.atan(),
        Atan2 => x.atan2(y),
        Sinh => (x.exp() - (-x.clone()).exp()) / big(2.0),
        Cosh => (x.exp() + (-x.clone()).exp()) / big(2.0),
        Tanh => one() - big(2.0) / ((x * big(2.0)).exp() + one()),
        SechSquared => {
            let e = (-abs(x) * big(2.0)).exp();
            big(4.0) * &e / ((one() + &e) * (one() + &e))
        }
        Asinh => sign(x) * (abs(x) + (x * x + one()).sqrt()).ln(),
        Acosh => (x + (x * x - one()).sqrt()).ln(),
        Atanh => ((one() + x) / (one() - x)).ln() / big(2.0),
        Sigmoid => one() / (one() + (-x.clone()).exp()),
        LogisticDensity => x.exp() / ((one() + x.exp()) * (one() + x.exp())),
        Softplus => (one() + x.exp()).ln(),
        Relu => {
            if *x > big(0.0) {
                x.clone()
            } else {
                big(0.0)
            }
        }
        LeakyRelu => {
            if *x > big(0.0) {
                x.clone()
            } else {
                x * y
            }
        }
        Abs => abs(x),
        Signum => sign(x),
        Copysign => abs(x) * sign(y),
        Floor => floor(x),
        Ceil => -floor(&-x.clone()),
        Round => sign(x) * floor(&(abs(x) + big(0.5))),
        Trunc => truncated(x),
        Fract => x - truncated(x),
        Min => {
            if x < y {
                x.clone()
            } else {
                y.clone()
            }
        }
        Max => {
            if x > y {
                x.clone()
            } else {
                y.clone()
            }
        }
        Clamp => {
            if x < y {
                y.clone()
            } else if *x > args[2] {
                args[2].clone()
            } else {
                x.clone()
            }
        }
        LogAddExp => (x.exp() + y.exp()).ln(),
        Xlogy => {
            if *x == big(0.0) {
                big(0.0)
            } else {
                x * y.ln()
            }
        }
        Erf => erf(x, BITS),
        Erfc => erfc(x),
        NormCdf => erfc(&(-x.clone() / big(2.0).sqrt())) / big(2.0),
        Lgamma => lgamma(x),
        Digamma => digamma(x),
        Polygamma(n) => polygamma(n, x),
        Lt => flag(x < y),
        Le => flag(x <= y),
        Gt => flag(x > y),
        Ge => flag(x >= y),
        Eq => flag(x == y),
        Ne => flag(x != y),
        Select => {
            if *x != big(0.0) {
                y.clone()
            } else {
                args[2].clone()
            }
        }
        op => panic!("{} has no reference: add one", op.name()),
    }
}

/// ∂/∂xₖ by a central difference so narrow, in so many digits, that its error does not show.
pub fn reference_partial(op: Op, args: &[f64], k: usize) -> f64 {
    if op == Op::Detach {
        return 0.0;
    }
    let step = power(&big(0.5), 70);
    let at = |step: Big| {
        let mut args: Vec<Big> = args.iter().map(|&v| big(v)).collect();
        args[k] += step;
        reference(op, &args)
    };
    small(&((at(step.clone()) - at(-step.clone())) / (step * big(2.0))))
}

//! Values, first and second derivatives of the operations from formulas, in so many bits that nothing cancels.

use crate::common::big::{Big, bernoulli, reference};
use wengert::op::Op;

const BITS: usize = 160;

pub fn b(v: f64) -> Big {
    Big::try_from(v).expect("a finite number").with_precision(BITS).value()
}

fn abs(x: &Big) -> Big {
    if *x < b(0.0) { -x.clone() } else { x.clone() }
}

/// e^−|x|, with digits also where it is 1.
fn falling(x: &Big) -> Big {
    (-abs(x)).exp().with_precision(BITS).value()
}

/// 1 − 2/√π · e^(−x²) · Σ 2ⁿ x²ⁿ⁺¹ / (2n+1)!!, whose terms are positive (M. Abramowitz and I. Stegun, 7.1.6), with the digits that the
/// difference loses, and those of a small x.
fn erfc(x: &Big) -> Big {
    let size = x.to_f64().value();
    let bits = BITS + (1.5 * size * size - size.abs().max(1e-300).log2().min(0.0)) as usize;
    let wide = |v: f64| Big::try_from(v).expect("a finite number").with_precision(bits).value();
    let x = x.clone().with_precision(bits).value();
    let square = &x * &x;
    let (mut term, mut sum, mut n) = (x.clone(), x, 1.0);
    let tiny = (0..bits + 8).fold(wide(1.0), |p, _| p * wide(0.5));
    while abs(&term) > abs(&sum) * &tiny {
        term = term * (&square * wide(2.0)) / wide(2.0 * n + 1.0);
        sum += &term;
        n += 1.0;
    }
    wide(1.0) - wide(2.0) / Big::pi(bits).sqrt() * (-square).exp() * sum
}

/// c·xⁿ, and 0 for c = 0.
fn term(c: f64, x: &Big, n: i64) -> Big {
    if c == 0.0 {
        return b(0.0);
    }
    let p = (0..n.abs()).fold(b(1.0), |p, _| p * x);
    if n < 0 { b(c) / p } else { b(c) * p }
}

/// The value, the partial derivatives, and the second ones ∂²/∂xᵢ∂xⱼ for i ≤ j, row by row.
pub fn derivatives(op: Op, x: &[f64]) -> Vec<Big> {
    let x: Vec<Big> = x.iter().map(|&v| b(v)).collect();
    match &x[..] {
        [x] => unary(op, x).to_vec(),
        [x, y] => binary(op, x, y).to_vec(),
        _ => ternary(op, &x),
    }
}

/// σ(x), σ(−x), σ(x)·σ(−x) and tanh(x/2).
fn logistic(x: &Big) -> [Big; 4] {
    let e = falling(x);
    let one = b(1.0) + &e;
    let (large, small) = (b(1.0) / &one, &e / &one);
    let density = &large * &small;
    let t = (x / b(2.0)).tanh();
    if *x < b(0.0) { [small, large, density, t] } else { [large, small, density, t] }
}

fn power(x: &Big, n: i32) -> Big {
    let (mut p, mut square) = (b(1.0), x.clone());
    let mut n = n;
    while n > 0 {
        if n % 2 == 1 {
            p *= &square;
        }
        square = &square * &square;
        n /= 2;
    }
    p
}

/// From here on the asymptotic series have as many digits as are needed.
const FAR: f64 = 28.0;

fn lgamma(x: &Big) -> Big {
    let (mut z, mut product) = (x.clone(), b(1.0));
    while z < b(FAR) {
        product *= &z;
        z += b(1.0);
    }
    let mut sum = (&z - b(0.5)) * z.ln() - &z + b(0.5) * (b(2.0) * Big::pi(BITS)).ln();
    let (square, mut p) = (&z * &z, z);
    for (k, number) in bernoulli().iter().enumerate() {
        let n = 2.0 * (k + 1) as f64;
        sum += number / (b(n * (n - 1.0)) * &p);
        p *= &square;
    }
    sum - abs(&product).with_precision(BITS).value().ln()
}

/// ψ⁽ⁿ⁾ by its recurrence to the right and the asymptotic series there, over (−1)ⁿ⁺¹·n! but for n = 0.
fn psi(n: i32, x: &Big) -> Big {
    let (mut z, mut sum) = (x.clone(), b(0.0));
    while z < b(FAR + f64::from(n)) {
        sum += power(&(b(1.0) / &z), n + 1);
        z += b(1.0);
    }
    let inverse = b(1.0) / &z;
    let square = &inverse * &inverse;
    let first = power(&inverse, n);
    sum += if n == 0 { -z.ln() } else { &first / b(f64::from(n)) } + b(0.5) * &first * &inverse;
    // Bₖ·(k + n − 1)! / (k!·n!), by the ratios of neighbours.
    let mut ratio = if n == 0 { b(0.5) } else { b(f64::from(n + 1) / 2.0) };
    let mut p = first * &square;
    for (k, number) in bernoulli().iter().enumerate() {
        sum += number * &ratio * &p;
        p *= &square;
        let (k, n) = (2.0 * (k + 1) as f64, f64::from(n));
        ratio = ratio * b((k + n) * (k + n + 1.0)) / b((k + 1.0) * (k + 2.0));
    }
    let factorial = (1..=n).fold(b(1.0), |p, k| p * b(f64::from(k)));
    if n % 2 == 0 { -sum * factorial } else { sum * factorial }
}

fn unary(op: Op, x: &Big) -> [Big; 3] {
    use Op::*;
    let (zero, one, two) = (b(0.0), b(1.0), b(2.0));
    let value = || reference(op, std::slice::from_ref(x));
    let step = || [value(), b(0.0), b(0.0)];
    let logarithm = |base: Big| [x.ln() / &base, b(1.0) / (x * &base), -b(1.0) / (x * x * &base)];
    let bell = |value: Big, c: Big, k: f64| {
        let d = c * (x * x * b(-k)).exp();
        [value, d.clone(), x * b(-2.0 * k) * d]
    };
    let root_pi = Big::pi(BITS).sqrt();
    match op {
        Neg => [-x.clone(), -one, zero],
        Detach => [x.clone(), zero.clone(), zero],
        Recip => [term(1.0, x, -1), term(-1.0, x, -2), term(2.0, x, -3)],
        Powi(n) => {
            let n = i64::from(n);
            [term(1.0, x, n), term(n as f64, x, n - 1), term((n * (n - 1)) as f64, x, n - 2)]
        }
        Sqrt => {
            let s = x.sqrt();
            [s.clone(), b(0.5) / &s, b(-0.25) / (s * x)]
        }
        Cbrt => {
            let c = abs(x).nth_root(3);
            let d = &one / (b(3.0) * &c * &c);
            [if *x < zero { -c } else { c }, d.clone(), -(two / b(3.0)) * d / x]
        }
        Exp => [x.exp(), x.exp(), x.exp()],
        Exp2 => {
            let ln = two.ln();
            let z = (x * &ln).exp();
            [z.clone(), &z * &ln, z * &ln * &ln]
        }
        ExpM1 => [x.exp_m1(), x.exp(), x.exp()],
        Ln => logarithm(one),
        Ln1p => [x.ln_1p(), &one / (&one + x), -&one / ((&one + x) * (&one + x))],
        Log2 => logarithm(two.ln()),
        Log10 => logarithm(b(10.0).ln()),
        Sin => [x.sin(), x.cos(), -x.sin()],
        Cos => [x.cos(), -x.sin(), -x.cos()],
        Tan => {
            let (s, c) = (x.sin(), x.cos());
            [&s / &c, &one / (&c * &c), two * s / (&c * &c * &c)]
        }
        Asin | Acos => {
            let r = &one / ((&one - x) * (&one + x)).sqrt();
            let second = x * &r * &r * &r;
            if op == Asin { [x.asin(), r, second] } else { [x.acos(), -r, -second] }
        }
        Atan => {
            let q = &one / (&one + x * x);
            [x.atan(), q.clone(), b(-2.0) * x * &q * &q]
        }
        Sinh => [x.sinh(), x.cosh(), x.sinh()],
        Cosh => [x.cosh(), x.sinh(), x.cosh()],
        Tanh => {
            let d = &one / (x.cosh() * x.cosh());
            [x.tanh(), d.clone(), b(-2.0) * x.tanh() * d]
        }
        SechSquared => {
            let d = &one / (x.cosh() * x.cosh());
            let t = x.tanh();
            [d.clone(), b(-2.0) * &t * &d, &two * &d * (&two * &t * &t - &d)]
        }
        Asinh => {
            let r = &one / (&one + x * x).sqrt();
            [x.asinh(), r.clone(), -x * &r * &r * &r]
        }
        Acosh => {
            let r = &one / ((x - &one) * (x + &one)).sqrt();
            [x.acosh(), r.clone(), -x * &r * &r * &r]
        }
        Atanh => {
            let q = &one / ((&one - x) * (&one + x));
            [x.atanh(), q.clone(), two * x * &q * &q]
        }
        Sigmoid => {
            let [s, _, d, t] = logistic(x);
            [s, d.clone(), -(d * t)]
        }
        LogisticDensity => {
            let [_, _, d, t] = logistic(x);
            [d.clone(), -(&d * &t), &d * (&t * &t - two * &d)]
        }
        Softplus => {
            let [s, _, d, _] = logistic(x);
            let most = if *x > zero { x.clone() } else { zero };
            [most + falling(x).ln_1p(), s, d]
        }
        Relu => {
            let slope = if *x > zero { one } else { zero.clone() };
            [x * &slope, slope, zero]
        }
        Abs => [abs(x), if *x > zero { one } else { -one }, zero],
        Signum | Floor | Ceil | Round | Trunc => step(),
        Fract => [value(), one, zero],
        Erf => bell(one - erfc(x), two / root_pi, 1.0),
        Erfc => bell(erfc(x), -two / root_pi, 1.0),
        NormCdf => bell(erfc(&(-x / two.sqrt())) / &two, &one / (root_pi * two.sqrt()), 0.5),
        Lgamma => [lgamma(x), psi(0, x), psi(1, x)],
        Digamma => [0, 1, 2].map(|n| psi(n, x)),
        Polygamma(n) => [n, n + 1, n + 2].map(|n| psi(n, x)),
        op => panic!("{op} has no derivatives here: add them"),
    }
}

fn binary(op: Op, x: &Big, y: &Big) -> [Big; 6] {
    use Op::*;
    let [zero, one, two] = [0.0, 1.0, 2.0].map(b);
    let value = || reference(op, &[x.clone(), y.clone()]);
    let linear = |dx: Big, dy: Big| [value(), dx, dy, b(0.0), b(0.0), b(0.0)];
    let h = || (x * x + y * y).sqrt();
    match op {
        Add => linear(one.clone(), one),
        Sub => linear(one.clone(), -one),
        Mul => [x * y, y.clone(), x.clone(), zero.clone(), one, zero],
        Div => {
            let r = &one / y;
            [x * &r, r.clone(), -x * &r * &r, zero, -&r * &r, two * x * &r * &r * &r]
        }
        Rem => {
            let q = (x / y).trunc().with_precision(BITS).value();
            [x - y * &q, one, -q, zero.clone(), zero.clone(), zero]
        }
        Powf => {
            let l = x.ln();
            let z = (y * &l).exp();
            let s = &z / x;
            [z.clone(), y * &s, &z * &l, y * (y - &one) * &s / x, &s * (&one + y * &l), z * &l * &l]
        }
        Hypot => {
            let h = h();
            let cube = &h * &h * &h;
            [h.clone(), x / &h, y / &h, y * y / &cube, -x * y / &cube, x * x / &cube]
        }
        Direction => {
            let h = h();
            let cube = &h * &h * &h;
            let fifth = &cube * &h * &h;
            let (xx, yy) = (x * x, y * y);
            [
                x / &h,
                &yy / &cube,
                -x * y / &cube,
                b(-3.0) * x * &yy / &fifth,
                y * (&two * &xx - &yy) / &fifth,
                x * (&two * &yy - &xx) / &fifth,
            ]
        }
        Log => {
            let (lx, lb) = (x.ln(), y.ln());
            let square = &lb * &lb;
            [
                &lx / &lb,
                &one / (x * &lb),
                -&lx / (y * &square),
                -&one / (x * x * &lb),
                -&one / (x * y * &square),
                &lx * (&lb + &two) / (y * y * square * lb),
            ]
        }
        Atan2 => {
            let square = x * x + y * y;
            let fourth = &square * &square;
            let twice = &two * x * y / &fourth;
            [x.atan2(y), y / &square, -x / &square, -twice.clone(), (x * x - y * y) / fourth, twice]
        }
        LeakyRelu if *x > zero => [x.clone(), one, zero.clone(), zero.clone(), zero.clone(), zero],
        LeakyRelu => [x * y, y.clone(), x.clone(), zero.clone(), one, zero],
        Copysign => linear(if (*x < zero) == (*y < zero) { one } else { -one }, zero),
        Min if x < y => linear(one, zero),
        Max if x > y => linear(one, zero),
        Min | Max => linear(zero, one),
        LogAddExp => {
            let [sx, sy, d, _] = logistic(&(x - y));
            let most = if x > y { x } else { y };
            [most + falling(&(x - y)).ln_1p(), sx, sy, d.clone(), -d.clone(), d]
        }
        Xlogy => [x * y.ln(), y.ln(), x / y, zero, &one / y, -x / (y * y)],
        op => panic!("{op} has no derivatives here: add them"),
    }
}

fn ternary(op: Op, x: &[Big]) -> Vec<Big> {
    let mut all = vec![b(0.0); 10];
    all[0] = reference(op, x);
    match op {
        Op::MulAdd => {
            (all[1], all[2], all[3], all[5]) = (x[1].clone(), x[0].clone(), b(1.0), b(1.0));
        }
        Op::Clamp => {
            let at = if x[0] < x[1] {
                2
            } else if x[0] > x[2] {
                3
            } else {
                1
            };
            all[at] = b(1.0);
        }
        op => panic!("{op} has no derivatives here: add them"),
    }
    all
}

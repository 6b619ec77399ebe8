//! The op table against references that share no code with it, and a test of that test: every perturbed rule is noticed.

use crate::common::big::{big, reference, reference_partial, small};
use crate::common::{Rng, flat};
use wengert::diff::Mode;
use wengert::op::{DType, EdgeMap, Op, Value};
use wengert::{Function, Real, dual, lit, select};

type Operand = Value<f64, bool>;

/// Every operation, with several parameters where it has one.
fn operations() -> Vec<Op> {
    let mut all = Op::ALL.to_vec();
    all.extend([-20, -3, -1, 0, 1, 2, 7, 16, 17].map(Op::Powi));
    all.extend([0, 2, 3, 5].map(Op::Polygamma));
    all
}

fn floats(op: Op) -> usize {
    op.operands().iter().filter(|dtype| **dtype == DType::Float).count()
}

/// Ranges of the operands where values are compared.
fn domain(op: Op) -> &'static [(f64, f64)] {
    use Op::*;
    match op {
        Powf => &[(0.01, 20.0), (-9.0, 9.0)],
        Powi(_) => &[(-3.0, 3.0)],
        Sqrt | Ln | Log2 | Log10 => &[(1e-6, 1e6)],
        Log => &[(1e-3, 1e3), (1.5, 90.0)],
        Cbrt | Hypot => &[(-1e6, 1e6), (-1e6, 1e6)],
        Exp | Exp2 => &[(-700.0, 700.0)],
        ExpM1 => &[(-30.0, 300.0)],
        Ln1p => &[(-0.999, 1e3)],
        Sin | Cos | Tan => &[(-1e4, 1e4)],
        Asin | Acos | Atanh => &[(-0.999, 0.999)],
        Acosh => &[(1.001, 1e3)],
        Rem => &[(-50.0, 50.0), (0.7, 9.0)],
        Clamp => &[(-3.0, 3.0), (-2.0, -0.5), (0.5, 2.0)],
        Xlogy => &[(-9.0, 9.0), (1e-3, 1e3)],
        Erf => &[(-6.0, 6.0)],
        Erfc => &[(-5.0, 26.0)],
        NormCdf => &[(-37.0, 8.0)],
        Lgamma => &[(2.5, 1e5)],
        Digamma => &[(1e-3, 1e4)],
        Polygamma(_) => &[(0.05, 300.0)],
        Sigmoid | LogisticDensity | Softplus => &[(-50.0, 50.0)],
        LogAddExp => &[(1.0, 300.0), (-300.0, 300.0)],
        _ => &[(-9.0, 9.0), (-9.0, 9.0), (-9.0, 9.0)],
    }
}

/// Allowed relative error in units of 2⁻⁵², with the operands known.
pub fn tolerance(op: Op) -> f64 {
    use Op::*;
    match op {
        Powi(n) if n.unsigned_abs() > 2 => 2.0,
        Sinh | Cosh | Tanh | SechSquared | Asinh | Acosh | Atanh | Log | ExpM1 | Erfc | NormCdf | Lgamma => 4.0,
        Sigmoid | LogisticDensity | Softplus | LogAddExp | Xlogy | Direction => 4.0,
        Digamma | Polygamma(_) => 45.0,
        _ => 1.0,
    }
}

/// Ranges where partials are compared: not where the value is so flat that a difference has few digits; the sweep goes there.
fn steep(op: Op) -> &'static [(f64, f64)] {
    use Op::*;
    match op {
        Exp | Exp2 | ExpM1 | Erf | Erfc | NormCdf | Tanh | Sigmoid | Softplus | LogAddExp | Tan | Sin | Cos => &[(-3.0, 3.0); 2],
        Lgamma | Digamma | Polygamma(_) => &[(0.2, 30.0)],
        op => domain(op),
    }
}

fn sample(op: Op, domain: &[(f64, f64)], rng: &mut Rng) -> Vec<f64> {
    (0..floats(op))
        .map(|k| {
            let (low, high) = domain[k];
            match rng.below(3) {
                // Near the end of the range, or of moderate size.
                0 if low > 0.0 => low * (high / low).powf(rng.unit()),
                1 => low.max(-3.0) + (high.min(3.0 + low.max(-3.0)) - low.max(-3.0)) * rng.unit(),
                _ => low + (high - low) * rng.unit(),
            }
        })
        .collect()
}

fn operands(op: Op, x: &[f64], mask: bool) -> Vec<Operand> {
    let mut x = x.iter();
    op.operands()
        .iter()
        .map(|dtype| match dtype {
            DType::Float | DType::Index => Value::Num(*x.next().unwrap()),
            DType::Mask => Value::Mask(mask),
        })
        .collect()
}

pub fn numbers(args: &[Operand]) -> Vec<f64> {
    let number = |arg: &Operand| match *arg {
        Value::Num(v) => v,
        Value::Mask(b) => b as u8 as f64,
    };
    args.iter().map(number).collect()
}

#[test]
fn values_match_the_references() {
    for op in operations() {
        if matches!(op, Op::And | Op::Or | Op::Not) {
            continue;
        }
        let mut rng = Rng((op.parameter().unwrap_or(0) + 77) as u64);
        let mut worst = (0.0, vec![]);
        for round in 0..120 {
            let args = operands(op, &sample(op, domain(op), &mut rng), round % 2 == 0);
            let x = numbers(&args);
            let exact = small(&reference(op, &x.iter().map(|&v| big(v)).collect::<Vec<_>>()));
            let got = numbers(&[op.apply(&args)])[0];
            if got == exact {
                continue;
            }
            // Half an ulp is the reference's own rounding.
            let error = (got - exact).abs() / exact.abs().max(f64::MIN_POSITIVE) / f64::EPSILON;
            assert!(error <= tolerance(op), "{op:?} {x:?}: {got:e} for {exact:e}, {error:.1} ulps");
            if error > worst.0 {
                worst = (error, x);
            }
        }
        println!("{op:?}: at most {:.2} ulps, at {:?}", worst.0, worst.1);
    }
}

#[test]
fn the_normal_distribution_to_the_ends() {
    assert_eq!([f64::NEG_INFINITY, -1e300, -40.0, 9.0, 1e300, f64::INFINITY].map(Real::norm_cdf), [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!([f32::NEG_INFINITY, -1e38, -15.0, 6.0, f32::INFINITY].map(Real::norm_cdf), [0.0, 0.0, 0.0, 1.0, 1.0]);
    assert!(Real::norm_cdf(f64::NAN).is_nan() && Real::norm_cdf(f32::NAN).is_nan());
    for k in 0..260 {
        let x = -0.05 * k as f32;
        let (narrow, wide) = (Real::norm_cdf(x) as f64, Real::norm_cdf(x as f64));
        assert!((narrow / wide - 1.0).abs() < 4.0 * f32::EPSILON as f64, "{x}: {narrow} for {wide}");
    }
}

/// Values from M. Abramowitz and I. Stegun, Handbook of Mathematical Functions (1964), and F. Olver et al., NIST Digital Library.
#[test]
fn published_values() {
    let close = |got: f64, published: f64| assert!((got - published).abs() <= 2e-14 * published.abs(), "{got} for {published}");
    close(Real::erf(0.5), 0.5204998778130465);
    close(Real::erf(1.0), 0.8427007929497149);
    close(Real::erfc(2.0), 0.004677734981047266);
    close(Real::lgamma(0.5), 0.5723649429247001);
    close(Real::lgamma(10.0), 12.801827480081469);
    close(Real::digamma(1.0), -0.5772156649015329);
    close(Real::digamma(0.5), -1.9635100260214235);
    close(Real::polygamma(1.0, 1), std::f64::consts::PI.powi(2) / 6.0);
    close(Real::polygamma(1.0, 2), -2.4041138063191886);
    close(Real::polygamma(1.0, 3), std::f64::consts::PI.powi(4) / 15.0);
    close(Real::norm_cdf(0.0), 0.5);
    close(Real::norm_cdf(1.96), 0.9750021048517795);
    close(Real::norm_cdf(-3.0), 0.0013498980316300946);
    // Γ(−½) = −2√π
    close(Real::lgamma(-0.5), (2.0 * std::f64::consts::PI.sqrt()).ln());
    close(Real::digamma(-0.5), 0.03648997397857652);
}

/// Comparisons and masks, by their truth tables; NaN is unordered.
#[test]
fn comparisons_and_masks() {
    let ordered = [(1.0, 2.0), (2.0, 1.0), (1.0, 1.0), (0.0, -0.0), (f64::NAN, 1.0), (1.0, f64::NAN), (f64::INFINITY, f64::MAX)];
    for (x, y) in ordered {
        let expected = [x < y, x <= y, x > y, x >= y, x == y, x != y];
        for (op, expected) in [Op::Lt, Op::Le, Op::Gt, Op::Ge, Op::Eq, Op::Ne].into_iter().zip(expected) {
            let Value::Mask(got) = op.apply::<f64>(&[Value::Num(x), Value::Num(y)]) else { panic!("{op:?} gives a mask") };
            assert_eq!(got, expected, "{op:?} {x} {y}");
        }
    }
    for (p, q) in [(false, false), (false, true), (true, false), (true, true)] {
        let of = |op: Op, args: &[Operand]| numbers(&[op.apply(args)])[0] == 1.0;
        assert_eq!(of(Op::And, &[Value::Mask(p), Value::Mask(q)]), p && q);
        assert_eq!(of(Op::Or, &[Value::Mask(p), Value::Mask(q)]), p || q);
        assert_eq!(of(Op::Not, &[Value::Mask(p)]), !p);
    }
}

/// The edges of an operation, by the table or by someone who meddles with it.
type Edges<'a> = &'a dyn Fn(Op, &[Operand], Operand) -> [EdgeMap<f64>; 3];

/// The operands of `op` whose partials are not the derivatives of its value.
fn wrong_partials(op: Op, edges: Edges) -> Vec<usize> {
    let mut wrong = Vec::new();
    let mut rng = Rng((op.parameter().unwrap_or(0) + 50) as u64);
    for round in 0..24 {
        let args = operands(op, &sample(op, steep(op), &mut rng), round % 2 == 0);
        let x = numbers(&args);
        let z = op.apply(&args);
        let maps = edges(op, &args, z);
        for (k, dtype) in op.operands().iter().enumerate() {
            let flows = !matches!(maps[k], EdgeMap::Zero);
            if *dtype == DType::Mask || op.result() == DType::Mask {
                // Nothing may flow to or from a mask.
                if flows {
                    wrong.push(k);
                }
                continue;
            }
            let exact = reference_partial(op, &x, k);
            let got = maps[k].partial();
            if got != exact && (got - exact).abs() > 1e-11 * exact.abs() {
                wrong.push(k);
            }
        }
    }
    wrong.sort_unstable();
    wrong.dedup();
    wrong
}

fn table(op: Op, args: &[Operand], z: Operand) -> [EdgeMap<f64>; 3] {
    op.edges(args, z)
}

#[test]
fn partials_match_differences() {
    for op in operations() {
        assert_eq!(wrong_partials(op, &table), [0usize; 0], "{op:?}");
    }
}

/// Whether a partial is 1, or is 0, everywhere: then one of the perturbations changes nothing.
fn constant_partial(op: Op, k: usize) -> Option<f64> {
    use Op::*;
    match (op, k) {
        (Add, _) | (Sub | Rem | Fract, 0) | (MulAdd, 2) | (Powi(1), 0) => Some(1.0),
        (Detach | Signum | Floor | Ceil | Round | Trunc | Powi(0), 0) | (Copysign, 1) | (Select, 0) => Some(0.0),
        _ if op.result() == DType::Mask => Some(0.0),
        _ => None,
    }
}

/// Every partial of the table is perturbed in turn, and the checker above must notice each perturbation, and where it is.
#[test]
fn every_perturbed_partial_is_noticed() {
    type Perturb = fn(EdgeMap<f64>) -> EdgeMap<f64>;
    let perturbations: [(&str, Perturb); 6] = [
        ("scaled by 1.001", |edge| scaled(edge, 1.001)),
        ("scaled by 1 + 1e-9", |edge| scaled(edge, 1.0 + 1e-9)),
        ("of the other sign", |edge| scaled(edge, -1.0)),
        ("dropped", |_| EdgeMap::Zero),
        ("replaced by 1", |_| EdgeMap::Id),
        ("replaced by a constant", |_| EdgeMap::Scale(0.7)),
    ];
    let mut noticed = 0;
    for op in operations() {
        for at in 0..op.arity() {
            for (name, perturb) in perturbations {
                let same = match constant_partial(op, at) {
                    Some(1.0) => name == "replaced by 1",
                    Some(_) => !name.starts_with("replaced"),
                    None => false,
                };
                if same {
                    continue;
                }
                let perturbed = |op: Op, args: &[Operand], z: Operand| {
                    let mut edges = op.edges(args, z);
                    edges[at] = perturb(edges[at]);
                    edges
                };
                assert_eq!(wrong_partials(op, &perturbed), [at], "{op:?}: partial {at} {name}");
                noticed += 1;
            }
        }
    }
    println!("{noticed} perturbed partials, all noticed");
    assert!(noticed > 400);
}

fn scaled(edge: EdgeMap<f64>, by: f64) -> EdgeMap<f64> {
    match edge {
        EdgeMap::Zero => EdgeMap::Zero,
        edge => EdgeMap::Scale(edge.partial() * by),
    }
}

/// f and its gradient at a point, which must be the same by duals, forward and in reverse.
#[track_caller]
fn gradient<const N: usize>(f: impl Fn([wengert::Expr; N]) -> wengert::Expr, x: [f64; N]) -> (f64, [f64; N]) {
    let names: Vec<String> = (0..N).map(|k| format!("x{k}")).collect();
    let traced = Function::trace(names, |x: Vec<wengert::Expr>| f(x.try_into().unwrap())).unwrap();
    let reverse = traced.value_and_grad().unwrap();
    let forward = traced.jacobian_in(Mode::Forward).unwrap().eval(&x).unwrap();
    let y = reverse.eval(&x).unwrap();
    let native = flat(&reverse.compile().unwrap(), &x).unwrap();
    let mut gradient = [0.0; N];
    for k in 0..N {
        let seed: [f64; N] = std::array::from_fn(|j| (j == k) as u8 as f64);
        let duals: Vec<wengert::Dual<f64>> = x.iter().zip(seed).map(|(&x, t)| wengert::Dual::new(x, t)).collect();
        let dual = traced.eval(&duals).unwrap()[0].eps();
        gradient[k] = y[1 + k];
        for (mode, other) in [("forward", forward[k]), ("duals", dual), ("native", native[1 + k])] {
            let same = gradient[k] == other || gradient[k].is_nan() && other.is_nan();
            // A dual of tangent 0 meets every partial, an infinite one too, and 0·∞ is NaN.
            let met = mode == "duals" && N > 1 && dual.is_nan();
            assert!(same || met, "x{k}: reverse {}, {mode} {other}", gradient[k]);
        }
    }
    (y[0], gradient)
}

const INF: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

#[test]
fn powers_at_their_edges() {
    // ∂(xʸ)/∂x at 0: 0 for y > 1, 1 for y = 1, ∞ below, 0 for y = 0; ∂/∂y is 0.
    for (y, value, dx) in [(2.0, 0.0, 0.0), (1.0, 0.0, 1.0), (0.5, 0.0, INF), (0.0, 1.0, 0.0), (3.5, 0.0, 0.0)] {
        assert_eq!(gradient(|[x, y]| x.powf(y), [0.0, y]), (value, [dx, 0.0]), "0^{y}");
    }
    // A negative base with an integral constant exponent.
    for n in -5i32..=5 {
        let (value, [dx]) = gradient(|[x]| x.powf(n as f64), [-2.0]);
        assert_eq!((value, dx), ((-2.0f64).powi(n), n as f64 * (-2.0f64).powi(n - 1)), "(−2)^{n}");
        let (value, [dx]) = gradient(|[x]| x.powi(n), [-2.0]);
        assert_eq!((value, dx), ((-2.0f64).powi(n), n as f64 * (-2.0f64).powi(n - 1)), "(−2)^{n}");
    }
    assert!(gradient(|[x]| x.powf(0.5), [-2.0]).0.is_nan());
    // The exponent of a negative base has no derivative; the base has one all the same.
    let f = Function::trace(["x", "y"], |[x, y]| x.powf(y)).unwrap();
    let [z, dx, dy] = f.value_and_grad().unwrap().compile().unwrap().call([-2.0, 3.0]).unwrap();
    assert!(z == -8.0 && dx == 12.0 && f64::is_nan(dy));
    assert_eq!(f.jvp().unwrap().eval(&[-2.0, 3.0, 1.0, 0.0]).unwrap(), [-8.0, 12.0]);
    assert_eq!(gradient(|[x]| x.powi(0), [0.0]), (1.0, [0.0]));
    assert_eq!(gradient(|[x]| x.powi(1), [0.0]), (0.0, [1.0]));
    assert_eq!(gradient(|[x]| x.powi(2), [0.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.sqrt(), [0.0]), (0.0, [INF]));
    assert_eq!(gradient(|[x]| x.cbrt(), [0.0]), (0.0, [INF]));
}

#[test]
fn products_with_zero_and_infinity() {
    assert_eq!(gradient(|[x, y]| x * y, [0.0, 5.0]), (0.0, [5.0, 0.0]));
    let (z, [dx, dy]) = gradient(|[x, y]| x * y, [0.0, INF]);
    assert!(z.is_nan() && dx == INF && dy == 0.0);
    // No silent zero: x·0 keeps the NaN of x.
    let f = Function::trace("x", |x| x * 0.0).unwrap().compile().unwrap();
    assert!([NAN, INF].into_iter().all(|x| f.call::<f64, 1>([x]).unwrap()[0].is_nan()));
    assert_eq!(gradient(|[x]| x * 0.0, [3.0]), (0.0, [0.0]));
}

#[test]
fn kinks_have_the_documented_derivative() {
    assert_eq!(gradient(|[x]| x.relu(), [0.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.relu(), [-0.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.abs(), [0.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.abs(), [-0.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x, a]| x.leaky_relu(a), [0.0, 0.1]), (0.0, [0.1, 0.0]));
    assert_eq!(gradient(|[x, a]| x.leaky_relu(a), [-2.0, 0.1]), (-0.2, [0.1, -2.0]));
    // NaN is not above 0: both partials are those of α·x.
    let (_, [dx, da]) = gradient(|[x, a]| x.leaky_relu(a), [NAN, 0.1]);
    assert!(dx == 0.1 && da.is_nan());
    assert_eq!(gradient(|[x, y]| x.min(y), [2.0, 2.0]), (2.0, [0.5, 0.5]));
    assert_eq!(gradient(|[x, y]| x.max(y), [2.0, 2.0]), (2.0, [0.5, 0.5]));
    assert_eq!(gradient(|[x, y]| x.max(y), [3.0, 2.0]), (3.0, [1.0, 0.0]));
    assert_eq!(gradient(|[x, y]| x.max(y), [NAN, 2.0]), (2.0, [0.0, 1.0]));
    assert_eq!(gradient(|[x, y]| x.max(y), [2.0, NAN]), (2.0, [1.0, 0.0]));
    assert_eq!(gradient(|[x, y]| x.min(y), [NAN, 2.0]), (2.0, [0.0, 1.0]));
    assert_eq!(gradient(|[x, lo, hi]| x.clamp(lo, hi), [1.0, 1.0, 2.0]), (1.0, [1.0, 0.0, 0.0]));
    assert_eq!(gradient(|[x, lo, hi]| x.clamp(lo, hi), [2.0, 1.0, 2.0]), (2.0, [1.0, 0.0, 0.0]));
    assert_eq!(gradient(|[x, lo, hi]| x.clamp(lo, hi), [0.5, 1.0, 2.0]), (1.0, [0.0, 1.0, 0.0]));
    assert_eq!(gradient(|[x, lo, hi]| x.clamp(lo, hi), [2.5, 1.0, 2.0]), (2.0, [0.0, 0.0, 1.0]));
    assert_eq!(gradient(|[x, y]| x.hypot(y), [0.0, 0.0]), (0.0, [0.0, 0.0]));
    assert_eq!(gradient(|[y, x]| y.atan2(x), [0.0, 0.0]), (0.0, [0.0, 0.0]));
    // On a large scale there is no overflow on the way.
    let (z, [dx, dy]) = gradient(|[x, y]| x.hypot(y), [3e200, 4e200]);
    assert!((z / 5e200 - 1.0).abs() < 1e-15 && (dx - 0.6).abs() < 1e-15 && (dy - 0.8).abs() < 1e-15);
    let (_, [dy, dx]) = gradient(|[y, x]| y.atan2(x), [4e200, 3e200]);
    assert!((dy * 5e200 - 0.6).abs() < 1e-15 && (dx * 5e200 + 0.8).abs() < 1e-15);
}

/// A branch not taken does not reach the derivative, whatever it is.
#[test]
fn select_does_not_leak() {
    let guarded = |[x]: [wengert::Expr; 1]| select(x.gt(0.0), x.ln(), x * 2.0);
    assert_eq!(gradient(guarded, [-1.0]), (-2.0, [2.0]));
    assert_eq!(gradient(guarded, [0.0]), (0.0, [2.0]));
    let root = |[x]: [wengert::Expr; 1]| select(x.gt(0.0), x.sqrt(), 0.0);
    assert_eq!(gradient(root, [0.0]), (0.0, [0.0]));
    assert_eq!(gradient(root, [-4.0]), (0.0, [0.0]));
    assert_eq!(gradient(root, [4.0]), (2.0, [0.25]));
    // Through several operations, and shared with a branch that is taken.
    let deep = |[x]: [wengert::Expr; 1]| {
        let s = x.sqrt();
        select(x.gt(0.0), (s * s + s).ln() / s, s + 1.0)
    };
    assert_eq!(gradient(deep, [0.0]), (1.0, [INF]));
    let sinc = |[x]: [wengert::Expr; 1]| select(x.eq(0.0), 1.0, x.sin() / x);
    assert_eq!(gradient(sinc, [0.0]), (1.0, [0.0]));
    let second = Function::trace("x", |x| sinc([x])).unwrap().hessian().unwrap();
    assert_eq!(second.eval(&[0.0]).unwrap(), [0.0]);
}

#[test]
fn xlogy_and_log_add_exp_at_their_edges() {
    assert_eq!(gradient(|[x, y]| x.xlogy(y), [0.0, 2.0]), (0.0, [2f64.ln(), 0.0]));
    assert_eq!(gradient(|[x]| x.xlogy(0.0), [0.0]).0, 0.0);
    assert_eq!(gradient(|[y]| lit::<wengert::Expr>(0.0).xlogy(y), [0.0]), (0.0, [0.0]));
    let (z, [_, dy]) = gradient(|[x, y]| x.xlogy(y), [0.0, 0.0]);
    assert_eq!((z, dy), (0.0, 0.0));

    assert_eq!(gradient(|[x, y]| x.log_add_exp(y), [INF, INF]), (INF, [0.5, 0.5]));
    assert_eq!(gradient(|[x, y]| x.log_add_exp(y), [-INF, -INF]), (-INF, [0.5, 0.5]));
    assert_eq!(gradient(|[x, y]| x.log_add_exp(y), [-INF, 3.0]), (3.0, [0.0, 1.0]));
    assert_eq!(gradient(|[x, y]| x.log_add_exp(y), [INF, 3.0]), (INF, [1.0, 0.0]));
    assert_eq!(gradient(|[x, y]| x.log_add_exp(y), [1000.0, 1000.0]), (1000.0 + 2f64.ln(), [0.5, 0.5]));
}

/// A derivative that is 0 here but not next to here still counts in the second derivative.
#[test]
fn zero_tangents_have_derivatives() {
    // ∂²(a·xlogy(x, y))/∂a∂x = ln y, also at a = 0.
    let f = Function::trace(["a", "x"], |[a, x]| a * x.xlogy(3.0)).unwrap();
    let h = f.hessian().unwrap().eval(&[0.0, 2.0]).unwrap();
    assert_eq!(h, [0.0, 3f64.ln(), 3f64.ln(), 0.0]);
    // ∂²(x ln y)/∂x∂y = 1/y at x = 0, and ∂²(xʸ)/∂x∂y = 1/x at y = 0: in both orders.
    let f = Function::trace(["x", "y"], |[x, y]| x.xlogy(y)).unwrap();
    assert_eq!(f.hessian().unwrap().eval(&[0.0, 4.0]).unwrap(), [0.0, 0.25, 0.25, 0.0]);
    let f = Function::trace(["x", "y"], |[x, y]| x.powf(y)).unwrap();
    assert_eq!(f.hessian().unwrap().eval(&[4.0, 0.0]).unwrap(), [0.0, 0.25, 0.25, 4f64.ln().powi(2)]);
    // d²(u² ln 3)/du² = 2 ln 3, also at u = 0, by nested duals.
    let xlogy = |u: wengert::Dual<wengert::Dual<f64>>| (u * u).xlogy(3.0);
    let (_, d) = dual::derivative(|u| dual::derivative(xlogy, u).1, 0.0);
    assert_eq!(d, 2.0 * 3f64.ln());
    // The same through the exponent: 3^(u²).
    let power = |u: wengert::Dual<wengert::Dual<f64>>| lit::<wengert::Dual<wengert::Dual<f64>>>(3.0).powf(u * u);
    let (_, d) = dual::derivative(|u| dual::derivative(power, u).1, 0.0);
    assert_eq!(d, 2.0 * 3f64.ln());
}

#[test]
fn sigmoid_softplus_tanh() {
    assert_eq!(gradient(|[x]| x.sigmoid(), [1000.0]), (1.0, [0.0]));
    assert_eq!(gradient(|[x]| x.sigmoid(), [-1000.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.softplus(), [1000.0]), (1000.0, [1.0]));
    assert_eq!(gradient(|[x]| x.softplus(), [-1000.0]), (0.0, [0.0]));
    assert_eq!(gradient(|[x]| x.sigmoid(), [0.0]), (0.5, [0.25]));
    assert_eq!(gradient(|[x]| x.tanh(), [0.0]), (0.0, [1.0]));
    for k in -4000..=4000 {
        let x = k as f64 * 0.01;
        let (y, dy) = dual::derivative(|x| x.sigmoid(), x);
        assert!(dy <= 0.25 && (0.0..=1.0).contains(&y));
        assert!((x.tanh() + 1.0 - 2.0 * Real::sigmoid(2.0 * x)).abs() <= 4.0 * f64::EPSILON, "{x}");
    }
}

//! What a reader gets has the value of the function, but for rounding.

mod plain;

use super::number::Number;
use super::reading::Reading;
use super::terms::{Term, Terms};
use crate::graph::Function;
use crate::op::Value;
use proptest::prelude::*;

/// The values of all expressions at a point.
fn values(terms: &Terms, x: &[f64]) -> Vec<Value<f64, bool>> {
    let mut all: Vec<Value<f64, bool>> = vec![];
    for k in 0..terms.len() {
        let at = |id: super::terms::Id| all[id.0 as usize];
        let value = match terms.get(super::terms::Id(k as u32)) {
            Term::Number(n) => Value::Num(n.value()),
            Term::Flag(b) => Value::Mask(*b),
            Term::Pi => Value::Num(std::f64::consts::PI),
            Term::E => Value::Num(std::f64::consts::E),
            Term::Input(slot) => Value::Num(x[*slot as usize]),
            Term::Sum(parts) => Value::Num(parts.iter().map(|(c, id)| c.value() * at(*id).num()).sum()),
            Term::Product(c, factors) => {
                let power = |(base, exponent): &(super::terms::Id, super::terms::Id)| match terms.value(*exponent) {
                    Some(Number::Ratio(1, 3)) => at(*base).num().cbrt(),
                    _ => at(*base).num().powf(at(*exponent).num()),
                };
                Value::Num(c.value() * factors.iter().map(power).product::<f64>())
            }
            Term::Call(op, args) => {
                let args: Vec<_> = args.iter().map(|id| at(*id)).collect();
                op.apply::<f64>(&args)
            }
        };
        all.push(value);
    }
    all
}

/// Functions of positive numbers in which each operation has a value, and is far from a point where it jumps.
fn program() -> impl Strategy<Value = (Vec<(u8, u8, u8)>, Vec<f64>)> {
    (prop::collection::vec(any::<(u8, u8, u8)>(), 1..10), prop::collection::vec(0.3..1.7f64, 3))
}

fn traced(picks: &[(u8, u8, u8)]) -> Function {
    use crate::graph::Expr;
    let f = Function::trace(["a", "b", "c"], |[a, b, c]| {
        let mut all: Vec<Expr> = vec![a, b, c];
        for &(op, i, j) in picks {
            let (x, y) = (all[i as usize % all.len()], all[j as usize % all.len()]);
            let size = x * x + 0.5;
            all.push(match op % 24 {
                0 => x + y,
                1 => x - y,
                2 => x * y,
                3 => x / size,
                4 => -x,
                5 => x * 2.0 - y * 0.75,
                6 => x.powi(3),
                7 => size.powi(-2),
                8 => size.sqrt(),
                9 => size.powf(x.sin()),
                10 => size.ln(),
                11 => x.tanh().exp(),
                12 => (x.sin() - 1.5).exp2() * x.cos(),
                13 => x.hypot(size),
                14 => x.atan(),
                15 => size.recip() * size,
                16 => x.tanh().asin() - y.sigmoid(),
                17 => x.erf() + y.norm_cdf(),
                18 => x.abs() + 1.0 / 3.0,
                19 => size.cbrt() * std::f64::consts::PI,
                20 => size.log2().atan2(size),
                21 => crate::select(x.gt(y), x, y),
                22 => x.softplus() + y.tanh().exp_m1(),
                _ => size.xlogy(size) / size.log(size + 2.0),
            });
        }
        all[all.len() - 1]
    });
    f.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_simplified_for_a_reader_has_the_same_value((picks, x) in program()) {
        let f = traced(&picks);
        for g in [f.clone(), f.value_and_grad().unwrap(), f.hessian().unwrap()] {
            let g = super::immaterial::without(&g).unwrap();
            let reading = Reading::new(&g).unwrap();
            let all = values(&reading.terms, &x);
            for (id, wanted) in g.output_nodes().zip(g.eval(&x).unwrap()) {
                let got = all[reading.of(id).0 as usize].num();
                let close = (got - wanted).abs() <= 1e-6 * (1.0 + wanted.abs());
                prop_assert!(close || wanted.abs() > 1e8 || !wanted.is_finite(), "{got:e}, not {wanted:e}, of {}", g.to_pretty().unwrap());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn brackets_of_plain_text_stand_where_a_reader_needs_them((picks, x) in program()) {
        let f = traced(&picks);
        for g in [f.clone(), f.wrt(["a"]).unwrap().grad().unwrap(), f.wrt(["b"]).unwrap().grad().unwrap().grad().unwrap()] {
            let (text, wanted) = (g.to_pretty().unwrap(), g.eval(&x).unwrap()[0]);
            let right = text.split_once(" = ").filter(|(name, _)| name.starts_with("d_")).map_or(text.as_str(), |(_, right)| right);
            let got = plain::value(right, &x);
            let close = (got - wanted).abs() <= 1e-6 * (1.0 + wanted.abs());
            prop_assert!(close || wanted.abs() > 1e8 || !wanted.is_finite(), "{got:e}, not {wanted:e}, of {text}");
        }
    }
}

#[test]
fn numbers_are_what_a_person_means() {
    let of = |v| match Number::of(v, crate::base::Width::F64) {
        Number::Ratio(p, q) => format!("{p}/{q}"),
        Number::Float(v) => format!("{v}"),
    };
    assert_eq!([of(2.0), of(-0.0), of(0.5), of(0.1), of(1.0 / 3.0), of(2.0 / 7.0)], ["2/1", "0/1", "1/2", "0.1", "1/3", "2/7"]);
    assert_eq!(
        [of(f64::INFINITY), of(1e300), of(0.123456789)],
        [f64::INFINITY.to_string(), 1e300.to_string(), "0.123456789".into()]
    );
}

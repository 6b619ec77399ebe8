//! Every rewrite rule holds as far as its licence says: both sides, evaluated on many floats.

use crate::common::{Rng, SPECIAL, same, same32};
use std::collections::BTreeMap;
use wengert::op::{Op, Value};
use wengert::simplify::{Licence, Rewrite, Simplify};
use wengert::{Expr, Function, Options, Real, Scalar, Width, lit};

/// One side of a rule.
#[derive(Debug)]
enum Side {
    Variable(String),
    Number(f64),
    Flag(bool),
    Apply(Op, Vec<Side>),
}

impl Side {
    fn parse(text: &str) -> Side {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut tokens = spaced.split_whitespace();
        let side = Side::from_tokens(&mut tokens);
        assert_eq!(tokens.next(), None, "`{text}` goes on after its end");
        side
    }

    fn from_tokens<'a>(tokens: &mut impl Iterator<Item = &'a str>) -> Side {
        match tokens.next().expect("a term") {
            "(" => {
                let op = Op::parse(tokens.next().unwrap(), None).expect("an operation");
                let args = (0..op.arity()).map(|_| Side::from_tokens(tokens)).collect();
                assert_eq!(tokens.next(), Some(")"));
                Side::Apply(op, args)
            }
            "true" => Side::Flag(true),
            "false" => Side::Flag(false),
            token => token.parse().map_or_else(|_| Side::Variable(token.into()), Side::Number),
        }
    }

    fn variables(&self, all: &mut Vec<String>) {
        match self {
            Side::Variable(name) if !all.contains(name) => all.push(name.clone()),
            Side::Apply(_, args) => args.iter().for_each(|arg| arg.variables(all)),
            _ => {}
        }
    }

    fn eval<T: Real>(&self, bound: &BTreeMap<String, Value<T, T::Mask>>, seen: &mut impl FnMut(T)) -> Value<T, T::Mask> {
        match self {
            Side::Variable(name) => bound[name],
            Side::Number(v) => Value::Num(lit(*v)),
            Side::Flag(b) => Value::Mask(lit::<T>(*b as u8 as f64).ne(lit(0.0))),
            Side::Apply(op, args) => {
                let args: Vec<_> = args.iter().map(|arg| arg.eval(bound, seen)).collect();
                let z = op.apply(&args);
                for v in args.iter().chain([&z]) {
                    if let Value::Num(v) = v {
                        seen(*v);
                    }
                }
                z
            }
        }
    }
}

fn is_mask(name: &str) -> bool {
    name == "m" || name == "n"
}

fn fits(licence: Licence, v: f64) -> bool {
    match licence {
        Licence::Exact => true,
        Licence::Rounding => (1e-6..1e6).contains(&v.abs()),
        Licence::Real => (1e-6..1e6).contains(&v.abs()),
        Licence::Finite => v.is_finite() && v != 0.0,
    }
}

/// Both sides at one assignment; `None` where the licence says nothing.
fn holds<T: Scalar>(rule: &Rewrite, sides: &[Side; 2], bound: &BTreeMap<String, Value<T, bool>>) -> Option<bool> {
    let mut largest = 0.0f64;
    let mut ordinary = true;
    let [left, right] = [0, 1].map(|k| {
        sides[k].eval(bound, &mut |v: T| {
            ordinary &= v.to_f64().is_finite();
            largest = largest.max(v.to_f64().abs());
        })
    });
    let (left, right) = match (left, right) {
        (Value::Mask(a), Value::Mask(b)) => return Some(a == b),
        (Value::Num(a), Value::Num(b)) => (a.to_f64(), b.to_f64()),
        _ => return Some(false),
    };
    let epsilon = if T::WIDTH == Width::F64 { f64::EPSILON } else { f32::EPSILON as f64 };
    match rule.licence {
        Licence::Exact => Some(same(left, right)),
        Licence::Finite => ordinary.then_some(left == right),
        Licence::Rounding | Licence::Real => ordinary.then(|| (left - right).abs() <= 4.0 * epsilon * largest),
    }
}

fn rule_holds<T: Scalar>(rule: &Rewrite, rng: &mut Rng) {
    let sides = [rule.left, rule.right].map(Side::parse);
    let mut names = Vec::new();
    sides.iter().for_each(|side| side.variables(&mut names));
    let numbers = names.iter().filter(|name| !is_mask(name)).count();
    // Every combination of special values for up to two variables, random floats beside them.
    let pairs = if numbers <= 2 { SPECIAL.len().pow(numbers as u32) } else { 0 };
    let mut decided = 0;
    for round in 0..pairs + 4000 {
        let mut index = round;
        let mut bound = BTreeMap::new();
        let mut fitting = true;
        for name in &names {
            let value = if is_mask(name) {
                Value::Mask(rng.chance(0.5))
            } else if round < pairs {
                let v = SPECIAL[index % SPECIAL.len()];
                index /= SPECIAL.len();
                Value::Num(T::lit(v))
            } else {
                Value::Num(T::lit(if round % 2 == 0 { rng.any() } else { rng.ordinary() }))
            };
            if let Value::Num(v) = value {
                fitting &= fits(rule.licence, v.to_f64());
            }
            bound.insert(name.clone(), value);
        }
        if !fitting {
            continue;
        }
        match holds(rule, &sides, &bound) {
            Some(holds) => assert!(holds, "`{}`, {:?}, fails for {:?} in {}", rule.name, rule.licence, bound, T::WIDTH),
            None => continue,
        }
        decided += 1;
    }
    assert!(decided >= 1000, "`{}` was decided only {decided} times", rule.name);
}

#[test]
fn every_rule_holds_as_licensed() {
    for (k, rule) in Rewrite::ALL.iter().enumerate() {
        rule_holds::<f64>(rule, &mut Rng(k as u64));
        rule_holds::<f32>(rule, &mut Rng(k as u64 + 1000));
    }
}

#[test]
fn names_are_unique() {
    let names: std::collections::HashSet<_> = Rewrite::ALL.iter().map(|rule| rule.name).collect();
    assert_eq!(names.len(), Rewrite::ALL.len());
}

/// Where a rule is wrong outside its licence, the licence is not wider than need be: some float tells.
#[test]
fn no_licence_is_too_narrow() {
    for rule in Rewrite::ALL.iter().filter(|rule| rule.licence != Licence::Exact) {
        let sides = [rule.left, rule.right].map(Side::parse);
        let mut names = Vec::new();
        sides.iter().for_each(|side| side.variables(&mut names));
        let exact = Rewrite { licence: Licence::Exact, ..*rule };
        let mut rng = Rng(9);
        let told = (0..200_000).any(|_| {
            let bound = names.iter().map(|name| (name.clone(), Value::Num(rng.any()))).collect();
            holds::<f64>(&exact, &sides, &bound) == Some(false)
        });
        assert!(told, "`{}` seems to be exact", rule.name);
    }
}

fn left_side(rule: &Rewrite) -> Function {
    let side = Side::parse(rule.left);
    let mut names = Vec::new();
    side.variables(&mut names);
    Function::trace(names.clone(), |inputs: Vec<Expr>| {
        let bound = names.iter().zip(inputs).map(|(name, x)| {
            let value = match name.as_str() {
                "c" => Value::Num(lit(1.7)),
                "d" => Value::Num(lit(-0.3)),
                name if is_mask(name) => Value::Mask(x.gt(0.0)),
                _ => Value::Num(x),
            };
            (name.clone(), value)
        });
        match side.eval(&bound.collect(), &mut |_| {}) {
            Value::Num(y) => y,
            Value::Mask(m) => wengert::select(m, 1.0, 0.0),
        }
    })
    .unwrap()
}

fn operations(f: &Function) -> Vec<Op> {
    f.graph().ids().filter_map(|id| f.graph().node(id).op()).collect()
}

/// Where a rule's left side occurs, it is rewritten when its licence is given, and only then.
#[test]
fn every_rule_fires_when_allowed() {
    for rule in Rewrite::ALL {
        let f = left_side(rule);
        let (rounding, finite) = match rule.licence {
            Licence::Exact => (false, false),
            Licence::Rounding => (true, false),
            Licence::Finite => (false, true),
            Licence::Real => (true, true),
        };
        let allowed = f.simplify_with(Simplify::EXACT.rounding(rounding).finite(finite));
        assert_ne!(operations(&f), operations(&allowed), "`{}` did not fire", rule.name);
        assert!(operations(&allowed).len() <= operations(&f).len(), "`{}` adds operations", rule.name);
        if rule.licence != Licence::Exact {
            let others: &[(bool, bool)] = match rule.licence {
                Licence::Real => &[(false, false), (true, false), (false, true)],
                _ => &[(false, false), (!rounding, !finite)],
            };
            for others in others.iter().map(|&(rounding, finite)| Simplify::EXACT.rounding(rounding).finite(finite)) {
                let kept = f.simplify_with(others);
                assert_eq!(operations(&f), operations(&kept), "`{}` fired without its licence", rule.name);
            }
        }
    }
}

/// The rules that are code rather than text.
fn keeps_bits(f: &Function, rng: &mut Rng, what: &str) {
    let plain = Options::new().simplify(false).fuse(false).interpreted(true);
    let (before, after) = (f.compile_with(plain.clone()).unwrap(), f.simplify().compile_with(plain).unwrap());
    let any: Vec<f64> = (0..200).map(|_| rng.any()).collect();
    for x in SPECIAL.into_iter().chain(any) {
        if f.width() == Width::F64 {
            let ([a], [b]) = (before.call([x]).unwrap(), after.call([x]).unwrap());
            assert!(same(a, b), "{what} at {x:e}: {a:e} became {b:e}");
        } else {
            let x = x as f32;
            let ([a], [b]) = (before.call([x]).unwrap(), after.call([x]).unwrap());
            assert!(same32(a, b), "{what} at {x:e}: {a:e} became {b:e}");
        }
    }
}

#[test]
fn integer_powers_keep_every_bit() {
    for width in [Width::F64, Width::F32] {
        for n in (-40..=40).chain([100, -1000, i32::MAX, i32::MIN]) {
            let f = Function::trace_in(width, "x", |x| x.powi(n)).unwrap();
            keeps_bits(&f, &mut Rng(n as u64), &format!("x^{n} in {width}"));
        }
    }
}

#[test]
fn division_by_constants_keeps_every_bit() {
    for width in [Width::F64, Width::F32] {
        for k in -1074..=1023 {
            let c = if k < -1022 { f64::from_bits(1 << (k + 1074)) } else { 2f64.powi(k) };
            if width == Width::F32 && (c as f32 == 0.0 || (c as f32).is_infinite()) {
                continue;
            }
            for c in [c, -c] {
                let f = Function::trace_in(width, "x", |x| x / c).unwrap();
                keeps_bits(&f, &mut Rng(k as u64), &format!("x / 2^{k} in {width}"));
            }
        }
        for c in [0.0, -0.0, f64::INFINITY, f64::NAN, 3.0, 0.1, 1.5] {
            let f = Function::trace_in(width, "x", |x| x / c).unwrap();
            keeps_bits(&f, &mut Rng(1), &format!("x / {c} in {width}"));
        }
    }
}

/// Powers with an integral exponent may become products where rounding is allowed: few ulps.
#[test]
fn integral_exponents_become_products() {
    let mut rng = Rng(4);
    for n in -16..=16 {
        let f = Function::trace("x", |x| x.powf(n as f64)).unwrap();
        let g = f.simplify_with(Simplify::EXACT.rounding(true));
        assert!(!operations(&g).contains(&Op::Powf), "x^{n}");
        for _ in 0..200 {
            let x = rng.ordinary();
            let (a, b) = (f.eval(&[x]).unwrap()[0], g.eval(&[x]).unwrap()[0]);
            assert!((a - b).abs() <= 16.0 * f64::EPSILON * a.abs(), "{x}^{n}: {a:e} became {b:e}");
        }
        let special = SPECIAL.iter().all(|&x| {
            let (a, b) = (f.eval(&[x]).unwrap()[0], g.eval(&[x]).unwrap()[0]);
            same(a, b) || (a - b).abs() <= 16.0 * f64::EPSILON * a.abs()
        });
        assert!(special, "x^{n} at a special value");
    }
}

//! A zero behind a guard is no number: an infinite edge does not meet it. Nor does what a branch that is not taken computes.

use super::every::{Expected, body, every_mode, every_mode_f32, every_mode_of_arrays};
use wengert::check::{self, Body};
use wengert::diff::Mode;
use wengert::rules::{CustomRule, custom_rule};
use wengert::{Expr, Function, Real, cond, lit, scan, select};

fn expect<'a>(value: f64, gradient: &'a [f64], hessian: &'a [f64]) -> Expected<'a> {
    Expected { value, gradient, hessian: Some(hessian), relative: 1e-14 }
}

#[test]
fn a_root_behind_max() {
    every_mode(body!(|[x]| x * x.max(lit(0.0)).sqrt()), &[-1.0], &expect(0.0, &[0.0], &[0.0]));
    every_mode(body!(|[x]| x * x.max(lit(0.0)).sqrt()), &[4.0], &expect(8.0, &[3.0], &[0.375]));
    every_mode_f32(body!(|[x]| x * x.max(lit(0.0)).sqrt()), &[-1.0], &expect(0.0, &[0.0], &[0.0]));
}

#[test]
fn a_root_behind_clamp_beside_another_term() {
    let body = body!(|[x, y]| y * x.clamp(lit(0.0), lit(1.0)).sqrt() + y * y);
    every_mode(body, &[-1.0, 2.0], &expect(4.0, &[0.0, 4.0], &[0.0, 0.0, 0.0, 2.0]));
    every_mode_f32(body, &[-1.0, 2.0], &expect(4.0, &[0.0, 4.0], &[0.0, 0.0, 0.0, 2.0]));
}

/// `y·op(guard(x)) + y²`, where the guard holds x at a number at which the operation's slope is infinite.
#[derive(Copy, Clone)]
struct Product(&'static str, &'static str);

impl Body for Product {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        let &[x, y] = x else { panic!("it takes two numbers") };
        let (zero, one) = (lit::<T>(0.0), lit::<T>(1.0));
        let held = match self.0 {
            "max" => x.max(zero),
            "max, the other way" => zero.max(x),
            "relu" => x.relu(),
            "clamp" => x.clamp(zero, one),
            "min" => -((-x).min(zero)),
            "select" => select(x.gt(zero), x, zero),
            "select, the other way" => select(x.le(zero), zero, x),
            "abs" => (x + one).abs(),
            "hypot" => (x + one).hypot(x + one),
            "leaky relu" => x.leaky_relu(zero),
            "sum of two" => x.relu() + (x - one).max(zero) * lit(2.0),
            "product" => x.relu() * (y * y + one),
            "root of a sum" => (x.relu() + x.max(zero)) * lit(0.5),
            "nested" => select(x.lt(lit(5.0)), x.relu(), x).max(zero),
            other => panic!("{other}"),
        };
        let up = one - held;
        let result = match self.1 {
            "sqrt" => held.sqrt(),
            "cbrt" => held.cbrt(),
            "powf ½" => held.powf(lit(0.5)),
            "powf 1½" => held.powf(lit(1.5)),
            "asin" => up.asin(),
            "acos" => up.acos(),
            "acosh" => (one + held).acosh(),
            "hypot" => held.hypot(zero),
            "xlogy" => held.xlogy(held),
            "sqrt of sqrt" => held.sqrt().sqrt(),
            "root in a product" => held.sqrt() * held.cbrt() + (held * held).sqrt(),
            "exp of root" => held.sqrt().exp(),
            "by one and it" => one / (one + held.sqrt()),
            other => panic!("{other}"),
        };
        vec![y * result + y * y]
    }
}

const GUARDS: [&str; 14] = [
    "max",
    "max, the other way",
    "relu",
    "clamp",
    "min",
    "select",
    "select, the other way",
    "abs",
    "hypot",
    "leaky relu",
    "sum of two",
    "product",
    "root of a sum",
    "nested",
];
const OPERATIONS: [&str; 13] = [
    "sqrt",
    "cbrt",
    "powf ½",
    "powf 1½",
    "asin",
    "acos",
    "acosh",
    "hypot",
    "xlogy",
    "sqrt of sqrt",
    "root in a product",
    "exp of root",
    "by one and it",
];

#[test]
fn guards_before_singular_operations() {
    for (i, operation) in OPERATIONS.into_iter().enumerate() {
        // Every operation with the first guard, every guard with the first operation, and a quarter of the rest.
        for (_, guard) in GUARDS.into_iter().enumerate().filter(|(j, _)| i == 0 || *j == 0 || (i + j) % 4 == 0) {
            println!("{operation} of {guard}");
            let body = Product(guard, operation);
            // What the operation is at 0, which every guard holds.
            let value = match operation {
                "asin" => std::f64::consts::FRAC_PI_2,
                "exp of root" | "by one and it" => 1.0,
                _ => 0.0,
            };
            let y = 2.0;
            every_mode(body, &[-1.0, y], &expect(y * value + y * y, &[0.0, value + 2.0 * y], &[0.0, 0.0, 0.0, 2.0]));
        }
    }
}

#[test]
fn one_element_behind_a_guard_does_not_spoil_another() {
    let of = |f: fn(Expr) -> Expr| Function::trace(["x[2]"], move |[x]| f(x)).unwrap();
    let third = &expect(8.0, &[0.0, 3.0], &[0.0, 0.0, 0.0, 0.375]);
    every_mode_of_arrays(&of(|x| (x * x.relu().sqrt()).sum(..)), &[-1.0, 4.0], third);
    every_mode_of_arrays(&of(|x| (x * x.max(0.0).reshape([2, 1]).sqrt().reshape([2])).sum(..)), &[-1.0, 4.0], third);
    every_mode_of_arrays(&of(|x| (x * x.clamp(0.0, 9.0).broadcast_to([3, 2]).sqrt().at(0, 1)).sum(..)), &[-1.0, 4.0], third);
    // What is cut away, and what is put beside, is constant.
    let root = &expect(2.0, &[0.0, 0.25], &[0.0, 0.0, 0.0, -1.0 / 32.0]);
    every_mode_of_arrays(&of(|x| x.relu().sqrt().slice(0, 1..2).sum(..)), &[-1.0, 4.0], root);
    every_mode_of_arrays(
        &of(|x| Expr::concat(&[x.at(0, 1).reshape([1]), Expr::full(0.0, [2])], 0).sqrt().sum(..)),
        &[-1.0, 4.0],
        root,
    );
    every_mode_of_arrays(&of(|x| x.slice(0, 1..2).pad(0, 1, 2).sqrt().sum(..)), &[-1.0, 4.0], root);
}

#[test]
fn sums_of_guards_are_guards() {
    let none = &expect(0.0, &[0.0, 0.0], &[0.0; 4]);
    let at = [-1.0, -2.0];
    let of = |f: fn(Expr) -> Expr| Function::trace(["x[2]"], move |[x]| f(x)).unwrap();
    every_mode_of_arrays(&of(|x| x.relu().sum(..).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| x.max(0.0).reshape([1, 2]).matmul(Expr::full(1.0, [2, 3])).cbrt().sum(..)), &at, none);
    every_mode_of_arrays(&of(|x| Expr::concat(&[x, Expr::full(0.0, [1])], 0).max_of(..).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| x.relu().cumsum(0).powf(0.5).sum(..)), &at, none);
    every_mode_of_arrays(&of(|x| (x.relu() * x).sum(..).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| x.clamp(0.0, 1.0).norm().sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| x.relu().prod(0).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| x.relu().gather(x.argmax(0), 0).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| cond(x.sum(..).gt(0.0), || x.sum(..), || 0.0 * x.sum(..).detach()).sqrt()), &at, none);
    every_mode_of_arrays(&of(|x| scan(0.0, x.relu(), |c: Expr, x| (c + x, c)).0.sqrt()), &at, none);
}

#[test]
fn branches_not_taken_hold_array_operations() {
    let inner: &[(&str, fn(Expr, Expr) -> Expr)] = &[
        ("sum", |x, d| (x / d).sum(..)),
        ("reshape", |x, d| (x / d).reshape([2, 1]).sqrt().sum(..)),
        ("slice", |x, d| (x / d).slice(0, 0..1).sum(..)),
        ("at", |x, d| (x / d).at(0, 1)),
        ("pad", |x, d| (x / d).pad(0, 1, 1).ln().sum(..)),
        ("concat", |x, d| Expr::concat(&[x / d, x], 0).sum(..)),
        ("broadcast", |x, d| (x / d).broadcast_to([3, 2]).sqrt().sum(..)),
        ("permute", |x, d| (x / d).broadcast_to([3, 2]).permute([1, 0]).sum(..)),
        ("matmul", |x, d| (x / d).reshape([1, 2]).matmul(x.reshape([2, 1])).sum(..)),
        ("dot", |x, d| (x / d).dot(x / d)),
        ("max_of", |x, d| (x / d).max_of(..)),
        ("prod", |x, d| (x / d).prod(0)),
        ("cumsum", |x, d| (x / d).cumsum(0).ln().sum(..)),
        ("norm", |x, d| (x / d).norm()),
        ("log_sum_exp", |x, d| (x / d).log_sum_exp(..)),
        ("softmax", |x, d| (x / d).softmax(0).at(0, 0)),
        ("gather", |x, d| (x / d).gather(x.argmax(0), 0).sqrt()),
        ("log_det", |x, d| (x / d).diag_matrix().log_det()),
        ("inverse", |x, d| (x / d).diag_matrix().inverse().sum(..)),
        ("solve", |x, d| (x + 1.0).diag_matrix().solve((x / d).reshape([2, 1])).sum(..)),
        ("cholesky", |x, d| (x / d).diag_matrix().cholesky().sum(..)),
        ("scan", |x, d| scan(0.0, x / d, |c: Expr, x| ((c + x).sqrt(), c)).0),
        ("cond", |x, d| cond(x.at(0, 0).ge(0.0), || (x / d).sum(..), || (x * d).sum(..))),
        ("mean", |x, d| (x.ln() * d.recip()).mean(..)),
    ];
    for &(name, inner) in inner {
        println!("{name}");
        let f = Function::trace(["x[2]"], |[x]| {
            let d = x.sum(..);
            select(d.gt(0.0), inner(x, d), 0.0)
        });
        every_mode_of_arrays(&f.unwrap(), &[0.0, 0.0], &expect(0.0, &[0.0, 0.0], &[0.0; 4]));
    }
}

#[test]
fn a_mapped_choice_is_differentiated() {
    let one = Function::trace(["x[2]"], |[x]| {
        let d = x.sum(..);
        cond(d.gt(0.0), || (x / d).sqrt().sum(..), || (x * x).sum(..) * 0.5)
    });
    let all = one.unwrap().vmap(2usize, ["x"]).unwrap();
    let f = Function::trace(["x[2,2]"], |[x]| all.eval(&[x]).unwrap()[0].sum(..)).unwrap();
    let mut hessian = [0.0; 16];
    (0..4).for_each(|k| hessian[5 * k] = 1.0);
    every_mode_of_arrays(&f, &[0.0, 0.0, -1.0, 1.0], &expect(1.0, &[0.0, 0.0, -1.0, 1.0], &hessian));
}

#[test]
fn a_check_reports_what_it_has_decided() {
    let report = check::gradients(&body!(|[x]| x * x.max(lit(0.0)).sqrt()), &[-1.0]).unwrap();
    assert_eq!(report.undecided(), 0, "{report}");
    assert!(report.to_string().starts_with("all modes agree"), "{report}");
    // At the step finite differences have no digit.
    let report = check::gradients(&body!(|[x]| x * x + x.floor()), &[3.0]).unwrap();
    assert!(report.undecided() > 0 && !report.to_string().contains("all modes agree"), "{report}");
    assert!(report.to_string().contains("undecided: jacobian[0]: finite differences gives"), "{report}");
}

/// √max(x, 0), with a slope that is 0·∞ among handles alone.
struct Careless;

impl CustomRule for Careless {
    fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
        vec![x[0].max(lit(0.0)).sqrt()]
    }
    fn jvp<T: Real>(&self, x: &[T], y: &[T], t: &[T]) -> Vec<T> {
        let held = select(x[0].gt(lit(0.0)), lit::<T>(0.5) / y[0] * t[0], lit(0.0));
        let handle = std::any::TypeId::of::<T>() == std::any::TypeId::of::<Expr>();
        vec![if handle { held * (lit::<T>(1.0) / y[0]) * y[0] } else { held }]
    }
}

impl Body for Careless {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        custom_rule(&Careless, x)
    }
}

#[test]
fn a_check_fails_on_a_guard_that_one_mode_gets_wrong() {
    assert!(check::gradients(&Careless, &[4.0]).is_ok());
    let error = check::gradients(&Careless, &[-1.0]).unwrap_err();
    assert!(error.is_disagreement() && error.to_string().contains("NaN"), "{error}");
}

#[test]
fn guards_reach_into_bodies() {
    let root = |x: Expr| scan(0.0, x, |c: Expr, x| (c + x.sqrt(), c)).0;
    let of_loop = Function::trace(["a", "b"], |[a, b]| root(Expr::stack(&[a, b], 0).relu()));
    let of_choice = Function::trace(["a", "b"], |[a, b]| {
        let held = a.max(0.0);
        cond(b.gt(0.0), || held.sqrt() + b.sqrt(), || b)
    });
    for f in [of_loop.unwrap(), of_choice.unwrap()] {
        for mode in [Mode::Forward, Mode::Reverse] {
            let first = f.jacobian_in(mode).unwrap();
            let first: [f64; 2] = first.compile().unwrap().call([-1.0, 4.0]).unwrap();
            assert_eq!(first, [0.0, 0.25]);
        }
        let second: [f64; 4] = f.hessian().unwrap().compile().unwrap().call([-1.0, 4.0]).unwrap();
        assert_eq!(second, [0.0, 0.0, 0.0, -1.0 / 32.0]);
    }
}

/// A direction is 0 at the origin by convention, which masks what is behind it, in series too.
#[test]
fn a_root_behind_a_direction() {
    let f = Function::trace(["x", "y"], |[x, y]| x.direction(y).sqrt()).unwrap();
    assert_eq!(f.jvp().unwrap().eval(&[0.0, 0.0, 1.0, 0.5]).unwrap(), [0.0, 0.0]);
    assert_eq!(f.taylor(1).unwrap().eval(&[0.0, 0.0, 1.0, 0.5]).unwrap(), [0.0, 0.0]);
}

/// A guard that holds rows has a mask of one truth per row, which is not spread over what products made of the rows.
#[test]
fn masks_of_rows_stay_small() {
    let f = Function::trace(["w[3,8]", "x[n,3]"], |[w, x]| {
        let y = x.matmul(w.exp()).reshape(("n", 4, 2));
        (-(y * y).sum(1)).log_sum_exp(1).sum(..)
    });
    let g = f.unwrap().wrt(["w"]).unwrap().grad().unwrap().simplify();
    let text = g.to_string();
    let shape = |name: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{name} = "))).unwrap();
        line.contains("[n,8]") || line.contains("[n,4,2]")
    };
    // What a mask is made of, or a mask that is spread out and made a number again.
    let numbers =
        text.lines().filter_map(|line| line.split_once(" = ne ")).filter_map(|(_, operands)| operands.split(", ").nth(1));
    assert!(numbers.clone().count() > 2, "{text}");
    numbers.for_each(|number| assert!(!shape(number), "{number} in {text}"));
}

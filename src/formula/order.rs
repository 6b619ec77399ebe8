//! The order in which a person writes summands and factors.

use super::number::Number;
use super::terms::{Id, ONE, Term, Terms};
use crate::op::Op;

/// Of numbers: powers of variables from the highest down, then what has functions, then what is a number.
pub(super) fn of_summand(terms: &Terms, id: Id) -> (u8, i64, Vec<(u32, i64)>, Id) {
    let single = [(id, ONE)];
    let factors = match terms.get(id) {
        Term::Product(_, factors) => &**factors,
        _ => &single,
    };
    let (mut degree, mut class, mut powers) = (0.0, 0, vec![]);
    for &(base, exponent) in factors {
        match (terms.get(base), terms.value(exponent)) {
            (Term::Input(slot), Some(n)) => {
                degree += n.value();
                powers.push((*slot, in_order(-n.value())));
            }
            (Term::Number(_) | Term::Pi | Term::E, Some(_)) => {}
            _ => class = 1,
        }
    }
    let class = match class {
        _ if id == ONE => 3,
        0 if powers.is_empty() => 2,
        class => class,
    };
    powers.sort_unstable();
    // Functions alone come before those that are multiplied.
    let degree = if class == 0 { -degree } else { degree };
    (class, in_order(degree), powers, id)
}

fn in_order(v: f64) -> i64 {
    (v * 1e3) as i64
}

/// π, roots of numbers, variables by their names, sums, powers with variable exponents, functions, choices.
pub(super) fn of_factor<'n>(terms: &Terms, base: Id, exponent: Id, inputs: &'n [String]) -> (u8, &'n str, Id) {
    let exponent = terms.value(exponent);
    let is_root = matches!(exponent, Some(Number::Ratio(_, 2..)));
    let class = match terms.get(base) {
        Term::Number(_) if exponent.is_some() => 1,
        Term::Pi => u8::from(is_root),
        Term::Input(slot) if exponent.is_some() => return (if is_root { 3 } else { 2 }, &inputs[*slot as usize], base),
        Term::Sum(_) | Term::Product(..) => 4,
        Term::Call(Op::Abs, _) => 4,
        Term::Call(Op::Select, _) => 7,
        Term::Call(..) => 6,
        _ => 5,
    };
    (class, "", base)
}

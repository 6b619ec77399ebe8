//! The determinant by expansion along the first row, down to one number, and its gradient.
//!
//! The expansion is traced once for every size: that of l columns takes in l copies of that of l − 1. In a graph equal numbers are one node, so a
//! minor that copies have in common is there once. A trace therefore takes some l²·2ˡ steps in place of e·l!, and what it leaves is
//! l·(2ˡ⁻¹ − 1) products: for l = 11, 11,253 in place of 69 million. The suite's own programs take all of those.

use super::prepared::{Prepared, Result, check_len, list, number};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Expr, Function};

#[derive(Deserialize)]
struct Input {
    #[serde(rename = "A")]
    a: Vec<f64>,
    ell: usize,
}

pub fn determinant(l: usize) -> wengert::Result<Function> {
    if l == 1 {
        return Function::trace(("A", 1), |a| a[0]);
    }
    let minor = determinant(l - 1)?;
    Function::trace(("A", l * l), |a| {
        let (first, rest) = a.split_at(l);
        let terms = first.iter().enumerate().map(|(j, &of_row)| {
            let others: Vec<Expr> = rest.chunks(l).flat_map(|row| [&row[..j], &row[j + 1..]].concat()).collect();
            let term = of_row * minor.eval(&others)?[0];
            Ok(if j % 2 == 0 { term } else { -term })
        });
        terms.sum::<wengert::Result<Expr>>()
    })
}

fn read(input: &Value) -> Result<(Vec<f64>, usize)> {
    let Input { a, ell } = Input::deserialize(input)?;
    if !(1..=16).contains(&ell) {
        return Err(format!("`ell` is {ell}, and this expansion has an end from 1 to 16").into());
    }
    check_len("A", a.len(), ell * ell)?;
    Ok((a, ell))
}

pub fn primal(input: &Value) -> Result<Prepared> {
    let (a, l) = read(input)?;
    Prepared::arrays(&determinant(l)?, vec![a], vec![1], number)
}

pub fn gradient(input: &Value) -> Result<Prepared> {
    let (a, l) = read(input)?;
    Prepared::arrays(&determinant(l)?.grad()?, vec![a], vec![l * l], list)
}

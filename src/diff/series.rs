//! Bodies of series: of their values and of coefficients, power by power.

use super::groups::{Group, chosen, count, place};
use super::guarded::coefficients;
use crate::error::Result;
use crate::graph::{Expr, Function, make_body, types_in};

/// The series of a body's results, of series of the marked inputs: all values are followed by the first coefficients of those that are
/// marked, then by the second, and so on.
pub(super) fn series_of(
    body: &Function,
    inputs: &[bool],
    outputs: &[bool],
    order: usize,
    guarded: &[bool],
    group: &Group,
) -> Result<Function> {
    if order == 1 {
        return (group.bodies.jvp)(&body.marked(inputs, outputs), guarded);
    }
    let types = types_in(body);
    let all = [&types[..], &chosen(&types, inputs).repeat(order)].concat();
    make_body(body.width(), &all, group.at, |args| {
        let (values, rest) = args.split_at(types.len());
        let series = |k: usize| match inputs[k] {
            true => (0..=order)
                .map(|j| if j == 0 { values[k] } else { rest[(j - 1) * count(inputs) + place(inputs, k as u32) as usize] })
                .collect(),
            false => vec![values[k]],
        };
        let all = coefficients(body, order, &(0..types.len()).map(series).collect::<Vec<_>>());
        let at = |j: usize| all.iter().map(|y| y[j]).collect::<Vec<Expr>>();
        (1..=order).fold(at(0), |found, j| [found, chosen(&at(j), outputs)].concat())
    })
}

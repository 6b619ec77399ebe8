//! A rule in the other direction: it is linear, and the reverse sweep of a linear function is its transpose, wherever it starts from.

use super::first::vjp;
use crate::eval::outputs_at;
use crate::graph::{Derivative, Expr, Function, Transpose, make_body, types_in, types_out};
use std::panic::Location;

impl Transpose for Derivative {
    fn transposed(&self, body: &Function) -> Function {
        let rule = self.function();
        let given = body.input_len() + body.output_len();
        let types = types_in(rule);
        let active: Vec<bool> = (0..types.len()).map(|k| k >= given).collect();
        let made = vjp(&rule.marked(&active, &vec![true; rule.output_len()])).and_then(|vjp| {
            let taken = [&types[..given], &types_out(rule)].concat();
            make_body(rule.width(), &taken, Location::caller(), |args| {
                let (x, seeds) = args.split_at(given);
                let from = types[given..].iter().map(|&(shape, _)| Expr::full(0.0, shape));
                let args: Vec<Expr> = x.iter().copied().chain(from).chain(seeds.iter().copied()).collect();
                outputs_at(&vjp, &args).expect("as many as the rule takes").split_off(rule.output_len())
            })
        });
        made.expect("a rule of numbers is differentiable in them, and was checked")
    }
}

//! Calls of opaque functions, as operations of a trace.

use super::body::{given, make_body, ports};
use super::handle::Expr;
use super::model::Control;
use super::opaque::Opaque;
use super::trace;
use super::types::Type;
use crate::base::Shape;
use std::panic::Location;

impl Opaque {
    /// A call in a trace, with results of these shapes.
    #[track_caller]
    pub fn call(&self, operands: &[Expr], results: &[Shape]) -> Vec<Expr> {
        let at = Location::caller();
        let types: Vec<Type> = operands.iter().map(|&x| trace::type_of(x)).collect();
        let width = trace::width().unwrap_or_default();
        let made = make_body(width, &types, at, |_| results.iter().map(|&shape| Expr::full(0.0, shape)).collect());
        let made = made.map(|body| {
            let control = Control::Opaque { call: self.clone(), body };
            ports(control, operands, results.len(), 0, at).0
        });
        given(made, results.len())
    }
}

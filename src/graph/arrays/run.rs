//! Making nodes of array operations.

use crate::error::{Caller, Kind as ErrorKind};
use crate::graph::handle::Expr;
use crate::graph::trace;
use crate::op::{ArrayOp, Value};

pub(super) fn run(op: ArrayOp, args: &[Expr], at: Caller) -> Expr {
    let args: Vec<_> = args.iter().map(|&x| Value::Num(x)).collect();
    trace::array(&op, &args, at).num()
}

pub(super) fn shape_error(at: Caller, message: String) -> Expr {
    trace::fail(ErrorKind::Shape, at, message)
}

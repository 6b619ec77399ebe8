//! Leaves are numbers or arrays; a list is neither.

use wengert::{Expr, Function, Structure, like};

#[derive(Structure)]
struct Net<T> {
    w: T,
}

fn main() {
    let net = Net { w: vec![0.5, 1.0] };
    let _ = Function::trace(("net", like(&net)), |net: Net<Expr>| net.w.sum(..));
}

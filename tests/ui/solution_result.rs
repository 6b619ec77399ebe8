//! A solution has several parts, and which of them is a result has to be said.

use wengert::{Function, implicit::newton};

fn main() {
    let _ = Function::trace("a", |a| newton(1.0, |x| x * x - a));
}

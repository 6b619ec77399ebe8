//! What a loop starts from.

use wengert::{Function, while_loop};

fn main() {
    let _ = Function::trace("a", |a| while_loop((a, "0"), |(x, _)| x.gt(1.0), |(x, k)| (x * 0.5, k)).0);
}

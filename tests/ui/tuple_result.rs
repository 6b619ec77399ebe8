//! A text is no result.

use wengert::Function;

fn main() {
    let _ = Function::trace("a", |a| (("y", a * a), ("z", "text")));
}

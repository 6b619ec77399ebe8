//! The twin of `if_on_expr.rs` that compiles.

fn relu(x: wengert::Expr) -> wengert::Expr {
    wengert::select(x.gt(0.0), x, 0.0 * x)
}

fn main() {
    let _ = wengert::Function::trace("x", relu);
}

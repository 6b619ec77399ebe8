//! Which branch would be taken is not known while tracing, so this must not compile.

fn relu(x: wengert::Expr) -> wengert::Expr {
    if x > 0.0 { x } else { 0.0 * x }
}

fn main() {
    let _ = wengert::Function::trace("x", relu);
}

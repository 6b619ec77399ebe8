//! What must not compile, and its twin that does.

use wengert::{Expr, Function, lit, select};

#[test]
fn branching_on_a_handle_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/if_on_expr.rs");
}

/// `ui/if_on_expr.rs` as it should be written.
fn relu(x: Expr) -> Expr {
    select(x.gt(lit(0.0)), x, 0.0 * x)
}

#[test]
fn choosing_with_select_does() {
    let f = Function::trace("x", relu).unwrap();
    assert_eq!(f.eval(&[2.0]).unwrap(), [2.0]);
    assert_eq!(f.eval(&[-2.0]).unwrap(), [0.0]);
}

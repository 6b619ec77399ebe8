//! The rewrite rules: one line each, with a name and a licence.
//!
//! Both sides are written as in the text form with brackets: `x`, `y`, `z` stand for anything, `c` and `d` for constants, `m` and
//! `n` for masks. Operands of commutative operations match in either order. A rule never adds an operation that costs more.

/// For which floats a rewrite gives the same result.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Licence {
    /// For every float, to the bit; all NaNs count as equal.
    Exact,
    /// For finite numbers, as long as nothing over- or underflows on the way, but rounded differently.
    Rounding,
    /// Where no operand and no result is NaN or ∞, but for the sign of a zero.
    Finite,
    /// For real numbers: only as [`Licence::Rounding`] and [`Licence::Finite`] together allow.
    Real,
}

/// A rewrite, from left to right.
#[derive(Copy, Clone, Debug)]
pub struct Rewrite {
    /// What it is called.
    pub name: &'static str,
    /// When it holds.
    pub licence: Licence,
    /// What it looks for.
    pub left: &'static str,
    /// What it puts in its place.
    pub right: &'static str,
}

const fn rule(name: &'static str, licence: Licence, left: &'static str, right: &'static str) -> Rewrite {
    Rewrite { name, licence, left, right }
}

impl Rewrite {
    /// Every rule that is a line of text. (Constant folding, integer powers and division by powers of two compute with
    /// numbers, and are code.)
    pub const ALL: &'static [Rewrite] = &{
        use Licence::{Exact, Finite, Real, Rounding};
        [
            rule("neg-neg", Exact, "(neg (neg x))", "x"),
            rule("neg-mul-const", Exact, "(neg (mul c x))", "(mul (neg c) x)"),
            rule("neg-div-const", Exact, "(neg (div c x))", "(div (neg c) x)"),
            rule("neg-sub", Finite, "(neg (sub x y))", "(sub y x)"),
            rule("add-neg", Exact, "(add x (neg y))", "(sub x y)"),
            rule("add-minus-zero", Exact, "(add x -0)", "x"),
            rule("add-zero", Finite, "(add x 0)", "x"),
            rule("add-mul-self", Rounding, "(add (mul c x) (mul c x))", "(mul (mul 2 c) x)"),
            rule("mul-add-self", Rounding, "(mul c (add x x))", "(mul (mul 2 c) x)"),
            rule("sub-twice", Rounding, "(sub (sub x y) y)", "(sub x (mul 2 y))"),
            rule("factor", Rounding, "(add (mul x y) (mul x z))", "(mul x (add y z))"),
            rule("factor-second", Rounding, "(add (mul y x) (mul x z))", "(mul x (add y z))"),
            rule("sub-neg", Exact, "(sub x (neg y))", "(add x y)"),
            rule("sub-zero", Exact, "(sub x 0)", "x"),
            rule("minus-zero-sub", Exact, "(sub -0 x)", "(neg x)"),
            rule("zero-sub", Finite, "(sub 0 x)", "(neg x)"),
            rule("sub-self", Finite, "(sub x x)", "0"),
            rule("mul-one", Exact, "(mul x 1)", "x"),
            rule("mul-minus-one", Exact, "(mul x -1)", "(neg x)"),
            rule("mul-neg-neg", Exact, "(mul (neg x) (neg y))", "(mul x y)"),
            rule("mul-neg", Exact, "(mul (neg x) y)", "(neg (mul x y))"),
            rule("mul-zero", Finite, "(mul x 0)", "0"),
            rule("mul-const-const", Rounding, "(mul c (mul d x))", "(mul (mul c d) x)"),
            rule("mul-recip", Real, "(mul x (recip x))", "1"),
            rule("div-one", Exact, "(div x 1)", "x"),
            rule("div-minus-one", Exact, "(div x -1)", "(neg x)"),
            rule("one-div", Exact, "(div 1 x)", "(recip x)"),
            rule("div-neg-neg", Exact, "(div (neg x) (neg y))", "(div x y)"),
            rule("neg-div", Exact, "(div (neg x) y)", "(neg (div x y))"),
            rule("div-neg", Exact, "(div x (neg y))", "(neg (div x y))"),
            rule("div-self", Finite, "(div x x)", "1"),
            rule("zero-div", Finite, "(div 0 x)", "0"),
            rule("recip-neg", Exact, "(recip (neg x))", "(neg (recip x))"),
            rule("recip-recip", Rounding, "(recip (recip x))", "x"),
            rule("mul-add-one", Exact, "(mul_add x 1 y)", "(add x y)"),
            rule("mul-add-minus-one", Exact, "(mul_add x -1 y)", "(sub y x)"),
            rule("mul-add-minus-zero", Exact, "(mul_add x y -0)", "(mul x y)"),
            rule("powf-one", Exact, "(powf x 1)", "x"),
            rule("powf-zero", Exact, "(powf x 0)", "1"),
            rule("abs-neg", Exact, "(abs (neg x))", "(abs x)"),
            rule("abs-abs", Exact, "(abs (abs x))", "(abs x)"),
            rule("abs-square", Exact, "(abs (mul x x))", "(mul x x)"),
            rule("abs-hypot", Exact, "(abs (hypot x y))", "(hypot x y)"),
            rule("abs-exp", Exact, "(abs (exp x))", "(exp x)"),
            rule("abs-cosh", Exact, "(abs (cosh x))", "(cosh x)"),
            rule("cos-neg", Exact, "(cos (neg x))", "(cos x)"),
            rule("relu-relu", Exact, "(relu (relu x))", "(relu x)"),
            rule("max-self", Exact, "(max x x)", "x"),
            rule("min-self", Exact, "(min x x)", "x"),
            rule("select-true", Exact, "(select true x y)", "x"),
            rule("select-false", Exact, "(select false x y)", "y"),
            rule("select-same", Exact, "(select m x x)", "x"),
            rule("select-not", Exact, "(select (not m) x y)", "(select m y x)"),
            rule("select-select-left", Exact, "(select m (select m x y) z)", "(select m x z)"),
            rule("select-select-right", Exact, "(select m x (select m y z))", "(select m x z)"),
            rule("select-mul-select", Exact, "(select m (mul x (select m y z)) c)", "(select m (mul x y) c)"),
            rule("not-not", Exact, "(not (not m))", "m"),
            rule("not-eq", Exact, "(not (eq x y))", "(ne x y)"),
            rule("not-ne", Exact, "(not (ne x y))", "(eq x y)"),
            rule("and-same", Exact, "(and m m)", "m"),
            rule("and-true", Exact, "(and m true)", "m"),
            rule("and-false", Exact, "(and m false)", "false"),
            rule("or-same", Exact, "(or m m)", "m"),
            rule("or-true", Exact, "(or m true)", "true"),
            rule("or-false", Exact, "(or m false)", "m"),
        ]
    };
}

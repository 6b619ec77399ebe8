//! Formulas: read, written, and written for a reader.

use wengert::Function;

#[test]
fn dump() {
    let all = [
        "x^5", "sin(x)", "x*cos(x)", "tan(x)", "1/x", "sqrt(x)", "cbrt(x)", "exp(x)", "exp(-x^2)", "2^x", "exp2(x)", "x^a", "a^x",
        "ln(x)", "log2(x)", "log10(x)", "log(x, a)", "asin(x)", "acos(x)", "atan(x)", "sinh(x)", "tanh(x)", "asinh(x)", "acosh(x)",
        "atanh(x)", "abs(x)", "hypot(x, a)", "atan2(a, x)", "sigmoid(x)", "ln_1p(exp(x))", "erf(x)", "norm_cdf(x)", "lgamma(x)",
        "sin(x)/x", "x^2*exp(x)", "max(x, a)", "x*ln(x)", "sqrt(1 - x^2)", "if(x > 0, x^2, 0)", "xlogy(x,a)", "relu(x)", "(x^2+1)/(x-1)", "sin(a*x+1)", "softplus(x)", "x^x", "ln(x)^2", "sin(x)^3", "x^1.5", "x % a", "log_add_exp(x, a)", "expm1(x)","x^(-2)"
    ];
    for text in all {
        let f = Function::from_formula(text, ["x", "a"]).unwrap();
        let g = f.wrt(["x"]).unwrap().grad().unwrap();
        println!("{text:20} {:30} {}", f.to_pretty().unwrap(), &g.to_pretty().unwrap()[6..]);
        println!("{:20} {:30} {}", "", f.to_latex().unwrap(), g.to_latex().unwrap());
    }
    for text in ["", "sin(x", "sin(x) + sine(x)", "2x", "x +\n y*(x + 1", "x)", "a b", "log(x)", "x < a < 1", "1e400", "x = 1; x", "(x, a)", "if(x, 1, 2)", "max(x)", "sin x", "x @ 2", "q + 1", "x ** 2", "x(2)", "x > 0"] {
        println!("{}\n", Function::from_formula(text, ["x", "a"]).unwrap_err());
    }
}

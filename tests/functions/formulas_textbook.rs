//! Formulas as a person writes them: derivatives as in a textbook, in plain text and in LaTeX.

use wengert::Function;
use wengert::formula::Formulas;

/// A formula, its derivative with respect to x, and the same in LaTeX.
const TEXTBOOK: &[(&str, &str, &str)] = &[
    ("x^5", "5x⁴", "5 x^{4}"),
    ("x^n", "n·xⁿ⁻¹", "n x^{n - 1}"),
    ("1/x", "−1/x²", r"-\frac{1}{x^{2}}"),
    ("1/x^2", "−2/x³", r"-\frac{2}{x^{3}}"),
    ("sqrt(x)", "1/(2√x)", r"\frac{1}{2 \sqrt{x}}"),
    ("cbrt(x)", "1/(3x^(2/3))", r"\frac{1}{3 x^{\frac{2}{3}}}"),
    ("x^1.5", "3√x/2", r"\frac{3 \sqrt{x}}{2}"),
    ("exp(x)", "eˣ", "e^{x}"),
    ("exp(-x^2)", "−2x·e^(−x²)", "-2 x e^{-x^{2}}"),
    ("exp(a*x)", "a·e^(a·x)", "a e^{a x}"),
    ("2^x", "2ˣ·ln 2", r"2^{x} \ln 2"),
    ("a^x", "aˣ·ln a", r"a^{x} \ln a"),
    ("x^x", "xˣ + xˣ·ln x", r"x^{x} + x^{x} \ln x"),
    ("ln(x)", "1/x", r"\frac{1}{x}"),
    ("log10(x)", "1/(x·ln 10)", r"\frac{1}{x \ln 10}"),
    ("log(x, a)", "1/(x·ln a)", r"\frac{1}{x \ln a}"),
    ("x*ln(x) - x", "ln x", r"\ln x"),
    ("sin(x)", "cos x", r"\cos x"),
    ("cos(2*x)", "−2 sin(2x)", r"-2 \sin\left(2 x\right)"),
    ("tan(x)", "tan² x + 1", r"\tan^{2} x + 1"),
    ("sin(x)^3", "3 sin² x·cos x", r"3 \sin^{2} x \cos x"),
    ("x*cos(x)", "cos x − x·sin x", r"\cos x - x \sin x"),
    ("sin(a*x + 1)", "a·cos(a·x + 1)", r"a \cos\left(a x + 1\right)"),
    ("asin(x)", "1/√(1 − x²)", r"\frac{1}{\sqrt{1 - x^{2}}}"),
    ("acos(x)", "−1/√(1 − x²)", r"-\frac{1}{\sqrt{1 - x^{2}}}"),
    ("atan(x)", "1/(x² + 1)", r"\frac{1}{x^{2} + 1}"),
    ("sinh(x)", "cosh x", r"\cosh x"),
    ("cosh(x)", "sinh x", r"\sinh x"),
    ("tanh(x)", "1/cosh² x", r"\frac{1}{\cosh^{2} x}"),
    ("asinh(x)", "1/√(x² + 1)", r"\frac{1}{\sqrt{x^{2} + 1}}"),
    ("atanh(x)", "1/(1 − x²)", r"\frac{1}{1 - x^{2}}"),
    ("abs(x)", "sgn(x)", r"\operatorname{sgn}\left(x\right)"),
    ("sqrt(1 - x^2)", "−x/√(1 − x²)", r"-\frac{x}{\sqrt{1 - x^{2}}}"),
    ("hypot(x, a)", "x/√(x² + a²)", r"\frac{x}{\sqrt{x^{2} + a^{2}}}"),
    ("sin(x)/x", "(cos x)/x − (sin x)/x²", r"\frac{\cos x}{x} - \frac{\sin x}{x^{2}}"),
    ("x^2*exp(x)", "2x·eˣ + x²·eˣ", "2 x e^{x} + x^{2} e^{x}"),
    ("x^3 - 4*x^2 + 6*x - 7", "3x² − 8x + 6", "3 x^{2} - 8 x + 6"),
    ("(x + 1)^10", "10(x + 1)⁹", r"10 \left(x + 1\right)^{9}"),
    ("ln(1 + exp(x))", "eˣ/(eˣ + 1)", r"\frac{e^{x}}{e^{x} + 1}"),
    ("sigmoid(x)", "(1 − σ(x))·σ(x)", r"\left(1 - \sigma\left(x\right)\right) \sigma\left(x\right)"),
    ("erf(x)", "2e^(−x²)/√π", r"\frac{2 e^{-x^{2}}}{\sqrt{\pi}}"),
    ("norm_cdf(x)", "e^(−x²/2)/√(2π)", r"\frac{e^{-\frac{x^{2}}{2}}}{\sqrt{2 \pi}}"),
    ("if(x > 0, x^2, -x)", "if(x > 0, 2x, −1)", r"\begin{cases} 2 x & \text{if } x > 0 \\ -1 & \text{otherwise} \end{cases}"),
];

#[test]
fn derivatives_are_those_of_a_textbook() {
    for (formula, plain, latex) in TEXTBOOK {
        let f = Function::from_formula(formula, ["x", "a", "n"]).unwrap().wrt(["x"]).unwrap().grad().unwrap();
        assert_eq!(f.to_pretty().unwrap(), format!("d_x = {plain}"), "{formula}");
        assert_eq!(f.to_latex().unwrap(), format!("d_{{x}} = {latex}"), "{formula}");
    }
}

#[test]
fn higher_derivatives_are_those_of_a_textbook() {
    let cases = [
        ("x^5", "20x³"),
        ("sin(x)", "−sin x"),
        ("x*sin(x)", "2 cos x − x·sin x"),
        ("x^a", "a·(a − 1)·xᵃ⁻²"),
        ("tanh(x)", "−(2 tanh x)/cosh² x"),
        ("atan(x)", "−2x/(x² + 1)²"),
        ("hypot(x, a)", "a²/(x² + a²)^(3/2)"),
        ("atan2(a, x)", "2a·x/(x² + a²)²"),
        ("erf(x)", "−4x·e^(−x²)/√π"),
        ("2^x", "2ˣ·ln² 2"),
        ("abs(x)", "0"),
    ];
    for (formula, plain) in cases {
        let f = Function::from_formula(formula, ["x", "a"]).unwrap().wrt(["x"]).unwrap().grad().unwrap().grad().unwrap();
        let text = f.to_pretty().unwrap();
        assert_eq!(text.split_once(" = ").unwrap().1, plain, "{formula}");
    }
    // A choice of one's own by the condition that the arctangent's derivative has for the sake of floats.
    let own = Function::from_formula("if(abs(x) > 1, 1/x, x) + atan(x)", ["x"]).unwrap();
    assert_eq!(own.to_pretty().unwrap(), "if(|x| > 1, 1/x, x) + arctan x");
}

#[test]
fn a_reader_gets_what_a_person_writes() {
    let both = |formula: &str| {
        let f = Function::from_formula(formula, ["x", "y", "p[2]", "alpha", "x_1", "mass"]).unwrap();
        (f.to_pretty().unwrap(), f.to_latex().unwrap())
    };
    let cases = [
        ("1 + x + x^2*y - 3*x^3", "x²·y − 3x³ + x + 1", r"x^{2} y - 3 x^{3} + x + 1"),
        ("x - x + 2*(x + y) - y", "2x + y", "2 x + y"),
        ("-(x - y)", "y − x", "y - x"),
        ("x*y/(2*x)", "y/2", r"\frac{y}{2}"),
        ("(x + y)/(x - y)", "(x + y)/(x − y)", r"\frac{x + y}{x - y}"),
        ("x/(y*sin(x))", "x/(y·sin x)", r"\frac{x}{y \sin x}"),
        ("sqrt(x + y)*3", "3√(x + y)", r"3 \sqrt{x + y}"),
        ("p[0] + p[1]*alpha + x_1/mass", "p₁·α + p₀ + x₁/mass", r"\alpha p_{1} + p_{0} + \frac{x_{1}}{\mathrm{mass}}"),
        ("0.1*x + 2.5e-20", "0.1x + 2.5·10⁻²⁰", r"0.1 x + 2.5 \cdot 10^{-20}"),
        ("pi/2 - x/3", "π/2 − x/3", r"\frac{\pi}{2} - \frac{x}{3}"),
        ("(-x)^y", "(−x)ʸ", r"\left(-x\right)^{y}"),
        ("abs(x)*floor(y)", "|x|·⌊y⌋", r"\left|x\right| \lfloor y \rfloor"),
        ("max(x, y) - atan2(y, x)", "max(x, y) − atan2(y, x)", r"\max\left(x, y\right) - \operatorname{atan2}\left(y, x\right)"),
        ("sin(x)^(-1)", "1/sin x", r"\frac{1}{\sin x}"),
        ("(x^y)^2", "x²ʸ", "x^{2 y}"),
        ("ln(x)^y", "(ln x)ʸ", r"\left(\ln x\right)^{y}"),
        (
            "if(x >= 0 and y != 1, 1, 2)",
            "if(x ≥ 0 and y ≠ 1, 1, 2)",
            r"\begin{cases} 1 & \text{if } x \ge 0 \text{ and } y \ne 1 \\ 2 & \text{otherwise} \end{cases}",
        ),
    ];
    for (formula, plain, latex) in cases {
        let got = both(formula);
        assert_eq!((got.0.as_str(), got.1.as_str()), (plain, latex), "{formula}");
    }
    let polar = Function::from_formula("r = hypot(x, y), phi = atan2(y, x)", ["x", "y"]).unwrap();
    assert_eq!(polar.to_pretty().unwrap(), "r = √(x² + y²)\nφ = atan2(y, x)");
    assert!(polar.to_latex().unwrap().starts_with("\\begin{aligned}\nr &= \\sqrt{x^{2} + y^{2}} \\\\\n\\phi &= "));
    // Names that would look alike stay as they are.
    let alike = Function::from_formula("x1 + x_1", ["x1", "x_1"]).unwrap();
    assert_eq!(alike.to_pretty().unwrap(), "x1 + x_1");
    let euler = Function::from_formula("exp(e)", ["e"]).unwrap();
    assert_eq!((euler.to_pretty().unwrap(), euler.to_latex().unwrap()), ("ℯᵉ".into(), r"\mathrm{e}^{e}".into()));
    let named = Formulas::new().named(true);
    let f = Function::from_formula("t = x^2 + y^2; sin(t)/t + exp(-t)", ["x", "y"]).unwrap();
    assert_eq!(named.pretty(&f).unwrap(), "t₁ = x² + y²\ny = (sin t₁)/t₁ + e^(−t₁)");
}

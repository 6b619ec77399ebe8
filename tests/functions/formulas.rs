//! Formulas: what they mean, what is written reads back, what a reader gets, and what is said of a text that is none.

use crate::common::text::{of_operation, text};
use proptest::prelude::*;
use wengert::formula::Formulas;
use wengert::op::Op;
use wengert::{Expr, Function, Width, while_loop};

fn value(formula: &str, inputs: &[(&str, f64)]) -> f64 {
    let names = inputs.iter().map(|(name, _)| *name);
    let f = Function::from_formula(formula, names).unwrap_or_else(|error| panic!("{formula}: {error}"));
    f.eval(&inputs.iter().map(|(_, x)| *x).collect::<Vec<f64>>()).unwrap()[0]
}

fn error(formula: &str) -> String {
    Function::from_formula(formula, ["x", "alpha", "p[3]"]).expect_err(formula).to_string()
}

#[test]
fn formulas_mean_what_they_say() {
    let (x, y) = (1.25f64, -0.5f64);
    let at = [("x", x), ("y", y)];
    let cases: &[(&str, f64)] = &[
        ("x", x),
        ("  x\n + y", x + y),
        ("-x^2", -(x * x)),
        ("(-x)^2", x * x),
        ("2^3^2", 512.0),
        ("x^-2", x.powi(-2)),
        ("2^-x^2", 2f64.powf(-(x * x))),
        ("x - y - 1", x - y - 1.0),
        ("x/y/2", x / y / 2.0),
        ("x/y*2", x / y * 2.0),
        ("-x*y", -x * y),
        ("x*-y", x * -y),
        ("+x + +y", x + y),
        ("x % 0.5 + 7 % 4", x % 0.5 + 3.0),
        ("x^y", x.powf(y)),
        ("pow(x, 2)", x.powf(2.0)),
        ("powi(x, -3)", x.powi(-3)),
        ("1.5e-3 + .5 + 2. + 1E2", 1.5e-3 + 0.5 + 2.0 + 100.0),
        ("sin(pi/2) + cos(π) + ln(e)", 1.0),
        ("x·y × 2 − 1", x * y * 2.0 - 1.0),
        ("atan2(y, x) + max(x, y) - log1p(x)", y.atan2(x) + x - x.ln_1p()),
        ("if(x > 0 and not y >= 0, 1, 2)", 1.0),
        ("if(x < y || x != x, 1, 2)", 2.0),
        ("if(!(x < y) && true, 1, 2)", 1.0),
        ("if(x <= 1.25 and y == -0.5, x, y)", x),
        ("clamp(y, -0.25, inf)", -0.25),
        ("t = x*y; u = t + 1; u/t", (x * y + 1.0) / (x * y)),
        ("cold = y < 0; if(cold, 1, 2);", 1.0),
        ("e = 3; e*x", 3.0 * x),
        ("log(x, 2) - log2(x)", x.ln() / 2f64.ln() - x.log2()),
        ("-0", -0.0),
    ];
    for &(formula, wanted) in cases {
        let got = value(formula, &at);
        assert_eq!(got.to_bits(), wanted.to_bits(), "{formula}: {got:e}, not {wanted:e}");
    }
    assert!(value("nan", &at).is_nan() && value("-inf", &at) == f64::NEG_INFINITY);
    assert_eq!(value("polygamma(1, x)", &at), wengert::Real::polygamma(x, 1));
}

#[test]
fn inputs_hide_constants_and_may_have_any_name() {
    assert_eq!(value("e*pi", &[("e", 2.0), ("pi", 5.0)]), 10.0);
    assert_eq!(value("\"layers[0].b\" + x'.y", &[("layers[0].b[1]", 2.0), ("x'.y", 1.0)]), 3.0);
    let f = Function::from_formula("p[0]*p[2] + x + \"inf\"", ["p[3]", "x", "inf"]).unwrap();
    assert_eq!(f.eval(&[2.0, 0.0, 3.0, 0.5, 1.0]).unwrap(), [7.5]);
    assert_eq!(f.inputs().iter().map(|input| input.len()).collect::<Vec<_>>(), [3, 1, 1]);
}

#[test]
fn unknowns_are_found() {
    let found = |text| wengert::formula::unknowns(text).unwrap();
    assert_eq!(found("x^5*sin(y) + x"), ["x", "y"]);
    assert_eq!(found("t = a*pi; b = t, if(c < t and true, e, inf)"), ["a", "c"]);
    assert_eq!(found("p[2] + \"e\" + p[0]"), ["p[3]", "e"]);
    assert!(wengert::formula::unknowns("2x").is_err());
}

#[test]
fn results_have_names() {
    let names = |formula| {
        let f = Function::from_formula(formula, ["x", "y"]).unwrap();
        f.outputs().iter().map(|output| (output.name().to_owned(), output.nodes().len())).collect::<Vec<_>>()
    };
    let named = |all: &[(&str, usize)]| all.iter().map(|(name, len)| (name.to_string(), *len)).collect::<Vec<_>>();
    assert_eq!(names("x"), named(&[("y", 1)]));
    assert_eq!(names("x, y"), named(&[("y0", 1), ("y1", 1)]));
    assert_eq!(names("r = hypot(x, y), phi = atan2(y, x)"), named(&[("r", 1), ("phi", 1)]));
    assert_eq!(names("t = x; a = t, t + 1"), named(&[("a", 1), ("y", 1)]));
    assert_eq!(names("d_p[0] = x, d_p[1] = y, z = x*y"), named(&[("d_p", 2), ("z", 1)]));
}

#[test]
fn a_whole_exponent_is_one_of_powi() {
    let kinds = |formula| {
        let f = Function::from_formula(formula, ["x"]).unwrap();
        f.graph().ids().filter_map(|id| f.graph().node(id).op()).collect::<Vec<_>>()
    };
    assert_eq!(kinds("x^3"), [Op::Powi(3)]);
    assert_eq!(kinds("x^(1 - 3)"), [Op::Powi(-2)]);
    assert_eq!(kinds("x^2.5"), [Op::Powf]);
    assert_eq!(kinds("powf(x, 3)"), [Op::Powf]);
    // What is known is folded.
    assert_eq!(kinds("2*3*x"), [Op::Mul]);
}

#[test]
fn functions_of_ones_own_are_called_by_name() {
    let wave = Function::trace(["x", "k"], |[x, k]| (x * k).sin()).unwrap();
    let halved = Function::trace("x", |x| while_loop(x, |x| x.gt(1.0), |x| x * 0.5)).unwrap();
    let formulas = Formulas::new().function("wave", &wave).function("halved", &halved).function("sin", &halved);
    let f = formulas.read("wave(x, 2)*wave(wave(x, 1), x) + halved(8*x) - sin(x)", ["x"]).unwrap();
    let x = 1.5f64;
    assert_eq!(f.eval(&[x]).unwrap(), [(x * 2.0).sin() * (x.sin() * x).sin() + 0.75 - 0.75]);
    // With derivatives, whatever is inside.
    let slope = f.grad().unwrap().eval(&[x]).unwrap()[0];
    let h = 1e-6;
    let difference = (f.eval(&[x + h]).unwrap()[0] - f.eval(&[x - h]).unwrap()[0]) / (2.0 * h);
    assert!((slope - difference).abs() < 1e-7, "{slope} {difference}");

    let refused = |name: &str, f: &Function| Formulas::new().function(name, f).read("x", ["x"]).unwrap_err().to_string();
    let pair = Function::trace("x", |x| [x, x]).unwrap();
    let array = Function::trace("x[3]", |x| x.sum(..)).unwrap();
    let narrow = Function::trace_in(Width::F32, "x", |x| x).unwrap();
    assert!(refused("f", &pair).contains("it has 2 numbers for a result"));
    assert!(refused("f", &array).contains("it is no function of numbers"));
    assert!(refused("f", &narrow).contains("it is a function in f32, and the formula is one in f64"));
    assert!(refused("if", &wave).contains("word of formulas") && refused("2f", &wave).contains("start with a letter"));
    assert!(refused("x", &wave).contains("`x` has two meanings"));
    let near = formulas.read("wace(x, 1)", ["x"]).unwrap_err().to_string();
    assert!(near.contains("no function is named `wace` (did you mean `wave`?)"), "{near}");
}

/// The text of an error, to the letter.
#[test]
fn errors_show_the_place() {
    assert_eq!(
        error("1 + sine(x)"),
        "line 1, column 5: no function is named `sine` (did you mean `sin`?)\n  1 + sine(x)\n      ^"
    );
    assert_eq!(
        error("x +\n  (x*"),
        "line 2, column 6: the formula ends where a number, a name or `(` is expected\n    (x*\n       ^"
    );
    // Of a long line the part around the place.
    let long = format!("{}q{}", "x + ".repeat(100), " + x".repeat(100));
    let shown = error(&long);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].chars().count() < 80 && lines[1].starts_with("  …") && lines[1].ends_with('…'), "{shown}");
    assert_eq!(lines[1].chars().nth(lines[2].find('^').unwrap()), Some('q'), "{shown}");
}

#[test]
fn what_is_no_formula_is_refused() {
    let cases: &[(&str, usize, &str)] = &[
        ("", 1, "the formula is empty"),
        (" \n ", 2, "the formula is empty"),
        ("sin(x", 1, "the bracket behind `sin` is never closed"),
        ("2*(x + 1", 3, "this bracket is never closed"),
        ("x)", 2, "this bracket closes nothing"),
        ("x +", 4, "the formula ends where a number"),
        ("x + * 2", 5, "a number, a name or `(` is expected, not `*`"),
        ("2x", 1, "a product is written `2*x`"),
        ("2(x)", 2, "an operator is expected before `(`; a product is written with `*`"),
        ("x alpha", 3, "an operator is expected before `alpha`"),
        ("x(2)", 1, "`x` is a number, no function; a product is written `x*(…)`"),
        ("sin x", 1, "`sin` is a function; it is called as `sin(…)`"),
        ("alpah + 1", 1, "nothing is named `alpah` (did you mean `alpha`?)"),
        ("q + 1", 1, "nothing is named `q`; the names are alpha, p, x"),
        ("p + 1", 1, "`p` has 3 numbers, `p[0]` to `p[2]`"),
        ("p[3]", 2, "`p` has 3 numbers, `p[0]` to `p[2]`"),
        ("p[x]", 3, "a place in brackets is a whole number"),
        ("p[0.5]", 3, "a place in brackets is a whole number"),
        ("p[1", 4, "`]` is expected"),
        ("x[0] + x[1]", 9, "`x` is one number"),
        ("log(x)", 1, "the natural logarithm is `ln(x)`"),
        ("max(x)", 1, "`max` takes 2 arguments, not 1"),
        ("sin(x, x)", 1, "`sin` takes 1 argument, not 2"),
        ("sin()", 1, "`sin` takes 1 argument, not 0"),
        ("powi(x, x)", 9, "`powi` takes a whole number here, which is known"),
        ("polygamma(0.5, x)", 11, "`polygamma` takes a whole number here"),
        ("(x, x)", 3, "`,` stands between the arguments of a function"),
        ("x < 1 < 2", 7, "`a < b < c` is written `a < b and b < c`"),
        ("x > 0", 1, "a result is a number, and this is a condition"),
        ("(x > 0) + 1", 1, "`+` takes a number here, and this is a condition"),
        ("if(x, 1, 2)", 4, "`if` takes a condition here, as `x > 0`, and this is a number"),
        ("not x", 5, "`not` takes a condition here"),
        ("x and x", 1, "`and` takes a condition here"),
        ("x ** 2", 3, "a power is written with `^`"),
        ("x @ 2", 3, "`@` means nothing in a formula"),
        ("x \u{7} 2", 3, "`\\u{7}` means nothing in a formula"),
        ("\"x + 1", 1, "this quote is never closed"),
        ("\"\" + 1", 1, "there is no name between the quotes"),
        ("1e400", 1, "`1e400` is out of range for f64; infinity is written `inf`"),
        ("1 - 1e-400", 5, "`1e-400` is out of range for f64: it would be 0"),
        ("1.2.3", 1, "`1.2.3` is no number"),
        ("1e + x", 1, "`1e` is no number; a product is written `1*e`"),
        (".", 1, "`.` is no number"),
        ("x = 1; x", 1, "`x` has a meaning already"),
        ("x + 1; x", 1, "what stands before `;` needs a name"),
        ("t[0] = 1; x", 1, "what stands before `;` is one value"),
        ("u = x, u = x", 8, "two results are named `u`"),
        ("u[0] = x, u[2] = x", 11, "the numbers of `u` stand one after the other"),
        ("if(x = 1, 2, 3)", 6, "a comparison is written `==`"),
        ("max(x; x)", 6, "`;` inside of brackets"),
        ("t = x;; t", 7, "a number, a name or `(` is expected, not `;`"),
    ];
    for &(formula, column, message) in cases {
        let got = Function::from_formula(formula, ["x", "alpha", "p[3]"]).expect_err(formula);
        assert!(got.is_parse(), "{formula}: {got:?}");
        assert_eq!(
            got.line_column().map(|at| at.1),
            Some(column).filter(|_| !formula.contains('\n')).or(got.line_column().map(|at| at.1)),
            "{got}"
        );
        assert!(got.to_string().contains(message), "{formula}: {got}");
    }
    let declared = |inputs: &[&str]| Function::from_formula("1", inputs).unwrap_err();
    assert!(declared(&["x", "x"]).is_name() && declared(&["2x"]).is_name() && declared(&["x[n]"]).is_name());
    assert!(declared(&["x[99999999]"]).is_limit());
    let narrow = Formulas::new().width(Width::F32).read("1e39", ["x"]).unwrap_err().to_string();
    assert!(narrow.contains("out of range for f32"), "{narrow}");
}

#[test]
fn size_and_depth_have_limits() {
    let deep = |n: usize, open: &str, close: &str| format!("{}x{}", open.repeat(n), close.repeat(n));
    for open in ["(", "sin(", "-", "2^", "x + (", "not "] {
        let close = if open.ends_with('(') { ")" } else { "" };
        let error = Function::from_formula(&deep(1_000_000, open, close), ["x"]).expect_err(open);
        assert!(error.is_limit() && error.to_string().contains("more than 100000 brackets and operators are open"), "{error}");
    }
    let error = Function::from_formula(&"(".repeat(1_000_000), ["x"]).unwrap_err();
    assert!(error.is_limit(), "{error}");
    let error = Function::from_formula(&")".repeat(1_000_000), ["x"]).unwrap_err();
    assert!(error.is_parse(), "{error}");
    let error = Function::from_formula(&" ".repeat((1 << 24) + 1), ["x"]).unwrap_err();
    assert!(error.is_limit() && error.to_string().contains("more than 16777216 bytes"), "{error}");
    // Within them, depth is no trouble.
    for formula in
        [deep(90_000, "(", ")"), deep(90_000, "sin(", ")"), vec!["x"; 100_000].join(" + "), vec!["x"; 90_000].join("^")]
    {
        let f = Function::from_formula(&formula, ["x"]).unwrap();
        assert!(f.eval(&[0.0]).unwrap()[0] >= 0.0);
    }
}

#[test]
fn a_graph_that_is_a_large_tree_is_refused_or_has_names() {
    let doubled = Function::trace("x", |x| (0..64).fold(x, |t, _| t.sin() * t)).unwrap();
    for error in [doubled.to_formula().unwrap_err(), doubled.to_pretty().unwrap_err(), doubled.to_latex().unwrap_err()] {
        assert!(error.is_limit() && error.to_string().contains("`Formulas::named`"), "{error}");
    }
    let named = Formulas::new().named(true);
    let formula = named.write(&doubled).unwrap();
    let again = Function::from_formula(&formula, ["x"]).unwrap();
    assert_eq!(again.to_string(), doubled.to_string());
    assert!(named.pretty(&doubled).unwrap().lines().count() > 60);

    // A deep one.
    let deep =
        Function::trace("x", |x| (0..300_000).fold(x, |t, k| if k % 2 == 0 { t.sin() } else { (t + 1.0).sqrt() })).unwrap();
    let error = deep.to_formula().unwrap_err();
    assert!(error.is_limit(), "{error}");
    let again = Function::from_formula(&named.write(&deep).unwrap(), ["x"]).unwrap();
    assert_eq!(again.eval(&[0.5]).unwrap(), deep.eval(&[0.5]).unwrap());
    assert!(deep.to_pretty().unwrap_err().is_limit());
    // Exponents in exponents.
    let tower = Function::trace("x", |x| (0..50_000).fold(x, |t, _| (-t).exp())).unwrap();
    assert!(tower.to_pretty().unwrap().starts_with("e^(−e^(−e^("));
    // Many summands.
    let sum = Function::trace(("x", 1000), |x| x.iter().map(|x| x.sin()).sum::<Expr>()).unwrap();
    assert!(sum.to_pretty().unwrap().starts_with("sin x₀ + sin x₁ + "));
    let many = Function::trace(("x", 20_000), |x| x.iter().copied().sum::<Expr>()).unwrap();
    assert!(many.to_pretty().unwrap_err().is_limit());
}

#[test]
fn what_formulas_cannot_say_is_named_with_its_line() {
    let array = Function::trace("x[3]", |x| x.sum(..)).unwrap().to_formula().unwrap_err();
    assert!(array.is_unsupported() && array.to_string().contains("the input `x` is an array"), "{array}");
    let inside = Function::trace(("x", 3), |x| Expr::stack(&x, 0).norm()).unwrap();
    let looped = Function::trace("x", |x| while_loop(x, |x| x.gt(1.0), |x| x * 0.5)).unwrap();
    for (f, what) in [(inside, ""), (looped, "while")] {
        for error in [f.to_formula().unwrap_err(), f.to_pretty().unwrap_err(), f.to_latex().unwrap_err()] {
            assert!(error.is_unsupported() && error.to_string().contains(&format!("cannot say `{what}")), "{error}");
            assert!(error.location().is_some_and(|at| at.file().ends_with("formulas.rs")), "{error}");
        }
    }
}

/// Numbers of all kinds to evaluate at.
const POINTS: [f64; 8] = [0.0, -0.0, 1.0, -1.5, 0.3, 2.5e-3, 1e10, f64::NAN];

/// That what is written reads back to a function with the same bits.
fn assert_round_trip(f: &Function) {
    let inputs: Vec<String> = f.inputs().iter().map(|input| format!("{}[{}]", input.name(), input.len())).collect();
    for named in [false, true] {
        let formulas = Formulas::new().width(f.width()).named(named);
        let formula = match formulas.write(f) {
            Err(error) if error.is_limit() && !named => continue,
            written => written.unwrap(),
        };
        let again = formulas.read(&formula, &inputs).unwrap_or_else(|error| panic!("{formula}: {error}\n{f}"));
        // What is known is folded by the reader, once.
        let settled = formulas.write(&again).unwrap();
        assert_eq!(formulas.write(&formulas.read(&settled, &inputs).unwrap()).unwrap(), settled, "{f}");
        let sizes = |f: &Function| f.outputs().iter().map(|y| (y.name().to_owned(), y.nodes().len())).collect::<Vec<_>>();
        assert_eq!(sizes(&again), sizes(f));
        for k in 0..POINTS.len() {
            let x: Vec<f64> = (0..f.input_len()).map(|i| POINTS[(k + 3 * i) % POINTS.len()]).collect();
            let narrow: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            let bits = |f: &Function| match f.width() {
                Width::F64 => {
                    f.eval(&x).unwrap().iter().map(|v: &f64| if v.is_nan() { 1 } else { v.to_bits() }).collect::<Vec<_>>()
                }
                Width::F32 => {
                    f.eval(&narrow).unwrap().iter().map(|v: &f32| if v.is_nan() { 1 } else { v.to_bits().into() }).collect()
                }
            };
            assert_eq!(bits(&again), bits(f), "{formula}\nat {x:?}\n{f}");
        }
    }
}

#[test]
fn every_operation_reads_back() {
    for &op in Op::ALL {
        for width in ["f64", "f32"] {
            let text = of_operation(op, width);
            let f = Function::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_round_trip(&f);
            // For a reader each has a name or a meaning, too.
            assert!(!f.to_pretty().unwrap().is_empty() && !f.to_latex().unwrap().is_empty());
        }
    }
}

#[test]
fn numbers_read_back_to_the_bit() {
    for v in
        [1.0, -1.0, 0.1, 1.0 / 3.0, 1e300, -1e-300, f64::MIN_POSITIVE / 8.0, f64::MAX, 1e16, 123456789.125, f64::INFINITY, -0.0]
    {
        for f in [Function::trace("x", |x| x * v - (-x).powf(v)), Function::trace("x", |_| v)] {
            assert_round_trip(&f.unwrap());
        }
    }
}

#[test]
fn brackets_stand_where_they_are_needed_and_nowhere_else() {
    for formula in [
        "x - (y - z)",
        "x - y - z",
        "x/(y/z)",
        "x*y/z",
        "x*(y + z)",
        "(x + y)^2",
        "-x^2",
        "(-x)^2",
        "x^(y^z)",
        "(x^y)^z",
        "x - (-2)",
        "-2*x",
        "x*(-y)",
        "sin(x)^2",
        "-(x + y)",
        "-(x*y)",
        "if(x < y and not (y < z or z < x), x, y)",
        "if((x < y or y < z) and z < x, x, y)",
        "powf(x, 2)",
        "x^(-2)",
        "x^2.5",
        "2^x",
        "polygamma(2, x)",
        "x % y % z",
        "x % (y % z)",
    ] {
        let f = Function::from_formula(formula, ["x", "y", "z"]).unwrap();
        assert_eq!(f.to_formula().unwrap(), formula);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn functions_read_back(text in text()) {
        let f = Function::parse(&text).unwrap();
        assert_round_trip(&f);
    }

    #[test]
    fn no_function_makes_the_printers_panic(text in text()) {
        let f = Function::parse(&text).unwrap();
        for named in [false, true] {
            let formulas = Formulas::new().named(named);
            for written in [formulas.pretty(&f), formulas.latex(&f)] {
                prop_assert!(written.as_ref().map_or_else(|error| error.is_limit(), |text| !text.is_empty()), "{written:?}");
            }
        }
    }

    #[test]
    fn derivatives_read_back(seed in text()) {
        let f = Function::parse(&seed.replace("inactive ", "")).unwrap();
        if let Ok(g) = f.value_and_grad() {
            assert_round_trip(&g);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,40}") {
        let _ = Function::from_formula(&text, ["x"]);
    }

    #[test]
    fn no_words_make_the_reader_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..20)) {
        let text = words.concat();
        if let Ok(f) = Function::from_formula(&text, ["x", "y", "p[2]"]) {
            assert_round_trip(&f);
        }
    }

    /// Without signs in front and with one power at a time: there languages differ.
    #[test]
    fn precedence_is_that_of_exmex(words in prop::collection::vec((0..4usize, prop::sample::select(&["+", "-", "*", "/", "^"][..])), 1..12)) {
        let atoms = ["x", "y", "2", "0.5"];
        let mut text = String::new();
        let mut last = "";
        for (atom, sign) in &words {
            text += atoms[*atom];
            // One power at a time, of what is positive.
            last = if last == "^" && *sign == "^" { "*" } else { sign };
            text += last;
        }
        text += "x";
        let (x, y) = (1.25, 0.75);
        let wanted = exmex::eval_str::<f64>(&text.replace('x', "1.25").replace('y', "0.75")).unwrap();
        let f = Function::from_formula(&text, ["x", "y"]).unwrap();
        let got = f.eval(&[x, y]).unwrap()[0];
        prop_assert!((got - wanted).abs() <= 1e-12 * (1.0 + wanted.abs()), "{text}: {got}, not {wanted}");
    }
}

const WORDS: &[&str] = &[
    "x",
    "y",
    "p[0]",
    "p[1]",
    "2",
    "0.5",
    "1e3",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "(",
    ")",
    "(",
    ")",
    "sin(",
    "max(",
    "if(",
    ",",
    " ",
    "<",
    "==",
    "and ",
    "or ",
    "not ",
    "t = ",
    "t",
    ";",
    "powi(",
    "polygamma(",
    "pi",
    "nan",
    "\"x\"",
    "true",
    "[",
    "]",
    "-inf",
    "=",
];

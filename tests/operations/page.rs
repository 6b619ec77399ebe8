//! `docs/operations.md` is made from the op table: formulas are the rows' documentation, derivatives the rows' edges, traced and printed, and
//! what happens at a point is computed there. What is said by hand, the domains, is held against values. `UPDATE_EXPECT=1` writes the page.

use crate::op_table::{numbers, tolerance};
use std::collections::HashMap;
use std::fmt::Write;
use wengert::op::{DType, Op, Value};
use wengert::{Expr, Function};

/// Where an operation has a value, and whether a point is there; all numbers where nothing is said.
fn domain(op: Op) -> (&'static str, fn(&[f64]) -> bool) {
    use Op::*;
    match op {
        Div => ("not 0/0", |x| x[0] != 0.0 || x[1] != 0.0),
        Rem => ("y ≠ 0", |x| x[1] != 0.0),
        Powf => ("x ≥ 0, or y whole", |x| x[0] >= 0.0 || x[1].fract() == 0.0),
        Sqrt => ("x ≥ 0", |x| x[0] >= 0.0),
        Ln | Log2 | Log10 => ("x ≥ 0", |x| x[0] >= 0.0),
        Ln1p => ("x ≥ −1", |x| x[0] >= -1.0),
        Log => ("x, b ≥ 0, but for 0/0 and ∞/∞ of the logarithms", |x| {
            x[0] >= 0.0 && x[1] >= 0.0 && !(x[0] == 1.0 && x[1] == 1.0) && !(x[0] == 0.0 && x[1] == 0.0)
        }),
        Asin | Acos => ("−1 ≤ x ≤ 1", |x| x[0].abs() <= 1.0),
        Acosh => ("x ≥ 1", |x| x[0] >= 1.0),
        Atanh => ("−1 ≤ x ≤ 1", |x| x[0].abs() <= 1.0),
        Xlogy => ("y ≥ 0, or x = 0", |x| x[1] >= 0.0 || x[0] == 0.0),
        Digamma => ("not −1, −2, …", |x| x[0] >= 0.0 || x[0].fract() != 0.0),
        _ => ("", |_| true),
    }
}

/// Points where the textbook leaves a choice, or a derivative is infinite.
fn points(op: Op) -> &'static [&'static [f64]] {
    use Op::*;
    match op {
        Abs | Relu | Sqrt | Cbrt | Ln | Log2 | Log10 | Recip | Lgamma | Digamma | Signum | Floor => &[&[0.0]],
        Fract | Ceil | Trunc => &[&[1.0]],
        Round => &[&[0.5]],
        LeakyRelu => &[&[0.0, 0.1]],
        Ln1p => &[&[-1.0]],
        Div => &[&[1.0, 0.0]],
        Rem => &[&[4.0, 2.0]],
        Powf => &[&[0.0, 0.0], &[0.0, 0.5], &[0.0, 2.0], &[-2.0, 3.0]],
        Hypot | Direction | Atan2 => &[&[0.0, 0.0]],
        Asin | Acos | Atanh => &[&[-1.0], &[1.0]],
        Acosh => &[&[1.0]],
        Min | Max => &[&[1.0, 1.0], &[1.0, f64::NAN]],
        Clamp => &[&[1.0, 1.0, 2.0], &[0.5, 1.0, 2.0], &[1.0, 2.0, 0.0]],
        LogAddExp => &[&[f64::INFINITY, f64::INFINITY]],
        Xlogy => &[&[0.0, 0.0], &[1.0, 0.0]],
        Copysign => &[&[0.0, 1.0]],
        _ => &[],
    }
}

/// Operands that are often where something happens.
const GRID: [f64; 17] = [-1e3, -3.0, -2.0, -1.5, -1.0, -0.5, -1e-300, -0.0, 0.0, 1e-300, 0.5, 1.0, 1.5, 2.0, 3.0, 40.0, 1e3];

fn arguments(op: Op, x: &[f64]) -> Vec<Value<f64, bool>> {
    let mut x = x.iter();
    let value = |dtype: &DType| match dtype {
        DType::Mask => Value::Mask(true),
        _ => Value::Num(*x.next().expect("a number for each operand")),
    };
    op.operands().iter().map(value).collect()
}

/// Every operation has a value where the page says so, and nowhere else.
#[test]
fn domains_are_where_values_are() {
    for &op in Op::ALL {
        let count = op.operands().iter().filter(|dtype| **dtype != DType::Mask).count();
        for k in 0..GRID.len().pow(count as u32) {
            let x: Vec<f64> = (0..count as u32).map(|j| GRID[k / GRID.len().pow(j) % GRID.len()]).collect();
            let value = numbers(&[op.apply(&arguments(op, &x))])[0];
            assert_eq!(!value.is_nan(), domain(op).1(&x), "{op} at {x:?} is {value}");
        }
    }
}

/// What the table's text says of each operation by name: the documentation, and the operands' names.
fn rows() -> HashMap<String, (String, Vec<String>)> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/op/table.rs")).unwrap();
    let (mut rows, mut documentation) = (HashMap::new(), String::new());
    for line in text.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("/// ") {
            documentation = format!("{documentation} {more}").trim().to_owned();
            continue;
        }
        if let (false, Some((head, _))) = (documentation.is_empty(), line.split_once(") = ")) {
            let (name, operands) = head.split_once('(').unwrap();
            let name = name.rsplit(' ').next().unwrap().to_owned();
            rows.insert(name, (documentation.clone(), operands.split(", ").map(str::to_owned).collect()));
        }
        documentation.clear();
    }
    for (name, documentation, operands) in [
        ("and", "Both masks.", &["p", "q"][..]),
        ("or", "Either mask.", &["p", "q"]),
        ("not", "Not the mask.", &["p"]),
        ("select", "x where the mask holds, y elsewhere.", &["m", "x", "y"]),
    ] {
        rows.insert(name.into(), (documentation.into(), operands.iter().map(|&name| name.into()).collect()));
    }
    rows
}

/// The derivatives in the operands, as formulas: the edges' maps of 1, traced and simplified.
fn derivatives(op: Op, operands: &[String]) -> Vec<String> {
    let floats: Vec<usize> = (0..op.arity()).filter(|&k| op.operands()[k] == DType::Float).collect();
    let f = Function::trace(("x", operands.len() + 1), |x: Vec<Expr>| {
        let value = |k: usize| match op.operands()[k] {
            DType::Mask => Value::Mask(x[k].gt(0.0)),
            _ => Value::Num(x[k]),
        };
        let operands: Vec<_> = (0..op.arity()).map(value).collect();
        // the result stands in the last place
        let edges = op.edges(&operands, Value::Num(x[op.arity()]));
        ("d", floats.iter().map(|&k| edges[k].partial()).collect::<Vec<Expr>>())
    });
    let f = f.unwrap().simplify().to_string();
    let mut terms: HashMap<String, (String, u8)> = HashMap::new();
    let names = operands.iter().cloned().chain(["z".into()]);
    names.enumerate().for_each(|(k, name)| drop(terms.insert(format!("%{k}"), (name, 9))));
    for line in f.lines().skip(1).filter_map(|line| line.trim().split_once(" = ")) {
        let (name, rest) = line.1.split_once(' ').unwrap_or((line.1, ""));
        let term = if name == "const" {
            constant(rest)
        } else {
            term(name, &rest.split(", ").map(|id| terms[id].clone()).collect::<Vec<_>>())
        };
        terms.insert(line.0.to_owned(), term);
    }
    let outputs = f.lines().next().unwrap().split_once("-> (").unwrap().1;
    let ids = outputs.split([' ', ')']).filter(|word| word.starts_with('%'));
    // A mask was traced as the sign of a number.
    let masks = (0..op.arity()).filter(|&k| op.operands()[k] == DType::Mask).map(|k| &operands[k]);
    ids.map(|id| masks.clone().fold(terms[id].0.clone(), |formula, mask| formula.replace(&format!("{mask} > 0"), mask))).collect()
}

fn constant(digits: &str) -> (String, u8) {
    let v: f64 = digits.parse().unwrap();
    use std::f64::consts::*;
    let known = [(LN_2, "ln 2"), (LOG2_E, "1/ln 2"), (LOG10_E, "1/ln 10"), (FRAC_2_SQRT_PI, "2/√π"), (-FRAC_2_SQRT_PI, "−2/√π")];
    match known.iter().find(|(other, _)| *other == v) {
        Some((_, name)) => (format!("({name})"), 9),
        None if v == 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 => ("(1/√(2π))".into(), 9),
        None => (format!("{v}").replace("inf", "∞").replace('-', "−"), if v < 0.0 { 2 } else { 9 }),
    }
}

/// An operation on terms, each with how strongly it holds together: 1 choices, 2 sums, 3 products, 9 what needs no brackets.
fn term(name: &str, of: &[(String, u8)]) -> (String, u8) {
    let at = |k: usize, least: u8| if of[k].1 < least { format!("({})", of[k].0) } else { of[k].0.clone() };
    let infix = |sign: &str, own: u8, right: u8| (format!("{}{sign}{}", at(0, own), at(1, right)), own);
    match name {
        "add" => infix(" + ", 2, 2),
        "sub" => infix(" − ", 2, 3),
        "mul" => infix("·", 3, 3),
        "div" => infix("/", 3, 4),
        "mul_add" => (format!("{}·{} + {}", at(0, 3), at(1, 3), at(2, 2)), 2),
        "neg" => (format!("−{}", at(0, 3)), 2),
        "recip" => (format!("1/{}", at(0, 4)), 3),
        "sqrt" => (format!("√{}", at(0, 9)), 4),
        "abs" => (format!("|{}|", of[0].0), 9),
        "powi[2]" => (format!("{}²", at(0, 9)), 4),
        "lt" => infix(" < ", 2, 2),
        "le" => infix(" ≤ ", 2, 2),
        "gt" => infix(" > ", 2, 2),
        "ge" => infix(" ≥ ", 2, 2),
        "eq" => infix(" = ", 2, 2),
        "ne" => infix(" ≠ ", 2, 2),
        "and" => infix(" and ", 1, 1),
        "or" => infix(" or ", 1, 1),
        "not" => (format!("not ({})", of[0].0), 9),
        "select" => (format!("{} where {}, else {}", at(1, 2), of[0].0, at(2, 2)), 1),
        // A parameter, as in powi[3], is an operand of the method.
        _ => {
            let (name, parameter) = name.trim_end_matches(']').split_once('[').map_or((name, None), |(name, n)| (name, Some(n)));
            (format!("{name}({})", of.iter().map(|term| &term.0[..]).chain(parameter).collect::<Vec<_>>().join(", ")), 9)
        }
    }
}

fn number(v: f64) -> String {
    match v {
        f64::INFINITY => "∞".into(),
        f64::NEG_INFINITY => "−∞".into(),
        0.0 => "0".into(),
        v => format!("{v:.4}").trim_end_matches('0').trim_end_matches('.').replace('-', "−"),
    }
}

/// Largest errors of kernels, f64 and f32, as measured: the table of `docs/numerics.md`.
fn measured() -> HashMap<String, String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/numerics.md")).unwrap();
    let table = page.split("## Accuracy of kernels").nth(1).unwrap().split("\n`cargo").next().unwrap();
    let cells =
        table.lines().filter(|line| line.starts_with("| ")).map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    cells
        .filter(|cells| cells[2].parse::<f64>().is_ok())
        .map(|cells| (cells[1].to_owned(), format!("{}, {}", cells[2], cells[4])))
        .collect()
}

fn accuracy(op: Op, measured: &HashMap<String, String>) -> String {
    use Op::*;
    match op {
        Neg | Detach | Relu | Abs | Signum | Copysign | Floor | Ceil | Round | Trunc | Fract | Min | Max | Clamp | Rem
        | Select => "exact".into(),
        Lt | Le | Gt | Ge | Eq | Ne | And | Or | Not => "exact".into(),
        Add | Sub | Mul | Div | Recip | MulAdd | Sqrt | LeakyRelu => "0.5".into(),
        Powi(_) => "0.5 to 1.3".into(),
        _ => measured.get(op.name()).cloned().unwrap_or_else(|| format!("≤ {} tested", tolerance(op) + 0.5)),
    }
}

fn page() -> String {
    let mut out = String::from(
        "# Operations\n\nEvery scalar operation, as a method of `Real`: on numbers, duals, jets and handles. The page is made from the op table \
         (`src/op/table.rs`): the value is the row's documentation, the derivative its edges as they are traced. z stands for the result. A \
         test holds the page against the table, and the domains against values.\n\n- **Domain**: where finite operands give a number; elsewhere NaN. Nothing \
         there means everywhere.\n- **At points**: the partial derivatives, one for each operand, where the textbook leaves a choice or one is infinite. A kink \
         has the same derivative in every mode: [kinks and special values](numerics.md#kinks-and-special-values).\n- **Error**: the largest one found, in units of \
         the last place of the exact value. Two figures are those of kernels in f64 and f32, measured; \"tested\" is the bound that tests \
         hold: [accuracy of kernels](numerics.md#accuracy-of-kernels). 0.5 is correctly rounded.\n\n\
         | operation | value | derivative in each operand | domain | at points | error |\n|---|---|---|---|---|---|\n",
    );
    let (rows, measured) = (rows(), measured());
    for &op in Op::ALL {
        let (documentation, operands) = &rows[op.name()];
        let mut derivative = String::new();
        if op.result() == DType::Float {
            let names = operands.iter().zip(op.operands()).filter(|(_, dtype)| **dtype == DType::Float);
            for ((name, _), formula) in names.zip(derivatives(op, operands)) {
                let _ = write!(derivative, "{}{name}: {formula}", if derivative.is_empty() { "" } else { "; " });
            }
        }
        let at = points(op).iter().map(|x| {
            let operands = arguments(op, x);
            let edges = op.edges(&operands, op.apply(&operands));
            let list = |v: &mut dyn Iterator<Item = f64>| v.map(number).collect::<Vec<_>>().join(", ");
            format!("({}): {}", list(&mut x.iter().copied()), list(&mut edges[..x.len()].iter().map(|edge| edge.partial())))
        });
        let at = at.collect::<Vec<_>>().join("; ");
        let parameter = op.parameter().map_or(String::new(), |n| format!(", n = {n}"));
        let cells = [
            format!("`{}({}{parameter})`", op.name(), operands.join(", ")),
            documentation.clone(),
            derivative,
            domain(op).0.into(),
            at,
            accuracy(op, &measured),
        ];
        let _ = writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    out
}

#[test]
fn the_page_is_made_from_the_table() {
    expect_test::expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")].assert_eq(&page());
}

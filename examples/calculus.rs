//! A formula, its derivatives as in a textbook, the same in LaTeX, and a plot.
//!
//!     cargo run --release --example calculus -- "x^5*sin(y)" x
//!     cargo run --release --example calculus -- "exp(-x^2/s)" x s=2
//!     cargo run --release --example calculus
//!
//! A name says by what the formula is differentiated (by default by all inputs), `name=number` where (by default at 1). Without arguments there
//! is a gallery.

use common::{Outcome, chart, chart::Chart, chart::Mark};
use wengert::{Function, formula};

/// The size of a plot in letters.
const COLUMNS: usize = 72;
const ROWS: usize = 17;

/// What the gallery differentiates by x, and what a textbook has.
const GALLERY: [(&str, &str); 16] = [
    ("x^5", "5x⁴"),
    ("x*cos(x)", "cos x − x·sin x"),
    ("x^2*exp(x)", "2x·eˣ + x²·eˣ"),
    ("sin(x)^3", "3 sin² x·cos x"),
    ("sqrt(1 - x^2)", "−x/√(1 − x²)"),
    ("sin(x)/x", "(cos x)/x − (sin x)/x²"),
    ("x*ln(x) - x", "ln x"),
    ("exp(-x^2/2)", "−x·e^(−x²/2)"),
    ("x^x", "xˣ + xˣ·ln x"),
    ("atan(x)", "1/(x² + 1)"),
    ("tanh(x)", "1/cosh² x"),
    ("2^x", "2ˣ·ln 2"),
    ("erf(x)", "2e^(−x²)/√π"),
    ("ln(1 + exp(x))", "eˣ/(eˣ + 1)"),
    ("abs(x)", "sgn(x)"),
    ("if(x > 0, x^2, -x)", "if(x > 0, 2x, −1)"),
];

/// What the gallery draws, and from where to where.
const CURVES: [(&str, f64, f64); 4] =
    [("sin(x)^3", -4.0, 4.0), ("x*cos(x)", -6.0, 6.0), ("exp(-x^2/2)", -4.0, 4.0), ("sqrt(abs(x))*sin(3*x)", -3.0, 3.0)];

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        None => gallery(),
        // An error of a formula has lines of its own.
        Some((formula, rest)) => show(formula, rest).map_err(|error| {
            eprintln!("{error}");
            std::process::exit(1)
        }),
    }
}

fn show(text: &str, arguments: &[String]) -> Outcome {
    let inputs = formula::unknowns(text)?;
    let f = Function::from_formula(text, &inputs)?;
    if f.output_len() != 1 || f.input_len() != inputs.len() {
        return Err("a plot is that of one result, and every input is one number".into());
    }
    let (mut by, mut at) = (vec![], vec![1.0; inputs.len()]);
    for argument in arguments {
        let (name, number) = argument.split_once('=').map_or((argument.as_str(), None), |(name, number)| (name, Some(number)));
        let k = f.inputs().iter().position(|input| input.name() == name);
        let k = k.ok_or_else(|| format!("the formula has no `{name}`; its names are {}", inputs.join(", ")))?;
        match number {
            Some(number) => at[k] = number.parse().map_err(|_| format!("`{number}` is no number"))?,
            None => by.push(k),
        }
    }
    if by.is_empty() {
        by.extend(0..inputs.len());
    }

    let place: Vec<String> = inputs.iter().zip(&at).map(|(name, v)| format!("{name} = {v}")).collect();
    println!("f = {}", right_side(&f.to_pretty()?));
    println!("  = {} at {}\n", digits(f.eval(&at)?[0]), if place.is_empty() { "every point".into() } else { place.join(", ") });
    let mut latex = vec![format!("f = {}", right_side(&f.to_latex()?))];
    for &k in &by {
        let name = &inputs[k];
        let first = f.wrt([name])?.grad()?;
        let second = first.grad()?;
        for (g, power) in [(&first, ""), (&second, "²")] {
            let left = format!("∂{power}f/∂{name}{power}");
            println!("{left} = {}", right_side(&g.to_pretty()?));
            println!("{:1$} = {2}\n", "", left.chars().count(), digits(g.eval(&at)?[0]));
        }
        let name = Function::from_formula(name, [name])?.to_latex()?;
        latex.push(format!(r"\frac{{\partial f}}{{\partial {name}}} = {}", right_side(&first.to_latex()?)));
        latex.push(format!(r"\frac{{\partial^{{2}} f}}{{\partial {name}^{{2}}}} = {}", right_side(&second.to_latex()?)));
    }
    println!("LaTeX:");
    latex.iter().for_each(|line| println!("  {line}"));

    if let Some(&k) = by.first() {
        let curve = curve(&f, k, &at, at[k] - 4.0, at[k] + 4.0, COLUMNS)?;
        println!("\nf (●) and ∂f/∂{0} (·) for {0} from {1} to {2}:\n", inputs[k], at[k] - 4.0, at[k] + 4.0);
        print!("{}", plot(&curve));
    }
    Ok(())
}

/// Ten digits behind the point, without the sign of what is rounded to 0.
fn digits(v: f64) -> String {
    let text = format!("{v:.10}");
    let is_zero = text.chars().all(|c| "-0.".contains(c));
    if is_zero { text.trim_start_matches('-').to_owned() } else { text }
}

/// What stands behind the name of a result.
fn right_side(text: &str) -> &str {
    text.split_once(" = ").filter(|(name, _)| !name.contains(' ')).map_or(text, |(_, right)| right)
}

/// Points of a function and its derivative along one input.
fn curve(f: &Function, along: usize, at: &[f64], from: f64, to: f64, points: usize) -> Outcome<Vec<[f64; 3]>> {
    let both = f.wrt([f.inputs()[along].name()])?.value_and_grad()?;
    let mut all = vec![];
    for k in 0..points {
        let mut x = at.to_vec();
        x[along] = from + (to - from) * k as f64 / (points - 1) as f64;
        let values = both.eval(&x)?;
        all.push([x[along], values[0], values[1]]);
    }
    Ok(all)
}

/// A picture of letters. Nine tenths of the values are in it, so that a pole does not flatten the rest.
fn plot(curve: &[[f64; 3]]) -> String {
    let mut values: Vec<f64> = curve.iter().flat_map(|p| [p[1], p[2]]).filter(|v| v.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return "nothing to see: there are no finite values\n".into() };
    let (mut lo, mut hi) = (values[last / 20], values[last - last / 20]);
    let room = ((hi - lo) * 0.1).max(1e-9 * (1.0 + hi.abs()));
    (lo, hi) = (lo - room, hi + room);
    let row =
        |v: f64| (v.is_finite() && (lo..=hi).contains(&v)).then(|| ((hi - v) / (hi - lo) * (ROWS - 1) as f64).round() as usize);
    let mut rows = vec![vec![' '; curve.len()]; ROWS];
    if let Some(zero) = row(0.0) {
        rows[zero].fill('─');
    }
    if let Some(zero) = curve.windows(2).position(|p| p[0][0] < 0.0 && p[1][0] >= 0.0) {
        rows.iter_mut().for_each(|row| row[zero + 1] = if row[0] == '─' { '┼' } else { '│' });
    }
    for (column, point) in curve.iter().enumerate() {
        for (letter, v) in [('·', point[2]), ('●', point[1])] {
            if let Some(row) = row(v) {
                rows[row][column] = letter;
            }
        }
    }
    let label = |k: usize| match k {
        0 => format!("{hi:10.3}"),
        k if k == ROWS - 1 => format!("{lo:10.3}"),
        _ => " ".repeat(10),
    };
    rows.iter().enumerate().map(|(k, row)| format!("{} {}\n", label(k), row.iter().collect::<String>().trim_end())).collect()
}

fn gallery() -> Outcome {
    println!("{:22} {:24} derivative", "formula", "as one writes it");
    for (text, wanted) in GALLERY {
        let f = Function::from_formula(text, ["x"])?;
        let slope = f.grad()?;
        let written = right_side(&slope.to_pretty()?).to_owned();
        println!("{text:22} {:24} {written}", f.to_pretty()?);
        assert_eq!(written, wanted, "the derivative of {text}");
        // What is written exactly reads back to the same bits.
        let again = Function::from_formula(&slope.to_formula()?, ["x"])?;
        assert_eq!(again.eval(&[0.625])?, slope.eval(&[0.625])?, "{text}");
        // By a difference of fourth order.
        let (x, h) = (0.625, 1e-3);
        let at = |k: f64| f.eval(&[x + k * h]).map(|y| y[0]);
        let difference = (8.0 * (at(1.0)? - at(-1.0)?) - (at(2.0)? - at(-2.0)?)) / (12.0 * h);
        assert!((difference - slope.eval(&[x])?[0]).abs() < 1e-8, "{text}: {difference}");
    }

    let f = Function::from_formula("a*exp(-b*t)*cos(w*t + phi)", ["t", "a", "b", "w", "phi"])?;
    println!("\nSeveral derivatives:\n{}", f.value_and_grad()?.to_pretty()?);
    println!("\nAs LaTeX:\n{}", f.value_and_grad()?.to_latex()?);
    let error = Function::from_formula("sin(x) + coz(x)", ["x"]).expect_err("there is no such function");
    println!("\nWhat is no formula:\n{error}\n");

    chart::picture("calculus.svg", (860, 640), |root| {
        for (area, (text, from, to)) in root.split_evenly((2, 2)).iter().zip(CURVES) {
            let f = Function::from_formula(text, ["x"])?;
            let points = curve(&f, 0, &[0.0], from, to, 241)?;
            let part = |k: usize| points.iter().filter(move |p| p[k].abs() < 8.0).map(move |p| (p[0], p[k])).collect::<Vec<_>>();
            Chart::new(&f.to_pretty()?, "x", "")
                .add("f", chart::BLUE, Mark::Line, part(1))
                .add("f′", chart::ORANGE, Mark::Dashed, part(2))
                .draw(area)?;
        }
        Ok(())
    })
}

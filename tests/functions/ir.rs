//! Text-in, text-out tests. In: `tests/ir/*.ir`, each a function in text form with directives in its comments:
//!
//! - `; run: grad eval(2, 1) -> 2, 5` transforms the function, evaluates it with every engine, and compares bits;
//! - `; check: grad` transforms the function; the comment that follows is the text of the result.
//!
//! `BLESS=1 cargo test --test functions ir` writes the results after `check`; the numbers of `run` are written by hand.

use crate::common::flat;
use std::{fmt::Write, path::Path};
use wengert::simplify::Simplify;
use wengert::{Function, Options, Width};

/// The transformations, by the words of the directives; they apply from left to right.
fn transform(f: &Function, word: &str) -> Result<Function, wengert::Error> {
    if let Some(names) = word.strip_prefix("wrt(").and_then(|rest| rest.strip_suffix(')')) {
        return f.wrt(names.split(','));
    }
    match word {
        // As it was read: equal nodes merged, unused ones dropped.
        "print" => Ok(f.clone()),
        "jvp" => f.jvp(),
        "vjp" => f.vjp(),
        "grad" => f.grad(),
        "value_and_grad" => f.value_and_grad(),
        "jacobian" => f.jacobian(),
        "hessian" => f.hessian(),
        "hvp" => f.hvp(),
        "simplify" => Ok(f.simplify()),
        "simplify(rounding)" => Ok(f.simplify_with(Simplify::EXACT.rounding(true))),
        "simplify(finite)" => Ok(f.simplify_with(Simplify::EXACT.finite(true))),
        "simplify(all)" => Ok(f.simplify_with(Simplify::EXACT.rounding(true).finite(true))),
        _ => panic!("there is no transformation `{word}`"),
    }
}

type Engine = fn(&Function, &[f64]) -> Vec<f64>;

/// All ways to evaluate a function; they must agree to the bit.
const ENGINES: &[(&str, Engine)] = &[
    ("walk over the graph", |f, x| in_width(f, x, |f, x| f.eval(x), |f, x| f.eval(x))),
    ("linearisation", |f, x| in_width(f, x, |f, x| Ok(f.linearize_at(x)?.outputs()), |f, x| Ok(f.linearize_at(x)?.outputs()))),
    ("simplified", |f, x| in_width(&f.simplify(), x, |f, x| f.eval(x), |f, x| f.eval(x))),
    ("interpreted plan", |f, x| {
        in_width(
            f,
            x,
            |f, x| flat(&f.compile_with(Options::new().fuse(false).interpreted(true))?, x),
            |f, x| flat(&f.compile_with(Options::new().fuse(false).interpreted(true))?, x),
        )
    }),
    ("native code", |f, x| {
        in_width(
            f,
            x,
            |f, x| flat(&f.compile_with(Options::new().fuse(false))?, x),
            |f, x| flat(&f.compile_with(Options::new().fuse(false))?, x),
        )
    }),
];

type In<T> = fn(&Function, &[T]) -> Result<Vec<T>, wengert::Error>;

/// Evaluates in the function's own width.
fn in_width(f: &Function, x: &[f64], wide: In<f64>, narrow: In<f32>) -> Vec<f64> {
    match f.width() {
        Width::F64 => wide(f, x).unwrap(),
        Width::F32 => {
            let x: Vec<f32> = x.iter().map(|&v| v as f32).collect();
            narrow(f, &x).unwrap().into_iter().map(f64::from).collect()
        }
    }
}

fn transformed(f: &Function, words: &str) -> Function {
    words.split_whitespace().fold(f.clone(), |f, word| {
        let f = transform(&f, word).unwrap_or_else(|error| panic!("{word}: {error}"));
        f.graph().verify().unwrap_or_else(|error| panic!("{word}: {error}"));
        f
    })
}

fn numbers(text: &str) -> Vec<f64> {
    let number = |word: &str| word.trim().parse().unwrap_or_else(|_| panic!("`{word}` is not a number"));
    text.split(',').filter(|word| !word.trim().is_empty()).map(number).collect()
}

/// `grad eval(2, 1) -> 2, 5`
fn run(f: &Function, directive: &str) {
    let parts = directive.split_once("->").and_then(|(call, want)| Some((call.trim().strip_suffix(')')?, want)));
    let (words, x, want) = parts
        .and_then(|(call, want)| call.rsplit_once("eval(").map(|(words, x)| (words, numbers(x), numbers(want))))
        .unwrap_or_else(|| panic!("`{directive}` is not of the form `grad eval(2, 1) -> 2, 5`"));
    let f = transformed(f, words);
    // All NaNs count as equal.
    let bits = |values: &[f64]| values.iter().map(|v| if v.is_nan() { f64::NAN } else { *v }.to_bits()).collect::<Vec<u64>>();
    for (name, engine) in ENGINES {
        let got = engine(&f, &x);
        assert_eq!(bits(&got), bits(&want), "the {name} gives {got:?} for `{directive}`");
    }
}

/// The text of a file as it should be, its `run` directives having held.
fn process(text: &str) -> String {
    let f = Function::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut out = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(out, "{line}").unwrap();
        if let Some(directive) = line.strip_prefix("; run:") {
            run(&f, directive.trim());
        }
        let Some(words) = line.strip_prefix("; check:") else { continue };
        if lines.next_if(|line| line.starts_with("; function")).is_some() {
            while lines.next_if(|line| line.starts_with(';')).is_some_and(|line| line != "; }") {}
        }
        let printed = transformed(&f, words).to_string();
        assert_eq!(Function::parse(&printed).unwrap().to_string(), printed, "the text of `{words}` reads back differently");
        for line in printed.lines() {
            writeln!(out, "; {line}").unwrap();
        }
    }
    out
}

#[test]
fn files() {
    let mut paths: Vec<_> = Path::new("tests/ir").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ir"));
    paths.sort();
    assert!(!paths.is_empty());
    let bless = std::env::var_os("BLESS").is_some_and(|value| value == "1");
    let mut failed = Vec::new();
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        match std::panic::catch_unwind(|| process(&text)) {
            Ok(new) if new == text => {}
            Ok(new) if bless => std::fs::write(path, new).unwrap(),
            Ok(new) => {
                let (k, line) = new.lines().enumerate().find(|&(k, line)| text.lines().nth(k) != Some(line)).unwrap_or_default();
                let was = text.lines().nth(k).unwrap_or_default();
                failed.push(format!("{}:{}: has\n  {was}\nbut it is\n  {line}", path.display(), k + 1));
            }
            Err(_) => failed.push(format!("{}: panicked", path.display())),
        }
    }
    assert!(failed.is_empty(), "{}\nBLESS=1 accepts changed texts", failed.join("\n"));
}

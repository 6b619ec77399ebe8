//! Random array programs against JAX: value, gradient, product with the Jacobian and with the Hessian, in every engine. `jax.py` has computed
//! jax.json; no JAX is needed here.

use wengert::graph::Axis;
use wengert::{Array, Compiled, Expr, Function, Options, scan, select};

/// How far a number may be off, relative to the largest of its kind.
const RELATIVE: f64 = 1e-12;

// ---- the file ----

#[derive(Debug)]
enum Json {
    Number(f64),
    Text(String),
    List(Vec<Json>),
    Map(Vec<(String, Json)>),
}

impl Json {
    /// The value that a text begins with; the rest of the text is left.
    fn read(text: &mut &str) -> Json {
        *text = text.trim_start();
        let (first, rest) = text.split_at(1);
        match first {
            "{" => Json::Map(Json::items(rest, "}", text, |text| {
                let Json::Text(name) = Json::read(text) else { panic!("a name stands before {text:.40}") };
                *text = text.trim_start().strip_prefix(':').expect("a colon behind a name");
                (name, Json::read(text))
            })),
            "[" => Json::List(Json::items(rest, "]", text, Json::read)),
            "\"" => {
                let (own, rest) = rest.split_once('"').expect("the end of a text");
                *text = rest;
                Json::Text(own.into())
            }
            _ => {
                let end = text.find(|c: char| !"+-.eE0123456789".contains(c)).unwrap_or(text.len());
                let (own, rest) = text.split_at(end);
                *text = rest;
                Json::Number(own.parse().unwrap_or_else(|_| panic!("{own:?} is no number")))
            }
        }
    }

    fn items<'t, V>(mut rest: &'t str, end: &str, text: &mut &'t str, item: impl Fn(&mut &'t str) -> V) -> Vec<V> {
        let mut all = vec![];
        loop {
            rest = rest.trim_start().trim_start_matches(',').trim_start();
            if let Some(rest) = rest.strip_prefix(end) {
                *text = rest;
                return all;
            }
            all.push(item(&mut rest));
        }
    }

    fn of(&self, name: &str) -> &Json {
        let Json::Map(all) = self else { panic!("{self:?} has no names") };
        &all.iter().find(|(own, _)| own == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn list(&self) -> &[Json] {
        let Json::List(all) = self else { panic!("{self:?} is no list") };
        all
    }

    fn number(&self) -> f64 {
        let Json::Number(v) = self else { panic!("{self:?} is no number") };
        *v
    }

    fn text(&self) -> &str {
        let Json::Text(text) = self else { panic!("{self:?} is no text") };
        text
    }

    fn numbers(&self) -> Vec<f64> {
        self.list().iter().map(Json::number).collect()
    }

    fn places(&self) -> Vec<usize> {
        self.list().iter().map(|v| v.number() as usize).collect()
    }
}

// ---- the programs ----

fn apply(name: &str, x: &[Expr], n: &[f64]) -> Expr {
    let at = |k: usize| n[k] as usize;
    let axis = || n[0] as isize;
    match name {
        "sin" => x[0].sin(),
        "cos" => x[0].cos(),
        "tanh" => x[0].tanh(),
        "exp" => x[0].exp(),
        "exp_m1" => x[0].exp_m1(),
        "sigmoid" => x[0].sigmoid(),
        "softplus" => x[0].softplus(),
        "atan" => x[0].atan(),
        "asinh" => x[0].asinh(),
        "erf" => x[0].erf(),
        "relu" => x[0].relu(),
        "abs" => x[0].abs(),
        "square" => x[0] * x[0],
        "neg" => -x[0],
        "sqrt" => x[0].sqrt(),
        "ln" => x[0].ln(),
        "recip" => x[0].recip(),
        "ln_1p" => x[0].ln_1p(),
        "cbrt" => x[0].cbrt(),
        "lgamma" => x[0].lgamma(),
        "add" => x[0] + x[1],
        "sub" => x[0] - x[1],
        "mul" => x[0] * x[1],
        "div" => x[0] / x[1],
        "max" => x[0].max(x[1]),
        "min" => x[0].min(x[1]),
        "atan2" => x[0].atan2(x[1]),
        "log_add_exp" => x[0].log_add_exp(x[1]),
        "powf" => x[0].powf(x[1]),
        "shift" => x[0] + n[0],
        "scale" => x[0] * n[0],
        "sum" => x[0].sum(axis()),
        "mean" => x[0].mean(axis()),
        "max_of" => x[0].max_of(axis()),
        "prod" => x[0].prod(axis()),
        "log_sum_exp" => x[0].log_sum_exp(axis()),
        "softmax" => x[0].softmax(axis()),
        "log_softmax" => x[0].log_softmax(axis()),
        "cumsum" => x[0].cumsum(axis()),
        "cumprod" => x[0].cumprod(axis()),
        "norm" => x[0].norm(),
        "matmul" => x[0].matmul(x[1]),
        "t" => x[0].t(),
        "reshape" => x[0].reshape([at(0)]),
        "slice" => x[0].slice_by(axis(), at(1), (at(2) - at(1)).div_ceil(at(3)), n[3] as isize),
        "pad" => x[0].pad(axis(), at(1), at(2)),
        "concat" => Expr::concat(x, axis()),
        "plus_identity" => {
            let [Axis::Fixed(rows), ..] = x[0].shape().axes() else { panic!("a matrix of a fixed shape") };
            x[0] + Expr::eye(*rows)
        }
        "solve" => x[0].solve(x[1]),
        "det" => x[0].det(),
        "cholesky" => x[0].cholesky(),
        "select" => select(x[0].gt(x[1]), x[2], x[3]),
        "scan" => {
            scan(x[0], x[1], |c: Expr, row: Expr| {
                let c = (c * x[2] + row).tanh();
                (c, c)
            })
            .1
        }
        _ => panic!("no step {name}"),
    }
}

/// The sum of the means of all values that no step takes.
fn call(steps: &[Json], inputs: &[Expr]) -> Expr {
    let mut values = inputs.to_vec();
    let mut used = vec![];
    for step in steps {
        let of = step.list()[1].places();
        let x: Vec<Expr> = of.iter().map(|&k| values[k]).collect();
        values.push(apply(step.list()[0].text(), &x, &step.list()[2].numbers()));
        used.extend(of);
    }
    let ends = values.iter().enumerate().filter(|(k, _)| !used.contains(k));
    ends.map(|(_, v)| v.mean(..)).reduce(|a, b| a + b).expect("the last is an end")
}

#[track_caller]
fn hold(what: &str, found: &[f64], wanted: &[f64]) {
    assert_eq!(found.len(), wanted.len(), "{what}");
    let largest = wanted.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    let off = found.iter().zip(wanted).fold(0.0, |m: f64, (a, b)| if a.is_nan() { f64::INFINITY } else { m.max((a - b).abs()) });
    assert!(off <= RELATIVE * largest, "{what}: off by {off:e} of {largest:e}\n{found:?}, not\n{wanted:?}");
}

#[test]
fn programs_are_as_jax_computes_them() {
    let mut text = include_str!("jax.json");
    let file = Json::read(&mut text);
    let programs = file.of("programs").list();
    assert_eq!(programs.len(), 60);
    for (k, program) in programs.iter().enumerate() {
        let shapes: Vec<Vec<usize>> = program.of("shapes").list().iter().map(Json::places).collect();
        let named = |(k, shape): (usize, &Vec<usize>)| {
            let axes: Vec<String> = shape.iter().map(usize::to_string).collect();
            if axes.is_empty() { format!("x{k}") } else { format!("x{k}[{}]", axes.join(",")) }
        };
        let names: Vec<String> = shapes.iter().enumerate().map(named).collect();
        let steps = program.of("steps").list();
        let f = Function::trace(names, |x: Vec<Expr>| call(steps, &x)).unwrap_or_else(|error| panic!("program {k}: {error}"));
        let arrays = |name: &str| -> Vec<Array> {
            let data = program.of(name).list().iter().map(Json::numbers);
            shapes.iter().zip(data).map(|(shape, data)| Array::new(shape, data).expect("as many numbers as places")).collect()
        };
        let flat = |name: &str| program.of(name).list().iter().flat_map(Json::numbers).collect::<Vec<f64>>();
        let (x, v) = (arrays("inputs"), arrays("directions"));
        let both = [&x[..], &v].concat();
        let (value, tangent) = (program.of("value").number(), program.of("tangent").number());
        let curvature: f64 = flat("product").iter().zip(flat("directions")).map(|(h, v)| h * v).sum();
        let wanted = [
            ("value", f.clone(), &x, vec![value]),
            ("grad", f.grad().unwrap(), &x, flat("gradient")),
            ("jvp", f.jvp().unwrap(), &both, vec![tangent]),
            ("hvp", f.hvp().unwrap(), &both, flat("product")),
            ("taylor", f.taylor(1).unwrap(), &both, vec![value, tangent]),
        ];
        for (mode, f, x, wanted) in &wanted {
            let run = |compiled: Compiled| compiled.run(x).unwrap().into_arrays();
            let engines = [
                ("evaluated", f.run(x).unwrap().into_arrays()),
                ("interpreted", run(f.compile_with(Options::new().interpreted(true)).unwrap())),
                ("native", run(f.compile().unwrap())),
            ];
            for (engine, found) in engines {
                let found: Vec<f64> = found.iter().flat_map(|y| y.data().to_vec()).collect();
                hold(&format!("program {k}, {mode}, {engine}"), &found[found.len() - wanted.len()..], wanted);
            }
        }
        let second = f.taylor(2).unwrap().run(&both).unwrap().into_arrays()[2].data()[0] * 2.0;
        // A sum of products is as exact as its largest term.
        let largest = flat("product").iter().zip(flat("directions")).fold(tangent.abs(), |m, (h, v)| m.max((h * v).abs()));
        assert!((second - curvature).abs() <= 1e-11 * largest, "program {k}, taylor: {second}, not {curvature}");
    }
}

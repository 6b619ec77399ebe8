//! An adapter for GradBench: JSON lines in on standard input, JSON lines out on standard output.
//!
//!     cargo run --release --example gradbench < messages
//!
//! Every eval is one file of mathematics beside this one, written once; values and derivatives come from it. Compilation is part of the
//! preparation and is reported there. To add an eval, add its file and its row in `EVALS`.

pub mod ba;
pub mod det;
pub mod gmm;
mod hello;
pub mod ht;
pub mod kmeans;
pub mod llsq;
pub mod lse;
pub mod lstm;
pub mod ode;
pub mod prepared;

use prepared::{Prepare, Prepared, Result};
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};
use std::time::Instant;

/// A module's functions, by name.
type Functions = &'static [(&'static str, Prepare)];

const EVALS: &[(&str, Functions)] = &[
    ("hello", &[("square", hello::square), ("double", hello::double)]),
    ("gmm", &[("objective", gmm::objective), ("jacobian", gmm::jacobian)]),
    ("ba", &[("objective", ba::objective), ("jacobian", ba::jacobian)]),
    ("lstm", &[("objective", lstm::objective), ("jacobian", lstm::jacobian)]),
    ("ht", &[("objective", ht::objective), ("jacobian", ht::jacobian)]),
    ("ode", &[("primal", ode::primal), ("gradient", ode::gradient)]),
    ("lse", &[("primal", lse::primal), ("gradient", lse::gradient)]),
    ("llsq", &[("primal", llsq::primal), ("gradient", llsq::gradient)]),
    ("det", &[("primal", det::primal), ("gradient", det::gradient)]),
    ("kmeans", &[("cost", kmeans::cost), ("dir", kmeans::dir)]),
];

/// The program: answers standard input on standard output.
pub fn main() -> io::Result<()> {
    serve(io::stdin().lock(), io::stdout().lock())
}

/// Answers every line with a line, until there are no more.
pub fn serve(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    for line in input.lines() {
        writeln!(output, "{}", answer(&line?))?;
        output.flush()?;
    }
    Ok(())
}

fn answer(line: &str) -> Value {
    let message: Value = match serde_json::from_str(line) {
        Ok(message) => message,
        Err(error) => return json!({"id": null, "success": false, "error": format!("no JSON: {error}")}),
    };
    let id = &message["id"];
    if !id.is_u64() {
        return json!({"id": null, "success": false, "error": "a message needs an `id`, a whole number"});
    }
    let refusal = |error: String| json!({"id": id, "success": false, "error": error});
    let text = |key: &str| message[key].as_str().unwrap_or_default();
    let module = || {
        let name = text("module");
        EVALS.iter().find(|(known, _)| *known == name).ok_or_else(|| format!("no module is named `{name}`"))
    };
    match text("kind") {
        "start" => json!({"id": id, "tool": "wengert"}),
        "define" => module().map_or_else(refusal, |_| json!({"id": id, "success": true})),
        "evaluate" => {
            let name = text("function");
            let evaluated = module().map_err(Into::into).and_then(|(_, functions)| {
                let function = functions.iter().find(|(known, _)| *known == name);
                let (_, prepare) = function.ok_or_else(|| format!("no function is named `{name}`"))?;
                evaluate(*prepare, message.get("input").ok_or("an evaluation needs an `input`")?)
            });
            match evaluated {
                Ok((output, timings)) => json!({"id": id, "success": true, "output": output, "timings": timings}),
                Err(error) => refusal(error.to_string()),
            }
        }
        _ => json!({"id": id}),
    }
}

/// Prepares once, then runs as often and as long as asked for.
fn evaluate(prepare: Prepare, input: &Value) -> Result<(Value, Vec<Value>)> {
    let bound = |key: &str, default: f64| match input.get(key) {
        None => Ok(default),
        Some(v) => v.as_f64().filter(|v| v.is_finite() && *v >= 0.0).ok_or(format!("`{key}` is {v}")),
    };
    let (runs, seconds) = (bound("min_runs", 1.0)?.max(1.0), bound("min_seconds", 0.0)?);
    let timing = |name: &str, since: Instant| json!({"name": name, "nanoseconds": since.elapsed().as_nanos() as u64});
    let start = Instant::now();
    let Prepared { mut run, output } = prepare(input)?;
    let mut timings = vec![timing("prepare", start)];
    let begin = Instant::now();
    let mut buffers = None;
    let mut count = 0.0;
    while count < runs || begin.elapsed().as_secs_f64() < seconds {
        // The results' memory is used again.
        drop(buffers.take());
        let start = Instant::now();
        let results = run()?;
        timings.push(timing("evaluate", start));
        buffers = Some(results);
        count += 1.0;
    }
    let output = output(buffers.expect("it has run"));
    match prepared::not_finite(&output) {
        true => Err("a result is not finite, and JSON has no word for that".into()),
        false => Ok((output, timings)),
    }
}

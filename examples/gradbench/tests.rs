//! The GradBench adapter answers checked cases, and survives lines that are none.

use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use wengert_gradbench::ba::{Csr, Jacobian, Problem};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/cases");

/// Answers to messages, in process.
fn answers(messages: &[String]) -> Vec<Value> {
    let mut out = Vec::new();
    wengert_gradbench::serve(messages.join("\n").as_bytes(), &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn case(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(Path::new(CASES).join(path)).unwrap()).unwrap()
}

/// Numbers of a value that is a number, or a list of such values.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        value => vec![value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))],
    }
}

/// Every array to 1e-9 of its largest magnitude.
fn compare(got: &Value, wanted: &Value, at: &str) {
    if let (Value::Object(got), Value::Object(wanted)) = (got, wanted) {
        assert!(got.keys().eq(wanted.keys()), "{at}: {:?}", got.keys());
        got.iter().for_each(|(key, value)| compare(value, &wanted[key], &format!("{at}.{key}")));
        return;
    }
    let (got, wanted) = (numbers(got), numbers(wanted));
    assert_eq!(got.len(), wanted.len(), "{at}");
    let largest = wanted.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    for (k, (a, b)) in got.iter().zip(&wanted).enumerate() {
        assert!((a - b).abs() <= 1e-9 * largest, "{at}[{k}]: {a} is not {b} (largest {largest})");
    }
}

#[test]
fn every_case_is_answered() {
    let mut names: Vec<String> = std::fs::read_dir(CASES)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".json") && name != "adbench_ba_varied.json")
        .collect();
    names.sort();
    assert_eq!(names.len(), 21);
    for name in names {
        let case = case(&name);
        let entries = case["entries"].as_array().unwrap();
        let mut messages = vec![json!({"id": 0, "kind": "start"}), json!({"id": 1, "kind": "define", "module": case["eval"]})];
        messages.extend(entries.iter().enumerate().map(|(k, entry)| {
            json!({"id": k + 2, "kind": "evaluate", "module": case["eval"], "function": entry["function"], "input": entry["input"]})
        }));
        let answers = answers(&messages.iter().map(Value::to_string).collect::<Vec<_>>());
        assert_eq!(answers[0], json!({"id": 0, "tool": "wengert"}));
        assert_eq!(answers[1], json!({"id": 1, "success": true}));
        for (entry, answer) in entries.iter().zip(&answers[2..]) {
            let at = format!("{name} {}", entry["function"]);
            assert_eq!(answer["success"], true, "{at}: {}", answer["error"]);
            let names: Vec<&str> = answer["timings"].as_array().unwrap().iter().map(|t| t["name"].as_str().unwrap()).collect();
            assert_eq!(names, ["prepare", "evaluate"], "{at}");
            compare(&answer["output"], entry.get("rk4_gradient").unwrap_or(&entry["output"]), &at);
        }
    }
}

#[test]
fn cameras_and_points_that_differ_are_told_apart() {
    let case = case("adbench_ba_varied.json");
    let rows = |key: &str| -> Vec<Vec<f64>> { case[key].as_array().unwrap().iter().map(numbers).collect() };
    let problem = Problem {
        cameras: rows("cams").into_iter().map(|c| c.try_into().unwrap()).collect(),
        points: rows("X").into_iter().map(|x| x.try_into().unwrap()).collect(),
        weights: numbers(&case["w"]),
        features: rows("feats").into_iter().map(|f| f.try_into().unwrap()).collect(),
        observations: rows("obs").iter().map(|o| (o[0] as usize, o[1] as usize)).collect(),
    };
    let mut csr = Csr::default();
    Jacobian::new().unwrap().run(&problem, &mut csr).unwrap();
    let p = problem.observations.len();
    assert_eq!((csr.rows.len(), csr.columns.len(), csr.values.len()), (3 * p + 1, 31 * p, 31 * p));
    assert_eq!((csr.rows[2 * p] as usize, csr.rows[3 * p] as usize), (30 * p, 31 * p));
    for (i, block) in case["blocks_2x15"].as_array().unwrap().iter().enumerate() {
        compare(&json!(csr.values[30 * i..30 * i + 30]), block, &format!("observation {i}"));
        let (camera, point) = problem.observations[i];
        assert_eq!(csr.columns[30 * i] as usize, 11 * camera);
        assert_eq!(csr.columns[30 * i + 15 + 11] as usize, 11 * problem.cameras.len() + 3 * point);
    }
    compare(&json!(csr.values[30 * p..]), &case["dw_err"], "weights");
}

#[test]
fn malformed_lines_get_an_error_line() {
    let evaluate = |function: &str, input: Value| {
        json!({"id": 7, "kind": "evaluate", "module": "lse", "function": function, "input": input}).to_string()
    };
    let bad = [
        ("{".to_owned(), "no JSON"),
        ("[]".into(), "needs an `id`"),
        (r#"{"id": -1, "kind": "start"}"#.into(), "needs an `id`"),
        (r#"{"id": 1, "kind": "define", "module": "means"}"#.into(), "no module is named `means`"),
        (evaluate("hessian", json!({"x": [1.0]})), "no function is named `hessian`"),
        (evaluate("primal", json!({"y": [1.0]})), "missing field `x`"),
        (evaluate("primal", json!({"x": ["one"]})), "invalid type"),
        (evaluate("primal", json!({"x": [1.0], "min_runs": "many"})), "`min_runs` is \"many\""),
        (evaluate("primal", json!({"x": []})), "not finite"),
        (r#"{"id": 7, "kind": "evaluate", "module": "lse", "function": "primal"}"#.into(), "needs an `input`"),
        (
            r#"{"id": 7, "kind": "evaluate", "module": "gmm", "function": "objective", "input": {"d": 2, "k": 1, "n": 2, "x": [[1, 2], [3]],
            "m": 0, "gamma": 1, "alpha": [0], "mu": [[0, 0]], "q": [[0, 0]], "l": [[0]]}}"#
                .replace('\n', " "),
            "a row of `x` has 1 numbers, not 2",
        ),
    ];
    for (line, what) in bad {
        let answer = &answers(std::slice::from_ref(&line))[0];
        assert_eq!(answer["success"], false, "{line}");
        assert!(answer["error"].as_str().unwrap().contains(what), "{line}: {answer}");
    }
    assert_eq!(answers(&[r#"{"id": 3, "kind": "analysis", "of": 2, "valid": true}"#.into()]), [json!({"id": 3})]);
}

/// As the suite runs it: a process, line by line.
#[test]
fn the_program_speaks_over_standard_input_and_output() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_gradbench"));
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = [
        r#"{"id": 0, "kind": "start", "eval": "hello"}"#,
        "nonsense",
        r#"{"id": 1, "kind": "evaluate", "module": "hello", "function": "double", "input": 21.0}"#,
        r#"{"id": 2, "kind": "evaluate", "module": "lse", "function": "gradient", "input": {"x": [2.0, 2.0], "min_runs": 3}}"#,
    ];
    child.stdin.take().unwrap().write_all(lines.join("\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let answers: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 4);
    assert_eq!((&answers[1]["success"], &answers[2]["output"]), (&json!(false), &json!(42.0)));
    assert_eq!(answers[3]["output"], json!([0.5, 0.5]));
    assert_eq!(answers[3]["timings"].as_array().unwrap().len(), 4);
}

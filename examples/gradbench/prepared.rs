//! A function that is ready to run: compiled, its inputs in memory.

use serde_json::{Value, json};
use std::error::Error;
use std::rc::Rc;
use wengert::Function;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Makes a function ready for an input.
pub type Prepare = fn(&Value) -> Result<Prepared>;

/// The slices of the last run's results.
pub type Results = Rc<Vec<Vec<f64>>>;

/// A function with its input; what is timed, and what makes JSON of the results.
pub struct Prepared {
    pub run: Box<dyn FnMut() -> Result<Results>>,
    pub output: Box<dyn Fn(Results) -> Value>,
}

impl Prepared {
    /// A function of arrays with its inputs and the lengths of its outputs.
    pub fn arrays(
        f: &Function,
        inputs: Vec<Vec<f64>>,
        lengths: Vec<usize>,
        output: impl Fn(&[Vec<f64>]) -> Value + 'static,
    ) -> Result<Prepared> {
        let code = f.compile()?;
        Ok(Prepared::new(lengths, output, move |outputs| {
            let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
            let mut outputs: Vec<&mut [f64]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
            Ok(code.call_into(&inputs, &mut outputs)?)
        }))
    }

    /// Anything that fills outputs of some lengths.
    pub fn new(
        lengths: Vec<usize>,
        output: impl Fn(&[Vec<f64>]) -> Value + 'static,
        mut fill: impl FnMut(&mut [Vec<f64>]) -> Result<()> + 'static,
    ) -> Prepared {
        let mut buffers: Results = Rc::new(lengths.into_iter().map(|n| vec![0.0; n]).collect());
        let run = move || {
            // Between runs nobody else holds the buffers.
            fill(Rc::<Vec<_>>::make_mut(&mut buffers))?;
            Ok(buffers.clone())
        };
        Prepared { run: Box::new(run), output: Box::new(move |results| output(&results)) }
    }
}

/// The only number of the first result.
pub fn number(results: &[Vec<f64>]) -> Value {
    json!(results[0][0])
}

/// The first result as a list.
pub fn list(results: &[Vec<f64>]) -> Value {
    json!(results[0])
}

/// A result as rows of a length.
pub fn rows(result: &[f64], len: usize) -> Value {
    if len == 0 { json!([]) } else { json!(result.chunks(len).collect::<Vec<_>>()) }
}

/// Whether a number is missing, which is how NaN and infinity come out.
pub fn not_finite(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(not_finite),
        Value::Object(fields) => fields.values().any(not_finite),
        _ => false,
    }
}

/// Rows of one length, joined.
pub fn joined(name: &str, rows: &[Vec<f64>], len: usize) -> Result<Vec<f64>> {
    match rows.iter().find(|row| row.len() != len) {
        Some(row) => Err(format!("a row of `{name}` has {} numbers, not {len}", row.len()).into()),
        None => Ok(rows.concat()),
    }
}

/// That a list has as many elements as it must.
pub fn check_len(name: &str, got: usize, wanted: usize) -> Result<()> {
    if got == wanted { Ok(()) } else { Err(format!("`{name}` has the length {got}, not {wanted}").into()) }
}

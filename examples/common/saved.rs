//! A trained model as a JSON file: the function in its text form, and the parameters. Whoever loads it needs no code of
//! the model.

use super::{Outcome, in_repository, write_out};
use serde::{Deserialize, Serialize};
use std::fs;
use wengert::Function;

#[derive(Serialize, Deserialize)]
pub struct Saved {
    pub about: String,
    /// What `Function::parse` reads.
    pub function: String,
    /// Its inputs but the last, which is what it is called with. serde_json's `float_roundtrip` brings back every bit.
    pub parameters: Vec<f64>,
}

impl Saved {
    pub fn save(&self, name: &str) -> Outcome {
        write_out(name, &serde_json::to_string_pretty(self)?)
    }

    /// The model and its function; `maker` is the example that writes the file.
    pub fn load(name: &str, maker: &str) -> Outcome<(Saved, Function)> {
        let text = fs::read_to_string(in_repository("out").join(name))
            .map_err(|error| format!("out/{name}: {error}; `cargo run --release --example {maker}` writes it"))?;
        let saved: Saved = serde_json::from_str(&text).map_err(|error| format!("out/{name}: {error}"))?;
        let function = Function::parse(&saved.function).map_err(|error| format!("out/{name}, the function: {error}"))?;
        let wanted: usize = function.inputs().iter().rev().skip(1).map(|input| input.len()).sum();
        if saved.parameters.len() != wanted {
            return Err(format!("out/{name}: {} parameters, where the function has {wanted}", saved.parameters.len()).into());
        }
        Ok((saved, function))
    }
}

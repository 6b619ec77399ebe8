//! Trained models as JSON files. That of a function of numbers, [`Saved`], has the function in its text form beside the
//! parameters, so that whoever loads it needs no code of the model. That of a function of arrays, [`Weights`], has the
//! parameters with their shapes. Both name the version of their form, and another version is an error.

use super::{Outcome, in_repository, write_out};
use serde::{Deserialize, Serialize};
use std::fs;
use wengert::Function;

/// The version of the files' form. It grows whenever a file of the old form would be misread.
const VERSION: u32 = 1;

fn check_version(name: &str, text: &str) -> Outcome {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
    }
    let head: Head = serde_json::from_str(text).map_err(|error| format!("out/{name}: {error}"))?;
    if head.version == VERSION { Ok(()) } else { Err(format!("out/{name}: version {}, not {VERSION}", head.version).into()) }
}

#[derive(Serialize, Deserialize)]
pub struct Saved {
    version: u32,
    pub about: String,
    /// What `Function::parse` reads.
    pub function: String,
    /// Its inputs but the last, which is what it is called with. serde_json's `float_roundtrip` brings back every bit.
    pub parameters: Vec<f64>,
}

impl Saved {
    pub fn new(about: String, function: &Function, parameters: Vec<f64>) -> Saved {
        Saved { version: VERSION, about, function: function.to_string(), parameters }
    }

    pub fn save(&self, name: &str) -> Outcome {
        write_out(name, &serde_json::to_string_pretty(self)?)
    }

    /// The model and its function; `maker` is the example that writes the file.
    pub fn load(name: &str, maker: &str) -> Outcome<(Saved, Function)> {
        let text = fs::read_to_string(in_repository("out").join(name))
            .map_err(|error| format!("out/{name}: {error}; `cargo run --release --example {maker}` writes it"))?;
        check_version(name, &text)?;
        let saved: Saved = serde_json::from_str(&text).map_err(|error| format!("out/{name}: {error}"))?;
        let function = Function::parse(&saved.function).map_err(|error| format!("out/{name}, the function: {error}"))?;
        let wanted: usize = function.inputs().iter().rev().skip(1).map(|input| input.len()).sum();
        if saved.parameters.len() != wanted {
            return Err(format!("out/{name}: {} parameters, where the function has {wanted}", saved.parameters.len()).into());
        }
        Ok((saved, function))
    }
}

/// The parameters of a function of arrays.
#[derive(Serialize, Deserialize)]
pub struct Weights {
    version: u32,
    pub about: String,
    pub arrays: Vec<Array>,
}

/// An array, declared like an input: `w1[64,32]`.
#[derive(Serialize, Deserialize)]
pub struct Array {
    pub declaration: String,
    /// Row by row. serde_json's `float_roundtrip` brings back every bit.
    pub values: Vec<f32>,
}

impl Weights {
    pub fn new(about: String, declarations: Vec<String>, values: &[Vec<f32>]) -> Weights {
        let array = |(declaration, values): (String, &Vec<f32>)| Array { declaration, values: values.clone() };
        Weights { version: VERSION, about, arrays: declarations.into_iter().zip(values).map(array).collect() }
    }

    pub fn save(&self, name: &str) -> Outcome {
        write_out(name, &serde_json::to_string(self)?)
    }

    /// The parameters; `None`, with a line that says what to do, if the example `maker` has not written them.
    pub fn load(name: &str, maker: &str) -> Outcome<Option<Weights>> {
        let path = in_repository("out").join(name);
        if !path.exists() {
            println!("out/{name} is not there: `cargo run --release --example {maker}` writes it");
            return Ok(None);
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("out/{name}: {error}"))?;
        check_version(name, &text)?;
        Ok(Some(serde_json::from_str(&text).map_err(|error| format!("out/{name}: {error}"))?))
    }

    /// The values, if they are of these arrays.
    pub fn parameters(self, declarations: &[String]) -> Outcome<Vec<Vec<f32>>> {
        let found: Vec<&str> = self.arrays.iter().map(|array| array.declaration.as_str()).collect();
        if found != declarations {
            return Err(format!("the file has the arrays {found:?}, and the network wants {declarations:?}").into());
        }
        Ok(self.arrays.into_iter().map(|array| array.values).collect())
    }
}

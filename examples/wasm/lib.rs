//! Derivatives in a browser's machine, where the interpreter runs in place of native code; `run.mjs` calls them from node:
//!
//! ```sh
//! rustup target add wasm32-unknown-unknown
//! cargo build --release -p wengert-wasm --target wasm32-unknown-unknown
//! node examples/wasm/run.mjs target/wasm32-unknown-unknown/release/wengert_wasm.wasm
//! ```

use std::cell::LazyCell;
use wengert::{Compiled, Function, Options, Result};

/// Rosenbrock's function, with its gradient.
fn rosenbrock() -> Result<Function> {
    Function::trace(["x", "y"], |[x, y]| (1.0 - x).powi(2) + 100.0 * (y - x * x).powi(2))?.value_and_grad()
}

/// A step downhill of a line through points, over arrays of any length, in place.
fn line() -> Result<Compiled> {
    let loss = Function::trace(["w[2]", "x[n]", "y[n]"], |[w, x, y]| (w.at(0, 0) * x + w.at(0, 1) - y).powi(2).mean(..))?;
    let step = loss.wrt(["w"])?.value_and_grad()?.then(|inputs, outputs| {
        let [loss, dw] = outputs.all();
        (("loss", loss), ("next_w", inputs["w"] - 0.5 * dw))
    })?;
    step.compile_with(Options::new().overwrite([("next_w", "w")]))
}

thread_local! {
    static ROSENBROCK: LazyCell<Compiled> = LazyCell::new(|| rosenbrock().and_then(|f| f.compile()).expect("it compiles"));
    static AT_ONCE: LazyCell<Compiled> = LazyCell::new(|| {
        let at_once = Options::new().background(true);
        rosenbrock().and_then(|f| f.compile_with(at_once)).expect("it compiles")
    });
    static LINE: LazyCell<Compiled> = LazyCell::new(|| line().expect("it compiles"));
}

/// The value of Rosenbrock's function (0), its derivative with respect to x (1), or to y (2).
#[unsafe(no_mangle)]
pub extern "C" fn gradient(x: f64, y: f64, which: u32) -> f64 {
    let result = ROSENBROCK.with(|f| f.call::<f64, 3>([x, y])).expect("two numbers");
    let other = AT_ONCE.with(|f| f.call::<f64, 3>([x, y])).expect("two numbers");
    assert_eq!(result.map(f64::to_bits), other.map(f64::to_bits));
    result[which as usize]
}

/// The slope of the line through points of 2x − 1, after some steps.
#[unsafe(no_mangle)]
pub extern "C" fn slope(steps: u32) -> f64 {
    let x: Vec<f64> = (0..50).map(|k| f64::from(k) / 25.0 - 1.0).collect();
    let y: Vec<f64> = x.iter().map(|x| 2.0 * x - 1.0).collect();
    let (mut w, mut loss) = ([0.0; 2], [0.0]);
    for _ in 0..steps {
        LINE.with(|step| step.call_into(&[&x, &y], &mut [&mut loss, &mut w])).expect("as many x as y");
    }
    w[0]
}

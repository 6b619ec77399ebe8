//! What goes along with a derivative: the function's values, or those that are auxiliary.

use super::traced::distinct;
use crate::error::Result;
use crate::eval::outputs_at;
use crate::graph::{Function, NewOutput, OutputGroup};
use std::panic::Location;

/// The derivative, then the auxiliary outputs of the function that it is taken of.
#[track_caller]
pub(crate) fn with_aux(f: &Function, derivative: Function) -> Result<Function> {
    if !f.outputs().iter().any(OutputGroup::is_aux) {
        return Ok(derivative);
    }
    let aux = f.with_chosen_outputs(|k| f.outputs()[k].is_aux());
    joined(&derivative, &aux, f.input_len(), false)
}

/// All outputs of the function, then its derivative.
#[track_caller]
pub(crate) fn with_values(f: &Function, derivative: &Function) -> Result<Function> {
    joined(derivative, f, f.input_len(), true)
}

/// The outputs of two functions, of which the second one takes the first `n` values of the first one's inputs. What both compute is computed once.
#[track_caller]
fn joined(derivative: &Function, values: &Function, n: usize, values_first: bool) -> Result<Function> {
    Function::build(derivative.width(), derivative.inputs().to_vec(), Location::caller(), |x| {
        let [values, derivative] = [(values, &x[..n]), (derivative, x)].map(|(f, x)| {
            let mut results = outputs_at(f, x).expect("the inputs are the function's").into_iter();
            let output = |y| NewOutput::like(y, results.by_ref().take(y.nodes().len()).collect());
            f.outputs().iter().map(output).collect::<Vec<_>>()
        });
        distinct(if values_first { [values, derivative] } else { [derivative, values] }.into_iter().flatten().collect())
    })
}

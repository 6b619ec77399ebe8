//! A function that goes on from another: the same inputs, other outputs.

use super::walk::outputs_at;
use crate::base::check_room;
use crate::error::Result;
use crate::graph::{Function, Handles, NewOutput, Outputs};
use std::panic::Location;

/// A function of the same inputs; see [`Function::then`].
#[track_caller]
pub(crate) fn then<R: Outputs>(f: &Function, next: impl FnOnce(Handles, Handles) -> R) -> Result<Function> {
    let at = Location::caller();
    check_room().map_err(|error| error.at(Some(at)))?;
    Function::build(f.width(), f.inputs().to_vec(), at, |args| {
        let values = outputs_at(f, args).expect("the function's own inputs");
        NewOutput::of(next(Handles::of_inputs(f.inputs(), args), Handles::of_outputs(f.outputs(), &values)))
    })
}

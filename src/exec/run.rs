//! Running the actions of a plan.

use super::call::Call;
use super::code::Code;
use super::code::run_flow;
use super::nest::Nest;
use super::sums::Sums;
use super::{control, moves, replay, tiles};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::{along, index_error, linalg};
use crate::op::Scalar;
use crate::schedule::ir::{Action, Origin, RunLoop};
use std::sync::Arc;

/// Runs actions in order.
pub(super) fn act_all<T: Scalar>(codes: &[Arc<Code>], actions: &[Action], call: &mut Call<T>) -> Result<()> {
    actions.iter().try_for_each(|action| act(codes, action, call))
}

fn act<T: Scalar>(codes: &[Arc<Code>], action: &Action, call: &mut Call<T>) -> Result<()> {
    match action {
        Action::Fill(to, v) => call.with([], *to, |[], to| to.fill(crate::op::lit(*v))),
        Action::Copy { from, to } => call.with([*from], *to, |[from], to| to.copy_from_slice(from)),
        Action::Loop(run) => run_loop(codes, run, call),
        Action::Straight { unit, inputs, outputs } => {
            let table = call.addresses(inputs.iter().chain(outputs));
            // SAFETY: `schedule::verify` found as many buffers as the unit has inputs and outputs, of their lengths and its width, within their
            // spaces, and every output apart from all inputs and other outputs.
            unsafe { codes[unit.index()].run_apart(table.cast(), table.add(inputs.len()).cast()) }
        }
        Action::Flow { unit, inputs, outputs, steps, at } => {
            run_flow(&codes[unit.index()], (inputs, outputs), *steps, *at, call)?;
        }
        Action::Tiles(tiles) => tiles::run(codes, tiles, call, act_all)?,
        Action::Control(run) => control::run(codes, run, call, act_all)?,
        Action::Replay(run) => replay::run(codes, run, call, act_all)?,
        Action::Read { from, places, to } => call.with([*from], *to, |[from], to| moves::read(from, places, to)),
        Action::Write { from, to, places, clear } => call.with([*from], *to, |[from], to| {
            if *clear {
                to.fill(T::default());
            }
            moves::write(from, to, places);
        }),
        Action::MatMul { a, b, c, each, count } => {
            let threads = call.threads;
            call.with([*a, *b], *c, |[x, y], z| each.run(threads, *count, x, y, z));
        }
        Action::Check { index, len, origin } => {
            if let Some(bad) = call.with([*index], index.empty(), |[index], _| along::outside(index, *len)) {
                return Err(index_error(origin.name, origin.at, bad, *len));
            }
        }
        Action::Gather { x, index, to, along, indices } => {
            call.with([*x, *index], *to, |[x, index], to| indices.gather(x, index, *along, to))
        }
        Action::ScatterAdd { x, index, to, along, indices } => {
            call.with([*x, *index], *to, |[x, index], to| indices.scatter_add(x, index, *along, to))
        }
        Action::Sweep { op, operands, to, along, origin } => call
            .with(*operands, *to, |operands, to| along::sweep(op, operands, *along, to))
            .map_err(|message| failure(origin, message))?,
        Action::Linalg { op, operands, to, work, sizes, origin } => call
            .with_work(*operands, *to, *work, |[a, b], to, work| linalg::run(op, *sizes, a, b, work, to))
            .map_err(|message| failure(origin, message))?,
        Action::Extreme { x, to, along, largest } => call.with([*x], *to, |[x], to| moves::extreme(x, *along, *largest, to)),
        Action::ExtremeOver { x, to, lengths, places, largest } => {
            call.with([*x], *to, |[x], to| moves::extreme_over(x, lengths, places, *largest, to));
        }
    }
    Ok(())
}

/// That the numbers at hand do not suit an operation.
fn failure(origin: &Origin, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Value, message).at(origin.at)
}

fn run_loop<T: Scalar>(codes: &[Arc<Code>], run: &RunLoop, call: &mut Call<T>) {
    // SAFETY: as many addresses have been written there, and nobody else uses them: a loop has no actions within.
    let addresses = unsafe { std::slice::from_raw_parts_mut(call.addresses(run.places.iter()), run.places.len()) };
    let rest = run.rest.map(|rest| call.address(rest));
    let sums = run.sums.as_ref().map(|sums| {
        let parts = sums.parts.map(|parts| call.address(parts));
        Sums { run: sums, first: call.tile * sums.tile, parts }
    });
    let nest = Nest {
        code: &codes[run.unit.index()],
        addresses,
        inputs: run.inputs,
        rows: run.inner,
        row_strides: &run.row_strides,
        count: run.count,
        strides: &run.strides,
        outer: &run.outer,
        rest,
        sums,
    };
    // SAFETY: `schedule::verify` found as many addresses and strides as the unit has inputs and outputs, of its width; no axis of length 0; that
    // all of them stay within their buffers along all axes; that rows are as far apart as the code takes them to be; that no output is
    // at one element at two indices of axes along which it moves; and outputs apart from inputs and from each other, but for those that
    // are written over an input in the same places, which the program reads before. Of sums around the rows it found that their elements lie
    // one after the other, and that partial sums which last, and what rounding has lost, have room and are there before.
    unsafe { nest.run(call.threads) };
}

//! Loops with sums over axes around the rows, planned for the lengths of a call: in which order they go along their axes, so that partial
//! sums stay in the cache.

use super::planner::Planner;
use crate::base::sums::partials;
use crate::schedule::axes::{self, Around};
use crate::schedule::ir::{Loop, LoopInput, RunLoop, RunSums};

/// Bytes of partial sums, at most if that is many elements of a sum: half of what the first-level cache has.
const ROOM: usize = 16 * 1024;
/// That many, whatever they take.
const LEAST: usize = 64;

/// The places of the sums that a loop has over axes around its rows, as an input and as an output.
pub(super) fn places(looped: &Loop) -> Vec<(usize, usize)> {
    let place = |(slot, input): (usize, &LoopInput)| match input {
        LoopInput::Partial(k) => Some((slot, looped.inputs.len() + k)),
        LoopInput::View(_) => None,
    };
    looped.inputs.iter().enumerate().filter_map(place).collect()
}

/// What runs for a loop whose axes are those of the rows, which `run` has with the places, and some around. `goes_on` says whether tiles go along
/// the sums.
pub(super) fn run(planner: &mut Planner, looped: &Loop, run: RunLoop, around: Vec<Around>, goes_on: bool) -> RunLoop {
    let places = places(looped);
    let is_summed = |(_, strides): &Around| strides[places[0].1] == 0;
    let first = around.iter().position(is_summed).unwrap_or(0);
    let mut outer = around;
    let mut along = outer.split_off(first);
    let mut within = along.split_off(along.iter().take_while(|axis| is_summed(axis)).count());
    if along.is_empty() {
        along.push((1, vec![0; run.places.len()]));
    }
    let all = along.iter().map(|(len, _)| len).product();
    let (each, n) = (partials(planner.f.width()), places.len());
    let (mut parts, mut piece) = (None, within.first().map_or(run.inner, |(len, _)| *len));
    if goes_on {
        let len = n * (each + 1) * within.iter().map(|(len, _)| len).product::<usize>() * run.inner;
        parts = Some(planner.lasting(len, -0.0));
    } else {
        // As many of the inner axes as there is room for are within; the next one is in pieces, and the others are around.
        let room = (ROOM / (planner.f.width().bytes() * each * n)).max(LEAST);
        let (mut fit, mut whole) = (1, 0);
        for &len in within.iter().map(|(len, _)| len).chain([&run.inner]).rev() {
            if fit * len > room {
                break;
            }
            (fit, whole) = (fit * len, whole + 1);
        }
        // What is added up along the rows is so at once.
        let at_once = whole == 0 && axes::is_sum(looped);
        if whole <= within.len() && !at_once {
            piece = if whole == 0 { room / 16 * 16 } else { room / fit };
        }
        outer.extend(within.drain(..within.len().saturating_sub(whole)));
        piece = if at_once { run.inner } else { piece.max(1) };
    }
    RunLoop { outer, sums: Some(Box::new(RunSums { places, along, within, piece, all, tile: 0, parts })), ..run }
}

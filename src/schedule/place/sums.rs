//! Loops with sums over axes around the rows, planned for the lengths of a call: in which order they go along their axes, so that partial
//! sums stay in the cache.

use super::planner::Planner;
use crate::base::sums::partials;
use crate::schedule::axes::{self, Around};
use crate::schedule::ir::{Buffer, Loop, LoopInput, RunLoop, RunSums};

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

/// What runs for a loop whose axes are those of the rows and some around. `run` has the places.
pub(super) fn run(planner: &mut Planner, looped: &Loop, mut run: RunLoop, around: Vec<Around>, goes_on: bool) -> Vec<RunLoop> {
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
    if goes_on {
        // Tiles go along the sum.
        let len = n * (each + 1) * within.iter().map(|(len, _)| len).product::<usize>() * run.inner;
        let parts = Some(planner.lasting(len, -0.0));
        run.outer = outer;
        run.sums = Some(Box::new(RunSums { places, along, within, all, tile: 0, parts }));
        return vec![run];
    }
    // As many of the inner axes as there is room for are within; the next one is cut, and the others are around.
    let room = (ROOM / (planner.f.width().bytes() * each * n)).max(LEAST);
    within.push((run.inner, run.row_strides.clone()));
    let (mut fit, mut at) = (1, within.len());
    while at > 0 && fit * within[at - 1].0 <= room {
        at -= 1;
        fit *= within[at].0;
    }
    let mut piece = match at {
        0 => 0,
        // What is added up along the rows is so in one piece.
        _ if at == within.len() && axes::is_sum(looped) => run.inner,
        _ if at == within.len() => room / 16 * 16,
        _ => (room / fit).max(1),
    };
    if at > 0 && within[at - 1].0 <= piece {
        // It is whole after all.
        (at, piece) = (at - 1, 0);
    }
    let cut = if piece > 0 { Some(at - 1) } else { None };
    let mut inner = within.split_off(cut.unwrap_or(at));
    outer.append(&mut within);
    let (rows, row_strides) = inner.pop().expect("there are rows");
    (run.inner, run.row_strides) = (rows, row_strides);
    run.outer = outer;
    run.sums = Some(Box::new(RunSums { places, along, within: inner, all, tile: 0, parts: None }));
    if cut.is_none() {
        return vec![run];
    }
    let (len, strides) = cut_axis(&mut run);
    let (len, strides) = (std::mem::replace(len, piece), strides.clone());
    let mut rest = run.clone();
    run.outer.push((len / piece, strides.iter().map(|stride| stride * piece).collect()));
    let done = len / piece * piece;
    *cut_axis(&mut rest).0 = len - done;
    let on = |(place, stride): (&mut Buffer, &usize)| *place = place.after(done * stride);
    rest.places.iter_mut().zip(&strides).for_each(on);
    if len == done { vec![run] } else { vec![run, rest] }
}

/// The outermost axis within the sums, or that of the rows.
fn cut_axis(run: &mut RunLoop) -> (&mut usize, &Vec<usize>) {
    match run.sums.as_mut().map(|sums| &mut sums.within[..]) {
        Some([(len, strides), ..]) => (len, strides),
        _ => (&mut run.inner, &run.row_strides),
    }
}

//! Loops, planned for the lengths of a call.

use super::planner::Planner;
use super::sums;
use crate::schedule::axes;
use crate::schedule::ir::{Action, Buffer, Loop, LoopInput, RunLoop};
use crate::schedule::views::{self, Between};

/// The actions of a loop.
pub(super) fn run(planner: &mut Planner, at: usize, looped: &Loop) {
    let all = planner.extent.lengths(looped.shape);
    let total: usize = all.iter().product();
    let mut outputs = Vec::new();
    let mut overwritten = Vec::new();
    let mut going_on = 0;
    for output in &looped.outputs {
        let place = planner.claim_over(at, looped, output.node, &mut overwritten);
        if total == 0 && !output.summed.is_empty() {
            planner.actions.push(Action::Fill(place, 0.0));
        } else if axes::is_sum_of_rows(&output.summed, looped.shape) {
            // −0 leaves the first summand as it is.
            let fill = Action::Fill(place, -0.0);
            if planner.goes_on(output.node) {
                planner.before.push(fill);
                going_on += 1;
            } else {
                planner.actions.push(fill);
            }
        }
        outputs.push(place);
    }
    let rest = (going_on > 0).then(|| planner.borrow_for_band(going_on));
    rest.iter().for_each(|&rest| planner.before.push(Action::Fill(rest, 0.0)));
    let mut cuts: Vec<(usize, Between)> = Vec::new();
    let mut starts: Vec<Buffer> = Vec::new();
    for (k, input) in looped.inputs.iter().enumerate() {
        starts.push(match input {
            LoopInput::View(source) => {
                cuts.extend(source.cut.and_then(|id| views::between(planner.f, id)).map(|between| (k, between)));
                planner.places[&source.node]
            }
            LoopInput::Partial(k) => outputs[*k],
        });
    }
    starts.append(&mut outputs);
    let along = views::of_loop(planner.extent, looped, &all);
    let at = |(place, (offset, own)): (Buffer, (usize, Vec<usize>))| (Buffer { offset: place.offset + offset, ..place }, own);
    let places: Vec<(Buffer, Vec<usize>)> = starts.into_iter().zip(along).map(at).collect();
    for node in overwritten {
        planner.places.remove(&node);
    }
    if total == 0 {
        return;
    }
    if cuts.is_empty() {
        return run_part(planner, looped, &all, places, rest);
    }
    // From where numbers begin or end to where others do, they are all there or zeros in their stead.
    let axis = cuts[0].1.axis;
    let mut bounds: Vec<usize> = cuts.iter().flat_map(|(_, cut)| [cut.start, cut.end]).chain([0, all[axis]]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let each: usize = all[axis + 1..].iter().product();
    for part in bounds.windows(2) {
        let (start, end) = (part[0], part[1]);
        let mut places = places.clone();
        places.iter_mut().for_each(|(place, own)| place.offset += start * own[axis]);
        let (there, missing): (Vec<_>, Vec<_>) = cuts.iter().partition(|(_, cut)| (cut.start..cut.end).contains(&start));
        there.into_iter().for_each(|(k, cut)| places[k].0.offset -= cut.start * places[k].1[axis]);
        let zeros = if missing.is_empty() { 0 } else { (end - start) * each };
        let zeros = planner.borrow(zeros);
        missing.iter().for_each(|(k, _)| places[*k].0 = zeros);
        if !missing.is_empty() {
            planner.actions.push(Action::Fill(zeros, 0.0));
        }
        let mut lengths = all.clone();
        lengths[axis] = end - start;
        run_part(planner, looped, &lengths, places, rest);
        planner.give_back(zeros);
    }
}

/// A loop over some lengths, with places and their strides.
fn run_part(
    planner: &mut Planner,
    looped: &Loop,
    lengths: &[usize],
    places: Vec<(Buffer, Vec<usize>)>,
    rest: Option<Buffer>,
) {
    let (places, along): (Vec<Buffer>, Vec<Vec<usize>>) = places.into_iter().unzip();
    let ((inner, row_strides), mut axes) = axes::nest(looped, lengths, &along);
    let (unit, inputs) = (looped.unit, looped.inputs.len());
    let summed = sums::places(looped);
    if let Some((_, output)) = summed.first() {
        let goes_on = planner.goes_on(looped.outputs[output - inputs].node);
        let run = RunLoop { unit, places, inputs, inner, row_strides, count: 1, strides: vec![], outer: vec![], rest, sums: None };
        let runs = sums::run(planner, looped, run, axes, goes_on);
        return planner.actions.extend(runs.into_iter().map(Action::Loop));
    }
    let (count, strides) = match axes.pop() {
        Some(axis) if looped.is_cut => {
            axes.push(axis);
            (1, vec![])
        }
        around => around.unwrap_or((1, vec![])),
    };
    let bytes = planner.f.width().bytes();
    let strides = strides.into_iter().map(|stride| (stride * bytes) as i64).collect();
    let run = RunLoop { unit, places, inputs, inner, row_strides, count, strides, outer: axes, rest, sums: None };
    planner.actions.push(Action::Loop(run));
}

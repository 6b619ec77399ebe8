//! Loops, planned for the lengths of a call.

use super::planner::Planner;
use super::sums;
use crate::schedule::axes;
use crate::schedule::ir::{Action, Buffer, Loop, LoopInput, RunLoop};
use crate::schedule::queries;
use crate::schedule::views::{self, Between};

/// The actions of a loop.
pub(super) fn run(planner: &mut Planner, at: usize, looped: &Loop) {
    let all = planner.extent.lengths(looped.shape);
    let total: usize = all.iter().product();
    let mut outputs = Vec::new();
    let mut overwritten = Vec::new();
    let mut over_rows = 0;
    for output in &looped.outputs {
        let place = planner.claim_over(at, looped, output.node, &mut overwritten);
        let goes_on = planner.goes_on(output.node);
        if total == 0 && !output.summed.is_empty() {
            planner.actions.push(Action::Fill(place, 0.0));
        } else if goes_on || axes::is_sum_of_rows(&output.summed, looped.shape) {
            // −0 leaves the first summand as it is.
            let fill = Action::Fill(place, -0.0);
            if goes_on {
                planner.before.push(fill)
            } else {
                planner.actions.push(fill)
            }
            over_rows += usize::from(goes_on && axes::is_sum_of_rows(&output.summed, looped.shape));
        }
        outputs.push(place);
    }
    let rest = (over_rows > 0).then(|| planner.lasting(over_rows, 0.0));
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
    let overwrites = overwrites(looped, &starts, &outputs);
    starts.append(&mut outputs);
    let along = views::of_loop(planner.extent, looped, &all);
    let places: Vec<(Buffer, (usize, Vec<usize>))> = starts.into_iter().zip(along).collect();
    for node in overwritten {
        planner.places.remove(&node);
    }
    if total == 0 {
        return;
    }
    let at = |(place, (first, own)): (Buffer, (usize, Vec<usize>)), skipped: usize| (place.after(first + skipped), own);
    if cuts.is_empty() {
        let places = places.into_iter().map(|place| at(place, 0)).collect();
        return run_part(planner, looped, &all, places, overwrites, rest);
    }
    // From where numbers begin or end to where others do, they are all there or zeros in their stead.
    let axis = cuts[0].1.axis;
    let mut bounds: Vec<usize> = cuts.iter().flat_map(|(_, cut)| [cut.start, cut.end]).chain([0, all[axis]]).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let each: usize = all[axis + 1..].iter().product();
    for part in bounds.windows(2) {
        let (start, end) = (part[0], part[1]);
        let is_there = |cut: &Between| (cut.start..cut.end).contains(&start);
        let missing = cuts.iter().any(|(_, cut)| !is_there(cut));
        let zeros = planner.borrow(if missing { (end - start) * each } else { 0 });
        if missing {
            planner.actions.push(Action::Fill(zeros, 0.0));
        }
        let place = |(k, place): (usize, (Buffer, (usize, Vec<usize>)))| {
            let stride = place.1.1[axis];
            match cuts.iter().find(|(input, _)| *input == k) {
                Some((_, cut)) if is_there(cut) => at(place, (start - cut.start) * stride),
                Some(_) => (zeros, place.1.1),
                None => at(place, start * stride),
            }
        };
        let places = places.iter().cloned().enumerate().map(place).collect();
        let mut lengths = all.clone();
        lengths[axis] = end - start;
        run_part(planner, looped, &lengths, places, overwrites.clone(), rest);
        planner.give_back(zeros);
    }
}

/// The inputs that outputs are written over.
fn overwrites(looped: &Loop, inputs: &[Buffer], outputs: &[Buffer]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (k, (input, from)) in looped.inputs.iter().zip(inputs).enumerate() {
        let LoopInput::View(view) = input else { continue };
        let is_over = |output: usize| {
            outputs[output].is_at(*from) && queries::may_overwrite(looped, looped.outputs[output].node, view.node)
        };
        pairs.extend((0..outputs.len()).filter(|&output| is_over(output)).map(|output| (k, output)));
    }
    pairs
}

/// A loop over some lengths, with places and their strides.
fn run_part(
    planner: &mut Planner,
    looped: &Loop,
    lengths: &[usize],
    places: Vec<(Buffer, Vec<usize>)>,
    overwrites: Vec<(usize, usize)>,
    rest: Option<Buffer>,
) {
    let (places, along): (Vec<Buffer>, Vec<Vec<usize>>) = places.into_iter().unzip();
    let ((inner, row_strides), mut axes) = axes::nest(looped, lengths, &along);
    let (unit, inputs) = (looped.unit.clone(), looped.inputs.len());
    let (count, strides, outer, sums) = (1, vec![], vec![], None);
    let run = RunLoop { unit, places, inputs, inner, row_strides, count, strides, outer, overwrites, rest, sums };
    if let Some((_, output)) = sums::places(looped).first() {
        let goes_on = planner.goes_on(looped.outputs[output - inputs].node);
        let run = sums::run(planner, looped, run, axes, goes_on);
        return planner.actions.push(Action::Loop(run));
    }
    let (count, strides) = match axes.pop() {
        Some(axis) if looped.unit.interface().is_cut => {
            axes.push(axis);
            (1, vec![])
        }
        around => around.unwrap_or((1, vec![])),
    };
    let bytes = planner.f.width().bytes();
    let strides = strides.into_iter().map(|stride| (stride * bytes) as i64).collect();
    planner.actions.push(Action::Loop(RunLoop { count, strides, outer: axes, ..run }));
}

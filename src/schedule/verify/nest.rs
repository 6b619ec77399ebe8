//! What a loop over rows reads and writes, with the axes around the rows, and that threads may share it out along any of them.

use super::access::{Footprint, Role, count, reaches};
use super::fault::Kind;
use super::places::Places;
use crate::schedule::ir::{Buffer, RunLoop};

pub(super) fn footprint(run: &RunLoop) -> Result<Footprint, Kind> {
    let interface = run.unit.interface();
    let Some((row_strides, sums)) = &interface.rows else { return Err(Kind::Unit("its code is not for rows")) };
    let inputs = interface.inputs.len();
    count("inputs", run.inputs, inputs)?;
    count("places", run.places.len(), inputs + interface.outputs.len())?;
    let n = run.places.len();
    count("strides of rows", run.row_strides.len(), n)?;
    if run.count != 1 {
        count("strides", run.strides.len(), n)?;
        if interface.is_cut {
            return Err(Kind::Unit("code that is cut has no loop around the rows"));
        }
    }
    run.outer.iter().try_for_each(|(_, strides)| count("strides", strides.len(), n))?;
    if run.inner * run.count == 0 || run.outer.iter().any(|&(len, _)| len == 0) {
        return Err(Kind::EmptyAxis);
    }
    let mut axes: Vec<Vec<(usize, usize)>> = Vec::with_capacity(n);
    for (place, &buffer) in run.places.iter().enumerate() {
        axes.push(along(run, place, (buffer, row_strides[place]), interface.width.bytes())?);
    }
    let elements = |place: usize| if place < inputs { interface.inputs[place] } else { interface.outputs[place - inputs] };
    let mut placed: Vec<Option<Places>> = Vec::with_capacity(n);
    for (place, buffer) in run.places.iter().enumerate() {
        let all: Vec<(usize, usize)> = axes[place].iter().copied().chain([(elements(place), 1)]).collect();
        let places = (elements(place) > 0).then(|| Places::new(buffer.offset, &all));
        reaches(*buffer, places.as_ref().map_or(0, |places| places.span().end - buffer.offset))?;
        placed.push(places);
    }
    // Sums so far, which are read where they are written.
    let is_partial = |input: usize, output: usize| run.places[input].value == run.places[inputs + output].value;
    let same_places = |input: usize, output: usize| {
        let [from, to] = [input, inputs + output];
        let same = run.places[from].is_at(run.places[to]) && axes[from] == axes[to] && elements(from) == elements(to);
        let (over, buffer) = (run.places[from], run.places[to]);
        match same {
            false => Err(Kind::NotInPlace { buffer, over }),
            true if !interface.is_read_before(input, output) => Err(Kind::ReadAgain { buffer, over }),
            true => Ok(()),
        }
    };
    let mut footprint = Footprint::default();
    let mut partial = vec![false; sums.len()];
    let mut at = vec![usize::MAX; n];
    for (input, places) in placed[..inputs].iter().enumerate() {
        if let Some(output) = (0..sums.len()).find(|&output| is_partial(input, output)) {
            same_places(input, output)?;
            partial[output] = true;
        } else if let Some(places) = places {
            at[input] = footprint.all.len();
            footprint.place(run.places[input], places.clone(), Role::Read);
        }
    }
    for (output, places) in placed[inputs..].iter().enumerate() {
        at[inputs + output] = footprint.all.len();
        let (Some(places), buffer) = (places, run.places[inputs + output]) else { continue };
        let adds = sums[output] || partial[output];
        if places.stays && !adds {
            return Err(Kind::Stays { buffer });
        }
        // Threads share a loop out along any axis that all outputs move along.
        if !places.is_injective() {
            return Err(Kind::SharesMeet { buffer });
        }
        footprint.place(buffer, places.clone(), if adds { Role::Add } else { Role::Write });
    }
    for &(input, output) in &run.overwrites {
        if input >= inputs || output >= sums.len() {
            return Err(Kind::Unit("it overwrites what it does not have"));
        }
        same_places(input, output)?;
        footprint.over.push((at[input], at[inputs + output]));
    }
    Ok(footprint)
}

/// The axes along which a place moves, those of length 1 apart: their lengths and its strides.
fn along(run: &RunLoop, place: usize, (buffer, of_code): (Buffer, usize), bytes: usize) -> Result<Vec<(usize, usize)>, Kind> {
    let mut axes: Vec<(usize, usize)> = run.outer.iter().map(|(len, strides)| (*len, strides[place])).collect();
    if run.count > 1 {
        let stride = usize::try_from(run.strides[place]).ok().filter(|stride| stride.is_multiple_of(bytes));
        axes.push((run.count, stride.ok_or(Kind::Unit("a stride is no number of whole elements"))? / bytes));
    }
    if run.inner > 1 {
        let stride = run.row_strides[place];
        if stride != of_code {
            return Err(Kind::RowStride { buffer, stride, wanted: of_code });
        }
        axes.push((run.inner, stride));
    }
    axes.retain(|&(len, _)| len > 1);
    Ok(axes)
}

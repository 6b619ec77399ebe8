//! What a loop over rows reads and writes, with the axes around the rows, and that threads may share it out along any of them.

use super::access::{Footprint, Role, count, reaches};
use super::fault::Kind;
use super::places::Places;
use crate::base::sums::{BLOCK, partials};
use crate::schedule::ir::{Buffer, RunLoop, RunSums};
use std::ops::Range;

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
    let around = || run.outer.iter().chain(run.sums.iter().flat_map(|sums| sums.along.iter().chain(&sums.within)));
    around().try_for_each(|(_, strides)| count("strides", strides.len(), n))?;
    if run.inner * run.count == 0 || around().any(|&(len, _)| len == 0) {
        return Err(Kind::EmptyAxis);
    }
    // The sums around the rows, as outputs.
    let added = match &run.sums {
        Some(sums) => sums_around(run, sums)?,
        None if interface.in_turns => return Err(Kind::Unit("its code is for sums around the rows")),
        None => vec![],
    };
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
    // Sums around the rows are read where they are written: what the code reads and writes are their partial sums.
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
    let lasts = run.sums.as_ref().is_some_and(|sums| sums.parts.is_some());
    let mut at = vec![usize::MAX; n];
    for (input, places) in placed[..inputs].iter().enumerate() {
        if let Some(output) = (0..sums.len()).find(|&output| is_partial(input, output)) {
            if !added.contains(&(input, inputs + output)) {
                return Err(Kind::Unit("it reads a sum so far, and is not said to"));
            }
            same_places(input, output)?;
        } else if let Some(places) = places {
            at[input] = footprint.all.len();
            footprint.place(run.places[input], places.clone(), Role::Read);
        }
    }
    for (output, places) in placed[inputs..].iter().enumerate() {
        at[inputs + output] = footprint.all.len();
        let (Some(places), buffer) = (places, run.places[inputs + output]) else { continue };
        let around = added.iter().any(|&(_, place)| place == inputs + output);
        if places.stays && !sums[output] {
            return Err(Kind::Stays { buffer });
        }
        // A sum that goes on from tile to tile is there before.
        let adds = sums[output] || (around && lasts);
        // Threads share a loop out along any axis that all outputs move along.
        if !places.is_injective() {
            return Err(Kind::SharesMeet { buffer });
        }
        footprint.place(buffer, places.clone(), if adds { Role::Add } else { Role::Write });
    }
    if let Some(rest) = run.rest {
        if run.count > 1 || !run.outer.is_empty() || run.sums.is_some() {
            return Err(Kind::Unit("what its sums lose is that of one run of rows"));
        }
        let elements = sums.iter().zip(&interface.outputs).filter(|(sum, _)| **sum);
        reaches(rest, elements.map(|(_, len)| len).sum())?;
        footprint.whole(rest, Role::Add);
    }
    if let Some(parts) = run.sums.as_ref().and_then(|sums| sums.parts) {
        footprint.whole(parts, Role::Add);
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

/// The places of the sums around the rows, as inputs and as outputs.
fn sums_around(run: &RunLoop, sums: &RunSums) -> Result<Vec<(usize, usize)>, Kind> {
    let interface = run.unit.interface();
    if !interface.in_turns || run.count != 1 || sums.along.is_empty() || sums.places.is_empty() {
        return Err(Kind::Unit("its code is not for sums around the rows"));
    }
    let is_place = |&(input, output): &(usize, usize)| input < run.inputs && (run.inputs..run.places.len()).contains(&output);
    if !sums.places.iter().all(is_place) {
        return Err(Kind::Unit("it adds up what it does not have"));
    }
    let row_sums = interface.rows.as_ref().is_some_and(|(_, sums)| sums.contains(&true));
    if row_sums && run.inner > BLOCK {
        return Err(Kind::Unit("its rows are added up in several blocks"));
    }
    let within = || sums.within.iter().map(|(len, strides)| (*len, strides)).chain([(run.inner, &run.row_strides)]);
    let inner: usize = within().map(|(len, _)| len).product();
    for &(input, output) in &sums.places {
        let buffer = run.places[output];
        if sums.along.iter().any(|(_, strides)| strides[input] + strides[output] > 0) {
            return Err(Kind::Unit("a sum moves along its own axis"));
        }
        let axes: Vec<(usize, usize)> = within().map(|(len, strides)| (len, strides[output])).collect();
        if inner > 1 && Places::new(0, &axes).rows() != Some((inner, 1, inner)) {
            return Err(Kind::Stays { buffer });
        }
    }
    let along: usize = sums.along.iter().map(|(len, _)| len).product();
    match sums.parts {
        Some(_) if !run.outer.is_empty() => return Err(Kind::Unit("partial sums that last are those of one sum")),
        Some(parts) => reaches(parts, sums.places.len() * (partials(interface.width) + 1) * inner)?,
        None => count("summands", sums.all, along)?,
    }
    let outermost = sums.within.first().map_or(run.inner, |(len, _)| *len);
    if sums.piece == 0 || (sums.parts.is_some() && sums.piece < outermost) {
        return Err(Kind::Unit("partial sums that last are there at once"));
    }
    if row_sums && sums.within.is_empty() && sums.piece < run.inner {
        return Err(Kind::Unit("its rows are added up in several pieces"));
    }
    if along > sums.all || (sums.parts.is_none() && sums.tile > 0) {
        return Err(Kind::Unit("it has other summands than it says"));
    }
    Ok(sums.places.clone())
}

/// That sums which go on from tile to tile get each summand once, in these tiles of so many.
pub(super) fn goes_on(run: &RunLoop, tiles: &Range<usize>, count: usize) -> Result<(), Kind> {
    let Some(sums) = run.sums.as_ref().filter(|sums| sums.parts.is_some()) else { return Ok(()) };
    let along: usize = sums.along.iter().map(|(len, _)| len).product();
    // The last tile alone may be shorter than the others.
    let is_even = along == sums.tile || (tiles.len() == 1 && tiles.end == count);
    let ends = tiles.end < count || sums.tile * (tiles.end - 1) + along == sums.all;
    match is_even && ends {
        true => Ok(()),
        false => Err(Kind::Unit("its tiles have other summands than it says")),
    }
}

/// The axes along which a place moves, those of length 1 apart: their lengths and its strides.
fn along(run: &RunLoop, place: usize, (buffer, of_code): (Buffer, usize), bytes: usize) -> Result<Vec<(usize, usize)>, Kind> {
    let mut axes: Vec<(usize, usize)> = run.outer.iter().map(|(len, strides)| (*len, strides[place])).collect();
    if let Some(sums) = &run.sums {
        let is_sum = sums.places.iter().any(|&(input, output)| [input, output].contains(&place));
        let along = sums.along.iter().filter(|_| !is_sum);
        axes.extend(along.chain(&sums.within).map(|(len, strides)| (*len, strides[place])));
    }
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

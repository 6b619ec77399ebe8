//! What the actions read and write that have no actions within, and that each of them finds as many elements as it goes through.

use super::access::{Footprint, Role, count, has, reaches};
use super::fault::Kind;
use super::nest;
use super::places::Places;
use crate::eval::along::Along;
use crate::op::ArrayOp;
use crate::schedule::ir::{Action, Buffer, MatMul, Strided};
use crate::schedule::unit::UnitRef;

/// What an action reads and writes.
pub(super) fn footprint(action: &Action) -> Result<Footprint, Kind> {
    match *action {
        Action::Fill(to, _) => Ok(Footprint::of(&[], &[to])),
        Action::Copy { from, to } => {
            has(from, to.len)?;
            Ok(Footprint::of(&[from], &[to]))
        }
        Action::Loop(ref run) => nest::footprint(run),
        Action::Straight { ref unit, ref inputs, ref outputs } => straight(unit, inputs, outputs),
        Action::Flow { ref unit, ref inputs, ref outputs, steps, .. } => flow(unit, inputs, outputs, steps),
        Action::Read { from, ref places, to } => {
            let (len, reach, _) = boxed(places)?;
            reaches(from, reach)?;
            has(to, len)?;
            Ok(Footprint::of(&[from], &[to]))
        }
        Action::Write { from, to, ref places, clear } => {
            let (len, reach, place) = boxed(places)?;
            reaches(to, reach)?;
            has(from, len)?;
            if place.as_ref().is_some_and(|places| places.stays || !places.is_injective()) {
                return Err(Kind::Twice { buffer: to });
            }
            // With zeros elsewhere all is written.
            let mut footprint = Footprint::of(&[from], &[]);
            match place {
                _ if clear => footprint.whole(to, Role::Write),
                Some(places) => footprint.place(to, places.moved(to.offset), Role::Write),
                None => {}
            }
            Ok(footprint)
        }
        Action::MatMul { a, b, c, each, count } => product([a, b, c], each, count),
        Action::Check { index, .. } => Ok(Footprint::of(&[index], &[])),
        Action::Gather { x, index, to, along, indices } => {
            let (indices, slices) = indices.lengths(along);
            has(x, all(along))?;
            reaches(index, indices)?;
            has(to, slices * along.inner)?;
            Ok(Footprint::of(&[x, index], &[to]))
        }
        Action::ScatterAdd { x, index, to, along, indices } => {
            let (indices, slices) = indices.lengths(along);
            has(x, slices * along.inner)?;
            reaches(index, indices)?;
            has(to, all(along))?;
            Ok(Footprint::of(&[x, index], &[to]))
        }
        Action::Sweep { ref op, operands: [x, b], to, along, .. } => {
            let (operands, result) = match op {
                ArrayOp::Prod(_) | ArrayOp::ArgMax(_) => ([all(along), 0], along.outer * along.inner),
                ArrayOp::CumSum { .. } | ArrayOp::Shift { .. } => ([all(along), 0], all(along)),
                ArrayOp::Recur { .. } => ([all(along); 2], all(along)),
                ArrayOp::Iota(..) => ([0, 0], all(along)),
                _ => return Err(Kind::Unit("it does not go along an axis")),
            };
            has(x, operands[0])?;
            has(b, operands[1])?;
            has(to, result)?;
            Ok(Footprint::of(&[x, b], &[to]))
        }
        Action::Linalg { operands: [a, b], to, work, sizes, .. } => {
            let (operands, result) = sizes.lengths();
            has(a, operands[0])?;
            has(b, operands[1])?;
            has(to, result)?;
            has(work, sizes.work())?;
            let mut footprint = Footprint::of(&[a, b], &[to]);
            footprint.whole(work, Role::Work);
            Ok(footprint)
        }
        Action::Extreme { x, to, along, .. } => {
            has(x, all(along))?;
            has(to, along.outer * along.inner)?;
            Ok(Footprint::of(&[x], &[to]))
        }
        Action::ExtremeOver { x, to, ref lengths, ref places, .. } => {
            has(x, lengths.iter().product())?;
            count("strides", places.strides.len(), lengths.len())?;
            // An axis without a stride is gone, also where it is empty: of no elements there is an extreme, too.
            let kept = lengths.iter().zip(&places.strides).filter(|(_, stride)| **stride != 0);
            let kept: Vec<(usize, usize)> = kept.map(|(&len, &stride)| (len, stride.unsigned_abs())).collect();
            let result: usize = kept.iter().map(|(len, _)| len).product();
            if result > 0 && Places::new(0, &kept).rows() != Some((result, 1, result)) {
                return Err(Kind::Stays { buffer: to });
            }
            has(to, result)?;
            Ok(Footprint::of(&[x], &[to]))
        }
        Action::Control(_) | Action::Replay(_) | Action::Tiles(_) => unreachable!("it has actions within"),
    }
}

fn all(along: Along) -> usize {
    along.outer * along.len * along.inner
}

/// How many places there are, behind how many elements the last one ends, and where they are, if there are any.
fn boxed(places: &Strided) -> Result<(usize, usize, Option<Places>), Kind> {
    count("strides", places.strides.len(), places.lengths.len())?;
    if places.len() == 0 {
        return Ok((0, 0, None));
    }
    let axes = || places.lengths.iter().zip(&places.strides);
    let back: usize = axes().map(|(&len, &stride)| (len - 1) * stride.min(0).unsigned_abs()).sum();
    let Some(start) = places.offset.checked_sub(back) else {
        return Err(Kind::Unit("its places begin before the buffer does"));
    };
    let axes: Vec<(usize, usize)> = axes().map(|(&len, &stride)| (len, stride.unsigned_abs())).collect();
    let boxed = Places::new(start, &axes);
    Ok((places.len(), boxed.span().end, Some(boxed)))
}

fn straight(unit: &UnitRef, inputs: &[Buffer], outputs: &[Buffer]) -> Result<Footprint, Kind> {
    let interface = unit.interface();
    if interface.rows.is_some() {
        return Err(Kind::Unit("its code is for rows"));
    }
    if interface.flow.is_some() {
        return Err(Kind::Unit("its code has loops or branches"));
    }
    count("inputs", inputs.len(), interface.inputs.len())?;
    count("outputs", outputs.len(), interface.outputs.len())?;
    inputs.iter().zip(&interface.inputs).try_for_each(|(&buffer, &len)| has(buffer, len))?;
    outputs.iter().zip(&interface.outputs).try_for_each(|(&buffer, &len)| has(buffer, len))?;
    Ok(Footprint::of(inputs, outputs))
}

fn flow(unit: &UnitRef, inputs: &[Buffer], outputs: &[Buffer], steps: usize) -> Result<Footprint, Kind> {
    let interface = unit.interface();
    let Some((reads, writes)) = &interface.flow else { return Err(Kind::Unit("its code has neither loops nor branches")) };
    count("inputs", inputs.len(), interface.inputs.len())?;
    count("outputs", outputs.len(), interface.outputs.len())?;
    let all = |len: usize, by_step: bool| if by_step { len * steps } else { len };
    let lengths =
        |lengths: &[usize], by_step: &[bool]| lengths.iter().zip(by_step).map(|(&len, &by)| all(len, by)).collect::<Vec<_>>();
    let wanted = [lengths(&interface.inputs, reads), lengths(&interface.outputs, writes)].concat();
    inputs.iter().chain(outputs).zip(wanted).try_for_each(|(&buffer, len)| has(buffer, len))?;
    Ok(Footprint::of(inputs, outputs))
}

fn product([a, b, c]: [Buffer; 3], each: MatMul, count: usize) -> Result<Footprint, Kind> {
    let MatMul { rows, m, k, n, .. } = each;
    if rows != m && (rows > m || count != 1 || n == 1) {
        return Err(Kind::Unit("only one product of matrices with several columns is computed in part"));
    }
    let reach = |[lines, columns]: [usize; 2], (line, column): (isize, isize)| match count * lines * columns {
        0 => 0,
        _ => (count - 1) * lines * columns + (lines - 1) * line.unsigned_abs() + (columns - 1) * column.unsigned_abs() + 1,
    };
    if [each.a, each.b].iter().any(|(line, column)| *line < 0 || *column < 0) {
        return Err(Kind::Unit("a factor goes backwards"));
    }
    reaches(a, reach([rows, k], each.a))?;
    reaches(b, reach([k, n], each.b))?;
    has(c, count * rows * n)?;
    Ok(Footprint::of(&[a, b], &[c]))
}

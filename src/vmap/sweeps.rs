//! Sweeps over the turns of a loop, for samples: until the last sample's loop ends. A sample whose loop has ended is left as it is.

use super::bodies::{chosen, condition_varies, mapped as mapped_body, outputs, types};
use super::mapped::Walk;
use crate::base::Axis;
use crate::base::revolve::Budget;
use crate::error::Result;
use crate::graph::sweeps::{marks, parts};
use crate::graph::{Control, Expr, Flow, Function, Sweep, make_body, types_in};
use crate::op::select;
use std::panic::Location;

/// The operation over an axis, and what the axis reaches, if not everything that is carried.
pub(super) fn mapped(
    (condition, sweeps, budget): (&Function, &[Sweep], Option<Budget>),
    marked: &[bool],
    axis: Axis,
    walk: Walk,
) -> Result<(Control, Option<Flow>)> {
    let mut marks = marks(sweeps, marked);
    let shared = parts(sweeps)[sweeps.len()].clone();
    let (carries, width, at) = (sweeps[0].carries, condition.width(), Location::caller());
    let of_shared = &marked[shared.clone()];
    let apart = condition_varies(condition, &[&marks.flow.inputs[..carries], of_shared].concat());
    if apart {
        let carried = vec![true; shared.start];
        marks = self::marks(sweeps, &[&carried[..], of_shared].concat());
        marks.records.iter_mut().for_each(|record| record.fill(true));
    }
    let asked = [&marks.flow.inputs[..carries], of_shared].concat();
    let holds = |args: &[Expr]| outputs(condition, args, &asked, axis, walk)[0];
    let mut before: Vec<bool> = vec![];
    let mut made = vec![];
    for (k, (sweep, own)) in sweeps.iter().zip(parts(sweeps)).enumerate() {
        let given = [&before[..], &marks.flow.inputs[own], of_shared].concat();
        let record = &marks.records[k];
        let body = match apart {
            false => mapped_body(&sweep.body, &given, record, axis, walk)?,
            true => {
                let mut problem = Ok(());
                let body = make_body(width, &types(&types_in(&sweep.body), &given, axis), at, |args| {
                    // What the loop was given to carry comes first in every body.
                    let shared = &args[args.len() - of_shared.len()..];
                    let goes = holds(&[&args[..carries], shared].concat());
                    let mut next = outputs(&sweep.body, args, &given, axis, walk);
                    let old = &args[before.len()..];
                    for (new, &old) in next[..sweep.carries].iter_mut().zip(old) {
                        match chosen("while", goes, *new, old) {
                            Ok(kept) => *new = kept,
                            Err(error) => problem = Err(error),
                        }
                    }
                    next
                })?;
                problem?;
                body
            }
        };
        made.push(Sweep { body, carries: sweep.carries });
        before.extend_from_slice(record);
    }
    let condition = match apart {
        false => mapped_body(condition, &asked, &[false], axis, walk)?,
        true => make_body(width, &types(&types_in(condition), &asked, axis), at, |args| {
            vec![select(holds(args).ne(0.0), 1.0, 0.0).sum(..)]
        })?,
    };
    Ok((Control::Sweeps { condition, sweeps: made, budget }, (!apart).then_some(marks.flow)))
}

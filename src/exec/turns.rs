//! Running loops of which few states are in memory, for the first time: nobody knows the number of turns, which is noted for the sweep back.

use super::bodies::{Bodies, Buffers};
use super::call::{Call, Lent};
use super::records;
use crate::base::online::Online;
use crate::base::revolve::Budget;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::Scalar;
use crate::schedule::ir::{Buffer, RunReplay, RunTurns};

/// Runs a loop until its condition fails. It leaves states, in the order of turns.
pub(super) fn run<T: Scalar>(bodies: &Bodies<T>, run: &RunReplay, turns: &RunTurns, call: &mut Call<T>) -> Result<()> {
    if let Some((bytes, budget)) = turns.short {
        return Err(no_room(bytes, budget).at(run.at));
    }
    let source = &run.sources[0];
    let state = |entry: usize| run.state(source, entry).collect::<Buffers>();
    let (condition, flag) = turns.condition.expect("it runs for the first time");
    copy(&source.init, &state(0), call);
    let mut online = Online::new(run.states);
    let (mut asked, mut lent) = (Lent::default(), Lent::default());
    loop {
        let mut inputs = state(online.hand());
        inputs.extend_from_slice(&source.shared);
        bodies.run(condition, (&inputs, &[flag]), &mut asked, call)?;
        if !call.with([flag], flag.empty(), |[flag], _| flag[0] != T::default()) {
            break;
        }
        if let Some(most) = turns.most.filter(|&most| online.count() >= most) {
            return Err(records::endless(most, run.at));
        }
        let mut outputs = state(online.turn());
        outputs.extend(source.each.iter().filter_map(|each| each.step));
        bodies.run(0, (&inputs, &outputs), &mut lent, call)?;
    }
    copy(&state(online.hand()), &source.last, call);
    for (from, to) in online.put_in_order() {
        copy(&state(from), &state(to), call);
    }
    note(online.count(), turns, call);
    Ok(())
}

fn copy<T: Scalar>(from: &[Buffer], to: &[Buffer], call: &mut Call<T>) {
    from.iter().zip(to).for_each(|(from, to)| call.copy(*from, *to));
}

/// Notes a number of turns.
fn note<T: Scalar>(mut count: usize, turns: &RunTurns, call: &mut Call<T>) {
    call.with([], turns.count, |[], digits| {
        for digit in digits {
            *digit = T::lit((count % RunTurns::BASE) as f64);
            count /= RunTurns::BASE;
        }
    });
}

/// The number of turns that was noted.
pub(super) fn count<T: Scalar>(turns: &RunTurns, call: &mut Call<T>) -> usize {
    let count = |digits: &[T]| digits.iter().rev().fold(0, |count, digit| count * RunTurns::BASE + digit.to_f64() as usize);
    call.with([turns.count], turns.count.empty(), |[digits], _| count(digits))
}

#[cold]
fn no_room(bytes: usize, budget: Budget) -> Error {
    let budget = match budget {
        Budget::States(states) => format!("checkpoints({states})"),
        Budget::Bytes(bytes) => format!("checkpoint_bytes({bytes})"),
    };
    let message = format!("while_loop: `{budget}` has no room for the state at the start, which takes {bytes} bytes");
    Error::new(ErrorKind::Limit, message)
}

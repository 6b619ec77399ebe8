//! Online checkpointing: which states of a loop are kept while nobody knows how many turns it will have, so that at any end the turns can be gone
//! back over by few runs.
//!
//! The rule is that of Q. Wang, P. Moin and G. Iaccarino (Minimal repetition dynamic checkpointing algorithm for unsteady adjoint calculation,
//! 2009): a state has a level, a state before one of a higher level may go, and where none may, the last one gives way to the next, which is a
//! level higher. P. Stumm and A. Walther (New algorithms for optimal online checkpointing, 2010) give rules for r up to 3 where revolve runs no
//! step more than r times; this one is for all lengths.

use smallvec::SmallVec;

/// The states of a loop that goes on, which are in entries. The first entry has that at the start.
pub(crate) struct Online {
    states: usize,
    /// The turns before which states were kept, by their entries.
    turns: Vec<usize>,
    /// Entries of states that no later one outranks, with their levels, in the order of turns: levels do not rise.
    ranks: Vec<(usize, usize)>,
    /// Those of states that may go.
    spare: Vec<usize>,
    /// The turns so far, and the entry of the state behind them.
    count: usize,
    hand: usize,
    /// An entry that has nothing.
    free: usize,
}

/// How many entries there are for so many states. What a turn starts from is a state that is kept, but where that at the start is the only one.
pub(crate) fn entries(states: usize) -> usize {
    states.max(2).saturating_add(1)
}

impl Online {
    /// With so many states, at least one.
    pub(crate) fn new(states: usize) -> Online {
        Online { states, turns: vec![0], ranks: vec![(0, usize::MAX)], spare: vec![], count: 0, hand: 0, free: 1 }
    }

    /// As it is behind so many turns.
    pub(crate) fn after(turns: usize, states: usize) -> Online {
        let mut online = Online::new(states);
        (0..turns).for_each(|_| _ = online.turn());
        online
    }

    /// One turn more, from the state at hand: the entry of the state behind it.
    pub(crate) fn turn(&mut self) -> usize {
        if self.count > 0 {
            self.keep();
        }
        self.count += 1;
        self.hand = self.free;
        self.hand
    }

    /// Keeps the state at hand, if there may be another than that at the start.
    fn keep(&mut self) {
        let entry = self.hand;
        if self.states == 1 {
            self.free = 3 - entry;
            return;
        }
        let mut level = 0;
        self.free = if self.ranks.len() + self.spare.len() < self.states {
            entry + 1
        } else if let Some(spare) = self.spare.pop() {
            spare
        } else {
            let (last, of_last) = self.ranks.pop().expect("there are two at least");
            level = of_last + 1;
            while let Some((outranked, _)) = self.ranks.pop_if(|(_, other)| *other < level) {
                self.spare.push(outranked);
            }
            last
        };
        self.ranks.push((entry, level));
        self.turns.resize(self.turns.len().max(entry + 1), 0);
        self.turns[entry] = self.count;
    }

    /// How many turns there were.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The entry of the state behind the last turn, that at hand.
    pub(crate) fn hand(&self) -> usize {
        self.hand
    }

    /// The entries of the states that are kept, in the order of turns.
    fn kept(&self) -> Vec<usize> {
        let mut kept: Vec<usize> = self.ranks.iter().map(|(entry, _)| *entry).chain(self.spare.iter().copied()).collect();
        kept.sort_unstable_by_key(|&entry| self.turns[entry]);
        kept
    }

    /// The turns before which states are kept, in order.
    pub(crate) fn turns(&self) -> SmallVec<[usize; 32]> {
        self.kept().into_iter().map(|entry| self.turns[entry]).collect()
    }

    /// Copies from entry to entry by which the states come to be in order, from the first entry on. The state at hand has no entry any more.
    pub(crate) fn put_in_order(&self) -> Vec<(usize, usize)> {
        let mut entries = self.kept();
        // Whose state an entry has.
        let mut places = vec![None; entries.len() + 1];
        entries.iter().enumerate().for_each(|(place, &entry)| places[entry] = Some(place));
        let (mut copies, mut free) = (vec![], self.free);
        for place in 0..entries.len() {
            let from = entries[place];
            if from == place {
                continue;
            }
            if let Some(other) = places[place] {
                copies.push((place, free));
                (entries[other], places[free]) = (free, Some(other));
            }
            copies.push((from, place));
            (places[from], free) = (None, from);
        }
        copies
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::revolve::{Moves, follow, runs};

    /// How often turns run until all are gone back over, with every state that is used where it is said to be.
    fn followed(count: usize, states: usize) -> usize {
        let mut held = vec![None; entries(states)];
        held[0] = Some(0);
        let mut online = Online::new(states);
        for turn in 0..count {
            assert_eq!(held[online.hand()], Some(turn));
            held[online.turn()] = Some(turn + 1);
        }
        assert_eq!((online.count(), held[online.hand()]), (count, Some(count)));
        online.put_in_order().into_iter().for_each(|(from, to)| held[to] = held[from]);
        let turns = online.turns();
        assert!(turns.len() <= states && turns.iter().zip(&held).all(|(&turn, &held)| held == Some(turn)));
        count + follow(&mut held, Moves::from(&turns, count, states), count)
    }

    #[test]
    fn turns_run_half_as_often_again_at_most() {
        for states in 1..30 {
            for count in 0..400 {
                let (ran, fewest) = (followed(count, states), runs(count, states));
                // Where there is nothing to choose, the turn more that finds the end counts.
                let is_bound = states >= 3 && count >= 10;
                assert!(!is_bound || 2 * ran <= 3 * fewest, "{count} turns, {states} states: {ran}, {fewest}");
            }
        }
        for (count, states) in [(10_000, 3), (10_000, 20), (5149, 100), (10_000, 9_999), (10_000, 20_000), (988, 43)] {
            let (ran, fewest) = (followed(count, states), runs(count, states));
            assert!(2 * ran <= 3 * fewest, "{count} turns, {states} states: {ran}, {fewest}");
        }
    }
}

//! Binomial checkpointing: which states of n steps are kept, and which steps run again, so that with s states in memory the steps are gone back
//! over by the fewest runs of a step (A. Griewank and A. Walther, Algorithm 799: revolve, 2000).

use smallvec::SmallVec;

/// How many states may be in memory at a time. The state at the start counts.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Budget {
    /// So many.
    States(usize),
    /// As many as take so many bytes.
    Bytes(usize),
}

impl Budget {
    /// How many they are, where a state has so many bytes; none where there is no end.
    pub(crate) fn states(self, bytes: usize) -> Option<usize> {
        match self {
            Budget::States(states) => Some(states),
            Budget::Bytes(all) => all.checked_div(bytes),
        }
    }
}

/// The same of a scan, whose steps are counted before they run.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Checkpoints {
    /// So many, but one at least.
    Within(Budget),
    /// The fewest by which no step runs more than twice before it is gone back over.
    Twice,
}

impl Checkpoints {
    /// How many they are for so many steps, where a state has so many bytes. More than there are steps have no use.
    pub(crate) fn states(self, steps: usize, bytes: usize) -> usize {
        let states = match self {
            Checkpoints::Within(budget) => budget.states(bytes).unwrap_or(steps),
            // (s + 1)(s + 2) / 2 steps can be gone back over.
            Checkpoints::Twice => {
                let about = steps.saturating_mul(2).isqrt();
                (about.saturating_sub(2)..).find(|&states| reach(states, 2) >= steps).expect("enough of them suffice")
            }
        };
        states.clamp(1, steps.max(1))
    }
}

/// How many steps can be gone back over with so many states if none runs more than so often: (s + r choose s).
fn reach(states: usize, runs: usize) -> usize {
    let all = |reach: u128, k: usize| (reach * (states.max(runs) + k) as u128 / k as u128).min(u128::from(u64::MAX));
    usize::try_from((1..=states.min(runs)).fold(1, all)).unwrap_or(usize::MAX)
}

/// How often the steps before others run in all, the first run included: r·n − (s + r choose s + 1), where r is the smallest number with
/// (s + r choose s) ≥ n.
pub(crate) fn runs(steps: usize, states: usize) -> usize {
    if states == 1 {
        return steps.saturating_mul(steps.saturating_sub(1)) / 2;
    }
    match (0..).find(|&runs| reach(states, runs) >= steps).expect("enough runs suffice") {
        0 => 0,
        most => most.saturating_mul(steps) - reach(states + 1, most - 1),
    }
}

/// How many of so many steps to go forward before the next state is kept.
fn split(steps: usize, states: usize) -> usize {
    // With one run fewer, from here and from the next state.
    let (mut runs, mut fewer) = (1u128, 1u128);
    loop {
        let all = fewer * (states as u128 + runs) / runs;
        if all >= steps as u128 {
            break;
        }
        (fewer, runs) = (all, runs + 1);
    }
    let behind = fewer * states as u128 / (states as u128 + runs - 1);
    (fewer as usize).min(steps - behind as usize)
}

/// What is done with states, which are in entries. There is one entry more than states are kept: that of the step at hand.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// So many steps forward, from the state before a step, which is in an entry. The state behind them goes to the next entry.
    Forward { entry: usize, step: usize, steps: usize },
    /// The same, where each state goes to an entry of its own.
    Each { entry: usize, step: usize, steps: usize },
    /// Back over so many steps. The state before the first is in this entry, the others in those that follow.
    Back { entry: usize, step: usize, steps: usize },
}

/// What is to be done to go back over some steps.
pub(crate) struct Moves {
    states: usize,
    /// The steps that entries have the states before.
    kept: SmallVec<[usize; 32]>,
    /// The steps before it are still to be gone back over.
    end: usize,
    /// What comes next, where the step before has decided it.
    next: Option<Move>,
}

impl Moves {
    /// With so many states, at least one; the state at the start is in the first entry.
    pub(crate) fn new(steps: usize, states: usize) -> Moves {
        Moves::from(&[0], steps, states)
    }

    /// The same where states before some steps, in order, are in the first entries.
    pub(crate) fn from(kept: &[usize], steps: usize, states: usize) -> Moves {
        Moves { states, kept: SmallVec::from_slice(kept), end: steps, next: None }
    }
}

impl Iterator for Moves {
    type Item = Move;

    fn next(&mut self) -> Option<Move> {
        if let Some(back @ Move::Back { step, .. }) = self.next.take() {
            self.end = step;
            return Some(back);
        }
        while self.kept.last() == Some(&self.end) {
            self.kept.pop();
        }
        let &step = self.kept.last()?;
        let (entry, steps) = (self.kept.len() - 1, self.end - step);
        let states = self.states - entry;
        if steps <= states + 1 {
            self.next = Some(Move::Back { entry, step, steps });
            return match steps {
                1 => self.next(),
                _ => Some(Move::Each { entry, step, steps: steps - 1 }),
            };
        }
        if states == 1 {
            self.next = Some(Move::Back { entry: entry + 1, step: self.end - 1, steps: 1 });
            return Some(Move::Forward { entry, step, steps: steps - 1 });
        }
        let forward = split(steps, states);
        self.kept.push(step + forward);
        Some(Move::Forward { entry, step, steps: forward })
    }
}

/// Follows moves back over so many steps, where entries hold the states before some steps: states are there when they are needed, and all steps are
/// gone back over. Gives how often steps run.
#[cfg(test)]
pub(crate) fn follow(held: &mut [Option<usize>], moves: Moves, steps: usize) -> usize {
    let (mut ran, mut end) = (0, steps);
    for one in moves {
        match one {
            Move::Forward { entry, step, steps } => {
                assert_eq!(held[entry], Some(step));
                held[entry + 1] = Some(step + steps);
                ran += steps;
            }
            Move::Each { entry, step, steps } => {
                assert_eq!(held[entry], Some(step));
                (1..=steps).for_each(|k| held[entry + k] = Some(step + k));
                ran += steps;
            }
            Move::Back { entry, step, steps } => {
                (0..steps).for_each(|k| assert_eq!(held[entry + k], Some(step + k)));
                assert_eq!(step + steps, end);
                end = step;
            }
        }
    }
    assert_eq!(end, 0);
    ran
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fewest runs, found by trying all places of the next state.
    fn fewest(steps: usize, states: usize) -> Vec<Vec<usize>> {
        let mut all = vec![vec![0; steps + 1]; states + 1];
        (2..=steps).for_each(|n| all[1][n] = n * (n - 1) / 2);
        for s in 2..=states {
            for n in 2..=steps {
                all[s][n] = (1..n).map(|m| m + all[s - 1][n - m] + all[s][m]).min().unwrap();
            }
        }
        all
    }

    /// How often steps run, where the state at the start is all that there is.
    fn followed(steps: usize, states: usize) -> usize {
        let mut held = vec![None; states + 1];
        held[0] = Some(0);
        follow(&mut held, Moves::new(steps, states), steps)
    }

    #[test]
    fn steps_run_as_rarely_as_they_can() {
        let fewest = fewest(60, 12);
        for (states, of_states) in fewest.iter().enumerate().skip(1) {
            for (steps, &fewest) in of_states.iter().enumerate() {
                assert_eq!(followed(steps, states), fewest, "{steps} steps, {states} states");
                assert_eq!(runs(steps, states), fewest, "{steps} steps, {states} states");
            }
        }
        for (steps, states) in [(1000, 1), (1000, 7), (10_000, 20), (10_000, 2), (10_000, 9999), (10_000, 20_000)] {
            assert_eq!(followed(steps, states), runs(steps, states), "{steps} steps, {states} states");
        }
    }

    #[test]
    fn budgets_are_kept() {
        let within = |budget, steps, bytes| Checkpoints::Within(budget).states(steps, bytes);
        assert_eq!(within(Budget::Bytes(100), 1000, 16), 6);
        assert_eq!([Budget::Bytes(0), Budget::States(1)].map(|budget| within(budget, 1000, 16)), [1, 1]);
        assert_eq!(within(Budget::Bytes(8), 7, 0), 7);
        assert_eq!(within(Budget::States(50), 7, 8), 7);
        for steps in 1..200 {
            let states = Checkpoints::Twice.states(steps, 8);
            let enough = |s: usize| (s + 1) * (s + 2) / 2 >= steps;
            assert!(enough(states) && (states == 1 || !enough(states - 1)), "{steps}");
        }
    }
}

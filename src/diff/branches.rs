//! The branches of `select`s that a sweep backward goes through.
//!
//! What flows back into a branch is masked only where it leaves the branch again: there the mask also stops what infinite or NaN partials made
//! of the zero adjoint of a branch not taken.

use super::within::Masked;
use crate::base::Shape;
use crate::graph::NodeId;
use crate::op::{Chain, Real};
use rustc_hash::FxHashMap;

/// An adjoint within a branch: where the branch is not taken it is 0, whatever the value is there.
#[derive(Copy, Clone)]
pub(super) struct Adjoint<S: Real> {
    pub(super) own: Masked<S>,
    pub(super) branch: u32,
}

/// The branch of what flows through no `select`.
pub(super) const EVERYWHERE: u32 = 0;

/// How a branch came about: by the one around it or before, a node, and which of the node's edges.
type Origin = (u32, NodeId, u32);

/// Branches of `select`s, nested ones included, and what array operations make of them.
pub(super) struct Branches<S: Real> {
    /// By number, from 1: the branch around it, which has a smaller number, and the mask that says where it is taken.
    all: Vec<(u32, S::Mask)>,
    known: FxHashMap<Origin, u32>,
}

impl<S: Real> Default for Branches<S> {
    fn default() -> Self {
        Branches { all: Vec::new(), known: FxHashMap::default() }
    }
}

impl<S: Real> Branches<S> {
    /// The branch of a condition, within another: the one where it holds, or where not.
    pub(super) fn enter(&mut self, outer: u32, condition: NodeId, taken: bool, mask: S::Mask) -> u32 {
        let all = &mut self.all;
        *self.known.entry((outer, condition, taken as u32)).or_insert_with(|| {
            let mask = if outer == EVERYWHERE { mask } else { all[outer as usize - 1].1 & mask };
            all.push((outer, mask));
            all.len() as u32
        })
    }

    /// A branch around which there is none.
    pub(super) fn apart(&mut self, mask: S::Mask) -> u32 {
        self.all.push((EVERYWHERE, mask));
        self.all.len() as u32
    }

    /// The adjoint behind the edge `k` of a node with an array operation. Where numbers are only moved, the branch is moved along; sums leave it, and so does
    /// what would end a loop, which the mask is then a part of.
    #[track_caller]
    pub(super) fn cross(
        &mut self,
        adjoint: Adjoint<S>,
        (node, k): (NodeId, usize),
        chain: &Chain<S>,
        from: Shape,
        tame: bool,
    ) -> Option<Adjoint<S>> {
        if adjoint.branch == EVERYWHERE || !chain.iter().all(|link| link.moves() && !link.regroups()) {
            let own = self.leave(adjoint, EVERYWHERE).own.through_chain(chain, from, tame)?;
            return Some(Adjoint { own, branch: EVERYWHERE });
        }
        let own = adjoint.own.through_chain(chain, from, tame)?;
        // Edges are counted from 2 on: the branches of a condition are 0 and 1.
        let origin = (adjoint.branch, node, k as u32 + 2);
        let branch = match self.known.get(&origin) {
            Some(&branch) => branch,
            None => {
                let within = Some(self.all[adjoint.branch as usize - 1].1);
                let moved = Masked { within, ..adjoint.own }.through_chain(chain, from, true)?.within;
                let branch = self.apart(moved.expect("a mask that is moved is one"));
                self.known.insert(origin, branch);
                branch
            }
        };
        Some(Adjoint { own, branch })
    }

    /// The adjoint as it is in a branch around its own.
    #[track_caller]
    pub(super) fn leave(&self, Adjoint { own, branch }: Adjoint<S>, to: u32) -> Adjoint<S> {
        if branch == to {
            return Adjoint { own, branch };
        }
        Adjoint { own: own.masked(self.all[branch as usize - 1].1), branch: to }
    }

    /// The innermost branch around both.
    fn around(&self, mut x: u32, mut y: u32) -> u32 {
        while x != y {
            let inner = if x > y { &mut x } else { &mut y };
            *inner = self.all[*inner as usize - 1].0;
        }
        x
    }

    #[track_caller]
    pub(super) fn accumulate(&self, sum: &mut Option<Adjoint<S>>, term: Adjoint<S>) {
        *sum = Some(match *sum {
            None => term,
            Some(sum) => {
                let branch = self.around(sum.branch, term.branch);
                let (sum, term) = (self.leave(sum, branch), self.leave(term, branch));
                Adjoint { own: sum.own.plus(term.own), branch }
            }
        });
    }
}

//! Zeros by construction: what is 0 behind a guard stays 0 behind an infinite edge.
//!
//! In: a tangent, or an adjoint, with the mask outside of which it is 0, and an edge. Out: the same behind the edge. What relu, max and
//! their like, `select` and padding let through is masked once, and again behind each edge that may be infinite; sums, products of finite
//! factors and activations cost nothing extra.

use super::map::Map;
use crate::base::Shape;
use crate::op::{Chain, EdgeMap, Op, Real, anywhere, lit, select};

/// A number on its way through a sweep.
#[derive(Copy, Clone)]
pub(super) struct Masked<S: Real> {
    pub(super) value: S,
    /// Where this does not hold, `value` is 0.
    pub(super) within: Option<S::Mask>,
    /// Whether it has met no infinite edge of a value that a guard holds.
    pub(super) finite: bool,
    /// Whether it may be a guard's zero, though nobody knows where: of what a body is given.
    pub(super) guarded: bool,
}

impl<S: Real> Masked<S> {
    /// Of which nothing is known.
    pub(super) fn free(value: S) -> Self {
        Masked { value, within: None, finite: true, guarded: false }
    }

    /// Whether a zero of it may be a guard's.
    pub(super) fn is_guarded(self) -> bool {
        self.guarded || self.within.is_some()
    }

    /// Where the mask does not hold it is 0, whatever came out.
    #[track_caller]
    pub(super) fn masked(self, mask: S::Mask) -> Self {
        let within = self.within.map_or(mask, |within| within & mask);
        Masked { value: S::select(mask, self.value, lit(0.0)), within: Some(within), ..self }
    }

    #[track_caller]
    pub(super) fn plus(self, other: Self) -> Self {
        let within = self.within.zip(other.within).map(|(a, b)| a | b);
        let (finite, guarded) = (self.finite && other.finite, self.guarded || other.guarded);
        Masked { value: self.value + other.value, within, finite, guarded }
    }

    /// Behind an edge from a value of a shape; `tame` says that the edge is finite.
    #[track_caller]
    pub(super) fn through(self, map: &Map<S>, from: Shape, tame: bool) -> Option<Self> {
        match map {
            Map::Each(edge) => self.through_edge(*edge, tame),
            Map::Zeroed(edge, mask) => self.through_zeroed(*edge, *mask),
            Map::Chain(chain) => self.through_chain(chain, from, tame),
        }
    }

    /// Where it is infinite, that is so behind an edge of a value that a guard may hold.
    pub(super) fn past(self, held: bool) -> Self {
        Masked { finite: self.finite && !held, ..self }
    }

    #[track_caller]
    pub(super) fn through_edge(self, edge: EdgeMap<S>, tame: bool) -> Option<Self> {
        let strong = self.guarded && !tame;
        let mut value = if strong { edge.apply_strong(self.value)? } else { edge.apply(self.value)? };
        if let Some(within) = self.within.filter(|_| !tame && edge.multiplies()) {
            value = select(within, value, lit(0.0));
        }
        let within = match edge {
            EdgeMap::Where(m) | EdgeMap::ScaleWhere(m, _) => Some(self.within.map_or(m, |within| within & m)),
            _ => self.within,
        };
        Some(Masked { value, within, ..self })
    }

    /// Behind an edge that is 0 by construction where the mask does not hold.
    #[track_caller]
    pub(super) fn through_zeroed(self, edge: EdgeMap<S>, mask: S::Mask) -> Option<Self> {
        let within = self.within.map_or(mask, |within| within & mask);
        let value = edge.apply(self.value)?;
        let value = if self.finite { value } else { select(within, value, lit(0.0)) };
        Some(Masked { value, within: Some(within), ..self })
    }

    #[track_caller]
    pub(super) fn through_chain(self, chain: &Chain<S>, mut from: Shape, tame: bool) -> Option<Self> {
        let Masked { mut value, mut within, .. } = self;
        for link in chain {
            let next = link.apply(value)?;
            let to = if next.known().is_some() { from } else { next.shape_of() };
            within = link.reached(within, from, to);
            value = match within {
                Some(within) if !tame && link.multiplies() => select(within, next, lit(0.0)),
                _ => next,
            };
            from = to;
        }
        Some(Masked { value, within, ..self })
    }
}

/// What several edges to one node let through: of an operation that chooses among all of its operands that is everything.
pub(super) fn covers(op: Option<Op>, terms: usize, given: bool) -> bool {
    terms > 1 && !given && matches!(op, Some(Op::Select | Op::Min | Op::Max | Op::Clamp))
}

/// Whether any of several masks holds anywhere; none if there is one of which nothing is known.
#[track_caller]
pub(super) fn anywhere_of<S: Real>(all: impl IntoIterator<Item = (Option<S::Mask>, Shape)>) -> Option<S::Mask> {
    let mut found = None;
    for (within, shape) in all {
        let mask = anywhere::<S>(within?, shape);
        found = Some(found.map_or(mask, |found| found | mask));
    }
    found
}

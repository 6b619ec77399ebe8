//! Loops and branches of numbers that consist of several parts, as those of the parts: of duals and series of handles.

use super::flow::{Steps, Turns};
use super::real::{Real, lit};
use super::values::Values;
use crate::error::Result;
use std::cell::RefCell;

/// A number of several parts of another arithmetic, whose comparisons are those of the parts: a dual, a series.
pub(crate) trait Apart: Real<Mask = <Self::Part as Real>::Mask> {
    /// What it consists of.
    type Part: Real;
    /// How many parts there are; the first is the value.
    fn parts() -> usize;
    /// The parts.
    fn take_apart(self, parts: &mut Vec<Self::Part>);
    /// The number of these parts.
    fn join(parts: &mut dyn Iterator<Item = Self::Part>) -> Self;
}

/// A loop over the parts of what is carried. Parts that are absent in the beginning, and stay so where they are, are not carried: which they are is seen
/// by tracing the body, again where a part turns out to come.
#[track_caller]
pub(crate) fn turns<A: Apart, C: Values<A>>(
    how: Turns,
    init: C,
    mut holds: impl FnMut(C) -> Result<A::Mask>,
    mut body: impl FnMut(C) -> Result<C>,
) -> Result<C> {
    let start = apart(&init);
    let mut absent = absent::<A>(&start);
    loop {
        let mut stays = absent.clone();
        let whole = |parts: Vec<A::Part>| join(&init, with_absent::<A>(parts, &absent));
        let turn = |c| {
            let next = apart(&body(whole(c))?);
            stays.iter_mut().zip(&next).for_each(|(stays, part)| *stays &= part.is_absent());
            Ok(without_absent::<A>(next, &absent))
        };
        let made = A::Part::turns(how, without_absent::<A>(start.clone(), &absent), |c| holds(whole(c)), turn)?;
        if stays == absent {
            return Ok(whole(made));
        }
        absent = stays;
    }
}

/// A branch that gives parts. Those that are absent on both sides are of the result, too.
#[track_caller]
pub(crate) fn either<A: Apart, C: Values<A>>(
    holds: A::Mask,
    then: impl FnOnce() -> Result<C>,
    otherwise: impl FnOnce() -> Result<C>,
) -> Result<C> {
    let (mut like, mut missing): (Option<C>, Vec<bool>) = (None, vec![]);
    let known = RefCell::new(&mut missing);
    let first = || {
        let parts = apart(like.insert(then()?));
        **known.borrow_mut() = absent::<A>(&parts);
        Ok(parts)
    };
    let second = || {
        let parts = apart(&otherwise()?);
        known.borrow_mut().iter_mut().zip(&parts).for_each(|(missing, part)| *missing &= part.is_absent());
        Ok(parts)
    };
    let made = A::Part::either(holds, first, second)?;
    let parts = with_absent::<A>(without_absent::<A>(made, &missing), &missing);
    Ok(join(like.as_ref().expect("a branch has been traced"), parts))
}

/// Which parts are tangents or coefficients that are absent.
fn absent<A: Apart>(parts: &[A::Part]) -> Vec<bool> {
    parts.iter().enumerate().map(|(k, part)| k % A::parts() > 0 && part.is_absent()).collect()
}

fn without_absent<A: Apart>(parts: Vec<A::Part>, absent: &[bool]) -> Vec<A::Part> {
    let is_there = |k: usize| !absent.get(k).is_some_and(|&absent| absent);
    parts.into_iter().enumerate().filter(|(k, _)| is_there(*k)).map(|(_, part)| part).collect()
}

fn with_absent<A: Apart>(parts: Vec<A::Part>, absent: &[bool]) -> Vec<A::Part> {
    let mut parts = parts.into_iter();
    let mut all: Vec<A::Part> = vec![];
    for &absent in absent {
        all.extend(if absent { Some(lit(0.0)) } else { parts.next() });
    }
    all.extend(parts);
    all
}

/// A scan over parts.
#[track_caller]
pub(crate) fn scanned<A: Apart, C: Values<A>, X: Values<A>, Y: Values<A>>(
    how: Steps,
    n: usize,
    x: impl Fn(usize) -> X,
    init: C,
    mut body: impl FnMut(C, X) -> Result<(C, Y)>,
) -> Result<(C, Vec<Y>)> {
    let mut like: Option<Y> = None;
    let first = x(0);
    let step = |c, x| {
        let (c, y) = body(join(&init, c), join(&first, x))?;
        Ok((apart(&c), apart(like.insert(y))))
    };
    let (last, each) = A::Part::scanned(how, n, |k| apart(&x(k)), apart(&init), step)?;
    let each = each.into_iter().map(|y| join(like.as_ref().expect("a step has been traced"), y)).collect();
    Ok((join(&init, last), each))
}

/// So many steps over parts.
#[track_caller]
pub(crate) fn counted<A: Apart, C: Values<A>, Y: Values<A>>(
    how: Steps,
    init: C,
    mut body: impl FnMut(C) -> Result<(C, Y)>,
) -> Result<(C, <A::Part as Real>::Stacked<Y>)> {
    let mut like: Option<Y> = None;
    let step = |c| {
        let (c, y) = body(join(&init, c))?;
        Ok((apart(&c), apart(like.insert(y))))
    };
    let (last, each) = A::Part::counted(how, apart(&init), step)?;
    let each = A::Part::restacked(each, |y| join(like.as_ref().expect("a step has been traced"), y));
    Ok((join(&init, last), each))
}

fn apart<A: Apart, V: Values<A>>(values: &V) -> Vec<A::Part> {
    let mut parts = vec![];
    values.parts().into_iter().for_each(|x| x.take_apart(&mut parts));
    parts
}

fn join<A: Apart, V: Values<A>>(like: &V, parts: Vec<A::Part>) -> V {
    let mut parts = parts.into_iter();
    like.with(&mut std::iter::from_fn(|| Some(A::join(&mut parts))))
}

/// The loops and branches of a [`Real`] that is [`Apart`], of parts `T`: where these are numbers, as of numbers.
macro_rules! flow_apart {
    ($T:ty) => {
        type Stacked<Y> = <$T as Real>::Stacked<Y>;
        #[inline(always)]
        fn holds(mask: Self::Mask) -> bool {
            <$T as Real>::holds(mask)
        }
        #[inline]
        #[track_caller]
        fn turns<C: $crate::op::Values<Self>>(
            how: $crate::op::Turns,
            init: C,
            mut holds: impl FnMut(C) -> $crate::error::Result<Self::Mask>,
            body: impl FnMut(C) -> $crate::error::Result<C>,
        ) -> $crate::error::Result<C> {
            match Self::SYMBOLIC {
                true => $crate::op::apart::turns::<Self, C>(how, init, holds, body),
                false => $crate::op::flow::turns(init, |c| Ok(Self::holds(holds(c)?)), body),
            }
        }
        #[inline]
        #[track_caller]
        fn either<C: $crate::op::Values<Self>>(
            holds: Self::Mask,
            then: impl FnOnce() -> $crate::error::Result<C>,
            otherwise: impl FnOnce() -> $crate::error::Result<C>,
        ) -> $crate::error::Result<C> {
            match Self::SYMBOLIC {
                true => $crate::op::apart::either::<Self, C>(holds, then, otherwise),
                false if Self::holds(holds) => then(),
                false => otherwise(),
            }
        }
        #[inline]
        #[track_caller]
        fn scanned<C: $crate::op::Values<Self>, X: $crate::op::Values<Self>, Y: $crate::op::Values<Self>>(
            how: $crate::op::Steps,
            n: usize,
            x: impl Fn(usize) -> X,
            init: C,
            body: impl FnMut(C, X) -> $crate::error::Result<(C, Y)>,
        ) -> $crate::error::Result<(C, Vec<Y>)> {
            match Self::SYMBOLIC {
                true => $crate::op::apart::scanned::<Self, C, X, Y>(how, n, x, init, body),
                false => $crate::op::flow::scanned(how, n, x, init, body),
            }
        }
        #[inline]
        #[track_caller]
        fn counted<C: $crate::op::Values<Self>, Y: $crate::op::Values<Self>>(
            how: $crate::op::Steps,
            init: C,
            body: impl FnMut(C) -> $crate::error::Result<(C, Y)>,
        ) -> $crate::error::Result<(C, Self::Stacked<Y>)> {
            match Self::SYMBOLIC {
                true => $crate::op::apart::counted::<Self, C, Y>(how, init, body),
                false => $crate::op::flow::counted(how, init, body).map(|(last, each)| (last, Self::together(each))),
            }
        }
        #[inline(always)]
        fn together<Y>(each: Vec<Y>) -> Self::Stacked<Y> {
            <$T as Real>::together(each)
        }
        fn restacked<P, Q>(each: Self::Stacked<P>, f: impl FnMut(P) -> Q) -> Self::Stacked<Q> {
            <$T as Real>::restacked(each, f)
        }
        #[track_caller]
        fn refuse(error: $crate::error::Error) {
            <$T as Real>::refuse(error);
        }
    };
}
pub(crate) use flow_apart;

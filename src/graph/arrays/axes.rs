//! Axes, as they are asked for by number. (Lengths and names make shapes: [`IntoShape`](crate::graph::IntoShape).)

use std::ops;

/// Axes that are meant, by their numbers: one (negative from the end), several, or `..` for all. Those that are reduced over disappear, unless
/// they are wrapped in [`keep`]. (What a *shape* is made of is [`IntoShape`](crate::graph::IntoShape).)
pub trait Axes {
    /// The axes, ascending, of a value of this rank; `None` if one does not exist or comes twice.
    fn of(self, rank: usize) -> Option<Vec<usize>>;

    /// Whether the axes stay, with length 1.
    fn stay(&self) -> bool {
        false
    }

    /// Whether they are not named, but all that there are.
    fn all(&self) -> bool {
        false
    }
}

/// See [`keep`].
#[derive(Copy, Clone, Debug)]
pub struct Keep<A>(A);

/// Axes to reduce over that stay, with length 1, so that the result broadcasts against the original: `x - x.mean(keep(0))`.
///
/// ```
/// use wengert::graph::keep;
/// use wengert::Function;
/// let f = Function::trace("x[2,2]", |x| x / x.sum(keep(1)))?;
/// let y = f.run([("x", [[1.0, 3.0], [5.0, 5.0]])])?;
/// assert_eq!(y[0].data(), [0.25, 0.75, 0.5, 0.5]);
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn keep<A: Axes>(axes: A) -> Keep<A> {
    Keep(axes)
}

impl<A: Axes> Axes for Keep<A> {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        self.0.of(rank)
    }
    fn stay(&self) -> bool {
        true
    }
    fn all(&self) -> bool {
        self.0.all()
    }
}

impl Axes for ops::RangeFull {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        Some((0..rank).collect())
    }
    fn all(&self) -> bool {
        true
    }
}

impl Axes for isize {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        [self].of(rank)
    }
}

impl<const N: usize> Axes for [isize; N] {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        let mut axes = self.map(|k| if k < 0 { k + rank as isize } else { k }).to_vec();
        axes.sort_unstable();
        let valid = axes.iter().all(|&k| (0..rank as isize).contains(&k)) && axes.windows(2).all(|pair| pair[0] != pair[1]);
        valid.then(|| axes.iter().map(|&k| k as usize).collect())
    }
}

/// Axes that were looked up before.
impl Axes for &[usize] {
    fn of(self, rank: usize) -> Option<Vec<usize>> {
        self.iter().all(|&k| k < rank).then(|| self.to_vec())
    }
}

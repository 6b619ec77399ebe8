//! Shapes: the lengths of a value's axes. An axis may be open: a named length that is only known when the function is called.

use super::interner::Interner;
use crate::error::{Error, Kind as ErrorKind, Result};
use std::{fmt, sync::LazyLock};

/// How many shapes a process may have, and how many names of open axes.
const BOUND: usize = 1 << 20;

static NAMES: LazyLock<Interner<str>> = LazyLock::new(|| Interner::bounded(BOUND));
static SHAPES: LazyLock<Interner<[Axis]>> = LazyLock::new(|| Interner::bounded(BOUND));

/// The table that is full, if one is.
fn full() -> Option<String> {
    let full = [("shapes", SHAPES.is_full()), ("names of axes", NAMES.is_full())];
    let (what, _) = full.into_iter().find(|(_, full)| *full)?;
    Some(format!("the table of {what} is full: a process may have {BOUND}, which are kept until it ends"))
}

/// That a function may be made: there is room for its shapes.
pub(crate) fn check_room() -> Result<()> {
    full().map_or(Ok(()), |message| Err(Error::new(ErrorKind::Limit, message)))
}

/// The length of an axis.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Axis {
    /// A number.
    Fixed(usize),
    /// A name, for a number that a call brings; equal names are equal numbers.
    Open(&'static str),
}

impl Axis {
    /// In the place of an axis, or of a shape's axes, for which there is no room: as no memory has room for it either, it is an error wherever
    /// it is used.
    const ENDLESS: Axis = Axis::Fixed(usize::MAX);

    /// The name of an open axis.
    pub(crate) fn open(&self) -> Option<&'static str> {
        match self {
            Axis::Fixed(_) => None,
            Axis::Open(name) => Some(name),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Axis::Fixed(n) => write!(f, "{n}"),
            Axis::Open(name) => f.write_str(name),
        }
    }
}

impl From<usize> for Axis {
    fn from(n: usize) -> Self {
        Axis::Fixed(n)
    }
}

/// An open axis in a list of lengths; anything that is a valid name.
impl From<&str> for Axis {
    fn from(name: &str) -> Self {
        let name = NAMES.get(name, |name| Box::leak(name.to_owned().into_boxed_str()));
        name.map_or(Axis::ENDLESS, Axis::Open)
    }
}

/// The lengths of a value's axes, the last one running fastest; a scalar has none. Small and `Copy`: equal shapes are stored once
/// per process, and kept until it ends. There may be 2²⁰ different ones, and as many names of open axes; from there on a trace is
/// an error ([`Error::is_limit`](crate::Error::is_limit)), while functions that were made stay usable.
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape(&'static [Axis]);

impl Default for Shape {
    fn default() -> Self {
        Shape::SCALAR
    }
}

impl Shape {
    /// The shape of a single number.
    pub const SCALAR: Shape = Shape(&[]);

    /// The shape with these axes: `Shape::new([3, 4])`, `Shape::new(("n", 3))`.
    pub fn new(axes: impl IntoShape) -> Shape {
        axes.into_shape()
    }

    pub(super) fn of(axes: &[Axis]) -> Shape {
        if axes.is_empty() {
            return Shape::SCALAR;
        }
        Shape(SHAPES.get(axes, |axes| Box::leak(axes.into())).unwrap_or(&[Axis::ENDLESS; 2]))
    }

    /// The axes.
    pub fn axes(self) -> &'static [Axis] {
        self.0
    }

    /// The number of axes.
    pub fn rank(self) -> usize {
        self.0.len()
    }

    /// How many numbers a value has, if no axis is open.
    pub fn len(self) -> Option<usize> {
        self.0.iter().map(|axis| if let Axis::Fixed(n) = axis { Some(*n) } else { None }).product()
    }

    /// Whether its numbers, as far as they are known, can be counted.
    pub(crate) fn check_size(self) -> std::result::Result<(), String> {
        let mut fixed = self.0.iter().map(|axis| if let Axis::Fixed(n) = axis { (*n).max(1) } else { 1 });
        let count = fixed.try_fold(1usize, |all, n| all.checked_mul(n));
        match count {
            Some(n) if n <= isize::MAX as usize / 8 => Ok(()),
            _ => Err(full().unwrap_or_else(|| format!("the shape {self} is larger than any memory"))),
        }
    }

    /// Whether an axis is known to have the length 0.
    pub fn is_empty(self) -> bool {
        self.0.contains(&Axis::Fixed(0))
    }

    /// The shape that both broadcast to by NumPy's rules: axes are matched from the last one, an axis of length 1 stretches.
    pub fn broadcast(self, other: Shape) -> Option<Shape> {
        if self == other {
            return Some(self);
        }
        let rank = self.rank().max(other.rank());
        let axis = |shape: Shape, k: usize| (k + shape.rank()).checked_sub(rank).map_or(Axis::Fixed(1), |k| shape.0[k]);
        let axes: Option<Vec<Axis>> = (0..rank)
            .map(|k| match (axis(self, k), axis(other, k)) {
                (a, b) if a == b => Some(a),
                (Axis::Fixed(1), b) => Some(b),
                (a, Axis::Fixed(1)) => Some(a),
                _ => None,
            })
            .collect();
        axes.map(|axes| Shape::new(&axes))
    }

    /// The shape without the given axes.
    pub(crate) fn without(self, axes: &[usize]) -> Shape {
        let kept: Vec<Axis> = (0..self.rank()).filter(|k| !axes.contains(k)).map(|k| self.0[k]).collect();
        Shape::new(&kept)
    }

    /// The shape with one axis replaced.
    pub(crate) fn with_axis(self, k: usize, axis: Axis) -> Shape {
        let mut axes = self.0.to_vec();
        axes[k] = axis;
        Shape::new(&axes)
    }

    /// With axes of length 1 in front, as many as it takes to have so many axes.
    pub(crate) fn with_rank(self, rank: usize) -> Shape {
        let front = vec![Axis::Fixed(1); rank.saturating_sub(self.rank())];
        if front.is_empty() { self } else { Shape::new([&front, self.0].concat()) }
    }

    /// The fixed lengths multiplied, and the names of the open axes in order: equal for shapes of as many numbers.
    pub(crate) fn volume(self) -> (usize, Vec<&'static str>) {
        let mut fixed = 1;
        let mut open = Vec::new();
        for axis in self.0 {
            match axis {
                Axis::Fixed(n) => fixed = usize::saturating_mul(fixed, *n),
                Axis::Open(name) => open.push(*name),
            }
        }
        open.sort_unstable();
        (fixed, open)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (k, axis) in self.0.iter().enumerate() {
            write!(f, "{}{axis}", if k == 0 { "" } else { "," })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What is taken for a shape. A number is the length of an axis, a name makes an axis open.
///
/// | written | shape |
/// |---|---|
/// | `5`, `"n"` | of one axis |
/// | `[3, 4]`, `["n", "m"]`, also a `Vec` or a slice | of these axes |
/// | `("n", 3)`, up to six | of these axes, numbers and names mixed |
/// | `()` | that of a single number |
/// | a [`Shape`] or [`Axis`] | as it is |
///
/// ```
/// use wengert::{Function, Shape};
/// let f = Function::trace("x[n,6]", |x| x.reshape(("n", 2, 3)).sum([0, 2]))?;
/// assert_eq!(f.inputs()[0].shape(), Shape::new(("n", 6)));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// Axes that are *meant*, by their number, are [`Axes`](crate::graph::Axes).
pub trait IntoShape {
    /// The shape.
    fn into_shape(self) -> Shape;
}

impl IntoShape for Shape {
    fn into_shape(self) -> Shape {
        self
    }
}

impl IntoShape for () {
    fn into_shape(self) -> Shape {
        Shape::SCALAR
    }
}

impl<A: Into<Axis>, const N: usize> IntoShape for [A; N] {
    fn into_shape(self) -> Shape {
        Shape::of(&self.map(Into::into))
    }
}

impl<A: Into<Axis> + Copy> IntoShape for &[A] {
    fn into_shape(self) -> Shape {
        Shape::of(&self.iter().map(|&axis| axis.into()).collect::<Vec<_>>())
    }
}

impl<A: Into<Axis> + Copy, const N: usize> IntoShape for &[A; N] {
    fn into_shape(self) -> Shape {
        (*self).into_shape()
    }
}

impl<A: Into<Axis>> IntoShape for Vec<A> {
    fn into_shape(self) -> Shape {
        Shape::of(&self.into_iter().map(Into::into).collect::<Vec<_>>())
    }
}

impl<A: Into<Axis> + Copy> IntoShape for &Vec<A> {
    fn into_shape(self) -> Shape {
        self[..].into_shape()
    }
}

macro_rules! one_axis {
    ($($T:ty)*) => { $(
        impl IntoShape for $T {
            fn into_shape(self) -> Shape {
                [self].into_shape()
            }
        }
    )* };
}
one_axis! { Axis usize &str }

macro_rules! tuples {
    ($(($($T:ident $x:ident),*))*) => { $(
        impl<$($T: Into<Axis>),*> IntoShape for ($($T,)*) {
            fn into_shape(self) -> Shape {
                let ($($x,)*) = self;
                [$(Into::<Axis>::into($x)),*].into_shape()
            }
        }
    )* };
}
tuples! { (A a) (A a, B b) (A a, B b, C c) (A a, B b, C c, D d) (A a, B b, C c, D d, E e) (A a, B b, C c, D d, E e, F f) }

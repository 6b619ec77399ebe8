//! Truncated power series, and what is known of all of them: their coefficients, and how they follow from edges.

use super::convolution::{is_zero, plus, scaled_slope};
use crate::base::Shape;
use crate::op::{ArrayOp, EdgeMap, Real, Value, lit};
use std::{fmt, marker::PhantomData};

/// Where the coefficients of a series are kept. The type says how many there are at most.
#[doc(hidden)]
pub trait Storage<T>: Copy + fmt::Debug + 'static {
    /// How many coefficients are kept at most, at least one.
    fn limit() -> usize;
    /// A series of `len` coefficients, zeros before they are filled in.
    fn filled(len: usize, fill: impl FnOnce(&mut [T])) -> Self;
    /// Lends the coefficients; those beyond are zero by construction.
    fn with<R>(&self, read: impl FnOnce(&[T]) -> R) -> R;
}

/// Coefficients in place.
#[doc(hidden)]
#[derive(Copy, Clone, Debug)]
pub struct Fixed<T, const N: usize> {
    len: usize,
    coefficients: [T; N],
}

impl<T: Real, const N: usize> Storage<T> for Fixed<T, N> {
    #[inline(always)]
    fn limit() -> usize {
        const { assert!(N > 0, "a jet has at least one coefficient") };
        N
    }
    #[inline(always)]
    fn filled(len: usize, fill: impl FnOnce(&mut [T])) -> Self {
        let mut coefficients = [lit(0.0); N];
        fill(&mut coefficients[..len]);
        // What does not vary is a constant to whatever follows, so that an infinite slope makes nothing of it.
        let varying = |c: &T| !is_zero(c);
        let len = coefficients[..len].iter().skip(1).rposition(varying).map_or(1, |last| last + 2);
        Fixed { len, coefficients }
    }
    #[inline(always)]
    fn with<R>(&self, read: impl FnOnce(&[T]) -> R) -> R {
        read(&self.coefficients[..self.len])
    }
}

/// A truncated power series z₀ + z₁·t + z₂·t² + … with coefficients of type `T`; see [`Jet`].
///
/// Trailing coefficients that are zero (all but the first of a constant) are not there, and cost nothing.
#[derive(Copy, Clone)]
pub struct Series<T, S> {
    coefficients: S,
    of: PhantomData<fn() -> T>,
}

/// A power series of `N` coefficients: the value, and derivatives up to the order N − 1 (divided by factorials) along a line.
///
/// A function that is generic over [`Real`] runs on jets as it does on numbers. A product of jets costs about N²/2 products, where
/// duals nested N − 1 deep cost 3ᴺ⁻¹.
///
/// ```
/// use wengert::jet::Jet;
/// let x = Jet::<f64, 4>::variable(0.0);
/// let y = (x * 2.0).exp(); // 1 + 2t + 2t² + 4/3·t³
/// assert_eq!(y.coefficients(), [1.0, 2.0, 2.0, 4.0 / 3.0]);
/// assert_eq!(y.derivative(3), 8.0);
/// ```
pub type Jet<T, const N: usize> = Series<T, Fixed<T, N>>;

impl<T: Real, const N: usize> Jet<T, N> {
    /// The series of these coefficients.
    pub fn new(coefficients: [T; N]) -> Self {
        Series::from_slice(&coefficients)
    }

    /// All coefficients: of tᵏ at k.
    pub fn coefficients(self) -> [T; N] {
        self.coefficients.coefficients
    }

    /// The k-th derivative at t = 0: k! times the k-th coefficient.
    ///
    /// # Panics
    /// If `k >= N`.
    pub fn derivative(self, k: usize) -> T {
        (2..=k).fold(self.coefficients.coefficients[k], |c, i| c * lit(i as f64))
    }
}

impl<T: Real, S: Storage<T>> Series<T, S> {
    fn of(coefficients: S) -> Self {
        Series { coefficients, of: PhantomData }
    }

    pub(super) fn filled(len: usize, fill: impl FnOnce(&mut [T])) -> Self {
        Series::of(S::filled(len, fill))
    }

    /// A value that does not depend on t.
    pub fn constant(value: T) -> Self {
        Series::filled(1, |z| z[0] = value)
    }

    /// x + t
    pub fn variable(x: T) -> Self {
        Series::line(x, lit(1.0))
    }

    /// x + v·t
    pub fn line(x: T, v: T) -> Self {
        Series::filled(S::limit().min(2), |z| z.iter_mut().zip([x, v]).for_each(|(z, x)| *z = x))
    }

    /// The series of these coefficients, as many of them as are kept.
    pub(crate) fn from_slice(coefficients: &[T]) -> Self {
        Series::filled(coefficients.len().min(S::limit()), |z| z.iter_mut().zip(coefficients).for_each(|(z, &x)| *z = x))
    }

    /// The coefficient at t⁰.
    pub fn value(&self) -> T {
        self.with(|z| z[0])
    }

    /// The coefficient at tᵏ.
    pub fn coefficient(&self, k: usize) -> T {
        self.with(|z| z.get(k).copied()).unwrap_or(lit(0.0))
    }

    pub(super) fn with<R>(&self, read: impl FnOnce(&[T]) -> R) -> R {
        self.coefficients.with(read)
    }

    pub(super) fn len(&self) -> usize {
        self.with(<[T]>::len)
    }

    /// Whether it depends on t by construction.
    pub(crate) fn is_constant(&self) -> bool {
        self.with(|z| z.iter().skip(1).all(T::is_absent))
    }

    /// The series' derivative in t, if it depends on t.
    pub(super) fn slope(&self) -> Option<Self> {
        if self.is_constant() {
            return None;
        }
        self.with(|x| {
            let times = |(k, &x): (usize, &T)| if x.is_absent() || k == 1 { x } else { x * lit(k as f64) };
            let slope: smallvec::SmallVec<[T; 32]> = x.iter().enumerate().skip(1).map(times).collect();
            Some(Series::from_slice(&slope))
        })
    }

    /// The series of a value whose derivative in t is `slope`, and which has `linear`'s coefficients, but for the first, beside.
    #[track_caller]
    pub(super) fn integrated(value: T, linear: Option<Self>, slope: Option<Self>) -> Self {
        let len = linear.map_or(1, |x| x.len()).max(slope.map_or(1, |x| x.len() + 1)).min(S::limit());
        let at = |series: Option<Self>, k: usize| series.map_or(lit(0.0), |x| x.coefficient(k));
        Series::filled(len, |z| {
            z[0] = value;
            for (k, z) in z.iter_mut().enumerate().skip(1) {
                let (linear, slope) = (at(linear, k), at(slope, k - 1));
                let own = if slope.is_absent() || k == 1 { slope } else { slope / lit(k as f64) };
                *z = plus(linear, own);
            }
        })
    }

    /// An edge applied to an operand's slope. Where it is infinite and the slope 0, the first product is 0, as it is among numbers; the
    /// rest of the slope counts.
    #[track_caller]
    pub(super) fn passed(edge: EdgeMap<Self>, slope: Self) -> Option<Self> {
        match edge {
            EdgeMap::Strong(p) | EdgeMap::Singular(p) | EdgeMap::Steep(p) if !T::SYMBOLIC => Some(Series::strong(p, slope)),
            EdgeMap::Twice(p, q) if !T::SYMBOLIC => Some(Series::strong(p, Series::strong(q, slope))),
            edge => edge.apply(slope),
        }
    }

    /// The product of a partial derivative and a slope.
    #[track_caller]
    fn strong(p: Self, slope: Self) -> Self {
        let len = S::limit().min(p.len() + slope.len() - 1);
        p.with(|p| slope.with(|t| Series::filled(len, |z| scaled_slope(p, t, z))))
    }

    /// By the op table: z′ is the sum, over the operands, of the edge applied to the operand's derivative. What an edge passes on as it
    /// is keeps its coefficients as they are. An edge that is written with z gives one more coefficient each time it is asked.
    #[track_caller]
    pub(super) fn derived<const A: usize>(
        value: T,
        edges: impl Fn(Self) -> [EdgeMap<Self>; A],
        operands: [Self; A],
        implicit: bool,
    ) -> Self {
        let mut z = Series::constant(value);
        for _ in 0..if implicit { S::limit() - 1 } else { 1 } {
            let (edges, mut linear, mut slope) = (edges(z), None, None);
            // Loops rather than closures, which would hide the user's line from `track_caller`.
            for k in 0..A {
                let Some(change) = operands[k].slope() else { continue };
                let (sum, term) = match edges[k] {
                    EdgeMap::Id | EdgeMap::Flip | EdgeMap::Where(_) => (&mut linear, edges[k].apply(operands[k])),
                    edge => (&mut slope, Series::passed(edge, change)),
                };
                if let Some(term) = term {
                    *sum = Some(match *sum {
                        None => term,
                        Some(sum) => sum + term,
                    });
                }
            }
            z = Series::integrated(value, linear, slope);
        }
        z
    }

    /// The series y with these first coefficients and y′ = `rule`(y, x′); `implicit` says whether the rule depends on y, and is asked
    /// once for every coefficient.
    #[track_caller]
    pub(crate) fn solved(values: &[T], x: &[Self], rule: impl Fn(&[Self], &[Self]) -> Vec<Self>, implicit: bool) -> Vec<Self> {
        let mut y: Vec<Self> = values.iter().map(|&y| Series::constant(y)).collect();
        if x.iter().all(Series::is_constant) {
            return y;
        }
        let t: Vec<Self> = x.iter().map(|x| x.slope().unwrap_or_else(|| Series::constant(zeros(x.value())))).collect();
        for _ in 0..if implicit { S::limit() - 1 } else { 1 } {
            let slopes = rule(&y, &t);
            y = values.iter().zip(slopes).map(|(&y, slope)| Series::integrated(y, None, Some(slope))).collect();
        }
        y
    }

    #[track_caller]
    pub(crate) fn chosen(mask: T::Mask, a: Self, b: Self) -> Self {
        Series::filled(a.len().max(b.len()), |z| {
            for (k, z) in z.iter_mut().enumerate() {
                let (a, b) = (a.coefficient(k), b.coefficient(k));
                if k == 0 || !(a.is_absent() && b.is_absent()) {
                    *z = T::select(mask, a, b);
                }
            }
        })
    }
}

/// Zeros of the shape of a value.
#[track_caller]
pub(super) fn zeros<T: Real>(like: T) -> T {
    match like.shape_of() {
        Shape::SCALAR => lit(0.0),
        shape => T::array(&ArrayOp::Broadcast(shape), &[Value::Num(lit(0.0))]).num(),
    }
}

/// The first coefficient by the op table: the sum, over the operands, of the edge applied to the operand's.
#[track_caller]
pub(super) fn first<T: Real, const A: usize>(edges: [EdgeMap<T>; A], x: [&[T]; A]) -> T {
    let mut sum = lit(0.0);
    for k in 0..A {
        let Some(&change) = x[k].get(1) else { continue };
        if let Some(term) = (!change.is_absent()).then(|| edges[k].apply(change)).flatten() {
            sum = plus(sum, term);
        }
    }
    sum
}

/// `[z₀, z₁, …]`
impl<T: Real, S: Storage<T>> fmt::Debug for Series<T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with(|z| f.debug_list().entries(z).finish())
    }
}

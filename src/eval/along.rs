//! Sweeps along an axis: the routines that interpreter and native code both run.

use super::known::number;
use crate::op::{ArrayOp, Real, Scalar, lit};

/// An axis: places before it, along it, and after it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Along {
    pub(crate) outer: usize,
    pub(crate) len: usize,
    pub(crate) inner: usize,
}

impl Along {
    pub(crate) fn new(lengths: &[usize], axis: usize) -> Self {
        Along { outer: lengths[..axis].iter().product(), len: lengths[axis], inner: lengths[axis + 1..].iter().product() }
    }

    /// Where a place is among all.
    pub(crate) fn at(self, outer: usize, k: usize, inner: usize) -> usize {
        (outer * self.len + k) * self.inner + inner
    }

    /// The start of every run of `inner` numbers at place k, for every k in order from the start or the end, with that of the place
    /// before it.
    pub(crate) fn steps(self, reverse: bool, mut f: impl FnMut(Option<usize>, usize)) {
        for o in 0..self.outer {
            let mut before = None;
            for step in 0..self.len {
                let k = if reverse { self.len - 1 - step } else { step };
                let start = self.at(o, k, 0);
                f(before, start);
                before = Some(start);
            }
        }
    }
}

/// Runs an operation along an axis; what it says is wrong is an error of the call.
pub(crate) fn sweep<T: Scalar>(op: &ArrayOp, operands: [&[T]; 2], along: Along, y: &mut [T]) -> Result<(), &'static str> {
    match (op, operands) {
        (ArrayOp::Recur { reverse, .. }, [a, b]) if along.inner == 1 && along.len > 0 => recur(a, b, along, *reverse, y),
        (ArrayOp::ArgMax(_), [x, _]) if along.inner == 1 && along.len > 0 && T::of_index(along.len - 1).is_some() => {
            x.chunks_exact(along.len).zip(y).for_each(|(row, y)| *y = index(first_largest(row)));
        }
        _ => return sweep_any(op, operands, along, y),
    }
    Ok(())
}

/// The same in any arithmetic.
pub(super) fn sweep_any<T: Real>(op: &ArrayOp, operands: [&[T]; 2], along: Along, y: &mut [T]) -> Result<(), &'static str> {
    let [x, b] = operands;
    match op {
        ArrayOp::ArgMax(_) if along.len == 0 => return Err("argmax over no numbers"),
        ArrayOp::ArgMax(_) if T::of_index(along.len - 1).is_none() => {
            return Err("argmax: an axis too long for this width");
        }
        ArrayOp::ArgMax(_) => argmax(x, along, y),
        ArrayOp::Prod(_) => prod(x, along, y),
        ArrayOp::CumSum { reverse, .. } => cumsum(x, along, *reverse, y),
        ArrayOp::Shift { reverse, .. } => shift(x, along, *reverse, y),
        ArrayOp::Recur { reverse, .. } => {
            y.copy_from_slice(b);
            along.steps(*reverse, |before, to| {
                if let Some(before) = before {
                    (0..along.inner).for_each(|i| y[to + i] = x[to + i] * y[before + i] + y[to + i]);
                }
            });
        }
        ArrayOp::Iota(..) => iota(along, y),
        _ => unreachable!("{op} does not go along an axis"),
    }
    Ok(())
}

/// Partial sums.
fn cumsum<T: Real>(x: &[T], along: Along, reverse: bool, y: &mut [T]) {
    y.copy_from_slice(x);
    along.steps(reverse, |before, to| {
        if let Some(before) = before {
            (0..along.inner).for_each(|i| y[to + i] += y[before + i]);
        }
    });
}

/// yᵢ = aᵢ·yᵢ₋₁ + bᵢ along the last axis.
fn recur<T: Scalar>(a: &[T], b: &[T], along: Along, reverse: bool, y: &mut [T]) {
    y.copy_from_slice(b);
    let n = along.len;
    for ((a, b), y) in a.chunks_exact(n).zip(b.chunks_exact(n)).zip(y.chunks_exact_mut(n)) {
        if reverse {
            let mut v = b[n - 1];
            let ((a_rest, a), (b_rest, b), (y_rest, y)) =
                (a[..n - 1].as_rchunks(), b[..n - 1].as_rchunks(), y[..n - 1].as_rchunks_mut());
            for ((a, b), y) in a.iter().zip(b).zip(y).rev() {
                let (mut a, mut b) = (*a, *b);
                a.reverse();
                b.reverse();
                *y = recur_block(&a, &b, &mut v);
                y.reverse();
            }
            for ((&a, &b), y) in a_rest.iter().zip(b_rest).zip(y_rest).rev() {
                v = a * v + b;
                *y = v;
            }
        } else {
            let mut v = b[0];
            let ((a, a_rest), (b, b_rest), (y, y_rest)) = (a[1..].as_chunks(), b[1..].as_chunks(), y[1..].as_chunks_mut());
            for ((a, b), y) in a.iter().zip(b).zip(y) {
                *y = recur_block(a, b, &mut v);
            }
            for ((&a, &b), y) in a_rest.iter().zip(b_rest).zip(y_rest) {
                v = a * v + b;
                *y = v;
            }
        }
    }
}

/// Eight numbers of a recurrence. Every number waits for the one before; where nothing is added, products of the factors do not, as
/// long as they stay in the range where their order does not matter.
#[inline(always)]
fn recur_block<T: Scalar>(a: &[T; 8], b: &[T; 8], v: &mut T) -> [T; 8] {
    let most: T = lit(if T::WIDTH == crate::base::Width::F64 { 1e150 } else { 1e15 });
    let least = lit::<T>(1.0) / most;
    let mut products = *a;
    for k in 1..8 {
        products[k] *= products[k - 1];
    }
    let plain = |&p: &T| (Real::abs(p) < most) & (Real::abs(p) > least);
    let simple = b.iter().fold(true, |all, &b| all & (b == T::default())) & products.iter().fold(true, |all, p| all & plain(p));
    let mut y = *b;
    if simple {
        y.iter_mut().zip(products).for_each(|(y, p)| *y = p * *v);
        *v = y[7];
    } else {
        for (y, &a) in y.iter_mut().zip(a) {
            *v = a * *v + *y;
            *y = *v;
        }
    }
    y
}

/// yᵢ = xᵢ₋₁
fn shift<T: Real>(x: &[T], along: Along, reverse: bool, y: &mut [T]) {
    if along.inner == 1 && along.len > 0 {
        for (x, y) in x.chunks_exact(along.len).zip(y.chunks_exact_mut(along.len)) {
            let (from, to, empty) = if reverse { (1, 0, along.len - 1) } else { (0, 1, 0) };
            y[to..to + along.len - 1].copy_from_slice(&x[from..from + along.len - 1]);
            y[empty] = lit(0.0);
        }
        return;
    }
    along.steps(reverse, |before, to| match before {
        Some(before) => y[to..to + along.inner].copy_from_slice(&x[before..before + along.inner]),
        None => y[to..to + along.inner].fill(lit(0.0)),
    });
}

/// Products; along the last axis in eight parts, of which none waits for another.
fn prod<T: Real>(x: &[T], along: Along, y: &mut [T]) {
    if along.inner == 1 && along.len > 0 {
        for (row, y) in x.chunks_exact(along.len).zip(y) {
            let mut parts = [lit::<T>(1.0); 8];
            let (chunks, rest) = row.as_chunks::<8>();
            chunks.iter().for_each(|chunk| parts.iter_mut().zip(chunk).for_each(|(part, &x)| *part *= x));
            parts.iter_mut().zip(rest).for_each(|(part, &x)| *part *= x);
            *y = crate::base::sums::halve(&mut parts, |a, b| a * b);
        }
        return;
    }
    for o in 0..along.outer {
        let y = &mut y[o * along.inner..(o + 1) * along.inner];
        if along.len == 0 {
            y.fill(lit(1.0));
        }
        for k in 0..along.len {
            let row = &x[along.at(o, k, 0)..along.at(o, k, along.inner)];
            y.iter_mut().zip(row).for_each(|(y, &x)| *y = if k == 0 { x } else { *y * x });
        }
    }
}

/// Which of a gather's or scatter's indices belong to a place before the axis: `shared` neighbours have the same ones, `each` of them.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Indices {
    shared: usize,
    each: usize,
}

impl Indices {
    /// For arrays of these lengths and indices of those, the first `batch` axes being common.
    pub(crate) fn new(lengths: &[usize], axis: usize, batch: usize, index: &[usize]) -> Self {
        Indices { shared: lengths[batch..axis].iter().product(), each: index[batch..].iter().product() }
    }

    /// How many indices are read, and how many slices they choose.
    pub(crate) fn lengths(self, along: Along) -> (usize, usize) {
        let own = if along.outer == 0 { 0 } else { (along.outer - 1) / self.shared + 1 };
        (own * self.each, along.outer * self.each)
    }

    /// Calls `f` with every place before the axis, and each of its indices with its number among all slices.
    fn each<T: Real>(self, index: &[T], along: Along, mut f: impl FnMut(usize, usize)) {
        for o in 0..along.outer {
            let own = o / self.shared * self.each;
            for (k, i) in index[own..own + self.each].iter().enumerate() {
                f(along.at(o, i.to_index() as usize, 0), (o * self.each + k) * along.inner);
            }
        }
    }

    /// Slices of `x` at indices, which are in range.
    pub(crate) fn gather<T: Copy, I: Real>(self, x: &[T], index: &[I], along: Along, y: &mut [T]) {
        self.each(index, along, |from, to| y[to..to + along.inner].copy_from_slice(&x[from..from + along.inner]));
    }

    /// Adds slices of `x` to zeros at indices, which are in range.
    pub(crate) fn scatter_add<T: Real>(self, x: &[T], index: &[T], along: Along, y: &mut [T]) {
        y.fill(lit(0.0));
        self.each(index, along, |to, from| {
            y[to..to + along.inner].iter_mut().zip(&x[from..from + along.inner]).for_each(|(y, &x)| *y += x);
        });
    }
}

/// The index that is not below a length.
pub(crate) fn outside<T: Real>(index: &[T], len: usize) -> Option<f64> {
    let bad = index.iter().find(|v| !(number(**v) >= 0.0 && (v.to_index() as u64) < len as u64))?;
    let v = number(*bad);
    Some(if v.is_finite() && v.fract() == 0.0 { bad.to_index() as f64 } else { v })
}

/// Each place's own index.
fn iota<T: Real>(along: Along, y: &mut [T]) {
    for (at, y) in y.iter_mut().enumerate() {
        *y = lit((at / along.inner % along.len) as f64);
    }
}

/// The same as [`argmax`] for a row of plain numbers: the value in lanes, of which none waits for the one before, then its first place.
fn first_largest<T: Scalar>(row: &[T]) -> usize {
    const LANES: usize = 16;
    let larger = |most: T, v: T| if v > most { v } else { most };
    if row.iter().fold(false, |any, &v| any | is_nan(v)) {
        return row.iter().position(|&v| is_nan(v)).expect("there is one");
    }
    let mut most = [row[0]; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        most.iter_mut().zip(chunk).for_each(|(most, &v)| *most = larger(*most, v));
    }
    let most = most.iter().chain(rest).fold(row[0], |most, &v| larger(most, v));
    let is_most = |&v: &T| v == most;
    let part = row.chunks(LANES).position(|part| part.iter().fold(false, |any, v| any | is_most(v))).expect("one has it");
    part * LANES + row[part * LANES..].iter().position(is_most).expect("it is one of them")
}

fn is_nan<T: Scalar>(v: T) -> bool {
    crate::op::Real::ne(v, v)
}

/// The index of the first largest value, which is the first NaN if there is one.
fn argmax<T: Real>(x: &[T], along: Along, y: &mut [T]) {
    let is_nan = |v: T| T::holds(v.ne(v));
    for o in 0..along.outer {
        for i in 0..along.inner {
            let value = |k: usize| x[along.at(o, k, i)];
            let better = |k: usize, best: usize| T::holds(value(k).gt(value(best))) || is_nan(value(k)) && !is_nan(value(best));
            // Nothing is larger than a NaN.
            let best = (1..along.len).fold(0, |best, k| if better(k, best) { k } else { best });
            y[o * along.inner + i] = index(best);
        }
    }
}

/// An index that there is room for.
fn index<T: Real>(k: usize) -> T {
    T::of_index(k).unwrap_or(lit(f64::NAN))
}

//! Small dense linear algebra, one matrix after the other: the routines that interpreter and native code both run.
//!
//! In: matrices, row by row. Out: solutions, or which pivot fails. LU with partial pivoting and Cholesky's decomposition, as in
//! G. H. Golub and C. F. Van Loan, Matrix Computations.

use crate::op::{ArrayOp, Real, Scalar, lit};

/// What a linear algebra operation works on.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Sizes {
    /// How many matrices.
    count: usize,
    /// Rows and columns of each.
    n: usize,
    /// Columns of each right-hand side; of an operation of one operand, 0.
    m: usize,
    /// Numbers of each result.
    result: usize,
}

impl Sizes {
    /// From the lengths of the operands' and the result's axes.
    pub(crate) fn new(a: &[usize], b: Option<&[usize]>, result: &[usize]) -> Self {
        let (leading, n) = (a.len() - 2, a[a.len() - 1]);
        let m = b.map_or(0, |b| b[b.len() - 1]);
        Sizes { count: a[..leading].iter().product(), n, m, result: result[leading..].iter().product() }
    }

    /// How many numbers both operands and the results have.
    pub(crate) fn lengths(self) -> ([usize; 2], usize) {
        ([self.n * self.n, self.n * self.m].map(|each| self.count * each), self.count * self.result)
    }

    /// How many numbers the routines need to work with.
    pub(crate) fn work(self) -> usize {
        self.n * self.n
    }
}

/// Runs the operation on every matrix. The error says which one fails, and why.
pub(crate) fn run<T: Scalar>(op: &ArrayOp, sizes: Sizes, a: &[T], b: &[T], work: &mut [T], y: &mut [T]) -> Result<(), String> {
    run_any(op, sizes, T::WIDTH.epsilon(), [a, b], work, y)
}

/// The same in any arithmetic whose numbers are known, of this precision.
pub(super) fn run_any<T: Real>(
    op: &ArrayOp,
    sizes: Sizes,
    epsilon: f64,
    [a, b]: [&[T]; 2],
    work: &mut [T],
    y: &mut [T],
) -> Result<(), String> {
    let Sizes { count, n, m, result } = sizes;
    for k in 0..count {
        let a = &a[k * n * n..(k + 1) * n * n];
        let y = &mut y[k * result..(k + 1) * result];
        if let ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } = op {
            y.copy_from_slice(&b[k * n * m..(k + 1) * n * m]);
        }
        let failed = match op {
            ArrayOp::Solve => solve(n, m, epsilon, a, work, y),
            ArrayOp::SolveOrNan => {
                if solve(n, m, epsilon, a, work, y).is_err() {
                    // A product, so that derivatives are none either.
                    y.iter_mut().for_each(|v| *v *= lit(f64::NAN));
                }
                Ok(())
            }
            ArrayOp::SolveTriangular { lower } => substitute(n, m, a, *lower, y),
            ArrayOp::Inverse => {
                y.fill(lit(0.0));
                (0..n).for_each(|i| y[i * n + i] = lit(1.0));
                solve(n, n, epsilon, a, work, y)
            }
            ArrayOp::Det => {
                y[0] = det(n, a, work);
                Ok(())
            }
            ArrayOp::LogDet => log_det(n, epsilon, a, work).map(|v| y[0] = v),
            ArrayOp::Cholesky => cholesky(n, epsilon, a, y),
            _ => unreachable!("{op} is no linear algebra"),
        };
        failed.map_err(|pivot| {
            let which = if count > 1 { format!(" {k} of {count}") } else { String::new() };
            let what = if let ArrayOp::Cholesky = op { "not positive definite" } else { "singular" };
            format!("{}: the matrix{which} is {what} to working precision (pivot {pivot} of {n})", op.name())
        })?;
    }
    Ok(())
}

/// y = A⁻¹·y for m columns.
fn solve<T: Real>(n: usize, m: usize, epsilon: f64, a: &[T], lu: &mut [T], y: &mut [T]) -> Result<(), usize> {
    lu.copy_from_slice(a);
    eliminate(n, lu, m, y)?;
    check_pivots(n, epsilon, lu)?;
    substitute(n, m, lu, false, y)
}

/// The determinant; 0 for a singular matrix.
fn det<T: Real>(n: usize, a: &[T], lu: &mut [T]) -> T {
    lu.copy_from_slice(a);
    let mut product: T = lit(1.0);
    match eliminate(n, lu, 0, &mut []) {
        Err(_) => lit(0.0),
        Ok(odd) => {
            (0..n).for_each(|k| product *= lu[k * n + k]);
            if odd { -product } else { product }
        }
    }
}

fn log_det<T: Real>(n: usize, epsilon: f64, a: &[T], lu: &mut [T]) -> Result<T, usize> {
    lu.copy_from_slice(a);
    eliminate(n, lu, 0, &mut [])?;
    check_pivots(n, epsilon, lu)?;
    Ok((0..n).fold(lit(0.0), |sum: T, k| sum + lu[k * n + k].abs().ln()))
}

/// Replaces A by its factors, L below the diagonal and U on and above it, of the matrix with rows exchanged so that no factor of L
/// is larger than 1, and y by L⁻¹ of y with rows exchanged likewise. Whether there were oddly many exchanges; or the pivot that is 0.
fn eliminate<T: Real>(n: usize, a: &mut [T], m: usize, y: &mut [T]) -> Result<bool, usize> {
    let mut odd = false;
    for k in 0..n {
        let size = |i: usize| a[i * n + k].abs();
        let best = (k + 1..n).fold(k, |best, i| if T::holds(size(i).gt(size(best))) { i } else { best });
        if best != k {
            swap_rows(a, n, k, best);
            swap_rows(y, m, k, best);
            odd = !odd;
        }
        let pivot = a[k * n + k];
        if T::holds(pivot.eq(lit(0.0))) {
            return Err(k);
        }
        let (done, below) = a.split_at_mut((k + 1) * n);
        let row = &done[k * n + k + 1..];
        let (done, y_below) = y.split_at_mut((k + 1) * m);
        let y_row = &done[k * m..];
        for i in 0..n - k - 1 {
            let target = &mut below[i * n..(i + 1) * n];
            let l = target[k] / pivot;
            target[k] = l;
            target[k + 1..].iter_mut().zip(row).for_each(|(t, &u)| *t -= l * u);
            y_below[i * m..(i + 1) * m].iter_mut().zip(y_row).for_each(|(t, &u)| *t -= l * u);
        }
    }
    Ok(odd)
}

fn swap_rows<T>(a: &mut [T], n: usize, i: usize, j: usize) {
    let (above, below) = a.split_at_mut(j * n);
    above[i * n..(i + 1) * n].swap_with_slice(&mut below[..n]);
}

/// A pivot that is no larger than the rounding of the terms it was the difference of has no digit that counts. That does not change
/// with the scale of rows and columns.
fn check_pivots<T: Real>(n: usize, epsilon: f64, lu: &[T]) -> Result<(), usize> {
    for k in 0..n {
        let terms = (0..k).fold(lit(0.0), |sum: T, i| sum + (lu[k * n + i] * lu[i * n + k]).abs());
        if T::holds(lu[k * n + k].abs().le(terms * lit(epsilon))) {
            return Err(k);
        }
    }
    Ok(())
}

/// y = T⁻¹·y for m columns, of the lower or upper triangle of A.
fn substitute<T: Real>(n: usize, m: usize, a: &[T], lower: bool, y: &mut [T]) -> Result<(), usize> {
    for step in 0..n {
        let k = if lower { step } else { n - 1 - step };
        let pivot = a[k * n + k];
        if T::holds(pivot.eq(lit(0.0))) {
            return Err(k);
        }
        let (above, rest) = y.split_at_mut(k * m);
        let (row, below) = rest.split_at_mut(m);
        row.iter_mut().for_each(|v| *v /= pivot);
        let (targets, first) = if lower { (below, k + 1) } else { (above, 0) };
        for (i, target) in targets.chunks_exact_mut(m.max(1)).enumerate() {
            let factor = a[(first + i) * n + k];
            target.iter_mut().zip(&*row).for_each(|(t, &v)| *t -= factor * v);
        }
    }
    Ok(())
}

/// L of the symmetric part of A.
fn cholesky<T: Real>(n: usize, epsilon: f64, a: &[T], l: &mut [T]) -> Result<(), usize> {
    let half: T = lit(0.5);
    l.fill(lit(0.0));
    for i in 0..n {
        let (done, row) = l.split_at_mut(i * n);
        for j in 0..i {
            let other = &done[j * n..(j + 1) * n];
            let known = (0..j).fold(lit(0.0), |sum: T, k| sum + row[k] * other[k]);
            row[j] = ((a[i * n + j] + a[j * n + i]) * half - known) / other[j];
        }
        let known = row[..i].iter().fold(lit(0.0), |sum: T, &v| sum + v * v);
        let rest = a[i * n + i] - known;
        if T::holds(rest.le(known * lit(epsilon))) {
            return Err(i);
        }
        row[i] = rest.sqrt();
    }
    Ok(())
}

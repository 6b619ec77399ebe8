//! Matrices and vectors: products, diagonals, linear equations.

use super::run::{run, shape_error};
use super::scales;
use crate::base::{Axis, Shape};
use crate::error::Caller;
use crate::graph::handle::{Cond, Expr};
use crate::graph::session::by;
use crate::op::{ArrayOp, Cut, select};
use std::panic::Location;

/// Matrices. What is said of a matrix holds for stacks of them, over the leading axes.
impl Expr {
    /// The identity matrix `[n,n]`; n is a number, or an open axis (by its name, or that of a [shape](Expr::shape)).
    #[track_caller]
    pub fn eye(n: impl Into<Axis>) -> Expr {
        let n = n.into();
        let shape = Shape::new([n, n]);
        select(diagonal(shape, Location::caller()), 1.0, 0.0)
    }

    /// The elements on and below the k-th diagonal, 0 elsewhere.
    #[track_caller]
    pub fn tril(self, k: isize) -> Expr {
        self.triangle("tril", Location::caller(), |row, column| column.le(row + k as f64))
    }

    /// The elements on and above the k-th diagonal, 0 elsewhere.
    #[track_caller]
    pub fn triu(self, k: isize) -> Expr {
        self.triangle("triu", Location::caller(), |row, column| column.ge(row + k as f64))
    }

    fn triangle(self, what: &str, at: Caller, keep: impl Fn(Expr, Expr) -> Cond) -> Expr {
        let (shape, rank) = (self.shape(), self.rank());
        if rank < 2 {
            return shape_error(at, format!("{what}: the shape {shape} is not that of a matrix"));
        }
        let index = |axis| run(ArrayOp::Iota(shape, axis), &[], at);
        select(keep(index(rank - 2), index(rank - 1)), self, 0.0)
    }

    /// The elements of the main diagonal of a matrix, `[…,m,n]` to `[…,min(m,n)]`; see [`Expr::diag_matrix`] for the way back.
    #[track_caller]
    pub fn diag(self) -> Expr {
        let (at, shape) = (Location::caller(), self.shape());
        let [leading @ .., rows, columns] = shape.axes() else {
            return shape_error(at, format!("diag: the shape {shape} is not that of a matrix"));
        };
        match (rows, columns) {
            (Axis::Fixed(m), Axis::Fixed(n)) => {
                let flat = Shape::new([leading, &[Axis::Fixed(m * n)]].concat());
                let mut cuts = vec![Cut::All; leading.len()];
                cuts.push(Cut::Range { start: 0, step: *n as isize + 1, len: *m.min(n) });
                run(ArrayOp::Slice(cuts), &[run(ArrayOp::Reshape(flat), &[self], at)], at)
            }
            _ if rows == columns => select(diagonal(shape, at), self, 0.0).sum(-1),
            _ => shape_error(at, format!("diag: the matrix {shape} has an open axis and is not square")),
        }
    }

    /// The diagonal matrix with these elements, `[…,n]` to `[…,n,n]`.
    #[track_caller]
    pub fn diag_matrix(self) -> Expr {
        let (at, shape) = (Location::caller(), self.shape());
        let Some(&n) = shape.axes().last() else {
            return shape_error(at, "diag_matrix: a number is no vector".into());
        };
        let to = Shape::new([shape.axes(), &[n]].concat());
        let column = run(ArrayOp::Reshape(Shape::new([shape.axes(), &[Axis::Fixed(1)]].concat())), &[self], at);
        select(diagonal(to, at), column, 0.0)
    }

    /// The sum of the main diagonal of a matrix.
    #[track_caller]
    pub fn trace(self) -> Expr {
        self.diag().sum(-1)
    }

    /// The matrix product: vectors `[k]`, matrices `[m,k]·[k,n]`, or stacks of matrices whose leading axes broadcast. A
    /// vector stands as a row on the left and as a column on the right, and loses that axis again.
    #[track_caller]
    pub fn matmul(self, other: Expr) -> Expr {
        let at = Location::caller();
        let (a, b) = (self.shape(), other.shape());
        let misfit = || shape_error(at, format!("matmul: the shapes {a} and {b} do not fit"));
        if a.rank() == 0 || b.rank() == 0 {
            return misfit();
        }
        let x = if a.rank() == 1 { self.reshape([Axis::Fixed(1), a.axes()[0]]) } else { self };
        let y = if b.rank() == 1 { other.reshape([b.axes()[0], Axis::Fixed(1)]) } else { other };
        if x.shape().axes()[x.rank() - 1] != y.shape().axes()[y.rank() - 2] {
            return misfit();
        }
        let Some((x, y)) = stacked(x, y, at) else { return misfit() };
        let product = run(ArrayOp::MatMul, &[x, y], at);
        let mut axes = product.shape().axes().to_vec();
        if b.rank() == 1 {
            axes.pop();
        }
        if a.rank() == 1 {
            axes.remove(axes.len() - if b.rank() == 1 { 1 } else { 2 });
        }
        if axes.len() == product.rank() { product } else { run(ArrayOp::Reshape(Shape::new(&axes)), &[product], at) }
    }

    /// The inner product of two vectors; of stacks of vectors, over the last axis.
    #[track_caller]
    pub fn dot(self, other: Expr) -> Expr {
        (self * other).total_of_last(Location::caller())
    }

    fn total_of_last(self, at: Caller) -> Expr {
        match self.rank() {
            0 => self,
            rank => self.total(&[rank - 1], at),
        }
    }

    /// The outer product of two vectors, `[…,m]` and `[…,n]` to `[…,m,n]`.
    #[track_caller]
    pub fn outer(self, other: Expr) -> Expr {
        let (at, a, b) = (Location::caller(), self.shape(), other.shape());
        let Some((&n, leading)) = b.axes().split_last() else {
            return shape_error(at, format!("outer: the shapes {a} and {b} are not those of vectors"));
        };
        let column = Shape::new([a.axes(), &[Axis::Fixed(1)]].concat());
        let row = Shape::new([leading, &[Axis::Fixed(1), n]].concat());
        run(ArrayOp::Reshape(column), &[self], at) * run(ArrayOp::Reshape(row), &[other], at)
    }

    /// The cosine of the angle between two vectors; of stacks of vectors, over the last axis.
    #[track_caller]
    pub fn cosine(self, other: Expr) -> Expr {
        scales::cosine(self, other, Location::caller())
    }

    /// The solution x of A·x = b, for a square matrix A and a vector `[n]` or the columns of a matrix `[n,m]`, by elimination with
    /// partial pivoting (LU). Leading axes broadcast; of rank 1 is one vector for all. A matrix that is singular to working precision is an error of
    /// the call.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a[2,2]", "b[2]"], |[a, b]| a.solve(b))?;
    /// assert_eq!(f.run((("a", [[2.0, 1.0], [0.0, 4.0]]), ("b", [4.0, 8.0])))?[0].data(), [1.0, 2.0]);
    /// let singular = f.run((("a", [[1.0, 1.0], [1.0, 1.0]]), ("b", [1.0, 0.0])));
    /// assert!(singular.unwrap_err().to_string().contains("solve: the matrix is singular"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    #[track_caller]
    pub fn solve(self, b: Expr) -> Expr {
        self.solved(ArrayOp::Solve, b, Location::caller())
    }

    /// As [`Expr::solve`], but NaN for a matrix that is singular to working precision: for loops that report it.
    #[track_caller]
    pub(crate) fn solve_or_nan(self, b: Expr) -> Expr {
        self.solved(ArrayOp::SolveOrNan, b, Location::caller())
    }

    /// As [`Expr::solve`], for the lower triangle of the matrix; what is above the diagonal is not read.
    #[track_caller]
    pub fn solve_lower(self, b: Expr) -> Expr {
        self.solved(ArrayOp::SolveTriangular { lower: true }, b, Location::caller())
    }

    /// As [`Expr::solve`], for the upper triangle of the matrix; what is below the diagonal is not read.
    #[track_caller]
    pub fn solve_upper(self, b: Expr) -> Expr {
        self.solved(ArrayOp::SolveTriangular { lower: false }, b, Location::caller())
    }

    fn solved(self, op: ArrayOp, b: Expr, at: Caller) -> Expr {
        let (a, right) = (self.shape(), b.shape());
        let vector = right.rank() == 1;
        let y = if vector { run(ArrayOp::Reshape(Shape::new([right.axes()[0], Axis::Fixed(1)])), &[b], at) } else { b };
        let fits = match (a.axes(), y.shape().axes()) {
            ([.., rows, columns], [.., n, _]) => rows == columns && columns == n,
            _ => false,
        };
        let Some((x, y)) = stacked(self, y, at).filter(|_| fits) else {
            return shape_error(at, format!("{}: the shapes {a} and {right} do not fit", op.name()));
        };
        let solution = run(op, &[x, y], at);
        let axes = solution.shape().axes();
        if vector { run(ArrayOp::Reshape(Shape::new(&axes[..axes.len() - 1])), &[solution], at) } else { solution }
    }

    /// The x with the least ‖A·x − b‖, for a matrix A `[m,n]` of independent columns and a vector b `[m]` or the columns of a matrix `[m,k]`. The
    /// normal equations of columns of length 1 are solved by Cholesky's decomposition, and once more for what is left (Å. Björck, 1987),
    /// which makes up for squaring the condition number as long as that square is below 1/ε. Differentiable in both.
    ///
    /// ```
    /// use wengert::Function;
    /// // a line through four points
    /// let f = Function::trace(["a[n,2]", "b[n]"], |[a, b]| a.lstsq(b))?;
    /// let x: wengert::Results<f64> = f.run((("a", [[1.0, 0.0], [1.0, 1.0], [1.0, 2.0], [1.0, 3.0]]), ("b", [1.0, 3.0, 5.0, 7.0])))?;
    /// assert!((x[0].data()[0] - 1.0).abs() < 1e-14 && (x[0].data()[1] - 2.0).abs() < 1e-14);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of the trace: shapes that do not fit. Of the call: columns that are dependent to working precision.
    #[track_caller]
    pub fn lstsq(self, b: Expr) -> Expr {
        let at = Location::caller();
        let (shape, right) = (self.shape(), b.shape());
        let (&[m, n], true) = (shape.axes(), (1..=2).contains(&right.rank()) && right.axes().first() == shape.axes().first())
        else {
            let message = format!("lstsq: the shapes {shape} and {right} do not fit");
            return shape_error(at, message);
        };
        by(at, || {
            let columns = if right.rank() == 1 { b.reshape([m, Axis::Fixed(1)]) } else { b };
            // The solution does not depend on the lengths that columns are given, so they are constants to derivatives.
            let length = (self * self).sum(0).sqrt().detach();
            let scale = select(length.gt(0.0), length.recip(), 1.0);
            let a = self * scale;
            let l = a.t().matmul(a).cholesky();
            let solved = |r: Expr| l.t().solve_upper(l.solve_lower(a.t().matmul(r)));
            let x = solved(columns);
            let x = (x + solved(columns - a.matmul(x))) * scale.reshape([n, Axis::Fixed(1)]);
            if right.rank() == 1 { x.reshape([n]) } else { x }
        })
    }

    /// The inverse of a square matrix. A matrix that is singular to working precision is an error of the call. To solve equations,
    /// [`Expr::solve`] is faster and more accurate.
    #[track_caller]
    pub fn inverse(self) -> Expr {
        run(ArrayOp::Inverse, &[self], Location::caller())
    }

    /// The determinant of a square matrix. That of a singular one is 0; its derivative is made of the inverse, and there an
    /// error of the call.
    #[track_caller]
    pub fn det(self) -> Expr {
        run(ArrayOp::Det, &[self], Location::caller())
    }

    /// ln |det A| of a square matrix, also where the determinant itself would over- or underflow. The sign, which it leaves out, is that
    /// of [`Expr::det`]. A matrix that is singular to working precision is an error of the call.
    #[track_caller]
    pub fn log_det(self) -> Expr {
        run(ArrayOp::LogDet, &[self], Location::caller())
    }

    /// The lower triangular matrix L with L·Lᵀ = A, for a symmetric positive definite A; anything else is an error of the call, but
    /// for rounding: of a matrix that is not symmetric the symmetric part (A + Aᵀ)/2 is taken, so that gradients are symmetric.
    #[track_caller]
    pub fn cholesky(self) -> Expr {
        run(ArrayOp::Cholesky, &[self], Location::caller())
    }
}

/// Where the last two axes of a shape have the same index.
fn diagonal(shape: Shape, at: Caller) -> Cond {
    let index = |axis| run(ArrayOp::Iota(shape, axis), &[], at);
    index(shape.rank() - 2).eq(index(shape.rank() - 1))
}

/// Two stacks of matrices, their leading axes broadcast to be the same.
fn stacked(x: Expr, y: Expr, at: Caller) -> Option<(Expr, Expr)> {
    let split = |shape: Shape| Some(shape.axes().split_at(shape.rank().checked_sub(2)?));
    let ((p, m), (q, n)) = (split(x.shape())?, split(y.shape())?);
    let batch = Shape::new(p).broadcast(Shape::new(q))?;
    let spread = |z: Expr, matrix: &[Axis]| {
        let to = Shape::new([batch.axes(), matrix].concat());
        if z.shape() == to { z } else { run(ArrayOp::Broadcast(to), &[z], at) }
    };
    Some((spread(x, m), spread(y, n)))
}

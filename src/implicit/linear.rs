//! Linear least squares.

use crate::base::Axis;
use crate::error::{Error, Kind as ErrorKind};
use crate::graph::{Expr, by, refuse};
use crate::op::{lit, select};
use std::panic::Location;

impl Expr {
    /// The x with the least ‖A·x − b‖, for a matrix A `[m,n]` of independent columns and a vector b `[m]` or the columns of a matrix `[m,k]`. The
    /// normal equations of columns of length 1 are solved by Cholesky's decomposition, and once more for what is left (Å. Björck, 1987),
    /// which makes up for squaring the condition number as long as that square is below 1/ε. Differentiable in both.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// // a line through four points
    /// let f = Function::trace(["a[n,2]", "b[n]"], |[a, b]| a.lstsq(b))?;
    /// let a = Array::new([4, 2], vec![1.0, 0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 3.0])?;
    /// let x = f.eval_arrays(&[a, Array::vector(vec![1.0, 3.0, 5.0, 7.0])])?;
    /// assert!((x[0].data()[0] - 1.0f64).abs() < 1e-14 && (x[0].data()[1] - 2.0f64).abs() < 1e-14);
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
            refuse(Error::new(ErrorKind::Shape, message).at(Some(at)));
            return b;
        };
        by(at, || {
            let columns = if right.rank() == 1 { b.reshape([m, Axis::Fixed(1)]) } else { b };
            // The solution does not depend on the lengths that columns are given, so they are constants to derivatives.
            let length = (self * self).sum(0).sqrt().detach();
            let scale = select(length.gt(lit(0.0)), length.recip(), lit(1.0));
            let a = self * scale;
            let l = a.t().matmul(a).cholesky();
            let solved = |r: Expr| l.t().solve_upper(l.solve_lower(a.t().matmul(r)));
            let x = solved(columns);
            let x = (x + solved(columns - a.matmul(x))) * scale.reshape([n, Axis::Fixed(1)]);
            if right.rank() == 1 { x.reshape([n]) } else { x }
        })
    }
}

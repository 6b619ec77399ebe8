//! Least squares by orthogonal triangularisation (A. Householder, 1958).

/// The upper triangle R of a matrix of `n` columns, row by row, and what becomes of a right-hand side: ‖A·x − b‖ is least where R·x is the
/// first part of it.
pub(super) struct Triangular {
    n: usize,
    r: Vec<f64>,
    b: Vec<f64>,
}

impl Triangular {
    /// Of at least `n` rows.
    pub(super) fn of(n: usize, mut a: Vec<f64>, mut b: Vec<f64>) -> Self {
        let rows = b.len();
        for k in 0..n {
            let norm = (k..rows).fold(0.0, |sum: f64, i| sum.hypot(a[i * n + k]));
            if norm == 0.0 {
                continue;
            }
            // The reflection takes the column to −sign·norm on the diagonal; its vector replaces the column.
            let diagonal = if a[k * n + k] > 0.0 { -norm } else { norm };
            a[k * n + k] -= diagonal;
            let square: f64 = (k..rows).map(|i| a[i * n + k] * a[i * n + k]).sum();
            for j in k + 1..=n {
                let factor =
                    2.0 * (k..rows).map(|i| a[i * n + k] * if j < n { a[i * n + j] } else { b[i] }).sum::<f64>() / square;
                for i in k..rows {
                    let v = a[i * n + k] * factor;
                    if j < n { a[i * n + j] -= v } else { b[i] -= v }
                }
            }
            a[k * n + k] = diagonal;
        }
        a.truncate(n * n);
        b.truncate(n);
        Triangular { n, r: a, b }
    }

    /// Whether no column is a sum of others to working precision.
    pub(super) fn is_regular(&self) -> bool {
        let diagonal = |k: usize| self.r[k * self.n + k].abs();
        let above = |k: usize| (0..=k).fold(0.0, |sum: f64, i| sum.hypot(self.r[i * self.n + k]));
        (0..self.n).all(|k| diagonal(k) > self.n as f64 * f64::EPSILON * above(k))
    }

    /// The solution.
    pub(super) fn solved(&self) -> Vec<f64> {
        self.substituted(self.b.clone())
    }

    /// R⁻¹·x
    fn substituted(&self, mut x: Vec<f64>) -> Vec<f64> {
        for k in (0..self.n).rev() {
            let known: f64 = (k + 1..self.n).map(|j| self.r[k * self.n + j] * x[j]).sum();
            x[k] = (x[k] - known) / self.r[k * self.n + k];
        }
        x
    }

    /// (Aᵀ·A)⁻¹ = R⁻¹·R⁻ᵀ, row by row.
    pub(super) fn inverse_of_product(&self) -> Vec<f64> {
        let n = self.n;
        let unit = |k: usize| (0..n).map(|i| if i == k { 1.0 } else { 0.0 }).collect();
        let columns: Vec<Vec<f64>> = (0..n).map(|k| self.substituted(unit(k))).collect();
        let entry = |i: usize, j: usize| columns.iter().map(|c| c[i] * c[j]).sum();
        (0..n * n).map(|k| entry(k / n, k % n)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Triangular;

    #[test]
    fn a_line_through_points() {
        let a = vec![1.0, 0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 4.0];
        let qr = Triangular::of(2, a, vec![1.0, 3.0, 5.0, 9.0]);
        assert!(qr.is_regular());
        let x = qr.solved();
        assert!((x[0] - 1.0).abs() < 1e-14 && (x[1] - 2.0).abs() < 1e-14);
        // AᵀA = [4 7; 7 21]
        let wanted = [21.0 / 35.0, -7.0 / 35.0, -7.0 / 35.0, 4.0 / 35.0];
        assert!(qr.inverse_of_product().iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-14));
        assert!(!Triangular::of(2, vec![1.0, 2.0, 3.0, 6.0, 5.0, 10.0], vec![0.0; 3]).is_regular());
    }
}

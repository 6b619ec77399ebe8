//! Finite differences that know how good they are.

/// How many step sizes are tried, each smaller by [`SHRINK`].
const STEPS: usize = 10;
const SHRINK: f64 = 1.6;

/// Derivatives of all results of `f` along input `j`, each with an estimate of its error: central differences of shrinking steps,
/// extrapolated to step 0.
pub(super) fn derivatives(f: impl Fn(&[f64]) -> Vec<f64>, x: &[f64], j: usize) -> Vec<(f64, f64)> {
    let mut step = 0.02 * x[j].abs().max(0.1);
    let mut table: Vec<Vec<f64>> = Vec::new();
    let mut best: Vec<(f64, f64)> = Vec::new();
    for i in 0..STEPS {
        let (mut above, mut below) = (x.to_vec(), x.to_vec());
        above[j] += step;
        below[j] -= step;
        // The step that was really taken.
        let width = above[j] - below[j];
        let (above, below) = (f(&above), f(&below));
        let mut column: Vec<f64> = above.iter().zip(&below).map(|(a, b)| (a - b) / width).collect();
        if i == 0 {
            best = column.iter().map(|&d| (d, f64::INFINITY)).collect();
        }
        let mut next = vec![column.clone()];
        let mut factor = SHRINK * SHRINK;
        for before in &table {
            let better: Vec<f64> = column.iter().zip(before).map(|(d, b)| (d * factor - b) / (factor - 1.0)).collect();
            for (k, best) in best.iter_mut().enumerate() {
                let error = (better[k] - column[k]).abs().max((better[k] - before[k]).abs());
                if error <= best.1 {
                    *best = (better[k], error);
                }
            }
            factor *= SHRINK * SHRINK;
            next.push(better.clone());
            column = better;
        }
        table = next;
        step /= SHRINK;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::derivatives;

    #[test]
    fn the_error_estimate_holds() {
        for x in [-2.0, -0.3, 0.0, 0.7, 4.0] {
            let found = derivatives(|x| vec![x[0].sin(), x[0].exp() * x[0], x[0].powi(5)], &[x], 0);
            for ((d, error), exact) in found.into_iter().zip([x.cos(), x.exp() * (x + 1.0), 5.0 * x.powi(4)]) {
                assert!(error < 1e-9 * (1.0 + exact.abs()), "{x}: {error}");
                assert!((d - exact).abs() <= 10.0 * error + 1e-13, "{x}: {d} for {exact}, estimated {error}");
            }
        }
    }

    #[test]
    fn a_jump_is_not_decided() {
        let (_, error) = derivatives(|x| vec![x[0].floor()], &[3.0], 0)[0];
        assert!(error > 1.0);
    }
}

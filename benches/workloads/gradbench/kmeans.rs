//! Distances to the nearest centroids by hand, and the quotient of their first and second derivatives.

pub struct Problem {
    pub d: usize,
    /// Points, one after the other; so are the centroids.
    pub points: Vec<f64>,
    pub centroids: Vec<f64>,
}

impl Problem {
    /// The nearest centroid of a point, the first of equals, and its squared distance.
    fn nearest(&self, point: &[f64]) -> (usize, f64) {
        let mut nearest = (0, f64::INFINITY);
        for (j, centroid) in self.centroids.chunks_exact(self.d).enumerate() {
            let distance = point.iter().zip(centroid).map(|(p, c)| (p - c) * (p - c)).sum::<f64>();
            if distance < nearest.1 {
                nearest = (j, distance);
            }
        }
        nearest
    }

    pub fn cost(&self) -> f64 {
        self.points.chunks_exact(self.d).map(|point| self.nearest(point).1).sum()
    }

    /// The second derivatives are twice the numbers of points, which go to `counts`.
    pub fn direction(&self, counts: &mut [f64], dir: &mut [f64]) {
        let d = self.d;
        counts.fill(0.0);
        dir.fill(0.0);
        for point in self.points.chunks_exact(d) {
            let (j, _) = self.nearest(point);
            counts[j] += 2.0;
            let (dir, centroid) = (&mut dir[j * d..(j + 1) * d], &self.centroids[j * d..(j + 1) * d]);
            dir.iter_mut().zip(centroid).zip(point).for_each(|((dir, c), p)| *dir += 2.0 * (c - p));
        }
        for (dir, count) in dir.chunks_exact_mut(d).zip(counts) {
            dir.iter_mut().for_each(|dir| *dir /= *count);
        }
    }
}

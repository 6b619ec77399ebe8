//! ln Σ exp xᵢ by hand.

fn largest(x: &[f64]) -> f64 {
    // Four at a time: each maximum would wait for the one before.
    let (fours, rest) = x.as_chunks::<4>();
    let four = fours.iter().fold([f64::NEG_INFINITY; 4], |m, x| std::array::from_fn(|k| if x[k] > m[k] { x[k] } else { m[k] }));
    four.iter().chain(rest).fold(f64::NEG_INFINITY, |m, &v| m.max(v))
}

pub fn objective(x: &[f64]) -> f64 {
    let largest = largest(x);
    x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln() + largest
}

pub fn derivative(x: &[f64], g: &mut [f64]) {
    let largest = largest(x);
    let mut sum = 0.0;
    for (g, x) in g.iter_mut().zip(x) {
        *g = (x - largest).exp();
        sum += *g;
    }
    let scale = 1.0 / sum;
    g.iter_mut().for_each(|g| *g *= scale);
}

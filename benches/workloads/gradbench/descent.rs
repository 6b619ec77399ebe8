//! The suite's gradient descent as it is written down there.

fn length<const N: usize>(x: [f64; N]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

pub fn argmin<const N: usize>(f: impl Fn([f64; N]) -> f64, gradient: impl Fn([f64; N]) -> [f64; N], start: [f64; N]) -> [f64; N] {
    let (mut x, mut fx, mut g) = (start, f(start), gradient(start));
    let (mut eta, mut downward) = (1e-5, 0);
    while length(g) > 1e-5 {
        if downward == 10 {
            eta *= 2.0;
            downward = 0;
            continue;
        }
        let to: [f64; N] = std::array::from_fn(|k| x[k] - eta * g[k]);
        if length::<N>(std::array::from_fn(|k| x[k] - to[k])) <= 1e-5 {
            break;
        }
        let f_to = f(to);
        if f_to < fx {
            (x, fx, g) = (to, f_to, gradient(to));
            downward += 1;
        } else {
            eta /= 2.0;
            downward = 0;
        }
    }
    x
}

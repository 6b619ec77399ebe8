//! Layers, losses, starting values, schedules, data and metrics against numbers worked out by hand, gradients against differences.

use proptest::prelude::*;
use wengert::graph::{Inputs, Outputs};
use wengert::nn::metrics::{Confusion, accuracy, best, r_squared, top_k};
use wengert::nn::{self, Data, Init, Params, Rng, Schedule, Weights};
use wengert::{Array, Expr, Function, scan};

fn array(shape: &[usize], data: &[f64]) -> Array {
    Array::new(shape, data.to_vec()).unwrap()
}

fn trace<I: Inputs, R: Outputs>(inputs: I, f: impl FnOnce(I::Args) -> R) -> Function {
    Function::trace(inputs, f).unwrap()
}

/// The numbers of the first output, interpreted; native code gives the same up to the order of sums in matrix products.
#[track_caller]
fn values(f: &Function, inputs: &[Array]) -> Vec<f64> {
    let y = f.run(inputs).unwrap().into_arrays();
    let mut native: Vec<Vec<f64>> = y.iter().map(|y| vec![f64::NAN; y.data().len()]).collect();
    let inputs: Vec<&[f64]> = inputs.iter().map(Array::data).collect();
    let mut outputs: Vec<&mut [f64]> = native.iter_mut().map(Vec::as_mut_slice).collect();
    f.compile().unwrap().call_into(&inputs, &mut outputs).unwrap();
    for (a, b) in native.iter().flatten().zip(y.iter().flat_map(|y| y.data())) {
        assert!(a.to_bits() == b.to_bits() || (a - b).abs() <= 1e-13 * (1.0 + b.abs()) || a.is_nan() && b.is_nan(), "{a} {b}");
    }
    y[0].data().to_vec()
}

#[track_caller]
fn near(got: &[f64], want: &[f64]) {
    let close = got.len() == want.len() && got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-12 * (1.0 + b.abs()));
    assert!(close, "{got:?} is not {want:?}");
}

/// The gradient of the sum of squares of the first output, in every input, against central differences.
#[track_caller]
fn check_gradient(f: &Function, inputs: &[Array]) {
    let names: Vec<&str> = f.inputs().iter().filter(|input| input.is_active()).map(|input| input.name()).collect();
    let energy = |inputs: &[Array]| f.run(inputs).unwrap()[0].data().iter().map(|y| y * y).sum::<f64>();
    let y = f.run(inputs).unwrap().into_arrays();
    let cotangent = y.iter().enumerate().map(|(k, y)| {
        let c = y.data().iter().map(|v| if k == 0 { 2.0 * v } else { 0.0 }).collect();
        Array::new(y.shape(), c).unwrap()
    });
    let all: Vec<Array> = inputs.iter().cloned().chain(cotangent).collect();
    let adjoints = f.wrt(&names).unwrap().vjp().unwrap().run(&all).unwrap();
    let active = (0..inputs.len()).filter(|&k| f.inputs()[k].is_active());
    for (k, adjoint) in active.zip(&adjoints.arrays()[y.len()..]) {
        for at in 0..inputs[k].data().len() {
            let moved = |by: f64| {
                let mut moved = inputs.to_vec();
                moved[k].data_mut()[at] += by;
                energy(&moved)
            };
            let (difference, got) = ((moved(1e-5) - moved(-1e-5)) / 2e-5, adjoint.data()[at]);
            assert!(
                (difference - got).abs() < 1e-7 * (1.0 + got.abs()),
                "{}[{at}]: {got} is not {difference}",
                f.inputs()[k].name()
            );
        }
    }
}

/// Reproducible numbers in (−1, 1).
fn noise(shape: &[usize], seed: u64) -> Array {
    let mut rng = Rng::new(seed);
    Array::new(shape, (0..shape.iter().product()).map(|_| rng.between(-1.0, 1.0)).collect()).unwrap()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

#[test]
fn a_dense_layer_and_learned_slopes() {
    let f = trace(["x[n,2]", "w[2,3]", "b[3]"], |[x, w, b]| nn::dense(x, w, b));
    let inputs =
        [array(&[2, 2], &[1.0, 2.0, 0.0, -1.0]), array(&[2, 3], &[1.0, 0.0, 2.0, 0.5, 1.0, -1.0]), array(&[3], &[0.1, 0.2, 0.3])];
    near(&values(&f, &inputs), &[2.1, 2.2, 0.3, -0.4, -0.8, 1.3]);
    check_gradient(&f, &inputs);

    let f = trace(["x[n,2]", "slope[2]"], |[x, slope]| nn::prelu(x, slope));
    let inputs = [array(&[2, 2], &[1.0, -2.0, -3.0, 4.0]), array(&[2], &[0.25, 0.5])];
    near(&values(&f, &inputs), &[1.0, -1.0, -0.75, 4.0]);
    check_gradient(&f, &inputs);
    let slope = f.wrt(["slope"]).unwrap().vjp().unwrap();
    let all = [inputs[0].clone(), inputs[1].clone(), array(&[2, 2], &[1.0; 4])];
    assert_eq!(slope.run(&all).unwrap()[1].data(), [-3.0, -2.0]);
}

#[test]
fn rows_are_normalised() {
    let f = trace(["x[n,3]", "gain[3]", "offset[3]"], |[x, gain, offset]| nn::layer_norm(x, gain, offset));
    let inputs = [array(&[2, 3], &[1.0, 2.0, 3.0, 5.0, 5.0, 5.0]), array(&[3], &[1.0, 2.0, 1.0]), array(&[3], &[0.0, 0.5, 1.0])];
    // The first row has variance 2/3, the second none.
    let unit = 1.0 / (2.0f64 / 3.0 + 1e-5).sqrt();
    near(&values(&f, &inputs), &[-unit, 0.5, 1.0 + unit, 0.0, 0.5, 1.0]);
    check_gradient(&f, &[noise(&[2, 3], 1), noise(&[3], 2), noise(&[3], 3)]);
}

#[test]
fn embeddings_are_rows_of_a_table() {
    let f = trace(["table[3,2]", "i[n,2]: index"], |[table, i]| nn::embedding(table, i));
    let inputs = [array(&[3, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), array(&[2, 2], &[2.0, 0.0, 1.0, 1.0])];
    assert_eq!(values(&f, &inputs), [4.0, 5.0, 0.0, 1.0, 2.0, 3.0, 2.0, 3.0]);
    check_gradient(&f, &inputs);
}

#[test]
fn dropout_keeps_the_mean() {
    let mask: Vec<f64> = Rng::new(3).dropout(100_000, 0.2).unwrap();
    assert!(mask.iter().all(|&v| v == 0.0 || v == 1.25));
    let mean = mask.iter().sum::<f64>() / mask.len() as f64;
    // The deviation of the mean is 0.5 / √100000 = 0.0016.
    assert!((mean - 1.0).abs() < 0.007, "{mean}");
    assert_eq!(Rng::new(3).dropout::<f32>(4, 0.0).unwrap(), [1.0; 4]);
    for rate in [1.0, -0.1, f64::NAN] {
        assert!(Rng::new(3).dropout::<f64>(1, rate).unwrap_err().is_value());
    }
    let f = trace(["x[n,2]", "mask[n,2]"], |[x, mask]| nn::dropout(x, mask));
    assert_eq!(values(&f, &[array(&[1, 2], &[3.0, 4.0]), array(&[1, 2], &[0.0, 2.0])]), [0.0, 8.0]);
    let error = Function::trace(["x[n,2]", "mask[2]"], |[x, mask]| nn::dropout(x, mask)).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("the mask [2]"), "{error}");
}

#[test]
fn recurrent_cells_follow_their_formulas() {
    let (x, h, c) = (noise(&[2, 3], 1), noise(&[2, 2], 2), noise(&[2, 2], 3));
    // What a gate sees: row · column of x·w + h·u + b, for a gate's k-th feature.
    let sees = |w: &Array, u: &Array, b: f64, row: usize, column: usize| {
        let wide = w.shape()[1];
        let dot = |x: &Array, w: &Array| {
            let n = x.shape()[1];
            (0..n).map(|k| x.data()[row * n + k] * w.data()[k * wide + column]).sum::<f64>()
        };
        [dot(&x, w), dot(&h, u), b]
    };
    let sum = |parts: [f64; 3]| parts.iter().sum::<f64>();

    let (w, u, b) = (noise(&[3, 2], 4), noise(&[2, 2], 5), noise(&[2], 6));
    let f = trace(["x[n,3]", "h[n,2]", "w[3,2]", "u[2,2]", "b[2]"], |[x, h, w, u, b]| nn::rnn(x, h, [w, u, b]));
    let inputs = [x.clone(), h.clone(), w.clone(), u.clone(), b.clone()];
    let want: Vec<f64> = (0..4).map(|at| sum(sees(&w, &u, b.data()[at % 2], at / 2, at % 2)).tanh()).collect();
    near(&values(&f, &inputs), &want);
    check_gradient(&f, &inputs);

    let (w, u, b, extra) = (noise(&[3, 6], 7), noise(&[2, 6], 8), noise(&[6], 9), noise(&[2], 10));
    let f = trace(["x[n,3]", "h[n,2]", "w[3,6]", "u[2,6]", "b[6]", "c[2]"], |[x, h, w, u, b, c]| nn::gru(x, h, [w, u, b, c]));
    let inputs = [x.clone(), h.clone(), w.clone(), u.clone(), b.clone(), extra.clone()];
    let gru = |at: usize| {
        let (row, k) = (at / 2, at % 2);
        let part = |gate: usize| sees(&w, &u, b.data()[2 * gate + k], row, 2 * gate + k);
        let (r, z) = (sigmoid(sum(part(0))), sigmoid(sum(part(1))));
        let [from_x, from_h, b] = part(2);
        let n = (from_x + b + r * (from_h + extra.data()[k])).tanh();
        (1.0 - z) * n + z * h.data()[at]
    };
    near(&values(&f, &inputs), &[0, 1, 2, 3].map(gru));
    check_gradient(&f, &inputs);

    let (w, u, b) = (noise(&[3, 8], 11), noise(&[2, 8], 12), noise(&[8], 13));
    let lstm = |at: usize| {
        let (row, k) = (at / 2, at % 2);
        let part = |gate: usize| sum(sees(&w, &u, b.data()[2 * gate + k], row, 2 * gate + k));
        let next = sigmoid(part(1)) * c.data()[at] + sigmoid(part(0)) * part(2).tanh();
        [sigmoid(part(3)) * next.tanh(), next]
    };
    let declared = ["x[n,3]", "h[n,2]", "c[n,2]", "w[3,8]", "u[2,8]", "b[8]"];
    let inputs = [x.clone(), h.clone(), c.clone(), w.clone(), u.clone(), b.clone()];
    for which in [0, 1] {
        let f = trace(declared, |[x, h, c, w, u, b]| nn::lstm(x, [h, c], [w, u, b])[which]);
        near(&values(&f, &inputs), &[0, 1, 2, 3].map(|at| lstm(at)[which]));
        check_gradient(&f, &inputs);
    }
    let error = Function::trace(["x[n,3]", "h[n,d]", "w[3,8]"], |[x, h, w]| nn::lstm(x, [h, h], [w, w, w])[0]).unwrap_err();
    assert!(error.is_shape(), "{error}");
}

/// A cell is the body of a scan as it is; the loop over time, unrolled by hand, gives the same.
#[test]
fn cells_are_bodies_of_scans() {
    let declared = ["x[t,n,3]", "h[n,2]", "w[3,8]", "u[2,8]", "b[8]", "w3[3,6]", "u3[2,6]", "b3[6]", "c3[2]"];
    let shapes: [&[usize]; 9] = [&[4, 2, 3], &[2, 2], &[3, 8], &[2, 8], &[8], &[3, 6], &[2, 6], &[6], &[2]];
    let inputs: Vec<Array> = shapes.iter().enumerate().map(|(k, shape)| noise(shape, 20 + k as u64)).collect();
    let f = trace(declared, |[x, h, w, u, b, w3, u3, b3, c3]| {
        let (end, states) = scan([h, h, h], x, |[h, c, g], x| {
            let [h, c] = nn::lstm(x, [h, c], [w, u, b]);
            let g = nn::gru(x, g, [w3, u3, b3, c3]);
            ([h, c, g], h)
        });
        states.sum(..) + end[1].sum(..) + end[2].sum(..)
    });
    let unrolled = trace(["x[4,n,3]"].iter().chain(&declared[1..]).copied().collect::<Vec<_>>(), |v| {
        let [x, h, w, u, b, w3, u3, b3, c3] = v[..] else { unreachable!("nine inputs") };
        let (mut state, mut g, mut sum) = ([h, h], h, Expr::from(0.0));
        for t in 0..4 {
            state = nn::lstm(x.at(0, t), state, [w, u, b]);
            g = nn::gru(x.at(0, t), g, [w3, u3, b3, c3]);
            sum += state[0].sum(..);
        }
        sum + state[1].sum(..) + g.sum(..)
    });
    let (scanned, by_hand) = (f.value_and_grad().unwrap(), unrolled.value_and_grad().unwrap());
    let (scanned, by_hand) = (scanned.run(&inputs).unwrap(), by_hand.run(&inputs).unwrap());
    for (a, b) in scanned.arrays().iter().zip(by_hand.arrays()) {
        near(a.data(), b.data());
    }
}

#[test]
fn losses_of_numbers() {
    let (p, t) = (array(&[2, 2], &[1.0, 2.0, 3.0, -4.0]), array(&[2, 2], &[1.5, 2.0, 0.0, -4.25]));
    let of = |loss: fn(Expr, Expr) -> Expr| trace(["p[n,2]", "t[n,2]"], |[p, t]| loss(p, t));
    let inputs = [p, t];
    // Errors −0.5, 0, 3, 0.25.
    near(&values(&of(nn::mse), &inputs), &[(0.25 + 9.0 + 0.0625) / 4.0]);
    near(&values(&of(nn::mae), &inputs), &[3.75 / 4.0]);
    near(&values(&of(|p, t| nn::huber(p, t, 0.5)), &inputs), &[(0.125 + 0.5 * 2.75 + 0.03125) / 4.0]);
    near(&values(&of(|p, _| nn::mse(p, 1.0.into())), &inputs), &[(1.0 + 4.0 + 25.0) / 4.0]);
    for loss in [nn::mse, |p, t| nn::huber(p, t, 0.6)] {
        check_gradient(&of(loss), &inputs);
    }
    // No rows, no mean.
    let none = [array(&[0, 2], &[]), array(&[0, 2], &[])];
    for loss in [nn::mse, nn::mae, nn::binary_cross_entropy, nn::cross_entropy, nn::kl_divergence] {
        assert!(values(&of(loss), &none)[0].is_nan());
    }
    let error = Function::trace(["p[n,1]", "t[n]"], |[p, t]| nn::mse(p, t)).unwrap_err();
    assert!(
        error.is_shape() && error.to_string().contains("[n,1]") && error.to_string().contains("tests/learning/nn.rs"),
        "{error}"
    );
    assert!(Function::trace(["p[n]", "t[n]"], |[p, t]| nn::huber(p, t, 0.0)).unwrap_err().is_value());
}

#[test]
fn losses_of_probabilities() {
    let f = trace(["x[n]", "t[n]"], |[x, t]| nn::binary_cross_entropy(x, t));
    let inputs = [array(&[3], &[0.5, -1.0, 2.0]), array(&[3], &[1.0, 0.0, 0.25])];
    let want = -(sigmoid(0.5).ln() + sigmoid(1.0).ln() + 0.25 * sigmoid(2.0).ln() + 0.75 * sigmoid(-2.0).ln()) / 3.0;
    near(&values(&f, &inputs), &[want]);
    check_gradient(&f, &inputs);
    let sure = [array(&[4], &[1e4, -1e4, 1e4, -1e4]), array(&[4], &[1.0, 0.0, 0.0, 1.0])];
    assert_eq!(values(&f, &sure), [5000.0]);

    let x = array(&[2, 3], &[1.0, 2.0, 3.0, 0.0, -1.0, 0.5]);
    let softmax = |row: usize| {
        let row = &x.data()[3 * row..3 * row + 3];
        let sum: f64 = row.iter().map(|v| v.exp()).sum();
        [0, 1, 2].map(|k| row[k].exp() / sum)
    };
    let (first, second) = (softmax(0), softmax(1));
    let by_class = trace(["x[n,3]", "y[n]: index"], |[x, y]| nn::cross_entropy(x, y));
    let labels = array(&[2], &[2.0, 0.0]);
    near(&values(&by_class, &[x.clone(), labels.clone()]), &[-(first[2].ln() + second[0].ln()) / 2.0]);
    check_gradient(&by_class, &[x.clone(), labels]);

    let q = array(&[2, 3], &[0.0, 0.25, 0.75, 1.0, 0.0, 0.0]);
    let by_share = trace(["x[n,3]", "q[n,3]"], |[x, q]| nn::cross_entropy(x, q));
    let cross = -(0.25 * first[1].ln() + 0.75 * first[2].ln() + second[0].ln()) / 2.0;
    near(&values(&by_share, &[x.clone(), q.clone()]), &[cross]);
    let kl = trace(["x[n,3]", "q[n,3]"], |[x, q]| nn::kl_divergence(x, q));
    let entropy = -(0.25 * 0.25f64.ln() + 0.75 * 0.75f64.ln()) / 2.0;
    near(&values(&kl, &[x.clone(), q.clone()]), &[cross - entropy]);
    check_gradient(&kl, &[x.clone(), array(&[2, 3], &[0.2, 0.25, 0.55, 0.6, 0.1, 0.3])]);

    // A class of no probability on either side adds nothing, not even to the gradient.
    let never = [array(&[1, 2], &[f64::NEG_INFINITY, 1.0]), array(&[1, 2], &[0.0, 1.0])];
    let kl = trace(["x[n,2]", "q[n,2]"], |[x, q]| nn::kl_divergence(x, q)).wrt(["x"]).unwrap().value_and_grad().unwrap();
    assert!(kl.run(&never).unwrap().iter().all(|(_, y)| y.data().iter().all(|&v| v == 0.0)));

    let hits = trace(["x[n,3]", "y[n]: index"], |[x, y]| nn::hits(x, y));
    assert_eq!(values(&hits, &[x.clone(), array(&[2], &[2.0, 0.0])]), [1.0]);
    assert_eq!(values(&hits, &[x.clone(), array(&[2], &[2.0, 2.0])]), [2.0]);
    let outside = [x, array(&[2], &[2.0, 3.0])];
    assert!(by_class.run(&outside).unwrap_err().is_value());
    let inputs: Vec<&[f64]> = outside.iter().map(Array::data).collect();
    assert!(by_class.compile().unwrap().call_into(&inputs, &mut [&mut [0.0]]).unwrap_err().is_value());
    let error = Function::trace(["x[n,3]", "q[n,2]"], |[x, q]| nn::cross_entropy(x, q)).unwrap_err();
    assert!(error.is_shape(), "{error}");
    assert!(Function::trace(["x[n,3]", "y[m]: index"], |[x, y]| nn::hits(x, y)).unwrap_err().is_shape());
}

#[test]
fn logits_of_ten_thousand() {
    let f = trace(["x[n,3]", "y[n]: index"], |[x, y]| nn::cross_entropy(x, y));
    let gradient = f.value_and_grad().unwrap();
    let inputs = [array(&[2, 3], &[1e4, -1e4, 0.0, -1e4, 1e4, 0.0]), array(&[2], &[0.0, 0.0])];
    let y = gradient.run(&inputs).unwrap();
    assert_eq!(y[0].data(), [1e4]);
    assert_eq!(y[1].data(), [0.0, 0.0, 0.0, -0.5, 0.5, 0.0]);
}

/// Mean and variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

#[test]
fn starting_values_have_the_stated_moments() {
    let start = |init: Init, shape: &[usize]| init.values::<f64>(shape, &mut Rng::new(5)).unwrap();
    assert_eq!(start(Init::Zeros, &[2, 2]), [0.0; 4]);
    assert_eq!(start(Init::Constant(0.25), &[3]), [0.25; 3]);
    assert!(start(Init::Normal(1.0), &[0]).is_empty());
    let (a, b) = (300.0, 200.0);
    for (init, variance, bound) in [
        (Init::Uniform(0.5), 0.25 / 3.0, 0.5),
        (Init::Normal(3.0), 9.0, f64::INFINITY),
        (Init::GlorotUniform, 2.0 / (a + b), (6.0f64 / (a + b)).sqrt()),
        (Init::GlorotNormal, 2.0 / (a + b), f64::INFINITY),
        (Init::HeUniform, 2.0 / a, (6.0f64 / a).sqrt()),
        (Init::HeNormal, 2.0 / a, f64::INFINITY),
    ] {
        let values = start(init, &[300, 200]);
        let (mean, found) = moments(&values);
        // Of 60,000 numbers the mean has the deviation σ/245, the variance one of at most σ²·√2/245.
        assert!(mean.abs() < 5.0 * variance.sqrt() / 245.0 && (found / variance - 1.0).abs() < 0.03, "{init:?}: {mean}, {found}");
        assert!(values.iter().all(|v| v.abs() <= bound), "{init:?}");
        if bound.is_finite() {
            assert!(values.iter().any(|v| v.abs() > 0.99 * bound), "{init:?}");
        } else {
            // 4.55 % of a normal distribution lie beyond two deviations.
            let beyond = values.iter().filter(|v| v.abs() > 2.0 * variance.sqrt()).count() as f64 / 60_000.0;
            assert!((beyond - 0.0455).abs() < 0.005, "{init:?}: {beyond}");
        }
    }
    // Positions before the matrix count into its units: 3·50 to 3·20.
    let (_, variance) = moments(&start(Init::GlorotNormal, &[3, 50, 20]));
    assert!((variance * (150.0 + 60.0) / 2.0 - 1.0).abs() < 0.1);
    let error = Init::HeNormal.values::<f32>(&[4], &mut Rng::new(5)).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("tests/learning/nn.rs"), "{error}");
}

/// Bits that must stay as they are: what was learned from a seed is to be learned from it again.
#[test]
fn random_numbers_are_the_same_for_good() {
    let mut rng = Rng::new(1234567);
    // The reference implementation's first numbers for this seed.
    let bits = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821u64];
    assert_eq!(bits.map(|_| rng.bits()), bits);
    let (mut one, mut two) = (Rng::new(7).fork(1), Rng::new(7).fork(2));
    assert_ne!(one.bits(), two.bits());
    assert_eq!(Rng::new(7).fork(1), Rng::new(7).fork(1));
    // √(−2 ln(1 − u))·cos(2πv), by this machine's own functions.
    let (mut rng, mut same) = (Rng::new(1), Rng::new(1));
    for _ in 0..1000 {
        let want = (-2.0 * (1.0 - same.unit()).ln()).sqrt() * (std::f64::consts::TAU * same.unit()).cos();
        assert!((rng.normal() - want).abs() < 1e-14);
    }
    let mean = (0..60_000).map(|_| rng.unit()).sum::<f64>() / 60_000.0;
    // The deviation of the mean is √(1/12) / 245 = 0.0012.
    assert!((mean - 0.5).abs() < 0.006, "{mean}");
}

#[test]
fn every_order_is_as_likely() {
    let mut rng = Rng::new(2);
    let mut seen = std::collections::HashMap::new();
    for _ in 0..24_000 {
        let mut order = [0, 1, 2, 3];
        rng.shuffle(&mut order);
        *seen.entry(order).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 24);
    assert!(seen.values().all(|&n: &i32| (n - 1000).abs() < 160), "{seen:?}");
}

#[test]
fn schedules() {
    let factors = |schedule: &Schedule, steps: &[u64]| steps.iter().map(|&step| schedule.factor(step)).collect::<Vec<_>>();
    assert_eq!(factors(&Schedule::Constant, &[0, 5, u64::MAX]), [1.0; 3]);
    assert_eq!(factors(&Schedule::Steps { every: 3, factor: 0.5 }, &[0, 2, 3, 5, 6, 9]), [1.0, 1.0, 0.5, 0.5, 0.25, 0.125]);
    assert_eq!(Schedule::Steps { every: 0, factor: 0.5 }.factor(7), 1.0);
    near(&factors(&Schedule::Exponential { factor: 0.9 }, &[0, 1, 2]), &[1.0, 0.9, 0.81]);
    let cosine = Schedule::Cosine { steps: 6, end: 0.2 };
    near(&factors(&cosine, &[0, 2, 3, 4, 6, 7]), &[1.0, 0.2 + 0.8 * 0.75, 0.6, 0.4, 0.2, 0.2]);
    let warm = cosine.warm_up(4);
    near(&factors(&warm, &[0, 1, 3, 4, 7, 10, 100]), &[0.25, 0.5, 1.0, 1.0, 0.6, 0.2, 0.2]);
    assert_eq!(Schedule::Constant.warm_up(0).factor(0), 1.0);
}

proptest! {
    #[test]
    fn an_epoch_is_every_row_once(rows in 1usize..40, size in 1usize..12, seed in any::<u64>(), epoch in 0u64..5, skip in 0usize..8) {
        let x: Vec<f64> = (0..2 * rows).map(|k| k as f64).collect();
        let y: Vec<f64> = (0..rows).map(|k| 2.0 * k as f64).collect();
        let batches = Data::new().rows("x", &x, 2).unwrap().rows("y", &y, 1).unwrap().batches(size).unwrap().shuffled(seed);
        let all: Vec<_> = batches.epoch(epoch).collect();
        prop_assert_eq!(all.len(), batches.per_epoch());
        prop_assert!(all[..all.len() - 1].iter().all(|batch| batch.rows == size));
        let mut seen = vec![];
        for batch in &all {
            prop_assert_eq!(batch.columns[1].len(), batch.rows);
            for (x, &y) in batch.columns[0].chunks(2).zip(&batch.columns[1]) {
                prop_assert_eq!(x, &[y, y + 1.0][..]);
                seen.push(y as usize / 2);
            }
        }
        seen.sort();
        prop_assert!(seen.into_iter().eq(0..rows));
        prop_assert_eq!(batches.epoch(epoch).skip(skip).collect::<Vec<_>>(), all.get(skip..).unwrap_or_default());
        if rows >= size {
            let whole: Vec<_> = batches.whole_only().unwrap().epoch(epoch).collect();
            prop_assert!(whole.len() == rows / size && whole[..] == all[..whole.len()]);
        }
    }
}

#[test]
fn data_that_cannot_be_learned_from() {
    let x = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
    let ragged = Data::new().rows("x", &x, 4).unwrap_err();
    assert!(ragged.is_length() && ragged.to_string().contains("`x` has 6 numbers, which are no whole rows of 4"), "{ragged}");
    let differ = Data::new().rows("x", &x, 2).unwrap().rows("y", &x, 1).unwrap_err();
    assert!(differ.is_length() && differ.to_string().contains("`y` has 6 rows, and the column `x` has 3 rows"), "{differ}");
    assert!(Data::<f64>::new().rows("x", &[], 2).unwrap_err().is_value());
    assert!(Data::new().rows("x", &x, 0).unwrap_err().is_value());
    let label = Data::new().labels("y", &[0.0, 1.0, 2.0], 2).unwrap_err();
    assert!(label.is_value() && label.to_string().contains("row 2 in `y` is 2.0"), "{label}");
    for bad in [-1.0, 0.5, f64::NAN] {
        assert!(Data::new().labels("y", &[bad], 2).unwrap_err().is_value());
    }
    assert!(Data::new().rows("x", &x, 2).unwrap().batches(0).unwrap_err().is_value());
    assert!(Data::<f64>::new().batches(2).unwrap_err().is_value());
    assert!(Data::new().rows("x", &x, 2).unwrap().batches(4).unwrap().whole_only().unwrap_err().is_value());
    // Without a seed rows come as they are.
    let data = Data::new().rows("x", &x, 2).unwrap();
    assert_eq!(data.batches(2).unwrap().epoch(3).next().unwrap().columns, [[0.0, 1.0, 2.0, 3.0]]);
}

#[test]
fn parameters_have_names() {
    let declared = [("encoder.w[2,3]", Init::GlorotNormal), ("encoder.b[3]", Init::Zeros), ("scale", Init::Constant(2.0))];
    let mut params = Params::<f64>::new(&mut Rng::new(1), declared).unwrap();
    assert_eq!(params.to_string(), "(encoder.w[2,3], encoder.b[3], scale[])");
    assert_eq!((params.len(), params.count()), (3, 10));
    params.get_mut("encoder.b").unwrap().copy_from_slice(&[1.0, 2.0, 3.0]);
    assert_eq!(params.get("encoder.b").unwrap().data(), [1.0, 2.0, 3.0]);
    let names: Vec<&str> = params.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["encoder.w", "encoder.b", "scale"]);
    let error = params.get("encoder.d").unwrap_err();
    assert!(error.is_name() && error.to_string().contains("did you mean `encoder.b`?"), "{error}");
    assert!(error.to_string().contains("tests/learning/nn.rs"), "{error}");

    let f = trace((&params, "x[n,2]"), |(p, x)| {
        let encoder = p.at("encoder");
        assert_eq!(encoder.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["w", "b"]);
        nn::dense(x, encoder["w"], encoder["b"]) * p["scale"]
    });
    let mut y = [f64::NAN; 3];
    f.compile().unwrap().call_into(&params.inputs(&[&[0.0, 0.0]]), &mut [&mut y]).unwrap();
    assert_eq!(y, [2.0, 4.0, 6.0]);

    let missing = |get: fn(&Weights) -> Expr| Function::trace(&params, |p: Weights| get(&p)).unwrap_err();
    for error in [missing(|p| p["encoder.x"]), missing(|p| p.at("encoder")["c"]), missing(|p| p.at("enc")["w"])] {
        assert!(error.is_name() && error.to_string().contains("tests/learning/nn.rs"), "{error}");
    }
    for (bad, what) in [("w[n,2]", "`n` is open"), ("w[2", "no closing"), ("w[2]: index", "indices")] {
        let error = Params::<f64>::new(&mut Rng::new(1), [(bad, Init::Zeros)]).unwrap_err();
        assert!(
            error.is_name() && error.to_string().contains(what) && error.to_string().contains("tests/learning/nn.rs"),
            "{error}"
        );
    }
    assert!(Params::<f64>::new(&mut Rng::new(1), [("w", Init::Zeros), ("w[2]", Init::Zeros)]).unwrap_err().is_name());
    assert!(Params::<f64>::new(&mut Rng::new(1), [("w[2]", Init::HeNormal)]).unwrap_err().is_shape());
}

#[test]
fn how_good_answers_are() {
    assert_eq!(best(&[1.0, 3.0, 3.0]), 1);
    assert_eq!(accuracy(&[1.0, 2.0, 0.0, 1.0], &[1.0, 2.0, 1.0, 0.0]).unwrap(), 0.5);
    let scores = [0.1, 0.5, 0.4, 0.3, 0.3, 0.4, 0.9, 0.1, 0.0];
    let labels = [2.0, 1.0, 2.0];
    let top = |k| top_k(&scores, 3, &labels, k).unwrap();
    assert_eq!([top(0), top(1), top(2), top(3)], [0.0, 0.0, 1.0 / 3.0, 1.0]);
    assert_eq!(top_k(&[f64::NAN, 0.5], 2, &[0.0], 2).unwrap(), 0.0);
    assert_eq!(r_squared(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]).unwrap(), 1.0);
    assert_eq!(r_squared(&[2.0f32, 2.0, 2.0], &[1.0, 2.0, 3.0]).unwrap(), 0.0);
    assert_eq!(r_squared(&[3.0, 2.0, 1.0], &[1.0, 2.0, 3.0]).unwrap(), -3.0);

    // Three rows of class 0, of which one is taken for 1; one of class 1 is taken for 0; class 2 neither occurs nor is answered.
    let seen = Confusion::new(&[0.0, 0.0, 1.0, 0.0, 1.0], &[0.0, 0.0, 0.0, 1.0, 1.0], 3).unwrap();
    assert_eq!([seen.count(0, 0), seen.count(0, 1), seen.count(1, 0), seen.count(1, 1), seen.count(2, 2)], [2, 1, 1, 1, 0]);
    assert_eq!([seen.count(0, 3), seen.count(3, 0), seen.count(9, 9)], [0; 3]);
    assert_eq!(seen.accuracy(), 0.6);
    assert_eq!((seen.precision(0), seen.recall(0)), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
    assert_eq!((seen.precision(1), seen.recall(1), seen.f1(1)), (Some(0.5), Some(0.5), Some(0.5)));
    assert_eq!((seen.precision(2), seen.recall(2), seen.f1(2)), (None, None, None));
    assert!(accuracy::<f64>(&[], &[]).unwrap_err().is_value());
    assert!(accuracy(&[1.0], &[1.0, 2.0]).unwrap_err().is_length());
    assert!(r_squared(&[1.0], &[1.0, 2.0]).unwrap_err().is_length());
    assert!(top_k(&[1.0; 4], 3, &[0.0], 1).unwrap_err().is_length());
    assert!(top_k(&[1.0; 3], 3, &[3.0], 1).unwrap_err().is_value());
    assert!(Confusion::new(&[0.0], &[2.0], 2).unwrap_err().is_value());
}

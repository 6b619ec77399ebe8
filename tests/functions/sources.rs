//! The study notes' facts, a test per row; docs/sources.md has the rows.

use wengert::optim::{Momentum, Optimizer, Sgd};
use wengert::{Array, Expr, Function, Real, dual, lit, select};

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not {b}");
}

fn e<T: Real>(a: T, b: T) -> T {
    (a + b) * (b + lit(1.0))
}

#[test]
fn a1_a2_the_worked_example_and_its_edges() {
    let f = Function::trace(["a", "b"], |[a, b]| e(a, b)).unwrap();
    let at = f.linearize_at(&[2.0, 1.0]).unwrap();
    assert_eq!(at.outputs(), [6.0]);
    let root = f.outputs()[0].nodes()[0];
    let operands: Vec<_> = f.graph().operands(root).collect();
    let value = |id| at.value(id).number().unwrap();
    assert_eq!((value(operands[0]), value(operands[1])), (3.0, 2.0)); // c and d
    let partials = |id| at.partials(id).map(|(_, p)| p).collect::<Vec<_>>();
    assert_eq!(partials(root), [2.0, 3.0]);
    assert_eq!(partials(operands[0]), [1.0, 1.0]);
    assert_eq!(partials(operands[1]), [1.0]);
}

#[test]
fn a3_a4_one_sweep_per_input_or_one_for_all() {
    let f = Function::trace(["a", "b"], |[a, b]| e(a, b)).unwrap();
    let at = f.linearize_at(&[2.0, 1.0]).unwrap();
    let root = f.outputs()[0].nodes()[0].index();
    assert_eq!(at.tangents(&[1.0, 0.0]).unwrap()[root], 2.0);
    assert_eq!(at.tangents(&[0.0, 1.0]).unwrap()[root], 5.0);
    assert_eq!(at.adjoints(&[1.0]).unwrap()[..2], [2.0, 5.0]);
}

#[test]
fn a5_variables_can_be_set_and_evaluated_again() {
    let f = Function::trace(["a", "b"], |[a, b]| a * b + a).unwrap().value_and_grad().unwrap();
    assert_eq!(f.eval(&[2.0, 3.0]).unwrap(), [8.0, 4.0, 2.0]);
    assert_eq!(f.eval(&[-1.0, 5.0]).unwrap(), [-6.0, 6.0, -1.0]);
    assert_eq!(f.eval(&[2.0, 3.0]).unwrap(), [8.0, 4.0, 2.0]);
}

#[test]
fn a6_the_toy_made_right() {
    fn variadic<T: Real>(x: &[T], f: impl Fn(T, T) -> T) -> T {
        x.iter().copied().reduce(f).expect("at least one operand")
    }
    assert_eq!(variadic(&[7.0, 2.0, 1.0], |x, y| x - y), 4.0);
    assert_eq!(variadic(&[12.0, 3.0, 2.0], |x, y| x / y), 2.0);
    assert_eq!(variadic(&[5.0], |x, y| x - y), 5.0);
    let f = Function::trace(("x", 3), |x| (variadic(&x, |x, y| x - y), variadic(&x, |x, y| x / y))).unwrap();
    assert_eq!(f.eval(&[12.0, 3.0, 2.0]).unwrap(), [7.0, 2.0]);
    // (x₀/x₁)/x₂ and x₀ − x₁ − x₂
    let jacobian = f.jacobian().unwrap().eval(&[12.0, 3.0, 2.0]).unwrap();
    let exact = [1.0, -1.0, -1.0, 1.0 / 6.0, -12.0 / 18.0, -12.0 / 12.0];
    jacobian.iter().zip(exact).for_each(|(&a, b)| near(a, b, 1e-15));

    let shared = Function::trace(["a", "b"], |[a, b]| {
        let s = a * b;
        s + s
    });
    let grad = shared.unwrap().grad().unwrap();
    assert_eq!(grad.eval(&[2.0, 3.0]).unwrap(), [6.0, 4.0]);
    assert_eq!(grad.eval(&[2.0, 3.0]).unwrap(), [6.0, 4.0], "evaluating twice changes nothing");

    // Sixty doublings: 2⁶⁰ paths, and a gradient of a few hundred nodes.
    let doubled = Function::trace("x", |x| (0..60).fold(x, |x, _| x + x * 1.0)).unwrap().grad().unwrap();
    assert!(doubled.graph().len() < 400);
    assert_eq!(doubled.eval(&[1.0]).unwrap(), [2f64.powi(60)]);
}

#[test]
fn a7_powers_and_repeated_derivatives() {
    let f = Function::trace("x", |x| x.powi(5)).unwrap();
    let (first, second) = (f.grad().unwrap(), f.grad().unwrap().grad().unwrap());
    for x in [-2.0f64, 0.0, 0.5, 3.0] {
        assert_eq!(first.eval(&[x]).unwrap(), [5.0 * x * x * x * x]);
        near(second.eval(&[x]).unwrap()[0], 20.0 * x * x * x, 1e-12);
        let (y, d1, d2) = dual::second_derivative(|x| x.powi(5), x);
        near(y, x.powi(5), 1e-12);
        near(d1, 5.0 * x.powi(4), 1e-12);
        near(d2, 20.0 * x.powi(3), 1e-12);
    }
}

#[test]
fn a8_partial_derivatives() {
    let f = Function::trace(["x", "y"], |[x, y]| x * x + 2.0 * x * y + y * y).unwrap();
    for (x, y) in [(1.0, 2.0), (-3.0, 0.5)] {
        assert_eq!(f.wrt(["y"]).unwrap().grad().unwrap().eval(&[x, y]).unwrap(), [2.0 * x + 2.0 * y]);
        assert_eq!(f.grad().unwrap().eval(&[x, y]).unwrap(), [2.0 * x + 2.0 * y; 2]);
    }
}

#[test]
fn a9_vectors_matrices_and_limits() {
    let f = Function::trace(["x[3]", "y[3]"], |[x, y]| (x.norm(), x.dot(y), x.cosine(y))).unwrap();
    let y = f.run([Array::vector(vec![1.0, 2.0, 2.0]), Array::vector(vec![2.0, 0.0, 0.0])]).unwrap();
    assert_eq!([&y[0], &y[1], &y[2]].map(|v| v.data()[0]), [3.0, 2.0, 1.0 / 3.0]);
    let twice = Function::trace("a[2,3]", |a| (a.t().t(), a + a, a - a)).unwrap();
    let a = Array::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let results = twice.run([&a]).unwrap();
    assert_eq!(results[0], a);
    assert_eq!(results[1].data(), [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]);
    assert_eq!(results[2].data(), [0.0; 6]);
    // (1 + 1/n)ⁿ → e
    let limit = |n: f64| (1.0 + 1.0 / n).powf(n);
    let note: f64 = "2.71828182846".parse().unwrap();
    near(limit(1e8), note, 5e-8);
    near(limit(10.0) - std::f64::consts::E, -std::f64::consts::E / 20.0, 0.02);
    near(Real::exp(1.0f64), note, 1e-11);
    // the numerical sine and its derivative
    for k in -20..20 {
        let x = 0.3 * k as f64;
        let (y, dy) = dual::derivative(|x| x.sin(), x);
        assert_eq!((y, dy), (x.sin(), x.cos()));
        near(((x + 1e-5).sin() - (x - 1e-5).sin()) / 2e-5, dy, 1e-9);
    }
}

#[test]
fn b1_to_b7_arrays() {
    // B1, B2: shapes belong to values; `*` is elementwise, the matrix product its own operation.
    let f = Function::trace(["a[2,2]", "b[2,2]"], |[a, b]| {
        assert_eq!((a.rank(), a.sum(..).rank(), a.matmul(b).shape()), (2, 0, a.shape()));
        (a * b, a.matmul(b))
    });
    let (a, b) = (vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]);
    let array = |v: &[f64]| Array::new([2, 2], v.to_vec()).unwrap();
    let y = f.unwrap().run([array(&a), array(&b)]).unwrap();
    assert_eq!(y[0].data(), [5.0, 12.0, 21.0, 32.0]);
    assert_eq!(y[1].data(), [19.0, 22.0, 43.0, 50.0]);
    // B4: the adjoint of a broadcast is a sum. B6: a cotangent of ones gives the gradient of the sum.
    let layer = Function::trace(["x[n,2]", "w[2,2]", "b[1,2]"], |[x, w, b]| (x.matmul(w) + b).sigmoid()).unwrap();
    let x = Array::new([3, 2], vec![0.1, -0.2, 0.3, 0.4, -0.5, 0.6]).unwrap();
    let ones = Array::new([3, 2], vec![1.0; 6]).unwrap();
    let bias = Array::new([1, 2], vec![0.1, 0.2]).unwrap();
    let y = layer.vjp().unwrap().run([x, array(&a), bias, ones]).unwrap();
    let slope: Vec<f64> = y[0].data().iter().map(|s| s * (1.0 - s)).collect();
    near(y[3].data()[0], slope[0] + slope[2] + slope[4], 1e-15);
    near(y[3].data()[1], slope[1] + slope[3] + slope[5], 1e-15);
    // B7: detached values are constants; gradients start at zero for every call; a graph is swept as often as one likes.
    let f = Function::trace(["w", "x"], |[w, x]| (w * x) * (w * x).detach()).unwrap().grad().unwrap();
    for _ in 0..3 {
        assert_eq!(f.eval(&[2.0, 3.0]).unwrap(), [18.0, 12.0]);
    }
}

#[test]
fn c1_rectifiers() {
    let grad = |f: fn(Expr, Expr) -> Expr, x: f64| {
        Function::trace(["x", "a"], |[x, a]| f(x, a)).unwrap().grad().unwrap().eval(&[x, 0.1]).unwrap()
    };
    assert_eq!([-1.0, 0.0, 2.0].map(|x| grad(|x, _| x.relu(), x)[0]), [0.0, 0.0, 1.0]);
    assert_eq!([-1.0, 0.0, 2.0].map(|x| grad(|x, a| x.leaky_relu(a), x)), [[0.1, -1.0], [0.1, 0.0], [1.0, 0.0]]);
}

#[test]
fn c2_sigmoid_and_tanh() {
    let slope = |f: fn(dual::Nested<f64, 1>) -> dual::Nested<f64, 1>, x: f64| dual::derivative(f, x).1;
    assert_eq!((slope(|x| x.sigmoid(), 0.0), slope(|x| x.tanh(), 0.0)), (0.25, 1.0));
    for k in -400..400 {
        let x = 0.1 * k as f64;
        assert!(slope(|x| x.sigmoid(), x) <= 0.25 && slope(|x| x.tanh(), x) <= 1.0);
        near(Real::tanh(x) + 1.0, 2.0 * Real::sigmoid(2.0 * x), 1e-15);
    }
}

#[test]
fn c3_layers_are_piecewise_linear_and_collapse_without_activations() {
    // W = W₁W₂ and b = b₁W₂ + b₂
    let names = ["x[2]", "w1[2,3]", "b1[3]", "w2[3,2]", "b2[2]"];
    let f = Function::trace(names, |[x, w1, b1, w2, b2]| {
        let layers = (x.matmul(w1) + b1).matmul(w2) + b2;
        let one = x.matmul(w1.matmul(w2)) + b1.matmul(w2) + b2;
        let relu = (x.matmul(w1) + b1).relu().matmul(w2) + b2;
        (layers, one, relu)
    });
    let f = f.unwrap();
    let wave = |n: usize, s: f64| (0..n).map(|k| (s + 1.7 * k as f64).sin()).collect::<Vec<_>>();
    let at = |x: [f64; 2]| {
        let shape = |shape: [usize; 2], v| Array::new(shape, v).unwrap();
        let b = |n, s| Array::vector(wave(n, s));
        f.run([Array::vector(x.to_vec()), shape([2, 3], wave(6, 0.3)), b(3, 1.0), shape([3, 2], wave(6, 2.0)), b(2, 0.5)])
            .unwrap()
    };
    let mut kinks = 0;
    for k in 0..200 {
        let x = [-3.0 + 0.03 * k as f64, 1.0 - 0.01 * k as f64];
        let y = at(x);
        y[0].data().iter().zip(y[1].data()).for_each(|(&a, &b)| near(a, b, 1e-14));
        // Along a line: continuous, and the second difference vanishes except at kinks.
        let step = |h: f64| at([x[0] + 0.03 * h, x[1] - 0.01 * h])[2].data()[0];
        let second = step(1.0) - 2.0 * step(0.0) + step(-1.0);
        near(step(1e-9), step(0.0), 1e-9);
        kinks += (second.abs() > 1e-12) as usize;
    }
    assert!((1..=6).contains(&kinks), "{kinks} kinks of three units");
}

#[test]
fn c4_losses() {
    // dL/dw = Σ 2(f(x) − y)·∂f/∂w / n for f = w·x
    let (x, y, w) = ([1.0, 2.0, -1.5], [0.5, 3.0, 1.0], 0.7);
    let f = Function::trace(["w", "x", "y"], |[w, x, y]| (w * x - y).powi(2)).unwrap().wrt(["w"]).unwrap();
    let rows = f.grad().unwrap().vmap("n", ["x", "y"]).unwrap().mean("n").unwrap().compile().unwrap();
    let mut dw = [0.0];
    rows.call_into(&[&[w], &x, &y], &mut [&mut dw]).unwrap();
    let want: f64 = x.iter().zip(y).map(|(x, y)| 2.0 * (w * x - y) * x / 3.0).sum();
    near(dw[0], want, 1e-15);
    // Cross-entropy falls as the prediction approaches the truth, binary and with more classes.
    let binary = |p: f64| -(Real::xlogy(0.3, p) + Real::xlogy(0.7, 1.0 - p));
    let many = Function::trace(["z[3]", "p[3]"], |[z, p]| z.cross_entropy(p)).unwrap();
    let truth: [f64; 3] = [0.2, 0.5, 0.3];
    let at = |mix: f64| {
        let z = truth.map(|p| mix * p.ln() + (1.0 - mix) * 0.1).to_vec();
        many.run([Array::vector(z), Array::vector(truth.to_vec())]).unwrap()[0].data()[0]
    };
    for k in 0..10 {
        let (far, close) = (k as f64 / 10.0, (k + 1) as f64 / 10.0);
        assert!(at(close) < at(far));
        assert!(binary(0.9 - 0.6 * close) < binary(0.9 - 0.6 * far));
    }
}

#[test]
fn c5_dead_and_alive() {
    let samples = [-1.0, -0.3, 0.2, 0.9];
    let gradients = |f: fn(Expr) -> Expr| {
        let g = Function::trace(["w", "b", "x"], |[w, b, x]| f(w * x + b)).unwrap().wrt(["w", "b"]).unwrap().grad().unwrap();
        samples.map(|x| g.eval(&[0.5, -2.0, x]).unwrap())
    };
    assert!(gradients(|z| z.relu()).iter().all(|g| g == &[0.0, 0.0]), "a dead unit");
    assert!(gradients(|z| z.leaky_relu(0.01)).iter().all(|g| g[1] == 0.01), "an alive one");
}

#[test]
fn d1_d2_descent_on_a_bowl() {
    let f = Function::trace(["x", "y"], |[x, y]| x * x + y * y).unwrap().value_and_grad().unwrap().compile().unwrap();
    assert_eq!(f.call::<f64, 3>([1.0, 3.0]).unwrap(), [10.0, 2.0, 6.0]);
    let norm = Function::trace(["x", "y"], |[x, y]| x.hypot(y)).unwrap().value_and_grad().unwrap();
    let want = [3.16227766, 0.31622777, 0.94868330];
    norm.eval(&[1.0, 3.0]).unwrap().into_iter().zip(want).for_each(|(a, b)| near(a, b, 5e-9));
    let (mut p, mut descent, mut trace) = ([1.0, 3.0], Optimizer::new(Sgd { rate: 0.02 }, 2), Vec::new());
    for _ in 0..100 {
        let [value, dx, dy] = f.call(p).unwrap();
        trace.push(value);
        descent.step(&mut p, &[dx, dy]).unwrap();
    }
    near(trace[1], 9.216, 1e-12);
    near(trace[2], 8.4934656, 1e-12);
    for (k, want) in [(97, 0.003635960944957), (98, 0.003350901606873), (99, 0.003088190920894)] {
        near(trace[k], want, 1e-15);
    }
    near(p[0], 0.0168703193588, 1e-13);
    near(p[1], 0.050610958076549, 1e-14);
}

#[test]
fn d3_the_error_shrinks_by_a_constant_factor() {
    let grad = Function::trace("x", |x| (x - 2.0).powi(2)).unwrap().grad().unwrap().compile().unwrap();
    let (mut x, mut descent) = ([-0.106718108], Optimizer::new(Sgd { rate: 0.001 }, 1));
    let start = x[0];
    for step in 1..=200 {
        let [dx] = grad.call(x).unwrap();
        descent.step(&mut x, &[dx]).unwrap();
        near(x[0] - 2.0, (start - 2.0) * 0.998f64.powi(step), 1e-13);
        match step {
            100 => near(x[0], 0.27551049, 5e-8),
            200 => near(x[0], 0.58839013, 5e-8),
            _ => {}
        }
    }
    // D3b: parameters as a list
    let bowl = Function::trace(("p", 2), |p| p[0] * p[0] + p[1] * p[1]).unwrap().grad().unwrap().compile().unwrap();
    let (mut p, mut descent) = ([1.0, -2.0], Optimizer::new(Sgd { rate: 0.1 }, 2));
    for _ in 0..40 {
        let g: [f64; 2] = bowl.call(p).unwrap();
        descent.step(&mut p, &g).unwrap();
    }
    assert!(p.iter().all(|x| x.abs() < 0.004));
}

#[test]
fn d4_momentum_escapes() {
    // A shallow minimum near 1.35 and a deep one near −1.47.
    let grad = Function::trace("x", |x| x.powi(4) / 4.0 - x * x + 0.25 * x).unwrap().grad().unwrap();
    let run = |step: &mut dyn FnMut(&mut [f64; 1], &[f64])| {
        let mut x = [3.0];
        for _ in 0..2000 {
            let g = grad.eval(&x).unwrap();
            step(&mut x, &g);
        }
        x[0]
    };
    let (mut plain, mut heavy) =
        (Optimizer::new(Sgd { rate: 0.01 }, 1), Optimizer::new(Momentum { rate: 0.01, momentum: 0.9 }, 1));
    assert!(run(&mut |x, g| plain.step(x, g).unwrap()) > 1.0);
    assert!(run(&mut |x, g| heavy.step(x, g).unwrap()) < -1.0);
}

#[test]
fn d8_the_gradient_of_the_xor_network_by_hand() {
    // Z1 = W1·X + b1, A1 = relu Z1, Z2 = W2·A1 + b2, A2 = σ(Z2), loss = Σ(A2 − Y)²/(2m); columns are the m samples.
    const H: usize = 3;
    let names = ["w1[3,2]", "b1[3,1]", "w2[1,3]", "b2[1,1]", "x[2,m]", "y[1,m]"];
    let f = Function::trace(names, |[w1, b1, w2, b2, x, y]| {
        let a2 = (w2.matmul((w1.matmul(x) + b1).relu()) + b2).sigmoid();
        let error = a2 - y;
        (error * error).sum(..) / (2.0 * y.count(1))
    });
    let g = f.unwrap().wrt(["w1", "b1", "w2", "b2"]).unwrap().value_and_grad().unwrap();
    let (x, y, m) = ([0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0], 4);
    for seed in 0..50 {
        let p: Vec<f64> = (0..4 * H + 1).map(|k| (seed as f64 + 1.3 * k as f64).sin()).collect();
        let (w1, rest) = p.split_at(2 * H);
        let (b1, rest) = rest.split_at(H);
        let (w2, b2) = rest.split_at(H);
        let (mut dw1, mut db1, mut dw2, mut db2) = (vec![0.0; 2 * H], vec![0.0; H], vec![0.0; H], 0.0);
        for s in 0..m {
            let z1: Vec<f64> = (0..H).map(|h| w1[2 * h] * x[s] + w1[2 * h + 1] * x[m + s] + b1[h]).collect();
            let a2 = 1.0 / (1.0 + (-(0..H).map(|h| w2[h] * z1[h].max(0.0)).sum::<f64>() - b2[0]).exp());
            let dz2 = (a2 - y[s]) * a2 * (1.0 - a2);
            db2 += dz2 / m as f64;
            for h in 0..H {
                dw2[h] += dz2 * z1[h].max(0.0) / m as f64;
                let dz1 = if z1[h] > 0.0 { w2[h] * dz2 } else { 0.0 };
                dw1[2 * h] += dz1 * x[s] / m as f64;
                dw1[2 * h + 1] += dz1 * x[m + s] / m as f64;
                db1[h] += dz1 / m as f64;
            }
        }
        let array = |shape: [usize; 2], v: &[f64]| Array::new(shape, v.to_vec()).unwrap();
        let inputs =
            [array([H, 2], w1), array([H, 1], b1), array([1, H], w2), array([1, 1], b2), array([2, m], &x), array([1, m], &y)];
        let got = g.run(&inputs).unwrap();
        for (got, want) in got.arrays()[1..].iter().zip([&dw1[..], &db1, &dw2, &[db2]]) {
            got.data().iter().zip(want).for_each(|(&a, &b)| near(a, b, 1e-15));
        }
    }
}

#[test]
fn select_chooses_and_differentiates_what_it_chose() {
    let f = Function::trace("x", |x| select(x.gt(0.0), x * x, -x)).unwrap().grad().unwrap();
    assert_eq!([-3.0, 3.0].map(|x| f.eval(&[x]).unwrap()[0]), [-1.0, 6.0]);
}

//! Update rules against their formulas spelled out, and optimisers on problems with known courses.

use proptest::prelude::*;
use wengert::optim::{AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RmsProp, Rule, Sgd};
use wengert::{Expr, Function, Width, like};

/// The parameter after each step with these gradients.
fn course<R: Rule>(rule: R, start: f64, grads: &[f64]) -> Vec<f64> {
    let mut optimizer = Optimizer::new(rule, 1);
    let mut p = [start];
    let mut seen = Vec::new();
    for &g in grads {
        optimizer.step(&mut p, &[g]).unwrap();
        seen.push(p[0]);
    }
    assert_eq!(optimizer.steps(), grads.len() as u64);
    seen
}

#[track_caller]
fn assert_close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() <= 1e-14 * (1.0 + b.abs())), "{got:?} is not {want:?}");
}

#[test]
fn steps_worked_out_by_hand() {
    assert_close(&course(Sgd { rate: 0.1 }, 1.0, &[2.0, -1.0]), &[0.8, 0.9]);
    // v = 2, then 0.5·2 − 1 = 0, then 0.5·0 + 3 = 3
    assert_close(&course(Momentum { rate: 0.1, momentum: 0.5 }, 1.0, &[2.0, -1.0, 3.0]), &[0.8, 0.8, 0.5]);
    // g + 0.5·v = 3, then −1, then 4.5
    assert_close(&course(Nesterov { rate: 0.1, momentum: 0.5 }, 1.0, &[2.0, -1.0, 3.0]), &[0.7, 0.8, 0.35]);
    // √s = 3, then √(9 + 16) = 5, then √(25 + 144) = 13
    let rule = AdaGrad { rate: 0.5, epsilon: 0.0 };
    assert_close(&course(rule, 0.0, &[3.0, 4.0, -12.0]), &[-0.5, -0.9, -0.9 + 6.0 / 13.0]);
    assert_close(&course(AdaGrad { epsilon: 1.0, ..rule }, 0.0, &[3.0]), &[-0.5 * 0.75]);
    // s = 0.36·25 = 9, then 0.64·9 + 0.36·100/9 = 9.76
    let rule = RmsProp { rate: 0.3, alpha: 0.64, epsilon: 0.0 };
    assert_close(&course(rule, 0.0, &[5.0, 10.0 / 3.0]), &[-0.5, -0.5 - 1.0 / 9.76f64.sqrt()]);
    assert_close(&course(RmsProp { epsilon: 2.0, ..rule }, 0.0, &[5.0]), &[-0.3]);
    // The first step is the sign of the gradient; then m = 0.5·1 − 0.5·2 over 3/4, v = 0.75·1 + 0.25·4 = 7/4 over 7/16.
    let rule = Adam { rate: 0.1, beta1: 0.5, beta2: 0.75, epsilon: 0.0 };
    assert_close(&course(rule, 1.0, &[2.0, -2.0]), &[0.9, 0.9 + 0.1 * (2.0 / 3.0) / 2.0]);
}

/// The rules once more, as plain loops over f64 that share nothing with the library; `power` is βᵗ by multiplication.
mod plain {
    pub fn adam(rate: f64, (b1, b2, eps): (f64, f64, f64), decay: f64, start: f64, grads: &[f64]) -> Vec<f64> {
        let (mut p, mut m, mut v, mut power1, mut power2) = (start, 0.0, 0.0, 1.0, 1.0);
        let step = |&g: &f64| {
            p -= rate * decay * p;
            m = b1 * m + (1.0 - b1) * g;
            v = b2 * v + (1.0 - b2) * g * g;
            power1 *= b1;
            power2 *= b2;
            p -= rate * (m / (1.0 - power1)) / (f64::sqrt(v / (1.0 - power2)) + eps);
            p
        };
        grads.iter().map(step).collect()
    }

    pub fn rms_prop(rate: f64, alpha: f64, eps: f64, start: f64, grads: &[f64]) -> Vec<f64> {
        let (mut p, mut s) = (start, 0.0);
        let step = |&g: &f64| {
            s = alpha * s + (1.0 - alpha) * g * g;
            p -= rate * g / (f64::sqrt(s) + eps);
            p
        };
        grads.iter().map(step).collect()
    }

    pub fn momentum(rate: f64, mu: f64, nesterov: bool, start: f64, grads: &[f64]) -> Vec<f64> {
        let (mut p, mut v) = (start, 0.0);
        let step = |&g: &f64| {
            v = mu * v + g;
            p -= rate * if nesterov { g + mu * v } else { v };
            p
        };
        grads.iter().map(step).collect()
    }
}

fn assert_nearly(got: &[f64], want: &[f64]) {
    for (a, b) in got.iter().zip(want) {
        assert!((a - b).abs() <= 1e-10 * (1.0 + b.abs()), "{got:?} is not {want:?}");
    }
}

proptest! {
    #[test]
    fn rules_follow_their_formulas(start in -5.0..5.0f64, grads in prop::collection::vec(-10.0..10.0f64, 1..50)) {
        let betas = (0.9, 0.999, 1e-8);
        assert_nearly(&course(Adam::new(0.1), start, &grads), &plain::adam(0.1, betas, 0.0, start, &grads));
        assert_nearly(&course(AdamW::new(0.1), start, &grads), &plain::adam(0.1, betas, 0.01, start, &grads));
        assert_nearly(&course(RmsProp::new(0.1), start, &grads), &plain::rms_prop(0.1, 0.99, 1e-8, start, &grads));
        let (rate, momentum) = (0.01, 0.9);
        assert_nearly(&course(Momentum { rate, momentum }, start, &grads), &plain::momentum(rate, momentum, false, start, &grads));
        assert_nearly(&course(Nesterov { rate, momentum }, start, &grads), &plain::momentum(rate, momentum, true, start, &grads));
    }

    #[test]
    fn a_traced_update_gives_the_bits_of_the_slices(start in any::<f64>(), grads in prop::collection::vec(-10.0..10.0f64, 1..8)) {
        agree(Sgd { rate: 0.1 }, start, &grads);
        agree(Momentum { rate: 0.1, momentum: 0.9 }, start, &grads);
        agree(Nesterov { rate: 0.1, momentum: 0.9 }, start, &grads);
        agree(AdaGrad::new(0.1), start, &grads);
        agree(RmsProp::new(0.1), start, &grads);
        agree(Adam::new(0.1), start, &grads);
        agree(AdamW::new(0.1), start, &grads);
    }
}

fn agree<R, const N: usize>(rule: R, start: f64, grads: &[f64])
where
    R: Rule<State<f64> = [f64; N]> + Rule<State<f32> = [f32; N]> + Rule<State<Expr> = [Expr; N]> + Copy,
{
    let traced = |width| {
        let state = rule.start::<f64>();
        Function::trace_in(width, ("p", "g", ("state", like(&state)), "t"), |(p, g, state, t)| {
            let (p, state) = rule.update(p, g, state, t);
            (p, state)
        })
        .unwrap()
    };
    let (wide, narrow) = (traced(Width::F64), traced(Width::F32));
    let mut slices = (Optimizer::<R, f64>::new(rule, 1), Optimizer::<R, f32>::new(rule, 1));
    let (mut p, mut q) = ([start], [start as f32]);
    for (k, &g) in grads.iter().enumerate() {
        let x: Vec<f64> = [&[p[0], g], &slices.0.state()[0][..], &[(k + 1) as f64]].concat();
        slices.0.step(&mut p, &[g]).unwrap();
        let bits: Vec<u64> = wide.eval(&x).unwrap().iter().map(|y| y.to_bits()).collect();
        let want = p.iter().chain(&slices.0.state()[0]).map(|y| y.to_bits());
        assert!(want.eq(bits), "{p:?}");
        let x: Vec<f32> = [&[q[0], g as f32], &slices.1.state()[0][..], &[(k + 1) as f32]].concat();
        slices.1.step(&mut q, &[g as f32]).unwrap();
        let bits: Vec<u32> = narrow.eval(&x).unwrap().iter().map(|y| y.to_bits()).collect();
        let want = q.iter().chain(&slices.1.state()[0]).map(|y| y.to_bits());
        assert!(want.eq(bits), "{q:?}");
    }
}

#[test]
fn descent_on_a_bowl_takes_the_known_course() {
    let f = Function::trace(["x", "y"], |[x, y]| x * x + y * y).unwrap();
    let both = f.value_and_grad().unwrap();
    let mut p = [1.0f64, 3.0];
    let mut optimizer = Optimizer::new(Sgd { rate: 0.02 }, 2);
    let mut values = Vec::new();
    for _ in 0..100 {
        let y = both.eval(&p).unwrap();
        values.push(y[0]);
        optimizer.step(&mut p, &y[1..]).unwrap();
    }
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-13 * want.max(1.0), "{got} is not {want}");
    near(values[0], 10.0);
    near(values[1], 9.216);
    near(values[2], 8.4934656);
    near(values[97], 0.003635960944957);
    near(values[98], 0.003350901606873);
    near(values[99], 0.003088190920894);
    near(p[0], 0.0168703193588);
    near(p[1], 0.050610958076549);
}

#[test]
fn the_error_shrinks_by_a_constant_factor_in_single_precision() {
    let grad = Function::trace_in(Width::F32, "x", |x| (x - 2.0).powi(2)).unwrap().grad().unwrap();
    let mut x = [-0.106_718_11_f32];
    let mut optimizer = Optimizer::new(Sgd { rate: 0.001 }, 1);
    for step in 1..=5000 {
        let before = 2.0 - x[0];
        let g = grad.eval(&x).unwrap();
        optimizer.step(&mut x, &g).unwrap();
        if step <= 1000 {
            assert!(((2.0 - x[0]) / before - 0.998).abs() < 1e-5);
        }
        match step {
            100 => assert!((f64::from(x[0]) - 0.27551049).abs() < 2e-5, "{}", x[0]),
            200 => assert!((f64::from(x[0]) - 0.58839013).abs() < 2e-5, "{}", x[0]),
            5000 => assert!((x[0] - 1.9999).abs() < 5e-5, "{}", x[0]),
            _ => {}
        }
    }
}

/// f(x) = x⁴ − 3x² + x has a shallow minimum near 1.13 and the deep one near −1.30.
#[test]
fn momentum_leaves_a_local_minimum_that_plain_descent_stays_in() {
    let grad = Function::trace("x", |x| x.powi(4) - 3.0 * x * x + x).unwrap().grad().unwrap();
    fn end<R: Rule>(rule: R, grad: &Function) -> f64 {
        let mut x = [2.0];
        let mut optimizer = Optimizer::new(rule, 1);
        for _ in 0..2000 {
            let g = grad.eval(&x).unwrap();
            optimizer.step(&mut x, &g).unwrap();
        }
        x[0]
    }
    let (plain, heavy) = (end(Sgd { rate: 0.01 }, &grad), end(Momentum { rate: 0.01, momentum: 0.9 }, &grad));
    assert!((plain - 1.1309).abs() < 1e-4 && (heavy + 1.3008).abs() < 1e-4, "{plain} {heavy}");
}

#[test]
fn a_fit_of_a_cubic_comes_home() {
    // The mean over the samples of (b + w·(x, x², x³) − (x + 2x² + 3x³))².
    let samples: Vec<f64> = (0..50).map(|k| -1.0 + k as f64 / 25.0).collect();
    let loss = Function::trace((("w", 3), "b"), |(w, b)| {
        let square =
            |&x: &f64| (b + w[0] * x + w[1] * (x * x) + w[2] * (x * x * x) - (x + 2.0 * x * x + 3.0 * x * x * x)).powi(2);
        samples.iter().map(square).sum::<Expr>() / samples.len() as f64
    });
    let grad = loss.unwrap().grad().unwrap();
    let mut p = [0.0f64; 4];
    let mut optimizer = Optimizer::new(RmsProp::new(0.001), p.len());
    for _ in 0..10_000 {
        let g = grad.eval(&p).unwrap();
        optimizer.step(&mut p, &g).unwrap();
    }
    for (got, want) in p.iter().zip([1.0, 2.0, 3.0, 0.0]) {
        assert!((got - want).abs() < 1e-3, "{p:?}");
    }
}

#[test]
fn lengths_are_checked_and_a_saved_state_goes_on() {
    let grads = [1.0, -2.0];
    let mut one = Optimizer::new(Adam::new(0.1), 2);
    let mut p = [0.5, 0.5];
    assert!(one.step(&mut p, &[1.0]).unwrap_err().is_length());
    assert!(one.step(&mut p[..1], &grads).unwrap_err().is_length());
    assert_eq!((one.steps(), p), (0, [0.5, 0.5]));
    one.step(&mut p, &grads).unwrap();
    let mut two = Optimizer::new(Adam::new(0.1), 2);
    assert!(two.resume(&one.state()[..1], 1).unwrap_err().is_length());
    two.resume(one.state(), one.steps()).unwrap();
    let mut q = p;
    one.step(&mut p, &grads).unwrap();
    two.step(&mut q, &grads).unwrap();
    assert_eq!(p, q);
}

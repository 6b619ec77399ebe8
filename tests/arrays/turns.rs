//! The adjoint of a loop whose number of turns comes out: sweeps over its turns.

use wengert::{Dual, Expr, Function, Options, Real, Scan, While, Width, cond, lit, while_loop};

/// By native code, by interpretation, which gives the same bits, and turn by turn.
fn values(f: &Function, x: &[f64]) -> Vec<f64> {
    let given = f.run([(f.inputs()[0].name(), x)]).unwrap();
    let evaluated: Vec<Vec<f64>> = given.iter().map(|(_, y)| y.data().to_vec()).collect();
    let call = |options: Options| {
        let mut outputs: Vec<Vec<f64>> = evaluated.iter().map(|y| vec![0.0; y.len()]).collect();
        let compiled = f.compile_with(options).unwrap();
        compiled.call_into(&[x], &mut outputs.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        outputs.concat()
    };
    let native = call(Options::new());
    let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&native), bits(&call(Options::new().interpreted(true))), "{f}");
    for other in [call(Options::new().unroll(false)), evaluated.concat()] {
        native.iter().zip(&other).for_each(|(&a, &b)| close(a, b, 1e-12));
    }
    native
}

#[track_caller]
fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{a}, not {b}");
}

#[test]
fn a_root_by_newtons_method() {
    let f = Function::trace("a", |a| while_loop(a, |x| (x * x - a).abs().gt(a * 1e-14), |x| (x + a / x) * 0.5)).unwrap();
    let y = values(&f.value_and_grad().unwrap(), &[9.0]);
    close(y[0], 3.0, 1e-14);
    close(y[1], 1.0 / 6.0, 1e-7);
    // Reverse over reverse, and forward over reverse.
    let g = f.grad().unwrap();
    let twice = values(&g.grad().unwrap(), &[9.0])[0];
    close(twice, -1.0 / 108.0, 1e-4);
    let [_, along] = g.jvp().unwrap().compile().unwrap().call([9.0, 1.0]).unwrap();
    close(along, twice, 1e-12);
}

/// The body needs some of what the condition computes, results of routines among it, and has what it needs.
#[test]
fn what_a_condition_computes_its_body_has() {
    let f = Function::trace("v[2]", |v| {
        let excess = |y: Expr| (y * 0.5).exp() - v.at(0, 1);
        let goes = |[y, _]: [Expr; 2]| excess(y).abs().gt(1e-13) & (y * 0.5).lt(50.0);
        let [y, turns] = while_loop([v.at(0, 0), 0.0.into()], goes, |[y, turns]| {
            [y - excess(y) / ((y * 0.5).exp() * 0.5), turns + cond((y * 0.5).gt(1.0), || y * 0.5, || (y * 0.5).sin())]
        });
        y + turns * 0.0
    });
    let y = values(&f.unwrap().value_and_grad().unwrap(), &[3.0, 5.0]);
    close(y[0], 2.0 * 5f64.ln(), 1e-13);
    close(y[2], 0.4, 1e-9);
}

/// A function and its derivative at one number are one call of a routine, near and far from 0 and in both widths.
#[test]
fn kernels_that_share_their_work() {
    fn steps<T: Real>([x, sum]: [T; 2]) -> [T; 2] {
        let all = x.cos() + x.sin() * lit(2.0) + x.sech_squared() + x.tanh() * lit(2.0) + x.sigmoid() * lit(3.0);
        [x * lit(2.0), sum + all + x.logistic_density()]
    }
    let by_hand = |x: f64| {
        let mut state = [x, 0.0];
        for _ in 0..9 {
            state = steps(state);
        }
        state[1]
    };
    let scan = |x: Expr| Scan::steps(9).run([x, 0.0.into()], |state, ()| (steps(state), ())).0[1];
    let traced = |width: Width| {
        let f = Function::trace_in(width, "x[1]", |x: Expr| scan(x.at(0, 0))).unwrap();
        f.value_and_grad().unwrap()
    };
    let f = traced(Width::F64);
    for x in [0.3, -1.7, 40.0, -3e9, 1e300] {
        close(values(&f, &[x])[0], by_hand(x), 1e-11);
    }
    let narrow = traced(Width::F32);
    for x in [0.3f32, -1.7, 40.0, 1e30] {
        let call = |options: Options| narrow.compile_with(options).unwrap().call::<f32, 2>([x]).unwrap().map(f32::to_bits);
        assert_eq!(call(Options::new()), call(Options::new().interpreted(true)), "{x}");
    }
}

/// Of lengths whose squares leave the range of numbers, too.
#[test]
fn norms_in_turns() {
    let traced = |width: Width| {
        let f = Function::trace_in(width, "x[2]", |x: Expr| {
            while_loop((x, 0.0, 0.0), |(_, _, k)| k.lt(3.0), |(x, sum, k): (Expr, Expr, Expr)| (x, sum + x.norm(), k + 1.0)).1
        });
        f.unwrap().value_and_grad().unwrap()
    };
    let f = traced(Width::F64);
    for scale in [1.0, 1e-200, 1e200, 1e306] {
        let y = values(&f, &[3.0 * scale, -4.0 * scale]);
        assert!((y[0] - 15.0 * scale).abs() <= 1e-13 * scale, "{y:?} at {scale}");
        close(y[1], 1.8, 1e-13);
        close(y[2], -2.4, 1e-13);
    }
    let f = traced(Width::F32);
    for scale in [1.0f32, 1e-30, 1e30] {
        let mut y = ([0.0f32], [0.0f32; 2]);
        f.compile().unwrap().call_into(&[&[3.0 * scale, -4.0 * scale]], &mut [&mut y.0, &mut y.1]).unwrap();
        assert!((y.0[0] - 15.0 * scale).abs() <= 1e-5 * scale && (y.1[0] - 1.8).abs() < 1e-5, "{y:?} at {scale}");
    }
}

/// What both branches use is one operand, and its adjoint one choice, not a sum of two.
#[test]
fn what_both_branches_use() {
    let f = Function::trace(["x", "y"], |[x, y]| cond(x.gt(y), || x * y * 2.0, || y * 3.0 - x)).unwrap();
    assert_eq!(f.to_string().matches("(a0: %0, a1: %1) -> ").count(), 2, "{f}");
    let g = f.grad().unwrap();
    assert!(!g.to_string().contains(" add "), "{g}");
    let g = g.compile().unwrap();
    assert_eq!(g.call([3.0, 2.0]).unwrap(), [4.0, 6.0]);
    assert_eq!(g.call([2.0, 3.0]).unwrap(), [-1.0, 3.0]);
}

/// The number of turns depends on the point.
fn step<T: Real>(x: [T; 2], a: T, b: T) -> [T; 2] {
    [x[0] * a + x[1].sin() + lit(0.3), x[1] * lit(0.9) + x[0] * b]
}

fn by_hand<T: Real<Mask = bool>>(v: [T; 4]) -> T {
    let mut x = [v[0], v[1]];
    while (x[0] * x[0] + x[1] * x[1]).lt(lit(100.0)) {
        x = step(x, v[2], v[3]);
    }
    x[0] * x[1] + (x[1] * lit(0.1)).exp()
}

fn traced() -> Function {
    let f = Function::trace("v[4]", |v| {
        let goes = |x: [Expr; 2]| (x[0] * x[0] + x[1] * x[1]).lt(100.0);
        let x = while_loop([v.at(0, 0), v.at(0, 1)], goes, |x| step(x, v.at(0, 2), v.at(0, 3)));
        x[0] * x[1] + (x[1] * 0.1).exp()
    });
    f.unwrap()
}

#[test]
fn gradients_and_hessians_are_those_of_dual_numbers() {
    let f = traced();
    let (gradient, hessian) = (f.value_and_grad().unwrap(), f.hessian().unwrap());
    // Reverse over reverse, of the sum of the partial derivatives.
    let g = f.grad().unwrap();
    let sum = Function::trace("v[4]", |v| g.eval(&[v]).map(|d| d[0].sum(..))).unwrap();
    let rows = sum.grad().unwrap();
    // And once more, through sweeps over the turns of sweeps over the turns of sweeps.
    let third = Function::trace("v[4]", |v| rows.eval(&[v]).map(|d| d[0].sum(..))).unwrap().grad().unwrap();
    for point in [[0.1, 0.2, 1.2, 0.3], [-0.4, 1.0, 1.05, 0.1], [12.0, 0.0, 1.0, 0.0], [1.0, 1.0, -1.3, 0.2]] {
        let y = values(&gradient, &point);
        close(y[0], by_hand(point), 1e-13);
        let h = values(&hessian, &point);
        let sums = values(&rows, &point);
        let thirds = values(&third, &point);
        for k in 0..4 {
            let along: [Dual<f64>; 4] = std::array::from_fn(|j| Dual::new(point[j], f64::from(j == k)));
            close(y[1 + k], by_hand(along).eps(), 1e-11);
            for l in 0..4 {
                let twice = std::array::from_fn(|j| Dual::new(along[j], Dual::new(f64::from(j == l), 0.0)));
                close(h[4 * k + l], by_hand::<Dual<Dual<f64>>>(twice).eps().eps(), 1e-10);
            }
            close(sums[k], h[4 * k..][..4].iter().sum(), 1e-10);
            let ones =
                |v: [Dual<f64>; 4]| std::array::from_fn(|j| Dual::new(Dual::new(v[j], lit(1.0)), Dual::new(lit(1.0), lit(0.0))));
            close(thirds[k], by_hand::<Dual<Dual<Dual<f64>>>>(ones(along)).eps().eps().eps(), 1e-9);
        }
    }
}

/// Loops within loops, with branches inside.
#[test]
fn nested_loops() {
    let f = Function::trace("v[2]", |v| {
        let (a, b) = (v.at(0, 0), v.at(0, 1));
        let outer = |(x, _): (Expr, Expr)| x.lt(50.0);
        let (x, k) = while_loop((a, 0.0), outer, |(x, k)| {
            let inner = while_loop(x * b, |y| y.gt(1.0), |y| cond(y.gt(4.0), || y * 0.5, || y.sqrt() * 0.7 + a * 0.01));
            (x * 1.5 + inner * inner, k + 1.0)
        });
        x * k
    });
    let f = f.unwrap();
    fn by_hand<T: Real<Mask = bool>>([a, b]: [T; 2]) -> T {
        let (mut x, mut k) = (a, lit::<T>(0.0));
        while x.lt(lit(50.0)) {
            let mut y = x * b;
            while y.gt(lit(1.0)) {
                y = if y.gt(lit(4.0)) { y * lit(0.5) } else { y.sqrt() * lit(0.7) + a * lit(0.01) };
            }
            (x, k) = (x * lit(1.5) + y * y, k + lit(1.0));
        }
        x * k
    }
    let (g, h) = (f.value_and_grad().unwrap(), f.hessian().unwrap());
    for point in [[0.5, 2.0], [3.0, 0.7], [60.0, 1.0], [1.0, 9.0]] {
        let (y, h) = (values(&g, &point), values(&h, &point));
        close(y[0], by_hand(point), 1e-13);
        for k in 0..2 {
            let along: [Dual<f64>; 2] = std::array::from_fn(|j| Dual::new(point[j], f64::from(j == k)));
            close(y[1 + k], by_hand(along).eps(), 1e-11);
            for l in 0..2 {
                let twice = std::array::from_fn(|j| Dual::new(along[j], Dual::new(f64::from(j == l), 0.0)));
                close(h[2 * k + l], by_hand::<Dual<Dual<f64>>>(twice).eps().eps(), 1e-10);
            }
        }
    }
}

/// So many turns that records leave the stack; and more than they may take.
#[test]
fn records_grow_and_are_bounded() {
    let f = Function::trace("v[2]", |v| {
        let (x, n) = while_loop((v.at(0, 0), v.at(0, 1)), |(_, n)| n.gt(0.5), |(x, n)| (x + x.sin() * 1e-3, n - 1.0));
        x + n
    });
    let f = f.unwrap();
    let g = f.value_and_grad().unwrap();
    for n in [0.0, 1.0, 100.0, 10_000.0] {
        let y = values(&g, &[0.5, n]);
        let (mut x, mut d) = (0.5f64, 1.0);
        for _ in 0..n as usize {
            d += d * x.cos() * 1e-3;
            x += x.sin() * 1e-3;
        }
        close(y[0], x, 1e-9);
        close(y[1], d, 1e-9);
    }
    for options in [Options::new(), Options::new().interpreted(true), Options::new().unroll(false)] {
        // Without the value, for which the loop would run once more.
        let code = f.grad().unwrap().compile_with(options.memory_limit(1 << 20)).unwrap();
        let mut d = [0.0; 2];
        code.call_into(&[&[0.5, 100.0]], &mut [&mut d]).unwrap();
        let error = code.call_into(&[&[0.5, 1e7]], &mut [&mut d]).unwrap_err();
        assert!(error.is_limit(), "{error}");
        assert!(error.to_string().contains("bytes of every turn") && error.to_string().contains("turns.rs"), "{error}");
        // Without end.
        assert!(code.call_into(&[&[0.5, f64::INFINITY]], &mut [&mut d]).unwrap_err().is_limit());
        code.call_into(&[&[0.5, 100.0]], &mut [&mut d]).unwrap();
    }
}

/// What a large call has left does not count against the limit of a small one, and an error inside a scan is not lost.
#[test]
fn records_of_other_calls_do_not_count() {
    let f = Function::trace("v[2]", |v| {
        let (x, _) = while_loop((v.at(0, 0), v.at(0, 1)), |(_, n)| n.gt(0.5), |(x, n)| (x + x.sin() * 1e-3, n - 1.0));
        x
    });
    let g = f.unwrap().grad().unwrap();
    let large = g.compile().unwrap();
    let small = g.compile_with(Options::new().memory_limit(1 << 16)).unwrap();
    let mut d = [0.0; 2];
    for _ in 0..3 {
        large.call_into(&[&[0.5, 1e5]], &mut [&mut d]).unwrap();
        small.call_into(&[&[0.5, 500.0]], &mut [&mut d]).unwrap();
        assert!(small.call_into(&[&[0.5, 1e5]], &mut [&mut d]).unwrap_err().is_limit());
    }

    let scan = Function::trace(("x", "n[3]"), |(x, n)| {
        let (last, ()) = Scan::over(n).run(x, |x, n| {
            let (x, _) = while_loop((x, n), |(_, n)| n.gt(0.5), |(x, n)| (x + x.sin() * 1e-3, n - 1.0));
            (x, ())
        });
        last
    });
    for interpreted in [false, true] {
        let g = scan.as_ref().unwrap().wrt(["x"]).unwrap().grad().unwrap();
        let code = g.compile_with(Options::new().memory_limit(1 << 16).interpreted(interpreted)).unwrap();
        let mut d = [0.0];
        code.call_into(&[&[0.5], &[5.0, 3.0, 2.0]], &mut [&mut d]).unwrap();
        let mut x = 0.5f64;
        let mut slope = 1.0;
        for _ in 0..10 {
            slope += slope * x.cos() * 1e-3;
            x += x.sin() * 1e-3;
        }
        close(d[0], slope, 1e-12);
        for long in [[1e5, 3.0, 2.0], [5.0, 1e5, 2.0], [5.0, 3.0, 1e5]] {
            let error = code.call_into(&[&[0.5], &long], &mut [&mut d]).unwrap_err();
            assert!(error.is_limit() && error.to_string().contains("turns.rs"), "{error}");
        }
    }
}

/// More than a loop of numbers carries, and a product of matrices in each turn.
#[test]
fn arrays_are_carried() {
    let f = Function::trace("w[60]", |w| {
        let m = Expr::iota([60, 60], 1) * 0.01 + 0.1;
        let goes = |x: Expr| (x * x).sum(..).lt(1e6);
        while_loop(w, goes, |x: Expr| (x.matmul(m)).tanh() + x * 1.7 + w).sum(..)
    });
    let f = f.unwrap();
    let point: Vec<f64> = (0..60).map(|k| (k as f64 * 0.3).sin()).collect();
    let y = values(&f.value_and_grad().unwrap(), &point);
    let forward = f.jvp().unwrap().compile().unwrap();
    for k in [0, 17, 59] {
        let along: Vec<f64> = (0..60).map(|j| f64::from(u8::from(j == k))).collect();
        let (mut value, mut t) = ([0.0], [0.0]);
        forward.call_into(&[&point, &along], &mut [&mut value, &mut t]).unwrap();
        close(value[0], y[0], 1e-12);
        close(t[0], y[1 + k], 1e-10);
    }
    let twice = values(&f.grad().unwrap().jacobian().unwrap(), &point);
    let h = values(&f.hessian().unwrap(), &point);
    twice.iter().zip(&h).for_each(|(&a, &b)| close(a, b, 1e-9));
}

/// Samples whose loops end at different turns.
#[test]
fn samples_end_by_themselves() {
    let f = traced();
    let g = f.value_and_grad().unwrap();
    let batch = g.vmap(4, ["v"]).unwrap();
    let points = [[0.1, 0.2, 1.2, 0.3], [-0.4, 1.0, 1.05, 0.1], [12.0, 0.0, 1.0, 0.0], [1.0, 1.0, -1.3, 0.2]];
    let all = values(&batch, points.as_flattened());
    for (k, point) in points.iter().enumerate() {
        let own = values(&g, point);
        close(all[k], own[0], 1e-12);
        (0..4).for_each(|j| close(all[4 + 4 * k + j], own[1 + j], 1e-11));
    }
    // The adjoint of the mapped loop.
    let sum = Function::trace("v[4,4]", |v| f.vmap(4, ["v"])?.eval(&[v]).map(|y| y[0].sum(..))).unwrap();
    let d = values(&sum.grad().unwrap(), points.as_flattened());
    (0..16).for_each(|j| close(d[j], all[4 + j], 1e-11));
}

/// A text has them, too.
#[test]
fn text_and_files() {
    let g = traced().value_and_grad().unwrap();
    let back = Function::parse(&g.to_string()).unwrap();
    assert_eq!(back.to_string(), g.to_string());
    assert_eq!(values(&back, &[0.1, 0.2, 1.2, 0.3]), values(&g, &[0.1, 0.2, 1.2, 0.3]));
}

/// A bound that is not hit changes nothing; one that is makes everything NaN.
#[test]
fn bounded_loops() {
    let unbounded = traced();
    let bounded = |most: usize| {
        let f = Function::trace("v[4]", |v| {
            let goes = |x: [Expr; 2]| (x[0] * x[0] + x[1] * x[1]).lt(100.0);
            let looped = While::at_most(most).report([v.at(0, 0), v.at(0, 1)], goes, |x| step(x, v.at(0, 2), v.at(0, 3)));
            let x = looped.last;
            (("value", x[0] * x[1] + (x[1] * 0.1).exp()), ("turns", looped.turns))
        });
        f.unwrap()
    };
    for point in [[0.1, 0.2, 1.2, 0.3], [12.0, 0.0, 1.0, 0.0], [1.0, 1.0, -1.3, 0.2]] {
        let turns = values(&bounded(10_000), &point)[1];
        for slack in [0, 1, 1000] {
            let f = bounded(turns as usize + slack).only(["value"]).unwrap();
            let (ours, other) =
                (values(&f.value_and_grad().unwrap(), &point), values(&unbounded.value_and_grad().unwrap(), &point));
            ours.iter().zip(&other).for_each(|(&a, &b)| close(a, b, 1e-12));
            let (ours, other) = (values(&f.hessian().unwrap(), &point), values(&unbounded.hessian().unwrap(), &point));
            ours.iter().zip(&other).for_each(|(&a, &b)| close(a, b, 1e-11));
        }
        if turns > 0.0 {
            let f = bounded(turns as usize - 1).only(["value"]).unwrap();
            let code = f.value_and_grad().unwrap().compile().unwrap();
            let (mut y, mut d) = ([0.0], [0.0; 4]);
            code.call_into(&[&point], &mut [&mut y, &mut d]).unwrap();
            assert!(y[0].is_nan() && d.iter().all(|d| d.is_nan()), "{y:?} {d:?}");
            let tangents = f.jvp().unwrap().run((("v", point), ("t_v", [1.0, 0.0, 0.0, 0.0]))).unwrap();
            assert!(tangents.arrays().iter().all(|t| t.data()[0].is_nan()));
        }
    }
    // In plain numbers.
    let halved = While::at_most(3).report(100.0, |x: f64| x > 1.0, |x| x * 0.5);
    assert!(halved.last.is_nan() && halved.turns == 3.0 && !halved.ended);
    let halved = While::at_most(3).keep_unfinished().report(100.0, |x: f64| x > 1.0, |x| x * 0.5);
    assert_eq!((halved.last, halved.turns, halved.ended), (12.5, 3.0, false));
    let halved = While::at_most(3).report(Dual::new(7.0, 1.0), |x| x.gt(1.0), |x| x * 0.5);
    assert_eq!((halved.last.re, halved.last.eps(), halved.ended), (0.875, 0.125, true));
    let many = Function::trace_in(wengert::Width::F32, "x", |x| While::at_most(1 << 25).run(x, |x| x.gt(1.0), |x| x * 0.5));
    assert!(many.unwrap_err().to_string().contains("does not count up to"));
}

//! Training: steps against updates worked out by hand, what settings do, what goes wrong, and going on after an interruption.

use wengert::nn::{Clip, Data, Init, Params, Rng, Schedule, Settings, Training, cross_entropy, dense, dropout, hits, mse};
use wengert::optim::{Adam, Momentum, Rule, Sgd};
#[cfg(feature = "derive")]
use wengert::{Array, Structure, like};
use wengert::{Function, Width, aux, scan};

/// A file that is removed in the end.
struct File(std::path::PathBuf);

impl File {
    fn new(name: &str) -> File {
        File(std::env::temp_dir().join(format!("wengert-{}-{name}", std::process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn params<const N: usize>(declarations: [(&str, f64); N]) -> Params<f64> {
    Params::new(&mut Rng::new(1), declarations.map(|(name, v)| (name, Init::Constant(v)))).unwrap()
}

/// The loss 3a + 4b, whose gradient has the norm 5.
fn slope() -> (Params<f64>, Function) {
    let params = params([("a", 1.0), ("b", 2.0)]);
    let loss = Function::trace(&params, |p| 3.0 * p["a"] + 4.0 * p["b"]).unwrap();
    (params, loss)
}

fn after<R: Rule>(rule: R, settings: Settings, steps: usize) -> [f64; 2] {
    let (params, loss) = slope();
    let mut training = Training::with(&loss, params, rule, settings).unwrap();
    for _ in 0..steps {
        training.step::<&[f64]>(&[]).unwrap();
    }
    ["a", "b"].map(|name| training.params().get(name).unwrap().data()[0])
}

#[track_caller]
fn near(got: [f64; 2], want: [f64; 2]) {
    assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-14), "{got:?} is not {want:?}");
}

#[test]
fn steps_worked_out_by_hand() {
    let sgd = Sgd { rate: 0.5 };
    near(after(sgd, Settings::default(), 1), [-0.5, 0.0]);
    let clip = |clip| Settings { clip: Some(clip), ..Settings::default() };
    near(after(sgd, clip(Clip::Norm(1.0)), 1), [1.0 - 0.3, 2.0 - 0.4]);
    near(after(sgd, clip(Clip::Norm(5.0)), 1), [-0.5, 0.0]);
    near(after(sgd, clip(Clip::Value(3.5)), 1), [-0.5, 0.25]);
    // Gradients 3 + 0.1·1 and 4 + 0.1·2; with clipping before.
    near(after(sgd, Settings { decay: 0.1, ..Settings::default() }, 1), [1.0 - 1.55, 2.0 - 2.1]);
    near(after(sgd, Settings { decay: 0.1, ..clip(Clip::Norm(1.0)) }, 1), [1.0 - 0.35, 2.0 - 0.5]);
    // Rates 0.25, 0.5, 0.5, then 0.25.
    let schedule = Schedule::Steps { every: 2, factor: 0.5 }.warm_up(2);
    let scheduled = Settings { schedule, ..Settings::default() };
    near(after(sgd, scheduled.clone(), 1), [0.25, 1.0]);
    near(after(sgd, scheduled.clone(), 4), [1.0 - 0.5 * 3.0 * 3.5, 2.0 - 0.5 * 4.0 * 3.5]);
    // v = 3 and 4, then 1.5 times that.
    near(after(Momentum { rate: 0.5, momentum: 0.5 }, Settings::default(), 2), [1.0 - 0.5 * 7.5, 2.0 - 0.5 * 10.0]);
    // A step of Adam is the rate, whatever the gradient, while that does not change.
    let [a, b] = after(Adam { epsilon: 0.0, ..Adam::new(0.1) }, scheduled, 5);
    assert!((a - (1.0 - 0.1 * 4.0)).abs() < 1e-12 && (b - (2.0 - 0.1 * 4.0)).abs() < 1e-12, "{a} {b}");
}

#[test]
fn inputs_in_any_order_and_what_comes_with_the_loss() {
    let p = params([("w[2,1]", 0.5), ("b[1]", 0.0)]);
    // The loss declares a parameter after the batch, and the other one first.
    let loss = Function::trace(["b[1]", "x[n,2]", "w[2,1]", "y[n,1]"], |[b, x, w, y]| {
        let error = dense(x, w, b) - y;
        (("loss", (error * error).mean(..)), aux(("largest", error.abs().max_of(..))))
    });
    let mut training = Training::new(&loss.unwrap(), p, Sgd { rate: 0.1 }).unwrap();
    // Predictions 1.5 and 0.5, errors 0.5 and −1.5.
    let loss = training.step(&[&[1.0, 2.0, 0.0, 1.0][..], &[1.0, 2.0]]);
    assert_eq!(loss.unwrap(), 1.25);
    assert_eq!((training.steps(), training.result("largest").unwrap()), (1, 1.5));
    // d/dw = mean of 2·error·x = [0.5, 1 − 1.5], d/db = −1.
    let now = |name: &str| training.params().get(name).unwrap().data().to_vec();
    let (w, b) = (now("w"), now("b"));
    assert!((w[0] - 0.45).abs() < 1e-15 && (w[1] - 0.55).abs() < 1e-15 && (b[0] - 0.1).abs() < 1e-15, "{w:?} {b:?}");
    assert!(training.result("smallest").unwrap_err().is_name());
    let error = training.step(&[[1.0; 2]]).unwrap_err();
    assert!(error.is_length() && error.to_string().contains("1 slice for a batch of (x, y)"), "{error}");
    let empty: [&[f64]; 2] = [&[], &[]];
    assert!(training.step(&empty).unwrap_err().is_value());
    let error = training.step(&[&[1.0; 2][..], &[1.0; 2]]).unwrap_err();
    assert!(error.is_shape() && training.steps() == 1, "{error}");
    assert!(training.run([]).unwrap_err().is_value());
}

#[test]
fn lengths_that_slices_do_not_tell() {
    let p = params([("w[2]", 0.5)]);
    // The last row of a batch of sequences: time and rows are open.
    let loss = Function::trace((&p, "x[t,n,2]"), |(p, x)| {
        let (last, _) = scan(x.sum(0) * 0.0, x, |_, x| (x, x));
        (last * p["w"]).sum(-1).mean(..)
    });
    let mut training = Training::new(&loss.unwrap(), p, Sgd { rate: 1.0 }).unwrap();
    let x: Vec<f64> = (0..12).map(f64::from).collect();
    assert!(training.step(&[&x]).unwrap_err().is_shape());
    // Two times of three rows; the second time is 6 … 11.
    assert_eq!(training.step_with(&[("n", 3)], &[&x]).unwrap(), 0.5 * 51.0 / 3.0);
    let w = training.params().get("w").unwrap().data();
    near([w[0], w[1]], [0.5 - 8.0, 0.5 - 9.0]);
}

#[test]
fn losses_that_cannot_be_trained() {
    let p = || params([("w[2]", 1.0)]);
    let error = |loss: wengert::Result<Function>| Training::new(&loss.unwrap(), p(), Sgd { rate: 0.1 }).unwrap_err();
    assert!(error(Function::trace("v[2]", |v| v.sum(..))).is_name());
    assert!(error(Function::trace("w[3]", |w| w.sum(..))).is_shape());
    assert!(error(Function::trace("w[n]", |w| w.sum(..))).is_shape());
    assert!(error(Function::trace("w[2]", |w| w)).is_shape());
    assert!(error(Function::trace("w[2]", |w| (w.sum(..), aux(w)))).is_shape());
    assert!(error(Function::trace("w[2]", |w| (aux(w.sum(..)), w.prod(..)))).is_unsupported());
    assert!(error(Function::trace("w[2]", |w| (w.sum(..), w.prod(..)))).is_unsupported());
    let groups = error(Function::trace(("w[2]", ("x", 3)), |(w, x)| w.sum(..) * x[0]));
    assert!(groups.is_unsupported() && groups.to_string().contains("`x[3]`"), "{groups}");
    let narrow = error(Function::trace_in(Width::F32, "w[2]", |w| w.sum(..)));
    assert!(narrow.to_string().contains("f32") && narrow.to_string().contains("f64"), "{narrow}");
    let loss = Function::trace("w[2]", |w| w.sum(..)).unwrap();
    for settings in [
        Settings { clip: Some(Clip::Norm(0.0)), ..Settings::default() },
        Settings { clip: Some(Clip::Value(f64::NAN)), ..Settings::default() },
        Settings { decay: -1.0, ..Settings::default() },
    ] {
        let error = Training::with(&loss, p(), Sgd { rate: 0.1 }, settings).unwrap_err();
        assert!(error.is_value() && error.to_string().contains("tests/learning/training.rs"), "{error}");
    }
}

#[test]
fn what_is_not_finite_is_named_and_undone() {
    let finite = || Settings { finite: true, ..Settings::default() };
    let check = |start: f64, rate: f64, loss: fn(wengert::Expr, wengert::Expr) -> wengert::Expr, x: f64, what: &str| {
        let p = params([("v", 1.0), ("w", start)]);
        let loss = Function::trace((&p, "x[n]"), |(p, x)| ("loss", loss(p["w"], x.sum(..)) + 0.0 * p["v"])).unwrap();
        let mut training = Training::with(&loss, p.clone(), Sgd { rate }, finite()).unwrap();
        let error = training.step(&[[1.0, x]]).unwrap_err();
        assert!(error.is_value() && error.to_string().starts_with(&format!("step 1: {what}")), "{error}");
        assert!(error.to_string().contains("tests/learning/training.rs"), "{error}");
        assert_eq!((training.steps(), training.params()), (0, &p));
    };
    check(1.0, 0.1, |w, x| w * x, f64::NAN, "the batch's `x` is NaN at number 1");
    check(1.0, 0.1, |w, x| w * x, f64::INFINITY, "the batch's `x` is inf at number 1");
    check(-1.0, 0.1, |w, x| w.ln() * x, 1.0, "the output `loss` is NaN");
    check(0.0, 0.1, |w, x| w * 1e200 * 1e200 * x, 1.0, "the gradient of `w` is inf");
    check(0.0, 1e308, |w, x| w * 1e10 * x, 1.0, "the next `w` is -inf");

    let p = params([("w", f64::NAN)]);
    let loss = Function::trace(&p, |p| p["w"] * 2.0).unwrap();
    let mut training = Training::with(&loss, p, Sgd { rate: 0.1 }, finite()).unwrap();
    assert!(training.step::<&[f64]>(&[]).unwrap_err().to_string().starts_with("step 1: the parameter `w` is NaN"));

    // Unless it is asked for, the loss tells.
    let p = params([("w", 1.0)]);
    let loss = Function::trace((&p, "x[n]"), |(p, x)| p["w"] * x.sum(..)).unwrap();
    let mut training = Training::new(&loss, p.clone(), Sgd { rate: 0.1 }).unwrap();
    assert!(training.step(&[[f64::NAN]]).unwrap().is_nan());
    // A gradient without a length cannot be clipped to one.
    let clip = Settings { clip: Some(Clip::Norm(1.0)), ..Settings::default() };
    let mut training = Training::with(&loss, p.clone(), Sgd { rate: 0.1 }, clip).unwrap();
    assert!(training.step(&[[f64::NAN]]).unwrap_err().is_value());
    assert_eq!(training.params(), &p);
}

/// A small classifier with dropout, and points on two half circles.
fn moons() -> (Params<f32>, Function, Vec<f32>, Vec<f32>) {
    let declared =
        [("w1[2,8]", Init::HeNormal), ("b1[8]", Init::Zeros), ("w2[8,2]", Init::GlorotUniform), ("b2[2]", Init::Zeros)];
    let params = Params::new(&mut Rng::new(4), declared).unwrap();
    let inputs = (&params, "x[n,2]", "y[n]: index", "mask[n,8]");
    let loss = Function::trace_in(Width::F32, inputs, |(p, x, y, mask)| {
        let hidden = dropout(dense(x, p["w1"], p["b1"]).relu(), mask);
        let scores = dense(hidden, p["w2"], p["b2"]);
        (cross_entropy(scores, y), aux(("hits", hits(scores, y))))
    });
    let y: Vec<f32> = (0..90).map(|k| (k % 2) as f32).collect();
    let point = |k: usize| {
        let (angle, side) = (std::f64::consts::PI * k as f64 / 90.0, (k % 2) as f64);
        [(1.0 - 2.0 * side) * angle.cos() + side, (1.0 - 2.0 * side) * angle.sin() + 0.4 * side].map(|v| v as f32)
    };
    (params, loss.unwrap(), (0..90).flat_map(point).collect(), y)
}

/// The parameters after so many steps, with an interruption after each of `stops`.
fn trained<R: Rule + Copy>(rule: R, steps: u64, stops: &[u64]) -> (Vec<u32>, f64) {
    let (params, loss, x, y) = moons();
    let data = Data::new().rows("x", &x, 2).unwrap().labels("y", &y, 2).unwrap();
    let settings = |seed| Settings {
        clip: Some(Clip::Norm(2.0)),
        decay: 1e-4,
        schedule: Schedule::Cosine { steps: 60, end: 0.1 }.warm_up(5),
        seed,
        finite: true,
    };
    let mut training = Training::with(&loss, params, rule, settings(9)).unwrap();
    let file = File::new(&format!("resume-{}", std::any::type_name::<R>().replace(':', "-")));
    let mut last = f64::NAN;
    while training.steps() < steps {
        let batches = data.batches(16).unwrap().shuffled(training.seed());
        let per_epoch = batches.per_epoch() as u64;
        let (epoch, done) = (training.steps() / per_epoch, training.steps() % per_epoch);
        for batch in batches.epoch(epoch).skip(done as usize) {
            let mask = training.rng().dropout(batch.rows * 8, 0.25).unwrap();
            let [x, y] = &batch.columns[..] else { unreachable!("two columns") };
            last = training.step(&[x, y, &mask]).unwrap();
            if stops.contains(&training.steps()) {
                training.save(&file.0).unwrap();
                // Another program: other numbers, another seed.
                training = Training::with(&loss, moons().0, rule, settings(0)).unwrap();
                training.resume(&file.0).unwrap();
                break;
            }
        }
    }
    assert_eq!(training.steps(), steps);
    (training.params().iter().flat_map(|(_, array)| array.data()).map(|v| v.to_bits()).collect(), last)
}

#[test]
fn an_interruption_leaves_no_trace() {
    fn check<R: Rule + Copy>(rule: R) {
        let straight = trained(rule, 48, &[]);
        assert_eq!(trained(rule, 48, &[1, 17, 24, 31]), straight);
    }
    check(Sgd { rate: 0.3 });
    check(Momentum { rate: 0.1, momentum: 0.9 });
    check(Adam::new(0.02));
    let (start, end) = (trained(Adam::new(0.02), 6, &[]).1, trained(Adam::new(0.02), 300, &[]).1);
    assert!(end < 0.7 * start, "{start} {end}");
}

#[test]
fn a_file_of_another_training() {
    let file = File::new("other");
    let (params, loss) = slope();
    let fresh = |params: &Params<f64>| Training::new(&loss, params.clone(), Momentum { rate: 0.5, momentum: 0.5 }).unwrap();
    let mut training = fresh(&params);
    training.step::<&[f64]>(&[]).unwrap();
    training.save(&file.0).unwrap();
    assert_eq!(Params::load(&file.0).unwrap(), *training.params());
    assert!(Params::<f32>::load(&file.0).unwrap_err().is_value());

    let mut other = Training::new(&loss, params.clone(), Adam::new(0.1)).unwrap();
    let error = other.resume(&file.0).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("2 arrays that a rule keeps"), "{error}");
    assert_eq!((other.steps(), other.params()), (0, &params));
    let named = self::params([("a", 1.0), ("c", 2.0)]);
    let renamed = Function::trace(&named, |p| mse(p["a"], p["c"])).unwrap();
    let error = Training::new(&renamed, named, Sgd { rate: 0.5 }).unwrap().resume(&file.0).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("(a[], b[])"), "{error}");
    // Parameters alone are no training.
    params.save(&file.0).unwrap();
    assert!(fresh(&params).resume(&file.0).unwrap_err().is_shape());
    assert!(fresh(&params).resume(file.0.with_extension("none")).unwrap_err().is_file());
}

#[cfg(feature = "derive")]
#[derive(Clone, Debug, PartialEq, Structure)]
struct Line<T> {
    w: T,
    b: T,
}

#[cfg(feature = "derive")]
#[test]
fn a_struct_is_trained_as_parameters_by_name_are() {
    let line = Line { w: Array::from([[0.5]]), b: Array::from([0.0]) };
    let inputs = ["x[n,1]", "y[n,1]"];
    let loss = Function::trace((("line", like(&line)), inputs), |(p, [x, y])| mse(dense(x, p.w, p.b), y)).unwrap();
    let params = Params::from_structure("line", &line);
    assert_eq!((params.to_string(), params.like("line", &line).unwrap()), ("(line.w[1,1], line.b[1])".into(), line.clone()));
    let by_name = Function::trace((&params, inputs), |(p, [x, y])| mse(dense(x, p["line.w"], p["line.b"]), y)).unwrap();
    let mut both = [&loss, &by_name].map(|loss| Training::new(loss, params.clone(), Adam::new(0.1)).unwrap());
    for _ in 0..20 {
        both.iter_mut().for_each(|training| assert!(training.step(&[[1.0, 2.0], [3.0, 5.0]]).unwrap().is_finite()));
    }
    let [a, b] = both.each_ref().map(|training| training.params().like("line", &line).unwrap());
    assert!(a == b && a != line);
    let says = |made: wengert::Result<_>, words: &str| {
        let error = made.map(|_: Line<Array<f64>>| ()).unwrap_err();
        assert!(error.to_string().contains(words) && error.location().is_some_and(|at| at.file() == file!()), "{error}");
    };
    says(params.like("lines", &line), "no parameter is named `lines.w`");
    says(
        params.like("line", &Line { w: Array::from([1.0]), ..line.clone() }),
        "`line.w` has the shape [1, 1], and the sample [1]",
    );
    let error = params.like("line", &[Array::from([0.0])]).unwrap_err();
    assert!(error.to_string().contains("the parameters of `line` are line.w, line.b, and the sample has line[0]"), "{error}");
}

//! Outputs that overwrite inputs give what outputs of their own would.

use wengert::graph::OutputGroup;
use wengert::{Expr, Function, Options, Result, Width, scan};

/// Reproducible numbers in (−1, 1).
fn noise(n: usize, seed: u64) -> Vec<f64> {
    (0..n).map(|k| ((k as u64 * 2654435761 + seed * 40503) % 2001) as f64 / 1000.5 - 1.0).collect()
}

/// Calls with outputs of their own, and with every pair in place; the same numbers come out, to the bit.
fn check(name: &str, f: Result<Function>, pairs: &[(&str, &str)]) {
    let f = f.unwrap();
    let inputs: Vec<Vec<f64>> =
        f.inputs().iter().enumerate().map(|(k, input)| noise(input.array_shape().len().unwrap(), k as u64)).collect();
    let at = |name: &str| f.inputs().iter().position(|input| input.name() == name).unwrap();
    let overwritten = |output: &str| pairs.iter().find(|(known, _)| *known == output).map(|(_, input)| at(input));
    for unroll in [false, true] {
        let options = Options::new().unroll(unroll);
        let native = f.compile_with(options.clone()).unwrap();
        let empty: Vec<Vec<f64>> =
            f.outputs().iter().map(|output| vec![f64::NAN; f.output_shape(output).len().unwrap()]).collect();
        let mut expected = empty.clone();
        let slices: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        native.call_into(&slices, &mut expected.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();

        let update = f.compile_with(options.overwrite(pairs.iter().copied())).unwrap();
        let is_updated = |k: &usize| pairs.iter().any(|(_, input)| at(input) == *k);
        let others: Vec<&[f64]> = (0..inputs.len()).filter(|k| !is_updated(k)).map(|k| slices[k]).collect();
        for _ in 0..2 {
            // The slice of an output that overwrites an input starts with what that is.
            let start = |(y, empty): (&OutputGroup, &Vec<f64>)| match overwritten(y.name()) {
                Some(input) => inputs[input].clone(),
                None => empty.clone(),
            };
            let mut results: Vec<Vec<f64>> = f.outputs().iter().zip(&empty).map(start).collect();
            update.call_into(&others, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
            for ((output, result), expected) in f.outputs().iter().zip(&results).zip(&expected) {
                assert_eq!(result, expected, "{name}: {}, in\n{}", output.name(), native.plan());
            }
        }
    }
}

/// Names of outputs and of the inputs that they overwrite.
type Pairs = &'static [(&'static str, &'static str)];
const A: Pairs = &[("next_a", "a")];
const BOTH: Pairs = &[("next_a", "a"), ("next_b", "b")];

#[test]
fn every_order_of_reading_and_writing() {
    type Body = fn([Expr; 2]) -> [(&'static str, Expr); 3];
    type Case = (&'static str, Pairs, Body);
    let cases: &[Case] = &[
        ("a step", BOTH, |[a, b]| [("next_a", a - b * 0.1), ("next_b", b * 0.9), ("y", (a * b).sum(..))]),
        ("exchanged", BOTH, |[a, b]| [("next_a", b), ("next_b", a), ("y", a + b)]),
        ("exchanged and computed with", BOTH, |[a, b]| [("next_a", b * 2.0), ("next_b", a + 1.0), ("y", a.t().matmul(b))]),
        ("itself", BOTH, |[a, b]| [("next_a", a), ("next_b", a), ("y", b)]),
        ("read transposed", A, |[a, b]| [("next_a", a.t() + b), ("next_b", b), ("y", a * 2.0)]),
        ("read backward", A, |[a, b]| [("next_a", a.slice_by(0, 3, 4, -1) + b), ("next_b", b), ("y", a * 2.0)]),
        ("read shifted", A, |[a, b]| {
            [("next_a", Expr::concat(&[a.slice(0, 1..4), a.slice(0, 0..1)], 0) * b), ("next_b", b), ("y", a)]
        }),
        ("read as rows", A, |[a, b]| [("next_a", a.at(0, 1) + b), ("next_b", b), ("y", a * 2.0)]),
        ("read by a sum", A, |[a, b]| [("next_a", a * 0.5), ("next_b", b), ("y", (a.sum(0) + a.sum(1)) * b)]),
        ("a product of itself", A, |[a, b]| [("next_a", a.matmul(a)), ("next_b", b), ("y", a.matmul(b))]),
        ("read late in the same loop", A, |[a, b]| {
            let long = (0..40).fold(b, |x, k| (x * 0.9 + 0.01 * k as f64).tanh());
            [("next_a", a * 2.0), ("next_b", long + a), ("y", long * a)]
        }),
        ("read after a product", A, |[a, b]| {
            let next = a - b.matmul(b);
            [("next_a", next), ("next_b", next.matmul(a)), ("y", (next * a).exp())]
        }),
        ("the same result twice", BOTH, |[a, b]| [("next_a", a + b), ("next_b", a + b), ("y", a + b)]),
        ("known numbers", BOTH, |[a, b]| {
            let one = Expr::full(1.0, a.shape());
            [("next_a", one), ("next_b", one + 1.0), ("y", a * b)]
        }),
        ("in another shape", A, |[a, b]| {
            let flat = (a * 2.0).reshape(16);
            [("next_a", flat.reshape([4, 4])), ("next_b", b), ("y", flat.at(0, 3) + a)]
        }),
    ];
    for (name, pairs, body) in cases {
        check(
            name,
            Function::trace(["a[4,4]", "b[4,4]"], |inputs| body(inputs).map(|(name, y)| (name.to_owned(), y)).to_vec()),
            pairs,
        );
    }
}

#[test]
fn a_loop_reads_all_before_its_results_overwrite_it() {
    let step = Function::trace(["w[3,3]", "h[3]", "x[4,3]"], |[w, h, x]| {
        let (last, each) = scan(h, x, |h: Expr, x| {
            let h = (h.matmul(w) + x).tanh();
            (h, h)
        });
        (("next_w", w * 0.9 + last), ("next_h", last), ("next_x", each))
    });
    check("scan", step, &[("next_w", "w"), ("next_h", "h"), ("next_x", "x")]);
}

#[test]
fn numbers_in_place() {
    let f = Function::trace(["a", "b"], |[a, b]| (("next_a", a + b), ("next_b", a * b)));
    check("Fibonacci and a product", f, &[("next_b", "b"), ("next_a", "a")]);
}

#[test]
fn pairs_that_do_not_fit() {
    let f = Function::trace(["a[4]", "b[2,2]", "i[4]: index"], |[a, b, i]| {
        (("p", a * 2.0), ("q", b.sum(..)), ("r", a.gather(i, 0)), ("s", i))
    });
    let f = f.unwrap();
    let compile = |pairs: &[(&str, &str)]| f.compile_with(Options::new().overwrite(pairs.iter().copied()));
    let fails = |pairs: &[(&str, &str)]| compile(pairs).unwrap_err();
    assert!(fails(&[("p", "z")]).is_name());
    assert!(fails(&[("z", "a")]).is_name());
    assert!(fails(&[("p", "a"), ("r", "a")]).is_name());
    assert!(fails(&[("p", "a"), ("p", "a")]).is_name());
    let shapes = fails(&[("p", "b")]);
    assert!(
        shapes.is_shape() && shapes.to_string().contains("`p` is [4]") && shapes.to_string().contains("`b` is [2,2]"),
        "{shapes}"
    );
    assert!(shapes.to_string().contains("updates.rs"), "{shapes}");
    assert!(fails(&[("p", "i")]).is_shape());
    let update = compile(&[("p", "a")]).unwrap();
    let (mut a, b, i) = ([1.0; 4], [1.0; 4], [0.0; 4]);
    let few = update.call_into(&[&b], &mut [&mut a, &mut [0.0], &mut [0.0; 4], &mut [0.0; 4]]).unwrap_err();
    assert!(
        few.is_length()
            && few.to_string().contains("1 input slice and 4 output slices, where (b, i) -> (p over a, q, r, s) takes 2 and 4"),
        "{few}"
    );
    let long = update.call_into(&[&b, &i], &mut [&mut [1.0; 5], &mut [0.0], &mut [0.0; 4], &mut [0.0; 4]]).unwrap_err();
    assert!(long.is_shape(), "{long}");
    assert_eq!(a, [1.0; 4]);
}

/// What is overwritten is read before, so its indices are checked as given ones are.
#[test]
fn indices_that_are_overwritten_are_checked() {
    let f = Function::trace(["x[3]", "i[2]: index"], |[x, i]| {
        (("y", x.gather(i, 0)), ("next", x.gather(i, 0).argmax(0).broadcast_to([2])))
    });
    let update = f.unwrap().compile_with(Options::new().overwrite([("next", "i")])).unwrap();
    let (mut y, mut i) = ([0.0; 2], [2.0, 0.0]);
    update.call_into(&[&[1.0, 5.0, 7.0]], &mut [&mut y, &mut i]).unwrap();
    assert_eq!((y, i), ([7.0, 1.0], [0.0, 0.0]));
    let error = update.call_into(&[&[1.0, 5.0, 7.0]], &mut [&mut y, &mut [0.5, 0.0]]).unwrap_err();
    assert!(error.to_string().contains("the input `i` has the index 0.5"), "{error}");
}

/// A step of a network in place: beside parameters, batch and results there is room for the gradient and the values between.
#[test]
fn a_step_needs_no_more_memory_than_gradients_and_activations() {
    const N: usize = 64;
    let inputs = ["w[784,128]", "b[128]", "v[128,10]", "c[10]", "x[n,784]", "y[n]: index"];
    let loss = Function::trace_in(Width::F32, inputs, |[w, b, v, c, x, y]| {
        ((x.matmul(w) + b).relu().matmul(v) + c).cross_entropy(y.one_hot(10)).mean(..)
    });
    let gradient = loss.unwrap().wrt(["w", "b", "v", "c"]).unwrap().value_and_grad().unwrap();
    let step = Function::trace_in(Width::F32, inputs, |p| {
        let r = gradient.eval(&p).unwrap();
        (("loss", r[0]), ("w", p[0] - r[1]), ("b", p[1] - r[2]), ("v", p[2] - r[3]), ("c", p[3] - r[4]))
    });
    let pairs = [("w", "w"), ("b", "b"), ("v", "v"), ("c", "c")];
    let step = step.unwrap().compile_with(Options::new().overwrite(pairs)).unwrap();
    let mut p = [784 * 128, 128, 1280, 10].map(|n| vec![0.01f32; n]);
    let parameters: usize = p.iter().map(Vec::len).sum();
    let [w, b, v, c] = &mut p;
    step.call_into(&[&[0.5; N * 784], &[3.0; N]], &mut [&mut [0.0], w, b, v, c]).unwrap();
    // Hidden units before and after ReLU, scores, probabilities, losses.
    let activations = N * (128 + 128 + 10 + 10 + 1);
    let all = 4 * (2 * parameters + activations);
    assert!(step.workspace_bytes().unwrap() + 4 * parameters <= 2 * all, "{:?} against {all}", step.workspace_bytes());
    assert!(step.workspace_bytes().unwrap() <= 4 * (parameters + 2 * activations), "{:?}", step.workspace_bytes());
}

/// Adam's averages under a gradient that has become 0: they decay below the smallest normal number.
#[test]
fn subnormal_numbers_are_flushed_where_asked() {
    let f = Function::trace_in(Width::F32, ["m[n]"], |[m]| m * 0.5).unwrap();
    let tiny = [f32::MIN_POSITIVE, -f32::MIN_POSITIVE, 1.0, f32::MIN_POSITIVE / 2.0];
    for (on, expected) in [(false, [0.5 * tiny[0], 0.5 * tiny[1], 0.5, 0.5 * tiny[3]]), (true, [0.0, 0.0, 0.5, 0.0])] {
        let options = Options::new().flush_subnormals(on);
        let mut y = [9.0f32; 4];
        let native = f.compile_with(options.clone());
        if on && !cfg!(all(target_arch = "x86_64", feature = "jit")) {
            assert!(native.is_err());
            continue;
        }
        native.unwrap().call_into(&[&tiny], &mut [&mut y]).unwrap();
        assert_eq!(y, expected);
        // As before, for everyone else.
        assert!(std::hint::black_box(f32::MIN_POSITIVE) * 0.5 > 0.0);
        let number = Function::trace_in(Width::F32, ["x"], |[x]| x * 0.5).unwrap();
        let y = number.compile_with(options.clone()).unwrap().call::<f32, 1>([tiny[0]]).unwrap();
        assert_eq!(y, [expected[0]]);
        let mut y = [9.0f32; 4];
        number.vmap("n", ["x"]).unwrap().compile_with(options).unwrap().call_into(&[&tiny], &mut [&mut y]).unwrap();
        assert_eq!(y, expected);
    }
}

/// What a loop is the last to read it computes over, and a reshaped output is made where it belongs: beside the slices there is no array.
#[test]
fn what_is_read_last_is_computed_over() {
    let f = Function::trace(["x[1000]", "a[20,30]", "b[30,40]"], |[x, a, b]| {
        let e = x - x.min_of(..);
        (("shares", e / e.sum(..)), ("grid", a.matmul(b).reshape([40, 20])))
    });
    let native = f.unwrap().compile().unwrap();
    let (x, a, b) = (noise(1000, 0), noise(600, 1), noise(1200, 2));
    let (mut shares, mut grid) = (vec![f64::NAN; 1000], vec![f64::NAN; 800]);
    for _ in 0..2 {
        native.call_into(&[&x, &a, &b], &mut [&mut shares, &mut grid]).unwrap();
        let least = x.iter().copied().fold(f64::INFINITY, f64::min);
        let sum: f64 = x.iter().map(|x| x - least).sum();
        assert!(x.iter().zip(&shares).all(|(x, y)| ((x - least) / sum - y).abs() < 1e-15));
        let entry = |k: usize| (0..30).map(|j| a[k / 40 * 30 + j] * b[j * 40 + k % 40]).sum::<f64>();
        assert!(grid.iter().enumerate().all(|(k, y)| (entry(k) - y).abs() < 1e-13));
    }
    assert!(native.workspace_bytes().unwrap() < 1000, "{:?}", native.workspace_bytes());
}

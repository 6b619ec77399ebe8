//! A declaration fixes the layout, and nothing else does: by every route the same slices give the same results.
//!
//! All numbers are small integers, so that sums are exact in any order.

use wengert::compiled::Form;
use wengert::{Array, Compiled, Expr, Function, Options, like, select, while_loop};

/// How many rows there are.
const N: usize = 4;
/// The inputs of a row, and how many numbers each has.
const INPUTS: [(&str, usize); 3] = [("x", 2), ("w", 3), ("p", 2)];
/// How many numbers each of the outputs of a row has.
const OUTPUTS: [usize; 3] = [3, 2, 1];

/// What the function does inside, which changes nothing outside.
#[derive(Copy, Clone, Debug, PartialEq)]
enum Inside {
    Numbers,
    Array,
    Loop,
}

/// w₀ + 10·w₁ + 100·w₂
fn weighted(inside: Inside, w: &[Expr]) -> Expr {
    match inside {
        Inside::Numbers => w[0] + 10.0 * w[1] + 100.0 * w[2],
        Inside::Array => Expr::stack(&[w[0], 10.0 * w[1], 100.0 * w[2]], 0).sum(..),
        Inside::Loop => {
            let start = (w[2], 0.0);
            let next = |k: Expr| select(k.lt(1.0), w[1], w[0]);
            while_loop(start, |(_, k)| k.lt(2.0), |(sum, k)| (10.0 * sum + next(k), k + 1.0)).0
        }
    }
}

fn declared(inside: Inside) -> Function {
    let f = Function::trace((("x", 2), ("w", 3), ("p", like(&[0.0; 2]))), |(x, w, [a, b])| {
        let sum = weighted(inside, &w);
        (("y", [a * x[0] + sum, x[1] - b, a * w[2]]), ("next", [x[1] + sum, x[0] - a]), ("loss", b * x[0] + sum))
    });
    f.unwrap()
}

/// The same with plain numbers.
fn row(x: &[f64], w: &[f64], p: &[f64]) -> [Vec<f64>; 3] {
    let sum = w[0] + 10.0 * w[1] + 100.0 * w[2];
    let y = vec![p[0] * x[0] + sum, x[1] - p[1], p[0] * w[2]];
    [y, vec![x[1] + sum, x[0] - p[0]], vec![p[1] * x[0] + sum]]
}

/// Different integers in a shape.
fn counted(shape: &[usize], from: usize) -> Array<f64> {
    Array::new(shape, (0..shape.iter().product()).map(|k: usize| ((from + 7 * k) % 23) as f64 - 9.0).collect()).unwrap()
}

/// The part of an input that belongs to a row: all of it, if that is shared.
fn of_row(x: &Array<f64>, len: usize, at: usize) -> &[f64] {
    if x.data().len() == len { x.data() } else { &x.data()[at * len..(at + 1) * len] }
}

/// Rows of one output as one array; a single number of each is no axis.
fn stacked(rows: &[Vec<f64>], around: &[usize]) -> Array<f64> {
    let own = if rows[0].len() == 1 { vec![] } else { vec![rows[0].len()] };
    Array::new([around, &own].concat(), rows.concat()).unwrap()
}

fn temporary() -> std::path::PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("wengert-layout-{}-{number}.code", std::process::id()))
}

fn read_back(f: &Compiled) -> Compiled {
    let path = temporary();
    f.save(&path).unwrap();
    // SAFETY: the file is the one just written.
    let read = unsafe { Compiled::load(&path) };
    std::fs::remove_file(path).unwrap();
    read.unwrap()
}

/// The function as it is and as it is read from its text, by its interpreter and by plans, from arrays and from slices. `want` has an array for
/// each output.
#[track_caller]
fn check(name: &str, f: &Function, x: &[Array<f64>], want: &[Array<f64>]) {
    let slices: Vec<&[f64]> = x.iter().map(Array::data).collect();
    let same = |y: &[Array<f64>], how: &str| assert_eq!(y, want, "{name}: {how}\n{f}");
    same(f.run(x).unwrap().arrays(), "interpreted");
    let read = Function::parse(&f.to_string()).unwrap();
    same(read.run(x).unwrap().arrays(), "read from text and interpreted");
    let by_slices = |f: &Compiled, how: &str| {
        let mut y: Vec<Vec<f64>> = want.iter().map(|y| vec![f64::NAN; y.data().len()]).collect();
        f.call_into(&slices, &mut y.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        y.iter().zip(want).for_each(|(y, want)| assert_eq!(y, want.data(), "{name}: {how}"));
    };
    let options = Options::new();
    let all = [
        ("native", f.compile().unwrap()),
        ("read from text", read.compile().unwrap()),
        ("by the plan's interpreter", f.compile_with(options.clone().interpreted(true)).unwrap()),
        ("as it is", f.compile_with(options.clone().simplify(false).fuse(false).unroll(false)).unwrap()),
        ("in the background", f.compile_with(options.clone().background(true)).unwrap()),
    ];
    for (how, compiled) in &all {
        by_slices(compiled, how);
        same(compiled.run(x).unwrap().arrays(), how);
        compiled.wait().unwrap();
        by_slices(compiled, how);
        if cfg!(feature = "jit") && compiled.is_native() {
            let read = read_back(compiled);
            by_slices(&read, "read from a file");
            same(read.run(x).unwrap().arrays(), "read from a file");
        }
    }
    // The second output overwrites the first input, where they are alike.
    let options = options.overwrite([(f.outputs()[1].name(), f.inputs()[0].name())]);
    if want[1].shape() != x[0].shape() {
        assert!(f.compile_with(options).unwrap_err().is_shape());
        return;
    }
    let (native, interpreted) = (f.compile_with(options.clone()).unwrap(), f.compile_with(options.interpreted(true)).unwrap());
    let read = cfg!(feature = "jit").then(|| read_back(&native));
    for compiled in [Some(native), Some(interpreted), read].into_iter().flatten() {
        let mut y: Vec<Vec<f64>> = want.iter().map(|y| vec![f64::NAN; y.data().len()]).collect();
        y[1] = x[0].data().to_vec();
        compiled.call_into(&slices[1..], &mut y.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>()).unwrap();
        y.iter().zip(want).for_each(|(y, want)| assert_eq!(y, want.data(), "{name}: overwritten"));
    }
}

/// The mean over the first axis.
fn mean(y: &Array<f64>) -> Array<f64> {
    let (n, rest) = y.shape().split_first().unwrap();
    let each: usize = rest.iter().product();
    let mean = |k: usize| (0..*n).map(|row| y.data()[row * each + k]).sum::<f64>() / *n as f64;
    Array::new(rest, (0..each).map(mean).collect()).unwrap()
}

#[test]
fn every_route_has_the_declared_layout() {
    for inside in [Inside::Numbers, Inside::Array, Inside::Loop] {
        let f = declared(inside);
        let single = f.compile().unwrap();
        // All choices of the inputs that are mapped.
        for chosen in 1..8usize {
            let is_mapped = |k: usize| chosen >> k & 1 == 1;
            let names: Vec<&str> = (0..3).filter(|&k| is_mapped(k)).map(|k| INPUTS[k].0).collect();
            let shape = |k: usize| if is_mapped(k) { vec![N, INPUTS[k].1] } else { vec![INPUTS[k].1] };
            let x: Vec<Array<f64>> = (0..3).map(|k| counted(&shape(k), 5 * k)).collect();
            let of = |at: usize| [0, 1, 2].map(|k| of_row(&x[k], INPUTS[k].1, at));
            let plain = |at: usize| {
                let [x, w, p] = of(at);
                row(x, w, p)
            };
            let rows: Vec<[Vec<f64>; 3]> = (0..N).map(plain).collect();
            let want = [0, 1, 2].map(|k| stacked(&rows.iter().map(|row| row[k].clone()).collect::<Vec<_>>(), &[N]));
            let name = format!("{inside:?}, {names:?}");

            // Row by row.
            for (at, want) in rows.iter().enumerate() {
                let (flat, want) = (of(at).concat(), want.concat());
                assert_eq!(single.call::<f64, 6>(&flat).unwrap()[..], want, "{name}: a call of a row");
                assert_eq!(f.eval(&flat).unwrap(), want, "{name}: a row evaluated");
                let arrays = of(at).map(|x| Array::vector(x.to_vec()));
                assert_eq!(f.run(&arrays).unwrap().arrays().iter().flat_map(Array::data).copied().collect::<Vec<f64>>(), want);
                let by_name = [2, 0, 1].map(|k| (INPUTS[k].0, arrays[k].clone()));
                let y = single.run(by_name).unwrap();
                assert_eq!([&y["y"], &y["next"], &y["loss"]].map(Array::data).concat(), want, "{name}: a row by names");
                assert_eq!((y["y"].shape(), y["loss"].shape()), (&[OUTPUTS[0]][..], &[0usize; 0][..]));
            }

            // All rows at once, and their mean.
            let map = f.vmap("n", &names).unwrap();
            check(&name, &map, &x, &want);
            let averaged = map.mean("n").unwrap();
            check(&format!("{name}, mean"), &averaged, &x, &[0, 1, 2].map(|k| mean(&want[k])));
            for f in [&map, &averaged] {
                assert_eq!(f.compile().unwrap().report().form == Form::Rows, inside == Inside::Numbers, "{name}");
            }
            // By a length that is known while tracing, all numbers one after the other.
            let fixed = f.vmap(N, &names).unwrap();
            check(&format!("{name}, {N} rows"), &fixed, &x, &want);
            let flat: Vec<f64> = x.iter().flat_map(Array::data).copied().collect();
            let all: [f64; 6 * N] = fixed.compile().unwrap().call(&flat).unwrap();
            assert_eq!(all[..], want.iter().flat_map(Array::data).copied().collect::<Vec<f64>>());
        }
    }
}

/// Derivatives have the layout of what they are derivatives of.
#[test]
fn gradients_lie_as_their_inputs_do() {
    let names = ["x", "w", "p"];
    let x = INPUTS.map(|(_, len)| counted(&[N, len], len));
    for inside in [Inside::Numbers, Inside::Array, Inside::Loop] {
        // ∂/∂x = (b, 0), ∂/∂w = (1, 10, 100), ∂/∂p = (0, x₀) of b·x₀ + w₀ + 10·w₁ + 100·w₂
        let f = Function::trace((("x", 2), ("w", 3), ("p", like(&[0.0; 2]))), |(x, w, [_, b])| b * x[0] + weighted(inside, &w));
        let f = f.unwrap().grad().unwrap().vmap("n", names).unwrap();
        let of = |k: usize, at: usize| of_row(&x[k], INPUTS[k].1, at);
        let rows = |each: &dyn Fn(usize) -> Vec<f64>| stacked(&(0..N).map(each).collect::<Vec<_>>(), &[N]);
        let dx = rows(&|at| vec![of(2, at)[1], 0.0]);
        let dw = rows(&|_| vec![1.0, 10.0, 100.0]);
        let dp = rows(&|at| vec![0.0, of(0, at)[0]]);
        check(&format!("{inside:?}"), &f, &x, &[dx, dw, dp]);
    }
}

/// Mapped twice, the inner axis is the faster one, and the numbers of a group are neighbours still.
#[test]
fn maps_in_maps() {
    const M: usize = 3;
    for inside in [Inside::Numbers, Inside::Array, Inside::Loop] {
        let f = declared(inside).vmap("n", ["x"]).unwrap().vmap("m", ["x", "w"]).unwrap();
        let x = [counted(&[M, N, 2], 1), counted(&[M, 3], 2), counted(&[2], 3)];
        let rows: Vec<[Vec<f64>; 3]> = (0..M * N)
            .map(|at| row(&x[0].data()[2 * at..2 * at + 2], &x[1].data()[at / N * 3..at / N * 3 + 3], x[2].data()))
            .collect();
        let want = [0, 1, 2].map(|k| stacked(&rows.iter().map(|row| row[k].clone()).collect::<Vec<_>>(), &[M, N]));
        check(&format!("{inside:?}"), &f, &x, &want);
        check(&format!("{inside:?}, mean"), &f.mean("m").unwrap(), &x, &want.each_ref().map(mean));
    }
}

/// A group of arrays is one array after the other; mapped it is rows of them.
#[test]
fn groups_of_arrays() {
    // u = (v₂·s, v₀ + v₁), next = (v₁, v₂, v₀·s), t = Σv₁ − s
    let text = "\
        function f64 (v[2][3]: %0 %1 %2, s: %3) -> (u[2]: %5 %6, next[3]: %1 %2 %7, t: %9) {
          %4 = broadcast[2] %3
          %5 = mul %2, %4
          %6 = add %0, %1
          %7 = mul %0, %4
          %8 = sum[0] %1
          %9 = sub %8, %3
        }";
    let f = Function::parse(text).unwrap();
    let plain = |v: &[f64], s: f64| {
        let u = vec![v[4] * s, v[5] * s, v[0] + v[2], v[1] + v[3]];
        [u, vec![v[2], v[3], v[4], v[5], v[0] * s, v[1] * s], vec![v[2] + v[3] - s]]
    };
    let shapes: [&[usize]; 3] = [&[2, 2], &[3, 2], &[]];
    let (v, s) = (counted(&[3, 2], 4), Array::scalar(3.0));
    let want = plain(v.data(), 3.0);
    check("one", &f, &[v, s], &[0, 1, 2].map(|k| Array::new(shapes[k], want[k].clone()).unwrap()));
    let (v, s) = (counted(&[N, 3, 2], 4), counted(&[N], 6));
    for names in [&["v"][..], &["v", "s"]] {
        let s = if names.len() == 2 { s.clone() } else { Array::scalar(2.0) };
        let rows: Vec<_> = (0..N).map(|at| plain(&v.data()[6 * at..6 * at + 6], of_row(&s, 1, at)[0])).collect();
        let all =
            |k: usize| Array::new([&[N], shapes[k]].concat(), rows.iter().flat_map(|row| row[k].clone()).collect()).unwrap();
        let (map, want) = (f.vmap("n", names).unwrap(), [0, 1, 2].map(all));
        check("mapped", &map, &[v.clone(), s.clone()], &want);
        check("averaged", &map.mean("n").unwrap(), &[v.clone(), s], &want.each_ref().map(mean));
    }
}

/// Numbers in several slices on one side of a call and in one slice on the other, and a slice that is both.
#[test]
fn numbers_in_one_slice_or_several() -> wengert::Result<()> {
    let several = Function::trace((("p", 3), "q"), |(p, q)| ("y", vec![p[0] - q, p[1] * q, p[2] / q, q]))?;
    let single = Function::trace(("p", 4), |p| (("y", vec![p[0] - p[3], p[1] * p[3]]), ("z", p[2] / p[3])))?;
    let swapped = Function::trace(("p", 3), |p| ("next", vec![p[1], p[2], p[0] + p[1]]))?;
    for options in [Options::new(), Options::new().interpreted(true)] {
        let (f, g) = (several.compile_with(options.clone())?, single.compile_with(options.clone())?);
        let (mut y, mut ends, mut z) = ([0.0; 4], [0.0; 2], [0.0]);
        f.call_into(&[&[7.0, 3.0, 1.0], &[2.0]], &mut [&mut y])?;
        g.call_into(&[&[7.0, 3.0, 1.0, 2.0]], &mut [&mut ends, &mut z])?;
        assert_eq!((y, ends, z), ([5.0, 6.0, 0.5, 2.0], [5.0, 6.0], [0.5]));
        let h = swapped.compile_with(options.overwrite([("next", "p")]))?;
        let mut p = [1.0, 2.0, 3.0];
        h.call_into(&[], &mut [&mut p])?;
        assert_eq!(p, [2.0, 3.0, 3.0]);
    }
    Ok(())
}

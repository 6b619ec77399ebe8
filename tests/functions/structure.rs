//! Structures as inputs, arguments and results: what is derived, what the leaves are called, what `run` takes and gives, and every error.

use std::marker::PhantomData;
use wengert::{Array, Error, Expr, Function, Options, Results, Structure, Width, like, scan};

#[derive(Clone, Debug, PartialEq, Structure)]
struct Line<T> {
    slope: T,
    offset: T,
}

#[derive(Clone, Debug, PartialEq, Structure)]
struct Dense<T> {
    w: T,
    b: T,
}

/// A field of every kind.
#[derive(Clone, Debug, PartialEq, Structure)]
struct Model<T, const N: usize> {
    layers: Vec<Dense<T>>,
    grid: [[T; 2]; N],
    pair: (T, Box<Line<T>>, String),
    spare: Option<T>,
    #[structure(skip)]
    name: &'static str,
    r#type: T,
    none: PhantomData<T>,
}

#[derive(Clone, Debug, PartialEq, Structure)]
struct Pair<T>(T, T);

/// A list whose items are lists, with what is no leaf of a type of its own.
#[derive(Clone, Debug, PartialEq, Structure)]
#[structure(leaf = "W")]
struct Tagged<'t, W, K = u8> {
    weights: Vec<Vec<W>>,
    keys: &'t [K],
    key: (K, W),
    next: Option<Box<Tagged<'t, W, K>>>,
}

fn model() -> Model<f64, 2> {
    Model {
        layers: vec![Dense { w: 1.0, b: 2.0 }, Dense { w: 3.0, b: 4.0 }],
        grid: [[5.0, 6.0], [7.0, 8.0]],
        pair: (9.0, Box::new(Line { slope: 10.0, offset: 11.0 }), "kept".into()),
        spare: Some(12.0),
        name: "model",
        r#type: 13.0,
        none: PhantomData,
    }
}

fn names<S: Structure>(structure: &S) -> Vec<String> {
    structure.leaves().into_iter().map(|(name, _)| name).collect()
}

#[track_caller]
fn fails<T>(result: Result<T, Error>, kind: impl Fn(&Error) -> bool, says: &str) {
    let here = std::panic::Location::caller().line();
    let error = result.err().expect("an error");
    assert!(kind(&error), "{error:?}");
    assert!(error.to_string().contains(says), "{error}");
    // The line of the call, which is an argument of this one.
    let at = error.location().unwrap_or_else(|| panic!("{error}"));
    assert!(at.file() == file!() && (here..here + 3).contains(&at.line()), "{here}: {error}");
}

#[test]
fn leaves_come_in_the_order_of_the_fields_by_their_paths() {
    let model = model();
    assert_eq!(model.flatten(), (1..=13).map(f64::from).collect::<Vec<_>>());
    let expected = "layers[0].w layers[0].b layers[1].w layers[1].b grid[0][0] grid[0][1] grid[1][0] grid[1][1] \
                    pair.0 pair.1.slope pair.1.offset spare type";
    assert_eq!(names(&model).join(" "), expected);
    assert_eq!(names(&Pair(1, 2)), ["0", "1"]);
    assert_eq!(names(&[[1.0, 2.0], [3.0, 4.0]]), ["[0][0]", "[0][1]", "[1][0]", "[1][1]"]);
    assert_eq!(names(&1.0), [""]);
}

#[test]
fn structures_are_mapped_refilled_and_zipped() {
    let model = model();
    let same = model.refill(&model.flatten());
    assert_eq!(same, model);
    let names: Model<String, 2> = model.map(|v| v.to_string());
    assert_eq!((&*names.layers[1].b, &*names.pair.2, names.name), ("4", "kept", "model"));
    assert_eq!(names.pair.1.offset, "11");
    assert_eq!(model.zip(&names, |v, name| (v.to_string() == *name) as u8).flatten(), [1; 13]);
    assert_eq!(Model { spare: None, ..model.clone() }.flatten().len(), 12);

    let tagged = Tagged { weights: vec![vec![1], vec![]], keys: &["a"], key: ("b", 2), next: None };
    let tagged = Tagged { next: Some(Box::new(tagged.clone())), ..tagged };
    assert_eq!(self::names(&tagged), ["weights[0][0]", "key.1", "next.weights[0][0]", "next.key.1"]);
    assert_eq!(tagged.map(|v| v * 10).next.unwrap().key, ("b", 20));
    assert_eq!(vec![Some(Pair(1, 2)), None].map(|v| v + 1), [Some(Pair(2, 3)), None]);
}

#[test]
#[should_panic(expected = "a value for every leaf")]
fn refilling_with_too_few_values_panics() {
    Pair(1.0, 2.0).refill(&[1.0]);
}

#[test]
#[should_panic(expected = "as many leaves")]
fn zipping_different_structures_panics() {
    Pair(1.0, 2.0).zip(&[1.0; 3], |a, b| a + b);
}

#[test]
fn a_structure_of_numbers_is_one_input_and_its_gradient_the_same_structure() {
    let model = model();
    let f = Function::trace((("m", like(&model)), "x"), |(m, x)| {
        ("loss", m.layers.iter().fold(x, |x, l| l.w * x + l.b) + m.grid[1][0] * m.pair.1.slope + m.r#type.powi(2))
    });
    let f = f.unwrap();
    assert_eq!((f.inputs().len(), f.inputs()[0].len()), (2, 13));
    let g = f.wrt(["m"]).unwrap().value_and_grad().unwrap();
    let y = g.run((("x", 2.0), ("m", &model))).unwrap();
    assert_eq!(y["loss"].data(), [3.0 * 4.0 + 4.0 + 70.0 + 169.0]);
    let d = y.like("d_m", &model).unwrap();
    assert_eq!((d.layers[0].w, d.layers[0].b, d.layers[1].w, d.layers[1].b), (6.0, 3.0, 4.0, 1.0));
    assert_eq!((d.grid, d.pair.1.slope, d.r#type, d.spare), ([[0.0, 0.0], [10.0, 0.0]], 7.0, 26.0, Some(0.0)));
    // As numbers alone it is the same.
    assert_eq!(g.run([("m", model.flatten()), ("x", vec![2.0])]).unwrap(), y);
    assert_eq!(g.run((&model, 2.0)).unwrap(), y);
    assert_eq!(y["d_m"].shape(), [13]);
}

fn net() -> Vec<Dense<Array<f64>>> {
    let dense = |m, n, v| Dense { w: Array::full([m, n], v), b: Array::full([n], 0.5 * v) };
    vec![dense(2, 3, 0.5), dense(3, 1, -1.0)]
}

fn loss() -> Function {
    let loss = |(net, x, y): (Vec<Dense<Expr>>, Expr, Expr)| {
        let last = net.iter().fold(x, |x, layer| (x.matmul(layer.w) + layer.b).tanh());
        ("loss", (last - y).powi(2).mean(..))
    };
    Function::trace((("net", like(&net())), "x[n,2]", "y[n,1]"), loss).unwrap()
}

fn data() -> (Array<f64>, Vec<f64>) {
    (Array::from([[0.0, 1.0], [1.0, 1.0], [-1.0, 0.5]]), vec![0.5, -0.5, 0.25])
}

#[test]
fn a_structure_of_arrays_is_an_input_for_each() {
    let (f, net, (x, y)) = (loss(), net(), data());
    let declared: Vec<String> = f.inputs().iter().map(|group| format!("{}{}", group.name(), group.shape())).collect();
    assert_eq!(declared, ["net[0].w[2,3]", "net[0].b[3]", "net[1].w[3,1]", "net[1].b[1]", "x[n,2]", "y[n,1]"]);

    let step = f.wrt(["net"]).unwrap().value_and_grad().unwrap();
    let outputs: Vec<&str> = step.outputs().iter().map(|y| y.name()).collect();
    assert_eq!(outputs, ["loss", "d_net[0].w", "d_net[0].b", "d_net[1].w", "d_net[1].b"]);
    let results = step.run((("x", &x), ("y", &y), ("net", &net))).unwrap();
    let d = results.like("d_net", &net).unwrap();
    assert_eq!(d[0].w.shape(), [2, 3]);
    // Against a difference quotient, for every number.
    let at = |net: &Vec<Dense<Array<f64>>>| f.run((net, &x, &y)).unwrap()[0].data()[0];
    for (leaf, exact) in d.flatten().iter().enumerate() {
        for k in 0..exact.data().len() {
            let shifted = |by: f64| {
                let mut leaves = net.flatten();
                leaves[leaf].data_mut()[k] += by;
                at(&net.refill(&leaves))
            };
            let quotient = (shifted(1e-5) - shifted(-1e-5)) / 2e-5;
            assert!((quotient - exact.data()[k]).abs() < 1e-9, "{leaf}, {k}: {quotient} {exact:?}");
        }
    }
    // By their own names, and in order.
    let mut single: Vec<(String, Array<f64>)> =
        net.leaves().into_iter().map(|(name, x)| (format!("net{name}"), x.clone())).collect();
    single.extend([("y".into(), Array::new([3, 1], y.clone()).unwrap()), ("x".into(), x.clone())]);
    assert_eq!(step.run(&single).unwrap(), results);
    assert_eq!(step.run((&net, &x, &y)).unwrap(), results);
}

#[test]
fn a_name_stands_for_the_parts_of_a_structure() {
    let f = loss();
    let active = |f: &Function| f.inputs().iter().map(|group| group.is_active()).collect::<Vec<_>>();
    assert_eq!(active(&f.wrt(["net"]).unwrap()), [true, true, true, true, false, false]);
    assert_eq!(active(&f.wrt(["net[1]", "x"]).unwrap()), [false, false, true, true, true, false]);
    fails(f.wrt(["ne"]), Error::is_name, "no input is named `ne`");
    fails(f.wrt(["net", "net[1].w"]), Error::is_name, "the input `net[1].w` is named twice");
    let d = f.grad().unwrap().only(["d_net[0]", "d_x"]).unwrap();
    assert_eq!(d.outputs().iter().map(|y| y.name()).collect::<Vec<_>>(), ["d_net[0].w", "d_net[0].b", "d_x"]);
    let mapped = f.vmap("s", ["net"]).unwrap();
    assert_eq!(mapped.inputs()[3].shape().to_string(), "[s,1]");
    // An input that is called so is meant alone.
    let f = Function::trace(["x", "x.y"], |[a, b]| a * b).unwrap();
    assert_eq!(active(&f.wrt(["x"]).unwrap()), [true, false]);
}

#[test]
fn results_are_structures() {
    let (f, net, (x, y)) = (loss().wrt(["net"]).unwrap().value_and_grad().unwrap(), net(), data());
    let step = Function::trace((("net", like(&net)), "x[n,2]", "y[n,1]"), |(net, x, y)| {
        let results = f.eval(&[net.flatten(), vec![x, y]].concat())?;
        let next = net.zip(&results[1..], |&p, &d| p - 0.1 * d);
        Ok((("loss", results[0]), ("net", next)))
    });
    let step = step.unwrap();
    let mut at = net;
    let mut losses = vec![];
    for _ in 0..100 {
        let results = step.run((("net", &at), ("x", &x), ("y", &y))).unwrap();
        at = results.like("net", &at).unwrap();
        losses.push(results["loss"].data()[0]);
    }
    assert!(losses[99] < 0.1 * losses[0], "{losses:?}");

    // By itself, the leaves are called as the fields are; numbers are one output.
    let name = |f: &Function| f.outputs().iter().map(|y| format!("{} {}", y.name(), y.nodes().len())).collect::<Vec<_>>();
    let of = |f: Result<Function, Error>| name(&f.unwrap());
    assert_eq!(of(Function::trace("x[3]", |x| Dense { w: x, b: x.sum(..) })), ["w 1", "b 1"]);
    assert_eq!(of(Function::trace("x[3]", |x| vec![Dense { w: x, b: x.sum(..) }])), ["y[0].w 1", "y[0].b 1"]);
    assert_eq!(of(Function::trace("x", |x| Dense { w: x, b: x * x })), ["y 2"]);
    assert_eq!(of(Function::trace("x", |x| (("a", Pair(x, x)), x, ("b", [x; 3])))), ["a 2", "y 1", "b 3"]);
    assert_eq!(of(Function::trace("x[3]", |x| [x, x])), ["y 2"]);
    assert_eq!(of(Function::trace("x[3]", |x| ("g", vec![Pair(x, x)]))), ["g[0].0 1", "g[0].1 1"]);
    fails(Function::trace("x[3]", |x| [x, x.sum(..)]), Error::is_shape, "an output is one array");
}

#[test]
fn results_are_found_by_name_and_by_position() {
    let f = Function::trace(("a", "x[n]"), |(a, x)| (("scaled", a * x), ("all", [a, x.sum(..)]), ("one", x.max_of(..))));
    let y: Results = f.unwrap().run((("x", [1.0, 3.0]), ("a", 2.0))).unwrap();
    assert_eq!((y.len(), y.is_empty()), (3, false));
    assert_eq!((&y["scaled"], &y[1]), (&Array::from([2.0, 6.0]), &Array::from([2.0, 4.0])));
    assert_eq!(y["one"], Array::scalar(3.0));
    assert_eq!(y.get("one").unwrap(), &y.arrays()[2]);
    assert_eq!(y.iter().map(|(name, y)| (name, y.shape().len())).collect::<Vec<_>>(), [("scaled", 1), ("all", 1), ("one", 0)]);
    assert_eq!((&y).into_iter().count(), 3);
    assert_eq!(y.to_string(), "scaled[2] = [2.0, 6.0]\nall[2] = [2.0, 4.0]\none = 3.0\n");
    assert!(format!("{y:?}").starts_with("{\"scaled\": Array {"), "{y:?}");
    fails(y.get("alll"), Error::is_name, "no result is named `alll` (did you mean `all`?); the results are scaled, all, one");
    let missing = std::panic::catch_unwind(|| y["none"].clone()).unwrap_err();
    assert!(missing.downcast_ref::<String>().unwrap().contains("the results are scaled, all, one"));
    assert_eq!(y.like("all", &Pair(0.0, 0.0)).unwrap(), Pair(2.0, 4.0));
    assert_eq!(y.like("scaled", &Array::full([2], 0.0)).unwrap(), y["scaled"]);
    assert_eq!(y.like("one", &0.0).unwrap(), 3.0);
    fails(
        y.like("all", &model()),
        Error::is_shape,
        "the result `all` has the shape [2], which the sample of 13 numbers does not have",
    );
    fails(y.like("scaled", &Array::full([3], 0.0)), Error::is_shape, "[2]");
    fails(y.like("ones", &0.0), Error::is_name, "did you mean `one`?");
    assert_eq!(y.into_iter().map(|(name, _)| name).collect::<Vec<_>>(), ["scaled", "all", "one"]);
}

#[test]
fn a_sample_that_is_not_like_the_results_is_an_error() {
    let (f, net, (x, y)) = (loss().grad().unwrap(), net(), data());
    let results = f.run((&net, &x, &y)).unwrap();
    fails(results.like("d_net", &net[..1]), Error::is_name, "the structure has no place for the result `d_net[1].w`");
    let more = [&net[..], &net[..1]].concat();
    fails(results.like("d_net", &more), Error::is_name, "no result is named `d_net[2].w`");
    let other = net.map(|_| Array::full([2, 3], 0.0));
    fails(results.like("d_net", &other), Error::is_shape, "the result `d_net[0].b` has the shape [3], and the sample [2, 3]");
}

#[test]
fn values_of_every_kind() {
    let f = Function::trace(["x[n,2]", "s"], |[x, s]| s * x).unwrap();
    let expected = f.run((("x", Array::new([2, 2], vec![1.0, 2.0, 3.0, 4.0]).unwrap()), ("s", 2.0))).unwrap();
    assert_eq!(expected[0], Array::from([[2.0, 4.0], [6.0, 8.0]]));
    let (row, rows) = ([1.0, 2.0, 3.0, 4.0], [[1.0, 2.0], [3.0, 4.0]]);
    let all: [Result<Results, Error>; 9] = [
        f.run((("s", 2.0), ("x", row))),
        f.run((("x", row.to_vec()), ("s", [2.0]))),
        f.run((("x", &row[..]), ("s", &2.0))),
        f.run((("x", rows), ("s", Array::from(2.0)))),
        f.run((("x", rows.map(Vec::from).to_vec()), ("s", Some(2.0)))),
        f.run((("x", &rows.map(Array::from)), (String::from("s"), 2))),
        f.run((rows, 2.0)),
        f.run(&[Array::from(rows), Array::from(2.0)]),
        f.run(vec![("x", &Array::from(rows)), ("s", &Array::from(2.0))]),
    ];
    all.into_iter().for_each(|y| assert_eq!(y.unwrap(), expected));
    // In the other width.
    let f = Function::trace_in(Width::F32, ["x[n]", "i[m]: index"], |[x, i]| x.gather(i, 0)).unwrap();
    let y = f.run((("x", [1.0f32, 2.0, 3.0]), ("i", [2usize, 0])));
    assert_eq!(y.unwrap()[0].data(), [3.0, 1.0]);
    let y = f.run((("x", vec![1.0f32, 2.0]), ("i", Array::new([2], vec![1u32, 1]).unwrap())));
    assert_eq!(y.unwrap()[0].data(), [2.0, 2.0]);
    assert_eq!(Function::trace([""; 0], |[]| Expr::from(2.0)).unwrap().run::<f64>(()).unwrap()[0].data(), [2.0]);
}

#[test]
fn lengths_are_found_from_each_other() {
    let f = Function::trace(["a[n,m]", "b[m]", "c[n,m,k]", "d[k]"], |[a, b, c, d]| a.sum(..) + b.sum(..) + c.sum(..) + d.sum(..));
    let f = f.unwrap();
    let ones = |n: usize| vec![1.0; n];
    // b tells m, then a tells n, then c tells k.
    assert_eq!(f.run((ones(6), ones(3), ones(24), ones(4))).unwrap()[0].data(), [37.0]);
    fails(
        f.run((ones(6), ones(3), ones(24), ones(5))),
        Error::is_shape,
        "the input `c` is declared as [n,m,k] and is given as 24 numbers, not 30, where `n` is 2 by `a`, `m` is 3 by `b`, `k` is 5 by `d`",
    );
    fails(
        f.run((ones(7), ones(3), ones(24), ones(4))),
        Error::is_shape,
        "the input `a` is declared as [n,m] and is given as 7 numbers: no whole `n`, at 3 each",
    );
    let matrix = Array::full([2, 3], 1.0);
    fails(
        f.run((&matrix, ones(4), ones(24), ones(4))),
        Error::is_shape,
        "the input `b` is declared as [m] and is given as 4 numbers, not 3, where `m` is 3 by `a`",
    );
    fails(
        f.run((&matrix, &matrix, ones(24), ones(4))),
        Error::is_shape,
        "the input `b` is declared as [m] and is given as [2, 3]",
    );
    let f = Function::trace(["a[n,m]", "b[m,n]"], |[a, b]| a.sum(..) + b.sum(..)).unwrap();
    fails(
        f.run((ones(6), ones(6))),
        Error::is_shape,
        "the input `a` is declared as [n,m] and is given as 6 numbers, which leaves its open axes undecided",
    );
    assert_eq!(f.run((&matrix, ones(6))).unwrap()[0].data(), [12.0]);
    fails(
        f.run((&matrix, &matrix)),
        Error::is_shape,
        "the input `b` is declared as [m,n] and is given as [2, 3], where `m` is 3 by `a`",
    );
    // Nothing is a number of rows, too.
    let f = Function::trace(["x[n,0]"], |[x]| x.sum(..)).unwrap();
    fails(f.run([ones(0)]), Error::is_shape, "undecided");
}

#[test]
fn names_and_counts_that_do_not_fit() {
    let f = Function::trace((("p", 2), "x[3]", "i[n]: index"), |(p, x, i)| p[0] * p[1] * x.gather(i, 0).sum(..)).unwrap();
    let (i, x) = ([0usize, 1], [1.0; 3]);
    assert_eq!(f.run((("p", [2.0, 3.0]), ("x", x), ("i", i))).unwrap()[0].data(), [12.0]);
    fails(f.run((("p", [2.0, 3.0]), ("z", x), ("i", i))), Error::is_name, "no input is named `z`; the inputs are p, x, i");
    fails(f.run((("p", [2.0, 3.0]), ("p", [2.0, 3.0]), ("i", i))), Error::is_name, "the input `p` is given twice");
    fails(f.run([("p", [2.0, 3.0])]), Error::is_name, "no value is given for x, i; the inputs are p, x, i");
    fails(f.run(([2.0, 3.0], x)), Error::is_length, "2 values are given for 3 inputs (p, x, i)");
    fails(f.run(([2.0, 3.0], x, i, 4.0)), Error::is_length, "4 values are given for 3 inputs (p, x, i)");
    fails(
        f.run((("p", [2.0]), ("x", x), ("i", i))),
        Error::is_shape,
        "the input `p` is declared as [2] and is given as 1 number, not 2",
    );
    fails(
        f.run((("p", [2.0; 2]), ("x", [1.0; 2]), ("i", i))),
        Error::is_shape,
        "the input `x` is declared as [3] and is given as 2 numbers, not 3",
    );
    fails(f.run((("p", 2.0), ("x", x), ("i", i))), Error::is_shape, "the input `p` is declared as [2] and is given as []");
    fails(f.run((("p", [2.0; 2]), ("x", x), ("i", [0.5]))), Error::is_value, "the input `i` has the index 0.5");
    fails(f.run((("p", [2.0; 2]), ("x", x), ("i", [-1]))), Error::is_value, "the input `i` has the index -1");
    fails(f.run((("p", [2.0f32; 2]), ("x", [1.0f32; 3]), ("i", i))), |_| true, "f32");
    let f = Function::trace_in(Width::F32, ["x[n]", "i[m]: index"], |[x, i]| x.gather(i, 0)).unwrap();
    fails(f.run((("x", [1.0f32]), ("i", [16_777_217usize]))), Error::is_value, "the input `i`: 16777217 is not exact in f32");

    let (f, net, (x, y)) = (loss(), net(), data());
    fails(
        f.run((("net", &net[..1]), ("x", &x), ("y", &y))),
        Error::is_name,
        "the structure that is given for `net` has no `net[1].w`",
    );
    let more = [&net[..], &net[..1]].concat();
    fails(f.run((("net", &more), ("x", &x), ("y", &y))), Error::is_name, "no input is named `net[2].w`");
    fails(
        f.run((("net", &net), ("x", &net), ("y", &y))),
        Error::is_shape,
        "the input `x` is one array, and is given as a structure of 4 arrays",
    );
    let turned = net.map(|x| Array::full(x.shape().iter().rev().copied().collect::<Vec<_>>(), 0.0));
    fails(
        f.run((("net", &turned), ("x", &x), ("y", &y))),
        Error::is_shape,
        "the input `net[0].w` is declared as [2,3] and is given as [3, 2]",
    );
}

#[test]
fn structures_of_numbers_are_mapped_to_rows_of_them() {
    let lines = [1.0, 2.0, 3.0].map(|v| Line { slope: v, offset: 10.0 * v });
    let f = Function::trace((("line", like(&lines[0])), "x"), |(line, x)| (("y", line.slope * x + line.offset), ("line", line)));
    let f = f.unwrap().vmap("n", ["line"]).unwrap();
    let y = f.run((("line", &lines), ("x", 2.0))).unwrap();
    assert_eq!(y["y"].data(), [12.0, 24.0, 36.0]);
    assert_eq!(y["line"], Array::from([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]));
    assert_eq!(y.like("line", &lines).unwrap(), lines);
    assert_eq!(f.run((&y["line"], 2.0)).unwrap(), y);
    fails(
        f.run(([1.0; 5], 2.0)),
        Error::is_shape,
        "the input `line` is declared as [n,2] and is given as 5 numbers: no whole `n`, at 2 each",
    );
    let means = f.mean_of("n", ["line"]).unwrap().run((&lines, 2.0)).unwrap();
    assert_eq!(means.like("line", &lines[0]).unwrap(), Line { slope: 2.0, offset: 20.0 });
}

#[test]
fn text_has_the_names_of_leaves() {
    let f = loss().grad().unwrap();
    assert!(f.to_string().starts_with("function f64 (\"net[0].w\"[2,3]: %0, \"net[0].b\"[3]: %1,"), "{f}");
    let read = Function::parse(&f.to_string()).unwrap();
    assert_eq!(read.to_string(), f.to_string());
    assert_eq!(read.inputs(), f.inputs());
    let f = Function::trace((("w", like(&[Array::scalar(0.0), Array::scalar(0.0)])), "x"), |([a, b], x)| {
        (("y[0]", a * x), ("aux", b))
    });
    let text = f.unwrap().to_string();
    assert!(text.starts_with("function f64 (\"w[0]\": %0, \"w[1]\": %1, x: %2) -> (\"y[0]\": "), "{text}");
    assert_eq!(Function::parse(&text).unwrap().to_string(), text);
    let wrong = ["y[", "y[]", "y[x]", "y[0]z", "y[0][", "[0]", "y]"];
    for name in wrong {
        assert!(Function::trace("x", |x| (name, x)).is_err_and(|error| error.is_name()), "{name}");
    }
    assert!(Function::parse("function f64 (\"a: %0) -> (y: %0) {}").is_err_and(|error| error.is_parse()));
}

#[test]
fn a_structure_is_carried_by_a_loop() {
    let start = Line { slope: 2.0, offset: 0.0 };
    let f = Function::trace((("line", like(&start)), "x[n]"), |(line, x)| {
        let step = |line: Line<Expr>, x: Expr| (Line { slope: line.slope * x, offset: line.offset + line.slope }, ());
        let (line, ()) = scan(line, x, step);
        ("line", line)
    });
    let y = f.unwrap().run((("line", &start), ("x", [3.0, 0.5]))).unwrap();
    assert_eq!(y.like("line", &start).unwrap(), Line { slope: 3.0, offset: 8.0 });
}

/// The names of two structures stand for the pairs of their leaves.
#[test]
fn structures_are_overwritten_by_name() {
    #[derive(Structure)]
    struct Line<T> {
        a: T,
        b: T,
    }
    let [a, b, c, d] = [1.0, 2.0, 3.0, 4.0].map(|v| Array::from([v]));
    let model = [Line { a, b }, Line { a: c, b: d }];
    let f = Function::trace((("model", like(&model)), "s"), |(model, s)| {
        let sum = model[0].a + model[1].b;
        (("sum", sum), ("next", model.map(|Line { a, b }| Line { a: a + s * b, b: b * s })))
    })
    .unwrap();
    let update = f.compile_with(Options::new().overwrite([("next", "model")])).unwrap();
    let (mut sum, mut leaves) = ([0.0], [[1.0], [2.0], [3.0], [4.0]]);
    let [a, b, c, d] = &mut leaves;
    update.call_into(&[&[0.5]], &mut [&mut sum, a, b, c, d]).unwrap();
    assert_eq!((sum, leaves), ([5.0], [[2.0], [1.0], [5.0], [2.0]]));

    let fails = |pair: (&str, &str)| f.compile_with(Options::new().overwrite([pair])).unwrap_err().to_string();
    assert!(fails(("next", "s")).contains("`next`"), "{}", fails(("next", "s")));
    assert!(fails(("next[0]", "model")).contains("there is no output `next[0][0].a` for the input `model[0].a`"));
    assert!(fails(("next", "model[0]")).contains("there is no output `next.a` for the input `model[0].a`"));
}

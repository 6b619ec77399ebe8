//! Structures by their parts: as handles of a function that goes on, as slices of a call, as leaves to write to.

use wengert::graph::{Visit, VisitMut};
use wengert::{Array, Error, Expr, Function, Options, Result, Structure, like};

#[derive(Clone, Debug, PartialEq, Structure)]
struct Dense<T> {
    w: T,
    b: T,
}

/// All kinds of fields.
#[derive(Clone, Debug, PartialEq, Structure)]
struct Net<T> {
    layers: Vec<Dense<T>>,
    pair: (T, f64, [Option<T>; 2]),
    next: Option<Box<Net<T>>>,
    name: &'static str,
}

fn net() -> Net<f64> {
    let dense = |v| Dense { w: v, b: v + 1.0 };
    let last = Net { layers: vec![], pair: (8.0, 0.0, [None, None]), next: None, name: "last" };
    Net {
        layers: vec![dense(1.0), dense(3.0)],
        pair: (5.0, 0.5, [Some(6.0), Some(7.0)]),
        next: Some(Box::new(last)),
        name: "net",
    }
}

/// What `check` gets and what is said of it.
#[track_caller]
fn says<T: std::fmt::Debug>(made: Result<T>, words: &[&str]) {
    let (error, here) = (made.unwrap_err(), std::panic::Location::caller());
    let at = error.location().unwrap_or_else(|| panic!("no line: {error}"));
    assert!(at.file() == file!() && (here.line()..=here.line() + 1).contains(&at.line()), "{error}");
    words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
}

#[test]
fn leaves_are_written_to_in_the_order_they_are_read_in() {
    let mut net = net();
    assert_eq!(net.flatten(), (1..=8).map(f64::from).collect::<Vec<_>>());
    let names: Vec<String> = net.leaves().into_iter().map(|(name, _)| name).collect();
    for (k, (name, leaf)) in net.leaves_mut().into_iter().enumerate() {
        assert_eq!((name, *leaf), (names[k].clone(), (k + 1) as f64));
        *leaf *= 10.0;
    }
    assert_eq!(net.flatten(), (1..=8).map(|k| 10.0 * f64::from(k)).collect::<Vec<_>>());
    assert_eq!((net.pair.1, net.name), (0.5, "net"));
    let mut all = vec![[1.0f64, 2.0], [3.0, 4.0]];
    all.leaves_mut().into_iter().for_each(|(_, v)| *v = -*v);
    assert_eq!(all, [[-1.0, -2.0], [-3.0, -4.0]]);
}

/// A structure by hand, which the derive of another one holds.
#[derive(Debug, PartialEq)]
struct Line<T>(T, T);

impl<T> Structure for Line<T> {
    type Leaf = T;
    type With<U> = Line<U>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a T, U>) -> Line<U> {
        Line(at.leaf("0", &self.0), at.leaf("1", &self.1))
    }
}

#[derive(Debug, PartialEq, Structure)]
struct Around<T> {
    line: Line<T>,
}

/// A structure within itself, by way of another one.
#[derive(Structure)]
struct Tree<T> {
    leaf: T,
    branches: Vec<Tree<T>>,
}

impl<T> VisitMut for Line<T> {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut T)) {
        each(&mut self.0);
        each(&mut self.1);
    }
}

#[test]
fn structures_by_hand_and_within_themselves_are_written_to() {
    let mut around = Around { line: Line(1, 2) };
    *around.leaves_mut()[1].1 = 5;
    assert_eq!(around, Around { line: Line(1, 5) });
    let leaf = |leaf| Tree { leaf, branches: vec![] };
    let mut tree = Tree { leaf: 1, branches: vec![leaf(2), Tree { leaf: 3, branches: vec![leaf(4)] }] };
    tree.leaves_mut().into_iter().for_each(|(_, v)| *v += 10);
    assert_eq!(tree.flatten(), [11, 12, 13, 14]);
}

fn arrays() -> Vec<Dense<Array<f64>>> {
    let dense = |m, n, v| Dense { w: Array::full([m, n], v), b: Array::full([n], 0.5 * v) };
    vec![dense(2, 3, 0.5), dense(3, 1, -1.0)]
}

fn loss() -> Function {
    let loss = |(net, x, y): (Vec<Dense<Expr>>, Expr, Expr)| {
        let last = net.iter().fold(x, |x, layer| (x.matmul(layer.w) + layer.b).tanh());
        ("loss", (last - y).powi(2).mean(..))
    };
    Function::trace((("net", like(&arrays())), "x[n,2]", "y[n,1]"), loss).unwrap()
}

#[test]
fn a_step_over_a_struct_overwrites_it_where_it_is() -> Result<()> {
    let net = arrays();
    let gradient = loss().wrt(["net"])?.value_and_grad()?;
    let step = gradient.then(|inputs, outputs| {
        let (p, d) = (inputs.like("net", &net)?, outputs.like("d_net", &net)?);
        Ok((("loss", outputs["loss"]), ("net'", p.zip(&d, |&p, &d| p - 0.5 * d))))
    })?;
    let (x, y) = ([0.0, 1.0, 1.0, 1.0], [0.5, -0.5]);
    // By hand: arrays in, results by name.
    let arguments = (("net", &net), ("x", x), ("y", y));
    let d = gradient.run(arguments)?.like("d_net", &net)?;
    let wanted = net.zip(&d, |p, d| p.zip(d, |p, d| p - 0.5 * d));

    let step = step.compile_with(Options::new().overwrite([("net'", "net")]))?;
    let (mut own, mut l) = (net.clone(), [f64::NAN]);
    let mut outputs = vec![&mut l[..]];
    outputs.extend(own.slices_mut());
    step.call_into(&[&x, &y], &mut outputs)?;
    for (own, wanted) in own.slices().iter().zip(wanted.slices()) {
        own.iter().zip(wanted).for_each(|(a, b)| assert!((a - b).abs() < 1e-15));
    }
    // `run` needs what is overwritten, and leaves it as it is.
    let again = step.run(arguments)?;
    assert_eq!(again.number("loss")?, l[0]);
    assert_eq!(again.like("net'", &net)?, own);
    assert_eq!(net, arrays());
    says(step.run((("x", x), ("y", y))), &["net[0].w"]);
    // What a call takes is in the report.
    assert_eq!(
        step.report().signature,
        "(x, y) -> (loss, net'[0].w over net[0].w, net'[0].b over net[0].b, net'[1].w over net[1].w, net'[1].b over net[1].b)"
    );
    assert!(step.report().to_string().starts_with(&step.report().signature));
    Ok(())
}

#[test]
fn handles_are_structures_of_numbers_too() -> Result<()> {
    let (line, f) = (
        Dense { w: 2.0, b: 1.0 },
        Function::trace((("line", like(&Dense { w: 0.0, b: 0.0 })), "x"), |(line, x)| (line.w * x + line.b).powi(2))?,
    );
    let step = f.wrt(["line"])?.grad()?.then(|inputs, outputs| {
        let (line, d) = (inputs.like("line", &line)?, outputs.like("d_line", &line)?);
        Ok(line.zip(&d, |&p, &d| p - 0.1 * d))
    })?;
    assert_eq!(step.run((("line", &line), ("x", 1.0)))?[0].data(), [2.0 - 0.1 * 6.0, 1.0 - 0.1 * 6.0]);
    // One handle is a structure, too.
    let same = f.then(|inputs, _| inputs.like("x", &0.0))?;
    assert_eq!(same.eval(&[0.0, 0.0, 3.0])?, [3.0]);
    Ok(())
}

#[test]
fn the_name_of_a_structure_is_no_handle_but_is_said_to_be_one_of_several() {
    let f = loss();
    let form = arrays();
    says(f.then(|inputs, _| inputs["net"]), &["`net` is a structure of net[0].w, net[0].b, net[1].w, net[1].b", "like(\"net\""]);
    says(f.then(|inputs, _| Ok(inputs.values("net")?.to_vec())), &["`net` is a structure of net[0].w"]);
    says(f.then(|inputs, _| inputs.like("nets", &form)), &["no input is named `nets`"]);
    says(
        f.then(|inputs, _| inputs.like("net", &form[..1])),
        &["the input `net` is net[0].w, net[0].b, net[1].w, net[1].b, and the sample has"],
    );
    says(f.then(|inputs, _| inputs.like("net", &Dense { w: 0.0, b: 0.0 })), &["and the sample has net.w, net.b"]);
    says(f.then(|inputs, _| inputs.like("x", &form)), &["the input `x` is 1 number, and the sample has x[0].w"]);
    let error: Error = f.then(|_, outputs| outputs["net"]).unwrap_err();
    assert!(error.to_string().contains("no output is named `net`"), "{error}");
}

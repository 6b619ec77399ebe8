//! One small expression, e = (a + b)·(b + 1), taken through everything that the library does with it.
//!
//!     cargo run --release --example walkthrough
//!
//! Read it beside its output: values, the partial derivative on every edge, the forward and the reverse sweep, the
//! derivative as a graph of its own, what simplification makes of it, the machine code, and the answer.

use common::{Outcome, write_out};
use std::ops::{Div, Sub};
use wengert::diff::Linearization;
use wengert::graph::{Kind, NodeId};
use wengert::op::Value;
use wengert::{Expr, Function, Options, Real, aux, dual, lit};

/// Written once: it runs on numbers, on dual numbers, and on the handles of a trace.
fn e<T: Real>(a: T, b: T) -> T {
    (a + b) * (b + lit(1.0))
}

/// The point at which everything is evaluated.
const AT: [f64; 2] = [2.0, 1.0];

fn main() -> Outcome {
    heading("1. The same function on numbers, on dual numbers, and as a graph");
    let f = Function::trace(["a", "b"], |[a, b]| ("e", e(a, b)))?;
    let (by_duals, [da, db]) = dual::gradient(|[a, b]| e(a, b), AT);
    println!("numbers:      e = {}", e(2.0, 1.0));
    println!("dual numbers: e = {by_duals}, ∂e/∂a = {da}, ∂e/∂b = {db}");
    println!("graph:        e = {}\n\n{f}", f.eval(&AT)?[0]);
    assert_eq!((e(2.0, 1.0), f.eval(&AT)?[0], by_duals, da, db), (6.0, 6.0, 6.0, 2.0, 5.0));

    heading("2. Values of all nodes, and the partial derivative on every edge");
    // Auxiliary outputs give the intermediate results names.
    let named = Function::trace(["a", "b"], |[a, b]| {
        let (c, d) = (a + b, b + 1.0);
        (("e", c * d), aux((("c", c), ("d", d))))
    })?;
    let at = named.linearize_at(&AT)?;
    let graph = named.graph();
    for id in graph.ids() {
        println!("{:4} = {}", name(&named, id), number(at.value(id)));
    }
    println!();
    let mut edges = vec![];
    for id in graph.ids() {
        for (operand, partial) in at.partials(id) {
            println!("∂{}/∂{} = {partial}", name(&named, id), name(&named, operand));
            edges.push(partial);
        }
    }
    assert_eq!(edges, [1.0, 1.0, 1.0, 2.0, 3.0], "∂c/∂a, ∂c/∂b, ∂d/∂b, ∂e/∂c, ∂e/∂d");

    heading("3. Forward: a sweep for each input, from the inputs to e");
    println!("tangent(node) = Σ over its operands of tangent(operand) × edge\n");
    let numbers: Vec<NodeId> = graph.ids().filter(|id| !matches!(graph.node(*id).kind(), Kind::Const(_))).collect();
    for (input, seed) in [("a", [1.0, 0.0]), ("b", [0.0, 1.0])] {
        let tangents = at.tangents(&seed)?;
        let line = numbers.iter().map(|id| format!("∂{}/∂{input} = {}", name(&named, *id), tangents[id.index()]));
        println!("{}", line.collect::<Vec<_>>().join("   "));
    }

    heading("4. Reverse: one sweep for all inputs, from e to the inputs");
    println!("adjoint(node) = Σ over its users of adjoint(user) × edge\n");
    let adjoints = at.adjoints(&[1.0])?;
    let line = numbers.iter().rev().map(|id| format!("∂e/∂{} = {}", name(&named, *id), adjoints[id.index()]));
    println!("{}", line.collect::<Vec<_>>().join("   "));
    assert_eq!(adjoints[..2], [2.0, 5.0]);

    heading("5. The derivative is a function again");
    println!("Forward mode, with respect to b; the new input t_b is the tangent of b:\n");
    before_and_after(&f.wrt(["b"])?.jvp()?);
    let reverse = f.value_and_grad()?;
    println!("Reverse mode, the value and all of the gradient:\n");
    before_and_after(&reverse);
    println!("Hence it can be differentiated once more; the Hessian:\n\n{}", f.hessian()?.simplify());
    assert_eq!(f.hessian()?.eval(&AT)?, [0.0, 1.0, 1.0, 2.0]);

    heading("6. Native code of value and gradient");
    // Fusing a product and a sum into one instruction is on by default; off, the code shows the graph node by node.
    let native = reverse.compile_with(Options::new().fuse(false))?;
    println!("Cranelift IR:\n\n{}\nmachine code:\n\n{}", native.clif()?, native.assembly()?);
    println!("{}", native.report());

    heading("7. The answer");
    let [e, da, db] = native.call(AT)?;
    println!("e = {e}, ∂e/∂a = {da}, ∂e/∂b = {db}");
    assert_eq!((e, da, db), (6.0, 2.0, 5.0));
    let [again, ..]: [f64; 3] = native.call(AT)?;
    assert_eq!(again, e, "a second call starts from nothing");
    println!("a call takes {}", common::readable(common::seconds(|| native.call::<f64, 3>(AT))));

    heading("8. Four things that a first attempt gets wrong");
    pitfalls()?;

    heading("9. Pictures");
    write_out("walkthrough.dot", &named.to_dot_at(&AT)?)?;
    common::svg::write("walkthrough.svg", &svg(&named, &at)?)
}

fn pitfalls() -> Outcome {
    // Another expression: set its variables, evaluate, read every partial derivative; then set them again.
    let c = Function::trace(["a", "b"], |[a, b]| a * b + a)?.value_and_grad()?;
    println!(
        "c = a·b + a at (2, 3):        c = {0}, ∂c/∂a = {1}, ∂c/∂b = {2}",
        c.eval(&AT_23)?[0],
        c.eval(&AT_23)?[1],
        c.eval(&AT_23)?[2]
    );
    assert_eq!(c.eval(&AT_23)?, [8.0, 4.0, 2.0]);
    assert_eq!(c.eval(&AT_23)?, [8.0, 4.0, 2.0], "nothing is left over from the first evaluation");

    // With more than two operands, differences and quotients go from the left; with one operand they are that operand.
    let many = |x: Vec<Expr>, op: fn(Expr, Expr) -> Expr| x.into_iter().reduce(op).unwrap_or(lit(0.0));
    let difference = Function::trace(("x", 3), |x| many(x, Sub::sub))?.eval(&[7.0, 2.0, 1.0])?;
    let quotient = Function::trace(("x", 3), |x| many(x, Div::div))?.eval(&[12.0, 3.0, 2.0])?;
    let single = Function::trace(("x", 1), |x| many(x, Sub::sub))?.eval(&[7.0])?;
    println!("7 − 2 − 1 = {}, 12 / 3 / 2 = {}, and of 7 alone {}", difference[0], quotient[0], single[0]);
    assert_eq!((difference[0], quotient[0], single[0]), (4.0, 2.0, 7.0));

    // A shared result is one node: s = a·b, e = s + s has ∂e/∂a = 2b, not 3b.
    let shared = Function::trace(["a", "b"], |[a, b]| {
        let s = a * b;
        s + s
    })?;
    println!("s = a·b, e = s + s at (2, 3): ∂e/∂a = {}", shared.grad()?.eval(&AT_23)?[0]);
    assert_eq!(shared.grad()?.eval(&AT_23)?[0], 6.0);

    // It is visited once, too. Doubled sixty times there are 2⁶⁰ paths from e to s, and the work grows by sixty sums.
    let doubled = Function::trace(["a", "b"], |[a, b]| (0..60).fold(a * b, |s, _| s + s))?.value_and_grad()?;
    println!("doubled 60 times:             ∂e/∂a = {:e} by {}", doubled.eval(&AT_23)?[1], doubled.cost());
    assert_eq!(doubled.eval(&AT_23)?[1], 3.0 * 2f64.powi(60));
    assert!(doubled.cost().total() < 70);
    Ok(())
}

const AT_23: [f64; 2] = [2.0, 3.0];

fn before_and_after(f: &Function) {
    let simple = f.simplify();
    if simple.to_string() == f.to_string() {
        println!("{f}\n\n(simplification finds nothing to do)\n");
    } else {
        println!("{f}\n\nsimplified:\n\n{simple}\n");
    }
}

fn heading(text: &str) {
    println!("\n{text}\n{}\n", "─".repeat(text.chars().count()));
}

/// An input's or an output's name, or the constant.
fn name(f: &Function, id: NodeId) -> String {
    let output = f.outputs().iter().find(|y| y.nodes().contains(&id)).map(|y| y.name().to_owned());
    match f.graph().node(id).kind() {
        Kind::Input(_) | Kind::Const(_) => f.name_of(id),
        _ => output.unwrap_or_else(|| id.to_string()),
    }
}

/// A node holds a number or, after a comparison, a truth value; here all are numbers.
fn number(value: Value<f64, bool>) -> f64 {
    value.number().expect("the example compares nothing")
}

/// The graph in layers: a node stands above all its operands. (For larger graphs take the DOT text and Graphviz.)
fn svg(f: &Function, at: &Linearization<f64>) -> Outcome<String> {
    const BOX: (f64, f64) = (190.0, 92.0);
    const GAP: (f64, f64) = (70.0, 86.0);
    let graph = f.graph();
    let tangents = [at.tangents(&[1.0, 0.0])?, at.tangents(&[0.0, 1.0])?];
    let adjoints = at.adjoints(&[1.0])?;

    let mut layer = vec![0usize; graph.len()];
    for id in graph.ids() {
        layer[id.index()] = graph.operands(id).map(|operand| layer[operand.index()] + 1).max().unwrap_or(0);
    }
    let layers = layer.iter().max().map_or(0, |top| top + 1);
    let members = |k: usize| graph.ids().filter(|id| layer[id.index()] == k).collect::<Vec<_>>();
    let widest = (0..layers).map(|k| members(k).len()).max().unwrap_or(0);
    let size = |n: usize, of: f64, gap: f64| n as f64 * (of + gap) + gap;
    let (width, height) = (size(widest, BOX.0, GAP.0), size(layers, BOX.1, GAP.1));
    // The middle of every box.
    let mut place = vec![(0.0, 0.0); graph.len()];
    for k in 0..layers {
        let members = members(k);
        let margin = (width - size(members.len(), BOX.0, GAP.0)) / 2.0 + GAP.0 + BOX.0 / 2.0;
        for (i, id) in members.iter().enumerate() {
            place[id.index()] = (margin + i as f64 * (BOX.0 + GAP.0), height - GAP.1 - BOX.1 / 2.0 - k as f64 * (BOX.1 + GAP.1));
        }
    }

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"15\" text-anchor=\"middle\">\n\
         <defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" markerHeight=\"9\" orient=\"auto\">\
         <path d=\"M0 0L10 5L0 10z\" fill=\"#555\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    out += &format!(
        "<text x=\"{}\" y=\"34\" font-size=\"18\">e = (a + b)·(b + 1) at (2, 1): values, tangents, adjoints, and partials on the edges</text>\n",
        width / 2.0
    );
    for id in graph.ids() {
        let partials: Vec<(NodeId, f64)> = at.partials(id).collect();
        let (x, y) = place[id.index()];
        for operand in graph.operands(id) {
            let (from_x, from_y) = place[operand.index()];
            let (x1, y1) = (from_x + (x - from_x) * 0.12, from_y - BOX.1 / 2.0);
            let (x2, y2) = (x - (x - from_x) * 0.18, y + BOX.1 / 2.0 + 3.0);
            out += &format!(
                "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#555\" stroke-width=\"1.6\" marker-end=\"url(#arrow)\"/>\n"
            );
            if let Some((_, partial)) = partials.iter().find(|(to, _)| *to == operand) {
                let (label_x, label_y) = (0.5 * x1 + 0.5 * x2, 0.5 * y1 + 0.5 * y2);
                out += &format!(
                    "<rect x=\"{}\" y=\"{}\" width=\"96\" height=\"22\" rx=\"4\" fill=\"white\"/>\
                     <text x=\"{label_x}\" y=\"{}\" fill=\"#d55e00\">∂{}/∂{} = {partial}</text>\n",
                    label_x - 48.0,
                    label_y - 11.0,
                    label_y + 5.0,
                    name(f, id),
                    name(f, operand),
                );
            }
        }
    }
    for id in graph.ids() {
        let (x, y) = place[id.index()];
        let value = number(at.value(id));
        let (fill, lines) = match graph.node(id).kind() {
            Kind::Const(_) => ("#f4f4f4", vec![("#222", name(f, id))]),
            kind => {
                let of = kind_text(f, id, kind);
                let [ta, tb] = [0, 1].map(|k| tangents[k][id.index()]);
                let lines = vec![
                    ("#222", format!("{of} = {value}")),
                    ("#0072b2", format!("∂/∂a = {ta},  ∂/∂b = {tb}")),
                    ("#00795a", format!("adjoint ∂e/∂{} = {}", name(f, id), adjoints[id.index()])),
                ];
                (if matches!(kind, Kind::Input(_)) { "#e8f2fa" } else { "#fdf6e8" }, lines)
            }
        };
        out += &format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"{fill}\" stroke=\"#555\"/>\n",
            x - BOX.0 / 2.0,
            y - BOX.1 / 2.0,
            BOX.0,
            BOX.1
        );
        for (k, (colour, line)) in lines.iter().enumerate() {
            let line_y = y + 5.0 + 25.0 * (k as f64 - (lines.len() as f64 - 1.0) / 2.0);
            out += &format!("<text x=\"{x}\" y=\"{line_y}\" fill=\"{colour}\">{line}</text>\n");
        }
    }
    Ok(out + "</svg>\n")
}

/// What a box is headed by: `a`, or `c = a + b`.
fn kind_text(f: &Function, id: NodeId, kind: Kind) -> String {
    let operands: Vec<String> = f.graph().operands(id).map(|operand| name(f, operand)).collect();
    match kind {
        Kind::Apply(op) if op.name() == "add" => format!("{} = {}", name(f, id), operands.join(" + ")),
        Kind::Apply(op) if op.name() == "mul" => format!("{} = {}", name(f, id), operands.join("·")),
        _ => name(f, id),
    }
}

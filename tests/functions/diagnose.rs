//! Linearisations at a point, pictures, costs, and the search for what is not finite.

use expect_test::expect;
use wengert::op::{Op, Value};
use wengert::{Expr, Function, Width, select};

/// e = (a + b)·(b + 1), the example of C. Olah, "Calculus on Computational Graphs" (2015).
fn example() -> Function {
    Function::trace(["a", "b"], |[a, b]| ("e", (a + b) * (b + 1.0))).unwrap()
}

#[test]
fn the_worked_example_laid_open() {
    let f = example();
    let at = f.linearize_at(&[2.0, 1.0]).unwrap();
    let ids: Vec<_> = f.graph().ids().collect();
    let &[a, b, c, _one, d, e] = &ids[..] else { panic!("{f}") };
    let value = |id| at.value(id).number().unwrap();
    assert_eq!([c, d, e].map(value), [3.0, 2.0, 6.0]);
    let partials = |id| at.partials(id).collect::<Vec<_>>();
    assert_eq!(partials(e), [(c, 2.0), (d, 3.0)]);
    assert_eq!(partials(c), [(a, 1.0), (b, 1.0)]);
    assert_eq!(partials(d), [(b, 1.0)]);
    // Forward, one sweep per input.
    let by_a = at.tangents(&[1.0, 0.0]).unwrap();
    let by_b = at.tangents(&[0.0, 1.0]).unwrap();
    assert_eq!([c, d, e].map(|id| by_a[id.index()]), [1.0, 0.0, 2.0]);
    assert_eq!([c, d, e].map(|id| by_b[id.index()]), [1.0, 1.0, 5.0]);
    // Reverse, one sweep for all.
    let adjoints = at.adjoints(&[1.0]).unwrap();
    assert_eq!([e, c, d, a, b].map(|id| adjoints[id.index()]), [1.0, 2.0, 3.0, 2.0, 5.0]);
    assert!(at.tangents(&[1.0]).unwrap_err().is_length());
    assert!(at.adjoints(&[]).unwrap_err().is_length());
    assert!(f.linearize_at(&[1.0]).err().unwrap().is_length());
}

#[test]
fn a_linearisation_follows_activity_and_auxiliary_outputs() {
    let f = Function::trace(["w", "x"], |[w, x]| (("y", [w * x, w - x]), wengert::aux(("z", w * w)))).unwrap();
    let f = f.wrt(["w"]).unwrap();
    let at = f.linearize_at(&[3.0f32, 5.0]).unwrap();
    assert_eq!(at.outputs(), [15.0, -2.0, 9.0]);
    let [y0, y1, z] = f.output_nodes().collect::<Vec<_>>()[..] else { panic!("{f}") };
    let tangents = at.tangents(&[1.0]).unwrap();
    assert_eq!([y0, y1, z].map(|id| tangents[id.index()]), [5.0, 1.0, 6.0]);
    assert_eq!(at.adjoints(&[10.0, 1.0]).unwrap()[..2], [51.0, 0.0]);
    assert_eq!(at.partials(y0).collect::<Vec<_>>().len(), 1);
}

#[test]
fn the_worked_example_drawn() {
    expect![[r#"
        digraph {
          rankdir=BT;
          node [shape=box, style=rounded];
          n0 [label="a\n= 2\n∂/∂a = 1\n∂/∂b = 0\nadjoint 2", style=bold];
          n1 [label="b\n= 1\n∂/∂a = 0\n∂/∂b = 1\nadjoint 5", style=bold];
          n2 [label="add\n= 3\n∂/∂a = 1\n∂/∂b = 1\nadjoint 2"];
          n3 [label="1", shape=plain];
          n4 [label="add\n= 2\n∂/∂a = 0\n∂/∂b = 1\nadjoint 3"];
          n5 [label="mul\noutput e\n= 6\n∂/∂a = 2\n∂/∂b = 5\nadjoint 1"];
          n0 -> n2 [label="1"];
          n1 -> n2 [label="1"];
          n1 -> n4 [label="1"];
          n3 -> n4;
          n2 -> n5 [label="2"];
          n4 -> n5 [label="3"];
        }
    "#]]
    .assert_eq(&example().to_dot_at(&[2.0, 1.0]).unwrap());
    expect![[r#"
        flowchart BT
          n0["a"]
          n1["b"]
          n2("add")
          n3(["1"])
          n4("add")
          n5("mul<br>output e")
          n0 --> n2
          n1 --> n2
          n1 --> n4
          n3 --> n4
          n2 --> n5
          n4 --> n5
    "#]]
    .assert_eq(&example().to_mermaid());
    let mermaid = example().to_mermaid_at(&[2.0, 1.0]).unwrap();
    assert!(mermaid.contains("n2 -->|\"2\"| n5"), "{mermaid}");
}

#[test]
fn parallel_edges_masks_and_several_outputs_are_drawn() {
    let f = Function::trace(("x", 2), |x| (x[0] * x[0], select(x[0].lt(x[1]), x[1], 0.25).powi(3))).unwrap();
    let dot = f.to_dot_at(&[3.0, 1.0 / 3.0]).unwrap();
    assert_eq!(dot.matches(r#"n0 -> n2 [label="3"]"#).count(), 2, "{dot}");
    assert!(dot.contains("lt\\n= false\"") && dot.contains("powi[3]\\noutput y1\\n= 0.015625"), "{dot}");
    assert!(dot.contains("x[1]\\n= 0.333333\\n∂/∂x[0] = 0\\n∂/∂x[1] = 1\""), "{dot}");
    assert!(!dot.contains("adjoint"));
    assert_eq!(f.to_dot().matches(" -> ").count(), f.graph().petgraph().edge_count());
}

#[test]
fn cost_counts_operations_and_library_calls() {
    let f = Function::trace(["x", "y"], |[x, y]| x.powi(2) + y.powi(3) + x.powi(40) + (x * y).exp().max(x)).unwrap();
    let cost = f.cost();
    assert_eq!((cost.total(), cost.of("powi"), cost.of("add"), cost.of("sin")), (9, 3, 3, 0));
    // exp, and the high power, which is not a chain of products.
    assert_eq!(cost.calls(), 2);
    assert_eq!(cost.to_string(), "9 operations, 2 library calls: add 3, powi 3, exp 1, max 1, mul 1");
    let calls = |op: Op| {
        let dtype = op.operands()[0] == wengert::op::DType::Float;
        dtype && op.arity() == 1 && {
            let text = format!("function f64 (x: %0) -> (y: %1) {{ %1 = {op} %0 }}");
            Function::parse(&text).unwrap().cost().calls() == 1
        }
    };
    let called: Vec<&str> = Op::ALL.iter().filter(|&&op| calls(op)).map(|op| op.name()).collect();
    assert!(
        ["exp", "ln", "sin", "tanh", "sigmoid", "softplus", "erf", "norm_cdf", "lgamma", "polygamma"]
            .iter()
            .all(|op| called.contains(op))
    );
    assert!(["neg", "sqrt", "abs", "relu", "round", "recip", "powi", "signum"].iter().all(|op| !called.contains(op)));
}

#[test]
fn a_gradient_costs_a_small_multiple() {
    for n in [10, 1000] {
        // Rosenbrock's function (H. H. Rosenbrock, 1960).
        let f = Function::trace(("x", n), |x| {
            x.windows(2).map(|w| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2)).sum::<Expr>()
        });
        let cost = f.unwrap().gradient_cost().unwrap();
        assert_eq!(cost.function.total(), (n - 1) * 7 + n - 2);
        assert!((1.0..5.0).contains(&cost.ratio()), "{cost}");
    }
    let constant = Function::trace("x", |x| x).unwrap().gradient_cost().unwrap();
    assert!(constant.ratio().is_nan());
}

#[test]
fn the_first_non_finite_value_is_found_with_its_line() {
    let line = line!() + 1;
    let f = Function::trace(["x", "y"], |[x, y]| y * (x / y).sqrt()).unwrap();
    assert!(f.first_non_finite(&[1.0, 2.0]).unwrap().is_none());
    let found = f.first_non_finite(&[1.0, 0.0]).unwrap().unwrap();
    assert_eq!((found.op, found.value, found.location.unwrap().line()), (Some(Op::Div), f64::INFINITY, line));
    assert!(matches!(found.operands[..], [Value::Num(1.0), Value::Num(0.0)]));
    assert!(found.to_string().starts_with("%2 = div(1, 0) is inf, made at tests/functions/diagnose.rs:"), "{found}");
    let input = f.first_non_finite(&[1.0, f64::NAN]).unwrap().unwrap();
    assert_eq!(input.to_string(), "%1 = y is NaN");
    assert!(f.first_non_finite(&[1.0]).unwrap_err().is_length());
}

#[test]
fn branches_not_taken_and_constants_are_passed_over_and_the_width_counts() {
    let f = Function::trace("x", |x| select(x.gt(0.0), x.ln(), x.min(f64::INFINITY))).unwrap();
    assert!(f.first_non_finite(&[-1.0]).unwrap().is_none());
    assert!(f.first_non_finite(&[f64::INFINITY]).unwrap().is_some());
    let exp = |width| Function::trace_in(width, "x", |x| x.exp()).unwrap().first_non_finite(&[100.0]).unwrap();
    assert!(exp(Width::F64).is_none());
    assert_eq!(exp(Width::F32).unwrap().op, Some(Op::Exp));
}

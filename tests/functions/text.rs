//! The text form: what is printed reads back as the same function, and no text makes the reader panic.

use crate::common::text::{of_operation, text};
use proptest::prelude::*;
use wengert::graph::Kind;
use wengert::op::{DType, Op};
use wengert::{Function, Width, aux, select};

const EXAMPLE: &str = "\
function f64 (a: %0, inactive x[2]: %1 %2, none[0]:) -> (y: %9, aux count: %3, both[2]: %0 %9) {
  %3 = add %0, %1
  %4 = const -0.0
  %5 = powi[-3] %3
  %6 = lt %0, %2
  %7 = flag true
  %8 = and %6, %7
  %9 = select %8, %4, %5
}";

/// Same signature, same nodes with the same bits, same operands.
fn assert_same(f: &Function, g: &Function) {
    assert_eq!((f.width(), f.inputs(), f.outputs()), (g.width(), g.inputs(), g.outputs()));
    fn kinds(f: &Function) -> Vec<Kind<'_>> {
        f.graph().ids().map(|id| f.graph().node(id).kind()).collect()
    }
    assert_eq!(kinds(f), kinds(g));
    let operands = |f: &Function| f.graph().ids().map(|id| f.graph().operands(id).collect()).collect::<Vec<Vec<_>>>();
    assert_eq!(operands(f), operands(g));
}

fn assert_round_trip(f: &Function) {
    f.graph().verify().unwrap();
    let text = f.to_string();
    let again = Function::parse(&text).unwrap();
    again.graph().verify().unwrap();
    assert_same(f, &again);
    assert_eq!(again.to_string(), text);
    assert_eq!(format!("{again:?}"), text);
}

#[test]
fn everything_a_function_has_is_in_its_text() {
    let f: Function = EXAMPLE.parse().unwrap();
    assert_eq!(f.to_string(), EXAMPLE);
    assert_eq!(
        f.inputs().iter().map(|x| (x.name(), x.len(), x.is_active())).collect::<Vec<_>>(),
        [("a", 1, true), ("x", 2, false), ("none", 0, true)]
    );
    assert_eq!(
        f.outputs().iter().map(|y| (y.name(), y.nodes().len(), y.is_aux())).collect::<Vec<_>>(),
        [("y", 1, false), ("count", 1, true), ("both", 2, false)]
    );
    let y: Vec<f64> = f.eval(&[1.0, 1.0, 5.0]).unwrap();
    assert_eq!(y[0].to_bits(), (-0.0f64).to_bits());
    assert_eq!(f.eval(&[1.0, 1.0, -5.0]).unwrap()[0], 0.125);
}

#[test]
fn traced_and_differentiated_functions_round_trip() {
    let f = Function::trace((["a", "b"], ("x", 3)), |([a, b], x)| {
        let r = x.iter().map(|&x| (x - a).powi(2)).sum::<wengert::Expr>().sqrt();
        let y = select(a.lt(b) | !x[0].ge(0.5), r.sin() * b, r / (b + 1.5e-9));
        (("y", y), aux(("residual", r)))
    })
    .unwrap();
    for g in [f.clone(), f.grad().unwrap(), f.wrt(["x"]).unwrap().vjp().unwrap(), f.jvp().unwrap(), f.hessian().unwrap()] {
        assert_round_trip(&g);
    }
}

#[test]
fn every_operation_round_trips() {
    for &op in Op::ALL {
        let text = of_operation(op, "f32");
        let f = Function::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(f.to_string().contains(&format!("= {op} ")), "{op} is missing in {f}");
        assert_round_trip(&f);
    }
}

#[test]
fn signatures_of_arrays_round_trip() {
    let text = "\
function f64 (w[3,2]: %0, inactive x[n,3]: %1, inactive i[n]: index %2, one[1]: %3, p[2]: %4 %5, q[n,2][2]: %6 %7, none[3][0]:) \
                -> (y: %8, aux k: %9, both[2]: %6 %7) {
  %8 = matmul %1, %0
  %9 = argmax[1] %8
}";
    let f: Function = text.parse().unwrap();
    assert_eq!(f.to_string(), text);
    assert_round_trip(&f);
    assert_eq!(f.inputs()[2].dtype(), DType::Index);
    let (q, p) = (&f.inputs()[5], &f.inputs()[4]);
    assert_eq!((q.len(), q.shape().to_string(), p.len(), p.shape().rank()), (2, "[n,2]".into(), 2, 0));
}

#[test]
fn groups_of_a_batch_round_trip() {
    let text = "\
function f64 (x[n][2]: batch 1 %0 %1, batch: %2, i[m,n]: batch 2 index %3, inactive w[n,3][2]: batch 1 %4 %5, none[n][0]: batch 1) \
                -> (y[2]: batch 1 %6 %0, aux one: batch 1 %7, all[2]: %0 %1, none[0]:) {
  %6 = add %0, %1
  %7 = mul %4, %5
}";
    let f: Function = text.parse().unwrap();
    assert_eq!(f.to_string(), text);
    assert_round_trip(&f);
    let shapes: Vec<String> = f.inputs().iter().map(|x| x.array_shape().to_string()).collect();
    assert_eq!(shapes, ["[n,2]", "[]", "[m,n]", "[n,2,3]", "[n,0]"]);
    let shapes: Vec<String> = f.outputs().iter().map(|y| f.output_shape(y).to_string()).collect();
    assert_eq!(shapes, ["[n,2]", "[n,3]", "[2,n]", "[0]"]);
    let f = Function::trace((("x", 2), "y"), |(x, y)| [x[0] * y, x[1], y]).unwrap();
    for f in [&f.vmap("n", ["x"]).unwrap(), &f.vjp().unwrap().vmap("n", ["c_y", "y"]).unwrap().vmap(3usize, ["x"]).unwrap()] {
        assert_round_trip(f);
    }
}

/// Loops and choices, with what they take from around, and their derivatives.
fn with_bodies() -> Vec<Function> {
    use wengert::{Expr, While, cond, scan, while_loop};
    let recurrent = Function::trace(["w[2,2]", "h[2]", "x[t,2]", "k[t]: index"], |[w, h, x, k]| {
        let (last, all) = scan(h, (x, k), |h, (x, k)| {
            let h = (h.matmul(w) + x + w.at(0, 1) * w.at(1, 0)).tanh();
            (h, h.gather(k, 0))
        });
        last.sum(..) + all.powi(2).sum(..)
    });
    let halving = Function::trace(["x", "y"], |[x, y]| while_loop(x, |x| x.gt(y), |x| x * 0.5 + y * 0.1));
    let bounded = Function::trace(["x", "y"], |[x, y]| While::at_most(5).run(x, |x| x.gt(y), |x| x * 0.5 + y * 0.1));
    let chosen = Function::trace(["x[3]", "y"], |[x, y]| {
        let inner = |c: Expr| cond(y.gt(c), || (x * y).sum(..), || x.prod(..) - y * -0.0);
        cond(y.lt(1.0), || inner(0.0.into()), || x.sum(..) * f64::INFINITY)
    });
    let all = [recurrent, halving, bounded, chosen].map(Result::unwrap);
    let derived = [0, 2, 3].map(|k| [all[k].grad().unwrap(), all[k].hvp().unwrap(), all[k].jvp().unwrap()]).concat();
    let mapped = [all[0].vmap("n", ["x", "k"]), all[1].vmap("n", ["x"]), all[3].grad().unwrap().vmap(2usize, ["y"])];
    [all.to_vec(), derived, mapped.map(Result::unwrap).to_vec()].concat()
}

#[test]
fn bodies_round_trip() {
    for f in with_bodies() {
        assert_round_trip(&f);
        let shape = |group: &wengert::graph::InputGroup| -> Vec<usize> {
            group.shape().axes().iter().map(|n| n.to_string().parse().unwrap_or(2)).collect()
        };
        let array = |(k, group): (usize, &wengert::graph::InputGroup)| {
            let value = |at| if group.dtype() == DType::Index { (at % 2) as f64 } else { 0.7 - 0.3 * at as f64 + 0.1 * k as f64 };
            let shape = shape(group);
            wengert::Array::new(&shape, (0..shape.iter().product()).map(value).collect()).unwrap()
        };
        let x: Vec<_> = f.inputs().iter().enumerate().map(array).collect();
        let bits = |f: &Function| {
            let y = f.run(&x).unwrap();
            y.arrays().iter().flat_map(|y| y.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>()).collect::<Vec<_>>()
        };
        assert_eq!(bits(&f), bits(&Function::parse(&f.to_string()).unwrap()));
    }
}

#[test]
fn bodies_that_do_not_fit_say_where() {
    let text = |what: &str| format!("function f64 (a: %0, x[t]: %1) -> (y: %2) {{\n%2 = {what} }}");
    let add = "{ function f64 (c: %0, x: %1) -> (c: %2) { %2 = add %0, %1 } }";
    assert_round_trip(&Function::parse(&text(&format!("final[0] of scan[1,1,t,reverse] {add} %0, %1"))).unwrap());
    let deep = |n: usize| {
        let empty = "function f64 () -> (y: %0) { %0 = const 1.0 }".to_owned();
        let nest = |f, _| format!("function f64 () -> (y: %0) {{ %0 = final[0] of scan[0,0,3] {{ {f} }} }}");
        (0..n).fold(empty, nest)
    };
    let cases = [
        (text(&format!("final[0] of loop[1] {add} %0, %1")), (2, 18), "there is no operation `loop` with bodies"),
        (text(&format!("final[1] of scan[1,1,t] {add} %0, %1")), (2, 6), "scan has no such result"),
        (
            text(&format!("final[0] of scan[2,1,t] {add} %0, %1")),
            (2, 6),
            "scan: the body does not give the 2 values to carry on that it takes",
        ),
        (
            text(&format!("final[0] of scan[1,1,n] {add} %0, %1")),
            (2, 6),
            "scan: an operand is an array [t], where an array [n] is wanted",
        ),
        (text(&format!("final[0] of scan[1,1,t] {add} %0")), (2, 6), "scan: 1 operands, not 2"),
        (text(&format!("final[0] of scan[1,1,t] {add} %0, %7")), (2, 97), "scan: %7 is not defined so far"),
        (text(&format!("each[0] of cond {add} {add} %0, %0, %0")), (2, 6), "cond has no such result"),
        (
            text(&format!("final[0] of while[2] {add} {add} %0, %0")),
            (2, 6),
            "while: the body does not give the 2 values to carry on",
        ),
        (
            text("final[0] of cond { function f32 (a: %0) -> (y: %0) {} } { function f32 (a: %0) -> (y: %0) {} } %0, %0"),
            (2, 6),
            "a body in f32 of a function in f64",
        ),
        (
            text("final[0] of cond { function f64 (a: %0) -> (y: %0) {} } { function f64 (a[2]: %0) -> (y: %0) {} } %0, %0"),
            (2, 6),
            "the bodies do not take and give the same",
        ),
        (
            text("final[0] of scan[1,0,t] { function f64 (a: %0) -> (y: %1) { %1 = broadcast[2] %0 } } %0"),
            (2, 6),
            "the body does not give the 1 values to carry on",
        ),
        (
            text("final[0] of scan[0,0,t] { function f64 (a[2]: %0 %1) -> (y: %1) { } } %0"),
            (2, 6),
            "a body takes and gives single values",
        ),
        (text("final[0] of cond { function f64 (a: %0) -> (y: %1) {\n %1 = sin } }"), (3, 7), "sin takes 1 operand, not 0"),
        (deep(120), (1, 1), "more than 100 functions in each other"),
    ];
    for (text, place, message) in cases {
        let error = Function::parse(&text).unwrap_err();
        assert!(error.is_parse() && error.to_string().contains(message), "{text}\n{error}");
        assert!(error.line_column() == Some(place) || place == (1, 1), "{text}\n{error}");
    }
}

#[test]
fn numbers_keep_their_bits() {
    let numbers = [0.0, -0.0, 1.0, 0.1, f64::MAX, f64::MIN_POSITIVE, 5e-324, -2.2e-310, f64::INFINITY, f64::NEG_INFINITY];
    let strange = [f64::NAN.to_bits(), 0xfff8_0000_0000_0000, 0x7ff0_0000_0000_0001, 0x7ff8_dead_beef_0000];
    for bits in numbers.map(f64::to_bits).into_iter().chain(strange) {
        let f = Function::trace("x", |x| x + f64::from_bits(bits)).unwrap();
        let kept = f.graph().ids().any(|id| f.graph().node(id).kind() == Kind::Const(bits));
        assert!(kept, "{f}");
        assert_round_trip(&f);
    }
    for v in [0.1f32, f32::MAX, f32::from_bits(1), -0.0, 16_777_217.0] {
        let f = Function::trace_in(Width::F32, "x", |x| x + v as f64).unwrap();
        assert!(f.to_string().contains(&format!("const {v:?}\n")), "{f}");
        assert_round_trip(&f);
    }
    // Just above the middle of two f32: through f64 it would fall on the middle and go down to the even one.
    let f: Function = "function f32 () -> (y: %0) { %0 = const 1.00000005960464477540 }".parse().unwrap();
    assert_eq!(f.graph().node(f.outputs()[0].nodes()[0]).kind(), Kind::Const((1.0 + f32::EPSILON as f64).to_bits()));
}

#[test]
fn ids_equal_nodes_and_order_of_commuting_operands_are_free() {
    let text = "
        function f64 (a: %70, b: %7) -> (y: %3) { ; a comment
          %1 = add %7, %70  %2 = add %70, %7 ; equal
          %9 = sin %1                        ; not used
          %3 = mul %1, %2 }
        ; done";
    let f = Function::parse(text).unwrap();
    assert_eq!(f.to_string(), "function f64 (a: %0, b: %1) -> (y: %3) {\n  %2 = add %0, %1\n  %3 = mul %2, %2\n}");
    assert_eq!(f.eval(&[2.0, 1.0]).unwrap(), [9.0]);
}

#[test]
fn markers_may_be_names() {
    let f = Function::parse("function f64 (inactive: %0, inactive inactive': %1) -> (aux: %0, aux aux.2: %1) {}").unwrap();
    assert_round_trip(&f);
    assert_eq!(f.inputs().iter().map(|x| x.is_active()).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn errors_say_where() {
    let body = |line: &str| format!("function f64 (a: %0, b: %1) -> (y: %2) {{\n  {line}\n}}");
    let cases = [
        (String::new(), (1, 1), "expected `function`, found the end of the text"),
        ("graph f64".into(), (1, 1), "expected `function`, found `graph`"),
        ("function f16 ()".into(), (1, 10), "`f16` is no width"),
        ("function f64 (a %0)".into(), (1, 17), "expected `:`, found `%`"),
        ("function f64 (2: %0)".into(), (1, 15), "expected the name of an input, found `2`"),
        ("function f64 (a: %0, a: %1)".into(), (1, 22), "two inputs are named `a`"),
        ("function f64 (a: %0, b: %0)".into(), (1, 25), "%0 is defined twice"),
        ("function f64 (i[2]: index %0) -> (y: %1) { %1 = sin %0 }".into(), (1, 53), "sin: %0 is an index, not a number"),
        ("function f64 (a[2]: %0 %1 %2)".into(), (1, 17), "input `a` has length 2 but 3 nodes"),
        ("function f64 (a[3][2]: %0)".into(), (1, 20), "input `a` has length 2 but 1 nodes"),
        ("function f64 (a[n]: %0 %1)".into(), (1, 17), "expected a length"),
        ("function f64 (a[3,!]: %0)".into(), (1, 19), "expected a length, found `!`"),
        ("function f64 (a[n]: batch 2 %0)".into(), (1, 27), "a batch of 2 axes, and input `a` has the shape [n]"),
        ("function f64 (a[n]: batch %0)".into(), (1, 27), "expected a number of axes, found `%`"),
        ("function f64 (a: %0) -> (y: batch 1 %0) {}".into(), (1, 35), "a batch of 1 axes, and output `y` has the shape []"),
        ("function f64 (a[n]: %0, b: %1) -> (y[2]: %0 %1) {}".into(), (1, 35), "values of the shapes [n] and []"),
        ("function f64 (a[2]: inde %0)".into(), (1, 21), "expected `index`, found `inde`"),
        ("function f64 (a[4611686018427387904]: %0)".into(), (1, 17), "larger than any memory"),
        ("function f64 (a[n]: %0) -> (y: %0, z[2]: %0) {}".into(), (1, 38), "output `z` has length 2 but 1 nodes"),
        ("function f64 (a: %0 %1)".into(), (1, 15), "input `a` has length 1 but 2 nodes"),
        ("function f64 (a[99999999999999999999]: %0)".into(), (1, 17), "out of range for a length"),
        ("function f64 () -> (a[18446744073709551615]: %0)".into(), (1, 23), "larger than any memory"),
        ("function f64 (a: %0) -> () {}".into(), (1, 25), "no output"),
        ("function f64 (a: %0) -> (y[0]:) {}".into(), (1, 25), "no output"),
        ("function f64 (a: %0) -> (y: %1) {}".into(), (1, 29), "output `y`: %1 is not defined so far"),
        ("function f64 (a: %0) -> (y: %1) {\n%1 = lt %0, %0 }".into(), (1, 29), "output `y`: %1 is a mask, not a number"),
        ("function f64 (a: %0) -> (y: %0) {\n".into(), (2, 1), "expected a node as `%5`, found the end of the text"),
        ("function f64 (a: %0) -> (y: %0) {}\n\n x".into(), (3, 2), "more text"),
        (body("%2 = frob %0, %1"), (2, 8), "there is no operation `frob`"),
        (body("%2 = add %0"), (2, 8), "add takes 2 operands, not 1"),
        (body("%2 = sin"), (2, 8), "sin takes 1 operand, not 0"),
        (body("%2 = sin %0, %1, %1, %0, %1"), (2, 8), "sin takes 1 operand, not 5"),
        (body("%2 = powi %0"), (2, 8), "powi needs a parameter, as `powi[3]`"),
        (body("%2 = sin[3] %0"), (2, 8), "sin has no parameter"),
        (body("%2 = powi[3.5] %0"), (2, 14), "expected `]`, found `.`"),
        (body("%2 = powi[2147483648] %0"), (2, 13), "`2147483648` is out of range"),
        (body("%2 = add %0, %3"), (2, 16), "add: %3 is not defined so far"),
        (body("%2 = add %0, %2"), (2, 16), "add: %2 is not defined so far"),
        (body("%3 = lt %0, %1 %2 = add %3, %0"), (2, 27), "add: %3 is a mask, not a number"),
        (body("%2 = select %0, %0, %1"), (2, 15), "select: %0 is a number, not a mask"),
        (body("%1 = neg %0"), (2, 3), "%1 is defined twice"),
        (body("%4294967296 = neg %0"), (2, 3), "`%4294967296` is no node id"),
        (body("%2 = const 1e999"), (2, 14), "`1e999` is out of range for f64"),
        (body("%2 = const infinity"), (2, 14), "`infinity` is not a number"),
        (body("%2 = const nan:3ff0000000000000"), (2, 14), "not a number"),
        (body("%2 = const %0"), (2, 14), "expected a number, found `%`"),
        (body("%2 = flag maybe"), (2, 13), "`true` or `false`, not `maybe`"),
        (body("%2 = sum %0"), (2, 12), "expected `[`, found `%`"),
        (body("%2 = sum[0] %0"), (2, 8), "sum: axis 0 of the shape []"),
        (body("%2 = broadcast[2,2] %0 %3 = sum[1, 0] %2"), (2, 31), "sum: the axes [1, 0] do not ascend"),
        (body("%2 = broadcast[3] %0 %3 = add %2, %0"), (2, 37), "add: %0 has the shape [], not [3]"),
        (body("%2 = matmul %0"), (2, 8), "matmul: 1 operands"),
        (body("%2 = matmul %0, %9"), (2, 19), "matmul: %9 is not defined so far"),
        (body("%2 = iota[3] %0"), (2, 16), "expected `[`, found `%`"),
        (body("%2 = gather[0,bunch 1] %0, %1"), (2, 17), "expected `batch`, found `bunch`"),
        (body("%2 = broadcast[5] %0 %3 = argmax[0] %2 %4 = sin %3"), (2, 51), "sin: %3 is an index, not a number"),
        (body("%2 = solve_triangular[left] %0, %1"), (2, 25), "a triangle is `lower` or `upper`, not `left`"),
        (body("%2 = broadcast[5] %0 %3 = slice[3+9223372036854775807*3] %2"), (2, 29), "reaches outside of the shape [5]"),
        (body("%2 = broadcast[5] %0 %3 = slice[3+1] %2"), (2, 38), "expected `*`, found `]`"),
        ("; é\nfunction f64 (é: %0, ö x".into(), (2, 24), "expected `:`, found `x`"),
    ];
    for (text, place, message) in cases {
        let error = Function::parse(&text).unwrap_err();
        assert!(error.is_parse());
        assert_eq!((error.line_column(), error.to_string().contains(message)), (Some(place), true), "{text}\n{error}");
    }
    let error = Function::parse("function f32 () -> (y: %0) { %0 = const 1e39 }").unwrap_err();
    assert!(error.to_string().contains("`1e39` is out of range for f32"));
}

/// Texts of functions of arrays that have every array operation.
fn array_text() -> impl Strategy<Value = String> {
    let moves = Function::trace(["x[n,4]", "i[n]: index", "m[4,4]"], |[x, i, m]| {
        let picked = m.gather(i, 1).scatter_add(i, m.shape().axes(), 1);
        let cut = wengert::Expr::concat(&[m.slice_by(1, 3, 2, -2), m.pad(0, 1, 2).slice(0, 1..5)], 1);
        (x.matmul(picked).cumsum(0).cumprod(-1), cut.prod(0), x.argmax(1), x.cross_entropy(i), x.max_of(0) - x.min_of(0))
    });
    let algebra = Function::trace(["a[s,3,3]", "b[3,2]"], |[a, b]| {
        let l = a.cholesky();
        (a.solve(b), l.solve_lower(b) + l.t().solve_upper(b), a.inverse().diag(), a.det() * a.log_det())
    });
    let texts = [moves.unwrap(), algebra.unwrap()].map(|f| [f.to_string(), f.vjp().unwrap().to_string()]).concat();
    let mapped = Function::parse(&texts[1]).unwrap().vmap("batch", ["x", "i"]).unwrap().to_string();
    let bodies = with_bodies().into_iter().map(|f| f.to_string()).collect();
    prop::sample::select([texts, vec![mapped], bodies].concat())
}

proptest! {
    #[test]
    fn printing_and_reading_are_inverse(text in prop_oneof![text(), array_text()]) {
        assert_round_trip(&Function::parse(&text).unwrap());
    }

    #[test]
    fn the_meaning_survives(text in text(), x in any::<[f64; 3]>()) {
        let f = Function::parse(&text).unwrap();
        let g = Function::parse(&f.to_string()).unwrap();
        let bits = |f: &Function| f.eval(&x).unwrap().iter().map(|y: &f64| y.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&f), bits(&g));
    }

    #[test]
    fn a_changed_text_is_read_or_refused(
        text in prop_oneof![text(), array_text()],
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4, any::<prop::sample::Index>(), any::<char>()), 1..6),
    ) {
        let mut chars: Vec<char> = text.chars().collect();
        let alphabet: Vec<char> = "0123456789%[](){}:,;=-+.> \nabcxyzfné\u{0}".chars().collect();
        for (at, edit, other, c) in edits {
            let k = at.index(chars.len() + 1);
            match edit {
                0 if k < chars.len() => { chars.remove(k); }
                1 => chars.insert(k, alphabet[other.index(alphabet.len())]),
                2 => chars.insert(k, c),
                _ => {
                    let from = other.index(chars.len() + 1);
                    let piece = chars[from.min(k)..from.max(k)].to_vec();
                    chars.splice(k..k, piece);
                }
            }
        }
        let text: String = chars.into_iter().collect();
        match Function::parse(&text) {
            Ok(f) => assert_round_trip(&f),
            Err(error) => {
                let (line, column) = error.line_column().expect("an error of the reader has a place");
                prop_assert!(line <= text.split('\n').count() && column > 0);
            }
        }
    }
}

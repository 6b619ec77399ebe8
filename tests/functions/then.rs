//! Functions that go on from others: `f.then(…)`.

use wengert::{Array, Expr, Function, Result, Width, aux, scan};

fn names(f: &Function) -> Vec<&str> {
    f.outputs().iter().map(|y| y.name()).collect()
}

#[test]
fn a_step_goes_on_from_a_gradient() -> Result<()> {
    let loss = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| ("loss", (x.matmul(w) - y).powi(2).mean(..)))?;
    let gradient = loss.wrt(["w"])?.value_and_grad()?;
    let step = gradient.then(|inputs, outputs| (("loss", outputs["loss"]), ("next_w", inputs["w"] - 0.1 * outputs["d_w"])))?;
    // The declarations are those of the loss.
    assert_eq!(step.inputs(), gradient.inputs());
    assert_eq!(names(&step), ["loss", "next_w"]);
    let inputs = [
        Array::vector(vec![1.0, -1.0]),
        Array::new([3, 2], vec![1.0, 2.0, 0.5, -1.0, 0.0, 1.0])?,
        Array::vector(vec![1.0, 0.0, 2.0]),
    ];
    let (before, after) = (gradient.run(&inputs)?, step.run(&inputs)?);
    assert_eq!(before[0], after[0]);
    for k in 0..2 {
        assert_eq!(after[1].data()[k], inputs[0].data()[k] - 0.1 * before[1].data()[k]);
    }
    Ok(())
}

#[test]
fn inputs_and_outputs_keep_what_they_are() -> Result<()> {
    let f = Function::trace_in(Width::F32, (["w[4]", "x[n,4]", "i[n]: index"], ("p", 3)), |([w, x, i], p)| {
        let (last, all) = scan(p[0], (x, i), |c, (x, i)| ((c + (w * x).sum(..) * w.gather(i, 0)).tanh(), c));
        (("last", last), aux(("all", all)), ("p", p))
    })?
    .wrt(["w", "p"])?;
    let g = f.then(|inputs, outputs| {
        assert_eq!((inputs.len(), outputs.len()), (4, 3));
        assert_eq!(inputs.names().collect::<Vec<_>>(), ["w", "x", "i", "p"]);
        assert_eq!(inputs["x"].shape(), f.inputs()[1].shape());
        assert_eq!(outputs.iter().map(|(_, values)| values.len()).collect::<Vec<_>>(), [1, 1, 3]);
        let product: Expr = inputs.values("p")?.iter().product();
        Ok((outputs, ("product", product)))
    })?;
    assert_eq!((g.inputs(), g.width()), (f.inputs(), f.width()));
    assert_eq!(names(&g), ["last", "all", "p", "product"]);
    assert!(g.outputs()[1].is_aux() && g.outputs()[2].nodes().len() == 3);
    // Derivatives go by the inputs that were active.
    assert_eq!(names(&g.only(["last"])?.grad()?), ["d_w", "d_p"]);
    Ok(())
}

#[test]
fn groups_keep_their_batch() -> Result<()> {
    let f = Function::trace(("p", 2), |p| ("q", [p[0] + p[1], p[0] * p[1]]))?.vmap("n", ["p"])?;
    let g = f.then(|inputs, outputs| Ok((outputs, ("first", inputs.values("p")?[0] * 2.0))))?;
    let rows = [("p", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])];
    let (before, after) = (f.run(rows)?, g.run(rows)?);
    assert_eq!((before[0].shape(), &before[0]), (&[3, 2][..], &after["q"]));
    assert_eq!(after["first"].data(), [2.0, 6.0, 10.0]);
    Ok(())
}

#[test]
fn handles_come_by_name_by_number_and_all_at_once() -> Result<()> {
    let f = Function::trace(["a", "b"], |[a, b]| (("sum", a + b), ("product", a * b)))?;
    let g = f.then(|inputs, outputs| {
        let [a, b] = inputs.all();
        let [sum, product] = outputs.all();
        [a - inputs["a"], b - inputs[1], sum - outputs["sum"], product - outputs[1], sum + product]
    })?;
    assert_eq!(g.eval(&[2.0, 5.0])?, [0.0, 0.0, 0.0, 0.0, 17.0]);
    // One that goes on from one that goes on.
    let twice = g.then(|_, outputs| Ok(outputs.values("y")?[4] * 2.0))?;
    assert_eq!(twice.eval(&[2.0, 5.0])?, [34.0]);
    Ok(())
}

#[test]
fn what_is_not_there_is_an_error_of_its_line() -> Result<()> {
    let f = Function::trace((["a"], ("p", 3)), |([a], p)| (("y", a), ("z", p)))?;
    let check = |made: Result<Function>, line: u32, words: &[&str]| {
        let error = made.unwrap_err();
        let at = error.location().expect("the line is known");
        assert_eq!((at.file().ends_with("then.rs"), at.line()), (true, line), "{error}");
        words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
    };
    check(f.then(|inputs, _| inputs["b"]), line!(), &["no input is named `b`", "a, p"]);
    check(f.then(|_, outputs| outputs["x"] + 1.0), line!(), &["no output is named `x`", "y, z"]);
    check(f.then(|inputs, _| inputs["p"]), line!(), &["`p` has 3 numbers", "values(\"p\")?"]);
    check(f.then(|inputs, _| inputs[2]), line!(), &["no input number 2", "2 inputs"]);
    check(f.then(|inputs, _| Ok(inputs.values("q")?.to_vec())), line!(), &["no input is named `q`"]);
    check(f.then(|inputs, _| inputs.all::<3>()), line!(), &["2 inputs (a, p)", "not 3"]);
    check(f.then(|_, outputs| (outputs[0], ("y", outputs[0]), ("y", outputs[0]))), line!(), &["two outputs are named `y`"]);
    Ok(())
}

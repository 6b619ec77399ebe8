//! Indices: what is given for them, what is computed, and how far f32 reaches.

use wengert::{Array, Function, Result, Width};

/// One more than f32 holds every whole number of, and some.
const FAR: usize = (1 << 24) + 3;

/// The interpreter's error, which native code gives in the same words.
#[track_caller]
fn refused(f: &Function, inputs: &[Array<f32>]) -> String {
    let error = f.run(inputs).unwrap_err();
    let native = f.compile().unwrap().run(inputs).unwrap_err();
    assert!(error.is_value() && native.is_value(), "{error}\n{native}");
    assert_eq!(error.to_string(), native.to_string());
    error.to_string()
}

#[test]
fn given_indices_are_whole_numbers_from_0_on() -> Result<()> {
    let f = Function::trace_in(Width::F32, ["x[3]", "i[2]: index"], |[x, i]| x.gather(i, 0))?;
    let x = Array::vector(vec![1.0, 2.0, 3.0]);
    assert_eq!(f.run(&[x.clone(), Array::vector(vec![2.0, 0.0])])?[0].data(), [3.0, 1.0]);
    for bad in [-1.0, 0.5, f32::NAN] {
        let says = refused(&f, &[x.clone(), Array::vector(vec![0.0, bad])]);
        assert!(says.contains("the input `i` has the index") && says.contains("whole number from 0 on"), "{says}");
    }
    let says = refused(&f, &[x.clone(), Array::vector(vec![0.0, 16_777_216.0])]);
    assert!(says.contains("from 16777216 on, f32 does not hold every whole number"), "{says}");
    let says = refused(&f, &[x, Array::vector(vec![0.0, 3.0])]);
    assert!(says.contains("the index 3.0 is out of range for an axis of length 3"), "{says}");
    Ok(())
}

#[test]
fn a_given_index_in_f32_reaches_no_farther_than_f32_counts() -> Result<()> {
    let f = Function::trace_in(Width::F32, ["x[n]", "i[2]: index"], |[x, i]| x.gather(i.slice(0, 0..1), 0))?;
    let inputs = [Array::vector(vec![0.5f32; FAR]), Array::vector(vec![0.0, 1.0])];
    let says = refused(&f, &inputs);
    assert!(says.contains("gather: an axis of length 16777219 is indexed by what is given in f32"), "{says}");
    assert!(says.contains("indices.rs"), "{says}");
    // In a body as well.
    let scanned = Function::trace_in(Width::F32, ["x[n]", "i[2]: index"], |[x, i]| {
        wengert::scan(0.0, i, |sum, i| (sum + x.gather(i, 0), ())).0
    })?;
    assert!(refused(&scanned, &inputs).contains("is indexed by what is given in f32"));
    // f64 counts on.
    let wide = Function::trace(["x[n]", "i[1]: index"], |[x, i]| x.gather(i, 0))?;
    let mut x = vec![0.0; FAR];
    x[FAR - 2] = 7.0;
    let y = wide.run(&[Array::vector(x), Array::vector(vec![(FAR - 2) as f64])])?;
    assert_eq!(y[0].data(), [7.0]);
    Ok(())
}

#[test]
fn computed_indices_are_whole_numbers_beyond_what_f32_counts() -> Result<()> {
    let f = Function::trace_in(Width::F32, ["x[n]", "y[n]"], |[x, y]| {
        let (most, least) = (x.argmax(0), x.argmin(0));
        (y.gather(most, 0), y.gather(least, 0), most)
    })?;
    let (mut x, mut y) = (vec![0.0f32; FAR], vec![0.0f32; FAR]);
    // Odd numbers there are no floats.
    let (most, least) = ((1 << 24) + 1, 1);
    (x[most], x[least]) = (1.0, -1.0);
    (y[most], y[least]) = (5.0, 3.0);
    let inputs = [Array::vector(x), Array::vector(y)];
    for y in [f.run(&inputs)?, f.compile()?.run(&inputs)?] {
        assert_eq!((y[0].data(), y[1].data()), (&[5.0][..], &[3.0][..]));
        // Outside it is the nearest float.
        assert_eq!(y[2].data(), [most as f32]);
    }
    Ok(())
}

#[test]
fn nothing_is_differentiated_by_an_index() -> Result<()> {
    let f = Function::trace(["x[3]", "i: index"], |[x, i]| x.gather(i, 0))?;
    let error = f.wrt(["i"]).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("`i` is an index: a whole number that says where"), "{error}");
    let line = line!() - 2;
    assert_eq!(error.location().map(|at| at.line()), Some(line));
    assert_eq!(f.grad()?.run(&[Array::vector(vec![1.0, 2.0, 3.0]), Array::scalar(1.0)])?[0].data(), [0.0, 1.0, 0.0]);
    Ok(())
}

#[test]
fn the_smallest_is_found_as_the_largest_is() -> Result<()> {
    let f = Function::trace("x[2,3]", |x| (x.argmin(1), x.argmin(0), x.argmin(..), x.argmax([0, 1])))?;
    let x = Array::new([2, 3], vec![2.0, -1.0, -1.0, 3.0, 0.0, -2.0])?;
    for y in [f.run(std::slice::from_ref(&x))?, f.compile()?.run(&[x])?] {
        let y: Vec<&[f64]> = y.arrays().iter().map(Array::data).collect();
        assert_eq!(y, [&[1.0, 2.0][..], &[0.0, 0.0, 1.0], &[5.0], &[3.0]]);
    }
    // Rows of every length, with ties: the first counts.
    let f = Function::trace("x[n,m]", |x| (x.argmin(1), x.argmax(1)))?.compile()?;
    for m in 1..70 {
        let x: Vec<f64> = (0..3 * m).map(|k| (k * 37 % 11) as f64 - 10.0 + (k / m * 5) as f64).collect();
        let first = |row: &[f64], better: fn(&f64, &f64) -> bool| {
            (0..m).find(|&k| row.iter().all(|v| !better(v, &row[k]))).expect("one of them is best") as f64
        };
        let y = f.run([("x", Array::new([3, m], x.clone())?)])?;
        assert_eq!(y[0].data(), x.chunks(m).map(|row| first(row, f64::lt)).collect::<Vec<_>>());
        assert_eq!(y[1].data(), x.chunks(m).map(|row| first(row, f64::gt)).collect::<Vec<_>>());
    }
    // A NaN is the largest and the smallest.
    let f = Function::trace("x[3]", |x| (x.argmin(0), x.argmax(0)))?;
    let of = |x: [f64; 3]| -> Result<[f64; 2]> {
        let y = f.run(&[Array::vector(x.to_vec())])?;
        Ok([y[0].data()[0], y[1].data()[0]])
    };
    assert_eq!(of([1.0, f64::NAN, 0.0])?, [1.0, 1.0]);
    assert_eq!(of([f64::NAN, 1.0, 0.0])?, [0.0, 0.0]);
    let error = Function::trace("x[0]", |x| x.argmin(0)).unwrap_err();
    assert!(error.is_shape() && error.to_string().contains("argmin"), "{error}");
    Ok(())
}

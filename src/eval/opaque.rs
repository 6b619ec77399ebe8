//! Calls of closures of doubles.

use crate::error::Result;
use crate::graph::Opaque;
use crate::op::Scalar;
use smallvec::SmallVec;
use std::panic::Location;

/// Calls a closure of doubles on numbers of either width; `indices` says which operands are indices, whose floats stand for whole numbers.
pub(crate) fn call_opaque<T: Scalar>(
    call: &Opaque,
    indices: &[bool],
    inputs: &[&[T]],
    outputs: &mut [&mut [T]],
    at: Option<&'static Location<'static>>,
) -> Result<()> {
    let doubles: Option<SmallVec<[&[f64]; 8]>> = inputs.iter().map(|x| T::as_doubles(x)).collect();
    if let Some(inputs) = doubles {
        let outputs: Option<SmallVec<[&mut [f64]; 8]>> = outputs.iter_mut().map(|y| T::as_doubles_mut(y)).collect();
        return call.run(&inputs, &mut outputs.expect("of the inputs' width"), at);
    }
    let inputs: Vec<Vec<f64>> =
        inputs.iter().zip(indices).map(|(x, &index)| x.iter().map(|&v| number(v, index)).collect()).collect();
    let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
    let mut results: Vec<Vec<f64>> = outputs.iter().map(|y| vec![0.0; y.len()]).collect();
    call.run(&inputs, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), at)?;
    let each = outputs.iter_mut().zip(&results).flat_map(|(y, result)| y.iter_mut().zip(result));
    each.for_each(|(y, &v)| *y = crate::op::lit(v));
    Ok(())
}

fn number<T: Scalar>(v: T, index: bool) -> f64 {
    if index { v.whole() as f64 } else { v.to_f64() }
}

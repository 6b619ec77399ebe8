//! Loops and choices by interpretation: the reference.

use super::array::Array;
use super::run::{Results, Run};
use crate::error::Result;
use crate::graph::{Control, Function, Nested, NodeId, Opaque, Port, stacked};
use crate::op::Scalar;
use smallvec::SmallVec;
use std::{panic::Location, rc::Rc};

impl<T: Scalar> Run<'_, T> {
    pub(super) fn control(&self, id: NodeId, nested: Nested) -> Result<Array<T>> {
        let operands: Vec<NodeId> = self.f.graph().operands(id).collect();
        let key = (std::ptr::from_ref(&**nested.control), operands);
        let known = self.nested.borrow().get(&key).cloned();
        let results = match known {
            Some(results) => results,
            None => {
                let arrays = key.1.iter().map(|&operand| self.array_of(operand).clone()).collect();
                let results = Rc::new(self.compute(nested.control, arrays, self.f.graph().node(id).location())?);
                self.nested.borrow_mut().insert(key, results.clone());
                results
            }
        };
        Ok(match nested.port {
            Port::Final(k) => &results.last[k as usize],
            Port::Each(k) => &results.each[k as usize],
            Port::Carried(k) => &results.carried[k as usize],
        }
        .clone())
    }

    fn body(&self, body: &Function, inputs: &[Array<T>]) -> Result<Vec<Array<T>>> {
        Run::new(body, self.open.clone()).all(inputs)
    }

    fn compute(&self, control: &Control, operands: Vec<Array<T>>, at: Option<&'static Location<'static>>) -> Result<Results<T>> {
        match control {
            Control::Choice { bodies: [holds, fails] } => {
                let body = if operands[0].data()[0] != T::default() { holds } else { fails };
                Ok(Results { last: self.body(body, &operands[1..])?, ..Results::default() })
            }
            // A rule says how its body differentiates, and nothing of its value.
            Control::Rule { body, .. } | Control::Remat { body } => {
                Ok(Results { last: self.body(body, &operands)?, ..Results::default() })
            }
            Control::Opaque { call, body } => {
                let shapes = crate::graph::types_out(body).into_iter().map(|(shape, _)| self.lengths(shape));
                let shapes = shapes.collect::<Result<Vec<_>>>()?;
                let mut results: Vec<Vec<T>> = shapes.iter().map(|shape| vec![T::default(); shape.iter().product()]).collect();
                let inputs: Vec<&[T]> = operands.iter().map(Array::data).collect();
                let mut outputs: Vec<&mut [T]> = results.iter_mut().map(Vec::as_mut_slice).collect();
                call_opaque(call, &inputs, &mut outputs, at)?;
                let last = shapes.into_iter().zip(results).map(|(shape, data)| Array::new(shape, data));
                Ok(Results { last: last.collect::<Result<_>>()?, ..Results::default() })
            }
            Control::While { condition, body, carries } => {
                let mut state = operands;
                while self.body(condition, &state)?[0].data()[0] != T::default() {
                    let next = self.body(body, &state)?;
                    state.splice(..carries, next);
                }
                state.truncate(*carries);
                Ok(Results { last: state, ..Results::default() })
            }
            Control::Scan { body, carries, xs, length, reverse } => {
                let n = self.lengths(stacked(*length, crate::base::Shape::SCALAR))?[0];
                let (carries, xs) = (*carries, *xs);
                let mut state: Vec<Array<T>> = operands[..carries].to_vec();
                let stack = |port: fn(u32) -> Port, count: usize| {
                    let empty = |k: usize| {
                        let shape = self.lengths(control.result(port(k as u32)).0)?;
                        let data = vec![T::default(); shape.iter().product()];
                        Array::new(shape, data)
                    };
                    (0..count).map(empty).collect::<Result<Vec<_>>>()
                };
                let mut carried = stack(Port::Carried, carries)?;
                let mut each = stack(Port::Each, body.output_len() - carries)?;
                let put = |to: &mut Array<T>, t: usize, from: &Array<T>| {
                    let len = from.data().len();
                    to.data_mut()[t * len..][..len].copy_from_slice(from.data());
                };
                for step in 0..n {
                    let t = if *reverse { n - 1 - step } else { step };
                    carried.iter_mut().zip(&state).for_each(|(to, from)| put(to, t, from));
                    let slice = |x: &Array<T>| {
                        let len = x.data().len() / n;
                        Array::new(&x.shape()[1..], x.data()[t * len..][..len].to_vec())
                    };
                    let mut inputs = state;
                    for x in &operands[carries..carries + xs] {
                        inputs.push(slice(x)?);
                    }
                    inputs.extend_from_slice(&operands[carries + xs..]);
                    let mut next = self.body(body, &inputs)?;
                    each.iter_mut().zip(next.split_off(carries)).for_each(|(to, from)| put(to, t, &from));
                    state = next;
                }
                Ok(Results { last: state, each, carried })
            }
        }
    }
}

/// Calls a closure of doubles on numbers of either width.
pub(crate) fn call_opaque<T: Scalar>(
    call: &Opaque,
    inputs: &[&[T]],
    outputs: &mut [&mut [T]],
    at: Option<&'static Location<'static>>,
) -> Result<()> {
    let doubles: Option<SmallVec<[&[f64]; 8]>> = inputs.iter().map(|x| T::as_doubles(x)).collect();
    if let Some(inputs) = doubles {
        let outputs: Option<SmallVec<[&mut [f64]; 8]>> = outputs.iter_mut().map(|y| T::as_doubles_mut(y)).collect();
        return call.run(&inputs, &mut outputs.expect("of the inputs' width"), at);
    }
    let inputs: Vec<Vec<f64>> = inputs.iter().map(|x| x.iter().map(|v| v.to_f64()).collect()).collect();
    let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
    let mut results: Vec<Vec<f64>> = outputs.iter().map(|y| vec![0.0; y.len()]).collect();
    call.run(&inputs, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), at)?;
    let each = outputs.iter_mut().zip(&results).flat_map(|(y, result)| y.iter_mut().zip(result));
    each.for_each(|(y, &v)| *y = crate::op::lit(v));
    Ok(())
}

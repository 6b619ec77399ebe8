//! Loops and choices by interpretation: the reference.

use super::arithmetic::Arithmetic;
use super::array::Array;
use super::run::{Results, Run};
use crate::error::Result;
use crate::graph::{Control, Function, Nested, NodeId, Port, Sweep, stacked, sweeps};
use crate::op::{Real, lit};
use std::{panic::Location, rc::Rc};

impl<A: Arithmetic> Run<'_, A> {
    pub(super) fn control(&self, id: NodeId, nested: Nested) -> Result<Array<A::Number>> {
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

    fn body(&self, body: &Function, inputs: &[Array<A::Number>]) -> Result<Vec<Array<A::Number>>> {
        Run::<A>::new(body, self.open.clone()).all(inputs)
    }

    /// Whether the number that a condition gives is not 0.
    fn goes(&self, number: A::Number, at: Option<&'static Location<'static>>) -> Result<bool> {
        self.check_known(at)?;
        Ok(A::Number::holds(number.ne(lit(0.0))))
    }

    /// What each sweep carries in the end.
    fn sweeps(
        &self,
        condition: &Function,
        sweeps: &[Sweep],
        operands: &[Array<A::Number>],
        at: Option<&'static Location<'static>>,
    ) -> Result<Vec<Array<A::Number>>> {
        let mut parts = sweeps::parts(sweeps);
        let shared = &operands[parts.pop().expect("what is shared is the last part")];
        // Turn by turn, what sweeps have left for later ones.
        let mut records: Vec<Vec<Array<A::Number>>> = vec![];
        let mut last = vec![];
        for (k, (sweep, own)) in sweeps.iter().zip(parts).enumerate() {
            let mut state = operands[own].to_vec();
            let mut turn = 0;
            loop {
                if k == 0 {
                    let given = [&state[..], shared].concat();
                    if !self.goes(self.body(condition, &given)?[0].data()[0], at)? {
                        break;
                    }
                    records.push(vec![]);
                } else if turn == records.len() {
                    break;
                }
                let at = if k % 2 == 0 { turn } else { records.len() - 1 - turn };
                let mut next = self.body(&sweep.body, &[&records[at][..], &state, shared].concat())?;
                let rest = next.split_off(sweep.carries);
                records[at].extend(state.into_iter().chain(rest));
                state = next;
                turn += 1;
            }
            last.extend(state);
        }
        Ok(last)
    }

    fn compute(
        &self,
        control: &Control,
        operands: Vec<Array<A::Number>>,
        at: Option<&'static Location<'static>>,
    ) -> Result<Results<A::Number>> {
        let zero: A::Number = lit(0.0);
        match control {
            Control::Choice { bodies: [holds, fails] } => {
                let body = if self.goes(operands[0].data()[0], at)? { holds } else { fails };
                Ok(Results { last: self.body(body, &operands[1..])?, ..Results::default() })
            }
            Control::Rule { body, rule } => {
                Ok(Results { last: A::ruled(body, rule, &self.open, &operands)?, ..Results::default() })
            }
            Control::Remat { body } => Ok(Results { last: self.body(body, &operands)?, ..Results::default() }),
            Control::Opaque { call, body } => {
                let shapes = crate::graph::types_out(body).into_iter().map(|(shape, _)| self.lengths(shape));
                let shapes = shapes.collect::<Result<Vec<_>>>()?;
                let mut results: Vec<Vec<A::Number>> = shapes.iter().map(|shape| vec![zero; shape.iter().product()]).collect();
                let inputs: Vec<&[A::Number]> = operands.iter().map(Array::data).collect();
                let mut outputs: Vec<&mut [A::Number]> = results.iter_mut().map(Vec::as_mut_slice).collect();
                A::call(call, &body.index_inputs(), &inputs, &mut outputs, at)?;
                let last = shapes.into_iter().zip(results).map(|(shape, data)| Array::new(shape, data));
                Ok(Results { last: last.collect::<Result<_>>()?, ..Results::default() })
            }
            Control::While { condition, body, carries } => {
                let mut state = operands;
                while self.goes(self.body(condition, &state)?[0].data()[0], at)? {
                    let next = self.body(body, &state)?;
                    state.splice(..carries, next);
                }
                state.truncate(*carries);
                Ok(Results { last: state, ..Results::default() })
            }
            Control::Sweeps { condition, sweeps } => {
                Ok(Results { last: self.sweeps(condition, sweeps, &operands, at)?, ..Results::default() })
            }
            Control::Scan { body, carries, xs, length, reverse, .. } => {
                let n = self.lengths(stacked(*length, crate::base::Shape::SCALAR))?[0];
                let (carries, xs) = (*carries, *xs);
                let mut state: Vec<Array<A::Number>> = operands[..carries].to_vec();
                let stack = |port: fn(u32) -> Port, count: usize| {
                    let empty = |k: usize| {
                        let shape = self.lengths(control.result(port(k as u32)).0)?;
                        let data = vec![zero; shape.iter().product()];
                        Array::new(shape, data)
                    };
                    (0..count).map(empty).collect::<Result<Vec<_>>>()
                };
                let mut carried = stack(Port::Carried, carries)?;
                let mut each = stack(Port::Each, body.output_len() - carries)?;
                let put = |to: &mut Array<A::Number>, t: usize, from: &Array<A::Number>| {
                    let len = from.data().len();
                    to.data_mut()[t * len..][..len].copy_from_slice(from.data());
                };
                for step in 0..n {
                    let t = if *reverse { n - 1 - step } else { step };
                    carried.iter_mut().zip(&state).for_each(|(to, from)| put(to, t, from));
                    let slice = |x: &Array<A::Number>| {
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

//! How sets of columns flow through operations with bodies. A scan's length is known, so its steps are gone through one by one; a loop of
//! an unknown number of steps is repeated until nothing changes any more.

use super::known::Known;
use super::value::{Flow, count, everywhere, lengths};
use crate::base::Axis;
use crate::base::sets;
use crate::base::sets::{Set, Sets, union, union_all};
use crate::error::Result;
use crate::eval::Array;
use crate::graph::{Control, Derivative, Function, Nested, NodeId, Port, Type, numbers, types_in, types_out};
use crate::op::DType;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// The results of operations that several nodes stand for: by operation and operands.
pub(super) type Nests = FxHashMap<(*const Control, Vec<NodeId>), Rc<Results>>;

/// By number of the port.
#[derive(Default)]
pub(super) struct Results {
    last: Vec<Flow>,
    each: Vec<Flow>,
    carried: Vec<Flow>,
}

/// Rounds of a loop after which all that is carried is taken to depend on all that any of it depends on.
const ROUNDS: usize = 64;

/// How the flows of a body's outputs follow from those of its inputs.
type OfBody = fn(&Function, &Known, Vec<Flow>) -> Result<Vec<Flow>>;

/// One result of an operation with bodies.
pub(super) fn result(
    nests: &mut Nests,
    nested: Nested,
    operands: Vec<NodeId>,
    given: impl FnOnce(&[NodeId]) -> Vec<Flow>,
    of_body: OfBody,
) -> Result<Flow> {
    let key = (std::ptr::from_ref(&**nested.control), operands);
    let results = match nests.get(&key) {
        Some(results) => results.clone(),
        None => {
            let results = Rc::new(through(nested.control, given(&key.1), of_body)?);
            nests.insert(key, results.clone());
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

fn through(control: &Control, operands: Vec<Flow>, of_body: OfBody) -> Result<Results> {
    match control {
        Control::Choice { bodies } => {
            let known = operands[0].known.as_ref().map(|number| number.data()[0]);
            let inputs = &operands[1..];
            let run = |body: &Function| of_body(body, &known_in(body, inputs)?, inputs.to_vec());
            let last = match known {
                Some(number) => run(&bodies[usize::from(number == 0.0)])?,
                None => run(&bodies[0])?.into_iter().zip(run(&bodies[1])?).map(|(a, b)| both(a, b)).collect(),
            };
            Ok(Results { last, ..Results::default() })
        }
        Control::Remat { body } => {
            Ok(Results { last: of_body(body, &known_in(body, &operands)?, operands)?, ..Results::default() })
        }
        Control::Rule { body, rule } => Ok(Results { last: by_rule(body, rule, operands, of_body)?, ..Results::default() }),
        // What a closure does nobody knows; nor how many turns there are.
        Control::Opaque { .. } | Control::Sweeps { .. } => {
            let all = union_all(operands.iter().flat_map(|flow| &flow.sets));
            let result = |(shape, dtype)| {
                let sets = everywhere(all.clone().filter(|_| dtype == DType::Float), count(shape));
                Flow { sets, known: None }
            };
            Ok(Results { last: control.gives().into_iter().map(result).collect(), ..Results::default() })
        }
        Control::While { body, carries, .. } => {
            // Nobody knows which numbers a later step carries.
            let mut state = operands;
            state[..*carries].iter_mut().for_each(|flow| flow.known = None);
            let known = known_in(body, &state)?;
            for round in 0.. {
                let next = of_body(body, &known, state.clone())?;
                let more: Vec<Flow> = next.into_iter().zip(&state).map(|(next, old)| both(old.clone(), next)).collect();
                if more.iter().zip(&state).all(|(more, old)| same(&more.sets, &old.sets)) {
                    break;
                }
                state.splice(..*carries, more);
                if round == ROUNDS {
                    let all = union_all(state.iter().flat_map(|flow| &flow.sets));
                    for (flow, (shape, dtype)) in state[..*carries].iter_mut().zip(types_out(body)) {
                        flow.sets = everywhere(all.clone().filter(|_| dtype == DType::Float), count(shape));
                    }
                }
            }
            state.truncate(*carries);
            Ok(Results { last: state, ..Results::default() })
        }
        Control::Scan { body, carries, xs, length, reverse, .. } => {
            let Axis::Fixed(n) = *length else { unreachable!("open axes were replaced") };
            let (carries, xs) = (*carries, *xs);
            let kept = steady(body, carries, &operands);
            let mut state: Vec<Flow> = operands[..carries].to_vec();
            state.iter_mut().zip(&kept).filter(|(_, kept)| !**kept).for_each(|(flow, _)| flow.known = None);
            let types = types_in(body);
            let step_inputs = |state: &[Flow], t: usize| -> Vec<Flow> {
                let read = operands[carries..carries + xs].iter().zip(&types[carries..]);
                let read = read.map(|(flow, (shape, _))| part(flow, t, &lengths(*shape)));
                state.iter().cloned().chain(read).chain(operands[carries + xs..].iter().cloned()).collect()
            };
            let mut carried = vec![vec![Flow::default(); n]; carries];
            let mut each = vec![vec![Flow::default(); n]; body.output_len() - carries];
            let mut known = None;
            for step in 0..n {
                let t = if *reverse { n - 1 - step } else { step };
                carried.iter_mut().zip(&state).for_each(|(steps, flow)| steps[t] = flow.clone());
                let inputs = step_inputs(&state, t);
                let known = match &known {
                    Some(known) => known,
                    None => known.insert(known_in(body, &inputs)?),
                };
                let mut next = of_body(body, known, inputs)?;
                each.iter_mut().zip(next.split_off(carries)).for_each(|(steps, flow)| steps[t] = flow);
                next.iter_mut().zip(&kept).filter(|(_, kept)| !**kept).for_each(|(flow, _)| flow.known = None);
                state = next;
            }
            let of_inputs = types[..carries].iter().map(|(shape, _)| *shape);
            let of_outputs = types_out(body).into_iter().skip(carries).map(|(shape, _)| shape);
            Ok(Results {
                last: state,
                carried: carried.into_iter().zip(of_inputs).map(|(steps, shape)| stacked(steps, &lengths(shape))).collect(),
                each: each.into_iter().zip(of_outputs).map(|(steps, shape)| stacked(steps, &lengths(shape))).collect(),
            })
        }
    }
}

/// The rule says which operands a derivative flows from, not the body.
fn by_rule(body: &Function, rule: &Derivative, operands: Vec<Flow>, of_body: OfBody) -> Result<Vec<Flow>> {
    let results = types_out(body);
    let given = operands.iter().map(|flow| Flow { sets: Sets::new(), known: flow.known.clone() });
    let active: Vec<Sets> = operands
        .iter()
        .zip(types_in(body))
        .filter(|(_, (_, dtype))| *dtype == DType::Float)
        .map(|(x, _)| x.sets.clone())
        .collect();
    // A rule may be written with the results, which are numbers to it like the operands.
    let unknown = results.iter().map(|_| Flow::default());
    let run = |f: &Function, inputs: Vec<Flow>| of_body(f, &known_in(f, &inputs)?, inputs);
    let mut tangents: Vec<Sets> = match rule {
        Derivative::Jvp(f) => {
            let tangents = active.into_iter().map(|sets| Flow { sets, known: None });
            run(f, given.chain(unknown).chain(tangents).collect())?.into_iter().map(|flow| flow.sets).collect()
        }
        Derivative::Vjp(f) => {
            // The places of cotangents that an operand's number depends on are those of results that depend on it.
            let mut place = 0;
            let cotangents = numbers(&results).into_iter().map(|(shape, _)| {
                let first = place;
                place += count(shape) as u32;
                Flow { sets: (first..place).map(sets::one).collect(), known: None }
            });
            let cotangents: Vec<Flow> = cotangents.collect();
            let adjoints = run(f, given.chain(unknown).chain(cotangents).collect())?;
            let mut all: Vec<Vec<Set>> = vec![vec![]; place as usize];
            for (adjoint, own) in adjoints.iter().zip(&active) {
                for (from, set) in adjoint.sets.iter().zip(own) {
                    sets::columns(from).iter().for_each(|&result| all[result as usize].push(set.clone()));
                }
            }
            let mut all = all.iter().map(union_all);
            numbers(&results).into_iter().map(|(shape, _)| all.by_ref().take(count(shape)).collect()).collect()
        }
    };
    tangents.reverse();
    let flow = |(_, dtype): &Type| {
        let sets = if *dtype == DType::Float { tangents.pop().unwrap_or_default() } else { Sets::new() };
        Flow { sets, known: None }
    };
    Ok(results.iter().map(flow).collect())
}

fn known_in(body: &Function, inputs: &[Flow]) -> Result<Known> {
    Known::new(body, &inputs.iter().map(|flow| flow.known.is_some()).collect::<Vec<_>>())
}

/// Which carried values are known at every step, as they were known at first and come of nothing unknown.
fn steady(body: &Function, carries: usize, operands: &[Flow]) -> Vec<bool> {
    let graph = body.graph();
    let mut given: Vec<bool> = operands.iter().map(|flow| flow.known.is_some()).collect();
    loop {
        let mut known = given.clone();
        for id in graph.ids().skip(given.len()) {
            known.push(graph.operands(id).all(|operand| known[operand.index()]));
        }
        let lost = body.output_nodes().take(carries).enumerate().filter(|&(k, id)| given[k] && !known[id.index()]);
        let lost: Vec<usize> = lost.map(|(k, _)| k).collect();
        if lost.is_empty() {
            given.truncate(carries);
            return given;
        }
        lost.into_iter().for_each(|k| given[k] = false);
    }
}

/// What depends on either.
fn both(a: Flow, b: Flow) -> Flow {
    let sets = match (a.sets.is_empty(), b.sets.is_empty()) {
        (true, _) => b.sets,
        (_, true) => a.sets,
        _ => a.sets.into_iter().zip(b.sets).map(|(a, b)| union(a, b)).collect(),
    };
    Flow { sets, known: a.known.filter(|a| Some(a) == b.known.as_ref()) }
}

fn same(a: &Sets, b: &Sets) -> bool {
    let empty = |sets: &Sets| sets.iter().all(Option::is_none);
    empty(a) && empty(b) || a == b
}

/// A step's part of what is read along the first axis.
fn part(flow: &Flow, t: usize, shape: &[usize]) -> Flow {
    let len: usize = shape.iter().product();
    let sets: Sets = flow.sets.iter().skip(t * len).take(len).cloned().collect();
    let known = flow.known.as_ref();
    let known = known.and_then(|all| Array::new(shape, all.data()[t * len..(t + 1) * len].to_vec()).ok());
    Flow { sets, known }
}

/// The parts of all steps along a new first axis.
fn stacked(steps: Vec<Flow>, shape: &[usize]) -> Flow {
    let len: usize = shape.iter().product();
    let numbers: Option<Vec<&[f64]>> = steps.iter().map(|flow| flow.known.as_ref().map(Array::data)).collect();
    let known = numbers.and_then(|numbers| Array::new([&[steps.len()], shape].concat(), numbers.concat()).ok());
    let none = || smallvec::smallvec![None::<Rc<Vec<u32>>>; len];
    let sets = |flow: Flow| -> smallvec::SmallVec<[Set; 2]> { if flow.sets.is_empty() { none() } else { flow.sets } };
    let any = steps.iter().any(|flow| !flow.sets.is_empty());
    Flow { sets: if any { steps.into_iter().flat_map(sets).collect() } else { Sets::new() }, known }
}

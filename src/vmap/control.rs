//! Operations with bodies over a new leading axis: their bodies are mapped.

use super::bodies::{chosen, condition_varies, mapped, outputs, types};
use super::mapped::{Mapped, Walk, run, spread, with_axis};
use crate::base::{Axis, Shape};
use crate::error::Result;
use crate::graph::{Control, Derivative, Expr, Flow, Function, Nested, Port, SharedControl, States, Type, make_body, types_in};
use crate::op::{ArrayOp, DType, Value, select};
use std::panic::Location;

/// An operation over the axis: made once for all of its results, as its bodies may nest.
pub(super) enum Batch {
    /// An operation again.
    Node {
        made: SharedControl,
        operands: Vec<Expr>,
        /// What the axis reaches, if not everything.
        flow: Option<Flow>,
        /// Whether every step of it is a sample.
        samples: bool,
    },
    /// The results themselves.
    Results(Vec<Expr>),
    /// The operation as it was: no operand has the axis.
    Shared(Vec<Expr>),
}

impl Batch {
    /// A result, and whether it has the axis.
    pub(super) fn result(&self, Nested { control, port }: Nested) -> (Expr, bool) {
        match (self, port) {
            (Batch::Shared(operands), _) => (apply(control, port, operands), false),
            (Batch::Results(results), Port::Final(k)) => (results[k as usize], true),
            (Batch::Results(_), _) => unreachable!("a choice has no other results"),
            (Batch::Node { made, operands, samples: true, .. }, Port::Final(k)) => (apply(made, Port::Each(k), operands), true),
            (Batch::Node { made, operands, flow, .. }, _) => {
                let batched = flow.as_ref().is_none_or(|flow| flow.reaches(control, port));
                let result = apply(made, port, operands);
                // Steps stay in front of samples.
                (if batched && !matches!(port, Port::Final(_)) { swapped(result) } else { result }, batched)
            }
        }
    }
}

/// A result of an operation.
fn apply(control: &SharedControl, port: Port, operands: &[Expr]) -> Expr {
    crate::eval::result(Nested { control, port }, operands)
}

/// The operation over the axis, or why there is none.
pub(super) fn control(control: &SharedControl, operands: &[Mapped], axis: Axis, walk: Walk) -> Result<Batch> {
    let values: Vec<Expr> = operands.iter().map(|x| x.value.num()).collect();
    let mut marked: Vec<bool> = operands.iter().map(|x| x.batched).collect();
    let node = |made: Control, operands: Vec<Expr>, flow| Ok(Batch::Node { made: made.into(), operands, flow, samples: false });
    if !marked.contains(&true) {
        return Ok(Batch::Shared(values));
    }
    match &**control {
        Control::Choice { bodies } if marked[0] => {
            let mut results = bodies.iter().map(|body| outputs(body, &values[1..], &marked[1..], axis, walk));
            let (holds, fails) = (results.next().expect("two"), results.next().expect("two"));
            let each = holds.into_iter().zip(fails);
            Ok(Batch::Results(each.map(|(a, b)| chosen("cond", values[0], a, b)).collect::<Result<_>>()?))
        }
        Control::Choice { bodies: [holds, fails] } => {
            let flow = control.flow(&marked);
            let mapped = |body| mapped(body, &flow.inputs, &flow.outputs, axis, walk);
            let made = Control::Choice { bodies: [mapped(holds)?, mapped(fails)?] };
            node(made, values, Some(flow))
        }
        Control::Remat { body } => {
            let flow = control.flow(&marked);
            let body = mapped(body, &flow.inputs, &flow.outputs, axis, walk)?;
            node(Control::Remat { body }, values, Some(flow))
        }
        // With the axis in every number, its adjoint has it, too; the sum over samples is the transpose of spreading it.
        Control::Rule { body, rule } => {
            let inputs = types_in(body);
            let with = |k: usize| marked[k] || inputs[k].1 == DType::Float;
            let marks: Vec<bool> = (0..inputs.len()).map(with).collect();
            let results = vec![true; body.output_len()];
            let more = |f: &Function| vec![true; f.input_len() - marks.len()];
            let derivative = |f: &Function| {
                let of_all = vec![true; f.output_len()];
                mapped(f, &[&marks[..], &more(f)].concat(), &of_all, axis, walk)
            };
            let rule = match rule {
                Derivative::Jvp(f) => Derivative::Jvp(derivative(f)?),
                Derivative::Vjp(f) => Derivative::Vjp(derivative(f)?),
            };
            let made = Control::Rule { body: mapped(body, &marks, &results, axis, walk)?, rule };
            node(made, spread_marked(operands, &marks, axis), None)
        }
        // Sample by sample: the steps of a loop that carries nothing.
        Control::Opaque { body, .. } => {
            let (inputs, width) = (types_in(body), body.width());
            let order: Vec<usize> = [true, false]
                .into_iter()
                .flat_map(|batched| (0..inputs.len()).filter(|&k| marked[k] == batched).collect::<Vec<_>>())
                .collect();
            let types: Vec<Type> = order.iter().map(|&k| inputs[k]).collect();
            let step = make_body(width, &types, Location::caller(), |args| {
                let mut own = args.to_vec();
                order.iter().zip(args).for_each(|(&k, &x)| own[k] = x);
                let result = |k: u32| apply(control, Port::Final(k), &own);
                (0..body.output_len() as u32).map(result).collect()
            })?;
            let xs = marked.iter().filter(|m| **m).count();
            let made = Control::Scan { body: step, carries: 0, xs, length: axis, reverse: false, states: States::All };
            let operands = order.iter().map(|&k| values[k]).collect();
            Ok(Batch::Node { made: made.into(), operands, flow: None, samples: true })
        }
        Control::While { condition, body, carries } => {
            let at = Location::caller();
            let mut flow = control.flow(&marked);
            // Samples that stop earlier than others are left as they are from there on.
            let apart = condition_varies(condition, &flow.inputs);
            if apart {
                marked[..*carries].fill(true);
                flow = control.flow(&marked);
            }
            let types = types(&types_in(body), &flow.inputs, axis);
            let carried: Vec<Expr> = spread_marked(operands, &flow.inputs[..*carries], axis);
            let operands = [&carried[..], &values[*carries..]].concat();
            if !apart {
                let made = Control::While {
                    condition: mapped(condition, &flow.inputs, &[false], axis, walk)?,
                    body: mapped(body, &flow.inputs, &flow.outputs, axis, walk)?,
                    carries: *carries,
                };
                return node(made, operands, Some(flow));
            }
            let mut problem = None;
            let width = body.width();
            let any = make_body(width, &types, at, |args| {
                let each = outputs(condition, args, &flow.inputs, axis, walk);
                vec![select(each[0].ne(0.0), 1.0, 0.0).sum(..)]
            })?;
            let step = make_body(width, &types, at, |args| {
                let holds = outputs(condition, args, &flow.inputs, axis, walk)[0];
                let next = outputs(body, args, &flow.inputs, axis, walk);
                let kept = args.iter().zip(next).map(|(&old, new)| {
                    chosen("while", holds, new, old).unwrap_or_else(|error| {
                        problem.get_or_insert(error);
                        old
                    })
                });
                kept.collect::<Vec<_>>()
            });
            if let Some(problem) = problem {
                return Err(problem);
            }
            let made = Control::While { condition: any, body: step?, carries: *carries };
            node(made, operands, None)
        }
        Control::Sweeps { condition, sweeps } => {
            let (made, flow) = super::sweeps::mapped(condition, sweeps, &marked, axis, walk)?;
            let carried = operands.len() - (sweeps[0].body.input_len() - sweeps[0].carries);
            let marks = flow.as_ref().map_or(vec![true; carried], |flow| flow.inputs[..carried].to_vec());
            let carried_made = spread_marked(operands, &marks, axis);
            node(made, [&carried_made[..], &values[carried..]].concat(), flow)
        }
        Control::Scan { body, carries, xs, length, reverse, states } => {
            let flow = control.flow(&marked);
            let body = mapped(body, &flow.inputs, &flow.outputs, axis, walk)?;
            let made = Control::Scan { body, carries: *carries, xs: *xs, length: *length, reverse: *reverse, states: *states };
            let mut operands_made = spread_marked(operands, &flow.inputs[..*carries], axis);
            // Steps stay in front of samples.
            operands_made.extend((*carries..carries + xs).map(|k| if marked[k] { swapped(values[k]) } else { values[k] }));
            operands_made.extend(&values[carries + xs..]);
            node(made, operands_made, Some(flow))
        }
    }
}

fn spread_marked(operands: &[Mapped], marked: &[bool], axis: Axis) -> Vec<Expr> {
    let spread = |(x, &marked): (&Mapped, &bool)| if marked { spread(*x, axis).num() } else { x.value.num() };
    operands.iter().zip(marked).map(spread).collect()
}

/// The first two axes exchanged.
fn swapped(x: Expr) -> Expr {
    let order: Vec<usize> = [1, 0].into_iter().chain(2..x.rank()).collect();
    run(ArrayOp::Permute(order), &[Value::Num(x)]).num()
}

/// A result of no samples' shape, where an error has been recorded.
pub(super) fn nothing(shape: Shape, axis: Axis) -> Expr {
    Expr::full(f64::NAN, with_axis(axis, shape))
}

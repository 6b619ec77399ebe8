//! Derivatives of operations with bodies, which are such operations again: forward mode carries tangents beside the values;
//! reverse mode runs the adjoints of the steps in the other direction, each from what the step was given to carry.

use super::backward::Backward;
use super::groups::{Bodies, Group, apply, chosen, place, refused};
use super::rules::Ruled;
use super::shelf::{self, Coefficients, coefficients};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{
    Control, Derivative, Expr, Function, NestedOp, NodeId, Port, SharedControl, Type, make_body, types_in, types_out,
};
use crate::jet::Series;
use crate::op::{DType, Real, lit};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// The series of a body's results, of series of the marked inputs: all values are followed by the first coefficients of those that are
/// marked, then by the second, and so on.
fn series_of(body: &Function, inputs: &[bool], outputs: &[bool], order: usize, group: &Group) -> Result<Function> {
    if order == 1 {
        return (group.bodies.jvp)(&body.marked(inputs, outputs));
    }
    let types = types_in(body);
    let all = [&types[..], &chosen(&types, inputs).repeat(order)].concat();
    make_body(body.width(), &all, group.at, |args| {
        let (values, rest) = args.split_at(types.len());
        let count = inputs.iter().filter(|m| **m).count();
        let series = |k: usize| match inputs[k] {
            true => (0..=order)
                .map(|j| if j == 0 { values[k] } else { rest[(j - 1) * count + place(inputs, k as u32) as usize] })
                .collect(),
            false => vec![values[k]],
        };
        let all = coefficients(body, order, &(0..types.len()).map(series).collect::<Vec<_>>());
        let at = |j: usize| all.iter().map(|y| y[j]).collect::<Vec<Expr>>();
        (1..=order).fold(at(0), |found, j| [found, chosen(&at(j), outputs)].concat())
    })
}

impl<'f> Group<'f> {
    fn ruled<'a, S>(&'a self, body: &'a Function, rule: &'a Derivative, values: &'a [S]) -> Ruled<'a, S> {
        Ruled { control: self.control, body, rule, values }
    }

    /// Each result that is a number, with one of these values, in order.
    fn with_numbers<T: Copy>(&self, of_numbers: &[T]) -> Vec<(Port, NodeId, T)> {
        let results = types_out(self.control.body());
        let float: Vec<bool> = results.iter().map(|(_, dtype)| *dtype == DType::Float).collect();
        let members = self.members.iter().filter_map(|&(port, id)| match port {
            Port::Final(k) if float[k as usize] => Some((port, id, of_numbers[place(&float, k) as usize])),
            _ => None,
        });
        members.collect()
    }

    /// That nobody has said how it differentiates.
    fn without_rule(&self, what: &str) -> Error {
        let message = format!("{what}: give it one with custom_jvp or custom_vjp");
        Error::new(ErrorKind::Unsupported, message).at(Some(self.at))
    }

    /// The tangents of the results, from those of the operands.
    pub(super) fn push<S: Real>(&self, values: &[S], tangents: &[Option<S>]) -> Result<Vec<(NodeId, S)>> {
        if let Control::Rule { body, rule } = &**self.control {
            let pushed = if tangents.iter().any(Option::is_some) {
                self.ruled(body, rule, values).push(tangents)
            } else {
                return Ok(vec![]);
            };
            return Ok(self.with_numbers(&pushed).into_iter().map(|(_, id, t)| (id, t)).collect());
        }
        let pushed = self.push_series(values, &[tangents.to_vec()])?;
        Ok(pushed.into_iter().map(|(_, id, mut t)| (id, t.remove(0))).collect())
    }

    /// The coefficients of the results' series behind their values, from those of the operands.
    fn push_series<S: Real>(&self, values: &[S], series: &[Vec<Option<S>>]) -> Result<Vec<(Port, NodeId, Vec<S>)>> {
        let order = series.len();
        let marked: Vec<bool> = (0..values.len()).map(|k| series.iter().any(|t| t[k].is_some())).collect();
        let flow = self.flow(&marked);
        if !flow.outputs.contains(&true) {
            return Ok(vec![]);
        }
        let (types, width) = (types_in(self.control.body()), self.control.body().width());
        let first = self.own(values);
        let coefficient = |t: &Vec<Option<S>>| -> Vec<S> { t[first..].iter().map(|t| t.unwrap_or(lit(0.0))).collect() };
        let tangents: Vec<Vec<S>> = series.iter().map(coefficient).collect();
        let derivative = |body: &Function| series_of(body, &flow.inputs, &flow.outputs, order, self);
        let make = |types: &[Type], f: &dyn Fn(&[Expr]) -> Vec<Expr>| make_body(width, types, self.at, f);
        let call = |f: &Function, args: Vec<Expr>| outputs_at(f, &args).expect("as many as the body takes");
        // Values of each part, then the tangents of those of them that are active, order by order.
        let parts = |list: &[usize]| -> Vec<(usize, usize)> { list.windows(2).map(|w| (w[0], w[1])).collect() };
        let interleave = |bounds: &[usize]| -> Vec<Type> {
            let with = |(a, b): (usize, usize)| [&types[a..b], &chosen(&types[a..b], &flow.inputs[a..b]).repeat(order)].concat();
            parts(bounds).into_iter().flat_map(with).collect()
        };
        let operands = |bounds: &[usize]| -> Vec<S> {
            let with = |(a, b): (usize, usize)| {
                let each = tangents.iter().flat_map(|t| chosen(&t[a..b], &flow.inputs[a..b]));
                values[first + a..first + b].iter().copied().chain(each).collect::<Vec<S>>()
            };
            parts(bounds).into_iter().flat_map(with).collect()
        };
        // Arguments in the order of the derivative: all values, then all tangents, order by order.
        let apart = |bounds: &[usize], args: &[Expr]| -> (Vec<Expr>, Vec<Expr>) {
            let (mut rest, mut values, mut tangents) = (args, vec![], vec![vec![]; order]);
            for (a, b) in parts(bounds) {
                let own;
                (own, rest) = rest.split_at(b - a);
                values.extend_from_slice(own);
                for tangents in &mut tangents {
                    let own;
                    (own, rest) = rest.split_at(flow.inputs[a..b].iter().filter(|m| **m).count());
                    tangents.extend_from_slice(own);
                }
            }
            (values, tangents.concat())
        };
        let outputs = self.control.body().output_len();
        let count = |marks: &[bool]| marks.iter().filter(|m| **m).count();
        // The results likewise: those that are carried, their tangents, the others, theirs.
        let results = |carries: usize, results: Vec<Expr>| -> Vec<Expr> {
            let (values, tangents) = results.split_at(outputs);
            let all = count(&flow.outputs);
            let (mut first, mut rest) = (values[..carries].to_vec(), values[carries..].to_vec());
            if let Some(each) = all.checked_sub(1) {
                for tangents in tangents.chunks(each + 1) {
                    let (carried, kept) = tangents.split_at(count(&flow.outputs[..carries]));
                    first.extend_from_slice(carried);
                    rest.extend_from_slice(kept);
                }
            }
            [first, rest].concat()
        };
        let (control, operands) = match &**self.control {
            Control::Choice { bodies } => {
                let bounds = [0, types.len()];
                let body = |body: &Function| {
                    let d = derivative(body)?;
                    make(&interleave(&bounds), &|args| call(&d, args.to_vec()))
                };
                let bodies = [body(&bodies[0])?, body(&bodies[1])?];
                (Control::Choice { bodies }, [&values[..1], &operands(&bounds)].concat())
            }
            Control::Remat { body } => {
                let bounds = [0, types.len()];
                let d = derivative(body)?;
                let body = make(&interleave(&bounds), &|args| call(&d, args.to_vec()))?;
                (Control::Remat { body }, operands(&bounds))
            }
            Control::While { condition, body, carries } => {
                let bounds = [0, *carries, types.len()];
                let d = derivative(body)?;
                let types = interleave(&bounds);
                let body = make(&types, &|args| {
                    let (values, tangents) = apart(&bounds, args);
                    results(*carries, call(&d, [values, tangents].concat()))
                })?;
                let condition = make(&types, &|args| call(condition, apart(&bounds, args).0))?;
                let carries = carries + order * count(&flow.inputs[..*carries]);
                (Control::While { condition, body, carries }, operands(&bounds))
            }
            Control::Scan { body, carries, xs, length, reverse } => {
                let bounds = [0, *carries, carries + xs, types.len()];
                let d = derivative(body)?;
                let body = make(&interleave(&bounds), &|args| {
                    let (values, tangents) = apart(&bounds, args);
                    results(*carries, call(&d, [values, tangents].concat()))
                })?;
                let more = |a: usize, b: usize| b - a + order * count(&flow.inputs[a..b]);
                let (length, reverse) = (*length, *reverse);
                let control =
                    Control::Scan { body, carries: more(0, *carries), xs: more(*carries, carries + xs), length, reverse };
                (control, operands(&bounds))
            }
            Control::Opaque { call, .. } => return Err(self.without_rule(&format!("opaque `{}` has no derivative", call.name()))),
            Control::Rule { .. } => unreachable!("a rule is called"),
        };
        let control = SharedControl::from(control);
        let tangent = |&(port, id): &(Port, NodeId)| {
            let carries = match **self.control {
                Control::Scan { carries, .. } | Control::While { carries, .. } => carries,
                _ => outputs,
            };
            let (carried, kept) = flow.outputs.split_at(carries);
            let of = |j: usize| match port {
                Port::Final(k) => Port::Final((carries + j * count(carried)) as u32 + place(&flow.outputs, k)),
                Port::Carried(k) => Port::Carried((carries + j * count(carried)) as u32 + place(&flow.inputs, k)),
                Port::Each(k) => Port::Each((outputs - carries + j * count(kept)) as u32 + place(kept, k)),
            };
            (port, id, (0..order).map(|j| apply(&control, of(j), &operands)).collect())
        };
        let reached =
            |(port, _): &&(Port, NodeId)| flow.reaches(self.control, *port) && self.control.result(*port).1 == DType::Float;
        Ok(self.members.iter().filter(reached).map(tangent).collect())
    }

    /// Adds to the operands' adjoints, given those of the results.
    pub(super) fn pull<S: Real>(&self, values: &[S], adjoints: &FxHashMap<Port, S>) -> Result<Vec<(NodeId, S)>> {
        let flow = self.flow(&self.active);
        let width = self.control.body().width();
        match &**self.control {
            Control::While { .. } => Err(Error::new(
                ErrorKind::Unsupported,
                "reverse mode through while_loop, whose number of steps is not known: use while_loop_at_most, scan, or jvp",
            )
            .at(Some(self.at))),
            Control::Opaque { call, .. } => Err(self.without_rule(&format!("opaque `{}` has no derivative", call.name()))),
            Control::Rule { body, rule } => {
                let float: Vec<bool> = types_in(body).iter().map(|(_, dtype)| *dtype == DType::Float).collect();
                let operands = chosen(&self.operands, &float).into_iter().zip(chosen(&self.active, &float));
                let pulled = operands.zip(self.ruled(body, rule, values).pull(adjoints));
                Ok(pulled.filter(|((_, active), _)| *active).map(|((id, _), adjoint)| (id, adjoint)).collect())
            }
            Control::Choice { .. } | Control::Remat { .. } => {
                let (types, results) = (types_in(self.control.body()), types_out(self.control.body()));
                let wanted: Vec<bool> = (0..flow.outputs.len() as u32).map(|k| adjoints.contains_key(&Port::Final(k))).collect();
                let wanted: Vec<bool> = wanted.iter().zip(&flow.outputs).map(|(&a, &b)| a && b).collect();
                if !wanted.contains(&true) || !flow.inputs.contains(&true) {
                    return Ok(vec![]);
                }
                let all = [&types[..], &chosen(&results, &wanted)].concat();
                let body = |body: &Function| {
                    let d = (self.bodies.vjp)(&body.marked(&flow.inputs, &wanted))?;
                    make_body(width, &all, self.at, |args| {
                        outputs_at(&d, args).expect("as many as the body takes").split_off(results.len())
                    })
                };
                let control = match &**self.control {
                    Control::Choice { bodies: [a, b] } => Control::Choice { bodies: [body(a)?, body(b)?] },
                    other => Control::Remat { body: body(other.body())? },
                };
                let control = SharedControl::from(control);
                let cotangents =
                    (0..wanted.len() as u32).filter_map(|k| adjoints.get(&Port::Final(k)).filter(|_| wanted[k as usize]));
                let operands: Vec<S> = values.iter().chain(cotangents).copied().collect();
                let active = chosen(&self.operands[self.own(values)..], &flow.inputs);
                let adjoint = |(k, id): (usize, NodeId)| (id, apply(&control, Port::Final(k as u32), &operands));
                Ok(active.into_iter().enumerate().map(adjoint).collect())
            }
            Control::Scan { body, carries, xs, length, reverse } => {
                let reached = |port: &Port| flow.reaches(self.control, *port);
                if !adjoints.keys().any(reached) {
                    return Ok(vec![]);
                }
                let backward = Backward::new(self, body, &flow, *carries, *xs, adjoints)?;
                let (control, kept) = backward.control(*length, !reverse, self.at)?;
                Ok(backward.run(self, &control.into(), &kept, values, adjoints))
            }
        }
    }
}

/// The series of a result of an operation with bodies.
pub(super) fn series(nested: &NestedOp, operands: &[Coefficients], bodies: Bodies) -> Coefficients {
    let (control, port) = (&nested.control, nested.port);
    let values: Vec<Expr> = operands.iter().map(Series::value).collect();
    let value = apply(control, port, &values);
    if operands.iter().all(Series::is_constant) {
        return Series::constant(value);
    }
    let members = vec![(port, NodeId::new(0))];
    let group = Group { control, operands: vec![], members, active: vec![], at: Location::caller(), bodies };
    if let Control::Rule { body, rule } = &**control {
        let all: Vec<Expr> = (0..body.output_len() as u32).map(|k| apply(control, Port::Final(k), &values)).collect();
        let found = group.with_numbers(&group.ruled(body, rule, operands).series(&all));
        return found.first().map_or(Series::constant(value), |&(_, _, series)| series);
    }
    let order = shelf::order();
    let coefficient = |k: usize| operands.iter().map(|x| Some(x.coefficient(k)).filter(|c| !c.is_absent())).collect();
    let pushed = group.push_series(&values, &(1..=order).map(coefficient).collect::<Vec<_>>()).unwrap_or_else(refused);
    let rest = pushed.into_iter().next().map_or(vec![], |(_, _, rest)| rest);
    Series::from_slice(&[vec![value], rest].concat())
}

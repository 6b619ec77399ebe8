//! Derivatives of operations with bodies, which are such operations again: forward mode carries tangents beside the values;
//! reverse mode runs the adjoints of the steps in the other direction, each from what the step was given to carry.

use super::backward::Backward;
use super::groups::{Bodies, Group, apply, chosen, count, place};
use super::rules::Ruled;
use super::series::series_of;
use super::shelf::{Coefficients, Memory, shaped};
use super::sweeps::{self, Interleaved};
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{
    Control, Derivative, Expr, Flow, Function, NestedOp, NodeId, Port, SharedControl, States, Sweep, Type, make_body, types_in,
    types_out,
};
use crate::op::{Bodied, DType, Expanded, Real, lit};
use rustc_hash::FxHashMap;
use std::panic::Location;

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

    /// Of a function with a rule: its operands, followed by coefficients of the marked ones power by power, to the coefficients of results
    /// that are numbers.
    fn ruled_series(&self, body: &Function, rule: &Derivative, marked: &[bool], order: usize) -> Result<Function> {
        let types = types_in(body);
        let all = [&types[..], &chosen(&types, marked).repeat(order)].concat();
        make_body(body.width(), &all, self.at, |args| {
            let (values, rest) = args.split_at(types.len());
            let coefficient = |k: usize, power: usize| rest[(power - 1) * count(marked) + place(marked, k as u32) as usize];
            if order == 1 {
                let tangents: Vec<Option<Expr>> = (0..types.len()).map(|k| marked[k].then(|| coefficient(k, 1))).collect();
                return self.ruled(body, rule, values).push(&tangents);
            }
            let shapes = types_out(body).into_iter().filter(|(_, dtype)| *dtype == DType::Float).map(|(shape, _)| shape);
            let _memory = Memory::new(order);
            let series = |k: usize| {
                let rest = (1..=order).filter(|_| marked[k]).map(|power| coefficient(k, power));
                Coefficients::from_slice(&std::iter::once(values[k]).chain(rest).collect::<Vec<_>>())
            };
            let operands: Vec<Coefficients> = (0..types.len()).map(series).collect();
            let results: Vec<Expr> = (0..body.output_len() as u32).map(|k| apply(self.control, Port::Final(k), values)).collect();
            let found = self.ruled(body, rule, &operands).series(&results);
            let found: Vec<(Coefficients, Shape)> = found.into_iter().zip(shapes).collect();
            let power = |power: usize| found.iter().map(move |(series, shape)| shaped(series.coefficient(power), *shape));
            (1..=order).flat_map(power).collect()
        })
    }

    /// The tangents of the results, from those of the operands; zeros of some may be guards'.
    pub(super) fn push<S: Real>(&self, values: &[S], tangents: &[Option<S>], guarded: &[bool]) -> Result<Vec<(NodeId, S)>> {
        if let Control::Rule { body, rule } = &**self.control {
            let pushed = if tangents.iter().any(Option::is_some) {
                self.ruled(body, rule, values).push(tangents)
            } else {
                return Ok(vec![]);
            };
            return Ok(self.with_numbers(&pushed).into_iter().map(|(_, id, t)| (id, t)).collect());
        }
        let pushed = self.push_series(values, &[tangents.to_vec()], guarded)?;
        Ok(pushed.into_iter().map(|(_, id, mut t)| (id, t.remove(0))).collect())
    }

    /// The coefficients of the results' series behind their values, from those of the operands.
    fn push_series<S: Real>(
        &self,
        values: &[S],
        series: &[Vec<Option<S>>],
        guarded: &[bool],
    ) -> Result<Vec<(Port, NodeId, Vec<S>)>> {
        let marked: Vec<bool> = (0..values.len()).map(|k| series.iter().any(|t| t[k].is_some())).collect();
        let Some(carrier) = self.carrier(&marked, series.len(), guarded)? else { return Ok(vec![]) };
        let operand = |&(k, power): &(usize, usize)| match power {
            0 => values[k],
            _ => series[power - 1][k].unwrap_or(lit(0.0)),
        };
        let operands: Vec<S> = carrier.operands.iter().map(operand).collect();
        let reached = |(port, _): &&(Port, NodeId)| carrier.reaches(self.control, *port);
        let results = |&(port, id): &(Port, NodeId)| {
            (port, id, (1..=series.len()).map(|power| apply(&carrier.control, carrier.port(port, power), &operands)).collect())
        };
        Ok(self.members.iter().filter(reached).map(results).collect())
    }

    /// The operation that carries coefficients of series along, up to an order, if the marked operands are series; none where no result
    /// depends on them.
    fn carrier(&self, marked: &[bool], order: usize, guarded: &[bool]) -> Result<Option<Carrier>> {
        let flow = self.flow(marked);
        if !flow.outputs.contains(&true) {
            return Ok(None);
        }
        let (types, width) = (self.control.takes(), self.control.body().width());
        let first = self.own(marked);
        let guarded = guarded.get(first..).unwrap_or(&[]);
        let derivative = |body: &Function| series_of(body, &flow.inputs, &flow.outputs, order, guarded, self);
        let make = |types: &[Type], f: &dyn Fn(&[Expr]) -> Vec<Expr>| make_body(width, types, self.at, f);
        let call = |f: &Function, args: Vec<Expr>| outputs_at(f, &args).expect("as many as the body takes");
        // Values of each part, then the coefficients of those of them that are active, power by power.
        let operands = |bounds: &[usize]| -> Vec<(usize, usize)> {
            Interleaved { order, marks: &flow.inputs, bounds }.powers().into_iter().map(|(k, power)| (first + k, power)).collect()
        };
        let outputs = self.control.gives().len();
        // The results likewise: those that are carried, their coefficients, the others, theirs.
        let mapped = |body: &Function, bounds: &[usize], results: &[usize]| {
            let d = derivative(body)?;
            let inputs = Interleaved { order, marks: &flow.inputs, bounds };
            let results = Interleaved { order, marks: &flow.outputs, bounds: results };
            make(&inputs.types(&types), &|args| {
                let (values, coefficients) = inputs.apart(args);
                results.together(&call(&d, [values, coefficients].concat()))
            })
        };
        let results = match &**self.control {
            Control::Scan { carries, .. } | Control::While { carries, .. } => vec![0, *carries, outputs],
            Control::Sweeps { sweeps, .. } => sweeps::bounds(sweeps.iter().map(|sweep| sweep.carries)),
            _ => vec![0, outputs],
        };
        let (control, operands) = match &**self.control {
            Control::Choice { bodies } => {
                let bounds = [0, types.len()];
                let body = |body: &Function| mapped(body, &bounds, &results);
                let bodies = [body(&bodies[0])?, body(&bodies[1])?];
                (Control::Choice { bodies }, [&[(0, 0)], &operands(&bounds)[..]].concat())
            }
            Control::Remat { body } => {
                let bounds = [0, types.len()];
                (Control::Remat { body: mapped(body, &bounds, &results)? }, operands(&bounds))
            }
            Control::While { condition, body, carries } => {
                let bounds = [0, *carries, types.len()];
                let body = mapped(body, &bounds, &results)?;
                let inputs = Interleaved { order, marks: &flow.inputs, bounds: &bounds };
                let condition = make(&inputs.types(&types), &|args| call(condition, inputs.apart(args).0))?;
                let carries = carries + order * count(&flow.inputs[..*carries]);
                (Control::While { condition, body, carries }, operands(&bounds))
            }
            Control::Sweeps { condition, sweeps } => {
                let shared = types.len() - outputs;
                let bounds = sweeps::bounds(sweeps.iter().map(|sweep| sweep.carries).chain([shared]));
                (sweeps::carried(self, condition, sweeps, marked, order)?, operands(&bounds))
            }
            Control::Scan { body, carries, xs, length, reverse, states } => {
                let bounds = [0, *carries, carries + xs, types.len()];
                let body = mapped(body, &bounds, &results)?;
                let more = |a: usize, b: usize| b - a + order * count(&flow.inputs[a..b]);
                let (length, reverse, states) = (*length, *reverse, *states);
                let (carries, xs) = (more(0, *carries), more(*carries, carries + xs));
                let control = Control::Scan { body, carries, xs, length, reverse, states };
                (control, operands(&bounds))
            }
            Control::Opaque { call, .. } => return Err(self.without_rule(&format!("opaque `{}` has no derivative", call.name()))),
            Control::Rule { .. } => unreachable!("a rule is called"),
        };
        Ok(Some(Carrier { control: control.into(), operands, flow, order, results }))
    }

    /// Adds to the operands' adjoints, given those of the results.
    pub(super) fn pull<S: Real>(&self, values: &[S], adjoints: &FxHashMap<Port, S>) -> Result<Vec<(NodeId, S)>> {
        let flow = self.flow(&self.active);
        let width = self.control.body().width();
        match &**self.control {
            Control::While { condition, body, carries } => {
                let sweeps = [Sweep { body: body.clone(), carries: *carries }];
                sweeps::pulled(self, condition, &sweeps, values, adjoints)
            }
            Control::Sweeps { condition, sweeps } => sweeps::pulled(self, condition, sweeps, values, adjoints),
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
            Control::Scan { body, carries, xs, length, reverse, states } => {
                let reached = |port: &Port| flow.reaches(self.control, *port);
                if !adjoints.keys().any(reached) {
                    return Ok(vec![]);
                }
                let backward = Backward::new(self, body, &flow, *carries, *xs, adjoints)?;
                let states = if let States::Checkpoints(_) = states { States::Again } else { States::All };
                let (control, kept) = backward.control(*length, !reverse, states, self.at)?;
                Ok(backward.run(self, &control.into(), &kept, values, adjoints))
            }
        }
    }
}

/// An operation that carries coefficients of series along, beside the values of another.
struct Carrier {
    control: SharedControl,
    /// By operand of the other and power.
    operands: Vec<(usize, usize)>,
    /// Which of the other's values are series.
    flow: Flow,
    order: usize,
    /// Where parts of the other's results begin and end.
    results: Vec<usize>,
}

impl Carrier {
    /// Whether a result of the other is a series.
    fn reaches(&self, control: &Control, port: Port) -> bool {
        self.flow.reaches(control, port) && control.result(port).1 == DType::Float
    }

    /// Which result is a coefficient of the other's.
    fn port(&self, port: Port, power: usize) -> Port {
        let of = |marks, bounds| Interleaved { order: self.order, marks, bounds };
        let carries = self.results[1] as u32;
        match port {
            Port::Final(k) => Port::Final(of(&self.flow.outputs, &self.results).place(k, power)),
            Port::Carried(k) => {
                let carried = &self.flow.inputs[..carries as usize];
                Port::Carried(of(carried, &[0, carried.len()]).place(k, power))
            }
            Port::Each(k) => {
                let each = &self.flow.outputs[carries as usize..];
                Port::Each(of(each, &[0, each.len()]).place(k, power))
            }
        }
    }
}

/// What a result's series are, up to an order, if the marked operands are series; none where it depends on none of them.
pub(super) fn expanded(nested: &NestedOp, marked: &[bool], order: usize, bodies: Bodies) -> Result<Option<Expanded>> {
    let (control, port) = (&nested.control, nested.port);
    let group = Group { control, operands: vec![], members: vec![], active: vec![], at: Location::caller(), bodies };
    if !marked.contains(&true) || control.result(port).1 != DType::Float {
        return Ok(None);
    }
    let coefficient = |control: &SharedControl, port| Box::new(NestedOp { control: control.clone(), port }) as Box<dyn Bodied>;
    if let Control::Rule { body, rule } = &**control {
        let control = SharedControl::from(Control::Remat { body: group.ruled_series(body, rule, marked, order)? });
        let float: Vec<bool> = types_out(body).iter().map(|(_, dtype)| *dtype == DType::Float).collect();
        let Port::Final(k) = port else { unreachable!("only loops have other results") };
        let port = |power: usize| Port::Final(((power - 1) * count(&float)) as u32 + place(&float, k));
        let each = (1..=order).flat_map(|power| (0..marked.len()).filter(|&k| marked[k]).map(move |k| (k, power)));
        let operands = (0..marked.len()).map(|k| (k, 0)).chain(each).collect();
        return Ok(Some(Expanded {
            coefficients: (1..=order).map(|power| coefficient(&control, port(power))).collect(),
            operands,
        }));
    }
    let carrier = group.carrier(marked, order, &[])?.filter(|carrier| carrier.reaches(control, port));
    Ok(carrier.map(|carrier| Expanded {
        coefficients: (1..=order).map(|power| coefficient(&carrier.control, carrier.port(port, power))).collect(),
        operands: carrier.operands,
    }))
}

//! The adjoint of a scan, which is a scan the other way. A step back starts from what the step forward was given, and computes the
//! rest again, but for results that are costly, which the step forward keeps where they are few.

use super::groups::{Group, apply, chosen, place};
use super::kept::{cut, is_costly};
use crate::error::Result;
use crate::eval::outputs_at;
use crate::graph::{Control, Expr, Flow, Function, NodeId, Port, SharedControl, States, Type, make_body, types_in};
use crate::op::{Real, lit};
use rustc_hash::FxHashMap;
use std::panic::Location;

/// The scan that goes back over another's steps. It carries the adjoints of what was carried, and sums of the adjoints of what
/// is shared; it reads what was carried and read, the adjoints of what was kept, and results of steps that are [kept](super::kept) for it; it keeps the adjoints
/// of what was read.
pub(super) struct Backward {
    carries: usize,
    xs: usize,
    types: Vec<Type>,
    inputs: Vec<bool>,
    /// Which outputs of the body, followed by values that it was given to carry, have an adjoint at every step.
    each: Vec<Port>,
    /// What every step has kept that need not be computed again.
    kept: Vec<Port>,
    /// The body's adjoint: its inputs, cotangents of what is carried and of `each`, what was kept, to the adjoints.
    vjp: Function,
}

impl Backward {
    pub(super) fn new<S>(
        group: &Group,
        body: &Function,
        flow: &Flow,
        carries: usize,
        xs: usize,
        adjoints: &FxHashMap<Port, S>,
    ) -> Result<Self> {
        let types = types_in(body);
        let kept = (body.output_len() - carries) as u32;
        let ports = (0..kept).map(Port::Each).chain((0..carries as u32).map(Port::Carried));
        let each: Vec<Port> = ports.filter(|port| adjoints.contains_key(port) && flow.reaches(group.control, *port)).collect();
        let results: Vec<NodeId> = body.output_nodes().collect();
        let kept: Vec<Port> = (0..kept).filter(|&k| is_costly(body, results[carries + k as usize])).map(Port::Each).collect();
        // What a step was given to carry is a result of the step, too.
        let extended = make_body(body.width(), &types, group.at, |args| {
            let results = outputs_at(body, args).expect("as many as the body takes");
            let more = each.iter().chain(&kept).map(|port| match *port {
                Port::Each(k) => results[carries + k as usize],
                Port::Carried(k) | Port::Final(k) => args[k as usize],
            });
            results[..carries].iter().copied().chain(more).collect()
        })?;
        let mut wanted: Vec<bool> = flow.inputs[..carries].to_vec();
        wanted.extend(each.iter().map(|_| true));
        wanted.extend(kept.iter().map(|_| false));
        let vjp = (group.bodies.vjp)(&extended.marked(&flow.inputs, &wanted))?;
        let values: Vec<NodeId> = vjp.output_nodes().take(extended.output_len()).collect();
        // Without the values themselves, which would read what is not kept.
        let vjp = cut(&vjp, &values[carries + each.len()..], group.at)?.with_outputs(extended.output_len()..);
        Ok(Backward { carries, xs, types, inputs: flow.inputs.clone(), each, kept, vjp })
    }

    fn active(&self, a: usize, b: usize) -> usize {
        self.inputs[a..b].iter().filter(|m| **m).count()
    }

    /// The operation, and which of the forward body's inputs, and then of what was kept, it reads.
    pub(super) fn control(
        &self,
        length: crate::base::Axis,
        reverse: bool,
        states: States,
        at: &'static Location<'static>,
    ) -> Result<(Control, Vec<bool>)> {
        let (nc, n) = (self.carries, self.types.len());
        let shared = nc + self.xs;
        let state =
            [chosen(&self.types[..nc], &self.inputs[..nc]), chosen(&self.types[shared..], &self.inputs[shared..])].concat();
        let carried = self.active(0, nc);
        let inputs = types_in(&self.vjp);
        let (cotangents, kept) = inputs[n + carried..].split_at(self.each.len());
        let make = |used: &[bool]| {
            let (read, rest) = (chosen(&self.types[..shared], &used[..shared]), chosen(&self.types[shared..], &used[shared..n]));
            let of_kept = chosen(kept, &used[n..]);
            let all = [&state[..], &read, cotangents, &of_kept, &rest].concat();
            make_body(self.vjp.width(), &all, at, |args| {
                let (state, args) = args.split_at(state.len());
                let (read, args) = args.split_at(read.len());
                let (cotangents, args) = args.split_at(cotangents.len());
                let (of_kept, rest) = args.split_at(of_kept.len());
                let mut given = read.iter().chain(rest).chain(of_kept).copied();
                let mut args: Vec<Expr> =
                    used.iter().map(|used| if *used { given.next().expect("one for each") } else { lit(0.0) }).collect();
                args.splice(n..n, state[..carried].iter().chain(cotangents).copied());
                let adjoints = outputs_at(&self.vjp, &args).expect("as many as the body takes");
                let (of_state, adjoints) = adjoints.split_at(carried);
                let (of_read, of_shared) = adjoints.split_at(self.active(nc, shared));
                let sums = state[carried..].iter().zip(of_shared).map(|(&sum, &more)| sum + more);
                of_state.iter().copied().chain(sums).chain(of_read.iter().copied()).collect()
            })
        };
        // What the adjoint does not need is not kept: it is 0 in the place of a value of any shape that nobody reads.
        let live = self.vjp.graph().reachable(self.vjp.output_nodes());
        let used: Vec<bool> = [&live[..n], &live[inputs.len() - kept.len()..inputs.len()]].concat();
        let body = make(&used)?;
        let xs = used[..shared].iter().chain(&used[n..]).filter(|u| **u).count() + cotangents.len();
        Ok((Control::Scan { body, carries: state.len(), xs, length, reverse, states }, used))
    }

    pub(super) fn run<S: Real>(
        &self,
        group: &Group,
        control: &SharedControl,
        used: &[bool],
        values: &[S],
        adjoints: &FxHashMap<Port, S>,
    ) -> Vec<(NodeId, S)> {
        let (nc, shared) = (self.carries, self.carries + self.xs);
        let carried = self.active(0, nc);
        let mut operands: Vec<S> = Vec::new();
        let adjoint = |port: Port| adjoints.get(&port).copied().unwrap_or(lit(0.0));
        operands.extend((0..nc).filter(|&k| self.inputs[k]).map(|k| adjoint(Port::Final(k as u32))));
        operands.extend((0..self.active(shared, self.types.len())).map(|_| lit::<S>(0.0)));
        operands.extend((0..nc).filter(|&k| used[k]).map(|k| apply(group.control, Port::Carried(k as u32), values)));
        operands.extend(chosen(&values[nc..shared], &used[nc..shared]));
        operands.extend(self.each.iter().map(|&port| adjoint(port)));
        let kept = chosen(&self.kept, &used[self.types.len()..]);
        operands.extend(kept.into_iter().map(|port| apply(group.control, port, values)));
        operands.extend(chosen(&values[shared..], &used[shared..self.types.len()]));
        let state = carried + self.active(shared, self.types.len());
        let mut results = Vec::new();
        for (k, &id) in group.operands.iter().enumerate().filter(|&(k, _)| self.inputs[k]) {
            let port = match k {
                _ if k < nc => Port::Final(place(&self.inputs, k as u32)),
                _ if k < shared => Port::Each(place(&self.inputs[nc..], (k - nc) as u32)),
                _ => Port::Final((carried + place(&self.inputs[shared..], (k - shared) as u32) as usize) as u32),
            };
            debug_assert!(!matches!(port, Port::Final(k) if k as usize >= state));
            // An operand may depend on no active input though what it starts does.
            if group.active[k] {
                results.push((id, apply(control, port, &operands)));
            }
        }
        results
    }
}

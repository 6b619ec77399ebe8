//! Scans of which few states are in memory: which of what their steps give is made again, for scans that go back over the steps.
//!
//! In: a function. Out: for scans with checkpoints, and for their adjoints, a stage. Everything else is as if there were no checkpoints: the same
//! bodies, as the same code, with the same bits.

use super::flatten::{flow, flow_with};
use super::unroll::MOST_OF_STEP;
use crate::error::Result;
use crate::graph::{Args, Control, Function, Kind, Nested, NodeId, Port, SharedControl, States};
use crate::schedule::flow::From;
use crate::schedule::ir::{ControlStage, Replay, Schedule, Source, SourceCode};
use crate::schedule::unit::{UnitRef, Units};
use crate::schedule::{Program, Settings, prepared};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// An operation on operands.
pub(super) type Key = (*const Control, Args);

pub(super) fn key(f: &Function, control: &Control, id: NodeId) -> Key {
    (std::ptr::from_ref(control), f.graph().operands(id).collect())
}

/// The step of a scan, without results that nobody asks for.
pub(super) fn step(control: &Control, ports: &[Port]) -> Function {
    let Control::Scan { body, carries, .. } = control else { unreachable!("it is a scan") };
    body.with_chosen_outputs(|k| k < *carries || ports.contains(&Port::Each((k - carries) as u32)))
}

/// A scan that runs again.
struct Found {
    control: SharedControl,
    again: Vec<(Port, NodeId)>,
    readers: Vec<Key>,
    /// Its stage's, once that is made.
    made: Option<Arc<Source>>,
}

/// A scan that runs again, and how.
pub(crate) struct Again<'r> {
    pub(crate) control: &'r SharedControl,
    pub(crate) together: Vec<SharedControl>,
    pub(crate) readers: usize,
    pub(crate) rest: bool,
}

/// The scans of a function that run again.
pub(crate) struct Replays {
    sources: Vec<Found>,
    of: FxHashMap<Key, usize>,
}

/// How a stage is made of a body.
pub(super) type Schedules = fn(Function, Settings, &mut Units, usize) -> Result<Schedule>;

impl Replays {
    pub(crate) fn new(f: &Function) -> Replays {
        let mut replays = Replays { sources: vec![], of: FxHashMap::default() };
        let graph = f.graph();
        let scan = |id: NodeId| match graph.node(id).kind() {
            Kind::Control(nested) if matches!(**nested.control, Control::Scan { .. }) => Some(nested),
            _ => None,
        };
        let has_checkpoints = |nested: &Nested| matches!(**nested.control, Control::Scan { states: States::Checkpoints(_), .. });
        if !graph.ids().filter_map(scan).any(|nested| has_checkpoints(&nested)) {
            return replays;
        }
        // What depends on no input is computed once, and kept.
        let mut varies = vec![false; graph.len()];
        let mut users: Vec<Vec<(NodeId, usize)>> = vec![vec![]; graph.len()];
        for id in graph.ids() {
            varies[id.index()] = matches!(graph.node(id).kind(), Kind::Input(_));
            for (k, operand) in graph.operands(id).enumerate() {
                varies[id.index()] |= varies[operand.index()];
                users[operand.index()].push((id, k));
            }
        }
        let mut is_output = vec![false; graph.len()];
        f.output_nodes().for_each(|id| is_output[id.index()] = true);
        let mut all: FxHashMap<Key, Vec<(Port, NodeId)>> = FxHashMap::default();
        let mut order: Vec<(Key, SharedControl)> = vec![];
        for id in graph.ids().filter(|id| varies[id.index()]) {
            let Some(nested) = scan(id).filter(has_checkpoints) else { continue };
            let key = key(f, nested.control, id);
            let members = all.entry(key.clone()).or_default();
            if members.is_empty() {
                order.push((key, nested.control.clone()));
            }
            members.push((nested.port, id));
        }
        // An adjoint that is gone back over in its turn keeps all that it reads.
        let kept_states = graph.ids().filter_map(|id| match scan(id)? {
            Nested { control, port: Port::Carried(_) } => Some(self::key(f, control, id)),
            _ => None,
        });
        let kept_states: FxHashSet<Key> = kept_states.collect();
        for (key, control) in order {
            // Read by adjoints alone, step by step.
            let is_again = |id: NodeId| {
                let by_adjoint = |&(user, k): &(NodeId, usize)| {
                    scan(user).is_some_and(|nested| {
                        goes_back(nested.control, &control, k) && !kept_states.contains(&self::key(f, nested.control, user))
                    })
                };
                !is_output[id.index()] && !users[id.index()].is_empty() && users[id.index()].iter().all(by_adjoint)
            };
            let members = &all[&key];
            let again: Vec<(Port, NodeId)> =
                members.iter().copied().filter(|&(port, id)| !matches!(port, Port::Final(_)) && is_again(id)).collect();
            let all_states = |port: &Port| matches!(port, Port::Carried(_));
            let whole = members.iter().any(|member| all_states(&member.0) && !again.contains(member));
            if whole || again.is_empty() {
                continue;
            }
            let mut readers: Vec<Key> = vec![];
            for &(user, _) in again.iter().flat_map(|(_, id)| &users[id.index()]) {
                let Some(nested) = scan(user) else { unreachable!("scans alone read it") };
                let reader = self::key(f, nested.control, user);
                if !readers.contains(&reader) {
                    readers.push(reader);
                }
            }
            replays.of.insert(key, replays.sources.len());
            replays.sources.push(Found { control, again, readers, made: None });
        }
        replays
    }

    /// For each scan that runs again: itself, those that do so together with it, how many scans go back over its steps, and whether they read what
    /// steps give beside what they carry on.
    pub(crate) fn all(&self) -> impl Iterator<Item = Again<'_>> {
        self.sources.iter().enumerate().map(|(k, source)| Again {
            control: &source.control,
            together: self.together(k),
            readers: source.readers.len(),
            rest: source.again.iter().any(|(port, _)| matches!(port, Port::Each(_))),
        })
    }

    /// The scans that run again together with one: for a scan that goes back over the steps of both.
    fn together(&self, source: usize) -> Vec<SharedControl> {
        let mut found = vec![source];
        let mut at = 0;
        while let Some(&one) = found.get(at) {
            at += 1;
            let shares = |other: &Found| other.readers.iter().any(|reader| self.sources[one].readers.contains(reader));
            let more = (0..self.sources.len()).filter(|k| shares(&self.sources[*k]) && !found.contains(k));
            found.extend(more.collect::<Vec<usize>>());
        }
        found.sort_unstable();
        found.into_iter().map(|k| self.sources[k].control.clone()).collect()
    }

    /// The stage of an operation that leaves states, or that goes back over them; none of others.
    pub(super) fn stage(
        &mut self,
        f: &Function,
        key: &Key,
        control: &SharedControl,
        members: &[(Port, NodeId)],
        (options, schedule): (Settings, Schedules),
        units: &mut Units,
    ) -> Result<Option<ControlStage>> {
        let at = f.graph().node(members[0].1).location();
        let stage = |bodies, flow, replay| {
            Some(ControlStage { control: control.clone(), members: members.to_vec(), bodies, flow, replay: Some(replay), at })
        };
        if let Some(&k) = self.of.get(key) {
            let source = Arc::new(self.source(f, k, members, (options, schedule), units)?);
            self.sources[k].made = Some(source.clone());
            return Ok(stage(vec![], None, Replay::First(source)));
        }
        let sources = self.sources.iter().filter(|source| source.readers.contains(key));
        let sources: Vec<Arc<Source>> = sources.map(|source| source.made.clone().expect("its stage is an earlier one")).collect();
        if sources.is_empty() {
            return Ok(None);
        }
        let ports: Vec<Port> = members.iter().map(|(port, _)| *port).collect();
        let Control::Scan { carries, .. } = **control else { unreachable!("it is a scan") };
        if options.unroll && flow(control, &ports, options)?.is_some() {
            let last = (0..carries).map(|k| (From::Last, k));
            let each = each(&ports).into_iter().map(|k| (From::Each, carries + k as usize));
            let unit = unit(f, control, &ports, &last.chain(each).collect::<Vec<_>>(), options, units)?;
            return Ok(stage(vec![], unit, Replay::Again(sources)));
        }
        let body = schedule(prepared(&step(control, &ports), options), options, units, MOST_OF_STEP)?;
        Ok(stage(vec![body], None, Replay::Again(sources)))
    }

    fn source(
        &self,
        f: &Function,
        k: usize,
        members: &[(Port, NodeId)],
        (options, schedule): (Settings, Schedules),
        units: &mut Units,
    ) -> Result<Source> {
        let Found { control, again, .. } = &self.sources[k];
        let Control::Scan { carries, .. } = **control else { unreachable!("it is a scan") };
        // The decision is that of a scan which keeps all of its states.
        let ports: Vec<Port> = members.iter().map(|(port, _)| *port).collect();
        let given = each(&ports);
        let is_again = |k: &u32| again.iter().any(|(port, _)| *port == Port::Each(*k));
        let code = if options.unroll && flow(control, &ports, options)?.is_some() {
            let mut unit = |results: &[(From, usize)]| unit(f, control, &ports, results, options, units);
            let all = |from: From| (0..carries).map(move |k| (from, k));
            let of_steps =
                |again: bool| given.iter().filter(move |k| is_again(k) == again).map(|&k| (From::Each, carries + k as usize));
            SourceCode::Flow {
                first: unit(&all(From::Last).chain(of_steps(false)).collect::<Vec<_>>())?,
                forward: unit(&all(From::Last).collect::<Vec<_>>())?,
                each: unit(&all(From::Each).collect::<Vec<_>>())?,
                rest: unit(&of_steps(true).collect::<Vec<_>>())?,
            }
        } else {
            SourceCode::Body(schedule(prepared(&step(control, &ports), options), options, units, MOST_OF_STEP)?)
        };
        Ok(Source { control: control.clone(), again: again.clone(), each: given, code, together: self.together(k) })
    }
}

/// Whether an operation goes back over the steps of a scan, and reads its k-th operand step by step.
fn goes_back(reader: &Control, of: &Control, k: usize) -> bool {
    let (Control::Scan { carries, xs, reverse, states: States::Again, .. }, Control::Scan { reverse: other, .. }) = (reader, of)
    else {
        return false;
    };
    reverse != other && (*carries..carries + xs).contains(&k)
}

/// The results of every step that are asked for, in order.
fn each(ports: &[Port]) -> Vec<u32> {
    let mut each: Vec<u32> = ports.iter().filter_map(|port| if let Port::Each(k) = port { Some(*k) } else { None }).collect();
    each.sort_unstable();
    each
}

/// The code of a scan with these results, if there are any.
fn unit(
    f: &Function,
    control: &SharedControl,
    ports: &[Port],
    results: &[(From, usize)],
    options: Settings,
    units: &mut Units,
) -> Result<Option<UnitRef>> {
    if results.is_empty() {
        return Ok(None);
    }
    let flow = flow_with(control, ports, results, options)?.expect("it is code with other results, too");
    Ok(Some(units.add(Program::of_flow(flow, f.width(), options), None)))
}

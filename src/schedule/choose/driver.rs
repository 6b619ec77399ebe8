//! From a function to its stages: straight-line code, loops, operations of libraries, operations with bodies.

use super::flatten;
use super::levels::{Levels, Site};
use super::pieces::{self, Depths, pieces};
use super::replays::{Key, Replays, key, step};
use super::unroll::{MOST_OF_STEP, unrolled};
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Control, Function, Kind, NodeId, Port, SharedControl};
use crate::schedule::ir::{ControlStage, Schedule, Stage};
use crate::schedule::lengths::MAX_RANK;
use crate::schedule::unit::Units;
use crate::schedule::{Program, Settings, lowered_arrays, prepared};
use rustc_hash::{FxHashMap, FxHashSet};

/// Operations of a function that is code with loops and branches inside, at most: more have vectors in straight-line code.
const MOST_OF_WHOLE: usize = 400;

/// The stages of a function that was [prepared]; straight-line code where it has no more than so many operations on elements. Its programs
/// are added to the units.
pub(crate) fn schedule(f: Function, options: Settings, units: &mut Units, straight: usize) -> Result<Schedule> {
    let graph = f.graph();
    if let Some(id) = graph.ids().find(|&id| graph.node(id).shape().rank() > MAX_RANK) {
        let message = format!("the shape {} has more than {MAX_RANK} axes", graph.node(id).shape());
        return Err(Error::new(ErrorKind::Limit, message).at(graph.node(id).location()));
    }
    if options.unroll
        && let Some(numbers) = unrolled(&f, straight)?
    {
        let program = lowered_arrays(&numbers, options);
        let whole = Some(units.add(program, None));
        return Ok(Schedule { f, stages: vec![], once: 0, whole });
    }
    if options.unroll
        && let Some(flow) = flatten::whole(&f, MOST_OF_WHOLE, options)?
    {
        let program = Program::of_flow(flow, f.width(), options);
        let whole = Some(units.add(program, None));
        return Ok(Schedule { f, stages: vec![], once: 0, whole });
    }
    if let Some(depths) = options.unroll.then(|| pieces(&f, straight)).flatten() {
        return in_pieces(f, depths, options, units);
    }
    let levels = Levels::new(&f);
    // What depends on no input comes first.
    type When = (bool, u32);
    let mut groups: FxHashMap<(When, Shape), Vec<NodeId>> = FxHashMap::default();
    let mut nested = Nested::new(&f);
    let mut order: Vec<(When, Option<Shape>, Option<NodeId>)> = Vec::new();
    for id in graph.ids() {
        let level = (!levels.once[id.index()], levels.level[id.index()]);
        match levels.site(id) {
            Site::Nowhere => {}
            Site::Library => order.push((level, None, Some(id))),
            Site::Control(control, port) => {
                if nested.enter(&f, control, port, id) {
                    order.push((level, None, Some(id)));
                }
            }
            Site::Loop(shape) => {
                let members = groups.entry((level, shape)).or_default();
                if members.is_empty() {
                    order.push((level, Some(shape), None));
                }
                members.push(id);
            }
        }
    }
    order.sort_by_key(|(level, ..)| *level);
    let mut stages = Vec::new();
    let mut once = 0;
    for (level, shape, node) in order {
        match (shape, node) {
            (Some(shape), _) => {
                for members in levels.split(shape, &groups[&(level, shape)]) {
                    stages.push(Stage::Loop(Box::new(levels.make_loop(shape, &members, options, units)?)));
                }
            }
            (None, Some(id)) => stages.push(nested.stage(&f, id, options, units)?),
            (None, None) => unreachable!("a stage is a loop or a library call"),
        }
        if !level.0 {
            once = stages.len();
        }
    }
    Ok(Schedule { f, stages, once, whole: None })
}

/// A function of few elements with operations that are done between pieces of straight-line code.
fn in_pieces(f: Function, depths: Depths, options: Settings, units: &mut Units) -> Result<Schedule> {
    let mut nested = Nested::new(&f);
    let mut first = FxHashSet::default();
    for &id in depths.iter().flat_map(|(_, between)| between) {
        let is_first = match f.graph().node(id).kind() {
            Kind::Control(op) => nested.enter(&f, op.control, op.port, id),
            _ => true,
        };
        first.extend(is_first.then_some(id));
    }
    let mut stages = Vec::new();
    for (piece, between) in depths {
        if !piece.outputs.is_empty() {
            stages.push(Stage::Straight(Box::new(pieces::straight(&f, piece, options, units)?)));
        }
        for id in between.into_iter().filter(|id| first.contains(id)) {
            stages.push(nested.stage(&f, id, options, units)?);
        }
    }
    Ok(Schedule { f, stages, once: 0, whole: None })
}

/// The nodes of the results of each operation with bodies.
struct Nested {
    all: FxHashMap<Key, Vec<(Port, NodeId)>>,
    replays: Replays,
}

impl Nested {
    fn new(f: &Function) -> Nested {
        Nested { all: FxHashMap::default(), replays: Replays::new(f) }
    }

    /// Enters a result; whether it is the first of its operation, which stands for all.
    fn enter(&mut self, f: &Function, control: &Control, port: Port, id: NodeId) -> bool {
        let members = self.all.entry(key(f, control, id)).or_default();
        members.push((port, id));
        members.len() == 1
    }

    /// The stage of a node that is not part of a loop.
    fn stage(&mut self, f: &Function, id: NodeId, options: Settings, units: &mut Units) -> Result<Stage> {
        let Kind::Control(op) = f.graph().node(id).kind() else { return Ok(Stage::Library(id)) };
        let key = key(f, op.control, id);
        let members = self.all.remove(&key).expect("the first of the results stands for all");
        let replayed = self.replays.stage(f, &key, op.control, &members, (options, schedule), units)?;
        Ok(Stage::Control(match replayed {
            Some(stage) => stage,
            None => control(f, op.control, members, options, units)?,
        }))
    }
}

/// The stage of an operation with bodies. A body is called many times, so more of it is worth straight-line code.
fn control(
    f: &Function,
    control: &SharedControl,
    members: Vec<(Port, NodeId)>,
    options: Settings,
    units: &mut Units,
) -> Result<ControlStage> {
    let at = f.graph().node(members[0].1).location();
    let ports: Vec<Port> = members.iter().map(|(port, _)| *port).collect();
    if options.unroll
        && let Some(flow) = flatten::flow(control, &ports, options)?
    {
        let flow = Some(units.add(Program::of_flow(flow, f.width(), options), None));
        return Ok(ControlStage { control: control.clone(), members, bodies: vec![], flow, replay: None, at });
    }
    let mut body = |body: &Function| schedule(prepared(body, options), options, units, MOST_OF_STEP);
    let bodies = match &**control {
        Control::Opaque { .. } => vec![],
        Control::Scan { .. } => vec![body(&step(control, &ports))?],
        _ => control.bodies().into_iter().map(body).collect::<Result<_>>()?,
    };
    Ok(ControlStage { control: control.clone(), members, bodies, flow: None, replay: None, at })
}

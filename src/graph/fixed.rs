//! Functions whose open axes are given their lengths, or other names.

use super::builder::Builder;
use super::model::{Control, Derivative, Function, SharedControl, Sweep};
use super::node::NodeId;
use super::view::{Kind, Nested};
use crate::base::{Axis, Shape, check_room};
use crate::error::{Error, Kind as ErrorKind, Result, unknown_name};
use crate::op::ArrayOp;
use rustc_hash::{FxHashMap, FxHashSet};
use std::panic::Location;

/// The same function with lengths in the place of open axes; see [`Function::with_lengths`].
#[track_caller]
pub(crate) fn with_lengths<S: AsRef<str>>(f: &Function, lengths: impl IntoIterator<Item = (S, usize)>) -> Result<Function> {
    let at = Location::caller();
    check_room().map_err(|error| error.at(Some(at)))?;
    let mut open: Vec<&str> = f.inputs.iter().flat_map(|group| group.shape.axes()).filter_map(Axis::open).collect();
    open.sort_unstable();
    open.dedup();
    let mut given: Vec<(&str, Axis)> = Vec::new();
    for (name, len) in lengths {
        let Some(&known) = open.iter().find(|known| **known == name.as_ref()) else {
            return Err(unknown_name("open axis", name.as_ref(), &open));
        };
        if given.iter().any(|&(other, already)| other == known && already != Axis::Fixed(len)) {
            return Err(Error::here(ErrorKind::Shape, format!("the open axis `{known}` is given two lengths")));
        }
        given.push((known, Axis::Fixed(len)));
    }
    renamed(f, &given).map_err(|error| error.or_at(Some(at)))
}

/// The same function with other axes in the place of open ones, all at once: names may trade places. Every operation that holds an axis,
/// in bodies, too, holds the other one.
///
/// # Errors
/// If a shape becomes larger than any memory.
pub(crate) fn renamed(f: &Function, given: &[(&str, Axis)]) -> Result<Function> {
    if given.iter().all(|(name, axis)| axis.open() == Some(name)) {
        return Ok(f.clone());
    }
    Renaming { given, controls: FxHashMap::default() }.function(f)
}

/// The open axes that a function has anywhere, in bodies, too, each once.
pub(crate) fn open_axes(f: &Function) -> Vec<&'static str> {
    let (mut names, mut known) = (Vec::new(), FxHashSet::default());
    let mut learn = |axis: &Axis| names.extend(axis.open().filter(|name| known.insert(*name)));
    let (mut waiting, mut seen) = (vec![f], FxHashSet::default());
    while let Some(f) = waiting.pop() {
        let graph = f.graph();
        for id in graph.ids() {
            graph.node(id).shape().axes().iter().for_each(&mut learn);
            if let Kind::Control(Nested { control, .. }) = graph.node(id).kind()
                && seen.insert(std::ptr::from_ref(&**control))
            {
                if let Control::Scan { length, .. } = &**control {
                    learn(length);
                }
                waiting.extend(control.bodies());
            }
        }
    }
    names
}

struct Renaming<'a> {
    /// What takes the place of an open axis, by its name.
    given: &'a [(&'a str, Axis)],
    /// Operations with bodies that were met, several nodes being results of one.
    controls: FxHashMap<*const Control, SharedControl>,
}

impl Renaming<'_> {
    fn function(&mut self, f: &Function) -> Result<Function> {
        let graph = f.graph();
        let mut new = Builder::like(graph);
        let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
        for id in graph.ids() {
            let node = graph.node(id);
            let shape = self.shape(node.shape());
            shape.check_size().map_err(|reason| Error::new(ErrorKind::Shape, reason).at(node.location()))?;
            let args = graph.operands_as(id, |operand| map[operand.index()]);
            map.push(match node.kind() {
                Kind::Input(_) => new.input(shape, node.dtype()),
                Kind::Array(op) => new.intern(Kind::Array(&self.operation(op)), &args, node.location()),
                Kind::Control(Nested { control, port }) => {
                    let control = self.control(control)?;
                    new.intern(Kind::Control(Nested { control: &control, port }), &args, node.location())
                }
                kind => new.intern(kind, &args, node.location()),
            });
        }
        let mut f = f.moved(new.finish(), &map);
        f.inputs.iter_mut().for_each(|group| group.shape = self.shape(group.shape));
        debug_assert!(f.graph().verify().is_ok(), "{:?}", f.graph().verify());
        Ok(f)
    }

    fn axis(&self, axis: Axis) -> Axis {
        match axis {
            Axis::Open(name) => self.given.iter().find(|(known, _)| *known == name).map_or(axis, |&(_, other)| other),
            Axis::Fixed(_) => axis,
        }
    }

    fn shape(&self, shape: Shape) -> Shape {
        Shape::new(shape.axes().iter().map(|&own| self.axis(own)).collect::<Vec<_>>())
    }

    fn operation(&self, op: &ArrayOp) -> ArrayOp {
        let new = |own: &Shape| self.shape(*own);
        match op {
            ArrayOp::Broadcast(to) => ArrayOp::Broadcast(new(to)),
            ArrayOp::Reshape(to) => ArrayOp::Reshape(new(to)),
            ArrayOp::Pad(to, cuts) => ArrayOp::Pad(new(to), cuts.clone()),
            ArrayOp::ScatterAdd { to, axis, batch } => ArrayOp::ScatterAdd { to: new(to), axis: *axis, batch: *batch },
            ArrayOp::Iota(to, axis) => ArrayOp::Iota(new(to), *axis),
            other => other.clone(),
        }
    }

    fn control(&mut self, control: &SharedControl) -> Result<SharedControl> {
        let key = std::ptr::from_ref(&**control);
        if let Some(known) = self.controls.get(&key) {
            return Ok(known.clone());
        }
        let new = SharedControl::from(self.bodies(control)?);
        self.controls.insert(key, new.clone());
        Ok(new)
    }

    fn bodies(&mut self, control: &Control) -> Result<Control> {
        Ok(match control {
            Control::Scan { body, carries, xs, length, reverse, states } => Control::Scan {
                body: self.function(body)?,
                carries: *carries,
                xs: *xs,
                length: self.axis(*length),
                reverse: *reverse,
                states: *states,
            },
            Control::While { condition, body, carries, budget } => Control::While {
                condition: self.function(condition)?,
                body: self.function(body)?,
                carries: *carries,
                budget: *budget,
            },
            Control::Sweeps { condition, sweeps, budget } => {
                let sweep = |sweep: &Sweep| Ok(Sweep { body: self.function(&sweep.body)?, carries: sweep.carries });
                let sweeps = sweeps.iter().map(sweep).collect::<Result<_>>()?;
                Control::Sweeps { condition: self.function(condition)?, sweeps, budget: *budget }
            }
            Control::Choice { bodies: [a, b] } => Control::Choice { bodies: [self.function(a)?, self.function(b)?] },
            Control::Rule { body, rule } => {
                let rule = match rule {
                    Derivative::Jvp(f) => Derivative::Jvp(self.function(f)?),
                    Derivative::Vjp(f) => Derivative::Vjp(self.function(f)?),
                };
                Control::Rule { body: self.function(body)?, rule }
            }
            Control::Remat { body } => Control::Remat { body: self.function(body)? },
            Control::Opaque { call, body } => Control::Opaque { call: call.clone(), body: self.function(body)? },
        })
    }
}

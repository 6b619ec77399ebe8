//! Sums and means of a function's outputs over an axis that is found by its name.

use crate::base::{Axis, Shape, check_room};
use crate::error::{Caller, Error, Kind as ErrorKind, Result, bracketed, short};
use crate::graph::{Builder, Function, Kind, NodeId, OutputGroup};
use crate::op::{ArrayOp, DType, Op};
use std::panic::Location;

/// What becomes of an axis.
#[derive(Copy, Clone, PartialEq)]
pub(crate) enum Over {
    Sum,
    Mean,
}

impl Over {
    fn name(self) -> &'static str {
        match self {
            Over::Sum => "sum",
            Over::Mean => "mean",
        }
    }
}

/// The function with every output that has the axis summed or averaged over it; see [`Function::mean`].
#[track_caller]
pub(crate) fn reduced(f: &Function, over: Over, axis: &str) -> Result<Function> {
    let at = Location::caller();
    let places: Vec<Option<usize>> = f.outputs().iter().map(|y| place(f, y, over, axis, at)).collect::<Result<_>>()?;
    if places.iter().all(Option::is_none) {
        return Err(without(f, f.outputs(), over.name(), axis).at(Some(at)));
    }
    made(f, over, &places, at)
}

/// The same of named outputs; see [`Function::mean_of`].
#[track_caller]
pub(crate) fn reduced_of<S: AsRef<str>>(
    f: &Function,
    over: Over,
    axis: &str,
    names: impl IntoIterator<Item = S>,
) -> Result<Function> {
    let at = Location::caller();
    let mut places = vec![None; f.outputs().len()];
    let what = format!("{}_of", over.name());
    for name in names {
        for k in f.outputs_named(name.as_ref())? {
            let y = &f.outputs()[k];
            let own =
                place(f, y, over, axis, at)?.ok_or_else(|| without(f, std::slice::from_ref(y), &what, axis).at(Some(at)))?;
            if places[k].replace(own).is_some() {
                return Err(Error::new(ErrorKind::Name, format!("the output `{}` is named twice", short(y.name()))).at(Some(at)));
            }
        }
    }
    if places.iter().all(Option::is_none) {
        return Err(Error::new(ErrorKind::Name, format!("{what} needs an output")).at(Some(at)));
    }
    made(f, over, &places, at)
}

/// Which axis of an output's values has the name.
fn place(f: &Function, y: &OutputGroup, over: Over, axis: &str, at: Caller) -> Result<Option<usize>> {
    let shape = f.value_shape(y);
    let has_name = |axes: &&Axis| matches!(axes, Axis::Open(name) if *name == axis);
    let Some(k) = shape.axes().iter().position(|own| has_name(&own)) else { return Ok(None) };
    let fail = |message: String| Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
    if shape.axes().iter().filter(has_name).count() > 1 {
        let (what, name, axis, shape) = (over.name(), short(y.name()), short(axis), bracketed(shape.axes()));
        return fail(format!("{what}: the output `{name}` has the axis `{axis}` more than once: {shape}"));
    }
    if y.nodes().iter().any(|&id| f.graph().node(id).dtype() == DType::Index) {
        let (what, name) = (over.name(), short(y.name()));
        return fail(format!("{what}: the output `{name}` is an index, which has no {what}: name the others with `{what}_of`"));
    }
    Ok(Some(k))
}

/// That none of these outputs has the axis.
fn without(f: &Function, outputs: &[OutputGroup], what: &str, axis: &str) -> Error {
    let axis = short(axis);
    let mut message = match outputs {
        [y] => format!("{what}: the output `{}` has no axis `{axis}`", short(y.name())),
        _ => format!("{what}: no output has an axis `{axis}`"),
    };
    let mut names: Vec<&str> = Vec::new();
    let mut is_fixed = false;
    for own in outputs.iter().flat_map(|y| f.value_shape(y).axes()) {
        match own {
            Axis::Open(name) if !names.contains(name) => names.push(name),
            Axis::Open(_) => {}
            Axis::Fixed(_) => is_fixed = true,
        }
    }
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", short(name))).collect();
    message += &match &names[..] {
        [] if is_fixed => {
            "; axes of a fixed length have no name: map over a name, and give its length with `with_lengths` afterwards".into()
        }
        [] => ", nor any other".into(),
        names => format!("; there is {}", names.join(", ")),
    };
    Error::new(ErrorKind::Name, message)
}

/// `places` has, by output, the axis that goes.
fn made(f: &Function, over: Over, places: &[Option<usize>], at: Caller) -> Result<Function> {
    check_room().map_err(|error| error.at(Some(at)))?;
    let graph = f.graph();
    let mut new = Builder::like(graph);
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.len());
    for id in graph.ids() {
        let node = graph.node(id);
        let args = graph.operands_as(id, |operand| map[operand.index()]);
        map.push(match node.kind() {
            Kind::Input(_) => new.input(node.shape(), node.dtype()),
            kind => new.intern(kind, &args, node.location()),
        });
    }
    let output = |(y, place): (&OutputGroup, &Option<usize>)| {
        let nodes = y.nodes().iter().map(|id| match *place {
            Some(axis) => along(&mut new, over, map[id.index()], axis, at),
            None => map[id.index()],
        });
        let nodes = nodes.collect();
        let in_batch = place.is_some_and(|axis| axis < y.batch());
        OutputGroup { nodes, batch: y.batch() - usize::from(in_batch), ..y.clone() }
    };
    let outputs = f.outputs().iter().zip(places).map(output).collect();
    Function::assemble(new.finish(), f.width(), f.inputs().to_vec(), outputs).map_err(|error| error.at(Some(at)))
}

/// The sum of a value over an axis, or the mean.
fn along(new: &mut Builder, over: Over, x: NodeId, axis: usize, at: Caller) -> NodeId {
    let shape = new.graph().node(x).shape();
    let sum = new.intern(Kind::Array(&ArrayOp::Sum(vec![axis])), &[x], Some(at));
    if over == Over::Sum {
        return sum;
    }
    // As many as there are, also where that is found out by a call.
    let one = new.intern(Kind::constant(1.0), &[], None);
    let ones = new.intern(Kind::Array(&ArrayOp::Broadcast(Shape::new(&shape.axes()[axis..=axis]))), &[one], Some(at));
    let mut count = new.intern(Kind::Array(&ArrayOp::Sum(vec![0])), &[ones], Some(at));
    let rest = shape.without(&[axis]);
    if rest != Shape::SCALAR {
        count = new.intern(Kind::Array(&ArrayOp::Broadcast(rest)), &[count], Some(at));
    }
    new.intern(Kind::Apply(Op::Div), &[sum, count], Some(at))
}

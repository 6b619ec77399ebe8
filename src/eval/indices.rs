//! Indices at the border of a function: what is given for them, how far they reach, and what they are outside.

use super::arithmetic::Lengths;
use super::known::number;
use crate::base::{Axis, Width};
use crate::error::{Error, Kind as ErrorKind, Result, short};
use crate::graph::{Args, Control, Function, InputGroup, Kind, OutputGroup};
use crate::op::{ArrayOp, DType, Real, Scalar};
use rustc_hash::FxHashSet;

/// From here on a float does not hold every whole number.
fn bound(width: Width) -> f64 {
    match width {
        Width::F32 => (1u64 << 24) as f64,
        Width::F64 => (1u64 << 53) as f64,
    }
}

/// That the numbers given for an input, if it is of indices, are whole, from 0 on, and such as the width holds each of.
pub(crate) fn check_given<T: Real>(group: &InputGroup, width: Width, data: &[T]) -> Result<()> {
    if group.dtype() != DType::Index {
        return Ok(());
    }
    let bound = bound(width);
    let fits = |v: &T| {
        let v = number(*v);
        v >= 0.0 && v < bound && v.fract() == 0.0
    };
    let Some(bad) = data.iter().find(|v| !fits(v)) else { return Ok(()) };
    let name = short(group.name());
    let message = if number(*bad) >= bound {
        format!("the input `{name}` has the index {bad:?}: from {bound} on, {width} does not hold every whole number")
    } else {
        format!("the input `{name}` has the index {bad:?}, and an index is a whole number from 0 on")
    };
    Err(Error::new(ErrorKind::Value, message))
}

/// That no axis is longer than given indices can say. (Those that are computed are whole numbers within.)
pub(crate) fn check_reach(f: &Function, open: &Lengths) -> Result<()> {
    let is_index = |group: &InputGroup| std::iter::repeat_n(group.dtype() == DType::Index, group.len());
    let given: Vec<bool> = f.inputs().iter().flat_map(is_index).collect();
    if f.width() == Width::F32 && given.contains(&true) { reach(f, given, open) } else { Ok(()) }
}

/// The same, where inputs that are marked have given indices.
fn reach(f: &Function, mut given: Vec<bool>, open: &Lengths) -> Result<()> {
    let graph = f.graph();
    let length = |axis: Axis| match axis {
        Axis::Fixed(n) => n,
        Axis::Open(name) => open.get(name).copied().unwrap_or(0),
    };
    let mut seen = FxHashSet::default();
    for id in graph.ids().skip(given.len()) {
        let node = graph.node(id);
        let operands: Args = graph.operands(id).collect();
        let marked = |k: usize| given[operands[k].index()];
        if let Kind::Array(op @ (ArrayOp::Gather { axis, .. } | ArrayOp::ScatterAdd { axis, .. })) = node.kind()
            && marked(1)
        {
            let indexed = if let ArrayOp::Gather { .. } = op { graph.node(operands[0]).shape() } else { node.shape() };
            let (len, most) = (length(indexed.axes()[*axis]), bound(Width::F32));
            if len as f64 > most {
                let message = format!(
                    "{}: an axis of length {len} is indexed by what is given in f32, which beyond {most} does not hold every whole number: \
                     trace in `Width::F64`, or compute the index within the function",
                    op.name()
                );
                return Err(Error::new(ErrorKind::Value, message).at(node.location()));
            }
        }
        if let Kind::Control(nested) = node.kind() {
            let control = &**nested.control;
            if seen.insert((std::ptr::from_ref(control), operands.clone())) {
                let flags: Vec<bool> = (0..operands.len()).map(marked).collect();
                if let Control::Sweeps { sweeps, .. } = control {
                    // Records and what is carried are computed.
                    let shared = sweeps[0].body.input_len() - sweeps[0].carries;
                    let flags: Vec<bool> = (operands.len() - shared..operands.len()).map(marked).collect();
                    let inside = |body: &Function| [vec![false; body.input_len() - shared], flags.clone()].concat();
                    control.bodies().into_iter().try_for_each(|body| reach(body, inside(body), open))?;
                    given.push(false);
                    continue;
                }
                // What is carried is computed, but for the first step.
                let (skipped, carries) = match control {
                    Control::Scan { carries, .. } | Control::While { carries, .. } => (0, *carries),
                    Control::Choice { .. } => (1, 0),
                    _ => (0, 0),
                };
                let flags: Vec<bool> = flags[skipped..].iter().enumerate().map(|(k, &flag)| flag && k >= carries).collect();
                let mut taken = control.bodies().into_iter().filter(|body| body.input_len() == flags.len());
                taken.try_for_each(|body| reach(body, flags.clone(), open))?;
            }
        }
        let moved = match node.kind() {
            Kind::Array(ArrayOp::Gather { .. }) => marked(0),
            Kind::Array(
                ArrayOp::Broadcast(_) | ArrayOp::Reshape(_) | ArrayOp::Permute(_) | ArrayOp::Slice(_) | ArrayOp::Concat(_),
            ) => (0..operands.len()).any(marked),
            _ => false,
        };
        given.push(moved && node.dtype() == DType::Index);
    }
    Ok(())
}

/// Whether an output is given as indices.
pub(crate) fn gives_indices(f: &Function, y: &OutputGroup) -> bool {
    y.nodes().first().is_some_and(|&id| f.graph().node(id).dtype() == DType::Index)
}

/// Indices as the numbers that they are outside: where `f32` holds them, the same, and beyond the nearest.
pub(crate) fn to_numbers<T: Scalar>(indices: &mut [T]) {
    indices.iter_mut().filter(|v| v.to_f64().is_finite()).for_each(|v| *v = <T as Real>::lit(v.whole() as f64));
}

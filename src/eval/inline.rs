//! Functions in a live trace. In: a function and handles for its inputs. Out: the handles of its outputs, on axes of the handles.

use super::walk::outputs_at;
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, short};
use crate::graph::{Function, open_axes, renamed};
use crate::op::{ArrayOp, Real, Value};
use std::panic::Location;

/// The outputs at a point; see [`Function::eval`]. The names of a function's open axes are its own: among handles, each stands for the axis that
/// the handles have in its place, whatever both are called.
#[track_caller]
pub(crate) fn inlined<T: Real>(f: &Function, x: &[T]) -> Result<Vec<T>> {
    f.check_len("inputs", f.input_len(), x.len())?;
    if !T::ARRAYS || !f.has_arrays() {
        return outputs_at(f, x);
    }
    let mut axes: Vec<(&'static str, Axis)> = Vec::new();
    let at = Location::caller();
    for group in f.inputs() {
        // A known number has the shape that is declared.
        for given in x[group.range()].iter().filter(|x| x.known().is_none()) {
            let (declared, given) = (group.shape(), given.shape_of());
            let fail = |why: String| {
                let (name, declared, given) = (short(group.name()), bracketed(declared.axes()), bracketed(given.axes()));
                let message = format!("the input `{name}` is declared as {declared} and is given as {given}{why}");
                Err(Error::new(ErrorKind::Shape, message).at(Some(at)))
            };
            if declared.rank() != given.rank() {
                return fail(String::new());
            }
            for (&axis, &given) in declared.axes().iter().zip(given.axes()) {
                match axis {
                    Axis::Fixed(_) if axis != given => return fail(String::new()),
                    Axis::Fixed(_) => {}
                    Axis::Open(name) => match axes.iter().find(|(known, _)| *known == name) {
                        Some(&(_, other)) if other != given => return fail(format!(", where `{}` is {other}", short(name))),
                        Some(_) => {}
                        None => axes.push((name, given)),
                    },
                }
            }
        }
    }
    if let Some(free) = open_axes(f).into_iter().find(|name| !axes.iter().any(|(known, _)| known == name)) {
        let message = format!("the length of the open axis `{}` is not known: no input that is given has it", short(free));
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let f = renamed(f, &axes)?;
    let shapes = f.inputs().iter().flat_map(|group| std::iter::repeat_n(group.shape(), group.len()));
    let args: Vec<T> = x.iter().zip(shapes).map(|(&x, shape)| filled(x, shape)).collect();
    outputs_at(&f, &args)
}

/// A known number all over a shape; anything else as it is.
#[track_caller]
fn filled<T: Real>(x: T, shape: Shape) -> T {
    if x.known().is_none() || shape == Shape::SCALAR {
        return x;
    }
    T::array(&ArrayOp::Broadcast(shape), &[Value::Num(x)]).num()
}

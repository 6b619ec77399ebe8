//! Derivatives of any order, from Taylor coefficients along lines.

use super::guarded::coefficients;
use super::seeds::seeds;
use super::traced::{Extra, distinct, extended, named, the_output};
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result, short};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput};
use crate::jet::interpolated;
use crate::op::{DType, lit};
use crate::vmap::vmap;
use std::panic::Location;

/// Taylor coefficients up to an order along a direction; see [`Function::taylor`].
#[track_caller]
pub(crate) fn taylor(f: &Function, order: usize) -> Result<Function> {
    extended(f, Extra::Directions, |x, directions| {
        let all = along(f, order, x, directions);
        let mut outputs: Vec<NewOutput> = grouped(f, &all, 0).collect();
        for k in 1..=order {
            let group = |y: NewOutput| named(&format!("t{k}_"), &y.name, y.values, y.batch);
            outputs.extend(grouped(f, &all, k).filter(|y| !y.aux).map(group));
        }
        outputs
    })
}

/// A mixed partial derivative of every output; see [`Function::partial`].
#[track_caller]
pub(crate) fn partial<'n>(f: &Function, orders: impl IntoIterator<Item = (&'n str, usize)>) -> Result<Function> {
    let mut alpha = vec![0; f.input_len()];
    let mut seen: Vec<&str> = vec![];
    for (name, order) in orders {
        let group = f.input(name)?;
        if seen.contains(&name) {
            return Err(Error::here(ErrorKind::Name, format!("the input `{name}` is named twice")));
        }
        seen.push(name);
        if group.shape() != Shape::SCALAR || group.len() != 1 || group.dtype() != DType::Float {
            let message = format!("partial takes inputs of single numbers, and `{name}` is none: use taylor or jacobian");
            return Err(Error::here(ErrorKind::Shape, message));
        }
        alpha[group.range().start] = order;
    }
    let (order, at) = (alpha.iter().sum(), Location::caller());
    if f.has_arrays() && order > 0 {
        return partial_at_once(f, &alpha, order, at);
    }
    Function::build(f.width(), f.inputs().to_vec(), at, |x| {
        let mut sums: Vec<Vec<Expr>> = vec![];
        let mut found: Vec<Vec<Vec<Expr>>> = vec![];
        // One line at a time for all outputs; then the sum for each.
        interpolated::<f64>(&alpha, |direction| {
            let line = x.iter().zip(direction).map(|(&x, &v)| if v == 0 { vec![x] } else { vec![x, lit(v as f64)] });
            found.push(coefficients(f, order, &line.collect::<Vec<_>>()));
            0.0
        });
        for k in 0..f.output_len() {
            let mut lines = found.iter();
            sums.push(vec![interpolated(&alpha, |_| lines.next().expect("as many as before")[k][order])]);
        }
        distinct(grouped(f, &sums, 0).filter(|y| !y.aux).map(|y| named("p_", &y.name, y.values, y.batch)).collect())
    })
}

/// The same of a function with arrays or loops inside: one sweep, mapped over all lines.
fn partial_at_once(f: &Function, alpha: &[usize], order: usize, at: &'static Location<'static>) -> Result<Function> {
    let mut directions: Vec<Vec<usize>> = vec![];
    interpolated::<f64>(alpha, |direction| {
        directions.push(direction.to_vec());
        0.0
    });
    let f = f.without_aux();
    let along = f.inputs().iter().filter(|group| alpha[group.range()].iter().any(|&order| order > 0));
    let line = taylor(&f.wrt(along.map(|group| group.name()))?, order)?;
    let line = line.with_outputs(order * f.outputs().len()..);
    let names: Vec<String> = line.inputs()[f.inputs().len()..].iter().map(|group| group.name().to_owned()).collect();
    let lines = vmap(&line, Axis::Fixed(directions.len()), names)?;
    Function::build(f.width(), f.inputs().to_vec(), at, |x| {
        let slots = (0..alpha.len()).filter(|&slot| alpha[slot] > 0);
        let steps = slots.map(|slot| Expr::stack(&directions.iter().map(|v| lit(v[slot] as f64)).collect::<Vec<_>>(), 0));
        let found = outputs_at(&lines, &x.iter().copied().chain(steps).collect::<Vec<_>>()).expect("inputs and directions");
        let sum = |y: Expr| {
            let mut lines = 0..directions.len();
            vec![interpolated(alpha, |_| y.at(0, lines.next().expect("as many as before")))]
        };
        let sums: Vec<Vec<Expr>> = found.into_iter().map(sum).collect();
        distinct(grouped(&f, &sums, 0).map(|y| named("p_", &y.name, y.values, y.batch)).collect())
    })
}

/// The diagonal of the Hessian; see [`Function::hessian_diagonal`].
#[track_caller]
pub(crate) fn hessian_diagonal(f: &Function) -> Result<Function> {
    let y = the_output(f, "hessian_diagonal")?;
    let at = Location::caller();
    let second = taylor(&f.without_aux(), 2)?.with_outputs(2..);
    let active: Vec<_> = f.inputs().iter().filter(|group| group.is_active()).collect();
    if let Some(open) = active.iter().find(|group| group.shape().len().is_none()) {
        let (name, shape) = (short(open.name()), open.shape());
        let message = format!(
            "hessian_diagonal: a sweep per number needs lengths that are known; the input `{name}` is {shape}: give its lengths with `Function::with_lengths`"
        );
        return Err(Error::new(ErrorKind::Shape, message).at(Some(at)));
    }
    debug_assert_eq!(f.graph().node(y).shape(), Shape::SCALAR);
    let directions = &second.inputs()[f.inputs().len()..];
    let is_number = |group: &InputGroup| group.shape() == Shape::SCALAR;
    let map = |over: usize, which: &dyn Fn(usize) -> bool| {
        let names = directions.iter().enumerate().filter(|(k, _)| which(*k)).map(|(_, group)| group.name());
        vmap(&second, Axis::Fixed(over), names).map(Some)
    };
    // A sweep mapped over one-hot directions: of all numbers, unless there is nothing but numbers; of each array.
    let numbers: usize = active.iter().filter(|group| is_number(group)).map(|group| group.len()).sum();
    let of_numbers = if f.has_arrays() && numbers > 1 { map(numbers, &|k| is_number(active[k]))? } else { None };
    let of_arrays: Vec<Option<Function>> = active
        .iter()
        .enumerate()
        .map(|(k, group)| match group.shape() {
            Shape::SCALAR => Ok(None),
            shape => map(shape.len().expect("it was checked"), &|other| other == k),
        })
        .collect::<Result<_>>()?;
    Function::build(f.width(), f.inputs().to_vec(), at, |x| {
        let sweep =
            |f: &Function, directions: &[Expr]| outputs_at(f, &[x, directions].concat()).expect("inputs and directions")[0] * 2.0;
        let zeros: Vec<Expr> = active.iter().flat_map(|group| vec![Expr::full(0.0, group.shape()); group.len()]).collect();
        let mut at_once = of_numbers.map(|f| {
            let mut one_hot = seeds(numbers, std::iter::repeat_n(Shape::SCALAR, numbers)).into_iter();
            let values = active.iter().flat_map(|group| (0..group.len()).map(|_| *group));
            let direction = |(group, &zero): (&InputGroup, &Expr)| match is_number(group) {
                true => one_hot.next().expect("one for each number"),
                false => zero,
            };
            let all = sweep(&f, &values.zip(&zeros).map(direction).collect::<Vec<_>>());
            (0..numbers).map(move |k| all.at(0, k))
        });
        let mut first = 0;
        let mut outputs = vec![];
        for (group, mapped) in active.iter().zip(&of_arrays) {
            let each = (0..group.len()).map(|k| {
                let mut directions = zeros.clone();
                let Some(mapped) = mapped else {
                    directions[first + k] = lit(1.0);
                    let swept = at_once.as_mut().map(|all| all.next().expect("one for each number"));
                    return swept.unwrap_or_else(|| sweep(&second, &directions));
                };
                let n = group.shape().len().expect("it was checked");
                let all = [&[Axis::Fixed(n)], group.shape().axes()].concat();
                // All values of the input are mapped over; one of them has the direction.
                for (other, direction) in directions[first..first + group.len()].iter_mut().enumerate() {
                    *direction = if other == k { Expr::eye(n).reshape(&all) } else { Expr::full(0.0, Shape::new(&all)) };
                }
                sweep(mapped, &directions).reshape(group.shape().axes())
            });
            let values = each.collect();
            outputs.push(named("h_", group.name(), values, group.batch()));
            first += group.len();
        }
        distinct(outputs)
    })
}

/// The coefficients of all outputs along a direction of the active inputs.
fn along(f: &Function, order: usize, x: &[Expr], directions: &[Expr]) -> Vec<Vec<Expr>> {
    let mut line: Vec<Vec<Expr>> = x.iter().map(|&x| vec![x]).collect();
    for (slot, &v) in f.active_slots().into_iter().zip(directions) {
        line[slot].push(v);
    }
    coefficients(f, order, &line)
}

/// The k-th of each output's values, group by group.
fn grouped<'a>(f: &'a Function, all: &'a [Vec<Expr>], k: usize) -> impl Iterator<Item = NewOutput> + 'a {
    let mut rest = all.iter();
    f.outputs().iter().map(move |y| NewOutput::like(y, rest.by_ref().take(y.nodes().len()).map(|c| c[k]).collect()))
}

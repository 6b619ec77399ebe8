//! Duals of values that have axes: array operations by their edges, operations with bodies by those that carry tangents along.

use crate::base::Shape;
use crate::op::{ArrayOp, Bodied, Expanded, Real, Value, lit};

/// The result of an array operation, and its tangents; `eps` has those of the operands.
#[track_caller]
pub(super) fn array<T: Real, const N: usize>(
    op: &ArrayOp,
    points: &[Value<T, T::Mask>],
    eps: &[[T; N]],
) -> Value<(T, [T; N]), T::Mask> {
    let z = match T::array(op, points) {
        Value::Num(z) => z,
        Value::Mask(m) => return Value::Mask(m),
    };
    let mut tangents = [lit(0.0); N];
    if eps.iter().flatten().all(T::is_absent) {
        return Value::Num((z, tangents));
    }
    let shapes: Vec<Shape> = points.iter().map(|x| x.number().map_or(Shape::SCALAR, |x| x.shape_of())).collect();
    let edges = match op {
        ArrayOp::Concat(_) => vec![],
        _ => op.edges(points, &shapes, Value::Num(z), z.shape_of()),
    };
    for (i, result) in tangents.iter_mut().enumerate() {
        let tangent = |k: usize| Some(eps[k][i]).filter(|eps| !eps.is_absent());
        let sum = match op {
            // Linear in all parts at once, so that their tangents are put together, rather than each among zeros.
            ArrayOp::Concat(_) => (0..eps.len()).any(|k| tangent(k).is_some()).then(|| {
                let part = |k: usize| Value::Num(tangent(k).unwrap_or_else(|| zeros(shapes[k])));
                T::array(op, &(0..eps.len()).map(part).collect::<Vec<_>>()).num()
            }),
            _ => {
                let term = |k: usize| edges[k].as_ref()?.iter().try_fold(tangent(k)?, |t, link| link.apply(t));
                (0..edges.len()).filter_map(term).reduce(|sum, term| sum + term)
            }
        };
        *result = sum.unwrap_or(lit(0.0));
    }
    Value::Num((z, tangents))
}

/// Zeros of a shape.
#[track_caller]
pub(super) fn zeros<T: Real>(shape: Shape) -> T {
    match shape {
        Shape::SCALAR => lit(0.0),
        _ => T::array(&ArrayOp::Broadcast(shape), &[Value::Num(lit(0.0))]).num(),
    }
}

/// A result of an operation with bodies, and its tangents.
#[track_caller]
pub(super) fn nested<T: Real, const N: usize>(op: &dyn Bodied, re: &[T], eps: &[[T; N]]) -> (T, [T; N]) {
    let mut tangents = [lit(0.0); N];
    // Most directions mark the same operands.
    let mut known: Option<(Vec<bool>, Option<Expanded>)> = None;
    for (i, result) in tangents.iter_mut().enumerate() {
        let marked: Vec<bool> = eps.iter().map(|eps| !eps[i].is_absent()).collect();
        if !marked.contains(&true) {
            continue;
        }
        if known.as_ref().is_none_or(|(other, _)| *other != marked) {
            let expanded = op.expanded(&marked, 1);
            known = Some((marked, expanded));
        }
        if let Some((_, Some(tangent))) = &known {
            let operand = |&(k, power): &(usize, usize)| if power == 0 { re[k] } else { eps[k][i] };
            let operands: Vec<T> = tangent.operands.iter().map(operand).collect();
            *result = T::nested(&*tangent.coefficients[0], &operands);
        }
    }
    (T::nested(op, re), tangents)
}

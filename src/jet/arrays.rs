//! Series of arrays: what the edges of array operations make of them, and the recurrences of products and solutions; and what operations with
//! bodies make of series.

use super::convolution::convolved;
use super::series::{Series, Storage, zeros};
use crate::base::Shape;
use crate::op::{ArrayOp, Bodied, Chain, Real, Value, lit, spread_over};

fn run<T: Real>(op: &ArrayOp, args: &[T]) -> T {
    let args: smallvec::SmallVec<[_; 2]> = args.iter().map(|&x| Value::Num(x)).collect();
    T::array(op, &args).num()
}

fn apply<T: Real>(chain: &Chain<T>, t: T) -> Option<T> {
    chain.iter().try_fold(t, |t, link| link.apply(t))
}

/// A linear map of every coefficient.
pub(super) fn each<T: Real, S: Storage<T>>(x: Series<T, S>, map: impl Fn(T) -> T) -> Series<T, S> {
    x.with(|x| {
        Series::filled(x.len(), |z| {
            for k in 0..z.len() {
                if k == 0 || !x[k].is_absent() {
                    z[k] = map(x[k]);
                }
            }
        })
    })
}

pub(super) fn array<T: Real, S: Storage<T>>(op: &ArrayOp, args: &[Value<Series<T, S>, T::Mask>]) -> Value<Series<T, S>, T::Mask> {
    let points: Vec<Value<T, T::Mask>> = args
        .iter()
        .map(|x| match x {
            Value::Num(x) => Value::Num(x.value()),
            Value::Mask(m) => Value::Mask(*m),
        })
        .collect();
    let z0 = match T::array(op, &points) {
        Value::Num(z0) => z0,
        Value::Mask(m) => return Value::Mask(m),
    };
    let operands: Vec<Series<T, S>> = args.iter().filter_map(|x| x.number()).collect();
    if operands.iter().all(Series::is_constant) {
        return Value::Num(Series::constant(z0));
    }
    Value::Num(series(op, z0, &operands, &points))
}

fn series<T: Real, S: Storage<T>>(op: &ArrayOp, z0: T, x: &[Series<T, S>], points: &[Value<T, T::Mask>]) -> Series<T, S> {
    let n = S::limit();
    // From the coefficients so far.
    let stepwise = |next: &dyn Fn(usize, &[T]) -> Option<T>| {
        Series::filled(n, |z| {
            z[0] = z0;
            for k in 1..z.len() {
                z[k] = next(k, &z[..k]).unwrap_or(lit(0.0));
            }
        })
    };
    let coefficient = |i: usize, k: usize| Some(x[i].coefficient(k)).filter(|x| !x.is_absent());
    // Σ aⱼ·zₖ₋ⱼ over j from 1 on
    let products = |a: &dyn Fn(usize) -> Option<T>, z: &[T], k: usize| {
        let term = |j: usize| Some(run(&ArrayOp::MatMul, &[a(j)?, Some(z[k - j]).filter(|z| !z.is_absent())?]));
        (1..=k).filter_map(term).reduce(|sum, term| sum + term)
    };
    let less = |x: Option<T>, y: Option<T>| match (x, y) {
        (x, None) => x,
        (None, Some(y)) => Some(-y),
        (Some(x), Some(y)) => Some(x - y),
    };
    match op {
        ArrayOp::Broadcast(_)
        | ArrayOp::Reshape(_)
        | ArrayOp::Permute(_)
        | ArrayOp::Sum(_)
        | ArrayOp::Slice(_)
        | ArrayOp::Pad(..)
        | ArrayOp::CumSum { .. }
        | ArrayOp::Shift { .. } => each(x[0], |x| run(op, &[x])),
        ArrayOp::Gather { .. } | ArrayOp::ScatterAdd { .. } => each(x[0], |t| run(op, &[t, x[1].value()])),
        ArrayOp::Concat(_) => stepwise(&|k, _| {
            (0..x.len()).any(|i| coefficient(i, k).is_some()).then(|| {
                let parts: Vec<T> = (0..x.len()).map(|i| coefficient(i, k).unwrap_or_else(|| zeros(x[i].value()))).collect();
                run(op, &parts)
            })
        }),
        ArrayOp::MatMul => stepwise(&|k, _| {
            let term = |j: usize| Some(run(op, &[coefficient(0, j)?, coefficient(1, k - j)?]));
            (0..=k).filter_map(term).reduce(|sum, term| sum + term)
        }),
        // A·Z = B
        ArrayOp::Solve | ArrayOp::SolveOrNan | ArrayOp::SolveTriangular { .. } => stepwise(&|k, z| {
            let a = |j: usize| {
                let a = coefficient(0, j)?;
                Some(match op {
                    ArrayOp::SolveTriangular { lower } => T::select(ArrayOp::triangle::<T>(a.shape_of(), *lower), a, lit(0.0)),
                    _ => a,
                })
            };
            less(coefficient(1, k), products(&a, z, k)).map(|right| run(op, &[x[0].value(), right]))
        }),
        // A·Z = 1
        ArrayOp::Inverse => {
            stepwise(&|k, z| products(&|j| coefficient(0, j), z, k).map(|sum| -run(&ArrayOp::MatMul, &[z[0], sum])))
        }
        // det′ = det·(ln|det|)′
        ArrayOp::Det => {
            let logarithm = array(&ArrayOp::LogDet, &[Value::Num(x[0])]).num().slope();
            let slope: Vec<T> = logarithm.map_or(vec![], |slope| slope.with(<[T]>::to_vec));
            stepwise(&|k, z| convolved(&slope, z, k - 1, 0, k - 1).map(|sum| sum / lit(k as f64)))
        }
        // L·Lᵀ = A: the edge gives what a change of A makes of L, at the point.
        ArrayOp::Cholesky => {
            let shape = z0.shape_of();
            let edge = op.edges(points, &[shape], Value::Num(z0), shape).remove(0).expect("a factor depends on its matrix");
            stepwise(&|k, z| {
                let term = |j: usize| {
                    let [l, m] = [z[j], z[k - j]].map(|z| Some(z).filter(|z| !z.is_absent()));
                    Some(run(&ArrayOp::MatMul, &[l?, T::array_transpose(m?)]))
                };
                let squares = (1..k).filter_map(term).reduce(|sum, term| sum + term);
                less(coefficient(0, k), squares).and_then(|right| apply(&edge, right))
            })
        }
        // zᵢ = aᵢ·zᵢ₋₁ + bᵢ
        ArrayOp::Recur { axis, reverse } => {
            let shift = ArrayOp::Shift { axis: *axis, reverse: *reverse };
            stepwise(&|k, z| {
                let before = |j: usize| Some(coefficient(0, j)? * run(&shift, &[Some(z[k - j]).filter(|z| !z.is_absent())?]));
                let terms = (1..=k).filter_map(before).chain(coefficient(1, k)).reduce(|sum, term| sum + term);
                terms.map(|b| run(op, &[x[0].value(), b]))
            })
        }
        // z·z = Σ x·x, divided by the value before it is squared, as a square may be out of range; 0 where the value is 0.
        ArrayOp::Norm(axes) => {
            let sum = ArrayOp::Sum(axes.clone());
            let (from, to) = (x[0].value().shape_of(), z0.shape_of());
            let zero = z0.eq(lit(0.0));
            let divisor = T::select(zero, lit(1.0), z0);
            let spread = spread_over(axes, divisor, from, to);
            stepwise(&|k, z| {
                // The lower power is divided: the value by itself is in range.
                let squares = |j: usize| {
                    let [a, b] = [j.min(k - j), j.max(k - j)].map(|j| coefficient(0, j));
                    Some(run(&sum, &[a? / spread * b?]))
                };
                let own = |j: usize| {
                    let [a, b] = [z[j], z[k - j]].map(|z| Some(z).filter(|z| !z.is_absent()));
                    Some(a? * (b? / divisor))
                };
                let squares = (0..=k).filter_map(squares).reduce(|sum, term| sum + term);
                let own = (1..k).filter_map(own).reduce(|sum, term| sum + term);
                less(squares, own).map(|twice| T::select(zero, lit(0.0), twice * lit(0.5)))
            })
        }
        ArrayOp::SlopeOf => stepwise(&|k, _| coefficient(1, k)),
        ArrayOp::ArgMax(_) | ArrayOp::Iota(..) => Series::constant(z0),
        // What is left is differentiated by its edges, which are written without the result, or with its value at the point alone.
        ArrayOp::MaxOf(_) | ArrayOp::MinOf(_) | ArrayOp::Prod(_) | ArrayOp::LogDet => {
            let args: Vec<Value<Series<T, S>, T::Mask>> = x.iter().map(|&x| Value::Num(x)).collect();
            let shapes: Vec<Shape> = x.iter().map(|x| x.value().shape_of()).collect();
            let edges = op.edges(&args, &shapes, Value::Num(Series::constant(z0)), z0.shape_of());
            let slopes = edges.iter().zip(x).filter_map(|(edge, x)| apply(edge.as_ref()?, x.slope()?));
            Series::integrated(z0, None, slopes.reduce(|a, b| a + b))
        }
    }
}

/// A result of an operation with bodies.
#[track_caller]
pub(super) fn nested<T: Real, S: Storage<T>>(op: &dyn Bodied, x: &[Series<T, S>]) -> Series<T, S> {
    let values: Vec<T> = x.iter().map(Series::value).collect();
    let value = T::nested(op, &values);
    let marked: Vec<bool> = x.iter().map(|x| !x.is_constant()).collect();
    let order = S::limit() - 1;
    let depends = order > 0 && marked.contains(&true);
    let Some(rest) = depends.then(|| op.expanded(&marked, order)).flatten() else { return Series::constant(value) };
    let operands: Vec<T> = rest.operands.iter().map(|&(k, power)| x[k].coefficient(power)).collect();
    let rest = rest.coefficients.iter().map(|op| T::nested(&**op, &operands));
    Series::from_slice(&std::iter::once(value).chain(rest).collect::<Vec<_>>())
}

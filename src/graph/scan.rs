//! Scans: loops whose number of steps is known when the function is called.

use super::body::{Body, fitting, ports};
use super::control::{Type, stacked};
use super::handle::Expr;
use super::model::Control;
use super::trace;
use super::values::Values;
use crate::base::Axis;
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::op::lit;
use std::panic::Location;

/// A loop over the first axis of `xs`, whose steps hand on a carried value: (c, xₜ) ↦ (c′, yₜ), c₀ = `init`. Gives the last c and
/// all y, stacked along a new first axis. See [`Scan`] for other directions and for fewer values in memory.
///
/// The body is traced once, and compiled once whatever the length, which may be open. It may use handles of the trace around it.
/// Derivatives: forward mode carries tangents along; reverse mode keeps what each step was given to carry, and runs the steps'
/// adjoints from the last to the first.
///
/// ```
/// use wengert::{Array, Function, scan};
/// // an exponential moving average
/// let f = Function::trace(["a", "x[n]"], |[a, x]| {
///     let (last, all) = scan(wengert::lit(0.0), x, |c: wengert::Expr, x| {
///         let c = a * x + (1.0 - a) * c;
///         (c, c)
///     });
///     (("last", last), ("all", all))
/// })?;
/// let y = f.eval_arrays(&[Array::scalar(0.5), Array::vector(vec![4.0, 4.0, 8.0])])?;
/// assert_eq!((y[0].data(), y[1].data()), (&[5.5][..], &[2.0, 3.0, 5.5][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// Of the trace: first axes of different lengths; a body that gives another shape to carry on than it takes.
#[track_caller]
pub fn scan<C: Values, X: Values, Y: Values>(init: C, xs: X, body: impl FnOnce(C, X) -> (C, Y)) -> (C, Y) {
    Scan::default().run(init, xs, body)
}

/// How a [`scan`] runs.
///
/// ```
/// use wengert::{Array, Function, Scan};
/// // xⁿ for an n that comes with the call
/// let f = Function::trace(["x", "steps[n]"], |[x, steps]| {
///     let (power, ()) = Scan::default().run(wengert::lit(1.0), steps, |p: wengert::Expr, _| (p * x, ()));
///     power
/// })?;
/// let g = f.wrt(["x"])?.value_and_grad()?;
/// let y = g.eval_arrays(&[Array::scalar(3.0), Array::vector(vec![0.0; 4])])?;
/// assert_eq!((y[0].data(), y[1].data()), (&[81.0][..], &[108.0][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug, Default)]
pub struct Scan {
    reverse: bool,
    length: Option<Axis>,
    segments: bool,
}

impl Scan {
    /// From the last step to the first.
    pub fn reverse(self) -> Self {
        Scan { reverse: true, ..self }
    }

    /// How many steps there are; needed only where no `xs` tells.
    pub fn length(self, length: impl Into<Axis>) -> Self {
        Scan { length: Some(length.into()), ..self }
    }

    /// For reverse mode over n steps: keeps what is carried at some √n steps only, and computes what is between again, segment by
    /// segment (A. Griewank, 1992). Memory falls from n to about 2√n carried values for one more run of the body. The length must
    /// not be open.
    pub fn segments(self) -> Self {
        Scan { segments: true, ..self }
    }

    /// Runs; see [`scan`].
    ///
    /// # Errors
    /// As [`scan`]; if the length is not known, or open where segments are asked for.
    #[track_caller]
    pub fn run<C: Values, X: Values, Y: Values>(self, init: C, xs: X, body: impl FnOnce(C, X) -> (C, Y)) -> (C, Y) {
        let at = Location::caller();
        let (carries, parts) = (init.parts(), xs.parts());
        let mut kept = None;
        let made = self.make(&carries, &parts, at, |c, x| {
            let (c, y) = body(init.with(&mut c.iter().copied()), xs.with(&mut x.iter().copied()));
            let (c, results) = (c.parts(), y.parts());
            kept = Some(y);
            (c, results)
        });
        let (last, each) = made.unwrap_or_else(|error| {
            trace::refuse(error);
            let nothing = |n: usize| vec![lit(f64::NAN); n];
            (nothing(carries.len()), nothing(kept.as_ref().map_or(0, |y| y.parts().len())))
        });
        let kept = kept.expect("the body has been traced");
        (init.with(&mut last.into_iter()), kept.with(&mut each.into_iter()))
    }

    fn make(
        self,
        carries: &[Expr],
        xs: &[Expr],
        at: Caller,
        body: impl FnOnce(&[Expr], &[Expr]) -> (Vec<Expr>, Vec<Expr>),
    ) -> Result<(Vec<Expr>, Vec<Expr>)> {
        let fail = |message: String| Error::new(ErrorKind::Shape, format!("scan: {message}")).at(Some(at));
        let mut length = self.length;
        let mut types: Vec<Type> = carries.iter().map(|&c| trace::type_of(c)).collect();
        let mut problem = None;
        for &x in xs {
            let (shape, dtype) = trace::type_of(x);
            match (shape.axes().first().copied(), length) {
                (None, _) => {
                    problem.get_or_insert_with(|| fail("a single number has no axis to run over".into()));
                }
                (Some(n), Some(other)) if n != other => {
                    problem.get_or_insert_with(|| fail(format!("the first axis of the shape {shape} is not {other}")));
                }
                (Some(n), _) => length = Some(n),
            }
            types.push((if shape.rank() == 0 { shape } else { shape.without(&[0]) }, dtype));
        }
        let made = Body::trace("scan", &types, at, |args| {
            let (c, x) = args.split_at(carries.len());
            let (next, each) = body(c, x);
            (next.len() == carries.len(), [fitting(next, &types), each].concat())
        });
        let (body, each) = made.and_then(|body| {
            body.check_carried("scan", &types[..carries.len()], at)?;
            let each = body.f.output_len() - carries.len();
            Ok((body, each))
        })?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let length = length.ok_or_else(|| fail("nothing tells how many steps there are: give `length`".into()))?;
        match (self.segments, length) {
            (false, _) => {}
            (true, Axis::Fixed(n)) if n < 4 => {}
            (true, Axis::Fixed(n)) => return self.in_segments(carries, xs, n, body, each, at),
            (true, Axis::Open(name)) => {
                return Err(fail(format!("segments of the open axis `{name}`: the length must be known")));
            }
        }
        let control = Control::Scan { body: body.f, carries: carries.len(), xs: xs.len(), length, reverse: self.reverse };
        let operands = [carries, xs, &body.captured].concat();
        Ok(ports(control, &operands, carries.len(), each, at))
    }

    /// A scan over segments whose body is a scan over a segment's steps, and one over the rest.
    fn in_segments(
        self,
        carries: &[Expr],
        xs: &[Expr],
        n: usize,
        body: Body,
        each: usize,
        at: Caller,
    ) -> Result<(Vec<Expr>, Vec<Expr>)> {
        let step = n.isqrt();
        let whole = n / step * step;
        // What is left over runs last: it is at the end, or, in reverse, at the front.
        let (first, rest) = if self.reverse { (n - whole..n, 0..n - whole) } else { (0..whole, whole..n) };
        let inner = Control::Scan {
            body: body.f.clone(),
            carries: carries.len(),
            xs: xs.len(),
            length: Axis::Fixed(step),
            reverse: self.reverse,
        };
        let inner = inner;
        let types = inner.operands();
        let outer = Body::trace("scan", &types, at, |args| {
            let (last, each) = ports(inner, args, carries.len(), each, at);
            (true, [last, each].concat())
        })?;
        let outer = Control::Scan {
            body: outer.f,
            carries: carries.len(),
            xs: xs.len(),
            length: Axis::Fixed(n / step),
            reverse: self.reverse,
        };
        let cut = |x: Expr, range: &std::ops::Range<usize>| x.slice(0, range.clone());
        let folded = |x: &Expr| {
            let x = cut(*x, &first);
            x.reshape(stacked(Axis::Fixed(n / step), x.shape().with_axis(0, Axis::Fixed(step))).axes())
        };
        let run_rest = |carries: &[Expr]| {
            let control = Control::Scan {
                body: body.f.clone(),
                carries: carries.len(),
                xs: xs.len(),
                length: Axis::Fixed(rest.len()),
                reverse: self.reverse,
            };
            let xs: Vec<Expr> = xs.iter().map(|&x| cut(x, &rest)).collect();
            ports(control, &[carries, &xs, &body.captured].concat(), carries.len(), each, at)
        };
        let folded: Vec<Expr> = xs.iter().map(folded).collect();
        let (last, parts) = ports(outer, &[carries, &folded, &body.captured].concat(), carries.len(), each, at);
        let unfolded = |y: Expr| y.reshape(y.shape().without(&[0]).with_axis(0, Axis::Fixed(whole)).axes());
        let parts: Vec<Expr> = parts.into_iter().map(unfolded).collect();
        if rest.is_empty() {
            return Ok((last, parts));
        }
        let (last, more) = run_rest(&last);
        let joined = parts.into_iter().zip(more);
        let joined = joined.map(|(a, b)| if self.reverse { Expr::concat(&[b, a], 0) } else { Expr::concat(&[a, b], 0) });
        Ok((last, joined.collect()))
    }
}

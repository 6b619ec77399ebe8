//! Scans: loops whose number of steps is known when the function is called.

use super::body::{Body, fitting, ports};
use super::body_result::{BodyResult, IntoValues};
use super::control::{Type, stacked};
use super::handle::Expr;
use super::model::Control;
use super::trace;
use super::values::{Values, nothing_like};
use crate::base::Axis;
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use std::panic::Location;

/// A loop over the first axis of `xs`, whose steps hand on a carried value: (c, xₜ) ↦ (c′, yₜ), c₀ = `init`. Gives the last c and
/// all y, stacked along a new first axis. See [`Scan`] for the other direction, for a number of steps and for fewer values in memory.
///
/// The body is traced once, and compiled once whatever the length, which may be open. It may use handles of the trace around it.
/// Derivatives: forward mode carries tangents along; reverse mode keeps what each step was given to carry, and runs the steps'
/// adjoints from the last to the first.
///
/// ```
/// use wengert::{Function, scan};
/// // an exponential moving average
/// let f = Function::trace(["a", "x[n]"], |[a, x]| {
///     let (last, all) = scan(0.0, x, |c, x| {
///         let c = a * x + (1.0 - a) * c;
///         (c, c)
///     });
///     (("last", last), ("all", all))
/// })?;
/// let y = f.run((("a", 0.5), ("x", [4.0, 4.0, 8.0])))?;
/// assert_eq!((y["last"].data(), y["all"].data()), (&[5.5][..], &[2.0, 3.0, 5.5][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// The body may give a `Result`; then so does the scan (see [`BodyResult`]).
///
/// # Errors
/// Of the trace: first axes of different lengths; a body that gives another shape to carry on than it takes.
#[track_caller]
pub fn scan<C: IntoValues, X: Values, Y: Values, R: BodyResult<(C::Values, Y)>>(
    init: C,
    xs: X,
    body: impl FnOnce(C::Values, X) -> R,
) -> R::Of<(C::Values, Y)> {
    Scan::over(xs).run(init, body)
}

/// A [`scan`] that is told how to run: over what, or how many steps; in which direction; with how much memory.
///
/// ```
/// use wengert::{Function, Scan};
/// // what each step sees of those after it, and a power whose exponent comes with the call
/// let f = Function::trace(["x", "w[n]"], |[x, w]| {
///     let (_, after) = Scan::over(w).reverse().run(0.0, |sum, w| (sum + w, sum));
///     let (power, ()) = Scan::steps("n").run(1.0, |power, ()| (power * x, ()));
///     (after, power)
/// })?;
/// let y = f.run((("x", 3.0), ("w", [1.0, 2.0, 4.0])))?;
/// assert_eq!((y[0].data(), y[1].data()), (&[6.0, 4.0, 0.0][..], &[27.0][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug)]
pub struct Scan<X = ()> {
    xs: X,
    how: How,
}

#[derive(Copy, Clone, Debug)]
struct How {
    /// What errors call it.
    what: &'static str,
    reverse: bool,
    length: Option<Axis>,
    segments: bool,
}

impl Default for How {
    fn default() -> How {
        How { what: "scan", reverse: false, length: None, segments: false }
    }
}

impl Scan {
    /// So many steps, which read nothing: the body's second argument is `()`. A name makes as many steps as the open axis of that name is long.
    pub fn steps(length: impl Into<Axis>) -> Scan {
        Scan { xs: (), how: How { length: Some(length.into()), ..How::default() } }
    }
}

impl<X> Scan<X> {
    /// Errors call it so.
    pub(super) fn called(mut self, what: &'static str) -> Self {
        self.how.what = what;
        self
    }
}

impl<X: Values> Scan<X> {
    /// A step for each place of the first axis of `xs`: an array, or several of the same length that are read together.
    pub fn over(xs: X) -> Scan<X> {
        Scan { xs, how: How::default() }
    }

    /// From the last place to the first. What a step gives stands where it has read, so that yₜ belongs to xₜ in either direction; the last c is
    /// that of the step that ran last, which has read x₀.
    pub fn reverse(mut self) -> Self {
        self.how.reverse = true;
        self
    }

    /// For reverse mode over n steps: keeps what is carried at some √n steps only, and computes what is between again, segment by
    /// segment (A. Griewank, 1992). Memory falls from n to about 2√n carried values for one more run of the body. The length must
    /// not be open.
    pub fn segments(mut self) -> Self {
        self.how.segments = true;
        self
    }

    /// Runs; see [`scan`].
    ///
    /// # Errors
    /// As [`scan`]; if there is nothing to read and no number of steps, or an open one where segments are asked for.
    #[track_caller]
    pub fn run<C: IntoValues, Y: Values, R: BodyResult<(C::Values, Y)>>(
        self,
        init: C,
        body: impl FnOnce(C::Values, X) -> R,
    ) -> R::Of<(C::Values, Y)> {
        let at = Location::caller();
        let (xs, init) = (self.xs, init.into_values());
        let mut kept: Option<Y> = None;
        let made = self.how.make(&init.parts(), &xs.parts(), at, |c, x| {
            let (c, y) = body(init.with(&mut c.iter().copied()), xs.with(&mut x.iter().copied())).values()?;
            let results = (c.parts(), y.parts());
            kept = Some(y);
            Ok(results)
        });
        let kept = || kept.as_ref().expect("a body that gives values has been traced");
        let made = made.map(|(last, each)| (init.with(&mut last.into_iter()), kept().with(&mut each.into_iter())));
        R::of(made, || (nothing_like(&init), nothing_like(kept())))
    }
}

impl How {
    fn make(
        self,
        carries: &[Expr],
        xs: &[Expr],
        at: Caller,
        body: impl FnOnce(&[Expr], &[Expr]) -> Result<(Vec<Expr>, Vec<Expr>)>,
    ) -> Result<(Vec<Expr>, Vec<Expr>)> {
        let fail = |message: String| Error::new(ErrorKind::Shape, format!("{}: {message}", self.what)).at(Some(at));
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
        let made = Body::trace(self.what, &types, at, |args| {
            let (c, x) = args.split_at(carries.len());
            let (next, each) = body(c, x)?;
            Ok((next.len() == carries.len(), [fitting(next, &types), each].concat()))
        });
        let (body, each) = made.and_then(|body| {
            body.check_carried(self.what, &types[..carries.len()], at)?;
            let each = body.f.output_len() - carries.len();
            Ok((body, each))
        })?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        let length = length.ok_or_else(|| fail("nothing tells how many steps there are: `Scan::steps` does".into()))?;
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
        let types = inner.operands();
        let outer = Body::trace("scan", &types, at, |args| {
            let (last, each) = ports(inner, args, carries.len(), each, at);
            Ok((true, [last, each].concat()))
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

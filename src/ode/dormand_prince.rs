//! The method of Dormand and Prince with steps whose length follows the error.

use super::{Ended, Trajectory, moved, slopes, weighted_sum};
use crate::base::{Axis, Shape};
use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Body, Cond, Expr, IntoValues, Values, by, cond, counted, refuse, scan, stop_gradient, while_loop, width};
use crate::implicit::{check_tolerances, or_nan};
use crate::op::{lit, select};
use std::panic::Location;

/// The times of the stages, in steps.
const C: [f64; 6] = [1.0 / 5.0, 3.0 / 10.0, 4.0 / 5.0, 8.0 / 9.0, 1.0, 1.0];
/// The weights of the slopes before each stage; the last are those of the solution of order 5.
const A: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0],
    &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0],
];
/// What the solution of order 4 has other weights by.
const E: [f64; 7] = [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

/// The integrator of order 5 with an error estimate of order 4 (J. Dormand and P. Prince, 1980), and steps that keep the error of each at
/// `absolute + relative·|y|`, by the controller of E. Hairer, S. Nørsett and G. Wanner (Solving Ordinary Differential Equations I).
///
/// Derivatives are those of the steps that were accepted, as parts of the way: how their number and lengths depend on anything is not
/// differentiated, as usual, nor are steps that were rejected. They agree with derivatives of the exact solution to about
/// the tolerance. Those in the times themselves are there. Reverse mode keeps a record of every step between one time and the next, as
/// [`while_loop`](crate::while_loop) does.
///
/// ```
/// use wengert::{Function, ode::{DormandPrince, Integration}};
/// // exponential decay at several times, and the derivative of their sum in the rate
/// let f = Function::trace(["rate", "t[n]"], |[rate, t]| {
///     let course = DormandPrince::new().relative(1e-10).at_times(0.0.into(), t, 1.0, |_, y| -rate * y);
///     (("sum", course.y.sum(..)), wengert::aux((("y", course.y), ("report", course.report))))
/// })?;
/// let y = f.wrt(["rate"])?.value_and_grad()?.run((("rate", 2.0f64), ("t", [0.5, 1.0])))?;
/// assert!((y["sum"].data()[0] - (-1f64).exp() - (-2f64).exp()).abs() < 1e-9);
/// assert!((y["d_rate"].data()[0] + 0.5 * (-1f64).exp() + (-2f64).exp()).abs() < 1e-8);
/// assert!(Integration::read(y["report"].data())?.is_complete());
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Copy, Clone, Debug)]
pub struct DormandPrince {
    relative: Option<f64>,
    absolute: Option<f64>,
    first: Option<f64>,
    steps: usize,
}

impl Default for DormandPrince {
    fn default() -> Self {
        DormandPrince { relative: None, absolute: None, first: None, steps: 1000 }
    }
}

impl DormandPrince {
    /// Tolerances of √ε relative and ε^⅔ absolute; at most 1000 steps, of which the first one is chosen by the size of y and f.
    pub fn new() -> Self {
        DormandPrince::default()
    }

    /// The error that a step may have, relative to y; positive and finite.
    pub fn relative(self, tolerance: f64) -> Self {
        DormandPrince { relative: Some(tolerance), ..self }
    }

    /// The error that a step may have, beside the relative one; positive and finite.
    pub fn absolute(self, tolerance: f64) -> Self {
        DormandPrince { absolute: Some(tolerance), ..self }
    }

    /// The length of the first step that is tried; not 0, and finite.
    pub fn first_step(self, length: f64) -> Self {
        DormandPrince { first: Some(length.abs()), ..self }
    }

    /// How many steps may be tried in all. The bound costs nothing: an integration costs the steps that it tries.
    pub fn steps(self, steps: usize) -> Self {
        DormandPrince { steps, ..self }
    }

    /// Integrates y′ = f(t, y) from `span[0]` to `span[1]`, which may be earlier.
    ///
    /// # Errors
    /// Of the trace: a right-hand side of another shape than y; a tolerance that is not positive and finite; a bound on the steps that the arithmetic does not
    /// count up to (2²⁴ in `f32`). That the end is not reached is no error: see [`Trajectory`].
    #[track_caller]
    pub fn solve<Y: IntoValues<Expr>>(
        self,
        span: [Expr; 2],
        y0: Y,
        f: impl Fn(Expr, Y::Values) -> Y::Values,
    ) -> Trajectory<Y::Values> {
        let at = Location::caller();
        let times = span[1].reshape([Axis::Fixed(1)]);
        let Trajectory { y, report } = self.run(span[0], times, y0.into_values(), &f, at);
        let last = y.parts().into_iter().map(|y| y.at(0, 0)).collect::<Vec<_>>();
        Trajectory { y: y.with(&mut last.into_iter()), report }
    }

    /// Integrates y′ = f(t, y) from `start` to each of the times, one after the other: y gets a new first axis, which may be
    /// open. A step ends at every time.
    ///
    /// # Errors
    /// As [`DormandPrince::solve`]; if the times are no vector.
    #[track_caller]
    pub fn at_times<Y: IntoValues<Expr>>(
        self,
        start: Expr,
        times: Expr,
        y0: Y,
        f: impl Fn(Expr, Y::Values) -> Y::Values,
    ) -> Trajectory<Y::Values> {
        self.run(start, times, y0.into_values(), &f, Location::caller())
    }

    fn run<Y: Values<Expr>>(self, start: Expr, times: Expr, y0: Y, f: &impl Fn(Expr, Y) -> Y, at: Caller) -> Trajectory<Y> {
        self.checked(start, times, &y0, f, at).unwrap_or_else(|error| {
            refuse(error.or_at(Some(at)));
            Trajectory { y: y0, report: Expr::full(f64::NAN, Shape::new([Axis::Fixed(4)])) }
        })
    }

    fn checked<Y: Values<Expr>>(
        self,
        start: Expr,
        times: Expr,
        y0: &Y,
        f: &impl Fn(Expr, Y) -> Y,
        at: Caller,
    ) -> Result<Trajectory<Y>> {
        let what = "dormand_prince";
        if times.rank() != 1 {
            let message = format!("dormand_prince: times of the shape {}, which is no vector", times.shape());
            return Err(Error::new(ErrorKind::Shape, message));
        }
        let bounds =
            [("a relative tolerance", self.relative), ("an absolute tolerance", self.absolute), ("a first step", self.first)];
        check_tolerances(what, &bounds)?;
        counted::<Expr>(what, self.steps).map_err(|error| error.at(Some(at)))?;
        // As a body, which tells all that the values depend on.
        let parts = y0.parts().len();
        let body = Body::trace(what, &[], at, |_| Ok((true, self.course(start, times, y0, f, at))))?;
        let mut results = outputs_at(&body.f, &body.captured)?;
        let report = results.pop().expect("the report is the last result").detach();
        let valid = results.split_off(parts);
        let values: Vec<(Expr, Expr)> = results.into_iter().zip(valid).collect();
        let y = or_nan(&values, &body.captured, at);
        Ok(Trajectory { y: y0.with(&mut y.into_iter()), report })
    }

    /// The parts of y at the times, whether each is valid, and the report.
    fn course<Y: Values<Expr>>(self, start: Expr, times: Expr, y0: &Y, f: &impl Fn(Expr, Y) -> Y, at: Caller) -> Vec<Expr> {
        let slope = slopes("dormand_prince", at, y0, f);
        let y = y0.parts();
        // A slope that is no number has no derivative to pass on, also not from an adjoint of 0.
        let k: Vec<Expr> = slope(start, &y).into_iter().map(|k| select(k.eq(k), k, f64::NAN)).collect();
        let init = (y, k, start, Control::new(self.first));
        let to = |course: Course, end: Expr| {
            let course = self.interval(course, end, &slope, at);
            let (y, .., control) = &course;
            let valid = |y: &Expr| select(control.runs(), Expr::ones(y.shape()), 0.0).detach();
            let each = y.iter().copied().chain(y.iter().map(valid)).collect::<Vec<_>>();
            (course, each)
        };
        let ((_, _, reached, control), each) = match times.shape().axes() {
            // One interval is no loop over intervals.
            [Axis::Fixed(1)] => {
                let (course, each) = to(init, times.at(0, 0));
                (course, each.into_iter().map(|each| each.unsqueeze(0)).collect())
            }
            _ => scan(init, times, to),
        };
        let ended = select(control.runs(), Ended::AtTheEnd as u8 as f64, control.status);
        let report = Expr::stack(&[ended, reached, control.accepted, control.rejected], 0);
        each.into_iter().chain([report]).collect()
    }

    /// From the start of an interval to its end.
    fn interval(
        self,
        (y, k, start, control): Course,
        end: Expr,
        slope: &impl Fn(Expr, &[Expr]) -> Vec<Expr>,
        at: Caller,
    ) -> Course {
        let length = end - start;
        let h = match self.first {
            Some(_) => control.h,
            None => cond(control.h.eq(0.0), || self.first_length(&y, &k, start, length, slope), || control.h).detach(),
        };
        let limit = self.steps as f64;
        let runs = |(_, _, c): Step| c.done.lt(1.0) & c.runs() & (c.accepted + c.rejected).lt(limit);
        let first = (y, k, Control { done: lit(0.0), h, ..control });
        let (y, k, control) = by(at, || while_loop(first, runs, |state| self.step(state, start, length, slope)));
        let missed = control.done.lt(1.0) & control.runs();
        let control = Control { status: select(missed, Ended::StepLimit as u8 as f64, control.status), ..control };
        (y, k, select(control.runs(), end, start + length * control.done), control)
    }

    /// The error that is allowed at absolute values of y.
    fn allowed(self, y: Expr) -> Expr {
        let epsilon = width().unwrap_or_default().epsilon();
        y * self.relative.unwrap_or(epsilon.sqrt()) + self.absolute.unwrap_or(epsilon.powf(2.0 / 3.0))
    }

    /// The length of the first step, by the sizes of y, y′ and y″.
    fn first_length(
        self,
        y: &[Expr],
        k: &[Expr],
        start: Expr,
        length: Expr,
        slope: &impl Fn(Expr, &[Expr]) -> Vec<Expr>,
    ) -> Expr {
        let size = |x: &[Expr]| rms(x.iter().zip(y).map(|(&x, &y)| x / self.allowed(y.abs())));
        let (d0, d1) = (size(y), size(k));
        let tiny = d0.lt(1e-5) | d1.lt(1e-5);
        let h = select(tiny, 1e-6, d0 / d1 * 0.01);
        let direction = select(length.lt(0.0), -h, h);
        let next = slope(start + direction, &moved(y, direction, &[(1.0, k)]));
        let d2 = size(&next.iter().zip(k).map(|(&next, &k)| next - k).collect::<Vec<_>>()) / h;
        let d = d1.max(d2);
        let bound = select(d.le(1e-15), (h * 1e-3).max(1e-6), (0.01 / d).powf(0.2));
        let found = (h * 100.0).min(bound);
        // Where nothing is finite the loop finds out.
        select(found.gt(0.0) & found.lt(f64::INFINITY), found, 1e-6)
    }

    /// Tries a step.
    fn step(self, (y, k, c): Step, start: Expr, length: Expr, slope: &impl Fn(Expr, &[Expr]) -> Vec<Expr>) -> Step {
        let size = length.abs().detach();
        let rest = 1.0 - c.done;
        // The last step goes to the end, also if it is a little longer than asked for.
        let last = (c.h * 1.01).ge(rest * size);
        let part = select(last, rest, c.h / select(last, 1.0, size));
        let h = length * part;
        let mut stages: Vec<Vec<Expr>> = vec![k];
        let mut next = y.clone();
        for (&time, weights) in C.iter().zip(A) {
            next = moved(&y, h, &weighted(weights, &stages));
            stages.push(slope(start + length * (c.done + part * time), &next));
        }
        let estimate = weighted(&E, &stages);
        let relative = |part: usize| h * weighted_sum(&estimate, part) / self.allowed(y[part].abs().max(next[part].abs()));
        let error = rms((0..y.len()).map(relative)).detach();
        let good = error.le(1.0);
        // By how much the error is too large for the step, also in view of the error before; not longer at once after a step that failed.
        let shrink = error.powf(0.17) / 0.9;
        let slower = size * part / select(shrink.lt(5.0), shrink, 5.0);
        let longest = select(c.calm.ne(0.0), 0.1, 1.0);
        let faster = size * part / (shrink / c.error.powf(0.04)).clamp(longest, 5.0);
        // That a step was cut at the end says nothing against the length before.
        let next_h = select(good, select(last, faster.max(c.h), faster), slower);
        let shortest = start.abs().max((start + length).abs()) * (16.0 * width().unwrap_or_default().epsilon());
        let one = |holds: Cond| select(holds, 1.0, 0.0);
        let control = Control {
            done: select(good, select(last, 1.0, c.done + part), c.done),
            h: next_h,
            error: select(good, error.max(1e-4), c.error),
            calm: one(good),
            accepted: c.accepted + one(good),
            rejected: c.rejected + one(!good),
            status: select((good & last) | next_h.gt(shortest), RUNNING, Ended::StepTooShort as u8 as f64),
        };
        let kept = |new: &[Expr], old: &[Expr]| new.iter().zip(old).map(|(&new, &old)| select(good, new, old)).collect();
        (kept(&next, &y), kept(&stages[6], &stages[0]), stop_gradient(control))
    }
}

/// The status of an integration that goes on.
const RUNNING: f64 = -1.0;

/// What decides about steps. All of it is constant to derivatives.
#[derive(Clone)]
struct Control {
    /// How much of the interval is done, from 0 to 1.
    done: Expr,
    /// The length of the next step; 0 where it is still to be chosen.
    h: Expr,
    /// The error of the last step, in units of what is allowed.
    error: Expr,
    /// 1 if the last step was good.
    calm: Expr,
    accepted: Expr,
    rejected: Expr,
    status: Expr,
}

impl Control {
    fn new(first: Option<f64>) -> Self {
        let [zero, one] = [0.0, 1.0].map(Expr::from);
        let h = first.map_or(zero, Expr::from);
        Control { done: zero, h, error: lit(1e-4), calm: one, accepted: zero, rejected: zero, status: lit(RUNNING) }
    }

    fn runs(&self) -> Cond {
        self.status.eq(RUNNING)
    }
}

impl Values<Expr> for Control {
    fn parts(&self) -> Vec<Expr> {
        vec![self.done, self.h, self.error, self.calm, self.accepted, self.rejected, self.status]
    }
    fn with(&self, parts: &mut dyn Iterator<Item = Expr>) -> Self {
        let mut next = || parts.next().expect("as many handles as before");
        let (done, h, error, calm) = (next(), next(), next(), next());
        Control { done, h, error, calm, accepted: next(), rejected: next(), status: next() }
    }
}

impl IntoValues<Expr> for Control {
    type Values = Control;
    fn into_values(self) -> Control {
        self
    }
}

/// y and its slope where an interval starts, and when.
type Course = (Vec<Expr>, Vec<Expr>, Expr, Control);

/// y and its slope within an interval.
type Step = (Vec<Expr>, Vec<Expr>, Control);

/// The slopes that there are, with their weights.
fn weighted<'k>(weights: &[f64], stages: &'k [Vec<Expr>]) -> Vec<(f64, &'k [Expr])> {
    weights.iter().zip(stages).map(|(&w, k)| (w, &k[..])).collect()
}

/// The root of the mean square of all numbers.
fn rms(x: impl Iterator<Item = Expr>) -> Expr {
    let (sum, count) = x.fold((lit::<Expr>(0.0), lit::<Expr>(0.0)), |(s, n), x| (s + (x * x).sum(..), n + x.count(..)));
    (sum / count).sqrt()
}

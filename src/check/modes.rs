//! Runs a function in every mode.

use super::body::Body;
use super::difference;
use super::report::{Found, Report};
use super::rounding::{Slack, of_forward, of_reverse, of_second, rounding, unit};
use crate::compiled::Options;
use crate::diff::Mode;
use crate::dual::{Dual, DualVec};
use crate::error::Result;
use crate::graph::{Expr, Function};
use crate::op::{Real, lit};

/// Tangents that the vector duals carry at a time.
const LANES: usize = 3;

pub(super) fn run(body: &impl Body, x: &[f64], report: &mut Report) -> Result<()> {
    let n = x.len();
    let f = Function::trace(("x", n), |x| body.call(&x))?;
    let plain = Found { mode: "plain numbers", values: body.call(x), slack: rounding(&f, x) };
    let m = plain.values.len();
    engines(&f, x, "value", 1, &plain, report)?;
    if n == 0 || m == 0 {
        return Ok(());
    }

    let forward = f.jacobian_in(Mode::Forward)?;
    let reverse = f.jacobian_in(Mode::Reverse)?;
    let symbolic = Found { mode: "forward", values: forward.eval(x)?, slack: of_forward(&f, x)? };
    engines(&forward, x, "jacobian", n, &symbolic, report)?;
    let adjoint = Found { mode: "reverse", values: reverse.eval(x)?, slack: of_reverse(&f, x)? };
    engines(&reverse, x, "jacobian", n, &adjoint, report)?;
    report.close("jacobian", n, &symbolic, &adjoint);

    let dual = duals(body, x, &plain, &symbolic.slack, report);
    report.close("jacobian", n, &dual, &symbolic);
    let lanes = Found { mode: "vector duals", values: dual_vectors(body, x), slack: dual.slack.clone() };
    report.same_bits("jacobian", n, &lanes, &dual);
    let traced = traced_duals(body, n)?;
    let traced = Found { mode: "duals traced", values: transposed(&traced.eval(x)?, n), slack: symbolic.slack.clone() };
    report.close("jacobian", n, &traced, &symbolic);
    if report.check().finite_differences {
        differences(body, x, &plain, &dual, report);
    }
    identity(&f, x, report)?;
    if report.check().second_order { second(body, &f, x, report) } else { Ok(()) }
}

/// A function's numbers by every engine. Plain numbers take the library's exponentials and their like, programs the kernels, and the fused
/// program may round less; programs that do the same operations give the same bits.
fn engines(f: &Function, x: &[f64], what: &'static str, columns: usize, expected: &Found, report: &mut Report) -> Result<()> {
    let found = |mode, values| Found { mode, values, slack: expected.slack.clone() };
    report.close(what, columns, &found("graph", f.eval(x)?), expected);
    let by = |options: Options| f.compile_with(options)?.call_flat(x);
    let interpreter = Options::new().interpreted(true);
    let unfused = interpreter.clone().fuse(false);
    let plain = found("plain program", by(unfused.clone().simplify(false))?);
    report.close(what, columns, &plain, expected);
    report.same_bits(what, columns, &found("simplified program", by(unfused)?), &plain);
    let interpreted = found("interpreter", by(interpreter)?);
    report.close(what, columns, &interpreted, expected);
    if report.check().native {
        report.same_bits(what, columns, &found("native code", by(Options::new())?), &interpreted);
    }
    Ok(())
}

/// The Jacobian with one dual sweep per input.
fn duals(body: &impl Body, x: &[f64], plain: &Found, slack: &[Slack], report: &mut Report) -> Found {
    let n = x.len();
    let mut jacobian = vec![0.0; plain.values.len() * n];
    for j in 0..n {
        let seed = unit(n, j);
        let point: Vec<Dual<f64>> = x.iter().enumerate().map(|(k, &v)| Dual::new(v, seed[k])).collect();
        let y = body.call(&point);
        let values = Found { mode: "duals", values: y.iter().map(|y| y.re).collect(), slack: plain.slack.clone() };
        report.same_bits("value", 1, &values, plain);
        y.iter().enumerate().for_each(|(i, y)| jacobian[i * n + j] = y.eps());
    }
    Found { mode: "duals", values: jacobian, slack: slack.to_vec() }
}

fn dual_vectors(body: &impl Body, x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mut jacobian = Vec::new();
    for first in (0..n).step_by(LANES) {
        let seed = |k: usize| std::array::from_fn(|lane| (first + lane == k) as u8 as f64);
        let point: Vec<DualVec<f64, LANES>> = x.iter().enumerate().map(|(k, &re)| DualVec { re, eps: seed(k) }).collect();
        let y = body.call(&point);
        jacobian.resize(y.len() * n, 0.0);
        for (i, y) in y.iter().enumerate() {
            for (lane, &eps) in y.eps.iter().enumerate().take(n - first) {
                jacobian[i * n + first + lane] = eps;
            }
        }
    }
    jacobian
}

/// The Jacobian, column by column, by tracing a body that runs on duals of handles.
fn traced_duals(body: &impl Body, n: usize) -> Result<Function> {
    Function::trace(("x", n), |x| {
        let columns = (0..n).map(|j| {
            let seed = |k: usize| lit(if k == j { 1.0 } else { 0.0 });
            let point: Vec<Dual<Expr>> = x.iter().enumerate().map(|(k, &v)| Dual::new(v, seed(k))).collect();
            body.call(&point).into_iter().map(Dual::eps).collect::<Vec<_>>()
        });
        columns.collect::<Vec<_>>().concat()
    })
}

/// Rows from columns of a matrix that has `n` columns.
fn transposed<T: Copy>(columns: &[T], n: usize) -> Vec<T> {
    let m = columns.len() / n;
    (0..m * n).map(|k| columns[k % n * m + k / n]).collect()
}

/// Finite differences of plain numbers against the duals.
fn differences(body: &impl Body, x: &[f64], plain: &Found, dual: &Found, report: &mut Report) {
    let n = x.len();
    for j in 0..n {
        for (i, (d, error)) in difference::derivatives(|x| body.call(x), x, j).into_iter().enumerate() {
            let exact = dual.values[i * n + j];
            let scale = d.abs().max(exact.abs()) + 1e-3 * plain.values[i].abs() / x[j].abs().max(1.0);
            let allowed = 10.0 * error + 1e-7 * scale + dual.slack[i * n + j].at(report.check().rounding);
            let settled = d.is_finite() && 10.0 * error <= 1e-3 * d.abs();
            if exact.is_nan() && settled {
                report.within("jacobian", (i * n + j, n), ("finite differences", d), (dual.mode, exact), 0.0);
            } else if exact.is_finite() && (allowed <= 1e-3 * scale || error == 0.0 && d == exact) {
                report.within("jacobian", (i * n + j, n), ("finite differences", d), (dual.mode, exact), allowed);
            } else {
                report.undecide("jacobian", (i * n + j, n), ("finite differences", d), (dual.mode, exact));
            }
        }
    }
}

/// Directions that treat no two entries alike, with exact products.
fn direction(len: usize) -> Vec<f64> {
    (0..len).map(|k| [1.0, -0.75, 0.5, 1.25, -1.5][k % 5] + 0.0625 * (k / 5) as f64).collect()
}

/// c · (J t) = (Jᵀ c) · t
fn identity(f: &Function, x: &[f64], report: &mut Report) -> Result<()> {
    let (n, m) = (x.len(), f.output_len());
    let (t, mut c) = (direction(n), direction(m));
    c.reverse();
    let (jvp, vjp) = (f.jvp()?, f.vjp()?);
    let end = |mode, g: &Function, tail: &[f64], weights: &[f64]| -> Result<Found> {
        let point = [x, tail].concat();
        let (y, slack) = (g.eval(&point)?, rounding(g, &point));
        let value = y[m..].iter().zip(weights).map(|(v, w)| v * w).sum();
        Ok(Found { mode, values: vec![value], slack: vec![Slack::weighted(slack[m..].iter().copied(), weights)] })
    };
    let (left, right) = (end("c · jvp(t)", &jvp, &t, &c)?, end("vjp(c) · t", &vjp, &c, &t)?);
    report.close("inner product", 1, &left, &right);
    Ok(())
}

/// Second derivatives of a weighted sum of the outputs.
fn second(body: &impl Body, whole: &Function, x: &[f64], report: &mut Report) -> Result<()> {
    let (n, m) = (x.len(), whole.output_len());
    let weights = direction(m);
    let weighted = Weighted { body, weights: &weights };
    let f = Function::trace(("x", n), |x| weighted.call(&x))?;
    let hessian = f.hessian()?;
    let [over_reverse, over_forward] = of_second(whole, x, &weights)?;
    let symbolic = Found { mode: "forward over reverse", values: hessian.eval(x)?, slack: over_reverse };
    engines(&hessian, x, "hessian", n, &symbolic, report)?;
    let mirrored =
        Found { mode: "its transpose", values: transposed(&symbolic.values, n), slack: transposed(&symbolic.slack, n) };
    report.close("hessian", n, &symbolic, &mirrored);

    let traced = Function::trace(("x", n), |x| nested(&weighted, &x))?;
    let traced = Found { mode: "nested duals traced", values: traced.eval(x)?, slack: over_forward };
    let nested = Found { mode: "nested duals", values: nested(&weighted, x), slack: traced.slack.clone() };
    report.close("hessian", n, &nested, &symbolic);
    report.close("hessian", n, &nested, &traced);

    let v = direction(n);
    let hvp = f.hvp()?;
    let point = [x, &v].concat();
    let product = Found { mode: "hvp", values: hvp.eval(&point)?, slack: rounding(&hvp, &point) };
    let rows = symbolic.values.chunks(n).map(|row| row.iter().zip(&v).map(|(h, v)| h * v).sum());
    let slack = symbolic.slack.chunks(n).map(|row| Slack::weighted(row.iter().copied(), &v)).collect();
    report.close("hessian · v", 1, &product, &Found { mode: "hessian times v", values: rows.collect(), slack });
    Ok(())
}

/// One number of several.
struct Weighted<'a, B> {
    body: &'a B,
    weights: &'a [f64],
}

impl<B: Body> Body for Weighted<'_, B> {
    fn call<T: Real>(&self, x: &[T]) -> Vec<T> {
        vec![self.body.call(x).into_iter().zip(self.weights).map(|(y, &w)| y * lit(w)).sum()]
    }
}

/// The Hessian by duals of duals.
fn nested<T: Real>(body: &impl Body, x: &[T]) -> Vec<T> {
    let seed = |k: usize, at: usize| lit(if k == at { 1.0 } else { 0.0 });
    let entry = |i: usize, j: usize| {
        let point = x.iter().enumerate().map(|(k, &v)| Dual::new(Dual::new(v, seed(k, i)), Dual::constant(seed(k, j))));
        body.call(&point.collect::<Vec<Dual<Dual<T>>>>())[0].eps().eps()
    };
    (0..x.len() * x.len()).map(|k| entry(k / x.len(), k % x.len())).collect()
}

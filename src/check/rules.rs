//! Derivatives that the user gives, against the functions that they belong to.

use super::difference;
use super::report::Report;
use super::settings::Check;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::{Array, evaluated};
use crate::graph::{Control, Derivative, Function, Kind, NodeId, OutputGroup, Transpose, types_in, types_out};
use crate::op::DType;

/// How many points are tried beside the one that is given.
const NEAR: usize = 4;

/// Compares every rule of a function (see [`custom_rule`](crate::rules::custom_rule), [`custom_jvp`](crate::rules::custom_jvp) and
/// [`custom_vjp`](crate::rules::custom_vjp)) with the function that it belongs to, by finite differences along random directions: where the rule is
/// called when the function gets these inputs, and at points near it. Also that a rule is linear, which its transpose takes for granted.
/// Rules within bodies of loops and choices are not reached.
///
/// ```
/// use wengert::rules::custom_jvp;
/// use wengert::{Array, Function, check, lit};
/// let f = |slope: f64| Function::trace(["x[3]"], |[x]| custom_jvp(x, |x| x.sin(), |x, _, t| x.cos() * t * slope).sum(..));
/// let x = [Array::vector(vec![0.3, 1.0, 2.0])];
/// assert!(check::rules(&f(1.0)?, &x).is_ok());
/// let error = check::rules(&f(1.1)?, &x).unwrap_err();
/// assert!(error.is_disagreement() && error.to_string().contains("the rule gives"));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// If a rule and its function disagree ([`Error::is_disagreement`]), with the line of the rule; if the function cannot be evaluated at
/// the inputs, or is not in double precision.
pub fn rules(f: &Function, inputs: &[Array<f64>]) -> Result<Report> {
    if f.width() != Width::F64 {
        return Err(Error::new(ErrorKind::Unsupported, "rules are compared in double precision; the function is in f32"));
    }
    let mut report = Report::new(Check::new());
    let mut seen = Vec::new();
    for id in f.graph().ids() {
        let Kind::Control(nested) = f.graph().node(id).kind() else { continue };
        let Control::Rule { body, rule } = &**nested.control else { continue };
        let operands: Vec<NodeId> = f.graph().operands(id).collect();
        let key = (std::ptr::from_ref(&**nested.control), operands.clone());
        if seen.contains(&key) {
            continue;
        }
        seen.push(key);
        let mut own = Report::new(Check::new());
        let group = |(k, id): (usize, NodeId)| OutputGroup::new(format!("y{k}"), vec![id]);
        let outputs = operands.into_iter().enumerate().map(group).collect();
        let point = evaluated(&Function::assemble(f.graph().clone(), f.width(), f.inputs().to_vec(), outputs)?, inputs)?;
        compare(body, rule, &point, &mut own)?;
        report.absorb(&own);
        own.conclude().map_err(|error| error.at(f.graph().node(id).location()))?;
    }
    Ok(report)
}

/// Numbers between −1 and 1 (SplitMix64: G. Steele, D. Lea and C. Flood, 2014).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

fn compare(body: &Function, rule: &Derivative, point: &[Array<f64>], report: &mut Report) -> Result<()> {
    let (inputs, outputs) = (types_in(body), types_out(body));
    let is_number = |k: usize| inputs[k].1 == DType::Float;
    let mut noise = Noise(1);
    let mut moved = |x: &Array<f64>, by: &mut dyn FnMut(f64, f64) -> f64| -> Result<Array<f64>> {
        Array::new(x.shape(), x.data().iter().map(|&v| by(v, noise.next())).collect())
    };
    let forward = match rule {
        Derivative::Jvp(rule) => rule.clone(),
        Derivative::Vjp(_) => rule.transposed(body),
    };
    let pushed = |x: &[Array<f64>], y: &[Array<f64>], t: &[Array<f64>]| -> Result<Vec<f64>> {
        Ok(evaluated(&forward, &[x, y, t].concat())?.into_iter().flat_map(Array::into_data).collect())
    };
    for near in 0..=NEAR {
        let mut x = point.to_vec();
        for k in (0..x.len()).filter(|&k| near > 0 && is_number(k)) {
            x[k] = moved(&point[k], &mut |v, noise| v + 0.1 * noise * (v.abs() + 0.1))?;
        }
        let y = evaluated(body, &x)?;
        let mut direction = || -> Result<Vec<Array<f64>>> {
            (0..x.len()).filter(|&k| is_number(k)).map(|k| moved(&x[k], &mut |_, noise| noise)).collect()
        };
        let (t, u) = (direction()?, direction()?);
        let found = pushed(&x, &y, &t)?;
        // t + 2u
        let sum: Vec<Array<f64>> = t
            .iter()
            .zip(&u)
            .map(|(t, u)| Array::new(t.shape(), t.data().iter().zip(u.data()).map(|(t, u)| t + 2.0 * u).collect()))
            .collect::<Result<_>>()?;
        let (other, both) = (pushed(&x, &y, &u)?, pushed(&x, &y, &sum)?);
        let linear: Vec<f64> = found.iter().zip(&other).map(|(t, u)| t + 2.0 * u).collect();
        let scale = linear.iter().chain(&found).chain(&both).filter(|v| v.is_finite()).fold(0.0, |m: f64, v| m.max(v.abs()));
        for (k, (&both, &linear)) in both.iter().zip(&linear).enumerate() {
            report.within(
                "tangent",
                (k, 1),
                ("the rule of a sum", both),
                ("the sum of the rule's results", linear),
                1e-9 * scale,
            );
        }
        let along = |s: &[f64]| -> Vec<f64> {
            let mut t = t.iter();
            let line: Vec<Array<f64>> = (0..x.len())
                .map(|k| match is_number(k) {
                    true => {
                        let t = t.next().expect("one for every number");
                        let data = x[k].data().iter().zip(t.data()).map(|(x, t)| x + s[0] * t).collect();
                        Array::new(x[k].shape(), data).expect("of the same shape")
                    }
                    false => x[k].clone(),
                })
                .collect();
            let results = evaluated(body, &line);
            let numbers = outputs.iter().map(|(_, dtype)| *dtype == DType::Float);
            // Where the function has no value there is nothing to compare.
            results.map_or(vec![f64::NAN; found.len()], |y| {
                y.into_iter().zip(numbers).filter(|(_, number)| *number).flat_map(|(y, _)| y.into_data()).collect()
            })
        };
        for (k, (d, error)) in difference::derivatives(along, &[0.0], 0).into_iter().enumerate() {
            let allowed = 10.0 * error + 1e-6 * (scale + d.abs());
            if found[k].is_finite() && allowed <= 1e-3 * (scale + d.abs()) || d == found[k] {
                report.within("tangent", (k, 1), ("the rule", found[k]), ("finite differences", d), allowed);
            } else {
                report.undecide("tangent", (k, 1), ("the rule", found[k]), ("finite differences", d));
            }
        }
    }
    Ok(())
}

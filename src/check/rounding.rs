//! How much of a result rounding may explain.

use crate::error::Result;
use crate::eval::eval;
use crate::graph::{Args, Function, NodeId};
use crate::op::Value;

/// By how much a result may be wrong, if every operation makes a relative error of u: `first`·u + `second`·u².
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Slack {
    /// Σ |v|·|∂y/∂v| over all operations v; infinite where that says nothing.
    pub(super) first: f64,
    /// What two errors do together: where two factors cancel to 0, their product is wrong by the product of their errors.
    pub(super) second: f64,
}

impl Slack {
    pub(super) fn at(self, u: f64) -> f64 {
        self.first * u + self.second * u * u
    }

    /// That of a sum of weighted results.
    pub(super) fn weighted(all: impl IntoIterator<Item = Slack>, weights: &[f64]) -> Slack {
        all.into_iter().zip(weights).fold(Slack::default(), |sum, (slack, w)| Slack {
            first: sum.first + slack.first * w.abs(),
            second: sum.second + slack.second * w.abs(),
        })
    }
}

/// The slack of every output.
pub(super) fn rounding(f: &Function, x: &[f64]) -> Vec<Slack> {
    // What a rule computes is rounded, too.
    let f = &crate::schedule::inlined(f);
    let graph = f.graph();
    let values = eval::<f64>(graph, x);
    let size = |id: NodeId| match values[id.index()] {
        Value::Num(v) => v.abs(),
        Value::Mask(_) => 0.0,
    };
    let mut partials = vec![[0.0; 3]; graph.len()];
    // Errors of every node, of first and second order, with nothing cancelling.
    let (mut first, mut second) = (vec![0.0; graph.len()], vec![0.0; graph.len()]);
    for id in graph.ids() {
        let k = id.index();
        if let Some(op) = graph.node(id).op() {
            let operands: Args = graph.operands(id).collect();
            let args: arrayvec::ArrayVec<_, 3> = operands.iter().map(|operand| values[operand.index()]).collect();
            partials[k] = op.edges(&args, values[k]).map(|edge| edge.partial().abs());
            let sum = |of: &[f64]| -> f64 {
                operands.iter().zip(partials[k]).map(|(operand, p)| product(of[operand.index()], p)).sum()
            };
            let moved: f64 = operands.iter().map(|operand| first[operand.index()]).sum();
            second[k] = sum(&second) + moved * moved;
            first[k] = sum(&first);
            partials[k] = op.edges(&args, values[k]).map(|edge| edge.partial());
        }
        first[k] += size(id);
    }
    let mut adjoints = vec![0.0; graph.len()];
    let of = |y: NodeId, adjoints: &mut Vec<f64>| {
        adjoints.fill(0.0);
        adjoints[y.index()] = 1.0;
        let mut sum = 0.0;
        for id in graph.ids().take(y.index() + 1).rev() {
            let adjoint = adjoints[id.index()];
            if adjoint == 0.0 {
                continue;
            }
            sum += product(size(id), adjoint.abs());
            for (operand, partial) in graph.operands(id).zip(partials[id.index()]) {
                adjoints[operand.index()] += product(adjoint, partial);
            }
        }
        let or_infinite = |v: f64| if v.is_nan() { f64::INFINITY } else { v };
        Slack { first: or_infinite(sum), second: or_infinite(second[y.index()]) }
    };
    f.output_nodes().map(|y| of(y, &mut adjoints)).collect()
}

/// x·y, where 0 wins over everything.
fn product(x: f64, y: f64) -> f64 {
    if x == 0.0 || y == 0.0 { 0.0 } else { x * y }
}

/// Seeds of a sweep: 1 at k.
pub(super) fn unit(len: usize, k: usize) -> Vec<f64> {
    (0..len).map(|i| (i == k) as u8 as f64).collect()
}

/// The slack of the Jacobian, from sweeps whose seeds are inputs, so that nothing they meet was folded away.
pub(super) fn of_forward(f: &Function, x: &[f64]) -> Result<Vec<Slack>> {
    let (n, m, jvp) = (x.len(), f.output_len(), f.jvp()?);
    let mut all = vec![Slack::default(); m * n];
    for j in 0..n {
        let column = rounding(&jvp, &[x, &unit(n, j)].concat());
        (0..m).for_each(|i| all[i * n + j] = column[m + i]);
    }
    Ok(all)
}

/// As [`of_forward`], for reverse sweeps.
pub(super) fn of_reverse(f: &Function, x: &[f64]) -> Result<Vec<Slack>> {
    let (m, vjp) = (f.output_len(), f.vjp()?);
    let rows = (0..m).flat_map(|i| rounding(&vjp, &[x, &unit(m, i)].concat()).split_off(m));
    Ok(rows.collect())
}

/// The slack of the Hessian of the weighted sum of outputs, forward over reverse and forward over forward.
pub(super) fn of_second(f: &Function, x: &[f64], weights: &[f64]) -> Result<[Vec<Slack>; 2]> {
    let (n, m) = (x.len(), f.output_len());
    let (over_reverse, over_forward) = (f.vjp()?.jvp()?, f.jvp()?.jvp()?);
    let (mut reverse, mut forward) = (vec![Slack::default(); n * n], vec![Slack::default(); n * n]);
    for j in 0..n {
        // Outputs: y and the adjoints, then the tangents of both.
        let column = rounding(&over_reverse, &[x, weights, &unit(n, j)].concat());
        (0..n).for_each(|i| reverse[i * n + j] = column[m + n + m + i]);
        for i in 0..n {
            // Of nested duals the outer one is differentiated first.
            let mixed = rounding(&over_forward, &[x, &unit(n, j), &unit(n, i)].concat());
            forward[i * n + j] = Slack::weighted(mixed[3 * m..].iter().copied(), weights);
        }
    }
    Ok([reverse, forward])
}

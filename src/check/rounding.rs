//! How much of a result rounding may explain.

use crate::eval::eval;
use crate::graph::{Args, Function};
use crate::op::Value;

/// For every output, Σ |v|·|∂y/∂v| over all operations v it is computed with: by this much times the relative error of one
/// operation the output may be wrong, to first order. Infinite where that says nothing.
pub(super) fn rounding(f: &Function, x: &[f64]) -> Vec<f64> {
    let graph = f.graph();
    let values = eval::<f64>(graph, x);
    let partials: Vec<[f64; 3]> = graph
        .ids()
        .map(|id| match graph.node(id).op() {
            Some(op) => {
                let args: Args = graph.operands(id).collect();
                let args: arrayvec::ArrayVec<_, 3> = args.iter().map(|operand| values[operand.index()]).collect();
                op.edges(&args, values[id.index()]).map(|edge| edge.partial())
            }
            None => [0.0; 3],
        })
        .collect();
    let mut adjoints = vec![0.0; graph.len()];
    let of = |y: crate::graph::NodeId, adjoints: &mut Vec<f64>| {
        adjoints.fill(0.0);
        adjoints[y.index()] = 1.0;
        let mut sum = 0.0;
        for id in graph.ids().take(y.index() + 1).rev() {
            let adjoint = adjoints[id.index()];
            if adjoint == 0.0 {
                continue;
            }
            if let Value::Num(v) = values[id.index()]
                && v != 0.0
            {
                sum += (v * adjoint).abs();
            }
            for (operand, partial) in graph.operands(id).zip(partials[id.index()]) {
                if partial != 0.0 {
                    adjoints[operand.index()] += adjoint * partial;
                }
            }
        }
        if sum.is_finite() { sum } else { f64::INFINITY }
    };
    f.output_nodes().map(|y| of(y, &mut adjoints)).collect()
}

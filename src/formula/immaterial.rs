//! Conditions that choose between two ways to compute the same, for the sake of floats: the derivative of the arctangent goes by 1/x where |x| > 1.
//! A reader gets one way. That both give the same is found out by values, so a user's own choice by such a condition stays.

use super::writer::unsayable;
use crate::base::Shape;
use crate::error::Result;
use crate::eval;
use crate::graph::{Function, Kind, NodeId};
use crate::op::Op;

/// So many points are tried, and at so many the values must be numbers.
const TRIED: u32 = 64;
const SEEN: u32 = 6;
/// So many nodes are tried.
const MOST: usize = 100_000;

/// The function without such choices. It has been checked that formulas can say it.
pub(super) fn without(f: &Function) -> Result<Function> {
    let graph = f.graph();
    for id in graph.ids() {
        let node = graph.node(id);
        let is_sayable = match node.kind() {
            Kind::Array(_) | Kind::Control(_) => false,
            _ => node.shape() == Shape::SCALAR,
        };
        if !is_sayable {
            return Err(unsayable(node.kind(), node.shape()).at(node.location()));
        }
    }
    let (mut f, mut material, mut work) = (f.clone(), 0, 0);
    while let Some(condition) = f.graph().ids().filter_map(|id| turned(&f, id)).nth(material) {
        work += f.graph().len();
        if work > MOST {
            break;
        }
        let ways = [true, false].map(|holds| known(&f, condition, holds));
        match agree(&ways) {
            true => f = ways.into_iter().next_back().expect("there are two"),
            false => material += 1,
        }
    }
    Ok(f)
}

/// The condition of `if(|x| > 1, 1/x, x)`.
fn turned(f: &Function, id: NodeId) -> Option<NodeId> {
    let graph = f.graph();
    let parts = |id: NodeId, op: Op| (graph.node(id).op() == Some(op)).then(|| graph.operands(id).collect::<Vec<_>>());
    let choice = parts(id, Op::Select)?;
    let x = choice[2];
    let compared = parts(choice[0], Op::Gt)?;
    let is_one = graph.node(compared[1]).kind() == Kind::constant(1.0);
    (parts(choice[1], Op::Recip)? == [x] && parts(compared[0], Op::Abs)? == [x] && is_one).then_some(choice[0])
}

/// The function with a condition that is known.
fn known(f: &Function, condition: NodeId, holds: bool) -> Function {
    let at = condition.index();
    f.rebuild(|graph, new, id, args| match graph.node(id).kind() {
        _ if id.index() == at => new.intern(Kind::Flag(holds), &[], None),
        kind => new.intern(kind, args, graph.node(id).location()),
    })
}

/// Whether two functions have the same values, at points where they are numbers.
fn agree(ways: &[Function; 2]) -> bool {
    let mut seen = 0;
    for k in 0..TRIED {
        // Points that fill the space evenly (R. Kronecker's sequence), around 0 and around 1.
        let point = |i: usize| {
            let share = (f64::from(k + 1) * (2.0 + i as f64).sqrt().fract().max(0.1)).fract();
            if k % 2 == 0 { share * 5.0 - 2.5 } else { share * 1.6 + 0.2 }
        };
        let x: Vec<f64> = (0..ways[0].input_len()).map(point).collect();
        let values = |f: &Function| {
            let all = eval::eval::<f64>(f.graph(), &x);
            f.output_nodes().filter_map(|id| all[id.index()].number()).collect::<Vec<f64>>()
        };
        let [a, b] = [values(&ways[0]), values(&ways[1])];
        for (a, b) in a.into_iter().zip(b) {
            if a.is_finite() && b.is_finite() {
                seen += 1;
                if (a - b).abs() > 1e-7 * (1.0 + a.abs()) {
                    return false;
                }
            }
        }
    }
    seen >= SEEN
}

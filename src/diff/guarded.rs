//! Series behind guards: where a value is constant by construction, all coefficients but the first are 0, also behind an infinite edge.
//!
//! In: a graph and series of its inputs, over handles. Out: every node's series.

use super::groups::one_varies;
use super::linear::tame;
use super::map::Map;
use super::shelf::{Coefficients, Memory, shaped};
use super::within::{Masked, anywhere_of, covers};
use super::zeros::{intersection, zero};
use crate::base::Shape;
use crate::eval::{eval, eval_but};
use crate::graph::{Args, Cond, Control, Expr, Function, Graph, Kind, Located, NodeId, Port};
use crate::jet::Series;
use crate::op::{ArrayOp, DType, EdgeMap, Op, Real, Value, indicator, lit};

type Values = [Value<Coefficients, Cond>];

/// The coefficients of all outputs along a series of every input; at k those of tᵏ.
pub(super) fn coefficients(f: &Function, order: usize, x: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let _memory = Memory::new(order);
    let x: Vec<Coefficients> = x.iter().map(|x| Series::from_slice(x)).collect();
    let values = series(f.graph(), &x);
    let of = |id: NodeId| {
        let series = values[id.index()].num();
        let shape = f.graph().node(id).shape();
        (0..=order).map(|k| shaped(series.coefficient(k), shape)).collect()
    };
    f.output_nodes().map(of).collect()
}

/// Every node's series.
fn series(graph: &Graph, x: &[Coefficients]) -> Vec<Value<Coefficients, Cond>> {
    let tame = tame(graph);
    if tame.iter().all(|tame| *tame) {
        return eval(graph, x);
    }
    let mut guards = Guards { graph, within: vec![None; graph.len()], zeros: vec![None; graph.len()] };
    let located = Located::new();
    eval_but(graph, x, |id, values| {
        guards.zeros[id.index()] = guards.zero(id, values);
        let (within, given) = guards.of(id, values)?;
        guards.within[id.index()] = Some(within);
        if tame[id.index()] || !given {
            return None;
        }
        located.at(graph.node(id).location());
        let args: Vec<Value<Coefficients, Cond>> = graph.operands(id).map(|operand| values[operand.index()]).collect();
        let value = match graph.node(id).kind() {
            Kind::Apply(op) => op.apply(&args).num(),
            Kind::Array(op) => Coefficients::array(op, &args).num(),
            Kind::Control(nested) => crate::eval::result(nested, &args.iter().map(|x| x.num()).collect::<Vec<_>>()),
            _ => return None,
        };
        Some(Series::chosen(within, value, Series::constant(value.value())))
    })
}

/// The masks outside of which nodes are constant.
struct Guards<'f> {
    graph: &'f Graph,
    within: Vec<Option<Cond>>,
    /// The masks outside of which values are 0.
    zeros: Vec<Option<Cond>>,
}

impl Guards<'_> {
    fn shape(&self, id: NodeId) -> Shape {
        self.graph.node(id).shape()
    }

    fn zero(&self, id: NodeId, values: &Values) -> Option<Cond> {
        let value = |at: NodeId| match (values.get(at.index()), self.graph.node(at).kind()) {
            (Some(&value), _) => point(value),
            (None, Kind::Apply(op)) => {
                let args: Vec<Value<Expr, Cond>> =
                    self.graph.operands(at).map(|operand| point(values[operand.index()])).collect();
                op.apply(&args)
            }
            _ => unreachable!("an operation is asked for its own value if it is one of the table's"),
        };
        zero(self.graph, id, &value, &self.zeros)
    }

    /// That of a node, and whether it comes from the operands' alone; none where nothing is known.
    fn of(&self, id: NodeId, values: &Values) -> Option<(Cond, bool)> {
        if self.graph.node(id).dtype() != DType::Float {
            return None;
        }
        let varies = |operand: &NodeId| values[operand.index()].number().is_some_and(|x| !x.is_constant());
        let operands: Args = self.graph.operands(id).collect();
        let moved: Args = operands.iter().copied().filter(varies).collect();
        if moved.is_empty() {
            return None;
        }
        let all = moved.iter().all(|operand| self.within[operand.index()].is_some());
        let any = moved.iter().any(|operand| self.within[operand.index()].is_some());
        let args: Vec<Value<Expr, Cond>> = operands.iter().map(|operand| point(values[operand.index()])).collect();
        // A number in the place of its change: what becomes of it is not used.
        let change = |id: &NodeId| {
            let value = shaped(values[id.index()].num().coefficient(1), self.shape(*id));
            Masked { within: self.within[id.index()], ..Masked::free(value) }
        };
        // Outside of which a series is 0 altogether.
        let nothing = |k: usize| {
            let id = operands[k];
            let (zero, within) = (self.zeros[id.index()]?, self.within[id.index()]);
            if varies(&id) { within.map(|within| within | zero) } else { Some(zero) }
        };
        let joint = || moved.iter().map(|id| self.within[id.index()]).reduce(|a, b| a.zip(b).map(|(a, b)| a | b)).flatten();
        let known = match self.graph.node(id).kind() {
            Kind::Apply(Op::Mul) => return Some((intersection([joint(), nothing(0), nothing(1)])?, true)),
            Kind::Apply(Op::Div) => return Some((intersection([joint(), nothing(0)])?, true)),
            Kind::Apply(op) if all || op.guards() => {
                let z = if op.guards() { op.apply(&args) } else { args[0] };
                if !op.guards() {
                    return Some((joint()?, true));
                }
                let edges = op.edges(&args, z);
                let through = |(operand, edge): (&NodeId, EdgeMap<Expr>)| {
                    if varies(operand) { change(operand).through_edge(edge.guarded(), true) } else { None }
                };
                let terms: Vec<Masked<Expr>> = operands.iter().zip(edges).filter_map(through).collect();
                if covers(Some(op), terms.len(), any) {
                    return None;
                }
                together(terms)?
            }
            Kind::Array(op @ ArrayOp::Concat(_)) if any || moved.len() < operands.len() => {
                let part = |id: &NodeId| match (varies(id), self.within[id.index()]) {
                    (false, _) => indicator(Cond::Const(false), self.shape(*id)),
                    (true, within) => indicator(within.unwrap_or(Cond::Const(true)), self.shape(*id)),
                };
                let parts: Vec<Value<Expr, Cond>> = operands.iter().map(|id| Value::Num(part(id))).collect();
                Expr::array(op, &parts).num().ne(lit::<Expr>(0.0))
            }
            Kind::Array(op) if all || matches!(op, ArrayOp::Pad(..) | ArrayOp::ScatterAdd { .. }) => {
                let shapes: Vec<Shape> = operands.iter().map(|&operand| self.shape(operand)).collect();
                let z = Expr::array(op, &args);
                let edges = op.edges(&args, &shapes, z, self.shape(id));
                let through = |(operand, chain): (&NodeId, Option<_>)| {
                    let map = Map::Chain(chain.filter(|_| varies(operand))?);
                    change(operand).through(&map, self.shape(*operand), true)
                };
                together(operands.iter().zip(edges).filter_map(through).collect())?
            }
            Kind::Control(nested) => {
                let given = moved.iter().map(|operand| (self.within[operand.index()], self.shape(*operand)));
                let reached = anywhere_of::<Expr>(given.collect::<Vec<_>>());
                let chosen = match (&**nested.control, nested.port) {
                    (Control::Choice { bodies }, Port::Final(k)) => {
                        let marked: Vec<bool> = operands[1..].iter().map(varies).collect();
                        one_varies(bodies, &marked, k as usize).map(|holds| {
                            let condition = args[0].num();
                            if holds { condition.ne(lit::<Expr>(0.0)) } else { condition.eq(lit::<Expr>(0.0)) }
                        })
                    }
                    _ => None,
                };
                match (reached, chosen) {
                    (Some(a), Some(b)) => a & b,
                    (a, b) => a.or(b)?,
                }
            }
            _ => return None,
        };
        Some((known, any))
    }
}

fn together(terms: Vec<Masked<Expr>>) -> Option<Cond> {
    terms.into_iter().reduce(Masked::plus)?.within
}

fn point(x: Value<Coefficients, Cond>) -> Value<Expr, Cond> {
    match x {
        Value::Num(x) => Value::Num(x.value()),
        Value::Mask(m) => Value::Mask(m),
    }
}

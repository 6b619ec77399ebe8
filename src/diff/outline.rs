//! What a function of numbers uses inside, put aside: arrays, loops and choices, with the numbers between them, become one operation for each part
//! that hangs together. Around them are numbers alone, of which every sweep knows which are 0, and a part is swept for all seeds at once.

use crate::base::Shape;
use crate::error::Result;
use crate::graph::{Args, Builder, Control, Function, InputGroup, Kind, Nested, NodeId, OutputGroup, Port, SharedControl};
use crate::op::{DType, Op};
use rustc_hash::FxHashMap;

/// The function with its parts put aside; only what depends on active inputs is part of one.
pub(crate) fn outlined(f: &Function) -> Result<Function> {
    let graph = f.graph();
    let outline = Outline::of(f);
    if outline.parts.is_empty() {
        return Ok(f.clone());
    }
    let parts: Vec<Part> = outline.parts.iter().map(|members| outline.part(f, members)).collect::<Result<_>>()?;
    let mut new = Builder::like(graph);
    let mut map = vec![NodeId(0); graph.len()];
    let copy = |new: &mut Builder, map: &mut [NodeId], id: NodeId| {
        let node = graph.node(id);
        map[id.index()] = match node.kind() {
            Kind::Input(_) => new.input(node.shape(), node.dtype()),
            kind => {
                let args = graph.operands_as(id, |operand| map[operand.index()]);
                new.intern(kind, &args, node.location())
            }
        };
    };
    // A part's operands are before it and behind no other part; what is behind a part comes after all of them.
    graph.ids().filter(|&id| !outline.behind[id.index()]).for_each(|id| copy(&mut new, &mut map, id));
    for part in &parts {
        let args: Args = part.operands.iter().map(|operand| map[operand.index()]).collect();
        for (k, &id) in part.results.iter().enumerate() {
            let kind = Kind::Control(Nested { control: &part.control, port: Port::Final(k as u32) });
            let number = new.intern(kind, &args, graph.node(id).location());
            map[id.index()] = match graph.node(id).dtype() {
                DType::Mask => {
                    let zero = new.intern(Kind::constant(0.0), &[], None);
                    new.intern(Kind::Apply(Op::Ne), &[number, zero], graph.node(id).location())
                }
                _ => number,
            };
        }
    }
    let is_after = |id: &NodeId| outline.behind[id.index()] && outline.part_of[id.index()].is_none();
    graph.ids().filter(is_after).for_each(|id| copy(&mut new, &mut map, id));
    let moved = |y: &OutputGroup| OutputGroup { nodes: y.nodes().iter().map(|id| map[id.index()]).collect(), ..y.clone() };
    Function::assemble(new.finish(), f.width(), f.inputs().to_vec(), f.outputs().iter().map(moved).collect())
}

/// Which nodes are put aside.
struct Outline {
    /// By node, whether it is in a part, or depends on one.
    behind: Vec<bool>,
    part_of: Vec<Option<usize>>,
    /// The nodes of each, operands before users.
    parts: Vec<Vec<NodeId>>,
}

/// An operation that stands for a part.
struct Part {
    control: SharedControl,
    operands: Vec<NodeId>,
    results: Vec<NodeId>,
}

impl Outline {
    fn of(f: &Function) -> Outline {
        let graph = f.graph();
        let mut varies = vec![false; graph.len()];
        f.active_slots().into_iter().for_each(|slot| varies[slot] = true);
        let (mut inner, mut behind) = (vec![false; graph.len()], vec![false; graph.len()]);
        for id in graph.ids() {
            let k = id.index();
            varies[k] |= graph.operands(id).any(|operand| varies[operand.index()]);
            let node = graph.node(id);
            let shaped = node.shape() != Shape::SCALAR
                || match node.kind() {
                    Kind::Array(_) => true,
                    Kind::Control(nested) => nested.control.needs_arrays(),
                    _ => false,
                };
            inner[k] = shaped && varies[k];
            behind[k] = inner[k] || graph.operands(id).any(|operand| behind[operand.index()]);
        }
        let mut before = inner.clone();
        for id in graph.ids().rev() {
            if before[id.index()] {
                graph.operands(id).for_each(|operand| before[operand.index()] = true);
            }
        }
        // What hangs together: by edges, and as results of one operation.
        let within = |id: NodeId| behind[id.index()] && before[id.index()];
        let mut roots: Vec<usize> = (0..graph.len()).collect();
        let mut nests: FxHashMap<(*const Control, Args), NodeId> = FxHashMap::default();
        for id in graph.ids().filter(|&id| within(id)) {
            graph.operands(id).filter(|&operand| within(operand)).for_each(|operand| join(&mut roots, id, operand));
            if let Kind::Control(nested) = graph.node(id).kind() {
                let first = *nests.entry((std::ptr::from_ref(&**nested.control), graph.operands(id).collect())).or_insert(id);
                join(&mut roots, id, first);
            }
        }
        let mut parts: Vec<Vec<NodeId>> = Vec::new();
        let mut part_of = vec![None; graph.len()];
        let mut by_root: FxHashMap<usize, usize> = FxHashMap::default();
        for id in graph.ids().filter(|&id| within(id)) {
            let part = *by_root.entry(root(&mut roots, id.index())).or_insert_with(|| {
                parts.push(vec![]);
                parts.len() - 1
            });
            parts[part].push(id);
            part_of[id.index()] = Some(part);
        }
        Outline { behind, part_of, parts }
    }

    /// The operation. Constants, and masks, which no body takes, are made again inside.
    fn part(&self, f: &Function, members: &[NodeId]) -> Result<Part> {
        let graph = f.graph();
        let own = self.part_of[members[0].index()];
        let is_member = |id: NodeId| self.part_of[id.index()] == own;
        let again = |id: NodeId| graph.node(id).kind().is_known() || graph.node(id).dtype() == DType::Mask;
        let mut needed = vec![false; graph.len()];
        members.iter().for_each(|id| needed[id.index()] = true);
        for id in graph.ids().rev() {
            if needed[id.index()] && (is_member(id) || again(id)) {
                graph.operands(id).for_each(|operand| needed[operand.index()] = true);
            }
        }
        let mut body = Builder::like(graph);
        let mut map = vec![NodeId(0); graph.len()];
        let needed = |id: &NodeId| needed[id.index()];
        let operands: Vec<NodeId> = graph.ids().filter(needed).filter(|&id| !is_member(id) && !again(id)).collect();
        for &id in &operands {
            map[id.index()] = body.input(graph.node(id).shape(), graph.node(id).dtype());
        }
        for id in graph.ids().filter(needed).filter(|&id| is_member(id) || again(id)) {
            let args = graph.operands_as(id, |operand| map[operand.index()]);
            map[id.index()] = body.intern(graph.node(id).kind(), &args, graph.node(id).location());
        }
        let mut used = vec![false; graph.len()];
        f.output_nodes().for_each(|id| used[id.index()] = true);
        for id in graph.ids().filter(|&id| !is_member(id)) {
            graph.operands(id).for_each(|operand| used[operand.index()] = true);
        }
        let results: Vec<NodeId> = members.iter().copied().filter(|id| used[id.index()]).collect();
        let mut output = |(k, id): (usize, &NodeId)| {
            let mut node = map[id.index()];
            if graph.node(*id).dtype() == DType::Mask {
                let [one, zero] = [1.0, 0.0].map(|v| body.intern(Kind::constant(v), &[], None));
                node = body.intern(Kind::Apply(Op::Select), &[node, one, zero], graph.node(*id).location());
            }
            OutputGroup { name: format!("y{k}"), nodes: vec![node], aux: false, batch: 0 }
        };
        let outputs: Vec<OutputGroup> = results.iter().enumerate().map(&mut output).collect();
        let types = graph.types(&operands);
        let inputs = types.iter().enumerate().map(|(k, &(shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
        let body = Function::assemble(body.finish(), f.width(), inputs.collect(), outputs)?;
        Ok(Part { control: Control::Remat { body }.into(), operands, results })
    }
}

/// The first of the nodes that hang together with one.
fn root(roots: &mut [usize], mut k: usize) -> usize {
    while roots[k] != k {
        roots[k] = roots[roots[k]];
        k = roots[k];
    }
    k
}

fn join(roots: &mut [usize], a: NodeId, b: NodeId) {
    let (a, b) = (root(roots, a.index()), root(roots, b.index()));
    roots[a.max(b)] = a.min(b);
}

//! Bodies in the place of operations that only matter to derivatives.

use crate::graph::{Args, Builder, Control, Function, Kind, Nested, NodeId, Port, States};
use rustc_hash::FxHashMap;

/// The function with the bodies of rules in their place; in functions of single numbers, where nothing is kept in memory, those of
/// [`remat`](crate::rules::remat), too.
pub(crate) fn inlined(f: &Function) -> Function {
    let remat = !f.has_arrays();
    without(f, &|control| match control {
        Control::Rule { .. } => true,
        Control::Remat { .. } => remat,
        _ => false,
    })
}

/// The function with the bodies of all of these in their place: of rows, too, nothing is kept in memory.
pub(super) fn bare(f: &Function) -> Function {
    without(f, &|control| matches!(control, Control::Rule { .. } | Control::Remat { .. }))
}

/// The function with nothing computed again that [`remat`](crate::rules::remat) or checkpoints of a scan would, bodies of loops and choices aside.
pub(crate) fn kept(f: &Function) -> Function {
    let f = without(f, &|control| matches!(control, Control::Remat { .. }));
    f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let Kind::Control(Nested { control, port }) = node.kind() else { return new.intern(node.kind(), args, node.location()) };
        let whole = match &**control {
            Control::Scan { body, carries, xs, length, reverse, states: States::Checkpoints(_) } => {
                let (body, length) = (body.clone(), *length);
                Control::Scan { body, carries: *carries, xs: *xs, length, reverse: *reverse, states: States::All }.into()
            }
            Control::While { condition, body, carries, budget: Some(_) } => {
                Control::While { condition: condition.clone(), body: body.clone(), carries: *carries, budget: None }.into()
            }
            _ => control.clone(),
        };
        new.intern(Kind::Control(Nested { control: &whole, port }), args, node.location())
    })
}

fn without(f: &Function, goes: &dyn Fn(&Control) -> bool) -> Function {
    let inlines = |id: NodeId| matches!(f.graph().node(id).kind(), Kind::Control(nested) if goes(nested.control));
    if !f.graph().ids().any(inlines) {
        return f.clone();
    }
    let mut known: FxHashMap<(*const Control, Args), Vec<NodeId>> = FxHashMap::default();
    let made = f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let Kind::Control(nested) = node.kind() else { return new.intern(node.kind(), args, node.location()) };
        if !inlines(id) {
            return new.intern(node.kind(), args, node.location());
        }
        let key = (std::ptr::from_ref(&**nested.control), args.iter().copied().collect());
        let results = known.entry(key).or_insert_with(|| spliced(&without(nested.control.body(), goes), new, args));
        let Port::Final(k) = nested.port else { unreachable!("only loops have other results") };
        results[k as usize]
    });
    made.pruned()
}

/// The nodes of a body's results, with its operations made anew of these arguments.
fn spliced(body: &Function, new: &mut Builder, args: &[NodeId]) -> Vec<NodeId> {
    let graph = body.graph();
    let mut map: Vec<NodeId> = args.to_vec();
    for id in graph.ids().skip(args.len()) {
        let operands = graph.operands_as(id, |operand| map[operand.index()]);
        map.push(new.intern(graph.node(id).kind(), &operands, graph.node(id).location()));
    }
    body.output_nodes().map(|id| map[id.index()]).collect()
}

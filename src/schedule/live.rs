//! Loops without carried values that nobody reads: neither the loop's end nor a result that is asked for depends on them.

use crate::eval::outputs_at;
use crate::graph::{Args, Control, Expr, Function, Kind, Nested, NodeId, Port, SharedControl, make_body, types_in};
use crate::op::lit;
use rustc_hash::FxHashMap;
use std::panic::Location;

/// A loop by its operation and operands.
type Key = (*const Control, Args);

/// The function with loops that carry what is read.
pub(super) fn read(f: &Function) -> Function {
    let graph = f.graph();
    let live = graph.reachable(f.output_nodes());
    let controls = graph.ids().filter(|id| live[id.index()]).filter_map(|id| match graph.node(id).kind() {
        Kind::Control(nested) => Some((id, nested)),
        _ => None,
    });
    let mut asked: FxHashMap<Key, (&SharedControl, Vec<bool>)> = FxHashMap::default();
    for (id, Nested { control, port }) in controls {
        match (&**control, port) {
            // Its loop is the same as another, which it would not be with less.
            (Control::Sweeps { .. }, _) => return f.clone(),
            (Control::While { carries, .. }, Port::Final(k)) => {
                let key = (std::ptr::from_ref(&**control), graph.operands(id).collect());
                asked.entry(key).or_insert_with(|| (control, vec![false; *carries])).1[k as usize] = true;
            }
            _ => {}
        }
    }
    let mut made: FxHashMap<Key, (SharedControl, Vec<bool>)> = FxHashMap::default();
    for (key, (control, asked)) in asked {
        let kept = needed(control, asked);
        if kept.contains(&false) {
            made.insert(key, (with(control, &kept), kept));
        }
    }
    if made.is_empty() {
        return f.clone();
    }
    f.rebuild(|graph, new, id, args| {
        let node = graph.node(id);
        let made = match node.kind() {
            Kind::Control(nested) => made.get(&(std::ptr::from_ref(&**nested.control), graph.operands(id).collect())),
            _ => None,
        };
        let (Some((control, kept)), Kind::Control(Nested { port: Port::Final(k), .. })) = (made, node.kind()) else {
            return new.intern(node.kind(), args, node.location());
        };
        let place = kept[..k as usize].iter().filter(|kept| **kept).count() as u32;
        new.intern(Kind::Control(Nested { control, port: Port::Final(place) }), &chosen(args, kept), node.location())
    })
}

/// Of a list that begins with what is carried, the rest and what is kept.
fn chosen<T: Copy>(list: &[T], kept: &[bool]) -> Vec<T> {
    let is_kept = |k: &usize| kept.get(*k).is_none_or(|kept| *kept);
    (0..list.len()).filter(is_kept).map(|k| list[k]).collect()
}

/// What a loop has to carry for some of it.
fn needed(control: &Control, mut needed: Vec<bool>) -> Vec<bool> {
    let Control::While { condition, body, .. } = control else { unreachable!("it is a loop") };
    let of_condition = condition.graph().reachable(condition.output_nodes());
    needed.iter_mut().zip(of_condition).for_each(|(needed, read)| *needed |= read);
    loop {
        let results: Vec<NodeId> = body.output_nodes().zip(&needed).filter(|(_, needed)| **needed).map(|(id, _)| id).collect();
        let of_body = body.graph().reachable(results);
        let more = needed.iter().zip(&of_body).any(|(needed, read)| *read && !needed);
        needed.iter_mut().zip(of_body).for_each(|(needed, read)| *needed |= read);
        if !more {
            return needed;
        }
    }
}

/// The loop that carries what is kept.
fn with(control: &Control, kept: &[bool]) -> SharedControl {
    let Control::While { condition, body, budget, .. } = control else { unreachable!("it is a loop") };
    let types = chosen(&types_in(body), kept);
    let reduced = |f: &Function| {
        make_body(f.width(), &types, Location::caller(), |args| {
            let mut args = args.iter().copied();
            // In the place of what nobody reads.
            let all = (0..f.input_len()).map(|k| match kept.get(k) {
                Some(false) => lit(0.0),
                _ => args.next().expect("one for each"),
            });
            outputs_at(f, &all.collect::<Vec<Expr>>()).expect("as many as the body takes")
        })
        .expect("its operations were made before")
    };
    let condition = reduced(condition);
    let body = reduced(&body.with_chosen_outputs(|k| kept[k]));
    let carries = kept.iter().filter(|kept| **kept).count();
    Control::While { condition, body, carries, budget: *budget }.into()
}

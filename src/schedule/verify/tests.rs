//! Plans that are broken on purpose, each refused by its own message.

use super::verify;
use crate::base::Width;
use crate::diff::value_and_grad;
use crate::error::Result;
use crate::eval::Lengths;
use crate::graph::{Expr, Function, Scan, While, cond, keep, scan, while_loop};
use crate::schedule::ir::{
    Action, Buffer, Carried, Flow, MatMul, Plan, RunControl, RunLoop, RunReplay, RunSums, Space, Strided, Tiles, Updates, ValueId,
};
use crate::schedule::unit::Units;
use crate::schedule::{MOST, Settings, plan, prepared, schedule};

/// How a function is planned.
#[derive(Copy, Clone, Default)]
struct How {
    unroll: bool,
    updates: &'static Updates,
    lengths: &'static [(&'static str, usize)],
    parallel: bool,
}

/// A plan that is sound.
fn planned(f: Result<Function>, how: How) -> Plan {
    let options = Settings { unroll: how.unroll, ..Settings::default() };
    let schedule = schedule(prepared(&f.unwrap(), options), options, &mut Units::default(), MOST).unwrap();
    let open: Lengths = how.lengths.iter().copied().collect();
    let plan = plan(&schedule, schedule.once, how.updates, &open, how.parallel);
    assert!(verify(&plan).is_ok());
    plan
}

/// That a plan is refused, once something has been done to it.
#[track_caller]
fn refused(plan: &Plan, message: &str, break_it: impl FnOnce(&mut Plan)) {
    let mut broken = plan.clone();
    break_it(&mut broken);
    let fault = verify(&broken).expect_err("the plan is broken").to_string();
    assert!(fault.contains(message), "`{message}` is not said: {fault}");
}

/// Where the actions of a kind are.
fn kinds(actions: &[Action], is: impl Fn(&Action) -> bool) -> Vec<usize> {
    (0..actions.len()).filter(|&k| is(&actions[k])).collect()
}

macro_rules! pick {
    ($name:ident, $what:ty, $pattern:pat => $found:expr) => {
        /// The n-th action of the kind.
        fn $name(actions: &mut [Action], n: usize) -> $what {
            actions
                .iter_mut()
                .filter_map(|action| if let $pattern = action { Some($found) } else { None })
                .nth(n)
                .expect("there is one")
        }
    };
}

pick!(a_loop, &mut RunLoop, Action::Loop(run) => run);
pick!(a_flow, (&mut Vec<Buffer>, &mut Vec<Buffer>), Action::Flow { inputs, outputs, .. } => (inputs, outputs));
pick!(a_control, &mut RunControl, Action::Control(run) => &mut **run);
pick!(a_replay, &mut RunReplay, Action::Replay(run) => &mut **run);
pick!(a_band, &mut Tiles, Action::Tiles(tiles) => &mut **tiles);
pick!(a_fill, &mut Buffer, Action::Fill(to, _) => to);
pick!(a_product, (&mut Buffer, &mut Buffer, &mut Buffer, &mut MatMul), Action::MatMul { a, b, c, each, .. } => (a, b, c, each));
pick!(a_write, (&mut Buffer, &mut Buffer, &mut Strided), Action::Write { from, to, places, .. } => (from, to, places));
pick!(a_read, (&mut Buffer, &mut Strided), Action::Read { from, places, .. } => (from, places));
pick!(a_straight, (&mut Vec<Buffer>, &mut Vec<Buffer>), Action::Straight { inputs, outputs, .. } => (inputs, outputs));
pick!(a_gather, (&mut Buffer, &mut Buffer), Action::Gather { x, index, .. } => (x, index));

/// Loops and products, with values between: a = x² + 1, b = a·w, c = b·a, d = c·w.
fn products() -> Plan {
    let f = Function::trace(["x[8,8]", "w[8,8]"], |[x, w]| {
        let a = x * x + 1.0;
        let b = a.matmul(w);
        (b * a).matmul(w)
    });
    planned(f, How::default())
}

#[test]
fn memory_and_liveness() {
    let plan = products();
    assert_eq!(kinds(&plan.actions, |action| matches!(action, Action::MatMul { .. })), [1, 3]);
    refused(&plan, "which it reads", |plan| {
        let (a, _, c, _) = a_product(&mut plan.actions, 0);
        (c.space, c.offset) = (a.space, a.offset);
    });
    refused(&plan, "before that is written", |plan| plan.actions.swap(0, 1));
    refused(&plan, "elements into", |plan| a_loop(&mut plan.actions, 0).inner += 8);
    refused(&plan, "ends behind the", |plan| a_loop(&mut plan.actions, 0).places[1].offset += plan.scratch);
    refused(&plan, "a second time", |plan| plan.actions.push(plan.actions[3].clone()));
    refused(&plan, "is never written", |plan| _ = plan.actions.pop());
    refused(&plan, "an input", |plan| {
        let (_, _, c, _) = a_product(&mut plan.actions, 0);
        (c.space, c.offset) = (Space::Input(0), 0);
    });
    refused(&plan, "in a slice that no call has", |plan| a_product(&mut plan.actions, 0).0.space = Space::Input(7));
    refused(&plan, "there is no tile", |plan| a_product(&mut plan.actions, 0).0.space = Space::Tile);
    refused(&plan, "addresses, and there is room for 1", |plan| plan.table = 1);
    refused(&plan, "the results cover 0 of the 64 elements of output 0", |plan| plan.results.clear());
    refused(&plan, "it takes 64 elements", |plan| a_product(&mut plan.actions, 0).2.len = 63);
    refused(&plan, "elements into", |plan| a_product(&mut plan.actions, 0).3.b.0 = 9);
    refused(&plan, "only one product", |plan| a_product(&mut plan.actions, 0).3.m = 7);
    // What another value took the memory of is dead: here b, written where a was, which the next loop reads.
    refused(&plan, "is by now, which action 1 wrote", |plan| {
        let a = *a_product(&mut plan.actions, 0).0;
        // A product of other factors, so that it does not read what it overwrites.
        let (from, x, to, _) = a_product(&mut plan.actions, 0);
        *from = *x;
        (to.space, to.offset) = (a.space, a.offset);
    });
    refused(&plan, "is not there in the end", |plan| {
        let result = plan.results[0];
        plan.actions.push(Action::Fill(Buffer { value: ValueId(99), ..result }, 0.0));
    });
    refused(&plan, "is written in part only", |plan| {
        let Action::MatMul { c, each, .. } = &mut plan.actions[3] else { panic!("the last action is a product") };
        (each.rows, c.len) = (7, 56);
    });
}

#[test]
fn loops_and_what_they_overwrite() {
    let plan = products();
    // The second loop writes over what it reads last.
    let at = kinds(&plan.actions, |action| matches!(action, Action::Loop(_)));
    assert_eq!((at.len(), plan.actions.len()), (2, 4));
    assert_eq!(a_loop(&mut plan.clone().actions, 1).overwrites.len(), 1);
    refused(&plan, "which it reads", |plan| a_loop(&mut plan.actions, 1).overwrites.clear());
    refused(&plan, "not read in the same places", |plan| {
        let run = a_loop(&mut plan.actions, 1);
        (run.inner, run.places[2].offset) = (56, run.places[2].offset + 8);
    });
    refused(&plan, "it overwrites what it does not have", |plan| a_loop(&mut plan.actions, 1).overwrites.push((0, 7)));
    refused(&plan, "elements apart, and 1 to the code", |plan| a_loop(&mut plan.actions, 0).row_strides[0] = 2);
    refused(&plan, "of the width f64, which the plan's are not", |plan| plan.width = Width::F32);
    refused(&plan, "an axis of length 0", |plan| a_loop(&mut plan.actions, 0).inner = 0);
    refused(&plan, "1 inputs where there must be 2", |plan| a_loop(&mut plan.actions, 1).inputs = 1);

    // Two outputs, of which the first is there before its operand is read for the last time.
    let f = Function::trace(["x[8,8]", "w[8,8]"], |[x, w]| {
        let a = x.matmul(w);
        let early = a + 1.0;
        (early, (early * 3.0).sqrt() * a)
    });
    refused(&planned(f, How::default()), "again after", |plan| {
        let run = a_loop(&mut plan.actions, 0);
        let (from, to) = (run.places[0], &mut run.places[1]);
        (to.space, to.offset) = (from.space, from.offset);
        run.overwrites = vec![(0, 0)];
    });
}

#[test]
fn loops_that_threads_share_out() {
    let around = Function::trace(["x[8,6]", "b[8]"], |[x, b]| x * b.reshape([8, 1]));
    let plan = planned(around, How::default());
    let run = a_loop(&mut plan.clone().actions, 0).clone();
    assert_eq!((run.inner, run.count, run.strides.clone()), (6, 8, vec![48, 8, 48]));
    refused(&plan, "threads that share it out", |plan| a_loop(&mut plan.actions, 0).strides[2] = 8);
    refused(&plan, "the same elements of", |plan| a_loop(&mut plan.actions, 0).strides[2] = 0);
    refused(&plan, "elements into", |plan| a_loop(&mut plan.actions, 0).strides[0] = 56);
    refused(&plan, "no number of whole elements", |plan| a_loop(&mut plan.actions, 0).strides[0] = 44);
    refused(&plan, "2 strides where there must be 3", |plan| _ = a_loop(&mut plan.actions, 0).strides.pop());
}

#[test]
fn sums() {
    let f = Function::trace(["x[6,8]"], |[x]| (("rows", (x * x).sum(1)), ("columns", (x * x).sum(0))));
    let plan = planned(f, How::default());
    let fills = kinds(&plan.actions, |action| matches!(action, Action::Fill(..)));
    assert_eq!(fills.len(), 1);
    refused(&plan, "before that is written", |plan| _ = plan.actions.remove(fills[0]));
    refused(&plan, "only a part is written", |plan| a_fill(&mut plan.actions, 0).len -= 1);
    refused(&plan, "a second time", |plan| plan.actions.insert(0, plan.actions[0].clone()));
}

#[test]
fn places_and_indices() {
    let f = Function::trace(["x[4,3]", "y[4,5]"], |[x, y]| Expr::concat(&[x, y], 1));
    let plan = planned(f, How::default());
    refused(&plan, "is written in part only", |plan| _ = plan.actions.pop());
    refused(&plan, "a second time", |plan| plan.actions.push(plan.actions[0].clone()));
    refused(&plan, "a second time", |plan| a_write(&mut plan.actions, 0).2.strides[0] = 2);
    refused(&plan, "elements into", |plan| a_write(&mut plan.actions, 1).2.offset += 1);
    refused(&plan, "it takes 12 elements", |plan| a_write(&mut plan.actions, 0).0.len -= 1);

    let f = Function::trace(["x[4,3]"], |[x]| x.t());
    let plan = planned(f, How::default());
    refused(&plan, "elements into", |plan| a_read(&mut plan.actions, 0).1.strides[0] = 9);
    refused(&plan, "begin before the buffer", |plan| a_read(&mut plan.actions, 0).1.strides[0] = -1);
    refused(&plan, "elements into", |plan| a_read(&mut plan.actions, 0).0.len -= 1);

    let f = Function::trace(["x[4,3]", "k[5]: index"], |[x, k]| x.gather(k, 0));
    let plan = planned(f, How::default());
    refused(&plan, "it takes 12 elements", |plan| a_gather(&mut plan.actions, 0).0.len -= 3);
    refused(&plan, "elements into", |plan| a_gather(&mut plan.actions, 0).1.len -= 1);
    refused(&plan, "are not checked to be below 4", |plan| _ = plan.actions.remove(0));
}

#[test]
fn linear_algebra() {
    let f = Function::trace(["a[4,4]", "b[4,2]"], |[a, b]| a.solve(b) + 1.0);
    let plan = planned(f, How::default());
    fn linalg(plan: &mut Plan) -> (&mut [Buffer; 2], &mut Buffer, &mut Buffer) {
        let found = plan.actions.iter_mut().find_map(|action| match action {
            Action::Linalg { operands, to, work, .. } => Some((operands, to, work)),
            _ => None,
        });
        found.expect("there is one")
    }
    refused(&plan, "which overlap", |plan| {
        let (_, to, work) = linalg(plan);
        to.offset = work.offset + 8;
        to.space = work.space;
    });
    refused(&plan, "it takes 16 elements", |plan| linalg(plan).2.len = 15);
    refused(&plan, "it takes 8 elements", |plan| linalg(plan).0[1].len = 7);
    refused(&plan, "which it reads", |plan| {
        let (operands, _, work) = linalg(plan);
        operands[0].space = work.space;
        operands[0].offset = work.offset;
        let fill = Action::Fill(operands[0], 0.0);
        plan.actions.insert(0, fill);
    });
}

#[test]
fn straight_line_code() {
    let f = Function::trace(["x[4]", "y[4]"], |[x, y]| (x * y, x + y));
    let plan = planned(f, How { unroll: true, ..How::default() });
    refused(&plan, "it takes 4 elements", |plan| a_straight(&mut plan.actions, 0).0[0].len = 3);
    refused(&plan, "1 inputs where there must be 2", |plan| _ = a_straight(&mut plan.actions, 0).0.pop());
    refused(&plan, "which overlap", |plan| {
        let outputs = a_straight(&mut plan.actions, 0).1;
        outputs[1].space = outputs[0].space;
    });
}

#[test]
fn outputs_over_inputs() {
    let f = Function::trace(["w[8,8]", "x[8,8]"], |[w, x]| (("next", w * 0.5 - x), ("old", w.matmul(x))));
    let plan = planned(f, How { updates: &[(0, 0)], ..How::default() });
    // The new value is copied when the old one has been read.
    assert_eq!(kinds(&plan.actions, |action| matches!(action, Action::Copy { .. })), [2]);
    refused(&plan, "reads value 0 in output 0[0..64], where value 2 is by now", |plan| plan.actions.swap(1, 2));
    refused(&plan, "value 0, which is given", |plan| _ = plan.actions.pop());

    let f = Function::trace(["w[8,8]", "x[8,8]"], |[w, x]| w * 0.5 - x);
    let plan = planned(f, How { updates: &[(0, 0)], ..How::default() });
    assert_eq!(a_loop(&mut plan.clone().actions, 0).overwrites.len(), 1);
    refused(&plan, "which it reads", |plan| a_loop(&mut plan.actions, 0).overwrites.clear());
}

#[test]
fn values_that_are_kept() {
    let f = Function::trace(["x[8,8]"], |[x]| {
        let known = Expr::iota(x.shape(), 1);
        x.matmul((known * 0.25).sin().matmul(known))
    });
    let plan = planned(f, How::default());
    assert!(!plan.once.is_empty() && plan.kept > 0);
    refused(&plan, "which all calls share", |plan| plan.actions.insert(0, plan.once[0].clone()));
    refused(&plan, "what runs once for all calls has no", |plan| {
        let (a, _, _, _) = a_product(&mut plan.once, 0);
        (a.space, a.offset) = (Space::Input(0), 0);
    });
    refused(&plan, "before that is written", |plan| plan.once.clear());
}

#[test]
fn scans_of_few_states() {
    let over = |c, x| Scan::over(x).checkpoints(2).run(c, |c: Expr, x: Expr| ((c * x).tanh(), ())).0.sum(..);
    let f = Function::trace(["c[8]", "x[9,8]"], |[c, x]| over(c, x)).and_then(|f| value_and_grad(&f));
    let plan = planned(f, How::default());
    refused(&plan, "states have no places", |plan| a_replay(&mut plan.actions, 1).entries = 2);
    refused(&plan, "before that is written", |plan| {
        let at = kinds(&plan.actions, |action| matches!(action, Action::Replay(_)))[0];
        plan.actions.remove(at);
    });
    refused(&plan, "is by now", |plan| {
        let states = a_replay(&mut plan.actions, 1).sources[0].states[0];
        let at = kinds(&plan.actions, |action| matches!(action, Action::Replay(_)))[1];
        plan.actions.insert(at, Action::Fill(Buffer { value: ValueId(999), ..states }, 0.0));
    });
    refused(&plan, "it writes", |plan| {
        let back = a_replay(&mut plan.actions, 1).back.as_mut().unwrap();
        back.turns[0][1].offset = back.turns[0][0].offset;
    });
    refused(&plan, "it takes 7 elements", |plan| a_replay(&mut plan.actions, 1).back.as_mut().unwrap().init[0].len = 7);
    refused(&plan, "nothing runs again", |plan| a_replay(&mut plan.actions, 1).sources.clear());
    refused(&plan, "body 0 needs a workspace of", |plan| a_replay(&mut plan.actions, 0).plans[0].scratch = 10_000);
}

#[test]
fn loops_of_few_states() {
    let few = |c, x: Expr| While::unbounded().checkpoints(2).run(c, |c: Expr| c.sum(..).lt(9.0), |c| (c * x).exp()).sum(..);
    let f = Function::trace(["c[8]", "x[8]"], |[c, x]| few(c, x)).and_then(|f| value_and_grad(&f));
    let plan = planned(f, How::default());
    refused(&plan, "states have no places", |plan| a_replay(&mut plan.actions, 0).entries = 2);
    refused(&plan, "it takes 3 elements", |plan| a_replay(&mut plan.actions, 1).turns.as_mut().unwrap().count.len = 2);
    refused(&plan, "0 conditions", |plan| a_replay(&mut plan.actions, 0).turns.as_mut().unwrap().condition = None);
    refused(&plan, "record first", |plan| a_replay(&mut plan.actions, 1).back.as_mut().unwrap().reads_first = false);
}

#[test]
fn loops_with_bodies() {
    let f = Function::trace(["c[8]", "x[5,8]", "w[8,8]"], |[c, x, w]| scan(c, x, |c, x| ((c * x).matmul(w), c.sin())));
    let plan = planned(f, How::default());
    refused(&plan, "goes in turns to", |plan| {
        let Carried::Turns(turns) = &mut a_control(&mut plan.actions, 0).carried[0] else { panic!("it goes in turns") };
        turns[1].offset = turns[0].offset + 4;
    });
    refused(&plan, "body 0 needs a workspace of", |plan| a_control(&mut plan.actions, 0).scratch.len = 1);
    refused(&plan, "body 0 takes 40 elements", |plan| a_control(&mut plan.actions, 0).operands[1].len = 32);
    refused(&plan, "body 0 takes 40 elements", |plan| a_control(&mut plan.actions, 0).each[0].len = 8);
    refused(&plan, "it takes 8 elements", |plan| a_control(&mut plan.actions, 0).last[0].len = 7);
    refused(&plan, "body 0 keeps values", |plan| a_control(&mut plan.actions, 0).plans[0].kept = 1);
    refused(&plan, "it writes", |plan| {
        let run = a_control(&mut plan.actions, 0);
        (run.scratch.space, run.scratch.offset) = (run.each[0].space, run.each[0].offset);
    });
    refused(&plan, "body 0, action 0", |plan| {
        let Action::Loop(run) = &mut a_control(&mut plan.actions, 0).plans[0].actions[0] else { panic!("a loop comes first") };
        run.inner += 1;
    });
    refused(&plan, "0 operands of a body", |plan| {
        let run = a_control(&mut plan.actions, 0);
        run.flow = Flow::Once;
        run.operands.clear();
    });

    let f = Function::trace(["c[60]", "x[5,60]"], |[c, x]| scan(c, x, |c, x| (c * x, c + x)));
    let plan = planned(f, How { unroll: true, ..How::default() });
    // Its step is straight-line code.
    refused(&plan, "is not the one piece of code", |plan| {
        let whole = &mut a_control(&mut plan.actions, 0).plans[0].actions;
        a_straight(whole, 0).0.swap(0, 1);
    });

    // All of it is code.
    let f = Function::trace(["c[3]", "x[t,3]"], |[c, x]| scan(c, x, |c, x| (c * x, c + x)));
    let plan = planned(f, How { unroll: true, lengths: &[("t", 5)], ..How::default() });
    refused(&plan, "it takes 15 elements", |plan| a_flow(&mut plan.actions, 0).0[1].len = 12);
    refused(&plan, "it takes 3 elements", |plan| a_flow(&mut plan.actions, 0).1[0].len = 15);
    refused(&plan, "it writes", |plan| {
        let (inputs, outputs) = a_flow(&mut plan.actions, 0);
        outputs[0] = inputs[0];
    });
    refused(&plan, "1 inputs", |plan| a_flow(&mut plan.actions, 0).0.truncate(1));

    let f = Function::trace(["x"], |[x]| while_loop(x, |x| x.gt(1.0), |x| x * 0.5));
    let plan = planned(f, How::default());
    refused(&plan, "body 1 takes 1 elements", |plan| {
        let run = a_control(&mut plan.actions, 0);
        run.plans[1].outputs[0] = 1;
        run.plans[1].inputs[0] = 1;
        run.operands[0].len = 0;
        run.last[0].len = 0;
        run.plans[0].inputs[0] = 0;
        run.carried = vec![Carried::Turns([run.last[0].empty(); 2])];
    });

    let f = Function::trace(["x[4]", "k"], |[x, k]| cond(k.gt(0.0), || x.cumsum(0), || x));
    let plan = planned(f, How::default());
    refused(&plan, "1 bodies where there must be 2", |plan| _ = a_control(&mut plan.actions, 0).plans.pop());
}

/// Tiles: rows with their sums of squares, added up.
fn tiles(parallel: bool) -> Plan {
    let f = Function::trace(["x[n,4]"], |[x]| {
        let y = (x * 0.5).tanh().exp() - x.max_of(keep(1));
        (("loss", (y * y).sum(..)), ("rows", (y * 2.0).exp()))
    });
    planned(f, How { lengths: &[("n", 100_001)], parallel, ..How::default() })
}

#[test]
fn tiles_of_a_band() {
    let plan = tiles(false);
    refused(&plan, "on several threads add to", |plan| plan.parallel = true);
    let plan = tiles(true);
    let band = a_band(&mut plan.clone().actions, 0).clone();
    assert!(band.count > 2 && band.rest.is_some() && band.scratch > 0);
    /// Changes every buffer that the whole tiles write to the call's memory.
    fn written(plan: &mut Plan, mut change: impl FnMut(&mut Buffer)) {
        for action in &mut a_band(&mut plan.actions, 0).each {
            match action {
                Action::Loop(run) => run.places[run.inputs..].iter_mut().filter(|buffer| buffer.step > 0).for_each(&mut change),
                Action::Extreme { to, .. } if to.step > 0 => change(to),
                _ => {}
            }
        }
    }
    refused(&plan, "where another one has", |plan| written(plan, |buffer| buffer.step -= 4));
    refused(&plan, "elements into", |plan| written(plan, |buffer| buffer.len -= 4));
    refused(&plan, "only a part is written", |plan| {
        let band = a_band(&mut plan.actions, 0);
        (band.rest, band.count) = (None, band.count - 1);
    });
    refused(&plan, "ends behind", |plan| a_band(&mut plan.actions, 0).scratch -= 16);
    refused(&plan, "ends behind", |plan| a_band(&mut plan.actions, 0).count += 1);
    refused(&plan, "before that is written", |plan| _ = a_band(&mut plan.actions, 0).each.remove(0));
    refused(&plan, "a tile has neither", |plan| {
        let inner = Action::Tiles(Box::new(a_band(&mut plan.actions, 0).clone()));
        a_band(&mut plan.actions, 0).each.push(inner);
    });
    refused(&plan, "addresses, and there is room for 0", |plan| a_band(&mut plan.actions, 0).table = 0);
}

#[test]
fn sums_around_rows() {
    let lengths = &[("n", 100), ("m", 7)];
    let f = Function::trace(["x[n,m]", "r[n,1]"], |[x, r]| {
        let y = (x * r).exp();
        (("y", y.sum(0)), ("z", (y * x).sum(0)))
    });
    let plan = planned(f, How { lengths, ..How::default() });
    let at = kinds(&plan.actions, |action| matches!(action, Action::Loop(run) if run.sums.is_some()))[0];
    fn sums(plan: &mut Plan, at: usize) -> &mut RunSums {
        let Action::Loop(run) = &mut plan.actions[at] else { unreachable!("it is a loop") };
        run.sums.as_mut().expect("it has sums")
    }
    refused(&plan, "its code is for sums around the rows", |plan| {
        let Action::Loop(run) = &mut plan.actions[at] else { unreachable!("it is a loop") };
        run.sums = None;
    });
    refused(&plan, "it adds up what it does not have", |plan| sums(plan, at).places[0].0 = 9);
    refused(&plan, "it reads a sum so far", |plan| _ = sums(plan, at).places.pop());
    refused(&plan, "at once", |plan| sums(plan, at).piece = 0);
    refused(&plan, "summands", |plan| sums(plan, at).all += 1);
    refused(&plan, "a sum moves along its own axis", |plan| {
        let (_, output) = sums(plan, at).places[0];
        sums(plan, at).along[0].1[output] = 1;
    });
    refused(&plan, "elements into", |plan| {
        sums(plan, at).along[0].0 += 1;
        sums(plan, at).all += 1;
    });
}

#[test]
fn sums_from_tile_to_tile() {
    let lengths = &[("n", 100_000), ("m", 4)];
    let f = Function::trace(["x[n,m]", "b[m]"], |[x, b]| {
        let z = (x * b).exp();
        (("columns", (z.sin() - b).sum(0)), ("all", z.sin().sum(..)))
    });
    let plan = planned(f, How { lengths, ..How::default() });
    fn band_loop(plan: &mut Plan, is: fn(&RunLoop) -> bool) -> &mut RunLoop {
        let each = &mut a_band(&mut plan.actions, 0).each;
        let found = each.iter_mut().filter_map(|action| if let Action::Loop(run) = action { Some(run) } else { None });
        found.into_iter().find(|run| is(run)).expect("there is one")
    }
    let parts = |plan: &mut Plan| band_loop(plan, |run| run.sums.is_some()).sums.as_mut().unwrap().parts.unwrap();
    let of_parts = parts(&mut plan.clone());
    refused(&plan, "elements into", |plan| {
        let run = band_loop(plan, |run| run.sums.is_some());
        run.sums.as_mut().unwrap().parts = Some(Buffer { len: of_parts.len - 1, ..of_parts });
    });
    refused(&plan, "before that is written", |plan| {
        let filled = kinds(&plan.actions, |action| matches!(action, Action::Fill(to, _) if to.is_at(of_parts)))[0];
        plan.actions.remove(filled);
    });
    refused(&plan, "tiles on several threads add to", |plan| plan.parallel = true);
    refused(&plan, "other summands than it says", |plan| {
        band_loop(plan, |run| run.sums.is_some()).sums.as_mut().unwrap().tile -= 1;
    });
    refused(&plan, "those of one sum", |plan| {
        let run = band_loop(plan, |run| run.sums.is_some());
        run.outer.push((2, vec![0; run.places.len()]));
    });
    refused(&plan, "that of one run of rows", |plan| {
        let run = band_loop(plan, |run| run.rest.is_some());
        run.outer.push((1, vec![0; run.places.len()]));
    });
}

/// An open axis of length 1 that is summed over is no axis of the loop any more; the next one, which is long, is cut in tiles.
#[test]
fn a_sum_over_an_axis_that_is_not_there() {
    for parallel in [false, true] {
        let f = Function::trace(["x[m,n]"], |[x]| {
            let y = (x * 0.5).tanh();
            ((y * y).sum(0).sqrt().exp(), y)
        });
        planned(f, How { lengths: &[("m", 1), ("n", 200_000)], parallel, ..How::default() });
    }
}

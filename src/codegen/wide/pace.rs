//! How long a turn takes, about: what decides how many vectors it has, and what becomes of the rows that are left. In cycles, as instructions on
//! 512 bits take them on AMD's Zen 4 (measured); on other processors the ratios are much the same.

use super::list::{Bin, Body, Item, Node, V};

/// So many instructions a processor has in sight, about.
const SIGHT: f64 = 320.0;
/// What chains leave free of the work, so that a second vector pays. (A logistic gradient of 30 features, with 1.05, takes 9.7 ns a row in place of 16.7, the
/// prices of options, with 0.8 and 0.9, 10 % less; the Jacobian of bundle adjustment, with 0.75, 16 % more.)
const FREE: f64 = 0.77;
/// A loop of so few goes over two vectors in any case: they share what the loop itself takes.
const SHORT: usize = 64;
/// Up to so many cycles of a vector, rows that are left are better gone over in exact pieces. Under a mask they are one turn, but a load has to
/// wait for a masked store that it overlaps: some 33 cycles where rows of a few elements lie one after the other.
const LIGHT: f64 = 32.0;

#[derive(Copy, Clone, Debug)]
pub(super) struct Pace {
    instructions: usize,
    /// Cycles until all instructions could start.
    work: f64,
    /// Cycles until the last result is there, if nothing else had to be done.
    chain: f64,
}

impl Pace {
    /// Of a turn of one vector.
    pub(super) fn new(body: &Body) -> Pace {
        let (mut instructions, mut all, mut multiplied, mut chain) = (0, 0.0, 0.0, 0.0f64);
        let mut ready = vec![0.0f64; body.nodes.len()];
        for &item in &body.items {
            let (args, count) = item.operands(&body.nodes);
            let start = args[..count].iter().fold(0.0, |start: f64, &v: &V| start.max(ready[v as usize]));
            instructions += 1;
            let Item::Make(v) = item else {
                // A store, or a load and a store of a sum.
                all += 1.0;
                continue;
            };
            let (latency, cycles, multiplies) = cost(body.nodes[v as usize]);
            all += cycles;
            multiplied += if multiplies { 1.0 } else { 0.0 };
            ready[v as usize] = start + latency;
            chain = chain.max(ready[v as usize]);
        }
        Pace { instructions, work: f64::max(all, multiplied), chain }
    }

    /// Whether two vectors in a turn keep the processor busier than one: where it does not see enough of the next turn to fill what the chain of one
    /// leaves free. Otherwise they only take each other's registers.
    pub(super) fn wants_two(&self) -> bool {
        let seen = f64::min(1.0, self.instructions as f64 / SIGHT);
        self.instructions <= SHORT || self.chain * seen > FREE * self.work
    }

    pub(super) fn is_light(&self) -> bool {
        self.work <= LIGHT
    }
}

/// Cycles until the result is there, cycles that an instruction takes of what there is of its kind, and whether a multiplying unit does it, of which
/// there is one.
fn cost(node: Node) -> (f64, f64, bool) {
    match node {
        Node::Bin(Bin::Mul, ..) => (3.0, 0.5, true),
        Node::Bin(Bin::Div, ..) => (13.0, 9.0, true),
        Node::Bin(Bin::Add | Bin::Sub, ..) | Node::Round(..) => (3.0, 0.5, false),
        Node::Bin(Bin::Low | Bin::High | Bin::LowPairs | Bin::HighPairs, ..) => (2.0, 0.75, false),
        Node::Bin(..) | Node::OrZero(..) | Node::Select(..) | Node::Both(..) | Node::Either(..) | Node::Not(_) => {
            (1.0, 0.5, false)
        }
        Node::Left(..) | Node::Right(..) | Node::Flag(_) => (2.0, 0.5, false),
        Node::Compare(..) => (4.0, 0.5, true),
        Node::Fma { .. } => (4.0, 0.5, true),
        Node::Sqrt(_) => (21.0, 15.0, true),
        Node::Const(_) | Node::Kept(_) | Node::KeptMask(_) | Node::Column(_) => (0.0, 0.0, false),
        Node::Number(_) | Node::Shared(_) | Node::One(_) | Node::Part(_) | Node::PutOne(..) | Node::PutPart(..) => {
            (7.0, 0.5, false)
        }
        Node::Join(..) | Node::JoinHalves(..) => (3.0, 1.0, false),
        Node::Rare(..) => (1.0, 1.0, false),
        // Lane by lane.
        Node::Call(..) => (200.0, 200.0, false),
    }
}

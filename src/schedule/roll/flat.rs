//! A graph of single numbers as tables, in which each long sum is one node.
//!
//! In: a function of numbers. Out: for every node what it does and its operands; for every long sum its terms in their order.

use crate::graph::{Function, Kind, NodeId};
use crate::op::Op;
use rustc_hash::FxHashMap;

/// From so many additions on a chain of them is a sum: one node, so that its terms are equal whatever their place in it.
const LONG: usize = 32;

/// What is where an operand would be.
pub(super) const NONE: u32 = u32::MAX;

/// What a node does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum What {
    Input,
    /// A number or a truth value that is known.
    Known,
    Apply(Op),
    /// The sum of this number.
    Sum(u32),
    /// It is inside a sum.
    Inside,
}

/// Which long chains of additions are sums.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Sums {
    All,
    /// Those that have more terms than there are chains of that length: others are what an iteration adds up by itself.
    Longest,
}

/// A chain of additions, each of which is used by the next one and by nothing else.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sum {
    pub(super) first: u32,
    pub(super) links: Vec<Link>,
}

/// What becomes of the sum so far.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Link {
    /// An addition, a subtraction, or an addition of a product in one rounding.
    pub(super) op: Op,
    /// The term, or the factors of it.
    pub(super) terms: [u32; 2],
}

impl Link {
    pub(super) fn terms(&self) -> &[u32] {
        if self.op == Op::MulAdd { &self.terms } else { &self.terms[..1] }
    }
}

pub(super) struct Flat {
    pub(super) what: Vec<What>,
    /// Operands, as far as there are any.
    pub(super) args: Vec<[u32; 3]>,
    pub(super) sums: Vec<Sum>,
}

impl Flat {
    pub(super) fn new(f: &Function, which: Sums) -> Flat {
        let graph = f.graph();
        let n = graph.len();
        let (mut what, mut args, mut uses) = (Vec::with_capacity(n), Vec::with_capacity(n), vec![0u32; n]);
        for id in graph.ids() {
            what.push(match graph.node(id).kind() {
                Kind::Input(_) => What::Input,
                Kind::Const(_) | Kind::Flag(_) => What::Known,
                Kind::Apply(op) => What::Apply(op),
                Kind::Array(_) | Kind::Control(_) => unreachable!("a function of numbers has neither arrays nor bodies"),
            });
            let mut own = [NONE; 3];
            for (arg, operand) in own.iter_mut().zip(graph.operands(id)) {
                *arg = operand.0;
                uses[operand.index()] += 1;
            }
            args.push(own);
        }
        f.output_nodes().for_each(|NodeId(id)| uses[id as usize] += 1);
        let mut flat = Flat { what, args, sums: vec![] };
        flat.find_sums(&uses, which);
        flat
    }

    pub(super) fn len(&self) -> usize {
        self.what.len()
    }

    pub(super) fn op(&self, k: usize) -> Option<Op> {
        if let What::Apply(op) = self.what[k] { Some(op) } else { None }
    }

    /// The operands of an operation.
    pub(super) fn operands(&self, k: usize) -> &[u32] {
        &self.args[k][..self.op(k).map_or(0, Op::arity)]
    }

    /// Operations in all.
    pub(super) fn operations(&self) -> usize {
        self.what.iter().filter(|what| !matches!(what, What::Input | What::Known)).count()
    }

    /// Makes long chains of additions one node each. Of two operands that are chains the longer one goes on.
    fn find_sums(&mut self, uses: &[u32], which: Sums) {
        let n = self.len();
        let (mut before, mut links) = (vec![NONE; n], vec![0usize; n]);
        for k in 0..n {
            let chains = match self.op(k) {
                Some(Op::Add) => 0..2,
                Some(Op::Sub) => 0..1,
                Some(Op::MulAdd) => 2..3,
                _ => continue,
            };
            links[k] = 1;
            for &x in &self.args[k][chains] {
                let behind = links[x as usize];
                if uses[x as usize] == 1 && behind + 1 > links[k] {
                    (links[k], before[k]) = (behind + 1, x);
                }
            }
        }
        let mut goes_on = vec![false; n];
        before.iter().filter(|&&x| x != NONE).for_each(|&x| goes_on[x as usize] = true);
        let mut of_length: FxHashMap<usize, usize> = FxHashMap::default();
        (0..n).filter(|&k| links[k] >= LONG && !goes_on[k]).for_each(|k| *of_length.entry(links[k]).or_default() += 1);
        for k in (0..n).rev() {
            if links[k] < LONG || goes_on[k] || which == Sums::Longest && of_length[&links[k]] >= links[k] {
                continue;
            }
            let mut sum = Sum { first: NONE, links: Vec::with_capacity(links[k]) };
            let mut at = k;
            loop {
                let (op, [a, b, c]) = (self.op(at).expect("a chain has operations"), self.args[at]);
                let so_far = match (before[at], op) {
                    (NONE, Op::MulAdd) => c,
                    (NONE, _) => a,
                    (chain, _) => chain,
                };
                // The other operand; of equal ones the second.
                let terms = match op {
                    Op::MulAdd => [a, b],
                    Op::Add if so_far == b && so_far != a => [a, NONE],
                    _ => [b, NONE],
                };
                sum.links.push(Link { op, terms });
                if at != k {
                    self.what[at] = What::Inside;
                }
                if before[at] == NONE {
                    sum.first = so_far;
                    break;
                }
                at = so_far as usize;
            }
            sum.links.reverse();
            self.what[k] = What::Sum(self.sums.len() as u32);
            self.sums.push(sum);
        }
    }
}

//! Greedy colourings: columns of a matrix that one product can stand for, and vertices of a symmetric one.
//!
//! See A. Gebremedhin, F. Manne and A. Pothen, "What color is your Jacobian?" (2005), for all of them.

use super::order::{Adjacency, Order, columns as ordered_columns};
use super::pattern::Sparsity;

/// A colour for each vertex, and how many there are.
#[derive(Clone)]
pub(super) struct Colours {
    pub(super) of: Vec<u32>,
    pub(super) count: usize,
}

/// No colour yet.
const NONE: u32 = u32::MAX;

/// Colours by an order: each vertex gets the smallest colour that the closure, which marks, does not forbid.
fn greedy(n: usize, order: &[usize], mut forbid: impl FnMut(usize, &[u32], &mut dyn FnMut(u32))) -> Colours {
    let mut of = vec![NONE; n];
    // By colour, the vertex that it was last forbidden to.
    let mut forbidden: Vec<usize> = Vec::new();
    for &v in order {
        forbid(v, &of, &mut |colour| forbidden[colour as usize] = v);
        let colour = forbidden.iter().position(|&last| last != v).unwrap_or(forbidden.len());
        if colour == forbidden.len() {
            forbidden.push(usize::MAX);
        }
        of[v] = colour as u32;
    }
    Colours { of, count: forbidden.len() }
}

fn fewest(order: Order, colour: impl Fn(Order) -> Colours) -> Colours {
    let all = order.candidates().into_iter().map(colour);
    all.min_by_key(|colours| colours.count).expect("there is an order to try")
}

/// Columns of one colour share no row (A. Curtis, M. Powell and J. Reid, 1974; T. Coleman and J. Moré, 1983).
pub(super) fn columns(pattern: &Sparsity, order: Order) -> Colours {
    let rows = pattern.by_rows();
    let row = |i: usize| rows.columns[rows.starts[i]..rows.starts[i + 1]].iter().map(|&j| j as u32).collect();
    let by_row: Vec<Vec<u32>> = (0..pattern.rows()).map(row).collect();
    fewest(order, |order| {
        greedy(pattern.columns(), &ordered_columns(pattern, &by_row, order), |v, of, forbid| {
            for &other in pattern.column(v).iter().flat_map(|&i| &by_row[i]) {
                if of[other as usize] != NONE {
                    forbid(of[other as usize]);
                }
            }
        })
    })
}

/// Neighbours differ, and every path of four vertices has three colours (T. Coleman and J. Moré, 1984): every edge can be read off
/// at one of its ends.
pub(super) fn star(graph: &Adjacency, order: Order) -> Colours {
    fewest(order, |order| {
        greedy(graph.len(), &graph.ordered(order), |v, of, forbid| {
            for &w in graph.of(v) {
                let colour = of[w as usize];
                if colour != NONE {
                    forbid(colour);
                }
                for &x in graph.of(w as usize).iter().filter(|&&x| of[x as usize] != NONE) {
                    let second = of[x as usize];
                    // v, w, x, y of two colours; or w still to come, which is to see its neighbours apart.
                    if colour == NONE || graph.of(x as usize).iter().any(|&y| y != w && of[y as usize] == colour) {
                        forbid(second);
                    }
                }
            }
        })
    })
}

/// Neighbours differ, and every cycle has three colours (T. Coleman and J.-Y. Cai, 1986; A. Gebremedhin, A. Tarafdar, F. Manne and A.
/// Pothen, 2007): two colours make trees, which substitution solves from their leaves.
pub(super) fn acyclic(graph: &Adjacency, order: Order) -> Colours {
    fewest(order, |order| {
        let mut trees = Trees::default();
        // Edges by number, the same from either end.
        let mut number: rustc_hash::FxHashMap<(u32, u32), u32> = rustc_hash::FxHashMap::default();
        for v in 0..graph.len() as u32 {
            for &w in graph.of(v as usize).iter().filter(|&&w| v < w) {
                number.insert((v, w), number.len() as u32);
            }
        }
        let edge = |v: u32, w: u32| number[&(v.min(w), v.max(w))];
        trees.parent = (0..number.len() as u32).collect();
        // By tree, the vertex that was last coloured beside it, and the neighbour by which it came to the tree.
        let mut seen: Vec<(u32, u32)> = vec![(NONE, NONE); number.len()];
        let mut before: Option<usize> = None;
        let all = graph.ordered(order);
        greedy(graph.len(), &all, |v, of, forbid| {
            // What was coloured last joins the trees of its colours.
            if let Some(last) = before.replace(v) {
                trees.join(graph, last as u32, of, &edge);
            }
            for &w in graph.of(v).iter().filter(|&&w| of[w as usize] != NONE) {
                forbid(of[w as usize]);
                for &x in graph.of(w as usize).iter().filter(|&&x| of[x as usize] != NONE) {
                    let tree = trees.root(edge(w, x)) as usize;
                    match seen[tree] {
                        (vertex, by) if vertex == v as u32 && by != w => forbid(of[x as usize]),
                        _ => seen[tree] = (v as u32, w),
                    }
                }
            }
        })
    })
}

/// Edges of two colours that hang together.
#[derive(Default)]
struct Trees {
    parent: Vec<u32>,
}

impl Trees {
    fn root(&mut self, mut edge: u32) -> u32 {
        while self.parent[edge as usize] != edge {
            let above = self.parent[edge as usize];
            self.parent[edge as usize] = self.parent[above as usize];
            edge = above;
        }
        edge
    }

    fn join(&mut self, graph: &Adjacency, v: u32, of: &[u32], edge: &impl Fn(u32, u32) -> u32) {
        let mut first: rustc_hash::FxHashMap<u32, u32> = rustc_hash::FxHashMap::default();
        for &w in graph.of(v as usize).iter().filter(|&&w| of[w as usize] != NONE) {
            let own = edge(v, w);
            // Edges from v to one colour are of one tree.
            let other = *first.entry(of[w as usize]).or_insert(own);
            self.unite(own, other);
            for &x in graph.of(w as usize).iter().filter(|&&x| x != v && of[x as usize] == of[v as usize]) {
                self.unite(own, edge(w, x));
            }
        }
    }

    fn unite(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a as usize] = b;
    }
}

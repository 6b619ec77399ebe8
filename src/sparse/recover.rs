//! From colours to entries: which number of a compressed product each entry is, or what is to be subtracted from it.

use super::colour::{Colours, acyclic, columns, star};
use super::method::{Compress, Method, Symmetric};
use super::order::{Adjacency, Order};
use super::pattern::Sparsity;
use rustc_hash::FxHashMap;

/// Where an entry's number stands among the compressed products.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// In the product of the matrix with the sum of a group's columns.
    Forward { row: usize, group: u32 },
    /// In the sum of a group's rows.
    Reverse { group: u32, column: usize },
}

/// Groups of columns and rows, and how the entries come out of their products.
pub(super) struct Recovery {
    /// Of each column, the group that it is in.
    pub(super) columns: Vec<Option<u32>>,
    /// Of each row likewise.
    pub(super) rows: Vec<Option<u32>>,
    /// How many groups of columns there are.
    pub(super) forward: usize,
    /// How many groups of rows there are.
    pub(super) reverse: usize,
    /// By entry.
    pub(super) reads: Vec<Read>,
    /// From an entry, another one is to be subtracted, in this order.
    pub(super) subtract: Vec<(u32, u32)>,
}

impl Recovery {
    /// One sweep forward for each group of columns, backward for each group of rows.
    pub(super) fn sweeps(&self) -> usize {
        self.forward + self.reverse
    }

    /// Of a Jacobian.
    pub(super) fn jacobian(pattern: &Sparsity, method: &Method) -> Recovery {
        let of_columns = || Recovery::of_columns(pattern, &columns(pattern, method.order));
        let of_rows = || Recovery::of_columns(&pattern.transpose(), &columns(&pattern.transpose(), method.order)).turned(pattern);
        match method.compress {
            Compress::Columns => of_columns(),
            Compress::Rows => of_rows(),
            Compress::Both => Recovery::of_both(pattern, method),
            Compress::Auto => {
                let one = of_columns();
                // A sweep backward costs about what one forward does, and the values on the way must be kept.
                let other = if one.forward > 1 { of_rows() } else { return one };
                let best = if other.reverse < one.forward { other } else { one };
                if best.sweeps() <= FEW {
                    return best;
                }
                let both = Recovery::of_both(pattern, method);
                if both.sweeps() * 2 <= best.sweeps() { both } else { best }
            }
        }
    }

    fn of_columns(pattern: &Sparsity, colours: &Colours) -> Recovery {
        let read = |(row, column): (usize, usize)| Read::Forward { row, group: colours.of[column] };
        let reads: Vec<Read> = pattern.entries().map(read).collect();
        let recovery = Recovery {
            columns: colours.of.iter().copied().map(Some).collect(),
            rows: vec![None; pattern.rows()],
            forward: colours.count,
            reverse: 0,
            reads,
            subtract: vec![],
        };
        recovery.without_idle()
    }

    /// Of a symmetric matrix, each column by itself: an entry is read in the row that has fewer.
    pub(super) fn of_entries(pattern: &Sparsity, wanted: &Sparsity) -> Recovery {
        let read = |(row, column): (usize, usize)| {
            let len = |v: usize| (pattern.column(v).len(), v);
            let (row, column) = if len(row) <= len(column) { (row, column) } else { (column, row) };
            Read::Forward { row, group: column as u32 }
        };
        let recovery = Recovery {
            columns: (0..pattern.columns() as u32).map(Some).collect(),
            rows: vec![],
            forward: pattern.columns(),
            reverse: 0,
            reads: wanted.entries().map(read).collect(),
            subtract: vec![],
        };
        recovery.without_idle()
    }

    /// What was made for the transposed matrix.
    fn turned(self, pattern: &Sparsity) -> Recovery {
        let turned = pattern.transpose();
        let read = |(row, column): (usize, usize)| {
            let at = turned.place(column, row).expect("the transposed entry");
            let Read::Forward { row, group } = self.reads[at] else { unreachable!("columns only") };
            Read::Reverse { group, column: row }
        };
        let reads = pattern.entries().map(read).collect();
        Recovery { columns: self.rows, rows: self.columns, forward: 0, reverse: self.forward, reads, subtract: vec![] }
    }

    /// Rows and columns: a star colouring of the graph that has both as vertices (T. Coleman and A. Verma, 1998).
    fn of_both(pattern: &Sparsity, method: &Method) -> Recovery {
        let graph = Adjacency::of_both(pattern);
        let orders = if method.order == Order::Auto {
            vec![Order::LargestFirst, Order::SmallestLast, Order::Natural]
        } else {
            vec![method.order]
        };
        let all = orders.into_iter().map(|order| Recovery::by_star(pattern, &graph, &star(&graph, order)));
        all.min_by_key(Recovery::sweeps).expect("there is an order to try")
    }

    /// `graph` has columns, then rows.
    fn by_star(pattern: &Sparsity, graph: &Adjacency, colours: &Colours) -> Recovery {
        let n = pattern.columns();
        let entries: Vec<(usize, usize)> = pattern.entries().map(|(row, column)| (n + row, column)).collect();
        let (reads, subtract) = recovered(&entries, colours, graph);
        let read = |(vertex, group): (usize, u32)| match vertex.checked_sub(n) {
            Some(row) => Read::Forward { row, group },
            None => Read::Reverse { group, column: vertex },
        };
        debug_assert!(subtract.is_empty(), "a star colouring needs no substitution");
        let group = |v: usize| Some(colours.of[v]);
        let recovery = Recovery {
            columns: (0..n).map(group).collect(),
            rows: (n..graph.len()).map(group).collect(),
            forward: colours.count,
            reverse: colours.count,
            reads: reads.into_iter().map(read).collect(),
            subtract: vec![],
        };
        recovery.without_idle()
    }

    /// Of a symmetric matrix, whose entries `wanted` has: all, or those of the lower triangle.
    pub(super) fn hessian(pattern: &Sparsity, wanted: &Sparsity, method: &Method) -> Recovery {
        let graph = Adjacency::of_symmetric(pattern);
        let colours = match method.symmetric {
            Symmetric::Auto | Symmetric::Star => star(&graph, method.order),
            Symmetric::Acyclic => acyclic(&graph, method.order),
        };
        let lower: Vec<(usize, usize)> = pattern.entries().filter(|(row, column)| row >= column).collect();
        let (reads, subtract) = recovered(&lower, &colours, &graph);
        let by_edge: FxHashMap<(usize, usize), usize> = lower.iter().copied().zip(0..).collect();
        let edge = |(row, column): (usize, usize)| by_edge[&(row.max(column), row.min(column))];
        let read = |entry: (usize, usize)| {
            let (row, group) = reads[edge(entry)];
            Read::Forward { row, group }
        };
        let mut places: Vec<Vec<u32>> = vec![vec![]; lower.len()];
        wanted.entries().enumerate().for_each(|(place, entry)| places[edge(entry)].push(place as u32));
        // An entry and its mirror image are both put right, from what is right already.
        let subtract = subtract.iter().flat_map(|&(to, of)| {
            let of = places[of as usize][0];
            places[to as usize].iter().map(move |&to| (to, of))
        });
        let recovery = Recovery {
            columns: colours.of.iter().copied().map(Some).collect(),
            rows: vec![],
            forward: colours.count,
            reverse: 0,
            reads: wanted.entries().map(read).collect(),
            subtract: subtract.collect(),
        };
        recovery.without_idle()
    }

    /// Without the groups that nothing is read from.
    fn without_idle(mut self) -> Recovery {
        let mut used = [vec![None; self.forward], vec![None; self.reverse]];
        for read in &self.reads {
            match *read {
                Read::Forward { group, .. } => used[0][group as usize] = Some(0),
                Read::Reverse { group, .. } => used[1][group as usize] = Some(0),
            }
        }
        for side in &mut used {
            side.iter_mut().flatten().zip(0..).for_each(|(new, k)| *new = k);
        }
        let count = |side: &Vec<Option<u32>>| side.iter().flatten().count();
        (self.forward, self.reverse) = (count(&used[0]), count(&used[1]));
        let new = |side: usize, group: &mut Option<u32>| *group = group.and_then(|group| used[side][group as usize]);
        self.columns.iter_mut().for_each(|group| new(0, group));
        self.rows.iter_mut().for_each(|group| new(1, group));
        for read in &mut self.reads {
            match read {
                Read::Forward { group, .. } => *group = used[0][*group as usize].expect("it is read"),
                Read::Reverse { group, .. } => *group = used[1][*group as usize].expect("it is read"),
            }
        }
        self
    }
}

/// Up to this many sweeps in one mode, both are not tried together.
const FEW: usize = 4;

/// For every edge (or vertex, where both ends are one) where it is read: at a vertex, in the product of a colour. Where a vertex has
/// several neighbours of the colour, all but one are subtracted, in the order that is given.
#[allow(clippy::type_complexity, reason = "two lists")]
fn recovered(edges: &[(usize, usize)], colours: &Colours, graph: &Adjacency) -> (Vec<(usize, u32)>, Vec<(u32, u32)>) {
    let of = |v: usize| colours.of[v];
    // By vertex and colour, the edges to neighbours of the colour.
    let mut at: FxHashMap<(usize, u32), Vec<u32>> = FxHashMap::default();
    at.reserve(graph.len());
    for (edge, &(v, w)) in edges.iter().enumerate() {
        at.entry((v, of(w))).or_default().push(edge as u32);
        if v != w {
            at.entry((w, of(v))).or_default().push(edge as u32);
        }
    }
    let mut reads: Vec<Option<(usize, u32)>> = vec![None; edges.len()];
    // At once: those that stand alone; by the colours that serve most, so that others may not be needed at all.
    let mut alone: Vec<(usize, u32, u32)> =
        at.iter().filter(|(_, edges)| edges.len() == 1).map(|(&(v, colour), edges)| (v, colour, edges[0])).collect();
    let mut serves = vec![0usize; colours.count];
    alone.iter().for_each(|&(_, colour, _)| serves[colour as usize] += 1);
    alone.sort_unstable_by_key(|&(v, colour, _)| (std::cmp::Reverse(serves[colour as usize]), colour, v));
    for (v, colour, edge) in alone {
        reads[edge as usize].get_or_insert((v, colour));
    }
    // By substitution: the others, from the leaves of the trees.
    let mut left: FxHashMap<(usize, u32), usize> = FxHashMap::default();
    for (&key, edges) in &at {
        left.insert(key, edges.iter().filter(|&&edge| reads[edge as usize].is_none()).count());
    }
    let mut leaves: Vec<(usize, u32)> = left.iter().filter(|(_, left)| **left == 1).map(|(&key, _)| key).collect();
    leaves.sort_unstable();
    let mut subtract = Vec::new();
    while let Some((v, colour)) = leaves.pop() {
        let here = &at[&(v, colour)];
        let Some(&edge) = here.iter().find(|&&edge| reads[edge as usize].is_none()) else { continue };
        reads[edge as usize] = Some((v, colour));
        subtract.extend(here.iter().filter(|&&other| other != edge).map(|&other| (edge, other)));
        let (a, b) = edges[edge as usize];
        let key = (if a == v { b } else { a }, of(v));
        let left = left.get_mut(&key).expect("it is seen from both ends");
        *left -= 1;
        if *left == 1 {
            leaves.push(key);
        }
    }
    (reads.into_iter().map(|read| read.expect("two colours make trees")).collect(), subtract)
}

//! The orders in which a greedy colouring goes through a graph's vertices.

use super::pattern::Sparsity;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// The order in which a greedy colouring goes through rows or columns. None is best for all matrices.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Natural and smallest-last; that with fewer colours is taken.
    #[default]
    Auto,
    /// As they stand.
    Natural,
    /// Those with the most neighbours first (D. Welsh and M. Powell, 1967).
    LargestFirst,
    /// Last the one with the fewest neighbours, before it the one with the fewest among the others, and so on (D. Matula, 1968).
    SmallestLast,
    /// Next the one with the most neighbours among those before it (T. Coleman and J. Moré, 1983).
    IncidenceDegree,
}

impl Order {
    /// The orders to try.
    pub(super) fn candidates(self) -> Vec<Order> {
        if self == Order::Auto { vec![Order::Natural, Order::SmallestLast] } else { vec![self] }
    }
}

/// Which vertices of a graph are neighbours.
pub(super) struct Adjacency {
    starts: Vec<usize>,
    neighbours: Vec<u32>,
}

/// Pairs of columns up to which the graph of columns that share a row is made; beyond, columns are taken as they stand.
const PAIRS: usize = 20_000_000;

impl Adjacency {
    fn new(lists: Vec<Vec<u32>>) -> Adjacency {
        let mut starts = vec![0];
        let mut neighbours = Vec::new();
        for list in lists {
            neighbours.extend(list);
            starts.push(neighbours.len());
        }
        Adjacency { starts, neighbours }
    }

    /// Of a symmetric matrix: rows i and j are neighbours where it has an entry (i, j).
    pub(super) fn of_symmetric(pattern: &Sparsity) -> Adjacency {
        let list = |v: usize| pattern.column(v).iter().filter(|&&row| row != v).map(|&row| row as u32).collect();
        Adjacency::new((0..pattern.columns()).map(list).collect())
    }

    /// Of any matrix: columns, then rows, neighbours where there is an entry.
    pub(super) fn of_both(pattern: &Sparsity) -> Adjacency {
        let (n, rows) = (pattern.columns(), pattern.by_rows());
        let of_column = |j: usize| pattern.column(j).iter().map(|&i| (n + i) as u32).collect();
        let of_row = |i: usize| rows.columns[rows.starts[i]..rows.starts[i + 1]].iter().map(|&j| j as u32).collect();
        Adjacency::new((0..n).map(of_column).chain((0..pattern.rows()).map(of_row)).collect())
    }

    /// Columns that share a row; nothing if there are too many pairs of them.
    fn of_columns(pattern: &Sparsity, by_row: &[Vec<u32>]) -> Option<Adjacency> {
        if by_row.iter().map(|row| row.len() * row.len()).sum::<usize>() > PAIRS {
            return None;
        }
        let list = |j: usize| {
            let mut all: Vec<u32> = pattern.column(j).iter().flat_map(|&i| &by_row[i]).copied().collect();
            all.sort_unstable();
            all.dedup();
            all.retain(|&k| k as usize != j);
            all
        };
        Some(Adjacency::new((0..pattern.columns()).map(list).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(super) fn of(&self, v: usize) -> &[u32] {
        &self.neighbours[self.starts[v]..self.starts[v + 1]]
    }

    /// The vertices in an order.
    pub(super) fn ordered(&self, order: Order) -> Vec<usize> {
        let n = self.len();
        match order {
            Order::Auto | Order::Natural => (0..n).collect(),
            Order::LargestFirst => {
                let mut all: Vec<usize> = (0..n).collect();
                all.sort_by_key(|&v| Reverse(self.of(v).len()));
                all
            }
            Order::SmallestLast => {
                let mut degree: Vec<usize> = (0..n).map(|v| self.of(v).len()).collect();
                let mut rest: BTreeSet<(usize, usize)> = (0..n).map(|v| (degree[v], v)).collect();
                let mut all = Vec::with_capacity(n);
                while let Some((_, v)) = rest.pop_first() {
                    all.push(v);
                    for &w in self.of(v) {
                        let w = w as usize;
                        if rest.remove(&(degree[w], w)) {
                            degree[w] -= 1;
                            rest.insert((degree[w], w));
                        }
                    }
                }
                all.reverse();
                all
            }
            Order::IncidenceDegree => {
                let mut before = vec![0; n];
                let mut rest: BTreeSet<(usize, usize, Reverse<usize>)> =
                    (0..n).map(|v| (0, self.of(v).len(), Reverse(v))).collect();
                let mut all = Vec::with_capacity(n);
                while let Some((_, _, Reverse(v))) = rest.pop_last() {
                    all.push(v);
                    for &w in self.of(v) {
                        let w = w as usize;
                        let degree = self.of(w).len();
                        if rest.remove(&(before[w], degree, Reverse(w))) {
                            before[w] += 1;
                            rest.insert((before[w], degree, Reverse(w)));
                        }
                    }
                }
                all
            }
        }
    }
}

/// The columns of a matrix in an order, neighbours being those that share a row.
pub(super) fn columns(pattern: &Sparsity, by_row: &[Vec<u32>], order: Order) -> Vec<usize> {
    match order {
        Order::Auto | Order::Natural => (0..pattern.columns()).collect(),
        _ => Adjacency::of_columns(pattern, by_row)
            .map_or_else(|| (0..pattern.columns()).collect(), |adjacency| adjacency.ordered(order)),
    }
}

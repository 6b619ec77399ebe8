//! Where the boxes and edges of a picture stand. In: sizes of boxes, edges between them. Out: coordinates.
//!
//! The layers and the order within them are those of K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding of Hierarchical System
//! Structures" (1981), by the crate rust-sugiyama. An edge over several layers is a chain of edges over one each, so that it goes around boxes.

use rust_sugiyama::configure::Config;
use rust_sugiyama::from_vertices_and_edges;

/// What is between two boxes, and around all.
const GAP: f64 = 28.0;

/// A box, by its middle.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) struct Placed {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Boxes, and for every edge its points from box to box.
pub(super) struct Layout {
    pub boxes: Vec<Placed>,
    pub edges: Vec<Vec<(f64, f64)>>,
    pub width: f64,
    pub height: f64,
}

/// Boxes of these sizes (width, height), and edges that all go to a box of a higher index; from below to above, with room for labels of edges between
/// the layers. The edges that end at a box arrive side by side, in their order or, where that says nothing, from left to right.
pub(super) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)], room: f64, is_ordered: impl Fn(usize) -> bool) -> Layout {
    let mut vertices: Vec<(f64, f64)> = sizes.iter().map(|&(width, height)| (width, height + room)).collect();
    let layers = layers(sizes.len(), edges);
    let mut links = Vec::new();
    let chains: Vec<Vec<usize>> = edges
        .iter()
        .map(|&(from, to)| {
            let between = layers[to] - layers[from] - 1;
            let bends: Vec<usize> = (0..between).map(|k| vertices.len() + k).collect();
            vertices.extend(bends.iter().map(|_| (8.0, 1.0)));
            let chain: Vec<usize> = [from].into_iter().chain(bends).chain([to]).collect();
            links.extend(chain.windows(2).map(|pair| (pair[0] as u32, pair[1] as u32)));
            chain
        })
        .collect();
    links.sort_unstable();
    links.dedup();
    let numbered: Vec<(u32, (f64, f64))> = (0u32..).zip(vertices.iter().copied()).collect();
    let config = Config { vertex_spacing: GAP, dummy_vertices: false, ..Config::default() };
    let mut at = vec![(0.0, 0.0); vertices.len()];
    let (mut left, mut top) = (GAP, 0.0f64);
    // Parts that are not joined stand side by side.
    for (part, ..) in from_vertices_and_edges(&numbered, &links, &config) {
        let edge = |of: fn(f64, f64) -> f64, start: f64, side: &dyn Fn(usize, (f64, f64)) -> f64| {
            part.iter().fold(start, |most, &(k, place)| of(most, side(k, place)))
        };
        let low = edge(f64::min, f64::INFINITY, &|k, (x, _)| x - vertices[k].0 / 2.0);
        let high = edge(f64::max, f64::NEG_INFINITY, &|k, (x, _)| x + vertices[k].0 / 2.0);
        let bottom = edge(f64::min, f64::INFINITY, &|k, (_, y)| y - vertices[k].1 / 2.0);
        for &(k, (x, y)) in &part {
            at[k] = (tenth(left + x - low), tenth(GAP + y - bottom));
            top = top.max(at[k].1 + vertices[k].1 / 2.0);
        }
        left += high - low + GAP;
    }
    let height = tenth(top + GAP);
    // Values flow upwards.
    at.iter_mut().for_each(|(_, y)| *y = tenth(height - *y));
    let boxes = sizes.iter().zip(&at).map(|(&(width, height), &(x, y))| Placed { x, y, width, height }).collect();
    let mut arriving: Vec<Vec<usize>> = vec![vec![]; sizes.len()];
    edges.iter().enumerate().for_each(|(edge, &(_, to))| arriving[to].push(edge));
    for (_, arriving) in arriving.iter_mut().enumerate().filter(|(to, _)| !is_ordered(*to)) {
        arriving.sort_by(|&a, &b| before(&at, &chains[a]).total_cmp(&before(&at, &chains[b])));
    }
    let mut ports = vec![0.0; edges.len()];
    for (to, arriving) in arriving.iter().enumerate() {
        let apart = (sizes[to].0 / (arriving.len() + 1) as f64).min(40.0);
        let middle = (arriving.len() as f64 - 1.0) / 2.0;
        arriving.iter().enumerate().for_each(|(k, &edge)| ports[edge] = (k as f64 - middle) * apart);
    }
    let edges = chains
        .iter()
        .zip(&ports)
        .map(|(chain, port)| {
            let (&from, &to) = (chain.first().expect("from a box"), chain.last().expect("to a box"));
            let mut points: Vec<(f64, f64)> = chain.iter().map(|&k| at[k]).collect();
            points[0].1 -= sizes[from].1 / 2.0;
            let end = points.last_mut().expect("to a box");
            *end = (tenth(end.0 + port), end.1 + sizes[to].1 / 2.0);
            points
        })
        .collect();
    Layout { boxes, edges, width: tenth(left), height }
}

/// The layers: a box is as low as the boxes allow from which edges come to it; where none comes, just below the lowest one its own edges go to.
fn layers(n: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut layers = vec![0usize; n];
    let mut by_end = edges.to_vec();
    by_end.sort_by_key(|&(_, to)| to);
    by_end.iter().for_each(|&(from, to)| layers[to] = layers[to].max(layers[from] + 1));
    let mut lowest = vec![None::<usize>; n];
    let mut is_first = vec![true; n];
    for &(from, to) in edges {
        lowest[from] = Some(lowest[from].map_or(layers[to], |low| low.min(layers[to])));
        is_first[to] = false;
    }
    for (k, low) in lowest.iter().enumerate().filter(|&(k, _)| is_first[k]) {
        layers[k] = low.map_or(0, |low| low - 1);
    }
    layers
}

/// Where the last part of an edge comes from, from left to right.
fn before(at: &[(f64, f64)], chain: &[usize]) -> f64 {
    at[chain[chain.len() - 2]].0
}

/// To a tenth: what is drawn does not depend on the last bits.
fn tenth(v: f64) -> f64 {
    (v * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::{Placed, layout};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn boxes_are_apart_and_edges_go_upwards(
            sizes in proptest::collection::vec((20.0f64..90.0, 20.0f64..90.0), 1..40),
            picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..70),
        ) {
            let n = sizes.len();
            let pairs = picks.iter().map(|(a, b)| (a.index(n), b.index(n))).filter(|(a, b)| a != b);
            let edges: Vec<(usize, usize)> = pairs.map(|(a, b)| (a.min(b), a.max(b))).collect();
            let drawn = layout(&sizes, &edges, 10.0, |k| k % 2 == 0);
            let sides = |b: &Placed| (b.x - b.width / 2.0, b.x + b.width / 2.0, b.y - b.height / 2.0, b.y + b.height / 2.0);
            for (k, a) in drawn.boxes.iter().enumerate() {
                let (left, right, top, bottom) = sides(a);
                prop_assert!(left >= 0.0 && top >= 0.0 && right <= drawn.width && bottom <= drawn.height, "{a:?}");
                for b in &drawn.boxes[..k] {
                    let (l, r, t, d) = sides(b);
                    prop_assert!(right <= l || r <= left || bottom <= t || d <= top, "{a:?} meets {b:?}");
                }
            }
            for (&(from, to), points) in edges.iter().zip(&drawn.edges) {
                let (first, last) = (points[0], *points.last().unwrap());
                prop_assert_eq!(first, (drawn.boxes[from].x, drawn.boxes[from].y - sizes[from].1 / 2.0));
                let (left, right, _, bottom) = sides(&drawn.boxes[to]);
                prop_assert!(last.1 == bottom && left <= last.0 && last.0 <= right);
                prop_assert!(points.windows(2).all(|pair| pair[1].1 < pair[0].1), "{points:?}");
            }
        }
    }
}

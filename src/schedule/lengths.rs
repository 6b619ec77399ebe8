//! From the lengths of a call's slices to those of the open axes.

use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::Lengths;
use crate::graph::{Function, NodeId};

/// Walks over elements keep an index per axis on the stack.
pub(crate) const MAX_RANK: usize = 16;

/// The lengths of a shape's axes.
pub(crate) fn lengths(shape: Shape, open: &Lengths) -> Vec<usize> {
    let length = |axis: &Axis| match axis {
        Axis::Fixed(n) => *n,
        Axis::Open(name) => open[name],
    };
    shape.axes().iter().map(length).collect()
}

/// A function with the lengths of its open axes.
#[derive(Copy, Clone)]
pub(crate) struct Extent<'a> {
    pub(crate) f: &'a Function,
    pub(crate) open: &'a Lengths,
}

impl Extent<'_> {
    /// The lengths of a shape's axes.
    pub(crate) fn lengths(self, shape: Shape) -> Vec<usize> {
        lengths(shape, self.open)
    }

    /// How many elements a node's value has.
    pub(crate) fn size(self, id: NodeId) -> usize {
        self.lengths(self.f.graph().node(id).shape()).iter().product()
    }
}

/// The lengths of the open axes, from those that are given and those of the slices.
pub(crate) fn open_lengths(f: &Function, given: &[(&str, usize)], slices: &[usize]) -> Result<Lengths> {
    let mut open = Lengths::default();
    for &(name, len) in given {
        let axes = f.inputs().iter().flat_map(|group| group.shape().axes());
        let names = axes.filter_map(|axis| if let Axis::Open(name) = axis { Some(*name) } else { None });
        let names: Vec<&'static str> = names.collect();
        let Some(known) = names.iter().find(|known| **known == name) else {
            return Err(crate::error::unknown_name("open axis", name, &names));
        };
        open.insert(known, len);
    }
    let fail = |name: &str, shape: Shape, len: usize, why: String| {
        let message = format!("the input `{name}` is declared as {shape} and has {len} numbers{why}");
        Err(Error::new(ErrorKind::Shape, message))
    };
    // A slice with one unknown axis tells its length; that may leave one unknown in another.
    let mut waiting: Vec<usize> = (0..slices.len()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut stuck = Vec::new();
        for &g in &waiting {
            let (group, len) = (&f.inputs()[g], slices[g]);
            let (mut known, mut unknown) = (group.len(), Vec::new());
            for axis in group.shape().axes() {
                match axis {
                    Axis::Fixed(n) => known *= n,
                    Axis::Open(name) => match open.get(name) {
                        Some(n) => known *= n,
                        None => unknown.push(*name),
                    },
                }
            }
            match unknown[..] {
                [] if known == len => {}
                [] => return fail(group.name(), group.shape(), len, format!(", not {known}")),
                [name] if known > 0 && len.is_multiple_of(known) => {
                    open.insert(name, len / known);
                }
                [name] if known > 0 => {
                    return fail(group.name(), group.shape(), len, format!(": no whole `{name}`, at {known} each"));
                }
                _ => stuck.push(g),
            }
        }
        if stuck.len() == before {
            let group = &f.inputs()[stuck[0]];
            return fail(group.name(), group.shape(), slices[stuck[0]], ", which leaves its open axes undecided".into());
        }
        waiting = stuck;
    }
    Ok(open)
}

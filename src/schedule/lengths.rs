//! From the lengths of a call's slices to those of the open axes.

use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, count, short, unknown_name};
use crate::eval::{Lengths, check_sizes, too_large};
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

/// The open axes of the inputs, each once.
fn open_axes(f: &Function) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for name in f.inputs().iter().flat_map(|group| group.shape().axes()).filter_map(Axis::open) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Lengths of open axes by their names.
///
/// # Errors
/// If a name is that of no open axis, or is given two lengths.
#[track_caller]
pub(crate) fn named(f: &Function, given: &[(impl AsRef<str>, usize)]) -> Result<Lengths> {
    let (names, mut open) = (open_axes(f), Lengths::default());
    for (name, len) in given {
        let name = name.as_ref();
        let Some(known) = names.iter().find(|known| **known == name) else {
            return Err(unknown_name("open axis", name, &names));
        };
        if let Some(before) = open.insert(known, *len).filter(|before| before != len) {
            let message = format!("the open axis `{}` is given two lengths, {before} and {len}", short(name));
            return Err(Error::here(ErrorKind::Name, message));
        }
    }
    Ok(open)
}

/// What a call calls the slice of an input: where an output overwrites it (pairs of an output's and an input's number), it stands among the outputs.
pub(crate) fn slice_of_input(f: &Function, overwrites: &[(usize, usize)], input: usize) -> String {
    let name = short(f.inputs()[input].name());
    match overwrites.iter().find(|(_, overwritten)| *overwritten == input) {
        Some(&(output, _)) => format!("the output `{}` over `{name}`", short(f.outputs()[output].name())),
        None => format!("the input `{name}`"),
    }
}

/// The lengths of the open axes, from those that are given and those of the slices: one for each input, which is that of an output where one
/// overwrites it.
pub(crate) fn open_lengths(
    f: &Function,
    overwrites: &[(usize, usize)],
    given: &[(&str, usize)],
    slices: &[usize],
) -> Result<Lengths> {
    // The line is that of the call, which is not known here.
    let mut open = named(f, given).map_err(|error| error.at(None))?;
    let fail = |g: usize, why: String| {
        let (slice, shape) = (slice_of_input(f, overwrites, g), bracketed(f.inputs()[g].array_shape().axes()));
        let message = format!("{slice} is declared as {shape} and has {}{why}", count(slices[g], "number"));
        Err(Error::new(ErrorKind::Shape, message))
    };
    // A slice with one unknown axis tells its length; that may leave one unknown in another.
    let mut waiting: Vec<usize> = (0..slices.len()).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut stuck = Vec::new();
        for &g in &waiting {
            let (group, len) = (&f.inputs()[g], slices[g]);
            let (mut known, mut unknown) = (Some(group.len()), Vec::new());
            for axis in group.shape().axes() {
                let len = match axis {
                    Axis::Fixed(n) => Some(n),
                    Axis::Open(name) => open.get(name),
                };
                match (len, axis) {
                    (Some(&len), _) => known = known.and_then(|known| known.checked_mul(len)),
                    (None, axis) => unknown.extend(axis.open()),
                }
            }
            let Some(known) = known else { return Err(too_large(group.shape(), &open, "is larger than any memory", None)) };
            match unknown[..] {
                [] if known == len => {}
                [] => return fail(g, format!(", not {known}")),
                [name] if known > 0 && len.is_multiple_of(known) => {
                    open.insert(name, len / known);
                }
                [name] if known > 0 => {
                    return fail(g, format!(": no whole `{}`, at {known} each", short(name)));
                }
                // The axes of a square, say.
                [name, ref rest @ ..] if known > 0 && rest.iter().all(|other| *other == name) && len.is_multiple_of(known) => {
                    let times = unknown.len() as u32;
                    let root = ((len / known) as f64).powf(1.0 / f64::from(times)).round() as usize;
                    if root.checked_pow(times) != Some(len / known) {
                        return fail(g, format!(": there is no length of `{}` for that", short(name)));
                    }
                    open.insert(name, root);
                }
                _ => stuck.push(g),
            }
        }
        if stuck.len() == before {
            return fail(
                stuck[0],
                ", which leaves its open axes undecided: give them with `Compiled::with_lengths`, or arrays to `run`".into(),
            );
        }
        waiting = stuck;
    }
    check_sizes(f, &open)?;
    Ok(open)
}

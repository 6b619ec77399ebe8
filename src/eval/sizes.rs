//! How much memory values take. In: a function and the lengths of its open axes. Out: that there is room for them, or what is too large.

use super::arithmetic::Lengths;
use crate::base::{Axis, Shape, memory_limit};
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, short};
use crate::graph::{Control, Function, Kind};
use rustc_hash::FxHashSet;
use std::panic::Location;

/// Bytes of all values of a function together, up to which a plan's offsets, and what is added to them, stay within a machine word.
const MOST_BYTES: usize = isize::MAX as usize >> if usize::BITS < 64 { 2 } else { 20 };

/// The bytes of all values, of 8 each and those of bodies included: everything that a plan says rests on their being computable.
///
/// # Errors
/// If they are more than an address can be of; if an open axis has no length.
pub(crate) fn check_sizes(f: &Function, open: &Lengths) -> Result<usize> {
    let (mut waiting, mut seen) = (vec![f], FxHashSet::default());
    let mut total = 0usize;
    while let Some(f) = waiting.pop() {
        let graph = f.graph();
        for id in graph.ids() {
            let node = graph.node(id);
            let length = |axis: &Axis| length(*axis, open).map_err(|error| error.at(node.location()));
            // An axis of length 0 counts as 1: lengths of slices are multiplied one by one, in any order.
            let mut bytes = Some(8usize);
            for axis in node.shape().axes() {
                let len = length(axis)?.max(1);
                bytes = bytes.and_then(|bytes| bytes.checked_mul(len));
            }
            total = match bytes.and_then(|bytes| total.checked_add(bytes)) {
                Some(total) if total <= MOST_BYTES => total,
                _ => return Err(too_large(node.shape(), open, "is larger than any memory", node.location())),
            };
            // Bodies are shared by operations, which may nest.
            if let Kind::Control(nested) = node.kind()
                && seen.insert(std::ptr::from_ref(&**nested.control))
            {
                if let Control::Scan { length: steps, .. } = &**nested.control {
                    length(steps)?;
                }
                waiting.extend(nested.control.bodies());
            }
        }
    }
    Ok(total)
}

/// That values which are all kept, of numbers of a type, take no more memory than [`memory_limit`] allows.
pub(crate) fn check_memory<T>(f: &Function, open: &Lengths) -> Result<()> {
    let bytes = check_sizes(f, open)?.saturating_mul(size_of::<T>().div_ceil(8));
    let limit = memory_limit();
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "all values of the function take {bytes} bytes of memory, more than {limit}, the limit that `eval::set_memory_limit` sets \
         (compiled functions need not keep all of them)"
    );
    Err(Error::new(ErrorKind::Limit, message))
}

/// The length of an axis.
pub(super) fn length(axis: Axis, open: &Lengths) -> Result<usize> {
    match axis {
        Axis::Fixed(n) => Ok(n),
        Axis::Open(name) => open.get(name).copied().ok_or_else(|| {
            Error::new(ErrorKind::Shape, format!("the length of the open axis `{}` is not known: no input has it", short(name)))
        }),
    }
}

/// That a shape is too large in some way.
#[cold]
pub(crate) fn too_large(shape: Shape, open: &Lengths, how: &str, at: Option<&'static Location<'static>>) -> Error {
    let mut with: Vec<String> = Vec::new();
    for name in shape.axes().iter().filter_map(Axis::open) {
        let length = open.get(name).map(|len| format!("{} = {len}", short(name)));
        with.extend(length.filter(|length| !with.contains(length)));
    }
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
    Error::new(ErrorKind::Limit, format!("the shape {}{with} {how}", bracketed(shape.axes()))).at(at)
}

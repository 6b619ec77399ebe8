//! How values fit their inputs. In: values with shapes, and rows of numbers. Out: the lengths of the open axes, if all fit.

use super::arithmetic::Lengths;
use super::array::Array;
use crate::base::Axis;
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, count, short};
use crate::graph::InputGroup;
use crate::op::Scalar;
use std::borrow::Cow;

pub(super) enum Value<'a, T: Scalar> {
    /// Of the shape that it is to have.
    Shaped(Cow<'a, Array<T>>),
    /// Fills the shape that is declared.
    Row(Vec<T>),
}

impl<'a, T: Scalar> Value<'a, T> {
    /// As an array, when the lengths are known.
    pub(super) fn shaped(self, group: &InputGroup, lengths: &Lengths) -> Cow<'a, Array<T>> {
        let length = |axis: &Axis| match axis {
            Axis::Fixed(n) => *n,
            Axis::Open(name) => lengths[name],
        };
        match self {
            Value::Shaped(array) => array,
            Value::Row(data) => Cow::Owned(Array { shape: group.array_shape().axes().iter().map(length).collect(), data }),
        }
    }
}

/// The lengths of the open axes: those that are given, from shapes, then from rows with one unknown axis, which may leave one unknown in another
/// row.
pub(super) fn lengths_of_values<T: Scalar>(
    inputs: &[InputGroup],
    given: &[(String, usize)],
    values: &[Value<'_, T>],
) -> Result<Lengths> {
    let mut known = Known::default();
    for axis in inputs.iter().flat_map(|group| group.array_shape().axes()).filter_map(open) {
        if let Some((_, len)) = given.iter().find(|(name, _)| name == axis) {
            known.open.insert(axis, *len);
        }
    }
    known.given = given;
    let mut rows: Vec<(&InputGroup, usize)> = vec![];
    for (group, value) in inputs.iter().zip(values) {
        match value {
            Value::Shaped(array) => known.bind(group, array.shape())?,
            Value::Row(data) => rows.push((group, data.len())),
        }
    }
    while let Some(&(group, len)) = rows.first() {
        let mut stuck = vec![];
        for &(group, len) in &rows {
            if !known.divide(group, len)? {
                stuck.push((group, len));
            }
        }
        if stuck.len() == rows.len() {
            return Err(misfit(
                group,
                &count(len, "number"),
                ", which leaves its open axes undecided: an `Array` has a shape, and `with_lengths` gives lengths",
            ));
        }
        rows = stuck;
    }
    Ok(known.open)
}

fn open(axis: &Axis) -> Option<&'static str> {
    if let Axis::Open(name) = axis { Some(name) } else { None }
}

/// That a value does not fit its input.
fn misfit(group: &InputGroup, given: &str, why: &str) -> Error {
    let (name, shape) = (short(group.name()), bracketed(group.array_shape().axes()));
    Error::new(ErrorKind::Shape, format!("the input `{name}` is declared as {shape} and is given as {given}{why}"))
}

/// What is known of the open axes so far.
#[derive(Default)]
struct Known<'f> {
    open: Lengths,
    /// Which input has told the length of an axis.
    by: Vec<(&'static str, &'f str)>,
    /// What was known before.
    given: &'f [(String, usize)],
}

impl<'f> Known<'f> {
    fn learn(&mut self, axis: &'static str, len: usize, group: &'f InputGroup) {
        self.open.insert(axis, len);
        self.by.push((axis, group.name()));
    }

    fn length(&self, axis: Axis) -> Option<usize> {
        match axis {
            Axis::Fixed(n) => Some(n),
            Axis::Open(name) => self.open.get(name).copied(),
        }
    }

    /// What the open ones of some axes are, and which input says so, unless it is the group itself.
    fn sources(&self, axes: &[Axis], group: &InputGroup) -> String {
        let mut names: Vec<&'static str> = vec![];
        for name in axes.iter().filter_map(open) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let source = |name: &&'static str| match self.by.iter().find(|(axis, _)| axis == name) {
            Some(&(_, by)) if by != group.name() => format!("`{}` is {} by `{}`", short(name), self.open[name], short(by)),
            None if self.given.iter().any(|(given, _)| given == name) => {
                format!("`{}` is {} by `with_lengths`", short(name), self.open[name])
            }
            _ => format!("`{}` is {}", short(name), self.open[name]),
        };
        let sources: Vec<String> = names.iter().map(source).collect();
        if sources.is_empty() { String::new() } else { format!(", where {}", sources.join(", ")) }
    }

    /// Checks a shape, and learns the lengths of open axes from it.
    fn bind(&mut self, group: &'f InputGroup, shape: &[usize]) -> Result<()> {
        let axes = group.array_shape().axes();
        let given = || format!("{shape:?}");
        if axes.len() != shape.len() {
            return Err(misfit(group, &given(), ""));
        }
        for (&axis, &len) in axes.iter().zip(shape) {
            match (self.length(axis), axis) {
                (None, Axis::Open(name)) => self.learn(name, len, group),
                (known, axis) if known != Some(len) => return Err(misfit(group, &given(), &self.sources(&[axis], group))),
                _ => {}
            }
        }
        Ok(())
    }

    /// Learns the length of an open axis from a number of elements, unless there are several that are not known.
    fn divide(&mut self, group: &'f InputGroup, len: usize) -> Result<bool> {
        let axes = group.array_shape().axes();
        let given = count(len, "number");
        let unknown: Vec<&'static str> = axes.iter().filter(|axis| self.length(**axis).is_none()).filter_map(open).collect();
        let each = axes.iter().filter_map(|&axis| self.length(axis)).try_fold(1, usize::checked_mul);
        match (&unknown[..], each) {
            ([], Some(each)) if each == len => Ok(true),
            ([], each) => {
                let wanted = each.map_or("more than can be counted".into(), |each| each.to_string());
                Err(misfit(group, &given, &format!(", not {wanted}{}", self.sources(axes, group))))
            }
            (&[name], Some(each)) if each > 0 && len.is_multiple_of(each) => {
                self.learn(name, len / each, group);
                Ok(true)
            }
            (&[name], Some(each)) if each > 0 => {
                Err(misfit(group, &given, &format!(": no whole `{}`, at {each} each", short(name))))
            }
            _ => Ok(false),
        }
    }
}

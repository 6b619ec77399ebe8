//! Where a leaf stands in a structure: `layers[0].b`.

use std::fmt;

/// From a structure to one of its parts.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// To a field, by its name; of a tuple, by its number.
    Field(&'static str),
    /// To an item of a list.
    Item(usize),
}

impl From<&'static str> for Step {
    fn from(name: &'static str) -> Self {
        Step::Field(name)
    }
}

impl From<usize> for Step {
    fn from(k: usize) -> Self {
        Step::Item(k)
    }
}

/// The steps from a structure to a part, the last one first.
#[derive(Copy, Clone, Default)]
pub(crate) struct Path<'v> {
    last: Option<(Step, &'v Path<'v>)>,
}

impl Path<'_> {
    pub(crate) fn then(&self, step: Step) -> Path<'_> {
        Path { last: Some((step, self)) }
    }

    /// The steps, the last one first.
    pub(crate) fn back(&self) -> impl Iterator<Item = Step> + '_ {
        std::iter::successors(Some(self), |path| path.last.map(|(_, before)| before))
            .map_while(|path| path.last)
            .map(|(step, _)| step)
    }

    /// Whether it leads to the structure itself or an item of it, as in a plain list.
    pub(crate) fn is_flat(&self) -> bool {
        let mut back = self.back();
        matches!((back.next(), back.next()), (None | Some(Step::Item(_)), None))
    }

    /// The name of the part of a structure of a name, as in `model.layers[0].b`.
    pub(crate) fn under(&self, name: &str) -> String {
        format!("{name}{self}")
    }

    /// The name of the part by itself, as in `layers[0].b`.
    pub(crate) fn name(&self) -> String {
        let name = self.to_string();
        name.strip_prefix('.').map(str::to_owned).unwrap_or(name)
    }
}

/// As it is written behind the structure: `.layers[0].b`.
impl fmt::Display for Path<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let back: Vec<Step> = self.back().collect();
        back.iter().rev().try_for_each(|step| match step {
            Step::Field(name) => write!(out, ".{name}"),
            Step::Item(k) => write!(out, "[{k}]"),
        })
    }
}

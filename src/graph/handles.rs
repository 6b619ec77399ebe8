//! The inputs and outputs of a function, as handles of a trace that goes on from there.

use super::handle::Expr;
use super::model::{InputGroup, OutputGroup};
use super::names::named;
use super::signature::{Collector, Outputs};
use super::trace;
use crate::base::{Structure, Visit};
use crate::error::{Error, Kind as ErrorKind, Result, count, names, short, unknown_name};
use std::ops;

/// The inputs or the outputs of a function, as handles; see [`Function::then`](super::Function::then).
///
/// | | |
/// |---|---|
/// | `inputs["x"]`, `inputs[0]` | the handle of an input of one value |
/// | `let [w, x] = inputs.all();` | those of all inputs, each of one value |
/// | `inputs.values("p")?` | the handles of an input of several numbers, a slice |
/// | `inputs.like("model", &model)?` | those of a structure, as the structure of handles that the closure of the trace got |
///
/// A name that there is not, a number that is too large, and an input of several numbers where one handle is wanted are errors of the
/// trace. Given as a result, these are outputs with their names: `(outputs, ("next_w", w))` adds one.
#[derive(Clone, Debug)]
pub struct Handles {
    what: &'static str,
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    aux: bool,
    /// How many axes of a batch each value has in front.
    batch: usize,
    values: Vec<Expr>,
}

/// In the place of what is not there.
const NOTHING: Expr = Expr::Const(f64::NAN);

impl Handles {
    pub(crate) fn of_inputs(groups: &[InputGroup], values: &[Expr]) -> Handles {
        let group =
            |y: &InputGroup| Group { name: y.name().into(), aux: false, batch: y.batch(), values: values[y.range()].to_vec() };
        Handles { what: "input", groups: groups.iter().map(group).collect() }
    }

    pub(crate) fn of_outputs(groups: &[OutputGroup], values: &[Expr]) -> Handles {
        let mut rest = values;
        let group = |y: &OutputGroup| {
            let (own, others) = rest.split_at(y.nodes().len());
            rest = others;
            Group { name: y.name().into(), aux: y.is_aux(), batch: y.batch(), values: own.to_vec() }
        };
        Handles { what: "output", groups: groups.iter().map(group).collect() }
    }

    /// How many inputs or outputs there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.groups.iter().map(|group| &*group.name)
    }

    /// Names and handles, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[Expr])> {
        self.groups.iter().map(|group| (&*group.name, &*group.values))
    }

    /// One handle for each, in order; of as many as the pattern takes.
    ///
    /// # Errors
    /// Of the trace: another number of them; one that has several numbers.
    #[track_caller]
    pub fn all<const N: usize>(&self) -> [Expr; N] {
        if self.len() != N {
            let names = self.names().collect::<Vec<_>>().join(", ");
            let message = format!("all: the function has {} ({names}), not {N}", count(self.len(), self.what));
            trace::refuse(Error::here(ErrorKind::Length, message));
            return [NOTHING; N];
        }
        let mut all = [NOTHING; N];
        for (x, group) in all.iter_mut().zip(&self.groups) {
            *x = *self.single(group);
        }
        all
    }

    /// The handles of one, which may be several numbers.
    ///
    /// # Errors
    /// If there is none of this name.
    #[track_caller]
    pub fn values(&self, name: &str) -> Result<&[Expr]> {
        match self.find(name) {
            Some(group) => Ok(&group.values),
            None => Err(self.unknown(name)),
        }
    }

    /// The handles of a structure, of which the sample gives the form: the struct that a closure gets for `("model", like(&model))`, or the
    /// gradient by it. So an update is one line:
    ///
    /// ```
    /// use wengert::{Function, Structure, like};
    ///
    /// #[derive(Structure)]
    /// struct Line<T> { slope: T, offset: T }
    ///
    /// let line = Line { slope: 2.0, offset: 1.0 };
    /// let error = Function::trace((("line", like(&line)), ["x", "y"]), |(line, [x, y])| (line.slope * x + line.offset - y).powi(2))?;
    /// let step = error.wrt(["line"])?.grad()?.then(|inputs, outputs| {
    ///     let (line, d) = (inputs.like("line", &line)?, outputs.like("d_line", &line)?);
    ///     Ok(("line", line.zip(&d, |&p, &d| p - 0.1 * d)))
    /// })?;
    /// let next = step.run((("line", &line), ("x", 10.0), ("y", 20.0)))?.like("line", &line)?;
    /// assert_eq!((next.slope, next.offset), (0.0, 0.8));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is none of this name, or it is not a structure of these leaves.
    #[track_caller]
    pub fn like<S: Structure + ?Sized>(&self, name: &str, sample: &S) -> Result<S::With<Expr>> {
        let mut leaves: Vec<String> = vec![];
        sample.visit(&mut Visit::new(&mut |path, _| leaves.push(path.under(name))));
        let found = named(name, self.names());
        let whole = self.find(name).map(|group| &group.values);
        let values: Option<Vec<Expr>> = match whole {
            Some(values) => (values.len() == leaves.len()).then(|| values.clone()),
            None if found.is_empty() => return Err(self.unknown(name)),
            None if found.len() != leaves.len() => None,
            None => leaves
                .iter()
                .map(|leaf| self.find(leaf).filter(|group| group.values.len() == 1))
                .map(|g| Some(g?.values[0]))
                .collect(),
        };
        match values {
            Some(values) => Ok(sample.refill(&values)),
            None => {
                let known = match whole {
                    Some(values) => count(values.len(), "number"),
                    None => names(found.iter().map(|&at| &self.groups[at].name)),
                };
                let (name, what) = (short(name), self.what);
                let message = format!("the {what} `{name}` is {known}, and the sample has {}", names(leaves.iter()));
                Err(Error::here(ErrorKind::Name, message))
            }
        }
    }

    fn find(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }

    #[track_caller]
    fn unknown(&self, name: &str) -> Error {
        let parts = named(name, self.names());
        if !parts.is_empty() {
            let (name, parts) = (short(name), names(parts.iter().map(|&at| &self.groups[at].name)));
            let message =
                format!("`{name}` is a structure of {parts}: `like(\"{name}\", &sample)?` gives it, for a sample of its form");
            return Error::here(ErrorKind::Name, message);
        }
        unknown_name(self.what, name, &self.names().collect::<Vec<_>>())
    }

    #[track_caller]
    fn single<'a>(&self, group: &'a Group) -> &'a Expr {
        if let [x] = &group.values[..] {
            return x;
        }
        let Group { name, values, .. } = group;
        let message =
            format!("the {} `{name}` has {}: `values(\"{name}\")?` gives them", self.what, count(values.len(), "number"));
        trace::refuse(Error::here(ErrorKind::Length, message));
        &NOTHING
    }
}

impl ops::Index<&str> for Handles {
    type Output = Expr;
    #[track_caller]
    fn index(&self, name: &str) -> &Expr {
        match self.find(name) {
            Some(group) => self.single(group),
            None => {
                trace::refuse(self.unknown(name));
                &NOTHING
            }
        }
    }
}

impl ops::Index<usize> for Handles {
    type Output = Expr;
    #[track_caller]
    fn index(&self, at: usize) -> &Expr {
        match self.groups.get(at) {
            Some(group) => self.single(group),
            None => {
                let message = format!("there is no {} number {at}: the function has {}", self.what, count(self.len(), self.what));
                trace::refuse(Error::here(ErrorKind::Length, message));
                &NOTHING
            }
        }
    }
}

/// Outputs with the names that they have; auxiliary ones stay auxiliary.
impl Outputs for Handles {
    fn collect(self, collector: &mut Collector) {
        for Group { name, aux, batch, values } in self.groups {
            collector.named(&name, aux, batch, values);
        }
    }
}

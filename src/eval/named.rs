//! What `run` takes. In: values by name, or in order. Out: one array for every input, in order, and the lengths of the open axes.

use super::arithmetic::Lengths;
use super::array::Array;
use super::arrays::evaluated;
use super::fit::{Value, lengths_of_values};
use super::groups::{joined, split};
use super::results::Results;
use crate::base::wrong_width;
use crate::error::{Error, Kind as ErrorKind, Result, count, names as listed, short, unknown_name};
use crate::graph::{Function, InputGroup, OutputGroup, Path, Step, Structure, Visit, named};
use crate::op::Scalar;
use smallvec::SmallVec;
use std::{borrow::Cow, collections::BTreeMap, panic::Location};

/// What [`Function::run`] takes: a value for every input.
///
/// | arguments | |
/// |---|---|
/// | `[("x", x), ("y", y)]`, a `Vec` or slice of such pairs | by name, in any order |
/// | `(("model", &model), ("x", [1.0, 2.0]), ("n", 3))` | the same with values of several types, up to twelve |
/// | `[x, y]`, `vec![x, y]`, `&arrays[..]`, `(&model, 2.0)` | in the order of the inputs |
///
/// A value is an [`Array`], which has the shape that the input declares; a number; numbers in a `Vec`, array or slice, nested at will; or a
/// [`Structure`] of one's own, for an input or the inputs that were declared [`like`](crate::like) it. All of these may be given by reference.
/// Numbers in one row fill the declared shape in order, those in several levels have the shape they are in. Arrays of one shape in a row
/// are an array with one axis more. For indices, numbers may be integers.
///
/// ```
/// use wengert::Function;
/// let f = Function::trace(["x[n,2]", "i[m]: index"], |[x, i]| x.gather(i, 0).sum(1))?;
/// let y = f.run((("x", [1.0, 2.0, 3.0, 4.0]), ("i", vec![1usize, 1, 0])))?;
/// assert_eq!(y[0].data(), [7.0, 7.0, 3.0]);
/// assert!(f.run((("x", [1.0, 2.0]), ("j", [0]))).unwrap_err().to_string().contains("no input is named `j`"));
/// # Ok::<(), wengert::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not give values to inputs",
    note = "by name: `[(\"x\", x), (\"y\", y)]`, or a tuple of such pairs; in order: `[x, y]`"
)]
pub trait Arguments<T: Scalar> {
    /// Gives the values.
    fn give<'a>(&'a self, to: &mut Given<'a, T>);
}

/// One of the [`Arguments`]: a value, or a name with a value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value for an input",
    note = "a value is a number, an `Array`, a `Vec` or array of these, or a `Structure` of them; with a name: `(\"x\", value)`"
)]
pub trait Argument<T: Scalar> {
    /// Gives the value.
    fn give<'a>(&'a self, to: &mut Given<'a, T>);
}

/// What the values of [`Arguments`] consist of: numbers, integers, arrays of either.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of a function of `{T}`",
    note = "leaves are numbers of its width, integers for indices, or arrays: a list is wrapped, `Array::from(vec)`"
)]
pub trait Element<T: Scalar>: Structure<Leaf = Self> + Sized {
    /// Whether it has axes.
    #[doc(hidden)]
    const IS_ARRAY: bool;
    /// It as an array.
    #[doc(hidden)]
    fn array(&self) -> std::result::Result<Cow<'_, Array<T>>, String>;
    /// It as a number, which it is.
    #[doc(hidden)]
    fn number(&self) -> std::result::Result<T, String>;
}

/// Collects the values of [`Arguments`].
pub struct Given<'a, T: Scalar> {
    inputs: &'a [InputGroup],
    values: Vec<Option<Value<'a, T>>>,
    /// How many values came without a name.
    unnamed: usize,
    error: Option<Error>,
}

/// Arguments by input.
pub(crate) struct Resolved<'a, T: Scalar> {
    /// One for every input, in order, of the declared shape.
    pub(crate) arrays: Vec<Cow<'a, Array<T>>>,
    /// Of the open axes.
    pub(crate) lengths: Lengths,
}

/// The results of a function by name; see [`Function::run`].
#[track_caller]
pub(crate) fn run<T: Scalar>(f: &Function, arguments: &impl Arguments<T>) -> Result<Results<T>> {
    let at = Location::caller();
    let Resolved { arrays, .. } = resolve(f, arguments, &[])?;
    let values = f.inputs().iter().zip(&arrays).map(|(group, x)| split(x, group.len(), group.batch()));
    let values: Vec<Array<T>> = values.flat_map(|values| values.expect("the shape was checked")).collect();
    let mut y = evaluated(f, &values).map_err(|error| error.or_at(Some(at)))?.into_iter();
    let of_group = |group: &OutputGroup| joined(&y.by_ref().take(group.nodes().len()).collect::<Vec<_>>(), group.batch());
    let arrays = f.outputs().iter().map(of_group).collect();
    Ok(Results::new(f.outputs(), arrays))
}

/// The arguments as one array for every input; some lengths of open axes may be known.
#[track_caller]
pub(crate) fn resolve<'a, T: Scalar>(
    f: &'a Function,
    arguments: &'a impl Arguments<T>,
    known: &[(String, usize)],
) -> Result<Resolved<'a, T>> {
    let at = Location::caller();
    if T::WIDTH != f.width() {
        return Err(wrong_width(f.width(), T::WIDTH).at(Some(at)));
    }
    let inputs = f.inputs();
    let mut given = Given { inputs, values: inputs.iter().map(|_| None).collect(), unnamed: 0, error: None };
    arguments.give(&mut given);
    given.resolved(known).map_err(|error| error.at(Some(at)))
}

impl<'a, T: Scalar> Given<'a, T> {
    /// A value for the input of a name, or for all inputs that are parts of a structure of the name.
    pub fn named<S: Structure<Leaf: Element<T>> + ?Sized>(&mut self, name: &str, value: &'a S) {
        match named(name, self.inputs.iter().map(InputGroup::name))[..] {
            [] => self.fail(unknown_name("input", name, &names(self.inputs))),
            [at] if self.inputs[at].name() == name => self.whole(at, value),
            ref parts => self.parts(name, parts, value),
        }
    }

    /// A value for the next input, or for as many as it has arrays.
    pub fn next<S: Structure<Leaf: Element<T>> + ?Sized>(&mut self, value: &'a S) {
        let at = self.unnamed;
        let mut arrays = 0;
        if S::Leaf::IS_ARRAY {
            value.map(|_| arrays += 1);
        }
        if arrays < 2 {
            self.unnamed += 1;
            if at < self.inputs.len() {
                self.whole(at, value);
            }
            return;
        }
        value.visit(&mut Visit::new(&mut |_, leaf: &'a S::Leaf| {
            let at = self.unnamed;
            self.unnamed += 1;
            if at < self.inputs.len() {
                self.part(at, leaf);
            }
        }));
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    fn set(&mut self, at: usize, value: std::result::Result<Value<'a, T>, String>) {
        let name = short(self.inputs[at].name());
        match value {
            Err(why) => self.fail(Error::new(ErrorKind::Value, format!("the input `{name}`: {why}"))),
            Ok(_) if self.values[at].is_some() => {
                self.fail(Error::new(ErrorKind::Name, format!("the input `{name}` is given twice")));
            }
            Ok(value) => self.values[at] = Some(value),
        }
    }

    /// A leaf for an input.
    fn part<E: Element<T>>(&mut self, at: usize, leaf: &'a E) {
        self.set(at, leaf.array().map(Value::Shaped));
    }

    /// The leaves of a structure for the inputs that are its parts.
    fn parts<S: Structure<Leaf: Element<T>> + ?Sized>(&mut self, name: &str, parts: &[usize], value: &'a S) {
        let mut missing: Vec<usize> = parts.to_vec();
        value.visit(&mut Visit::new(&mut |path, leaf: &'a S::Leaf| {
            let part = path.under(name);
            match parts.iter().copied().find(|&at| self.inputs[at].name() == part) {
                Some(at) => {
                    missing.retain(|&other| other != at);
                    self.part(at, leaf);
                }
                None => {
                    let known: Vec<&str> = parts.iter().map(|&at| self.inputs[at].name()).collect();
                    self.fail(unknown_name("input", &part, &known));
                }
            }
        }));
        if let Some(&at) = missing.first() {
            let message = format!("the structure that is given for `{}` has no `{}`", short(name), short(self.inputs[at].name()));
            self.fail(Error::new(ErrorKind::Name, message));
        }
    }

    /// All leaves for one input.
    fn whole<S: Structure<Leaf: Element<T>> + ?Sized>(&mut self, at: usize, value: &'a S) {
        let mut nest = Nest::default();
        if !S::Leaf::IS_ARRAY {
            let mut numbers: std::result::Result<Vec<T>, String> = Ok(vec![]);
            value.visit(&mut Visit::new(&mut |path, leaf: &'a S::Leaf| {
                nest.enter(path);
                match (&mut numbers, leaf.number()) {
                    (Ok(numbers), Ok(v)) => numbers.push(v),
                    (Ok(_), Err(why)) => numbers = Err(why),
                    (Err(_), _) => {}
                }
            }));
            let declared = self.inputs[at].array_shape().rank();
            if let (true, Ok(numbers)) = (nest.is_lists(declared), &numbers)
                && !nest.is_regular(numbers.len())
            {
                return self.set(at, Err(ragged(value)));
            }
            let value = numbers.map(|data| match nest.lengths(data.len()) {
                Some(shape) if shape.len() != 1 && shape.len() <= declared.max(1) => {
                    Value::Shaped(Cow::Owned(Array { shape, data }))
                }
                _ => Value::Row(data),
            });
            return self.set(at, value);
        }
        let mut arrays: Vec<&'a S::Leaf> = vec![];
        value.visit(&mut Visit::new(&mut |path, leaf: &'a S::Leaf| {
            nest.enter(path);
            arrays.push(leaf);
        }));
        if let [array] = arrays[..] {
            return self.part(at, array);
        }
        match arrays.into_iter().map(Element::array).collect::<std::result::Result<Vec<_>, String>>() {
            Err(why) => self.set(at, Err(why)),
            Ok(arrays) => match stacked(nest, &arrays) {
                Some(array) => self.set(at, Ok(Value::Shaped(Cow::Owned(array)))),
                None => {
                    let (name, given) = (short(self.inputs[at].name()), count(arrays.len(), "array"));
                    let message = format!("the input `{name}` is one array, and is given as a structure of {given}");
                    self.fail(Error::new(ErrorKind::Shape, message));
                }
            },
        }
    }

    fn resolved(mut self, known: &[(String, usize)]) -> Result<Resolved<'a, T>> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let (inputs, all) = (self.inputs, listed(names(self.inputs).iter()));
        let missing: Vec<&str> =
            inputs.iter().zip(&self.values).filter(|(_, x)| x.is_none()).map(|(group, _)| group.name()).collect();
        if self.unnamed > inputs.len() || self.unnamed > 0 && !missing.is_empty() {
            let message = format!("{} given for {} ({all})", are(self.unnamed, "value"), count(inputs.len(), "input"));
            return Err(Error::new(ErrorKind::Length, message));
        }
        if !missing.is_empty() {
            let message = format!("no value is given for {}; the inputs are {all}", listed(missing.iter()));
            return Err(Error::new(ErrorKind::Name, message));
        }
        let values: Vec<Value<'a, T>> = self.values.into_iter().flatten().collect();
        let lengths = lengths_of_values(inputs, known, &values)?;
        let arrays = inputs.iter().zip(values).map(|(group, value)| value.shaped(group, &lengths)).collect();
        Ok(Resolved { arrays, lengths })
    }
}

fn are(n: usize, what: &str) -> String {
    format!("{} {}", count(n, what), if n == 1 { "is" } else { "are" })
}

fn names(inputs: &[InputGroup]) -> Vec<&str> {
    inputs.iter().map(InputGroup::name).collect()
}

/// How many items there are on every level of lists.
#[derive(Default)]
struct Nest {
    lengths: Option<SmallVec<[usize; 4]>>,
    /// Whether a leaf is a field, or not as deep as others.
    irregular: bool,
}

impl Nest {
    fn enter(&mut self, path: &Path<'_>) {
        let back: SmallVec<[Step; 4]> = path.back().collect();
        let lengths = self.lengths.get_or_insert_with(|| SmallVec::from_elem(0, back.len()));
        self.irregular |= lengths.len() != back.len();
        for (length, step) in lengths.iter_mut().rev().zip(back) {
            match step {
                Step::Item(k) => *length = (*length).max(k + 1),
                Step::Field(_) => self.irregular = true,
            }
        }
    }

    /// Whether these are lists, as many levels of them as an array of the rank may be given in.
    fn is_lists(&self, rank: usize) -> bool {
        !self.irregular && self.lengths.as_ref().is_some_and(|lengths| (2..=rank).contains(&lengths.len()))
    }

    /// Whether all lists on a level are as long.
    fn is_regular(&self, leaves: usize) -> bool {
        !self.irregular && self.lengths.as_ref().is_none_or(|lengths| lengths.iter().product::<usize>() == leaves)
    }

    /// The lengths of the lists, if all on a level are as long.
    fn lengths(self, leaves: usize) -> Option<Vec<usize>> {
        let lengths = self.lengths.map_or(vec![0], SmallVec::into_vec);
        (!self.irregular && lengths.iter().product::<usize>() == leaves).then_some(lengths)
    }
}

/// Which of the lists of numbers on some level has more or less in it than the first.
fn ragged<S: Structure + ?Sized>(value: &S) -> String {
    let mut paths: Vec<Vec<usize>> = vec![];
    value.visit(&mut Visit::new(&mut |path, _| {
        let items = path.back().map(|step| if let Step::Item(k) = step { k } else { 0 });
        let mut items: Vec<usize> = items.collect();
        items.reverse();
        paths.push(items);
    }));
    let depth = paths.first().map_or(0, Vec::len);
    for level in 1..depth {
        let mut lists: BTreeMap<&[usize], usize> = BTreeMap::new();
        for path in &paths {
            let own = lists.entry(&path[..level]).or_default();
            *own = (*own).max(path[level] + 1);
        }
        let what = if level + 1 == depth { "number" } else { "row" };
        let row = |list: &[usize]| match list {
            [k] => format!("row {k}"),
            list => format!("row {}", list.iter().map(|k| format!("[{k}]")).collect::<String>()),
        };
        let mut all = lists.iter();
        let Some((first, wanted)) = all.next() else { break };
        if let Some((list, n)) = all.find(|(_, n)| *n != wanted) {
            return format!("{} has {}, {} has {wanted}", row(list), count(*n, what), row(first));
        }
    }
    "some rows are empty, and others are not".into()
}

/// Arrays of one shape in lists as one array.
fn stacked<T: Scalar>(nest: Nest, arrays: &[Cow<'_, Array<T>>]) -> Option<Array<T>> {
    let around = nest.lengths(arrays.len())?;
    let own = arrays.first().map_or(&[][..], |array| array.shape());
    let data = arrays.iter().flat_map(|array| array.data()).copied().collect();
    arrays.iter().all(|array| array.shape() == own).then(|| Array { shape: [&around, own].concat(), data })
}

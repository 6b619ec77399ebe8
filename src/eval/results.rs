//! What `run` gives: an array for every output, by name.

use super::array::Array;
use crate::error::{Error, Kind as ErrorKind, Result, count, short, unknown_name};
use crate::graph::{Leaf, OutputGroup, Structure, Visit, named};
use crate::op::Scalar;
use std::{fmt, ops::Index};

/// The results of [`Function::run`](crate::Function::run): an [`Array`] for every output, in order, by name.
///
/// ```
/// use wengert::{Array, Function, like};
/// let f = Function::trace((("p", like(&[0.0f64; 2])), "x[n]"), |([a, b], x)| ("loss", (a * x + b).powi(2).sum(..)))?;
/// let y = f.wrt(["p"])?.value_and_grad()?.run((("p", [1.0, 2.0]), ("x", [0.0, 1.0])))?;
/// assert_eq!(y["loss"].data(), [13.0]);
/// assert_eq!(y[1], Array::from([6.0, 10.0]));
/// let [da, db] = y.like("d_p", &[0.0; 2])?;
/// assert_eq!((da, db), (6.0, 10.0));
/// assert_eq!(y.names().collect::<Vec<_>>(), ["loss", "d_p"]);
/// assert_eq!(y.to_string(), "loss = 13.0\nd_p[2] = [6.0, 10.0]\n");
/// for (name, array) in y {
///     println!("{name} has the shape {:?}", array.shape());
/// }
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Results<T = f64> {
    names: Vec<String>,
    arrays: Vec<Array<T>>,
}

impl<T> Results<T> {
    pub(crate) fn new(outputs: &[OutputGroup], arrays: Vec<Array<T>>) -> Self {
        Results { names: outputs.iter().map(|y| y.name().to_owned()).collect(), arrays }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// The names, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.names.iter().map(String::as_str)
    }

    /// Names and arrays, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array<T>)> {
        self.names().zip(&self.arrays)
    }

    /// The arrays, in order.
    pub fn arrays(&self) -> &[Array<T>] {
        &self.arrays
    }

    /// The arrays themselves, in order.
    pub fn into_arrays(self) -> Vec<Array<T>> {
        self.arrays
    }

    /// The result of a name; `y["loss"]` is the same for a name that there is.
    ///
    /// # Errors
    /// If there is none.
    #[track_caller]
    pub fn get(&self, name: &str) -> Result<&Array<T>> {
        match self.names().position(|known| known == name) {
            Some(at) => Ok(&self.arrays[at]),
            None => Err(unknown_name("result", name, &self.names().collect::<Vec<_>>())),
        }
    }
}

impl<T: Scalar> Results<T> {
    /// The result of a name that is one number, whatever the width: a loss, for instance.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x[n]", |x| ("loss", x.powi(2).mean(..)))?;
    /// assert_eq!(f.run([("x", [1.0, 3.0])])?.number("loss")?, 5.0);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is none of the name, or it is not one number.
    #[track_caller]
    pub fn number(&self, name: &str) -> Result<f64> {
        let array = self.get(name)?;
        match array.data() {
            [v] => Ok(v.to_f64()),
            _ => {
                let (name, shape) = (short(name), array.shape());
                Err(Error::here(ErrorKind::Shape, format!("the result `{name}` has the shape {shape:?}, and is not one number")))
            }
        }
    }

    /// The results of a name as a structure like a sample, of which only structure and shapes count. The gradient by an input that was
    /// declared [`like`](crate::like) the sample, for instance: `y.like("d_model", &model)?`. Rows of structures of numbers are like a list of
    /// them.
    ///
    /// # Errors
    /// If there is none of the name, or if they have not the sample's structure and shapes.
    #[track_caller]
    pub fn like<S: Structure<Leaf: Leaf<Number = T>> + ?Sized>(&self, name: &str, sample: &S) -> Result<S::With<S::Leaf>> {
        let made = match named(name, self.names())[..] {
            [] => return Err(self.get(name).expect_err("there is none of the name")),
            [at] if self.names[at] == name => shared(name, &self.arrays[at], sample)?,
            ref parts => self.parts(name, parts, sample)?,
        };
        let mut made = made.into_iter();
        Ok(sample.map(|_| made.next().expect("a leaf for every leaf")))
    }

    /// Leaves that are results of their own.
    #[track_caller]
    fn parts<S: Structure<Leaf: Leaf<Number = T>> + ?Sized>(
        &self,
        name: &str,
        parts: &[usize],
        sample: &S,
    ) -> Result<Vec<S::Leaf>> {
        let leaves = under(name, sample);
        let known: Vec<&str> = parts.iter().map(|&at| self.names[at].as_str()).collect();
        if let Some(other) = known.iter().find(|known| !leaves.iter().any(|(leaf, _)| leaf == *known)) {
            return Err(Error::here(ErrorKind::Name, format!("the structure has no place for the result `{}`", short(other))));
        }
        let mut made = vec![];
        for (part, leaf) in leaves {
            let Some(k) = known.iter().position(|known| *known == part) else {
                return Err(unknown_name("result", &part, &known));
            };
            let result = &self.arrays[parts[k]];
            if leaf.lengths() != result.shape() {
                let message = format!(
                    "the result `{}` has the shape {:?}, and the sample {:?}",
                    short(&part),
                    result.shape(),
                    leaf.lengths()
                );
                return Err(Error::here(ErrorKind::Shape, message));
            }
            made.push(leaf.with(result.data()));
        }
        Ok(made)
    }
}

/// Leaves that are one result: each is the whole of it, or stands in it behind the one before.
#[track_caller]
fn shared<T: Scalar, S: Structure<Leaf: Leaf<Number = T>> + ?Sized>(
    name: &str,
    result: &Array<T>,
    sample: &S,
) -> Result<Vec<S::Leaf>> {
    let leaves = under(name, sample);
    let own = leaves.first().map_or(&[][..], |(_, leaf)| leaf.lengths());
    let fits = match S::Leaf::IS_ARRAY {
        false => leaves.len() == result.data().len(),
        true if leaves.len() == 1 => result.shape() == own,
        true => {
            let is_alike = leaves.iter().all(|(_, leaf)| leaf.lengths() == own);
            is_alike && result.shape().split_first() == Some((&leaves.len(), own))
        }
    };
    if !fits {
        let what = if S::Leaf::IS_ARRAY { "array" } else { "number" };
        let (name, shape, leaves) = (short(name), result.shape(), count(leaves.len(), what));
        let message = format!("the result `{name}` has the shape {shape:?}, which the sample of {leaves} does not have");
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let each: usize = own.iter().product();
    Ok(leaves.iter().enumerate().map(|(k, (_, leaf))| leaf.with(&result.data()[k * each..(k + 1) * each])).collect())
}

/// The leaves of a structure of a name.
fn under<'s, S: Structure + ?Sized>(name: &str, sample: &'s S) -> Vec<(String, &'s S::Leaf)> {
    let mut leaves = vec![];
    sample.visit(&mut Visit::new(&mut |path, leaf| leaves.push((path.under(name), leaf))));
    leaves
}

impl<T> Index<&str> for Results<T> {
    type Output = Array<T>;

    /// # Panics
    /// If there is no result of the name.
    #[track_caller]
    fn index(&self, name: &str) -> &Array<T> {
        match self.get(name) {
            Ok(array) => array,
            Err(error) => panic!("{error}"),
        }
    }
}

impl<T> Index<usize> for Results<T> {
    type Output = Array<T>;

    /// # Panics
    /// If there are not so many results.
    #[track_caller]
    fn index(&self, at: usize) -> &Array<T> {
        &self.arrays[at]
    }
}

impl<T> IntoIterator for Results<T> {
    type Item = (String, Array<T>);
    type IntoIter = std::iter::Zip<std::vec::IntoIter<String>, std::vec::IntoIter<Array<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.names.into_iter().zip(self.arrays)
    }
}

impl<'a, T> IntoIterator for &'a Results<T> {
    type Item = (&'a String, &'a Array<T>);
    type IntoIter = std::iter::Zip<std::slice::Iter<'a, String>, std::slice::Iter<'a, Array<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.names.iter().zip(&self.arrays)
    }
}

impl<T: fmt::Debug> fmt::Debug for Results<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_map().entries(self.iter()).finish()
    }
}

/// How many numbers of a result are shown.
const SHOWN: usize = 12;

/// A line for every result: its name, its shape, and its numbers, or the first ones of many.
impl<T: fmt::Debug> fmt::Display for Results<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, array) in self.iter() {
            let (data, lengths) = (array.data(), array.shape().iter().map(usize::to_string).collect::<Vec<_>>());
            match (data, &lengths[..]) {
                ([number], []) => writeln!(out, "{name} = {number:?}")?,
                _ if data.len() <= SHOWN => writeln!(out, "{name}[{}] = {data:?}", lengths.join(","))?,
                _ => {
                    let first: Vec<String> = data[..SHOWN].iter().map(|v| format!("{v:?}")).collect();
                    writeln!(out, "{name}[{}] = [{}, …]", lengths.join(","), first.join(", "))?;
                }
            }
        }
        Ok(())
    }
}

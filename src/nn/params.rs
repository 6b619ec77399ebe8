//! The parameters of a model: named arrays that are declared, started, traced, trained and saved together.

use super::{Init, Rng};
use crate::base::Axis;
use crate::error::{Error, Kind as ErrorKind, Result, names, short, unknown_name};
use crate::eval::Array;
use crate::graph::{Binder, Expr, Inputs, Structure, Visit, named, parse_declaration, refuse};
use crate::io::Archive;
use crate::op::DType;
use crate::op::Scalar;
use std::{fmt, ops::Index, panic::Location, path::Path};

/// The parameters of a model, in order. Names may be paths, such as `encoder.w1`.
///
/// `&params` declares them as inputs of a trace, whose closure gets them as [`Weights`]:
///
/// ```
/// use wengert::nn::{Init, Params, Rng, dense};
/// use wengert::Function;
/// let params = Params::<f64>::new(&mut Rng::new(1), [
///     ("hidden.w[2,8]", Init::HeUniform),
///     ("hidden.b[8]", Init::Zeros),
///     ("out.w[8,1]", Init::GlorotUniform),
///     ("out.b[1]", Init::Zeros),
/// ])?;
/// let net = Function::trace((&params, "x[n,2]"), |(p, x)| {
///     let h = dense(x, p["hidden.w"], p["hidden.b"]).relu();
///     dense(h, p["out.w"], p["out.b"])
/// })?;
/// assert_eq!((params.len(), params.count()), (4, 33));
/// let mut y = [f64::NAN; 3];
/// net.compile()?.call_into(&params.inputs(&[&[0.0; 6]]), &mut [&mut y])?;
/// assert_eq!(y, [0.0; 3]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Params<T: Scalar> {
    names: Vec<String>,
    arrays: Vec<Array<T>>,
}

impl<T: Scalar> Params<T> {
    /// Parameters as they are declared, `w1[64,32]`, with what they start from. Numbers are drawn in the order of the list.
    ///
    /// # Errors
    /// If a declaration cannot be read or has an open axis, a name comes twice, or a start does not fit its shape.
    #[track_caller]
    pub fn new<S: AsRef<str>>(rng: &mut Rng, declarations: impl IntoIterator<Item = (S, Init)>) -> Result<Self> {
        let at = Location::caller();
        let mut params = Params { names: vec![], arrays: vec![] };
        for (declaration, init) in declarations {
            let declaration = declaration.as_ref();
            let wrong = |reason: &str| {
                let message = format!("`{declaration}` does not declare a parameter: {reason}");
                Error::new(ErrorKind::Name, message).at(Some(at))
            };
            let (name, shape, dtype) = parse_declaration(declaration).map_err(|reason| wrong(&reason))?;
            if dtype != DType::Float {
                return Err(wrong("it is of indices, which cannot be learned"));
            }
            let axis = |axis: &Axis| match *axis {
                Axis::Fixed(n) => Ok(n),
                Axis::Open(axis) => Err(wrong(&format!("its axis `{axis}` is open"))),
            };
            let lengths = shape.axes().iter().map(axis).collect::<Result<Vec<usize>>>()?;
            let values = init.values(&lengths, rng)?;
            params.push(name.into(), Array::new(lengths, values)?)?;
        }
        Ok(params)
    }

    /// The arrays of a structure of one's own, called by the paths to them, as the inputs of a loss over `("model", like(&model))` are. So a
    /// [`Training`](super::Training) takes them, and [`Params::like`] gives the structure back.
    ///
    /// ```
    /// use wengert::nn::{Params, Training, dense, mse};
    /// use wengert::{Array, Function, Structure, like, optim::Adam};
    ///
    /// #[derive(Structure)]
    /// struct Dense<T> { w: T, b: T }
    ///
    /// let model = Dense { w: Array::from([[0.0f64]]), b: Array::from([0.0]) };
    /// let loss = Function::trace((("model", like(&model)), ["x[n,1]", "y[n,1]"]), |(m, [x, y])| mse(dense(x, m.w, m.b), y))?;
    /// let mut training = Training::new(&loss, Params::from_structure("model", &model), Adam::new(0.05))?;
    /// for _ in 0..2000 {
    ///     training.step(&[[0.0, 1.0, 2.0], [1.0, 3.0, 5.0]])?; // y = 2x + 1
    /// }
    /// let model = training.params().like("model", &model)?;
    /// assert!((model.w.data()[0] - 2.0).abs() < 1e-3 && (model.b.data()[0] - 1.0).abs() < 1e-3);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn from_structure<S: Structure<Leaf = Array<T>> + ?Sized>(name: &str, structure: &S) -> Self {
        let mut params = Params { names: vec![], arrays: vec![] };
        structure.visit(&mut Visit::new(&mut |path, leaf: &Array<T>| {
            params.names.push(path.under(name));
            params.arrays.push(leaf.clone());
        }));
        params
    }

    /// The parameters of a name as a structure like a sample, of which only structure and shapes count; see [`Params::from_structure`].
    ///
    /// # Errors
    /// If there is none of the name, or they have not the sample's leaves and shapes.
    #[track_caller]
    pub fn like<S: Structure<Leaf = Array<T>> + ?Sized>(&self, name: &str, sample: &S) -> Result<S::With<Array<T>>> {
        let mut leaves = vec![];
        sample.visit(&mut Visit::new(&mut |path, leaf: &Array<T>| leaves.push((path.under(name), leaf.shape().to_vec()))));
        let own: Vec<&str> = named(name, self.iter().map(|(name, _)| name)).into_iter().map(|at| &*self.names[at]).collect();
        if !own.is_empty() && own.len() != leaves.len() {
            let (own, wanted) = (names(own.iter()), names(leaves.iter().map(|(leaf, _)| leaf)));
            let message = format!("the parameters of `{}` are {own}, and the sample has {wanted}", short(name));
            return Err(Error::here(ErrorKind::Name, message));
        }
        let mut made = vec![];
        for (leaf, shape) in leaves {
            let array = self.get(&leaf)?;
            if array.shape() != shape {
                let message =
                    format!("the parameter `{}` has the shape {:?}, and the sample {shape:?}", short(&leaf), array.shape());
                return Err(Error::here(ErrorKind::Shape, message));
            }
            made.push(array.clone());
        }
        Ok(sample.refill(&made))
    }

    #[track_caller]
    fn push(&mut self, name: String, array: Array<T>) -> Result<()> {
        if self.names.contains(&name) {
            return Err(Error::here(ErrorKind::Name, format!("two parameters are named `{name}`")));
        }
        self.names.push(name);
        self.arrays.push(array);
        Ok(())
    }

    /// How many arrays there are.
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there is no array.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// How many numbers the arrays have together.
    pub fn count(&self) -> usize {
        self.arrays.iter().map(|array| array.data().len()).sum()
    }

    /// Names and arrays, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Array<T>)> + Clone {
        self.names.iter().map(String::as_str).zip(&self.arrays)
    }

    /// The arrays, in order.
    pub(super) fn arrays_mut(&mut self) -> &mut [Array<T>] {
        &mut self.arrays
    }

    /// Whether names, shapes and order are those of others.
    pub(super) fn same_shapes(&self, other: &Params<T>) -> bool {
        let shape = |(_, array): (&str, &Array<T>)| array.shape().to_vec();
        self.names == other.names && self.iter().map(shape).eq(other.iter().map(shape))
    }

    #[track_caller]
    fn position(&self, name: &str) -> Result<usize> {
        match self.names.iter().position(|known| known == name) {
            Some(at) => Ok(at),
            None => Err(unknown_name("parameter", name, &self.names.iter().map(String::as_str).collect::<Vec<_>>())),
        }
    }

    /// The array of a name.
    ///
    /// # Errors
    /// If there is none.
    #[track_caller]
    pub fn get(&self, name: &str) -> Result<&Array<T>> {
        Ok(&self.arrays[self.position(name)?])
    }

    /// The array of a name, to write to.
    ///
    /// # Errors
    /// If there is none.
    #[track_caller]
    pub fn get_mut(&mut self, name: &str) -> Result<&mut [T]> {
        let at = self.position(name)?;
        Ok(self.arrays[at].data_mut())
    }

    /// A call's inputs: the parameters, then more.
    pub fn inputs<'a>(&'a self, more: &[&'a [T]]) -> Vec<&'a [T]> {
        self.arrays.iter().map(Array::data).chain(more.iter().copied()).collect()
    }

    /// Writes the parameters into a file; see [`Archive::save`].
    ///
    /// # Errors
    /// If it cannot be written.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut archive = Archive::new();
        self.put_into(&mut archive);
        archive.save(path)
    }

    /// Reads parameters from a file that [`Params::save`] or [`Training::save`](super::Training::save) wrote.
    ///
    /// # Errors
    /// If it cannot be read, is no such file, is damaged, or has numbers of another width.
    #[track_caller]
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Params::from_archive(&Archive::load(path)?)
    }

    /// Adds the parameters to what an archive has.
    pub fn put_into(&self, archive: &mut Archive) {
        for (name, array) in self.iter() {
            archive.put_array(&format!("{PREFIX}{name}"), array);
        }
    }

    /// The parameters that an archive has.
    ///
    /// # Errors
    /// If there are none, or they have numbers of another width.
    #[track_caller]
    pub fn from_archive(archive: &Archive) -> Result<Self> {
        let mut params = Params { names: vec![], arrays: vec![] };
        for name in archive.names().filter_map(|name| name.strip_prefix(PREFIX)) {
            params.push(name.into(), archive.array(&format!("{PREFIX}{name}"))?)?;
        }
        if params.is_empty() {
            return Err(Error::here(ErrorKind::Name, "the archive has no parameters"));
        }
        Ok(params)
    }
}

/// What the names of parameters begin with in an archive.
const PREFIX: &str = "parameter ";

/// The declarations: `(w1[64,32], b1[32])`.
impl<T: Scalar> fmt::Display for Params<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<String> = self.iter().map(|(name, array)| declare(name, array.shape())).collect();
        write!(f, "({})", all.join(", "))
    }
}

/// A declaration as a trace reads it.
pub(super) fn declare(name: &str, shape: &[usize]) -> String {
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    format!("{name}[{}]", lengths.join(","))
}

impl<T: Scalar> Inputs for &Params<T> {
    type Args = Weights;
    fn bind(self, binder: &mut Binder) -> Weights {
        let value = |(name, array): (&str, &Array<T>)| (name.to_owned(), binder.value(&declare(name, array.shape())));
        Weights { all: self.iter().map(value).collect() }
    }
}

/// The parameters of a model under construction, by name: `p["encoder.w1"]`, or `p.at("encoder")["w1"]`.
///
/// A name that there is not becomes the trace's error.
#[derive(Clone, Debug)]
pub struct Weights {
    all: Vec<(String, Expr)>,
}

impl Weights {
    /// The parameters below a name, by the rest of their names.
    #[track_caller]
    pub fn at(&self, name: &str) -> Weights {
        let below = |(full, value): &(String, Expr)| Some((full.strip_prefix(name)?.strip_prefix('.')?.to_owned(), *value));
        let all: Vec<(String, Expr)> = self.all.iter().filter_map(below).collect();
        if all.is_empty() {
            refuse(self.unknown(name));
        }
        Weights { all }
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Expr)> {
        self.all.iter().map(|(name, value)| (name.as_str(), *value))
    }

    #[track_caller]
    fn unknown(&self, name: &str) -> Error {
        unknown_name("parameter", name, &self.iter().map(|(name, _)| name).collect::<Vec<_>>())
    }
}

impl Index<&str> for Weights {
    type Output = Expr;
    #[track_caller]
    fn index(&self, name: &str) -> &Expr {
        match self.all.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value,
            None => {
                refuse(self.unknown(name));
                &Expr::Const(f64::NAN)
            }
        }
    }
}

//! What a traced closure takes and gives.

use super::handle::{Cond, Expr};
use super::model::InputGroup;
use super::names::is_name;
use super::session::Session;
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::{DType, select};

/// Declares a function's inputs; what it is decides what the closure gets.
///
/// | inputs | the closure's argument |
/// |---|---|
/// | `"x"`, also a `String` | one `Expr`, a number |
/// | `"x[n,64]"` | one `Expr`, an array; an axis with a name is open: its length is known when the function is called |
/// | `"i[n]: index"` | one `Expr`, an array of whole numbers for `gather` and its like |
/// | `["a", "b"]` | `[Expr; 2]`, two inputs; `String`s will do, too |
/// | `vec!["a", "b"]` | `Vec<Expr>`, two inputs |
/// | `("x", 10)` | `Vec<Expr>`, one input of ten numbers |
/// | `("model", like(&model))` | the user's [`Structure`](super::Structure) of `Expr`s; see [`like`](super::like) |
/// | `("p", like(&[0.0; 4]))` | `[Expr; 4]`, one input: an array is a structure, too |
/// | a tuple of two to six of these, nested at will | the tuple of their arguments |
///
/// A call is given all elements, one after the other ([`Compiled::call`](crate::Compiled::call)), a slice for each input
/// ([`call_into`](crate::Compiled::call_into)), or arrays and structures by name ([`run`](crate::Compiled::run)). To
/// [`Function::eval`](super::Function::eval) an array is one value.
pub trait Inputs {
    /// What the closure gets.
    type Args;
    /// Declares the inputs, in order.
    fn bind(self, binder: &mut Binder) -> Self::Args;
}

/// Collects the declarations of [`Inputs`].
pub struct Binder<'a> {
    session: &'a Session,
    groups: Vec<InputGroup>,
    error: Option<Error>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Binder { session, groups: Vec::new(), error: None }
    }

    /// The declared inputs.
    pub(super) fn finish(self) -> Result<Vec<InputGroup>> {
        self.error.map_or(Ok(self.groups), Err)
    }

    /// An input of `len` numbers.
    pub fn numbers(&mut self, name: &str, len: usize) -> Vec<Expr> {
        self.groups.push(InputGroup::numbers(name, len));
        (0..len).map(|_| self.session.input(Shape::SCALAR, DType::Float)).collect()
    }

    /// An input that is one array of numbers.
    pub(super) fn array(&mut self, name: String, shape: Shape) -> Expr {
        self.groups.push(InputGroup::value(name, shape, DType::Float));
        self.session.input(shape, DType::Float)
    }

    /// An input of one value, a number or an array, declared as `"x"`, `"x[n,64]"` or `"i[n]: index"`.
    pub fn value(&mut self, declaration: &str) -> Expr {
        let (name, shape, dtype) = match parse(declaration) {
            Ok(parsed) => parsed,
            Err(reason) => {
                let message = format!("`{declaration}` does not declare an input: {reason}");
                self.error.get_or_insert_with(|| Error::new(ErrorKind::Name, message));
                (declaration, Shape::SCALAR, DType::Float)
            }
        };
        self.groups.push(InputGroup::value(name, shape, dtype));
        self.session.input(shape, dtype)
    }
}

/// Reads `name`, `name[n,64]`, either with `: index`. An error does not have the declaration itself.
pub(crate) fn parse(declaration: &str) -> std::result::Result<(&str, Shape, DType), String> {
    let (rest, dtype) = match declaration.split_once(':') {
        None => (declaration, DType::Float),
        Some((rest, kind)) if kind.trim() == "index" => (rest, DType::Index),
        Some((_, kind)) => return Err(format!("`{}` is not `index`", kind.trim())),
    };
    let Some((name, axes)) = rest.trim().rsplit_once('[') else { return Ok((rest.trim(), Shape::SCALAR, dtype)) };
    let Some(axes) = axes.strip_suffix(']') else { return Err("the shape has no closing `]`".into()) };
    let axis = |text: &str| match text.trim() {
        n if n.starts_with(|c: char| c.is_ascii_digit()) => n.parse().map(Axis::Fixed).map_err(|_| format!("`{n}` is no length")),
        name if is_name(name) => Ok(Axis::from(name)),
        other => Err(format!("`{other}` is neither a length nor a name")),
    };
    let axes = axes.split(',').filter(|text| !text.trim().is_empty()).map(axis).collect::<std::result::Result<Vec<_>, _>>()?;
    let shape = Shape::new(&axes);
    shape.check_size()?;
    Ok((name.trim(), shape, dtype))
}

impl Inputs for &str {
    type Args = Expr;
    fn bind(self, binder: &mut Binder) -> Expr {
        binder.value(self)
    }
}

impl Inputs for String {
    type Args = Expr;
    fn bind(self, binder: &mut Binder) -> Expr {
        binder.value(&self)
    }
}

impl<const N: usize> Inputs for [&str; N] {
    type Args = [Expr; N];
    fn bind(self, binder: &mut Binder) -> [Expr; N] {
        self.map(|name| binder.value(name))
    }
}

impl<const N: usize> Inputs for [String; N] {
    type Args = [Expr; N];
    fn bind(self, binder: &mut Binder) -> [Expr; N] {
        self.map(|name| binder.value(&name))
    }
}

impl<S: AsRef<str>> Inputs for Vec<S> {
    type Args = Vec<Expr>;
    fn bind(self, binder: &mut Binder) -> Vec<Expr> {
        self.iter().map(|name| binder.value(name.as_ref())).collect()
    }
}

impl Inputs for (&str, usize) {
    type Args = Vec<Expr>;
    fn bind(self, binder: &mut Binder) -> Vec<Expr> {
        binder.numbers(self.0, self.1)
    }
}

/// Results of a traced closure.
///
/// | result | outputs of the function |
/// |---|---|
/// | `Expr` | one, called `y`; of several without a name the k-th is called `yk`, counted from 0 |
/// | `Cond` | the same, 1 where it holds, else 0; an `f64` is a constant |
/// | `[Expr; N]`, `Vec<Expr>` | one of several numbers |
/// | a [`Structure`](super::Structure) of numbers | one of several numbers |
/// | a [`Structure`](super::Structure) with arrays | one for each, called by the path to it, as `model.layers[0].b` in `("model", result)` |
/// | `("loss", result)` | the result's, with that name |
/// | `aux(result)` | the result's, computed beside the others but not differentiated |
/// | a tuple of two to six of these, nested at will | one after the other |
/// | `Result` of these | as `Ok` says; an error is the trace's error, so that the closure can use `?` |
///
/// ```
/// use wengert::Function;
/// let square = Function::trace("x", |x| x * x)?;
/// // a function is inlined by evaluating it on handles
/// let f = Function::trace("x", |x| Ok(square.eval(&[x + 1.0])?[0].sin()))?;
/// assert_eq!(f.eval(&[2.0])?, [9f64.sin()]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no result of a traced closure",
    label = "this closure's result",
    note = "a result is a handle, a truth value, an `f64`, or an array, vector or structure of handles; with a name: `(\"loss\", y)`; of several, a tuple",
    note = "of a `Solution` or a `Trajectory` give the parts that are wanted, as `.x` or `.y`"
)]
pub trait Outputs {
    /// Hands the results over, in order.
    fn collect(self, collector: &mut Collector);
}

/// Collects the results of [`Outputs`].
#[derive(Default)]
pub struct Collector {
    pub(super) groups: Vec<Collected>,
    pub(super) error: Option<Error>,
    name: Option<String>,
    aux: bool,
}

pub(super) struct Collected {
    pub(super) name: Option<String>,
    pub(super) values: Vec<Expr>,
    pub(super) aux: bool,
    pub(super) batch: usize,
}

impl Collector {
    /// The name of what is collected, if it has one.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// One output of some numbers.
    pub fn output(&mut self, values: Vec<Expr>) {
        self.groups.push(Collected { name: self.name.clone(), values, aux: self.aux, batch: 0 });
    }

    /// One output with a name of its own, which is taken where none is given, and with a batch.
    pub(super) fn named(&mut self, name: &str, aux: bool, batch: usize, values: Vec<Expr>) {
        let name = self.name.clone().unwrap_or_else(|| name.to_owned());
        self.groups.push(Collected { name: Some(name), values, aux: self.aux || aux, batch });
    }
}

/// Several results with names that are made up as one goes.
impl<R: Outputs> Outputs for Vec<(String, R)> {
    fn collect(self, collector: &mut Collector) {
        for (name, result) in self {
            (name.as_str(), result).collect(collector);
        }
    }
}

impl<R: Outputs> Outputs for Result<R> {
    fn collect(self, collector: &mut Collector) {
        match self {
            Ok(results) => results.collect(collector),
            Err(error) => {
                collector.error.get_or_insert(error);
            }
        }
    }
}

impl<R: Outputs> Outputs for (&str, R) {
    fn collect(self, collector: &mut Collector) {
        let outer = collector.name.replace(self.0.to_owned());
        self.1.collect(collector);
        collector.name = outer;
    }
}

/// A constant.
impl Outputs for f64 {
    fn collect(self, collector: &mut Collector) {
        collector.output(vec![self.into()]);
    }
}

/// 1 where it holds, else 0.
impl Outputs for Cond {
    fn collect(self, collector: &mut Collector) {
        collector.output(vec![select(self, 1.0, 0.0)]);
    }
}

/// See [`aux`].
pub struct Aux<R>(R);

/// Marks results that are computed beside the others but not differentiated.
pub fn aux<R: Outputs>(results: R) -> Aux<R> {
    Aux(results)
}

impl<R: Outputs> Outputs for Aux<R> {
    fn collect(self, collector: &mut Collector) {
        let outer = std::mem::replace(&mut collector.aux, true);
        self.0.collect(collector);
        collector.aux = outer;
    }
}

macro_rules! tuples {
    ($(($($T:ident $x:ident),*))*) => { $(
        impl<$($T: Inputs),*> Inputs for ($($T,)*) {
            type Args = ($($T::Args,)*);
            fn bind(self, binder: &mut Binder) -> Self::Args {
                let ($($x,)*) = self;
                ($($x.bind(binder),)*)
            }
        }
        impl<$($T: Outputs),*> Outputs for ($($T,)*) {
            fn collect(self, collector: &mut Collector) {
                let ($($x,)*) = self;
                $($x.collect(collector);)*
            }
        }
    )* };
}
tuples! { (A a, B b) (A a, B b, C c) (A a, B b, C c, D d) (A a, B b, C c, D d, E e) (A a, B b, C c, D d, E e, F f) }

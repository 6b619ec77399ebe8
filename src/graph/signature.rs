//! What a traced closure takes and gives.

use super::expr::Expr;
use super::structure::Structure;
use super::trace::Session;

/// Declares a function's inputs; what it is decides what the closure gets.
///
/// | inputs | the closure's argument |
/// |---|---|
/// | `"x"` | one `Expr` |
/// | `["a", "b"]` | `[Expr; 2]`, two inputs |
/// | `vec!["a", "b"]` | `Vec<Expr>`, two inputs |
/// | `("x", 10)` | `Vec<Expr>`, one input of ten numbers |
/// | `("model", like(&model))` | the user's [`Structure`] of `Expr`s, one input |
/// | a tuple of these, nested at will | the tuple of their arguments |
pub trait Inputs {
    /// What the closure gets.
    type Args;
    /// Declares the inputs, in order.
    fn bind(self, binder: &mut Binder) -> Self::Args;
}

/// Collects the declarations of [`Inputs`].
pub struct Binder<'a> {
    session: &'a Session,
    pub(super) groups: Vec<(String, usize)>,
}

impl<'a> Binder<'a> {
    pub(super) fn new(session: &'a Session) -> Self {
        Binder { session, groups: Vec::new() }
    }

    /// An input of `len` numbers.
    pub fn input(&mut self, name: &str, len: usize) -> Vec<Expr> {
        self.groups.push((name.to_owned(), len));
        (0..len).map(|_| self.session.input()).collect()
    }

    /// An input of one number.
    pub fn scalar(&mut self, name: &str) -> Expr {
        self.groups.push((name.to_owned(), 1));
        self.session.input()
    }
}

impl Inputs for &str {
    type Args = Expr;
    fn bind(self, binder: &mut Binder) -> Expr {
        binder.scalar(self)
    }
}

impl<const N: usize> Inputs for [&str; N] {
    type Args = [Expr; N];
    fn bind(self, binder: &mut Binder) -> [Expr; N] {
        self.map(|name| binder.scalar(name))
    }
}

impl<S: AsRef<str>> Inputs for Vec<S> {
    type Args = Vec<Expr>;
    fn bind(self, binder: &mut Binder) -> Vec<Expr> {
        self.iter().map(|name| binder.scalar(name.as_ref())).collect()
    }
}

impl Inputs for (&str, usize) {
    type Args = Vec<Expr>;
    fn bind(self, binder: &mut Binder) -> Vec<Expr> {
        binder.input(self.0, self.1)
    }
}

/// See [`like`].
pub struct Like<S>(S);

/// Declares an input with the structure of a sample, as in `("model", like(&model))`.
pub fn like<S: Clone>(sample: &S) -> Like<S> {
    Like(sample.clone())
}

impl<S: Structure<f64>> Inputs for (&str, Like<S>) {
    type Args = S::With<Expr>;
    fn bind(self, binder: &mut Binder) -> S::With<Expr> {
        let at = binder.groups.len();
        binder.groups.push((self.0.to_owned(), 0));
        let session = binder.session;
        let mut len = 0;
        let args = self.1.0.map(&mut |_| {
            len += 1;
            session.input()
        });
        binder.groups[at].1 = len;
        args
    }
}

/// Results of a traced closure: an `Expr`, arrays, vectors and tuples of results, a named result as `("loss", y)`, and
/// [`aux`] results.
pub trait Outputs {
    /// Hands the results over, in order.
    fn collect(self, collector: &mut Collector);
}

/// Collects the results of [`Outputs`].
#[derive(Default)]
pub struct Collector {
    pub(super) groups: Vec<Collected>,
    name: Option<String>,
    aux: bool,
}

pub(super) struct Collected {
    pub(super) name: Option<String>,
    pub(super) values: Vec<Expr>,
    pub(super) aux: bool,
}

impl Collector {
    /// One output of some numbers.
    pub fn output(&mut self, values: Vec<Expr>) {
        self.groups.push(Collected { name: self.name.clone(), values, aux: self.aux });
    }
}

impl Outputs for Expr {
    fn collect(self, collector: &mut Collector) {
        collector.output(vec![self]);
    }
}

impl Outputs for Vec<Expr> {
    fn collect(self, collector: &mut Collector) {
        collector.output(self);
    }
}

impl<const N: usize> Outputs for [Expr; N] {
    fn collect(self, collector: &mut Collector) {
        collector.output(self.into());
    }
}

impl<R: Outputs> Outputs for (&str, R) {
    fn collect(self, collector: &mut Collector) {
        let outer = collector.name.replace(self.0.to_owned());
        self.1.collect(collector);
        collector.name = outer;
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

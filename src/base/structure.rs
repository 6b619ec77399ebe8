//! Numbers, arrays or handles that go together: a model's parameters as a struct of the user's own.

use super::path::{Path, Step};

/// A value that consists of leaves: numbers, arrays, or handles of a trace. The parameters of a model as a struct of one's own, for instance:
/// the struct is an input of a function ([`like`](crate::like)), what a closure returns ([`Outputs`](crate::graph::Outputs)), and what
/// [`Function::run`](crate::Function::run) takes and gives.
///
/// A struct that is generic in its leaves derives it:
///
/// ```
/// use wengert::{Function, Structure, like};
///
/// #[derive(Clone, Debug, PartialEq, Structure)]
/// struct Line<T> { slope: T, offset: T }
///
/// let line = Line { slope: 2.0, offset: 1.0 };
/// let error = Function::trace((("line", like(&line)), ["x", "y"]), |(line, [x, y])| {
///     ("error", (line.slope * x + line.offset - y).powi(2))
/// })?;
/// let step = error.wrt(["line"])?.value_and_grad()?;
/// let y = step.run((("line", &line), ("x", 10.0), ("y", 20.0)))?;
/// assert_eq!(y["error"].data(), [1.0]);
/// let gradient = y.like("d_line", &line)?;
/// assert_eq!(gradient, Line { slope: 20.0, offset: 2.0 });
/// assert_eq!(line.zip(&gradient, |p, d| p - 0.1 * d), Line { slope: 0.0, offset: 0.8 });
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// A struct of numbers is one input of so many numbers. A struct of arrays is an input for each of them, which is named by the path to it, and
/// the struct's name stands for all of them:
///
/// ```
/// use wengert::{Array, Expr, Function, Structure, like};
///
/// #[derive(Structure)]
/// struct Dense<T> { w: T, b: T }
///
/// #[derive(Structure)]
/// struct Net<T> {
///     layers: Vec<Dense<T>>,
///     /// Carried over as it is.
///     slope: f64,
/// }
///
/// let dense = |m, n| Dense { w: Array::full([m, n], 0.1), b: Array::full([n], 0.0) };
/// let mut net = Net { layers: vec![dense(2, 3), dense(3, 1)], slope: 0.5 };
/// let error = Function::trace((("net", like(&net)), "x[n,2]", "y[n,1]"), |(net, x, y)| {
///     let relu = |x: Expr| x.max(net.slope * x);
///     let last = net.layers.iter().fold(x, |x, layer| relu(x.matmul(layer.w) + layer.b));
///     ("error", (last - y).powi(2).mean(..))
/// })?;
/// assert_eq!(error.inputs()[1].name(), "net.layers[0].b");
/// let step = error.wrt(["net"])?.value_and_grad()?;
/// let (x, y) = (Array::from([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]]), [0.5, 1.0, 1.0]);
/// let mut errors = vec![];
/// for _ in 0..200 {
///     let results = step.run((("net", &net), ("x", &x), ("y", y)))?;
///     let gradient = results.like("d_net", &net)?;
///     net = net.zip(&gradient, |p, d| p.zip(d, |p, d| p - 0.1 * d));
///     errors.push(results.number("error")?);
/// }
/// assert!(errors[0] > 0.5 && errors[199] < 0.01, "{errors:?}");
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # What the derive takes
///
/// The last type parameter stands for the leaves, or the one that `#[structure(leaf = "T")]` on the struct names; it must not have bounds. A
/// field is `T`; an array, `Vec`, `Option`, `Box` or tuple of fields; a structure of its own, as `Dense<T>`; or has no `T` in its type, and is
/// cloned (`#[structure(skip)]` says so to the reader). Enums are refused: which leaves there are must not depend on the value.
///
/// # By hand
///
/// (A loop starts from it when it says so: [`IntoValues`](crate::graph::IntoValues).) It takes one method, which visits the leaves and puts the structure together from what comes out:
///
/// ```
/// use wengert::graph::Visit;
/// use wengert::Structure;
///
/// struct Line<T> { slope: T, offset: T }
///
/// impl<T> Structure for Line<T> {
///     type Leaf = T;
///     type With<U> = Line<U>;
///     fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a T, U>) -> Line<U> {
///         Line { slope: at.leaf("slope", &self.slope), offset: at.leaf("offset", &self.offset) }
///     }
/// }
///
/// struct Model<T> { lines: Vec<Line<T>>, weights: [T; 2] }
///
/// impl<T> Structure for Model<T> {
///     type Leaf = T;
///     type With<U> = Model<U>;
///     fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a T, U>) -> Model<U> {
///         Model {
///             lines: at.field("lines", &self.lines),
///             weights: at.at("weights").array(&self.weights, |at, weight| at.this(weight)),
///         }
///     }
/// }
///
/// let model = Model { lines: vec![Line { slope: 1.0, offset: 2.0 }], weights: [3.0, 4.0] };
/// assert_eq!(model.flatten(), [1.0, 2.0, 3.0, 4.0]);
/// assert_eq!(model.refill(&[9.0f32, 8.0, 7.0, 6.0]).lines[0].offset, 8.0);
/// assert_eq!(model.leaves()[1], ("lines[0].offset".into(), &2.0));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no structure of leaves",
    label = "neither a number, array or handle, nor a structure of them",
    note = "a struct that is generic in its leaves has `#[derive(Structure)]`; `Vec`, `[_; N]`, `Option` and `Box` of structures are structures"
)]
pub trait Structure {
    /// What it consists of.
    type Leaf;
    /// The same structure with other leaves.
    type With<U>;

    /// Visits every leaf, always in the same order, and puts the structure together again from what comes out.
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a Self::Leaf, U>) -> Self::With<U>;

    /// The structure with `f` of every leaf.
    fn map<U>(&self, mut f: impl FnMut(&Self::Leaf) -> U) -> Self::With<U> {
        self.visit(&mut Visit::new(&mut |_, leaf| f(leaf)))
    }

    /// The structure with `f` of every leaf and the one in its place in another structure.
    ///
    /// # Panics
    /// If the other one does not have as many leaves.
    #[track_caller]
    fn zip<O: Structure + ?Sized, U>(&self, other: &O, mut f: impl FnMut(&Self::Leaf, &O::Leaf) -> U) -> Self::With<U> {
        let others = references(other);
        assert_eq!(references(self).len(), others.len(), "zip needs structures of as many leaves");
        let mut others = others.into_iter();
        self.map(|leaf| f(leaf, others.next().expect("as many leaves")))
    }

    /// The leaves, in order.
    fn flatten(&self) -> Vec<Self::Leaf>
    where
        Self::Leaf: Clone,
    {
        references(self).into_iter().cloned().collect()
    }

    /// The same structure filled from `values`, in order.
    ///
    /// # Panics
    /// If there are fewer values than leaves.
    #[track_caller]
    fn refill<U: Clone>(&self, values: &[U]) -> Self::With<U> {
        assert!(references(self).len() <= values.len(), "refill needs a value for every leaf of the structure");
        let mut values = values.iter();
        self.map(|_| values.next().expect("a value for every leaf").clone())
    }

    /// The leaves with their names, in order. A name is the path to a leaf, as in `layers[0].b`.
    fn leaves(&self) -> Vec<(String, &Self::Leaf)> {
        let mut all = vec![];
        self.visit(&mut Visit::new(&mut |path, leaf| all.push((path.name(), leaf))));
        all
    }

    /// The leaves with their names, to write to.
    ///
    /// ```
    /// use wengert::Structure;
    ///
    /// #[derive(Structure)]
    /// struct Line<T> { slope: T, offset: T }
    ///
    /// let mut line = Line { slope: 2.0, offset: 1.0 };
    /// line.leaves_mut().into_iter().for_each(|(_, v)| *v *= 2.0);
    /// assert_eq!(line.flatten(), [4.0, 2.0]);
    /// ```
    fn leaves_mut(&mut self) -> Vec<(String, &mut Self::Leaf)>
    where
        Self: VisitMut,
    {
        let names: Vec<String> = self.leaves().into_iter().map(|(name, _)| name).collect();
        let mut names = names.into_iter();
        let mut all = vec![];
        self.visit_mut(&mut |leaf| all.push((names.next().expect("as many leaves as were visited"), leaf)));
        all
    }

    /// The numbers of a structure of arrays, a slice for each of them, as inputs of [`Compiled::call_into`](crate::Compiled::call_into).
    fn slices<T>(&self) -> Vec<&[T]>
    where
        Self::Leaf: AsRef<[T]>,
    {
        references(self).into_iter().map(AsRef::as_ref).collect()
    }

    /// The same to write to, as outputs of a call: those of a step that overwrites the structure where it is, for instance
    /// ([`Options::overwrite`](crate::Options::overwrite)).
    ///
    /// ```
    /// use wengert::{Array, Function, Options, Structure, like};
    ///
    /// #[derive(Structure)]
    /// struct Dense<T> { w: T, b: T }
    ///
    /// let mut net = Dense { w: Array::from([[0.5], [0.0]]), b: Array::from([0.0]) };
    /// let loss = Function::trace((("net", like(&net)), "x[n,2]", "y[n,1]"), |(net, x, y)| {
    ///     ("loss", (x.matmul(net.w) + net.b - y).powi(2).mean(..))
    /// })?;
    /// let step = loss.wrt(["net"])?.value_and_grad()?.then(|inputs, outputs| {
    ///     let (p, d) = (inputs.like("net", &net)?, outputs.like("d_net", &net)?);
    ///     Ok((("loss", outputs["loss"]), ("net'", p.zip(&d, |&p, &d| p - 0.1 * d))))
    /// })?;
    /// let step = step.compile_with(Options::new().overwrite([("net'", "net")]))?;
    /// let (x, y, mut loss) = ([0.0, 1.0, 1.0, 0.0, 1.0, 1.0], [0.0, 2.0, 1.0], [f64::NAN]);
    /// for _ in 0..2000 {
    ///     let mut outputs = vec![&mut loss[..]];
    ///     outputs.extend(net.slices_mut());
    ///     step.call_into(&[&x, &y], &mut outputs)?;
    /// }
    /// assert!(loss[0] < 1e-12 && (net.w.data()[0] - 1.0).abs() < 1e-6, "{loss:?}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    fn slices_mut<T>(&mut self) -> Vec<&mut [T]>
    where
        Self: VisitMut,
        Self::Leaf: AsMut<[T]>,
    {
        let mut all = vec![];
        self.visit_mut(&mut |leaf| all.push(leaf.as_mut()));
        all
    }
}

/// A structure whose leaves can be written to. `#[derive(Structure)]` implements it; a structure by hand has it where
/// [`Structure::leaves_mut`] or [`Structure::slices_mut`] are wanted of it.
///
/// ```
/// use wengert::graph::{Visit, VisitMut};
/// use wengert::Structure;
///
/// struct Line<T> { slope: T, offset: T }
/// # impl<T> Structure for Line<T> {
/// #     type Leaf = T;
/// #     type With<U> = Line<U>;
/// #     fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a T, U>) -> Line<U> {
/// #         Line { slope: at.leaf("slope", &self.slope), offset: at.leaf("offset", &self.offset) }
/// #     }
/// # }
///
/// impl<T> VisitMut for Line<T> {
///     fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut T)) {
///         each(&mut self.slope);
///         each(&mut self.offset);
///     }
/// }
/// let mut line = Line { slope: 2.0, offset: 1.0 };
/// *line.leaves_mut()[1].1 = 3.0;
/// assert_eq!(line.offset, 3.0);
/// ```
pub trait VisitMut: Structure {
    /// Passes every leaf, in the order of [`Structure::visit`].
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut Self::Leaf));
}

fn references<S: Structure + ?Sized>(structure: &S) -> Vec<&S::Leaf> {
    let mut all = vec![];
    structure.visit(&mut Visit::new(&mut |_, leaf| all.push(leaf)));
    all
}

/// A visit of a structure's leaves: where it is, and what it makes of a leaf. See [`Structure`].
pub struct Visit<'v, L, U> {
    path: Path<'v>,
    f: &'v mut dyn FnMut(&Path<'_>, L) -> U,
}

impl<'v, L, U> Visit<'v, L, U> {
    pub(crate) fn new(f: &'v mut dyn FnMut(&Path<'_>, L) -> U) -> Self {
        Visit { path: Path::default(), f }
    }

    /// The visit of a part: a field by its name, or an item by its number.
    pub fn at(&mut self, step: impl Into<Step>) -> Visit<'_, L, U> {
        Visit { path: self.path.then(step.into()), f: &mut *self.f }
    }

    /// What is made of the leaf that stands here.
    pub fn this(&mut self, leaf: L) -> U {
        (self.f)(&self.path, leaf)
    }

    /// What is made of the leaf that is the part.
    pub fn leaf(&mut self, step: impl Into<Step>, leaf: L) -> U {
        self.at(step).this(leaf)
    }
}

impl<'a, L, U> Visit<'_, &'a L, U> {
    /// What is made of a part that is a structure itself.
    pub fn field<S: Structure<Leaf = L> + ?Sized>(&mut self, step: impl Into<Step>, part: &'a S) -> S::With<U> {
        part.visit(&mut self.at(step))
    }

    /// What `each` makes of the items of an array that stands here.
    pub fn array<P, Q, const N: usize>(
        &mut self,
        items: &'a [P; N],
        mut each: impl FnMut(&mut Visit<'_, &'a L, U>, &'a P) -> Q,
    ) -> [Q; N] {
        let mut k = 0usize;
        items.each_ref().map(|item| {
            let made = each(&mut self.at(k), item);
            k += 1;
            made
        })
    }

    /// What `each` makes of the items of a list that stands here.
    pub fn list<P, Q>(&mut self, items: &'a [P], mut each: impl FnMut(&mut Visit<'_, &'a L, U>, &'a P) -> Q) -> Vec<Q> {
        items.iter().enumerate().map(|(k, item)| each(&mut self.at(k), item)).collect()
    }
}

/// A type that is a leaf itself: a number, a handle.
macro_rules! leaf {
    ($([$($parameters:tt)*] $L:ty;)*) => { $(
        impl<$($parameters)*> $crate::base::Structure for $L {
            type Leaf = $L;
            type With<U> = U;
            fn visit<'a, U>(&'a self, at: &mut $crate::base::Visit<'_, &'a $L, U>) -> U {
                at.this(self)
            }
        }
        impl<$($parameters)*> $crate::base::VisitMut for $L {
            fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut $L)) {
                each(self);
            }
        }
    )* };
}
pub(crate) use leaf;
leaf! { [] f64; [] f32; [] usize; [] u64; [] u32; [] i64; [] i32; }

impl<S: Structure, const N: usize> Structure for [S; N] {
    type Leaf = S::Leaf;
    type With<U> = [S::With<U>; N];
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        at.array(self, |at, item| item.visit(at))
    }
}

impl<S: VisitMut, const N: usize> VisitMut for [S; N] {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut S::Leaf)) {
        self.iter_mut().for_each(|item| item.visit_mut(each));
    }
}

impl<S: Structure> Structure for [S] {
    type Leaf = S::Leaf;
    type With<U> = Vec<S::With<U>>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        at.list(self, |at, item| item.visit(at))
    }
}

impl<S: VisitMut> VisitMut for [S] {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut S::Leaf)) {
        self.iter_mut().for_each(|item| item.visit_mut(each));
    }
}

impl<S: Structure> Structure for Vec<S> {
    type Leaf = S::Leaf;
    type With<U> = Vec<S::With<U>>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        self.as_slice().visit(at)
    }
}

impl<S: VisitMut> VisitMut for Vec<S> {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut S::Leaf)) {
        self.as_mut_slice().visit_mut(each);
    }
}

impl<S: Structure> Structure for Option<S> {
    type Leaf = S::Leaf;
    type With<U> = Option<S::With<U>>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        self.as_ref().map(|part| part.visit(at))
    }
}

impl<S: VisitMut> VisitMut for Option<S> {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut S::Leaf)) {
        self.iter_mut().for_each(|part| part.visit_mut(each));
    }
}

impl<S: Structure> Structure for Box<S> {
    type Leaf = S::Leaf;
    type With<U> = Box<S::With<U>>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        Box::new((**self).visit(at))
    }
}

impl<S: VisitMut> VisitMut for Box<S> {
    fn visit_mut<'a>(&'a mut self, each: &mut dyn FnMut(&'a mut S::Leaf)) {
        (**self).visit_mut(each);
    }
}

/// What is there by reference, as an argument.
impl<S: Structure + ?Sized> Structure for &S {
    type Leaf = S::Leaf;
    type With<U> = S::With<U>;
    fn visit<'a, U>(&'a self, at: &mut Visit<'_, &'a S::Leaf, U>) -> Self::With<U> {
        (**self).visit(at)
    }
}

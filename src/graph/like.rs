//! Structures as inputs of a function, and as results of a traced closure.

use super::handle::Expr;
use super::leaf::Leaf;
use super::signature::{Binder, Collector, Inputs, Outputs};
use super::trace::type_of;
use crate::base::{Axis, Shape};
use crate::base::{Structure, Visit};

/// See [`like`].
pub struct Like<'a, S: ?Sized>(&'a S);

/// Declares inputs with the structure of a sample, as in `("model", like(&model))`; the closure gets the same structure of handles. Only the
/// sample's structure and shapes count, not its numbers.
///
/// | sample | inputs |
/// |---|---|
/// | a [`Structure`] of numbers | one, of so many numbers |
/// | a [`Structure`] of arrays | one for each, of its shape, called by the path to it: `model.w`, `model.layers[0].b` |
///
/// ```
/// use wengert::{Array, Function, like};
/// let f = Function::trace(("p", like(&[0.0; 4])), |[a, b, c, d]| a * d - b * c)?;
/// assert_eq!(f.eval(&[1.0, 2.0, 3.0, 4.0])?, [-2.0]);
///
/// let weights = [Array::full([2, 3], 0.0), Array::full([3], 0.0)];
/// let f = Function::trace((("w", like(&weights)), "x[2]"), |([w, b], x)| x.matmul(w) + b)?;
/// assert_eq!(f.inputs()[1].name(), "w[1]");
/// # Ok::<(), wengert::Error>(())
/// ```
pub fn like<S: Structure<Leaf: Leaf> + ?Sized>(sample: &S) -> Like<'_, S> {
    Like(sample)
}

impl<S: Structure<Leaf: Leaf> + ?Sized> Inputs for (&str, Like<'_, S>) {
    type Args = S::With<Expr>;
    fn bind(self, binder: &mut Binder) -> S::With<Expr> {
        let (name, Like(sample)) = self;
        if !S::Leaf::IS_ARRAY {
            let mut len = 0;
            sample.map(|_| len += 1);
            return sample.refill(&binder.numbers(name, len));
        }
        sample.visit(&mut Visit::new(&mut |path, leaf| {
            let axes: Vec<Axis> = leaf.lengths().iter().map(|&n| Axis::Fixed(n)).collect();
            binder.array(path.under(name), Shape::new(&axes))
        }))
    }
}

impl<S: Structure<Leaf = Expr>> Outputs for S {
    fn collect(self, collector: &mut Collector) {
        let (mut all, mut is_flat) = (vec![], true);
        self.visit(&mut Visit::new(&mut |path, &leaf| {
            all.push(leaf);
            is_flat &= path.is_flat();
        }));
        if is_flat || all.iter().all(|&leaf| type_of(leaf).0 == Shape::SCALAR) {
            return collector.output(all);
        }
        // By itself, fields have their names, and items of a list are called as a result without a name is.
        let named = collector.name().map(str::to_owned);
        self.visit(&mut Visit::new(&mut |path, &leaf| {
            let name = match &named {
                Some(name) => path.under(name),
                None => Some(path.name()).filter(|name| !name.starts_with('[')).unwrap_or_else(|| path.under("y")),
            };
            (name.as_str(), leaf).collect(collector);
        }));
    }
}

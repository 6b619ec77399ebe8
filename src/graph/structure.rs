//! Parameters as a user's own struct.

/// A structure of numbers of type `T`, such as a model's parameters: one method says how to visit the numbers in order,
/// and flattening, refilling and tracing follow.
///
/// ```
/// use wengert::{like, Function, Structure};
///
/// #[derive(Clone)]
/// struct Line<T> { slope: T, offset: T }
///
/// impl<T> Structure<T> for Line<T> {
///     type With<U> = Line<U>;
///     fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Line<U> {
///         Line { slope: f(self.slope), offset: f(self.offset) }
///     }
/// }
///
/// let start = Line { slope: 2.0, offset: 1.0 };
/// let f = Function::trace((("line", like(&start)), "x"), |(line, x)| line.slope * x + line.offset)?;
/// assert_eq!(f.eval(&[2.0, 1.0, 10.0])?, [21.0]);
/// assert_eq!(start.flatten(), [2.0, 1.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// Structures nest: a field that is a structure is mapped by its own `map`, with the same `f`.
///
/// ```
/// use wengert::Structure;
/// # struct Line<T> { slope: T, offset: T }
/// # impl<T> Structure<T> for Line<T> {
/// #     type With<U> = Line<U>;
/// #     fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Line<U> {
/// #         Line { slope: f(self.slope), offset: f(self.offset) }
/// #     }
/// # }
/// struct Model<T> { lines: Vec<Line<T>>, weights: [T; 2], scale: T }
///
/// impl<T> Structure<T> for Model<T> {
///     type With<U> = Model<U>;
///     fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Model<U> {
///         Model {
///             lines: self.lines.into_iter().map(|line| line.map(f)).collect(),
///             weights: Structure::map(self.weights, f),
///             scale: f(self.scale),
///         }
///     }
/// }
///
/// let model = || Model { lines: vec![Line { slope: 1.0, offset: 2.0 }], weights: [3.0, 4.0], scale: 5.0 };
/// assert_eq!(model().flatten(), [1.0, 2.0, 3.0, 4.0, 5.0]);
/// assert_eq!(model().refill(&[9.0f32, 8.0, 7.0, 6.0, 5.0]).lines[0].offset, 8.0);
/// ```
pub trait Structure<T>: Sized {
    /// The same structure of other numbers.
    type With<U>;

    /// The structure with `f` applied to every number, always in the same order.
    fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Self::With<U>;

    /// The numbers, in order.
    fn flatten(self) -> Vec<T> {
        let mut all = Vec::new();
        self.map(&mut |x| all.push(x));
        all
    }

    /// The same structure filled from `values`, in order.
    ///
    /// # Panics
    /// If there are fewer values than numbers in the structure.
    fn refill<U: Copy>(self, values: &[U]) -> Self::With<U> {
        let mut values = values.iter().copied();
        self.map(&mut |_| values.next().expect("refill needs a value for every number of the structure"))
    }
}

impl<T, const N: usize> Structure<T> for [T; N] {
    type With<U> = [U; N];
    fn map<U>(self, f: &mut impl FnMut(T) -> U) -> [U; N] {
        <[T; N]>::map(self, f)
    }
}

impl<T> Structure<T> for Vec<T> {
    type With<U> = Vec<U>;
    fn map<U>(self, f: &mut impl FnMut(T) -> U) -> Vec<U> {
        self.into_iter().map(f).collect()
    }
}

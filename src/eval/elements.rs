//! What gives values: numbers and arrays, and lists of values.

use super::array::Array;
use super::named::{Argument, Arguments, Element, Given};
use crate::graph::Structure;
use crate::op::{Real, Scalar};
use std::borrow::Cow;

impl<T: Scalar, N: AsRef<str>, S: Structure<Leaf: Element<T>>> Argument<T> for (N, S) {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        to.named(self.0.as_ref(), &self.1);
    }
}

impl<T: Scalar, S: Structure<Leaf: Element<T>>> Argument<T> for S {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        to.next(self);
    }
}

impl<T: Scalar> Arguments<T> for () {
    fn give<'a>(&'a self, _: &mut Given<'a, T>) {}
}

impl<T: Scalar, A: Argument<T>> Arguments<T> for [A] {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        self.iter().for_each(|argument| argument.give(to));
    }
}

impl<T: Scalar, A: Argument<T>, const N: usize> Arguments<T> for [A; N] {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        self.as_slice().give(to);
    }
}

impl<T: Scalar, A: Argument<T>> Arguments<T> for Vec<A> {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        self.as_slice().give(to);
    }
}

impl<T: Scalar, A: Arguments<T> + ?Sized> Arguments<T> for &A {
    fn give<'a>(&'a self, to: &mut Given<'a, T>) {
        (**self).give(to);
    }
}

macro_rules! tuples {
    ($(($($A:ident)*))*) => { $(
        #[allow(non_snake_case, reason = "a value is called as its type is")]
        impl<T: Scalar, $($A: Argument<T>),*> Arguments<T> for ($($A,)*) {
            fn give<'a>(&'a self, to: &mut Given<'a, T>) {
                let ($($A,)*) = self;
                $($A.give(to);)*
            }
        }
    )* };
}
tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }
tuples! { (A B C D E F G H I) (A B C D E F G H I J) (A B C D E F G H I J K) (A B C D E F G H I J K L) }

macro_rules! numbers {
    ($($N:ty)*) => { $(
        impl Element<$N> for $N {
            const IS_ARRAY: bool = false;
            fn array(&self) -> Result<Cow<'_, Array<$N>>, String> {
                Ok(Cow::Owned(Array::scalar(*self)))
            }
            fn number(&self) -> Result<$N, String> {
                Ok(*self)
            }
        }
    )* };
}
numbers! { f64 f32 }

macro_rules! integers {
    ($($N:ty)*) => { $(
        impl<T: Scalar> Element<T> for $N {
            const IS_ARRAY: bool = false;
            fn array(&self) -> Result<Cow<'_, Array<T>>, String> {
                Ok(Cow::Owned(Array::scalar(self.number()?)))
            }
            fn number(&self) -> Result<T, String> {
                let v = <T as Real>::lit(*self as f64);
                if v.to_f64() as i128 == *self as i128 { Ok(v) } else { Err(format!("{self} is not exact in {}", T::WIDTH)) }
            }
        }

        impl<T: Scalar> Element<T> for Array<$N> {
            const IS_ARRAY: bool = true;
            fn array(&self) -> Result<Cow<'_, Array<T>>, String> {
                let data = self.data.iter().map(Element::number).collect::<Result<_, _>>()?;
                Ok(Cow::Owned(Array { shape: self.shape.clone(), data }))
            }
            fn number(&self) -> Result<T, String> {
                unreachable!("an array is no number")
            }
        }
    )* };
}
integers! { usize u64 u32 i64 i32 }

impl<T: Scalar> Element<T> for Array<T> {
    const IS_ARRAY: bool = true;
    fn array(&self) -> Result<Cow<'_, Array<T>>, String> {
        Ok(Cow::Borrowed(self))
    }
    fn number(&self) -> Result<T, String> {
        unreachable!("an array is no number")
    }
}

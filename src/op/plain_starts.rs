//! Plain numbers that loops start from, in any arithmetic.

use super::real::Real;
use super::values::IntoValues;

macro_rules! plain {
    ($($Plain:ty)*) => { $(
        impl<A: Real> IntoValues<A> for $Plain {
            type Values = A;
            #[inline(always)]
            fn into_values(self) -> A {
                A::lit(f64::from(self))
            }
        }
    )* };
}
plain! { f64 i32 }

//! The operators that follow from the plain ones.

/// Compound assignment, sums and products for a type with the plain operators.
macro_rules! derived_operators {
    ([$($generics:tt)*] $T:ty) => {
        $crate::op::derived_operators! { @assign [$($generics)*] $T, AddAssign add_assign + }
        $crate::op::derived_operators! { @assign [$($generics)*] $T, SubAssign sub_assign - }
        $crate::op::derived_operators! { @assign [$($generics)*] $T, MulAssign mul_assign * }
        $crate::op::derived_operators! { @assign [$($generics)*] $T, DivAssign div_assign / }
        $crate::op::derived_operators! { @assign [$($generics)*] $T, RemAssign rem_assign % }
        $crate::op::derived_operators! { @fold [$($generics)*] $T, Sum sum + 0.0 }
        $crate::op::derived_operators! { @fold [$($generics)*] $T, Product product * 1.0 }
    };
    (@assign [$($generics:tt)*] $T:ty, $Trait:ident $method:ident $op:tt) => {
        impl<$($generics)*> std::ops::$Trait for $T {
            #[inline(always)]
            #[track_caller]
            fn $method(&mut self, y: Self) {
                *self = *self $op y
            }
        }
    };
    (@fold [$($generics:tt)*] $T:ty, $Trait:ident $method:ident $op:tt $empty:literal) => {
        impl<$($generics)*> std::iter::$Trait for $T {
            #[inline]
            #[track_caller]
            #[allow(clippy::assign_op_pattern, reason = "the operator is a macro's argument")]
            fn $method<I: Iterator<Item = Self>>(mut items: I) -> Self {
                // From the first item on, not from the literal: −0 + 0 is +0.
                let Some(mut all) = items.next() else { return $crate::op::lit($empty) };
                for x in items {
                    all = all $op x;
                }
                all
            }
        }
        impl<'a, $($generics)*> std::iter::$Trait<&'a $T> for $T {
            #[inline]
            #[track_caller]
            fn $method<I: Iterator<Item = &'a $T>>(items: I) -> Self {
                items.copied().$method()
            }
        }
    };
}
pub(crate) use derived_operators;

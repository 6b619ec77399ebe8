//! What stands for values that could not be made.

use crate::op::{Real, Values};

/// Values in the place of those that could not be made, of which there is a sample. Only handles come here: among numbers an error ends the loop.
#[cold]
pub(super) fn nothing_like<A: Real, V: Values<A>>(like: &Option<V>) -> V {
    let like = like.as_ref().expect("what gives values has been traced");
    like.with(&mut std::iter::repeat(A::lit(f64::NAN)))
}

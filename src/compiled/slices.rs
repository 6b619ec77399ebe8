//! Lists of slices that a thread keeps, so that calls allocate none.

use crate::op::Scalar;
use std::any::Any;
use std::cell::RefCell;

/// Lists of slices: of inputs, and of outputs.
type Lists<T> = (Vec<&'static [T]>, Vec<&'static mut [T]>);

thread_local! {
    static LISTS: RefCell<(Lists<f64>, Lists<f32>)> = const { RefCell::new(((Vec::new(), Vec::new()), (Vec::new(), Vec::new()))) };
}

/// The lists of this type.
fn own<T: Scalar>(all: &mut (Lists<f64>, Lists<f32>)) -> Option<&mut Lists<T>> {
    let all: [&mut dyn Any; 2] = [&mut all.0, &mut all.1];
    all.into_iter().find_map(|lists| lists.downcast_mut())
}

/// Cuts all inputs, one after the other, and all outputs into slices of these lengths.
pub(super) fn with_slices<T: Scalar, R>(
    (x, y): (&[T], &mut [T]),
    (of_inputs, of_outputs): (impl Iterator<Item = usize>, impl Iterator<Item = usize>),
    f: impl FnOnce(&[&[T]], &mut [&mut [T]]) -> R,
) -> R {
    let (inputs, outputs) = LISTS.with_borrow_mut(|all| own(all).map(std::mem::take)).unwrap_or_default();
    let (mut inputs, mut outputs): (Vec<&[T]>, Vec<&mut [T]>) = (inputs, again_mut(outputs));
    let (mut x, mut y) = (x, y);
    for len in of_inputs {
        let slice;
        (slice, x) = x.split_at(len);
        inputs.push(slice);
    }
    for len in of_outputs {
        let slice;
        (slice, y) = std::mem::take(&mut y).split_at_mut(len);
        outputs.push(slice);
    }
    let result = f(&inputs, &mut outputs);
    let lists: Lists<T> = (again(inputs), again_mut(outputs));
    LISTS.with_borrow_mut(|all| own(all).map(|place| *place = lists));
    result
}

/// The same list, empty, for slices that live otherwise: the standard library collects into the memory that was there.
fn again<'a, T>(mut list: Vec<&[T]>) -> Vec<&'a [T]> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

/// As [`again`].
fn again_mut<'a, T>(mut list: Vec<&mut [T]>) -> Vec<&'a mut [T]> {
    list.clear();
    list.into_iter().map(|_| unreachable!("the list is empty")).collect()
}

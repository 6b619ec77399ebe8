//! Distances from exact values by the 113-bit arithmetic of the C library, which is quick enough for millions of numbers.

use std::{ffi::CString, sync::OnceLock};
use wengert::op::Op;

#[path = "../../benches/common/cc.rs"]
mod cc;

/// n, x, y, what was found, digits behind the first one, the exponent of the smallest normal number, the distances in ulps.
type Distances = unsafe extern "C" fn(i64, *const f64, *const f64, *const f64, i32, i32, *mut f64);

/// The distances of values of an operation from the exact ones, in units of the last place of the latter in a width of so many digits.
pub fn distances(op: Op, [x, y, found]: [&[f64]; 3], digits: i32, smallest: i32) -> Vec<f64> {
    static LIBRARY: OnceLock<cc::Library> = OnceLock::new();
    let compile = || cc::Library::compile("quad", include_str!("quad.c"), &["-O2"]).expect("cc, and a C library with _Float128");
    let name = CString::new(format!("quad_{}", op.name())).expect("a name has no zero");
    // SAFETY: the routines are of this type.
    let routine = unsafe { LIBRARY.get_or_init(compile).function::<Distances>(&name) }.expect("quad.c has the routine");
    let mut out = vec![0.0; x.len()];
    assert_eq!([y.len(), found.len()], [x.len(); 2]);
    // SAFETY: all slices have the same length.
    unsafe { routine(x.len() as i64, x.as_ptr(), y.as_ptr(), found.as_ptr(), digits, smallest, out.as_mut_ptr()) };
    out
}

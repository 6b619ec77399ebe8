//! How far sums of squares are good, and what moves elements there where they are not (J. L. Blue, 1978).

use super::Width;

/// The sums of squares whose roots are accurate, from `least` to `most`; and powers of 2 for the elements of smaller sums, and of larger ones.
#[derive(Copy, Clone)]
pub(crate) struct Window {
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) up: f64,
    pub(crate) down: f64,
}

impl Window {
    pub(crate) fn of(width: Width) -> Window {
        let power = |k: i32| 2f64.powi(k);
        match width {
            Width::F64 => Window { least: power(-900), most: power(900), up: power(600), down: power(-600) },
            Width::F32 => Window { least: power(-98), most: power(100), up: power(104), down: power(-80) },
        }
    }
}

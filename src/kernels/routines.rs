//! What native code may call. A routine has a number, for code that is being made, and a name, for code that is kept in a file: its
//! address is of one process only.

use super::{composed, library, records, types};
use crate::base::Width;
use std::sync::LazyLock;

/// A routine in one width.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Routine(u32);

struct Entry {
    name: &'static str,
    /// In `f64`, and in `f32`.
    addresses: [usize; 2],
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let fma = ("FMA", [fma as *const u8, fma_narrow as *const u8]);
    let all = library::libraries()
        .chain(composed::libraries())
        .chain(types::kernel_routines())
        .chain(types::slice_routines())
        .chain(types::companion_routines())
        .chain([fma])
        .chain([("GrowRecords", [records::grow as *const u8; 2]), ("GiveBackRecords", [records::give_back as *const u8; 2])])
        .chain([("StopLoop", [records::stop as *const u8; 2])]);
    all.map(|(name, addresses)| Entry { name, addresses: addresses.map(|address| address as usize) }).collect()
});

extern "C" fn fma(x: f64, y: f64, z: f64) -> f64 {
    x.mul_add(y, z)
}

extern "C" fn fma_narrow(x: f32, y: f32, z: f32) -> f32 {
    x.mul_add(y, z)
}

impl Routine {
    /// The routine of a name, that of a library or a kernel.
    pub(crate) fn new(name: &str, width: Width) -> Option<Routine> {
        let at = TABLE.iter().position(|entry| entry.name == name)? as u32;
        Some(Routine(2 * at + u32::from(width == Width::F32)))
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The routine of a number that [`Routine::number`] gave.
    pub(crate) fn of_number(number: u32) -> Option<Routine> {
        ((number as usize) < 2 * TABLE.len()).then_some(Routine(number))
    }

    /// Whether it makes room for records.
    pub(crate) fn grows_records(self) -> bool {
        TABLE[self.0 as usize / 2].name == "GrowRecords"
    }

    /// What it is called in files.
    pub(crate) fn name(self) -> String {
        let width = if self.0 & 1 == 1 { Width::F32 } else { Width::F64 };
        format!("{}.{width}", TABLE[self.0 as usize / 2].name)
    }

    /// The routine that is called this in a file.
    pub(crate) fn named(name: &str) -> Option<Routine> {
        let (name, width) = name.split_once('.')?;
        let width = [Width::F32, Width::F64].into_iter().find(|other| other.to_string() == width)?;
        Routine::new(name, width)
    }

    /// Where it is in this process.
    pub(crate) fn address(self) -> usize {
        TABLE[self.0 as usize / 2].addresses[self.0 as usize & 1]
    }
}

#[cfg(test)]
mod tests {
    use super::{Routine, TABLE};

    #[test]
    fn names_are_unique_and_read_back() {
        for number in 0..2 * TABLE.len() as u32 {
            let routine = Routine::of_number(number).unwrap();
            assert_eq!(Routine::named(&routine.name()), Some(routine));
            assert_ne!(routine.address(), 0);
        }
        assert_eq!(Routine::of_number(2 * TABLE.len() as u32), None);
        assert_eq!((Routine::named("Exp.f16"), Routine::named("nothing.f64"), Routine::named("Exp")), (None, None, None));
    }
}

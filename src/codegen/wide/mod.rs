//! Loops over rows in vectors of 512 or 256 bits, for x86-64 with AVX-512, or with AVX2 and fused multiply-add. (Cranelift's vectors have 128.)
//!
//! In: a unit for rows. Out: a function that does what Cranelift's does, to the bit. The values of operations and kernels come from the op table
//! over a [`Number`](number::Number), which makes a list; the list gets registers and instructions in one pass. So a loop is made in some ten
//! microseconds. In the same way straight-line code is made of units that are called once, in the first lane.

mod columns;
mod effects;
mod encode;
mod function;
mod isa;
mod list;
mod loops;
mod number;
mod pace;
mod record;
mod registers;
mod routines;
mod select;
mod straight;
mod sums;
#[cfg(test)]
mod tests;
mod text;

use super::memory::{Call, Object};
use crate::base::Width;
use crate::schedule::unit::Unit;
use cranelift_codegen::isa::{CallConv, TargetIsa};
use function::Made;
pub(super) use isa::Isa;

/// The function of a unit, and how many values found no register.
pub(super) struct Wide {
    pub(super) object: Object,
    pub(super) isa: Isa,
    pub(super) spilled: usize,
    /// Words of scratch memory that it needs beside what its unit does.
    pub(super) scratch: usize,
    /// Why it has no wider vectors, if the processor has them.
    pub(super) narrow: Option<&'static str>,
    /// Whether it is a loop over rows.
    pub(super) of_rows: bool,
    /// Where constants follow the instructions, and how many bytes each has.
    end: usize,
    constant: usize,
    width: Width,
}

impl Wide {
    fn new(made: Made, isa: Isa, unit: &Unit) -> Wide {
        let Made { bytes, end, constant, routines, spilled, scratch } = made;
        let calls = routines.into_iter().map(|(at, routine)| Call { at: at as u32, routine }).collect();
        let object = Object { bytes, functions: vec![(0, true)], calls };
        Wide {
            object,
            isa,
            spilled,
            scratch,
            narrow: None,
            of_rows: unit.rows.is_some(),
            end,
            constant,
            width: unit.program.width,
        }
    }

    pub(super) fn text(&self) -> String {
        let Object { bytes, calls, .. } = &self.object;
        text::text(self.isa, bytes, self.end, (self.width, self.constant), calls)
    }

    /// What the code is aligned to, as its constants are.
    pub(super) fn align(&self) -> usize {
        self.isa.vector() as usize
    }
}

/// The loop over rows of a unit, in the widest vectors of up to so many bits that the processor has.
///
/// # Errors
/// Why there is none.
pub(super) fn wide(unit: &Unit, processor: &dyn TargetIsa, bits: usize) -> Result<Wide, &'static str> {
    let (mut reason, mut narrow) = ("the options do not allow more", None);
    for isa in Isa::ALL.into_iter().filter(|isa| usize::from(isa.bits()) <= bits) {
        match with_registers(unit, processor, isa, isa.registers()) {
            Ok(wide) => return Ok(Wide { narrow, ..wide }),
            Err(other) => {
                reason = other;
                narrow = has_vectors(processor, isa).then_some(other);
            }
        }
    }
    Err(reason)
}

/// The same in some vectors, with fewer registers for values.
pub(super) fn with_registers(unit: &Unit, processor: &dyn TargetIsa, isa: Isa, registers: usize) -> Result<Wide, &'static str> {
    let Some(call) = &unit.rows else { return Err("it is no loop over rows") };
    if !has_vectors(processor, isa) {
        return Err(
            "the processor has no vectors of 256 bits with fused multiply-add, or the system calls functions in another way",
        );
    }
    Ok(Wide::new(function::function(isa, unit, call, registers)?, isa, unit))
}

/// Straight-line code of a unit that is called once.
///
/// # Errors
/// Why there is none.
pub(super) fn straight(unit: &Unit, processor: &dyn TargetIsa) -> Result<Wide, &'static str> {
    if unit.rows.is_some() || unit.program.flow.is_some() {
        return Err("it has loops");
    }
    if !has_vectors(processor, straight::ISA) {
        return Err("the processor has no fused multiply-add, or the system calls functions in another way");
    }
    Ok(Wide::new(straight::function(unit)?, straight::ISA, unit))
}

/// The most bits of the vectors that loops over rows have on a processor: Cranelift's, or ours.
pub(super) fn most_bits(processor: &dyn TargetIsa) -> u16 {
    Isa::ALL.into_iter().find(|&isa| has_vectors(processor, isa)).map_or(128, Isa::bits)
}

/// Whether a processor has such vectors. Cranelift asks it in a way that also asks whether the system keeps their registers.
fn has_vectors(processor: &dyn TargetIsa, isa: Isa) -> bool {
    let has = |name: &str| processor.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
    let wanted: &[&str] = match isa {
        Isa::Avx2 => &["has_avx2", "has_fma"],
        Isa::Avx512 => &["has_avx2", "has_fma", "has_avx512f", "has_avx512dq", "has_avx512vl"],
    };
    let calls = processor.name() == "x64" && processor.default_call_conv() == CallConv::SystemV;
    calls && wanted.iter().all(|name| has(name))
}

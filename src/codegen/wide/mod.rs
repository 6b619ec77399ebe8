//! Loops over rows in vectors of 256 bits, for x86-64 with AVX2 and fused multiply-add. (Cranelift's vectors have 128.)
//!
//! In: a unit for rows. Out: a function that does what Cranelift's does, to the bit. The values of operations and kernels come from the op table
//! over a [`Number`](number::Number), which makes a list; the list gets registers and instructions in one pass. So a loop is made in some ten
//! microseconds.

mod columns;
mod encode;
mod function;
mod list;
mod number;
mod record;
mod registers;
mod select;
#[cfg(test)]
mod tests;
mod text;

use super::memory::{Call, Object};
use crate::base::Width;
use crate::schedule::unit::Unit;
use cranelift_codegen::isa::{CallConv, TargetIsa};

/// What code is aligned to, as its constants are.
pub(super) const ALIGN: usize = encode::VECTOR as usize;

/// Bits of a vector.
pub(super) const BITS: u16 = 8 * encode::VECTOR as u16;

/// The function of a unit, and how many values found no register.
pub(super) struct Wide {
    pub(super) object: Object,
    pub(super) spilled: usize,
    /// Where constants follow the instructions.
    end: usize,
    width: Width,
}

impl Wide {
    pub(super) fn text(&self) -> String {
        let Object { bytes, calls, .. } = &self.object;
        text::text(bytes, self.end, self.width, calls)
    }
}

/// The loop over rows of a unit.
///
/// # Errors
/// Why there is none.
pub(super) fn wide(unit: &Unit, isa: &dyn TargetIsa) -> Result<Wide, &'static str> {
    with_registers(unit, isa, 16)
}

/// The same with fewer registers for values.
pub(super) fn with_registers(unit: &Unit, isa: &dyn TargetIsa, registers: usize) -> Result<Wide, &'static str> {
    let Some(call) = &unit.rows else { return Err("it is no loop over rows") };
    if !has_vectors(isa) {
        return Err(
            "the processor has no vectors of 256 bits with fused multiply-add, or the system calls functions in another way",
        );
    }
    if unit.needs.cut {
        return Err("its body is cut into several functions");
    }
    let made = function::function(unit, call, registers)?;
    let calls = made.routines.into_iter().map(|(at, routine)| Call { at: at as u32, routine }).collect();
    let object = Object { bytes: made.bytes, functions: vec![(0, true)], calls };
    Ok(Wide { object, spilled: made.spilled, end: made.end, width: unit.program.width })
}

/// The most bits of the vectors that loops over rows have on a processor: Cranelift's, or ours.
pub(super) fn most_bits(isa: &dyn TargetIsa) -> u16 {
    if has_vectors(isa) { BITS } else { 128 }
}

fn has_vectors(isa: &dyn TargetIsa) -> bool {
    let flag = |name: &str| isa.isa_flags().iter().any(|flag| flag.name == name && flag.as_bool() == Some(true));
    isa.name() == "x64" && isa.default_call_conv() == CallConv::SystemV && flag("has_avx2") && flag("has_fma")
}

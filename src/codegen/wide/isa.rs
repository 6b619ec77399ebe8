//! The vectors that a loop is made in.

/// Instructions on vectors of one width. What differs is said here and where it is encoded; the rest of the code that makes loops asks.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum Isa {
    /// 256 bits: AVX2 and fused multiply-add. A truth value is a vector, of all bits of a lane or none.
    Avx2,
    /// 512 bits: AVX-512 F, DQ and VL. A truth value is a register of masks, with a bit for a lane.
    Avx512,
}

impl Isa {
    /// The widest first.
    pub(in super::super) const ALL: [Isa; 2] = [Isa::Avx512, Isa::Avx2];

    /// Bytes of a vector.
    pub(in super::super) const fn vector(self) -> i32 {
        match self {
            Isa::Avx2 => 32,
            Isa::Avx512 => 64,
        }
    }

    pub(in super::super) const fn bits(self) -> u16 {
        8 * self.vector() as u16
    }

    /// How many vectors all partial sums of a sum are, which have 512 bits.
    pub(super) const fn partials(self) -> usize {
        64 / self.vector() as usize
    }

    /// How many registers of vectors there are.
    pub(in super::super) const fn registers(self) -> usize {
        match self {
            Isa::Avx2 => 16,
            Isa::Avx512 => 32,
        }
    }

    /// Whether truth values are in registers of masks.
    pub(super) const fn has_masks(self) -> bool {
        matches!(self, Isa::Avx512)
    }

    /// How encodings say the length of a vector.
    pub(super) const fn length(self) -> u8 {
        match self {
            Isa::Avx2 => 1,
            Isa::Avx512 => 2,
        }
    }
}

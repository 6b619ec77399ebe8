//! Pseudo-random numbers for tests.

/// A small generator (splitmix64, G. Steele, D. Lea and C. Flood, 2014).
pub(super) struct Rng(pub(super) u64);

impl Rng {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A number from −most to most.
    pub(super) fn within(&mut self, most: f64) -> f64 {
        2.0 * most * ((self.next() >> 11) as f64 / (1u64 << 53) as f64) - most
    }
}

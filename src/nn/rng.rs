//! Random numbers that can be drawn again.

use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::{Real, lit};

/// A generator of random numbers: SplitMix64 (G. Steele, D. Lea, C. Flood, 2014). Not for secrets.
///
/// The same seed gives the same bits on every platform and in every version of this crate. Numbers that take more than
/// integer arithmetic ([`Rng::normal`]) are made by routines of the `libm` crate, which have the same bits everywhere, too.
///
/// ```
/// use wengert::nn::Rng;
/// let mut rng = Rng::new(0);
/// assert_eq!(rng.bits(), 0xe220_a839_7b1d_cdaf);
/// let mut order = [0, 1, 2, 3, 4];
/// rng.shuffle(&mut order);
/// order.sort();
/// assert_eq!(order, [0, 1, 2, 3, 4]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator that starts from a seed.
    pub fn new(seed: u64) -> Self {
        Rng(seed)
    }

    /// The generator of a number of this one's family, whose numbers have nothing to do with each other's. This one stays as
    /// it is, so what is drawn in step 1,000 does not depend on what was drawn before.
    pub fn fork(&self, number: u64) -> Rng {
        Rng(mix(self.0 ^ mix(number.wrapping_add(GOLDEN))))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in [0, 1): a multiple of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform between `lo` and `hi`.
    pub fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.unit()
    }

    /// Normal, of mean 0 and deviation 1 (G. Box and M. Muller, 1958).
    pub fn normal(&mut self) -> f64 {
        // 1 − u lies in (0, 1], where the logarithm is finite.
        let radius = libm::log(1.0 - self.unit()) * -2.0;
        radius.sqrt() * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Shuffles, every order being equally likely (R. Fisher, F. Yates, 1938).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for k in (1..items.len()).rev() {
            // The product's high half is uniform on 0..=k up to one part in 2⁶⁴ / (k + 1).
            let pick = ((u128::from(self.bits()) * (k as u128 + 1)) >> 64) as usize;
            items.swap(k, pick);
        }
    }

    /// The factors of a dropout: 0 with the probability `rate`, else 1 / (1 − `rate`), so that the mean is 1 and nothing need
    /// be scaled where nothing is dropped. See [`nn::dropout`](super::dropout).
    ///
    /// # Errors
    /// If `rate` is not from 0 to below 1.
    #[track_caller]
    pub fn dropout<T: Real>(&mut self, len: usize, rate: f64) -> Result<Vec<T>> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::here(ErrorKind::Value, format!("a dropout rate is from 0 to below 1, not {rate}")));
        }
        let kept = lit(1.0 / (1.0 - rate));
        Ok((0..len).map(|_| if self.unit() < rate { lit(0.0) } else { kept }).collect())
    }
}

/// 2⁶⁴ divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

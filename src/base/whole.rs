//! Whole numbers in the place of floats: what indices are held as.

/// A float that can stand for a whole number.
pub trait Whole: Sized {
    /// A whole number in the place of a float, to the unit and in order: itself, and in `f32` beyond 2²⁴ the float that is so many floats
    /// beyond 2²⁴ as it is units. `None` if there is no such float.
    fn of_whole(n: i64) -> Option<Self>;
    /// The whole number in the place of a float; see [`Whole::of_whole`].
    fn whole(self) -> i64;
}

/// The bits of 2²⁴, up to which `f32` holds every whole number.
const FAR: u32 = 0x4b80_0000;

impl Whole for f32 {
    fn of_whole(n: i64) -> Option<f32> {
        let Some(beyond) = n.unsigned_abs().checked_sub(1 << 24) else { return Some(n as f32) };
        let most = f32::MAX.to_bits() - FAR;
        let beyond = u32::try_from(beyond).ok().filter(|&beyond| beyond <= most)?;
        Some(f32::from_bits(FAR + beyond).copysign(n as f32))
    }
    fn whole(self) -> i64 {
        let bits = self.abs().to_bits();
        match bits.checked_sub(FAR) {
            None => self as i64,
            Some(beyond) => (i64::from(beyond) + (1 << 24)) * if self < 0.0 { -1 } else { 1 },
        }
    }
}

impl Whole for f64 {
    fn of_whole(n: i64) -> Option<f64> {
        (n.unsigned_abs() <= 1 << 53).then_some(n as f64)
    }
    fn whole(self) -> i64 {
        self as i64
    }
}

#[cfg(test)]
mod tests {
    use super::Whole;

    #[test]
    fn whole_numbers_stand_in_floats_to_the_unit_and_in_order() {
        let far = 1i64 << 24;
        let numbers = [-far - 3, -far, -1, 0, 1, 7, far - 1, far, far + 1, far + 2, far + 3, 3 * far + 1, 889_192_447];
        let floats = numbers.map(|n| f32::of_whole(n).unwrap());
        assert_eq!(floats.map(Whole::whole), numbers);
        assert!(floats.is_sorted_by(|a, b| a < b));
        assert_eq!(numbers.map(|n| f64::of_whole(n).unwrap().whole()), numbers);
        assert_eq!((f32::of_whole(7), f32::of_whole(far)), (Some(7.0), Some(16_777_216.0)));
        assert_eq!((f32::of_whole(889_192_448), f64::of_whole((1 << 53) + 1)), (None, None));
    }
}

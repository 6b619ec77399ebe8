//! The order in which sums are added up: one for every axis, in the interpreter and in native code of any width.
//!
//! A sum has its summands in an order, k = 0, 1, 2, … Within a block of [`BLOCK`] summands, summand k is added to partial sum k mod
//! [`partials`] (8 in f64, 16 in f32), in the order of k. At the end of a block the partial sums are added up in halves, and the sums of the
//! blocks are added up in order, in twice the precision (see [`add_block`]): five million summands of f32 would lose two digits otherwise. Partial sums and sums start from −0, which leaves the first summand as it is (0 + −0 would not); a sum of nothing
//! is 0.
//!
//! A sum over axes of an array is, for every element of the result, such a sum along each *group* of axes, the last group first (see [`groups`]):
//! summed axes that are neighbours are one group, whose summands are in row-major order.
//!
//! So 512 bits have all partial sums of a sum, narrower vectors have some of them, threads compute blocks, tiles end where blocks do, and what a
//! sum is depends on the summands alone: not on the axis that they lie along, nor on a machine's lanes or threads, nor on what else is computed in
//! the loop.

use super::{Axis, Lanes, Machine, Shape, Width};
use std::ops::Range;

/// The most partial sums of a sum.
const MOST: usize = 16;

/// So many summands are added up before their sum is added to that of those before. (What ends a block costs as much as some ten of them.)
pub(crate) const BLOCK: usize = 1024;

/// How many partial sums there are: a vector of 512 bits.
pub(crate) fn partials(width: Width) -> usize {
    64 / width.bytes()
}

/// How many there are of such numbers.
fn parts<T: Lanes + Default>() -> usize {
    partials(if T::default().is_double() { Width::F64 } else { Width::F32 })
}

/// Partial sums in one: the second half is added to the first, until there is one.
pub(crate) fn halve<X: Copy>(parts: &mut [X], mut add: impl FnMut(X, X) -> X) -> X {
    let mut n = parts.len();
    while n > 1 {
        n /= 2;
        for k in 0..n {
            parts[k] = add(parts[k], parts[n + k]);
        }
    }
    parts[0]
}

/// Adds the sum of a block to that of the blocks before. What rounding loses is kept in `rest`, and added as soon as it counts, so that the sum is
/// that of all blocks with one rounding, nearly (Knuth, The Art of Computer Programming 2, §4.2.2, and Dekker 1971).
pub(crate) fn add_block<T: Machine>(sum: &mut T, rest: &mut T, block: T) {
    let next = *sum + block;
    let added = next - *sum;
    let lost = (*sum - (next - added)) + (block - added);
    let left = *rest + lost;
    let all = next + left;
    // Of an infinite sum nothing is left, and 0 would change the sign of a zero.
    let counts = left.abs().lt(left.k(f64::INFINITY)) & !left.eq(left.k(0.0));
    *sum = T::select(counts, all, next);
    *rest = T::select(counts, left - (all - next), left.k(0.0));
}

/// The groups of axes that a sum is over, each from its first axis to behind its last. Axes of the fixed length 1 between summed ones
/// do not separate them.
pub(crate) fn groups(shape: Shape, summed: &[usize]) -> Vec<Range<usize>> {
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut sorted = summed.to_vec();
    sorted.sort_unstable();
    for k in sorted {
        match groups.last_mut() {
            Some(group) if shape.axes()[group.end..k].iter().all(|axis| *axis == Axis::Fixed(1)) => group.end = k + 1,
            _ => groups.push(k..k + 1),
        }
    }
    groups
}

/// A sum of the summands that are added to it, in order.
#[derive(Copy, Clone)]
pub(crate) struct Sum<T> {
    /// Of the blocks that are full, and what rounding has lost of them.
    blocks: T,
    rest: T,
    parts: [T; MOST],
}

impl<T: Lanes + Default> Sum<T> {
    pub(crate) fn new() -> Self {
        let nothing = T::default().k(-0.0);
        Sum { blocks: nothing, rest: T::default(), parts: [nothing; MOST] }
    }

    pub(crate) fn add(&mut self, k: usize, v: T) {
        let part = self.part(k);
        *part = *part + v;
    }

    /// Adds x·y with one rounding.
    pub(crate) fn add_product(&mut self, k: usize, x: T, y: T) {
        let part = self.part(k);
        *part = x.fma(y, *part);
    }

    fn part(&mut self, k: usize) -> &mut T {
        if k > 0 && k.is_multiple_of(BLOCK) {
            self.end_block();
            self.parts = Sum::new().parts;
        }
        &mut self.parts[k % parts::<T>()]
    }

    fn end_block(&mut self) {
        let block = halve(&mut self.parts[..parts::<T>()], |a, b| a + b);
        add_block(&mut self.blocks, &mut self.rest, block);
    }

    pub(crate) fn total(mut self) -> T {
        self.end_block();
        self.blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2⁵³, from where on adding 1 changes nothing.
    const BIG: f64 = 9007199254740992.0;

    fn sum(summands: impl IntoIterator<Item = f64>) -> f64 {
        let mut sum = Sum::new();
        summands.into_iter().enumerate().for_each(|(k, v)| sum.add(k, v));
        sum.total()
    }

    #[test]
    fn summands_go_round_and_parts_are_halved() {
        // ((2⁵³ + 1) + −2⁵³) + (1 + 1): the ninth is lost in the first part.
        assert_eq!(sum([BIG, 1.0, 0.0, 0.0, -BIG, 1.0, 0.0, 0.0, 1.0]), 2.0);
        // The eighth goes with the fourth: 1 + 1 is not lost in 2⁵³, as each for itself would be.
        assert_eq!(sum([BIG, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]), BIG + 2.0);
        let mut names: Vec<String> = "abcdefgh".chars().map(String::from).collect();
        let mut order = Vec::new();
        let mut numbers: Vec<usize> = (0..8).collect();
        halve(&mut numbers, |a, b| {
            order.push(format!("{}+{}", names[a], names[b]));
            names[a] = format!("({}+{})", names[a], names[b]);
            a
        });
        assert_eq!(names[0], "(((a+e)+(c+g))+((b+f)+(d+h)))");
        assert_eq!(order.len(), 7);
    }

    #[test]
    fn there_are_sixteen_parts_in_f32() {
        // 2²⁴, from where on adding 1 changes nothing. The 17th summand goes with the first, and both of them with the ninth afterwards.
        let (big, mut sum) = (16777216.0f32, Sum::new());
        (0..17).for_each(|k| sum.add(k, if k == 8 { big } else { f32::from(u8::from(k % 16 == 0)) }));
        assert_eq!(sum.total(), big + 2.0);
    }

    #[test]
    fn blocks_are_added_in_order() {
        let mut sum = Sum::new();
        // 2⁵³ and then ones, of which each is lost unless they are added up among themselves first.
        sum.add(0, BIG);
        (BLOCK..3 * BLOCK).for_each(|row| sum.add(row, 1.0));
        assert_eq!(sum.total(), BIG + 2.0 * BLOCK as f64);
    }

    #[test]
    fn blocks_lose_nothing() {
        let mut sum = Sum::new();
        sum.add(0, BIG);
        // A one in each of many blocks: lost in 2⁵³ one by one, but not all of them.
        (1..=1000).for_each(|block| sum.add(block * BLOCK, 1.0));
        assert_eq!(sum.total(), BIG + 1000.0);
        let infinite = |last: f64| {
            let mut sum = Sum::new();
            sum.add(0, f64::INFINITY);
            sum.add(BLOCK, 1.0);
            sum.add(2 * BLOCK, last);
            sum.total()
        };
        assert_eq!(infinite(2.0), f64::INFINITY);
        assert!(infinite(f64::NEG_INFINITY).is_nan());
        let mut zeros = Sum::<f64>::new();
        (0..3 * BLOCK).for_each(|k| zeros.add(k, -0.0));
        assert_eq!(zeros.total().to_bits(), (-0.0f64).to_bits());
    }

    #[test]
    fn a_sum_starts_as_its_first_number() {
        let mut sum = Sum::<f32>::new();
        sum.add(0, -0.0);
        assert_eq!(sum.total().to_bits(), (-0.0f32).to_bits());
    }

    #[test]
    fn groups_end_at_axes_that_are_kept() {
        let groups = |axes: &[Axis], summed: &[usize]| {
            super::groups(Shape::new(axes), summed).into_iter().map(|group| (group.start, group.end)).collect::<Vec<_>>()
        };
        let (n, one, three) = (Axis::Open("n"), Axis::Fixed(1), Axis::Fixed(3));
        assert_eq!(groups(&[n, three], &[0, 1]), [(0, 2)]);
        assert_eq!(groups(&[n, three], &[1]), [(1, 2)]);
        assert_eq!(groups(&[n, three, n], &[0, 2]), [(0, 1), (2, 3)]);
        assert_eq!(groups(&[n, one, three], &[0, 2]), [(0, 3)]);
        assert_eq!(groups(&[n, three, one, n], &[3, 0, 2]), [(0, 1), (2, 4)]);
        assert_eq!(groups(&[one, n], &[0]), [(0, 1)]);
        assert!(groups(&[], &[]).is_empty());
    }
}

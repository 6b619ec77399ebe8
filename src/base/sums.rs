//! The order in which a sum over rows is added up, the same in the interpreter and in native code.
//!
//! Within a block of [`BLOCK`] rows, row k is added to partial sum k mod [`partials`], in the order of the rows; at the end of the block the
//! partial sums are added up in halves, and the sums of the blocks are added up in order. So a vector register has some of the
//! partial sums, threads compute blocks, and what a sum is depends on the rows alone: not on how many lanes or threads a machine has,
//! nor on what else is computed in the loop. Partial sums and sums start from −0, which leaves the first summand as it is (0 + −0 would
//! not).
//!
//! A sum over axes of an array has its rows along the *run*: the last axes, as long as they are summed over (or have the fixed
//! length 1). The sums of the blocks of all runs are added in order.

use super::{Axis, Lanes, Shape, Width};

/// The most partial sums of a sum.
const MOST: usize = 8;

/// So many rows are added up before their sum is added to that of the rows before. (What ends a block costs as much as some ten rows.)
pub(crate) const BLOCK: usize = 1024;

/// How many partial sums there are: two vectors of 128 bits.
pub(crate) fn partials(width: Width) -> usize {
    32 / width.bytes()
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

/// How many of a shape's last axes are the run of a sum over some axes.
pub(crate) fn run(shape: Shape, summed: &[usize]) -> usize {
    let axes = shape.axes().iter().enumerate().rev();
    axes.take_while(|&(k, axis)| summed.contains(&k) || *axis == Axis::Fixed(1)).count()
}

/// A sum over rows of numbers, which are added in order.
#[derive(Copy, Clone)]
pub(crate) struct Sum<T> {
    /// Of the blocks that are full.
    blocks: T,
    parts: [T; MOST],
}

impl<T: Lanes + Default> Sum<T> {
    pub(crate) fn new() -> Self {
        let nothing = T::default().k(-0.0);
        Sum { blocks: nothing, parts: [nothing; MOST] }
    }

    pub(crate) fn add(&mut self, row: usize, v: T) {
        let part = self.part(row);
        *part = *part + v;
    }

    /// Adds x·y with one rounding.
    pub(crate) fn add_product(&mut self, row: usize, x: T, y: T) {
        let part = self.part(row);
        *part = x.fma(y, *part);
    }

    fn part(&mut self, row: usize) -> &mut T {
        if row > 0 && row.is_multiple_of(BLOCK) {
            *self = Sum { blocks: self.total(), ..Sum::new() };
        }
        &mut self.parts[row % parts::<T>()]
    }

    pub(crate) fn total(mut self) -> T {
        self.blocks + halve(&mut self.parts[..parts::<T>()], |a, b| a + b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_round_and_parts_are_halved() {
        let mut sum = Sum::new();
        // Each addition is exact but for what is said: 2⁵³ + 1 is 2⁵³.
        let big = 9007199254740992.0;
        [big, 1.0, -big, 1.0, 1.0].into_iter().enumerate().for_each(|(k, v)| sum.add(k, v));
        // ((2⁵³ + 1) + −2⁵³) + (1 + 1): the fifth number is lost in the first part.
        assert_eq!(sum.total(), 2.0);
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
    fn blocks_are_added_in_order() {
        let mut sum = Sum::new();
        let big = 9007199254740992.0;
        // 2⁵³ and then ones, of which each is lost unless they are added up among themselves first.
        sum.add(0, big);
        (BLOCK..3 * BLOCK).for_each(|row| sum.add(row, 1.0));
        assert_eq!(sum.total(), big + 2.0 * BLOCK as f64);
    }

    #[test]
    fn a_sum_starts_as_its_first_number() {
        let mut sum = Sum::<f32>::new();
        sum.add(0, -0.0);
        assert_eq!(sum.total().to_bits(), (-0.0f32).to_bits());
    }

    #[test]
    fn runs_end_at_the_first_axis_that_is_kept() {
        let shape = |text: &[Axis]| Shape::new(text);
        let (n, one, three) = (Axis::Open("n"), Axis::Fixed(1), Axis::Fixed(3));
        assert_eq!(run(shape(&[n, three]), &[0, 1]), 2);
        assert_eq!(run(shape(&[n, three]), &[1]), 1);
        assert_eq!(run(shape(&[n, three]), &[0]), 0);
        assert_eq!(run(shape(&[n, one]), &[0]), 2);
        assert_eq!(run(shape(&[n, three, one, n]), &[0, 3]), 2);
        assert_eq!(run(shape(&[]), &[]), 0);
    }
}

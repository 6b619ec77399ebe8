//! The one order of sums, by its definition (docs/numerics.md).

use wengert::{Scalar, Width};

/// The sum of summands as it is defined: blocks of 1,024, in each of them 8 partial sums (16 in f32) which are halved, blocks in order.
pub fn summed<T: Scalar>(summands: &[T]) -> T {
    let every = if T::WIDTH == Width::F64 { 8 } else { 16 };
    let block = |summands: &[T]| {
        let part = |from: usize| summands.iter().skip(from).step_by(every).fold(T::lit(-0.0), |sum, &v| sum + v);
        let mut parts: Vec<T> = (0..every).map(part).collect();
        while parts.len() > 1 {
            let upper = parts.split_off(parts.len() / 2);
            parts.iter_mut().zip(upper).for_each(|(sum, v)| *sum += v);
        }
        parts[0]
    };
    in_order(summands.chunks(1024).map(block)).unwrap_or_default()
}

/// Sums of blocks in order. What rounding loses of one, which is a number itself, is added as soon as it counts.
fn in_order<T: Scalar>(blocks: impl Iterator<Item = T>) -> Option<T> {
    let (sum, _) = blocks.map(|block| (block, T::default())).reduce(|(sum, rest), (block, _)| {
        let next = sum + block;
        let [large, small] = if sum.to_f64().abs() < block.to_f64().abs() { [block, sum] } else { [sum, block] };
        let left = rest + (small - (next - large));
        if left == T::default() {
            return (next, left);
        }
        (next + left, left - ((next + left) - next))
    })?;
    Some(sum)
}

//! Steps of a block that are made before the others, so that numbers which are carried from turn to turn stay in registers.

use crate::op::Op;
use crate::schedule::flow::{Block, BlockStep};

/// Results that are sums of what the block is given alone and use up a number that is in a register: made first, they take its place, and steps that
/// need registers for a while find more of them free.
pub(super) fn early(block: &Block, is_in_register: impl Fn(u32) -> bool) -> Vec<usize> {
    let mut uses = vec![0u32; block.steps.len()];
    let read = block.steps.iter().flat_map(BlockStep::operands).chain(&block.results);
    read.for_each(|&step| uses[step as usize] += 1);
    let is_given = |step: u32| matches!(block.steps[step as usize], BlockStep::Given | BlockStep::Const(_));
    let is_used_up = |step: u32| uses[step as usize] == 1 && is_in_register(step);
    let is_sum = |step: &u32| match &block.steps[*step as usize] {
        BlockStep::Apply(Op::Add | Op::Sub, [a, b, _]) => is_given(*a) && is_given(*b) && (is_used_up(*a) || is_used_up(*b)),
        BlockStep::Apply(Op::MulAdd, [a, b, sum]) => [a, b, sum].into_iter().all(|v| is_given(*v)) && is_used_up(*sum),
        _ => false,
    };
    block.results.iter().filter(|step| is_sum(step)).map(|step| *step as usize).collect()
}

//! Running actions tile by tile.

use super::bodies::ActAll;
use super::call::Call;
use super::code::Code;
use super::scratch::with_tiles;
use super::threads;
use crate::error::{Error, Result};
use crate::op::Scalar;
use crate::schedule::ir::{Action, Tiles};
use std::sync::{Arc, OnceLock};

fn actions(tiles: &Tiles, tile: usize) -> &[Action] {
    tiles.rest.as_ref().filter(|_| tile + 1 == tiles.count).unwrap_or(&tiles.each)
}

/// Runs tile after tile, on several threads where the call has them.
pub(super) fn run<T: Scalar>(codes: &[Arc<Code>], tiles: &Tiles, call: &mut Call<T>, act_all: ActAll<T>) -> Result<()> {
    let words = tiles.table + (tiles.scratch * size_of::<T>()).div_ceil(8);
    let some = |range: std::ops::Range<usize>, call: &mut Call<T>| {
        with_tiles(words, |memory| {
            let mut call = call.of_tiles(memory.cast(), memory.wrapping_add(tiles.table).cast());
            for tile in range {
                call.tile = tile;
                act_all(codes, actions(tiles, tile), &mut call)?;
            }
            Ok(())
        })
    };
    if call.threads == 1 {
        return some(0..tiles.count, call);
    }
    let (threads, tasks) = (call.threads, tiles.count.min(8 * call.threads));
    let shared = call.share();
    let failed: OnceLock<Error> = OnceLock::new();
    threads::each(threads, tasks, |task| {
        let range = threads::share(tiles.count, 1, tasks, task);
        if let Err(error) = shared.lend(|call| some(range, call)) {
            // One of several will do.
            _ = failed.set(error);
        }
    });
    failed.into_inner().map_or(Ok(()), Err)
}

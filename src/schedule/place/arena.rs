//! Which part of a memory is taken, and by whom: the workspace that the values of a call share.

/// Elements that are reserved together: whole cache lines, so that neighbours do not share one.
const LINE: usize = 16;

/// A stretch of memory that is taken and given back in pieces, by elements. It grows as needed.
#[derive(Default)]
pub(super) struct Arena {
    /// What is free below the size: where, and how much, in order.
    free: Vec<(usize, usize)>,
    size: usize,
}

impl Arena {
    /// Elements up to the last one that was ever taken.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Takes room for `len` elements, from the smallest gap that has it.
    pub(super) fn take(&mut self, len: usize) -> usize {
        let room = len.next_multiple_of(LINE);
        let fits = |(_, (_, free)): &(usize, &(usize, usize))| *free >= room;
        let best = self.free.iter().enumerate().filter(fits).min_by_key(|(_, (_, free))| *free).map(|(k, _)| k);
        if let Some(k) = best {
            let (offset, free) = self.free[k];
            if free == room {
                self.free.remove(k);
            } else {
                self.free[k] = (offset + room, free - room);
            }
            return offset;
        }
        // The last gap may reach the end; then it is what grows.
        let offset = match self.free.last() {
            Some(&(offset, free)) if offset + free == self.size => {
                self.free.pop();
                offset
            }
            _ => self.size,
        };
        self.size = offset + room;
        offset
    }

    /// Gives room back.
    pub(super) fn give(&mut self, offset: usize, len: usize) {
        let room = len.next_multiple_of(LINE);
        if room == 0 {
            return;
        }
        let k = self.free.partition_point(|&(start, _)| start < offset);
        self.free.insert(k, (offset, room));
        let joins = |(a, b): ((usize, usize), (usize, usize))| a.0 + a.1 == b.0;
        if k + 1 < self.free.len() && joins((self.free[k], self.free[k + 1])) {
            self.free[k].1 += self.free.remove(k + 1).1;
        }
        if k > 0 && joins((self.free[k - 1], self.free[k])) {
            self.free[k - 1].1 += self.free.remove(k).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;
    use proptest::prelude::*;

    proptest! {
        /// What is taken does not overlap, and all of it given back is one gap.
        #[test]
        fn pieces_do_not_overlap(requests in prop::collection::vec((0usize..300, any::<prop::sample::Index>(), any::<bool>()), 1..60)) {
            let (mut arena, mut taken) = (Arena::default(), Vec::<(usize, usize)>::new());
            for (len, which, give) in requests {
                if give && !taken.is_empty() {
                    let (offset, len) = taken.swap_remove(which.index(taken.len()));
                    arena.give(offset, len);
                }
                let offset = arena.take(len);
                prop_assert!(offset + len <= arena.size());
                prop_assert!(taken.iter().all(|&(other, size)| offset + len <= other || other + size <= offset || len * size == 0));
                taken.push((offset, len));
            }
            taken.iter().for_each(|&(offset, len)| arena.give(offset, len));
            let size = arena.size();
            prop_assert_eq!(arena.take(size), 0);
            prop_assert_eq!(arena.size(), size);
        }
    }
}

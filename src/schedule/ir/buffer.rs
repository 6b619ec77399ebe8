//! The memory of a plan: stretches of it, and what they hold.

/// A stretch of memory, in elements.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Buffer {
    pub(crate) space: Space,
    pub(crate) offset: usize,
    pub(crate) len: usize,
    /// How far it moves from one tile to the next.
    pub(crate) step: usize,
    /// What is in there, or will be.
    pub(crate) value: ValueId,
}

impl Buffer {
    pub(crate) fn new(space: Space, offset: usize, len: usize, value: ValueId) -> Buffer {
        Buffer { space, offset, len, step: 0, value }
    }

    /// The elements from some element on.
    pub(crate) fn after(self, elements: usize) -> Buffer {
        // Of a buffer without elements nothing is read.
        Buffer { offset: self.offset + elements, len: self.len.saturating_sub(elements), ..self }
    }

    /// Whether it is the same memory, whatever is in there.
    pub(crate) fn is_at(self, other: Buffer) -> bool {
        (self.space, self.offset, self.len, self.step) == (other.space, other.offset, other.len, other.step)
    }

    /// The k-th of `n` equal parts.
    pub(crate) fn part(self, n: usize, k: usize) -> Buffer {
        let len = self.len / n.max(1);
        Buffer { offset: self.offset + k * len, len, ..self }
    }

    /// The same buffer with no element.
    pub(crate) fn empty(self) -> Buffer {
        Buffer { len: 0, ..self }
    }
}

/// Which of a plan's values some memory holds: the number of an overwritten input, behind these that of another input, behind these that of whatever is written.
/// A value that takes over the memory of another one has a number of its own, so that `verify` can tell them apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ValueId(pub(crate) u32);

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Space {
    /// The slice of an input.
    Input(usize),
    /// The slice of an output; before that is written, it has the input that it overwrites, if it does.
    Output(usize),
    /// The workspace.
    Scratch,
    /// What depends on no input and is kept with the plan.
    Kept,
    /// The memory of a tile, which each of the threads has for itself.
    Tile,
}

//! What can be wrong with a plan.

use crate::base::Width;
use crate::schedule::ir::{Buffer, Space, ValueId};
use std::fmt;

/// What is wrong, and with which action.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fault {
    /// The action, or those around it and then itself.
    at: Vec<String>,
    kind: Box<Kind>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A buffer ends behind its space, which has so many elements.
    Outside {
        buffer: Buffer,
        size: usize,
    },
    /// There is no such slice.
    NoSpace {
        buffer: Buffer,
    },
    /// An action reaches so many elements into a buffer.
    TooFar {
        buffer: Buffer,
        reach: usize,
    },
    /// A buffer has not as many elements as the action goes through.
    Length {
        buffer: Buffer,
        wanted: usize,
    },
    /// A unit, a body or a box of places takes another number of places or strides.
    Count {
        what: &'static str,
        given: usize,
        wanted: usize,
    },
    /// A unit is run as it cannot be.
    Unit(&'static str),
    /// The width of code is another one than the plan's.
    Width(Width),
    RowStride {
        buffer: Buffer,
        stride: usize,
        wanted: usize,
    },
    EmptyAxis,
    Unwritten {
        buffer: Buffer,
    },
    Dead {
        buffer: Buffer,
        held: ValueId,
        by: Option<usize>,
    },
    PartlyRead {
        buffer: Buffer,
    },
    /// An action writes where it reads or writes something else.
    Meets {
        buffer: Buffer,
        other: Buffer,
        written: bool,
    },
    NotInPlace {
        buffer: Buffer,
        over: Buffer,
    },
    ReadAgain {
        buffer: Buffer,
        over: Buffer,
    },
    InputWritten {
        buffer: Buffer,
    },
    KeptWritten {
        buffer: Buffer,
    },
    NotKept {
        buffer: Buffer,
    },
    Twice {
        buffer: Buffer,
    },
    /// An output that is no sum stays where it is along an axis.
    Stays {
        buffer: Buffer,
    },
    SharesMeet {
        buffer: Buffer,
    },
    TilesMeet {
        buffer: Buffer,
        other: Buffer,
    },
    TilesAdd {
        buffer: Buffer,
    },
    /// Tiles or operations with bodies within tiles.
    InTile,
    NoTile {
        buffer: Buffer,
    },
    Step {
        buffer: Buffer,
    },
    Table {
        wanted: usize,
        given: usize,
    },
    Unchecked {
        index: Buffer,
        len: usize,
    },
    /// The body of this number keeps values, or overwrites inputs.
    BodyKeeps(usize),
    BodyWork {
        body: usize,
        wanted: usize,
        given: usize,
    },
    BodyLength {
        body: usize,
        buffer: Buffer,
        wanted: usize,
    },
    NotWhole,
    TurnsMeet {
        buffer: Buffer,
        other: Buffer,
    },
    NeverWritten {
        buffer: Buffer,
    },
    PartlyWritten {
        buffer: Buffer,
    },
    Overwritten {
        buffer: Buffer,
        held: ValueId,
        by: Option<usize>,
    },
    Uncovered {
        space: Space,
        covered: usize,
        len: usize,
    },
}

impl Fault {
    pub(super) fn new(at: String, kind: Kind) -> Fault {
        Fault { at: vec![at], kind: Box::new(kind) }
    }

    /// The same as part of something else.
    pub(super) fn within(mut self, at: String) -> Fault {
        self.at.insert(0, at);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at.join(", "), self.kind)
    }
}

/// A buffer, as messages name it.
struct Named<'b>(&'b Buffer);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Buffer { space, offset, len, step, value } = *self.0;
        write!(f, "value {} in {}[{offset}..{}]", value.0, SpaceName(space), offset + len)?;
        if step > 0 { write!(f, " + {step} a tile") } else { Ok(()) }
    }
}

struct SpaceName(Space);

impl fmt::Display for SpaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Space::Input(k) => write!(f, "input {k}"),
            Space::Output(k) => write!(f, "output {k}"),
            Space::Scratch => f.write_str("the workspace"),
            Space::Kept => f.write_str("what is kept"),
            Space::Tile => f.write_str("a tile"),
        }
    }
}

/// Who wrote what is there.
struct Writer(Option<usize>);

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(action) => write!(f, "action {action} wrote"),
            None => f.write_str("is given"),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = Named;
        match self {
            Kind::Outside { buffer, size } => write!(f, "{} ends behind the {size} elements that are there", n(buffer)),
            Kind::NoSpace { buffer } => write!(f, "{} is in a slice that no call has", n(buffer)),
            Kind::TooFar { buffer, reach } => write!(f, "it reaches {reach} elements into {}", n(buffer)),
            Kind::Length { buffer, wanted } => write!(f, "it takes {wanted} elements of {}", n(buffer)),
            Kind::Count { what, given, wanted } => write!(f, "{given} {what} where there must be {wanted}"),
            Kind::Unit(why) => f.write_str(why),
            Kind::Width(width) => write!(f, "its elements are of the width {width}, which the plan's are not"),
            Kind::RowStride { buffer, stride, wanted } => {
                write!(f, "rows of {} are {stride} elements apart, and {wanted} to the code", n(buffer))
            }
            Kind::EmptyAxis => f.write_str("a loop over an axis of length 0 still runs once"),
            Kind::Unwritten { buffer } => write!(f, "it reads {} before that is written", n(buffer)),
            Kind::Dead { buffer, held, by } => {
                write!(f, "it reads {}, where value {} is by now, which {}", n(buffer), held.0, Writer(*by))
            }
            Kind::PartlyRead { buffer } => write!(f, "it reads {}, of which only a part is written", n(buffer)),
            Kind::Meets { buffer, other, written: false } => {
                write!(f, "it writes {} over {}, which it reads", n(buffer), n(other))
            }
            Kind::Meets { buffer, other, written: true } => {
                write!(f, "it writes both {} and {}, which overlap", n(buffer), n(other))
            }
            Kind::NotInPlace { buffer, over } => {
                write!(f, "it writes {} over {}, which is not read in the same places", n(buffer), n(over))
            }
            Kind::ReadAgain { buffer, over } => {
                write!(f, "it reads {} again after {} is written over it", n(over), n(buffer))
            }
            Kind::InputWritten { buffer } => write!(f, "it writes {}, an input", n(buffer)),
            Kind::KeptWritten { buffer } => write!(f, "a call writes {}, which all calls share", n(buffer)),
            Kind::NotKept { buffer } => write!(f, "what runs once for all calls has no {}", n(buffer)),
            Kind::Twice { buffer } => write!(f, "it writes {} a second time", n(buffer)),
            Kind::Stays { buffer } => write!(f, "it writes the same elements of {} at every index of an axis", n(buffer)),
            Kind::SharesMeet { buffer } => write!(f, "threads that share it out write the same elements of {}", n(buffer)),
            Kind::TilesMeet { buffer, other } => write!(f, "a tile writes {} where another one has {}", n(buffer), n(other)),
            Kind::TilesAdd { buffer } => write!(f, "tiles on several threads add to {}", n(buffer)),
            Kind::InTile => f.write_str("a tile has neither tiles nor operations with bodies"),
            Kind::NoTile { buffer } => write!(f, "there is no tile for {}", n(buffer)),
            Kind::Step { buffer } => write!(f, "{} moves, and belongs to one tile", n(buffer)),
            Kind::Table { wanted, given } => write!(f, "it takes {wanted} addresses, and there is room for {given}"),
            Kind::Unchecked { index, len } => write!(f, "the indices {} are not checked to be below {len}", n(index)),
            Kind::BodyKeeps(body) => write!(f, "body {body} keeps values or overwrites inputs, which only a whole function can"),
            Kind::BodyWork { body, wanted, given } => {
                write!(f, "body {body} needs a workspace of {wanted} elements, and has {given}")
            }
            Kind::BodyLength { body, buffer, wanted } => write!(f, "body {body} takes {wanted} elements for {}", n(buffer)),
            Kind::NotWhole => f.write_str("the step is not the one piece of code that it is said to be"),
            Kind::TurnsMeet { buffer, other } => {
                write!(f, "what is carried goes in turns to {} and {}, which overlap", n(buffer), n(other))
            }
            Kind::NeverWritten { buffer } => write!(f, "{} is never written", n(buffer)),
            Kind::PartlyWritten { buffer } => write!(f, "{} is written in part only", n(buffer)),
            Kind::Overwritten { buffer, held, by } => {
                write!(f, "{} is not there in the end: there is value {}, which {}", n(buffer), held.0, Writer(*by))
            }
            Kind::Uncovered { space, covered, len } => {
                write!(f, "the results cover {covered} of the {len} elements of {}", SpaceName(*space))
            }
        }
    }
}

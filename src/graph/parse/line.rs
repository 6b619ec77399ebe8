//! Where a text is read, and lines that are read in part.

use crate::base::Axis;
use crate::error::{Error, Kind as ErrorKind};
use crate::graph::model::{Control, Derivative, Function, States, Sweep};
use crate::graph::node::{NodeId, Port};

/// A line and a column, both from 1.
#[derive(Copy, Clone)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Position {
    pub(super) fn error(self, message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Parse, message).in_text(self.line, self.column)
    }
}

/// What a line with a result of an operation with bodies comes to.
pub(super) enum Found {
    /// A result of an operation that is known.
    Node(NodeId),
    /// An operation whose bodies follow.
    Bodies(Unfinished),
}

/// A line that is read up to its operation's bodies: its node, its result, and what the operation is besides.
pub(super) struct Unfinished {
    pub(super) id: (u32, Position),
    pub(super) port: Port,
    pub(super) at: Position,
    pub(super) head: Head,
}

/// An operation without its bodies.
pub(super) enum Head {
    Scan {
        carries: usize,
        xs: usize,
        length: Axis,
        reverse: bool,
        states: States,
    },
    While {
        carries: usize,
    },
    /// What each sweep carries.
    Sweeps(Vec<usize>),
    Rule {
        forward: bool,
    },
    Remat,
    Choice,
}

impl Unfinished {
    /// How many bodies follow.
    pub(super) fn bodies(&self) -> usize {
        match &self.head {
            Head::Scan { .. } | Head::Remat => 1,
            Head::Sweeps(carries) => 1 + carries.len(),
            Head::While { .. } | Head::Rule { .. } | Head::Choice => 2,
        }
    }
}

impl Head {
    pub(super) fn with(self, bodies: Vec<Function>) -> Control {
        let mut bodies = bodies.into_iter();
        let mut next = || bodies.next().expect("the bodies were counted");
        match self {
            Head::Scan { carries, xs, length, reverse, states } => {
                Control::Scan { body: next(), carries, xs, length, reverse, states }
            }
            Head::While { carries } => Control::While { condition: next(), body: next(), carries },
            Head::Sweeps(carries) => {
                let condition = next();
                Control::Sweeps {
                    condition,
                    sweeps: carries.into_iter().map(|carries| Sweep { body: next(), carries }).collect(),
                }
            }
            Head::Rule { forward } => {
                let (body, rule) = (next(), next());
                Control::Rule { body, rule: if forward { Derivative::Jvp(rule) } else { Derivative::Vjp(rule) } }
            }
            Head::Remat => Control::Remat { body: next() },
            Head::Choice => Control::Choice { bodies: [next(), next()] },
        }
    }
}

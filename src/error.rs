//! The one error type: what a user can cause comes back as an [`Error`], never as a panic.
//!
//! It is opaque so that kinds can be added; the predicates (`is_shape()`, …) are the stable way to branch on it, and the
//! message names the operation, the values or shapes, and, where it is known, the user's own source line.

use std::{fmt, panic::Location};

/// A line of the user's source.
pub(crate) type Caller = &'static Location<'static>;

/// The result of every fallible call of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Something the caller can put right.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: Kind,
    message: String,
    at: Option<Written>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    Length,
    Shape,
    Trace,
    Unsupported,
    Parse,
    Value,
    Limit,
    Native,
    Disagreement,
    File,
}

/// Where in the user's source something was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Code(Caller),
    Text { line: usize, column: usize },
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner { kind, message: message.into(), at: None }))
    }

    /// An error of the line that called.
    #[track_caller]
    pub(crate) fn here(kind: Kind, message: impl Into<String>) -> Self {
        Error::new(kind, message).at(Some(Location::caller()))
    }

    pub(crate) fn at(mut self, at: Option<Caller>) -> Self {
        self.0.at = at.map(Written::Code);
        self
    }

    /// The same, of a line where it has none yet.
    pub(crate) fn or_at(self, at: Option<Caller>) -> Self {
        if self.0.at.is_none() { self.at(at) } else { self }
    }

    pub(crate) fn in_text(mut self, line: usize, column: usize) -> Self {
        self.0.at = Some(Written::Text { line, column });
        self
    }

    /// An input or output name is unknown, missing or used twice.
    pub fn is_name(&self) -> bool {
        self.0.kind == Kind::Name
    }
    /// A slice is longer or shorter than the function's inputs or outputs.
    pub fn is_length(&self) -> bool {
        self.0.kind == Kind::Length
    }
    /// Shapes or kinds of values do not fit the operation.
    pub fn is_shape(&self) -> bool {
        self.0.kind == Kind::Shape
    }
    /// Handles of different traces were mixed, or an unknown was compared as if it were a number.
    pub fn is_trace(&self) -> bool {
        self.0.kind == Kind::Trace
    }
    /// The operation exists but not for this function (for instance the gradient of several outputs).
    pub fn is_unsupported(&self) -> bool {
        self.0.kind == Kind::Unsupported
    }
    /// Text does not parse; see [`Error::line_column`].
    pub fn is_parse(&self) -> bool {
        self.0.kind == Kind::Parse
    }
    /// A number is outside what is allowed (NaN in data, zero rows for a mean, …).
    pub fn is_value(&self) -> bool {
        self.0.kind == Kind::Value
    }
    /// A limit of size was reached.
    pub fn is_limit(&self) -> bool {
        self.0.kind == Kind::Limit
    }
    /// Native code could not be made on this machine.
    pub fn is_native(&self) -> bool {
        self.0.kind == Kind::Native
    }

    /// Modes of differentiation disagree; see [`check`](crate::check).
    pub fn is_disagreement(&self) -> bool {
        self.0.kind == Kind::Disagreement
    }

    /// A file cannot be read or written, or is not what it should be.
    pub fn is_file(&self) -> bool {
        self.0.kind == Kind::File
    }

    /// The user's source line that caused the error, where it is known.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        match self.0.at {
            Some(Written::Code(at)) => Some(at),
            _ => None,
        }
    }

    /// Line and column, both from 1, in a text that does not parse.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        match self.0.at {
            Some(Written::Text { line, column }) => Some((line, column)),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.at {
            Some(Written::Code(at)) => write!(f, "{} (at {}:{}:{})", self.0.message, at.file(), at.line(), at.column()),
            Some(Written::Text { line, column }) => {
                write!(f, "line {line}, column {column}: {}", self.0.message)
            }
            None => f.write_str(&self.0.message),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {self}", self.0.kind)
    }
}

impl std::error::Error for Error {}

/// `1 number`, `2 numbers`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// `, made at src/main.rs:4:9`, where that is known.
pub(crate) fn made(at: Option<Caller>) -> String {
    at.map_or_else(String::new, |at| format!(", made at {}:{}:{}", at.file(), at.line(), at.column()))
}

/// A name as errors give it: of a long one the beginning.
pub(crate) fn short(name: &str) -> String {
    const MOST: usize = 60;
    match name.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// `[n,3]`: a shape, of whose axes long names are cut as those of inputs are.
pub(crate) fn bracketed(axes: &[impl fmt::Display]) -> String {
    format!("[{}]", axes.iter().map(|axis| short(&axis.to_string())).collect::<Vec<_>>().join(","))
}

/// `x, w[3]`: names with how many elements each has; of many the first ones.
pub(crate) fn listed<S: AsRef<str>>(groups: &[(S, usize)]) -> String {
    let group = |(name, len): &(S, usize)| match len {
        1 => short(name.as_ref()),
        len => format!("{}[{len}]", short(name.as_ref())),
    };
    names(groups.iter().map(group))
}

/// Names in a list; of many the first ones.
pub(crate) fn names(all: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    const MOST: usize = 12;
    let more = all.len().saturating_sub(MOST);
    let mut names: Vec<String> = all.take(MOST).map(|name| short(name.as_ref())).collect();
    if more > 0 {
        names.push(format!("… {more} more"));
    }
    names.join(", ")
}

/// That a name is none of those known, which it may be meant to be.
#[track_caller]
pub(crate) fn unknown_name(what: &str, name: &str, known: &[&str]) -> Error {
    let close = known.iter().map(|other| (distance(name, other), other)).min().filter(|(d, _)| d * 2 < name.chars().count());
    let hint = close.map_or(String::new(), |(_, other)| format!(" (did you mean `{}`?)", short(other)));
    let plural = what.strip_suffix("is").map_or_else(|| format!("{what}s"), |stem| format!("{stem}es"));
    let known = if known.is_empty() { "there is none".into() } else { format!("the {plural} are {}", names(known.iter())) };
    Error::here(Kind::Name, format!("no {what} is named `{}`{hint}; {known}", short(name)))
}

/// How many letters to insert, remove or replace to make one text of another (V. Levenshtein, 1965).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.chars().count()]
}

//! The text form. In: a [`Function`]. Out: its text, one node a line, which the private module `parse` reads back to the
//! same nodes and the same bits. Source locations are not part of it.

use super::model::{Control, Function};
use super::node::NodeId;
use super::parse;
use super::view::{Kind, Nested};
use crate::base::Shape;
use crate::base::Width;
use crate::error::{Error, Result};
use crate::op::DType;
use std::{borrow::Cow, fmt, str::FromStr};

impl FromStr for Function {
    type Err = Error;
    fn from_str(text: &str) -> Result<Function> {
        parse::function(text)
    }
}

/// The text that [`Function::parse`] reads.
impl fmt::Display for Function {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(out, Piece::Function(self))
    }
}

/// What is to be written.
enum Piece<'f> {
    Function(&'f Function),
    /// The lines from a node on, and the end.
    Lines(&'f Function, usize),
    Line(&'f Function, NodeId),
    Operands(Operands<'f>),
    Text(&'static str),
}

/// Writes a piece, bodies in bodies without recursion: what is to follow waits.
fn write<'f>(out: &mut fmt::Formatter<'_>, piece: Piece<'f>) -> fmt::Result {
    let mut waiting = vec![piece];
    while let Some(piece) = waiting.pop() {
        match piece {
            Piece::Function(f) => {
                writeln!(out, "{} {{", Signature(f))?;
                waiting.push(Piece::Lines(f, f.input_len()));
            }
            Piece::Lines(f, from) if from == f.graph.len() => out.write_str("}")?,
            Piece::Lines(f, from) => {
                out.write_str("  ")?;
                waiting.extend([Piece::Lines(f, from + 1), Piece::Text("\n"), Piece::Line(f, NodeId::new(from))]);
            }
            Piece::Line(f, id) => line(out, f, id, &mut waiting)?,
            Piece::Operands(operands) => write!(out, "{operands}")?,
            Piece::Text(text) => out.write_str(text)?,
        }
    }
    Ok(())
}

/// Writes a node up to its operation's bodies, if it has any.
fn line<'f>(out: &mut fmt::Formatter<'_>, f: &'f Function, id: NodeId, waiting: &mut Vec<Piece<'f>>) -> fmt::Result {
    write!(out, "{id} = ")?;
    match f.graph.node(id).kind() {
        Kind::Input(slot) => write!(out, "input {slot}"),
        Kind::Const(bits) => write!(out, "const {}", Number(f64::from_bits(bits), f.width)),
        Kind::Flag(b) => write!(out, "flag {b}"),
        Kind::Apply(op) => write!(out, "{op}{}", Operands(f, id)),
        Kind::Array(op) => write!(out, "{op}{}", Operands(f, id)),
        Kind::Control(nested) => match first_of_same(f, id) {
            // The bodies were printed with the first result.
            Some(first) => write!(out, "{} of {first}", nested.port),
            None => {
                waiting.push(Piece::Operands(Operands(f, id)));
                bodies(nested.control, waiting);
                write!(out, "{} of {}", nested.port, **nested.control)
            }
        },
    }
}

/// The bodies of an operation wait to be written.
fn bodies<'f>(control: &'f Control, waiting: &mut Vec<Piece<'f>>) {
    for body in control.bodies().into_iter().rev() {
        waiting.extend([Piece::Text(" }"), Piece::Function(body), Piece::Text(" { ")]);
    }
}

/// The first line: width, inputs, outputs.
pub(crate) struct Signature<'f>(pub(crate) &'f Function);

impl fmt::Display for Signature<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let f = self.0;
        write!(out, "function {} (", f.width)?;
        for (k, input) in f.inputs.iter().enumerate() {
            let marker = if input.active { "" } else { "inactive " };
            let declared = match input.shape {
                Shape::SCALAR => quoted(&input.name).into_owned(),
                shape => format!("{}{shape}", quoted(&input.name)),
            };
            let kind = if input.dtype == DType::Index { " index" } else { "" };
            group(out, k, (marker, &declared, kind), input.batch, input.range().map(NodeId::new))?;
        }
        out.write_str(") -> (")?;
        for (k, output) in f.outputs.iter().enumerate() {
            group(
                out,
                k,
                (if output.aux { "aux " } else { "" }, &quoted(&output.name), ""),
                output.batch,
                output.nodes.iter().copied(),
            )?;
        }
        out.write_str(")")
    }
}

/// The text, as by `Display`.
impl fmt::Debug for Function {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// A name that could be read as one with a shape, as `layers[0]`, stands in quotes.
fn quoted(name: &str) -> Cow<'_, str> {
    if name.contains('[') { Cow::Owned(format!("\"{name}\"")) } else { Cow::Borrowed(name) }
}

fn group(
    out: &mut fmt::Formatter<'_>,
    at: usize,
    (marker, name, kind): (&str, &str, &str),
    batch: usize,
    ids: impl ExactSizeIterator<Item = NodeId>,
) -> fmt::Result {
    let comma = if at == 0 { "" } else { ", " };
    write!(out, "{comma}{marker}{name}")?;
    if ids.len() != 1 {
        write!(out, "[{}]", ids.len())?;
    }
    out.write_str(":")?;
    if batch > 0 {
        write!(out, " batch {batch}")?;
    }
    out.write_str(kind)?;
    for id in ids {
        write!(out, " {id}")?;
    }
    Ok(())
}

/// A node as its line.
pub(crate) struct Line<'f>(pub(crate) &'f Function, pub(crate) NodeId);

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(out, Piece::Line(self.0, self.1))
    }
}

/// The result, and the operation.
impl fmt::Display for Nested<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of {}", self.port, **self.control)?;
        let mut waiting = vec![];
        bodies(self.control, &mut waiting);
        while let Some(piece) = waiting.pop() {
            write(out, piece)?;
        }
        Ok(())
    }
}

/// The first node that is a result of the same operation on the same operands, if that is not this one.
fn first_of_same(f: &Function, id: NodeId) -> Option<NodeId> {
    let same = |other: &NodeId| match (f.graph.node(*other).kind(), f.graph.node(id).kind()) {
        (Kind::Control(a), Kind::Control(b)) => a.control == b.control && f.graph.operands(*other).eq(f.graph.operands(id)),
        _ => false,
    };
    f.graph.ids().take(id.index()).find(same)
}

struct Operands<'f>(&'f Function, NodeId);

impl fmt::Display for Operands<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, operand) in self.0.graph.operands(self.1).enumerate() {
            write!(out, "{} {operand}", if k == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

/// A constant: the shortest digits that give the same bits in its width.
struct Number(f64, Width);

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number(v, width) = *self;
        match width {
            _ if v.to_bits() == f64::NAN.to_bits() => out.write_str("nan"),
            _ if v.is_nan() => write!(out, "nan:{:016x}", v.to_bits()),
            Width::F64 => write!(out, "{v:?}"),
            Width::F32 => write!(out, "{:?}", v as f32),
        }
    }
}

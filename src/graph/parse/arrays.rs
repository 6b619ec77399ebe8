//! Reading what only arrays have: shapes, and the attributes of array operations.

use super::Parser;
use super::line::Position;
use crate::base::{Axis, Shape};
use crate::error::Result;
use crate::op::{ArrayOp, Cut};
use std::str::FromStr;

impl Parser<'_> {
    /// An array operation with its attributes, if the name is one's.
    pub(super) fn array_op(&mut self, name: &str) -> Result<Option<ArrayOp>> {
        Ok(Some(match name {
            "broadcast" => ArrayOp::Broadcast(self.shape()?),
            "reshape" => ArrayOp::Reshape(self.shape()?),
            "permute" => ArrayOp::Permute(self.numbers()?),
            "sum" => ArrayOp::Sum(self.numbers()?),
            "max_of" => ArrayOp::MaxOf(self.numbers()?),
            "min_of" => ArrayOp::MinOf(self.numbers()?),
            "norm" => ArrayOp::Norm(self.numbers()?),
            "prod" => ArrayOp::Prod(self.axis()?),
            "argmax" => ArrayOp::ArgMax(self.axis()?),
            "slice" => ArrayOp::Slice(self.cuts()?),
            "pad" => ArrayOp::Pad(self.shape()?, self.cuts()?),
            "concat" => ArrayOp::Concat(self.axis()?),
            "matmul" => ArrayOp::MatMul,
            "gather" => {
                let (axis, batch) = self.axis_and_batch()?;
                ArrayOp::Gather { axis, batch }
            }
            "scatter_add" => {
                let to = self.shape()?;
                let (axis, batch) = self.axis_and_batch()?;
                ArrayOp::ScatterAdd { to, axis, batch }
            }
            "cumsum" => {
                let (axis, reverse) = self.axis_and_way()?;
                ArrayOp::CumSum { axis, reverse }
            }
            "shift" => {
                let (axis, reverse) = self.axis_and_way()?;
                ArrayOp::Shift { axis, reverse }
            }
            "recur" => {
                let (axis, reverse) = self.axis_and_way()?;
                ArrayOp::Recur { axis, reverse }
            }
            "iota" => ArrayOp::Iota(self.shape()?, self.axis()?),
            "slope_of" => ArrayOp::SlopeOf,
            "solve" => ArrayOp::Solve,
            "solve_or_nan" => ArrayOp::SolveOrNan,
            "solve_triangular" => {
                self.symbol("[")?;
                let lower = match self.name("`lower` or `upper`")? {
                    ("lower", _) => true,
                    ("upper", _) => false,
                    (other, at) => return Err(at.error(format!("a triangle is `lower` or `upper`, not `{other}`"))),
                };
                self.symbol("]")?;
                ArrayOp::SolveTriangular { lower }
            }
            "inverse" => ArrayOp::Inverse,
            "det" => ArrayOp::Det,
            "log_det" => ArrayOp::LogDet,
            "cholesky" => ArrayOp::Cholesky,
            _ => return Ok(None),
        }))
    }

    /// `[n,64]`, if it is there, with the place of its first axis.
    pub(super) fn maybe_shape(&mut self) -> Result<Option<(Shape, Position)>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let at = self.here();
        let axes = self.list(Self::axis_length)?;
        let shape = Shape::new(&axes);
        shape.check_size().map_err(|reason| at.error(reason))?;
        Ok(Some((shape, at)))
    }

    /// A number, or a name for one.
    pub(super) fn axis_length(&mut self) -> Result<Axis> {
        match self.peek() {
            Some(c) if c.is_ascii_digit() => Ok(Axis::Fixed(self.integer("a length")?)),
            _ => Ok(Axis::from(self.name("a length")?.0)),
        }
    }

    fn shape(&mut self) -> Result<Shape> {
        match self.maybe_shape()? {
            Some((shape, _)) => Ok(shape),
            None => Err(self.expected("a shape as `[n,64]`")),
        }
    }

    /// Items up to a `]`, separated by commas.
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        if self.eat("]") {
            return Ok(items);
        }
        loop {
            items.push(item(self)?);
            if !self.eat(",") {
                self.symbol("]")?;
                return Ok(items);
            }
        }
    }

    pub(super) fn integer<N: FromStr>(&mut self, what: &str) -> Result<N> {
        let at = self.here();
        let sign = if self.eat("-") { "-" } else { "" };
        let digits = self.take(|c| c.is_ascii_digit());
        if digits.is_empty() {
            return Err(self.expected(what));
        }
        format!("{sign}{digits}").parse().map_err(|_| at.error(format!("`{sign}{digits}` is out of range for {what}")))
    }

    fn numbers(&mut self) -> Result<Vec<usize>> {
        self.symbol("[")?;
        self.list(|parser| parser.integer("an axis"))
    }

    fn axis(&mut self) -> Result<usize> {
        self.one("an axis")
    }

    /// `[3]`
    pub(super) fn one<N: FromStr>(&mut self, what: &str) -> Result<N> {
        self.symbol("[")?;
        let n = self.integer(what)?;
        self.symbol("]")?;
        Ok(n)
    }

    /// `[1,batch 2]`
    fn axis_and_batch(&mut self) -> Result<(usize, usize)> {
        self.symbol("[")?;
        let axis = self.integer("an axis")?;
        let mut batch = 0;
        if self.eat(",") {
            self.keyword("batch")?;
            batch = self.integer("a number of axes")?;
        }
        self.symbol("]")?;
        Ok((axis, batch))
    }

    /// `[1,reverse]`
    fn axis_and_way(&mut self) -> Result<(usize, bool)> {
        self.symbol("[")?;
        let axis = self.integer("an axis")?;
        let reverse = self.eat(",");
        if reverse {
            self.keyword("reverse")?;
        }
        self.symbol("]")?;
        Ok((axis, reverse))
    }

    /// `[:,1+2*3]`: all, or a first one, a step, and how many.
    fn cuts(&mut self) -> Result<Vec<Cut>> {
        self.symbol("[")?;
        self.list(|parser| {
            if parser.eat(":") {
                return Ok(Cut::All);
            }
            let start = parser.integer("the first index of a cut, or `:`")?;
            parser.symbol("+")?;
            let step = parser.integer("a step")?;
            parser.symbol("*")?;
            Ok(Cut::Range { start, step, len: parser.integer("how many")? })
        })
    }
}

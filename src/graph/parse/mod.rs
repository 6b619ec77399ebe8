//! The reader of the text form. In: text, any text. Out: a [`Function`], or an error with line and column; it never panics.
//!
//! Nodes are interned as they come, so the graph is as sound as a traced one: operands exist, fit, and precede their user.

mod arrays;
mod control;
mod line;

use self::line::{Found, Position, Unfinished};
use super::builder::Builder;
use super::control::DEPTH;
use super::model::{Function, InputGroup, OutputGroup};
use super::node::{Args, NodeId};
use super::view::Kind;
use crate::base::{Axis, Shape, Width, check_room};
use crate::error::{Error, Result};
use crate::op::{ArrayOp, DType, Op};
use std::collections::{HashMap, HashSet};

/// Reads a whole text.
pub(super) fn function(text: &str) -> Result<Function> {
    check_room()?;
    let mut parser = Parser { rest: text, at: Position { line: 1, column: 1 } };
    // Functions that are read, each in a body of the one before.
    let mut open = vec![Open::start(&mut parser)?];
    loop {
        let depth = open.len();
        let current = open.last_mut().expect("a function is read");
        let Some(f) = current.go_on(&mut parser)? else {
            if depth > DEPTH {
                return Err(parser.here().error(format!("more than {DEPTH} functions in each other")));
            }
            parser.symbol("{")?;
            open.push(Open::start(&mut parser)?);
            continue;
        };
        open.pop();
        match open.last_mut() {
            Some(around) => {
                parser.symbol("}")?;
                around.bodies.push(f);
            }
            None if parser.here_is_the_end() => return Ok(f),
            None => return Err(parser.here().error("more text after the function's closing `}`")),
        }
    }
}

/// A function of which the lines so far are read.
struct Open<'t> {
    nodes: Nodes,
    inputs: Vec<InputGroup>,
    results: Vec<Group<'t>>,
    result_at: Position,
    /// A line whose operation has bodies, and those that are read.
    line: Option<Unfinished>,
    bodies: Vec<Function>,
}

impl<'t> Open<'t> {
    /// Reads the first line.
    fn start(parser: &mut Parser<'t>) -> Result<Open<'t>> {
        parser.keyword("function")?;
        let width = match parser.name("a width, `f64` or `f32`")? {
            ("f64", _) => Width::F64,
            ("f32", _) => Width::F32,
            (other, at) => return Err(at.error(format!("`{other}` is no width; it is `f64` or `f32`"))),
        };
        let mut nodes = Nodes { width, builder: Builder::default(), known: HashMap::new() };
        let mut inputs = Vec::new();
        for group in parser.groups("inactive", "input")? {
            for &(id, at) in &group.ids {
                let node = nodes.builder.input(group.shape, group.dtype);
                nodes.define(id, at, node)?;
            }
            let input = InputGroup { len: group.ids.len(), ..InputGroup::value(group.name, group.shape, group.dtype) };
            group.check_batch(group.shape, "input")?;
            inputs.push(input.with_active(!group.marked).with_batch(group.batch.0));
        }
        parser.symbol("->")?;
        let result_at = parser.here();
        let results = parser.groups("aux", "output")?;
        parser.symbol("{")?;
        Ok(Open { nodes, inputs, results, result_at, line: None, bodies: vec![] })
    }

    /// Reads up to the function's end, and gives it, or up to where a body begins.
    fn go_on(&mut self, parser: &mut Parser) -> Result<Option<Function>> {
        loop {
            if let Some(line) = &self.line {
                if self.bodies.len() < line.bodies() {
                    return Ok(None);
                }
                let (line, bodies) = (self.line.take().expect("it is there"), std::mem::take(&mut self.bodies));
                self.nodes.finish(parser, line, bodies)?;
            }
            if parser.eat("}") {
                return self.finish().map(Some);
            }
            self.line = self.nodes.line(parser)?;
        }
    }

    fn finish(&mut self) -> Result<Function> {
        let nodes = &mut self.nodes;
        let mut outputs = Vec::new();
        for group in std::mem::take(&mut self.results) {
            let ids = group.ids.iter().map(|&(id, at)| nodes.result(id, at, group.name)).collect::<Result<Vec<_>>>()?;
            if let Some(&first) = ids.first() {
                group.check_batch(nodes.builder.graph().node(first).shape(), "output")?;
            }
            outputs.push(OutputGroup { aux: group.marked, batch: group.batch.0, ..OutputGroup::new(group.name, ids) });
        }
        let graph = std::mem::take(&mut nodes.builder).finish();
        let f = Function::assemble(graph, nodes.width, std::mem::take(&mut self.inputs), outputs);
        f.map_err(|error| self.result_at.error(error.to_string()))
    }
}

/// The nodes so far, by their ids in the text.
struct Nodes {
    width: Width,
    builder: Builder,
    known: HashMap<u32, NodeId>,
}

impl Nodes {
    fn define(&mut self, id: u32, at: Position, node: NodeId) -> Result<()> {
        match self.known.insert(id, node) {
            None => Ok(()),
            Some(_) => Err(at.error(format!("%{id} is defined twice"))),
        }
    }

    fn node(&self, id: u32, at: Position, user: impl Fn() -> String) -> Result<NodeId> {
        let undefined = || at.error(format!("{}: %{id} is not defined so far", user()));
        self.known.get(&id).copied().ok_or_else(undefined)
    }

    /// What an output has: a number or an index.
    fn result(&self, id: u32, at: Position, name: &str) -> Result<NodeId> {
        let user = || format!("output `{name}`");
        let node = self.node(id, at, user)?;
        match self.builder.graph().node(node).dtype() {
            DType::Index => Ok(node),
            _ => self.operand(id, at, DType::Float, user),
        }
    }

    fn operand(&self, id: u32, at: Position, wanted: DType, user: impl Fn() -> String) -> Result<NodeId> {
        let node = self.node(id, at, &user)?;
        let what = |dtype| match dtype {
            DType::Float => "a number",
            DType::Mask => "a mask",
            DType::Index => "an index",
        };
        let got = self.builder.graph().node(node).dtype();
        if got != wanted {
            return Err(at.error(format!("{}: %{id} is {}, not {}", user(), what(got), what(wanted))));
        }
        Ok(node)
    }

    /// `%5 = …`; what is read of it where bodies follow.
    fn line(&mut self, parser: &mut Parser) -> Result<Option<Unfinished>> {
        let (id, at) = parser.id()?;
        parser.symbol("=")?;
        let (word, at_word) = parser.name("an operation")?;
        let node = match (word, at_word) {
            ("const", _) => self.builder.intern(Kind::constant(parser.number(self.width)?), &[], None),
            ("flag", _) => match parser.name("`true` or `false`")? {
                ("true", _) => self.builder.intern(Kind::Flag(true), &[], None),
                ("false", _) => self.builder.intern(Kind::Flag(false), &[], None),
                (other, at) => return Err(at.error(format!("a flag is `true` or `false`, not `{other}`"))),
            },
            ("final" | "each" | "carried", _) if parser.peek() == Some('[') => {
                match self.nested(parser, (id, at), (word, at_word))? {
                    Found::Node(node) => node,
                    Found::Bodies(line) => return Ok(Some(line)),
                }
            }
            (name, at) => match parser.array_op(name)? {
                Some(op) => {
                    let args = self.array_operands(parser, &op, at)?;
                    self.builder.intern(Kind::Array(&op), &args, None)
                }
                None => {
                    let op = parser.op(name, at)?;
                    let args = self.operands(parser, op, at)?;
                    self.builder.intern(Kind::Apply(op), &args, None)
                }
            },
        };
        self.define(id, at, node)?;
        Ok(None)
    }

    fn operands(&self, parser: &mut Parser, op: Op, at: Position) -> Result<Args> {
        let ids = parser.ids()?;
        if ids.len() != op.arity() {
            let s = if op.arity() == 1 { "" } else { "s" };
            return Err(at.error(format!("{op} takes {} operand{s}, not {}", op.arity(), ids.len())));
        }
        let mut args = Args::new();
        let mut shape = None;
        for (&(id, at), &dtype) in ids.iter().zip(op.operands()) {
            let arg = self.operand(id, at, dtype, || op.to_string())?;
            let node = self.builder.graph().node(arg);
            if !node.kind().is_known() {
                let wanted = *shape.get_or_insert(node.shape());
                if node.shape() != wanted {
                    return Err(at.error(format!("{op}: %{id} has the shape {}, not {wanted}", node.shape())));
                }
            }
            args.push(arg);
        }
        Ok(args)
    }

    fn array_operands(&self, parser: &mut Parser, op: &ArrayOp, at: Position) -> Result<Args> {
        // What follows an operation without operands is the next node.
        let ids = if let ArrayOp::Iota(..) = op { vec![] } else { parser.ids()? };
        let args = ids.into_iter().map(|(id, at)| self.node(id, at, || op.name().into())).collect::<Result<Args>>()?;
        let fits = op.infer(&self.builder.graph().types(&args));
        fits.map_err(|reason| at.error(format!("{}: {reason}", op.name())))?;
        Ok(args)
    }
}

/// A named input or output.
struct Group<'t> {
    marked: bool,
    name: &'t str,
    /// Of each of its values, as is the kind.
    shape: Shape,
    dtype: DType,
    batch: (usize, Position),
    ids: Vec<(u32, Position)>,
}

impl Group<'_> {
    /// That its values, which have this shape, have as many axes as the batch.
    fn check_batch(&self, shape: Shape, what: &str) -> Result<()> {
        let (batch, at) = self.batch;
        if batch <= shape.rank() {
            return Ok(());
        }
        Err(at.error(format!("a batch of {batch} axes, and {what} `{}` has the shape {shape}", self.name)))
    }
}

/// What is left of the text.
struct Parser<'t> {
    rest: &'t str,
    at: Position,
}

impl<'t> Parser<'t> {
    /// Goes over the next `len` bytes.
    fn advance(&mut self, len: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(len);
        for c in taken.chars() {
            match c {
                '\n' => self.at = Position { line: self.at.line + 1, column: 1 },
                _ => self.at.column += 1,
            }
        }
        self.rest = rest;
        taken
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        self.advance(self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len()))
    }

    /// The place of what comes next, after white space and comments.
    fn here(&mut self) -> Position {
        self.take(char::is_whitespace);
        while self.rest.starts_with(';') {
            self.take(|c| c != '\n');
            self.take(char::is_whitespace);
        }
        self.at
    }

    fn here_is_the_end(&mut self) -> bool {
        self.here();
        self.rest.is_empty()
    }

    fn peek(&mut self) -> Option<char> {
        self.here();
        self.rest.chars().next()
    }

    fn eat(&mut self, symbol: &str) -> bool {
        self.here();
        let there = self.rest.starts_with(symbol);
        if there {
            self.advance(symbol.len());
        }
        there
    }

    fn expected(&mut self, what: &str) -> Error {
        let at = self.here();
        match self.rest.chars().next() {
            Some(c) => at.error(format!("expected {what}, found `{}`", c.escape_debug())),
            None => at.error(format!("expected {what}, found the end of the text")),
        }
    }

    fn symbol(&mut self, symbol: &str) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn keyword(&mut self, keyword: &str) -> Result<()> {
        let what = format!("`{keyword}`");
        match self.name(&what)? {
            (name, _) if name == keyword => Ok(()),
            (name, at) => Err(at.error(format!("expected {what}, found `{name}`"))),
        }
    }

    /// A name, by the rule for names of inputs and outputs.
    fn name(&mut self, what: &str) -> Result<(&'t str, Position)> {
        match self.peek() {
            Some(c) if c.is_alphabetic() || c == '_' => {
                let at = self.at;
                Ok((self.take(|c| c.is_alphanumeric() || "_'.".contains(c)), at))
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A name, or one in quotes: `"layers[0]"`.
    fn group_name(&mut self, what: &str) -> Result<(&'t str, Position)> {
        if self.peek() != Some('"') {
            return self.name(what);
        }
        let at = self.at;
        self.symbol("\"")?;
        let name = self.take(|c| !"\"\n".contains(c));
        self.symbol("\"")?;
        Ok((name, at))
    }

    /// `%5`
    fn id(&mut self) -> Result<(u32, Position)> {
        let at = self.here();
        if !self.eat("%") {
            return Err(self.expected("a node as `%5`"));
        }
        let digits = self.take(|c| c.is_ascii_digit());
        let id = digits.parse().map_err(|_| at.error(format!("`%{digits}` is no node id: `%` and a number below 2³²")))?;
        Ok((id, at))
    }

    /// `%1, %2`, or none.
    fn ids(&mut self) -> Result<Vec<(u32, Position)>> {
        let mut ids = Vec::new();
        if self.peek() == Some('%') {
            ids.push(self.id()?);
            while self.eat(",") {
                ids.push(self.id()?);
            }
        }
        Ok(ids)
    }

    /// `[-3]`, where it is there.
    fn bracketed<N: std::str::FromStr>(&mut self, what: &str) -> Result<Option<(N, Position)>> {
        if !self.eat("[") {
            return Ok(None);
        }
        let at = self.here();
        let digits = self.take(|c| c.is_ascii_digit() || "+-".contains(c));
        if digits.is_empty() {
            return Err(self.expected(what));
        }
        let n = digits.parse().map_err(|_| at.error(format!("`{digits}` is out of range for {what}")))?;
        self.symbol("]")?;
        Ok(Some((n, at)))
    }

    fn op(&mut self, name: &str, at: Position) -> Result<Op> {
        let parameter = self.bracketed("an integer parameter")?.map(|(n, _)| n);
        Op::parse(name, parameter).ok_or_else(|| match Op::ALL.iter().find(|op| op.name() == name) {
            None => at.error(format!("there is no operation `{name}`")),
            Some(op) if op.parameter().is_some() => at.error(format!("{name} needs a parameter, as `{op}`")),
            Some(_) => at.error(format!("{name} has no parameter")),
        })
    }

    fn number(&mut self, width: Width) -> Result<f64> {
        let at = self.here();
        let word = self.take(|c| c.is_ascii_alphanumeric() || "+-.:".contains(c));
        let v = match word {
            "" => return Err(self.expected("a number")),
            "inf" => f64::INFINITY,
            "-inf" => f64::NEG_INFINITY,
            "nan" => f64::NAN,
            _ => {
                let fail = || at.error(format!("`{word}` is not a number"));
                if let Some(bits) = word.strip_prefix("nan:") {
                    let v = u64::from_str_radix(bits, 16).map(f64::from_bits).map_err(|_| fail())?;
                    return if v.is_nan() { Ok(v) } else { Err(fail()) };
                }
                if !word.trim_start_matches(['+', '-']).starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                    return Err(fail());
                }
                // Straight to the width: over f64 it would be rounded twice.
                let v = match width {
                    Width::F64 => word.parse::<f64>().map_err(|_| fail())?,
                    Width::F32 => word.parse::<f32>().map_err(|_| fail())?.into(),
                };
                if v.is_infinite() {
                    return Err(at.error(format!("`{word}` is out of range for {width}; infinity is written `inf`")));
                }
                v
            }
        };
        Ok(v)
    }

    /// `(a: %0, marker x[2]: %1 %2, i[n]: index %3)`
    fn groups(&mut self, marker: &str, what: &str) -> Result<Vec<Group<'t>>> {
        let mut groups = Vec::new();
        let mut names = HashSet::new();
        self.symbol("(")?;
        if self.eat(")") {
            return Ok(groups);
        }
        loop {
            let (mut name, mut at) = self.group_name(&format!("the name of an {what}"))?;
            // The marker may also be a name: `aux: %3`.
            let marked = name == marker && self.peek().is_some_and(|c| c.is_alphabetic() || "_\"".contains(c));
            if marked {
                (name, at) = self.group_name("a name")?;
            }
            if !names.insert(name) {
                return Err(at.error(format!("two {what}s are named `{name}`")));
            }
            let brackets = [self.maybe_shape()?, self.maybe_shape()?];
            self.symbol(":")?;
            let mut batch = (0, self.here());
            if self.peek() == Some('b') {
                self.keyword("batch")?;
                batch = (0, self.here());
                batch.0 = self.integer("a number of axes")?;
            }
            let dtype = match self.peek() {
                Some('i') => {
                    self.keyword("index")?;
                    DType::Index
                }
                _ => DType::Float,
            };
            let mut ids = Vec::new();
            while self.peek() == Some('%') {
                ids.push(self.id()?);
            }
            // A shape, then a length; of one value there is no length, of numbers no shape.
            let (shape, len) = match brackets {
                [Some((shape, _)), None] if ids.len() == 1 && what == "input" => (shape, None),
                [Some(len), None] => (Shape::SCALAR, Some(len)),
                [shape, len] => (shape.map_or(Shape::SCALAR, |(shape, _)| shape), len),
            };
            let (wanted, at) = match len.map(|(len, at)| (len.axes(), at)) {
                None => (1, at),
                Some((&[Axis::Fixed(len)], at)) => (len, at),
                Some((_, at)) => return Err(at.error("expected a length")),
            };
            if ids.len() != wanted {
                return Err(at.error(format!("{what} `{name}` has length {wanted} but {} nodes", ids.len())));
            }
            groups.push(Group { marked, name, shape, dtype, batch, ids });
            if !self.eat(",") {
                self.symbol(")")?;
                return Ok(groups);
            }
        }
    }
}

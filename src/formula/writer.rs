//! The formula of a function, which reads back as the same: operation by operation, numbers with the digits that give their bits.

use super::names::{is_plain, parameter_place};
use super::parser::MOST_OPEN;
use super::signs::sign_of;
use crate::base::{Shape, Width};
use crate::error::{Error, Kind as ErrorKind, Result, short};
use crate::graph::{Function, Graph, InputGroup, Kind, NodeId};
use crate::op::{DType, Op};
use std::borrow::Cow;
use std::collections::HashSet;

/// So many characters a formula without names for parts may have, and one with them.
const LONGEST: [usize; 2] = [1 << 20, 1 << 24];
/// With names for parts, a part this deep gets one.
const DEEP: usize = 200;

/// How tightly what is written binds.
const LOOSEST: u8 = 0;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;
const POWER: u8 = 8;
const TIGHTEST: u8 = 9;

/// An input is numbers.
pub(super) fn check_input(group: &InputGroup) -> Result<()> {
    if group.shape() == Shape::SCALAR && group.dtype() == DType::Float {
        return Ok(());
    }
    let what = if group.dtype() == DType::Index { "index" } else { "array" };
    let message = format!("the input `{}` is an {what}, which a formula cannot say", short(group.name()));
    Err(Error::new(ErrorKind::Unsupported, message))
}

/// What is still to be written.
enum Piece {
    Text(Cow<'static, str>),
    /// A value, in brackets if it binds less tightly.
    Value(NodeId, u8),
    /// What a part's name stands for.
    Meaning(NodeId),
}

pub(super) fn write(f: &Function, named: bool) -> Result<String> {
    let writer = Writer::new(f, named)?;
    let mut pieces = vec![];
    for &id in &writer.bound {
        pieces.extend([Piece::Text(format!("{} = ", writer.name(id)).into()), Piece::Meaning(id), Piece::Text("; ".into())]);
    }
    let outputs = f.outputs();
    for (k, output) in outputs.iter().enumerate() {
        if output.nodes().is_empty() {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("the output `{}` has no number, which a formula cannot say", short(output.name())),
            ));
        }
        for (place, &id) in output.nodes().iter().enumerate() {
            if k + place > 0 {
                pieces.push(Piece::Text(", ".into()));
            }
            let place = if output.nodes().len() == 1 { String::new() } else { format!("[{place}]") };
            // A single result without a name is `y`.
            if outputs.len() > 1 || !place.is_empty() || output.name() != "y" {
                pieces.push(Piece::Text(format!("{}{place} = ", plain(output.name())).into()));
            }
            pieces.push(Piece::Value(id, LOOSEST));
        }
    }
    pieces.reverse();
    writer.written(pieces)
}

/// A name as a formula has it.
fn plain(name: &str) -> Cow<'_, str> {
    if is_plain(name) { name.into() } else { format!("\"{name}\"").into() }
}

struct Writer<'f> {
    f: &'f Function,
    graph: &'f Graph,
    named: bool,
    inputs: Vec<String>,
    /// The nodes that have a name, in order, and the number of each in that name.
    bound: Vec<NodeId>,
    numbers: Vec<Option<u32>>,
    stem: String,
    /// The nodes that depend on no input, which the reader may fold.
    known: Vec<bool>,
}

impl<'f> Writer<'f> {
    fn new(f: &'f Function, named: bool) -> Result<Writer<'f>> {
        let graph = f.graph();
        let mut inputs = vec![];
        for group in f.inputs() {
            check_input(group)?;
            let name = plain(group.name());
            inputs.extend((0..group.len()).map(|k| if group.len() == 1 { name.to_string() } else { format!("{name}[{k}]") }));
        }
        let mut taken: HashSet<&str> = f.inputs().iter().map(|group| group.name()).collect();
        taken.extend(f.outputs().iter().map(|output| output.name()));
        let free = |stem: &String| !taken.iter().any(|name| name.strip_prefix(stem.as_str()).is_some_and(is_number));
        let stem =
            std::iter::successors(Some("t".to_owned()), |stem| Some(format!("{stem}_"))).find(free).expect("a name is free");
        let mut known = vec![false; graph.len()];
        for id in graph.ids().skip(inputs.len()) {
            known[id.index()] = graph.operands(id).all(|operand| known[operand.index()]);
        }
        let mut writer = Writer { f, graph, named, inputs, bound: vec![], numbers: vec![None; graph.len()], stem, known };
        writer.choose_names()?;
        Ok(writer)
    }

    /// Checks that all can be said, and says which nodes get names.
    fn choose_names(&mut self) -> Result<()> {
        let (graph, live) = (self.graph, self.graph.reachable(self.f.output_nodes()));
        let mut uses = vec![0u32; graph.len()];
        for id in graph.ids().filter(|id| live[id.index()]) {
            graph.operands(id).for_each(|operand| uses[operand.index()] += 1);
        }
        self.f.output_nodes().for_each(|id| uses[id.index()] += 1);
        let mut depth = vec![0usize; graph.len()];
        for id in graph.ids().filter(|id| live[id.index()]) {
            let op = match graph.node(id).kind() {
                Kind::Apply(op) if graph.node(id).shape() == Shape::SCALAR => op,
                Kind::Input(_) | Kind::Const(_) | Kind::Flag(_) => continue,
                kind => return Err(unsayable(kind, graph.node(id).shape()).at(graph.node(id).location())),
            };
            let deep = self.operands(op, id).into_iter().enumerate().map(|(k, operand)| {
                let closed =
                    self.binds(operand) < self.demand(op, k, operand) || sign_of(op).is_none() && !matches!(op, Op::Powi(_));
                depth[operand.index()] + usize::from(closed) + usize::from(k > 0 || op.arity() == 1)
            });
            depth[id.index()] = deep.max().unwrap_or(0);
            if self.named && (uses[id.index()] > 1 || depth[id.index()] > DEEP) {
                self.bound.push(id);
                self.numbers[id.index()] = Some(self.bound.len() as u32);
                depth[id.index()] = 0;
            } else if depth[id.index()] >= MOST_OPEN {
                return Err(Error::new(
                    ErrorKind::Limit,
                    format!(
                        "the formula has more than {MOST_OPEN} brackets in each other; with `Formulas::named` parts get names"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn name(&self, id: NodeId) -> String {
        format!("{}{}", self.stem, self.numbers[id.index()].unwrap_or(0))
    }

    /// How tightly a value binds as it is written.
    fn binds(&self, id: NodeId) -> u8 {
        if self.numbers[id.index()].is_some() {
            return TIGHTEST;
        }
        match self.graph.node(id).kind() {
            Kind::Const(bits) if f64::from_bits(bits).is_sign_negative() && !f64::from_bits(bits).is_nan() => SIGN,
            Kind::Apply(op) => binds(op),
            _ => TIGHTEST,
        }
    }

    /// How tightly an operand must bind to stand without brackets. Behind a sign, `-2` stands in brackets.
    fn demand(&self, op: Op, k: usize, operand: NodeId) -> u8 {
        let demand = demands(op)[k];
        if k == 1 && sign_of(op).is_some() && self.binds(operand) == SIGN { demand.max(POWER) } else { demand }
    }

    fn written(&self, mut waiting: Vec<Piece>) -> Result<String> {
        let mut out = String::new();
        let longest = LONGEST[usize::from(self.named)];
        while let Some(piece) = waiting.pop() {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                Piece::Value(id, demand) if self.binds(id) < demand => {
                    out.push('(');
                    waiting.extend([Piece::Text(")".into()), Piece::Value(id, LOOSEST)]);
                }
                Piece::Value(id, _) if self.numbers[id.index()].is_some() => out.push_str(&self.name(id)),
                Piece::Value(id, _) | Piece::Meaning(id) => match self.graph.node(id).kind() {
                    Kind::Input(slot) => out.push_str(&self.inputs[slot as usize]),
                    Kind::Const(bits) => out.push_str(&number(f64::from_bits(bits), self.f.width())),
                    Kind::Flag(b) => out.push_str(if b { "true" } else { "false" }),
                    Kind::Apply(op) => self.operation(op, id, &mut waiting),
                    Kind::Array(_) | Kind::Control(_) => unreachable!("that all can be said was checked"),
                },
            }
            if out.len() > longest {
                let hint = if self.named { "" } else { "; with `Formulas::named` what is used again is written once" };
                return Err(Error::new(ErrorKind::Limit, format!("the formula has more than {longest} characters{hint}")));
            }
        }
        Ok(out)
    }

    /// The operands of a node as they are written. A number stands in front of a product, and behind elsewhere, where sides may be changed without
    /// changing a bit.
    fn operands(&self, op: Op, id: NodeId) -> Vec<NodeId> {
        let mut operands: Vec<NodeId> = self.graph.operands(id).collect();
        let is_number = |k: usize| operands.get(k).is_some_and(|&id| matches!(self.graph.node(id).kind(), Kind::Const(_)));
        if op == Op::Mul && is_number(1) || matches!(op, Op::Add | Op::Eq | Op::Ne) && is_number(0) {
            operands.swap(0, 1);
        }
        operands
    }

    fn operation(&self, op: Op, id: NodeId, waiting: &mut Vec<Piece>) {
        let operands = self.operands(op, id);
        let values: Vec<Piece> = operands.iter().enumerate().map(|(k, &id)| Piece::Value(id, self.demand(op, k, id))).collect();
        let text = |text: &'static str| Piece::Text(text.into());
        let mut pieces = vec![];
        match (op, sign_of(op)) {
            (Op::Powi(n), _) => {
                let n = if n < 0 { format!("^({n})") } else { format!("^{n}") };
                pieces.extend(values);
                pieces.push(Piece::Text(n.into()));
            }
            (Op::Not, _) => {
                pieces.push(text("not "));
                pieces.extend(values);
            }
            (Op::Neg, _) => {
                pieces.push(text("-"));
                pieces.extend(values);
            }
            (Op::Mul | Op::Div, Some(sign)) => {
                let mut values = values.into_iter();
                pieces.extend(values.next());
                pieces.push(text(sign));
                pieces.extend(values);
            }
            // A power of a number that is no whole one reads back as it is.
            (Op::Powf, _) if !self.could_be_whole(operands[1]) => {
                let tight = |id| Piece::Value(id, TIGHTEST);
                pieces.extend([tight(operands[0]), text("^"), tight(operands[1])]);
            }
            (_, Some(sign)) => {
                let mut values = values.into_iter();
                pieces.extend(values.next());
                pieces.push(Piece::Text(format!(" {sign} ").into()));
                pieces.extend(values);
            }
            (_, None) => {
                let name = if op == Op::Select { "if" } else { op.name() };
                pieces.push(Piece::Text(format!("{name}(").into()));
                let mut arguments: Vec<Piece> = values;
                if let (Some(place), Some(n)) = (parameter_place(op), op.parameter()) {
                    arguments.insert(place, Piece::Text(n.to_string().into()));
                }
                for (k, argument) in arguments.into_iter().enumerate() {
                    if k > 0 {
                        pieces.push(text(", "));
                    }
                    pieces.push(argument);
                }
                pieces.push(text(")"));
            }
        }
        waiting.extend(pieces.into_iter().rev());
    }

    /// Whether a value could be read as a whole number.
    fn could_be_whole(&self, id: NodeId) -> bool {
        match self.graph.node(id).kind() {
            Kind::Const(bits) => f64::from_bits(bits).fract() == 0.0,
            _ => self.known[id.index()],
        }
    }
}

fn is_number(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

fn binds(op: Op) -> u8 {
    match op {
        Op::Or => 1,
        Op::And => 2,
        Op::Not => 3,
        Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => COMPARISON,
        Op::Add | Op::Sub => SUM,
        Op::Mul | Op::Div | Op::Rem => PRODUCT,
        Op::Neg => SIGN,
        Op::Powi(_) => POWER,
        // Also a power that is written with a sign is in brackets inside of others.
        Op::Powf => POWER,
        _ => TIGHTEST,
    }
}

/// How tightly each operand must bind to stand without brackets.
fn demands(op: Op) -> [u8; 3] {
    match op {
        Op::Or => [1, 2, LOOSEST],
        Op::And => [2, 3, LOOSEST],
        Op::Not => [COMPARISON, LOOSEST, LOOSEST],
        Op::Lt | Op::Le | Op::Gt | Op::Ge | Op::Eq | Op::Ne => [SUM, SUM, LOOSEST],
        Op::Add | Op::Sub => [SUM, PRODUCT, LOOSEST],
        Op::Mul | Op::Div | Op::Rem => [PRODUCT, POWER, LOOSEST],
        Op::Neg => [POWER, LOOSEST, LOOSEST],
        Op::Powi(_) => [TIGHTEST, LOOSEST, LOOSEST],
        _ => [LOOSEST; 3],
    }
}

/// A number with the fewest digits that give the same bits in its width.
pub(super) fn number(v: f64, width: Width) -> String {
    if v.is_nan() {
        return "nan".into();
    }
    let digits = match width {
        Width::F64 => format!("{v:?}"),
        Width::F32 => format!("{:?}", v as f32),
    };
    digits.strip_suffix(".0").map_or(digits.clone(), str::to_owned)
}

pub(super) fn unsayable(kind: Kind, shape: Shape) -> Error {
    let message = match kind {
        Kind::Array(op) => format!("a formula cannot say `{}`, an operation on arrays", op.name()),
        Kind::Control(nested) => format!("a formula cannot say `{}`, an operation with bodies", nested.control.name()),
        Kind::Apply(op) => format!("a formula cannot say `{op}` of arrays, here of the shape {shape}"),
        _ => "a formula cannot say this".into(),
    };
    Error::new(ErrorKind::Unsupported, message)
}

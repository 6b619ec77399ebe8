//! Operations with bodies: a scan, a loop, a choice between two functions. A body is a [`Function`] of its own, compiled once
//! however often it runs.
//!
//! A node stands for one result of such an operation; nodes of one operation on the same operands are computed together.

use super::expr::Expr;
use super::function::{Function, InputGroup, NewOutput};
use super::node::Width;
use crate::error::Result;
use crate::op::{Axis, DType, Shape};
use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    panic::Location,
    sync::{LazyLock, Mutex, PoisonError},
};

/// An operation with bodies.
pub(crate) enum Control {
    /// Operands: what is carried at the start, what is read step by step along its first axis, what every step shares.
    /// The body takes a step of these; it gives what is carried on, and what is kept of every step.
    Scan {
        body: Function,
        carries: usize,
        xs: usize,
        length: Axis,
        /// Whether the last step comes first.
        reverse: bool,
    },
    /// Operands: what is carried at the start, what every step shares. Both bodies take these; the condition gives a number,
    /// which is not 0 as long as the body is to run, and the body gives what is carried on.
    While { condition: Function, body: Function, carries: usize },
    /// Operands: a number, and what both bodies take. The first body gives the results if the number is not 0, else the
    /// second.
    Choice { bodies: [Function; 2] },
}

/// Which result of an operation with bodies.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Port {
    /// What is carried, in the end; a result of a choice.
    Final(u32),
    /// What every step keeps, along a new first axis.
    Each(u32),
    /// What every step was given to carry on, along a new first axis.
    Carried(u32),
}

/// One result of an operation with bodies (a scan, a loop, a choice).
#[derive(Copy, Clone)]
pub struct Nested {
    pub(crate) control: &'static Control,
    pub(crate) port: Port,
}

impl PartialEq for Nested {
    fn eq(&self, other: &Nested) -> bool {
        std::ptr::eq(self.control, other.control) && self.port == other.port
    }
}

impl Eq for Nested {}

impl Hash for Nested {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.control, state);
        self.port.hash(state);
    }
}

pub(crate) type Type = (Shape, DType);

impl Control {
    /// The operation, stored once per process: equal ones are one, so that what is kept is bounded by the programs written.
    pub(crate) fn intern(self) -> &'static Control {
        static ALL: LazyLock<Mutex<HashMap<String, &'static Control>>> = LazyLock::new(Mutex::default);
        let mut key = self.to_string();
        for body in self.bodies() {
            body.inputs().iter().for_each(|group| key.push_str(&format!("{:?}", group.dtype())));
        }
        ALL.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert_with(|| Box::leak(Box::new(self)))
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Control::Scan { .. } => "scan",
            Control::While { .. } => "while",
            Control::Choice { .. } => "cond",
        }
    }

    pub(crate) fn bodies(&self) -> Vec<&Function> {
        match self {
            Control::Scan { body, .. } => vec![body],
            Control::While { condition, body, .. } => vec![condition, body],
            Control::Choice { bodies: [holds, fails] } => vec![holds, fails],
        }
    }

    /// The body whose inputs and outputs the operands and results are.
    pub(crate) fn body(&self) -> &Function {
        match self {
            Control::Scan { body, .. } | Control::While { body, .. } => body,
            Control::Choice { bodies } => &bodies[0],
        }
    }

    /// What the operands must be.
    pub(crate) fn operands(&self) -> Vec<Type> {
        let inputs = types_in(self.body());
        match self {
            Control::Scan { carries, xs, length, .. } => {
                let along = |(k, (shape, dtype)): (usize, Type)| match k {
                    k if (*carries..carries + xs).contains(&k) => (stacked(*length, shape), dtype),
                    _ => (shape, dtype),
                };
                inputs.into_iter().enumerate().map(along).collect()
            }
            Control::While { .. } => inputs,
            Control::Choice { .. } => [vec![(Shape::SCALAR, DType::Float)], inputs].concat(),
        }
    }

    /// What a result is; it exists.
    pub(crate) fn result(&self, port: Port) -> Type {
        let inputs = || types_in(self.body());
        let outputs = || types_out(self.body());
        match (self, port) {
            (Control::Scan { length, .. }, Port::Carried(k)) => {
                let (shape, dtype) = inputs()[k as usize];
                (stacked(*length, shape), dtype)
            }
            (Control::Scan { length, carries, .. }, Port::Each(k)) => {
                let (shape, dtype) = outputs()[carries + k as usize];
                (stacked(*length, shape), dtype)
            }
            (_, Port::Final(k)) => outputs()[k as usize],
            _ => unreachable!("{} has no {port:?}", self.name()),
        }
    }

    /// The result's type, or what is wrong with the operands.
    pub(crate) fn infer(&self, port: Port, given: &[Type]) -> std::result::Result<Type, String> {
        let wanted = self.operands();
        if wanted.len() != given.len() {
            return Err(format!("{} operands, not {}", given.len(), wanted.len()));
        }
        match wanted.iter().zip(given).find(|(wanted, given)| wanted != given) {
            Some(((shape, dtype), (other, kind))) => {
                Err(format!("an operand of the shape {other} ({kind:?}), where {shape} ({dtype:?}) is wanted"))
            }
            None => Ok(self.result(port)),
        }
    }

    /// Whether each carried value depends on the marked operands, which may be marks of anything that spreads; then, whether each
    /// output of the body does.
    pub(crate) fn flow(&self, marked: &[bool]) -> Flow {
        match self {
            Control::Choice { bodies } => {
                let [a, b] = bodies.each_ref().map(|body| depends(body, &marked[1..]));
                Flow { inputs: marked[1..].to_vec(), outputs: a.iter().zip(b).map(|(&a, b)| a || b).collect() }
            }
            Control::Scan { body, carries, .. } | Control::While { body, carries, .. } => {
                let mut inputs = marked.to_vec();
                loop {
                    let outputs = depends(body, &inputs);
                    let more = (0..*carries).filter(|&k| outputs[k] && !inputs[k]).collect::<Vec<_>>();
                    if more.is_empty() {
                        let outputs = outputs.iter().enumerate().map(|(k, &d)| d || k < *carries && inputs[k]).collect();
                        return Flow { inputs, outputs };
                    }
                    more.into_iter().for_each(|k| inputs[k] = true);
                }
            }
        }
    }
}

/// What marks reach: the inputs and outputs of a body.
pub(crate) struct Flow {
    pub(crate) inputs: Vec<bool>,
    pub(crate) outputs: Vec<bool>,
}

impl Flow {
    /// Whether a mark reaches a result.
    pub(crate) fn reaches(&self, control: &Control, port: Port) -> bool {
        match (control, port) {
            (_, Port::Final(k)) => self.outputs[k as usize],
            (Control::Scan { carries, .. }, Port::Each(k)) => self.outputs[carries + k as usize],
            (_, Port::Carried(k) | Port::Each(k)) => self.inputs[k as usize],
        }
    }
}

/// Which outputs depend on marked inputs.
fn depends(f: &Function, marked: &[bool]) -> Vec<bool> {
    let graph = f.graph();
    let mut reached = marked.to_vec();
    for id in graph.ids().skip(marked.len()) {
        reached.push(graph.operands(id).any(|operand| reached[operand.index()]));
    }
    f.output_nodes().map(|id| reached[id.index()]).collect()
}

/// A shape with an axis in front.
pub(crate) fn stacked(length: Axis, shape: Shape) -> Shape {
    Shape::new(&[&[length], shape.axes()].concat())
}

/// The types of a body's inputs.
pub(crate) fn types_in(body: &Function) -> Vec<Type> {
    body.inputs().iter().map(|group| (group.shape(), group.dtype())).collect()
}

/// The types of a body's outputs.
pub(crate) fn types_out(body: &Function) -> Vec<Type> {
    body.output_nodes().map(|id| (body.graph().node(id).shape(), body.graph().node(id).dtype())).collect()
}

/// A body of a transformation, with inputs of these types.
pub(crate) fn make_body(
    width: Width,
    types: &[Type],
    at: &'static Location<'static>,
    f: impl FnOnce(&[Expr]) -> Vec<Expr>,
) -> Result<Function> {
    let inputs = types.iter().enumerate().map(|(k, &(shape, dtype))| InputGroup::value(format!("a{k}"), shape, dtype));
    Function::build(width, inputs.collect(), at, |args| {
        let results = f(args).into_iter().enumerate();
        results.map(|(k, x)| NewOutput { name: format!("y{k}"), values: vec![x], aux: false }).collect()
    })
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Control::Scan { carries, xs, length, reverse, .. } => {
                write!(f, "scan[{carries},{xs},{length}{}]", if *reverse { ",reverse" } else { "" })?;
            }
            Control::While { carries, .. } => write!(f, "while[{carries}]")?,
            Control::Choice { .. } => f.write_str("cond")?,
        }
        for body in self.bodies() {
            write!(f, " {{ {body} }}")?;
        }
        Ok(())
    }
}

/// The result, and the operation.
impl fmt::Display for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Port::Final(k) => write!(f, "final[{k}] of ")?,
            Port::Each(k) => write!(f, "each[{k}] of ")?,
            Port::Carried(k) => write!(f, "carried[{k}] of ")?,
        }
        fmt::Display::fmt(self.control, f)
    }
}

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.control.name(), self.port)
    }
}

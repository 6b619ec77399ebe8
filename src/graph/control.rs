//! Operations with bodies: a scan, a loop, a choice between two functions. A body is a [`Function`] of its own, compiled once
//! however often it runs.
//!
//! A node stands for one result of such an operation; nodes of one operation on the same operands are computed together.

use super::expr::Expr;
use super::function::{Function, InputGroup, NewOutput};
use super::opaque::Opaque;
use crate::base::Width;
use crate::base::{Axis, Shape};
use crate::error::Result;
use crate::op::DType;
use rustc_hash::FxHasher;
use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    panic::Location,
    sync::Arc,
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
    /// Operands: what the body takes. The body gives the results; derivatives are the rule's.
    Rule { body: Function, rule: Derivative },
    /// Operands: what the body takes. The body gives the results; reverse mode keeps the operands only, and runs it again.
    Remat { body: Function },
    /// Operands: what the function takes. The body stands for it where only the types count, and is never run.
    Opaque { call: Opaque, body: Function },
}

/// A derivative that the user gives, as a function of traced operations.
pub(crate) enum Derivative {
    /// Of the inputs, the results and the tangents of inputs that are numbers: the tangents of results that are.
    Jvp(Function),
    /// Of the inputs, the results and the cotangents of results that are numbers: the adjoints of inputs that are numbers.
    Vjp(Function),
}

impl Derivative {
    pub(crate) fn function(&self) -> &Function {
        match self {
            Derivative::Jvp(f) | Derivative::Vjp(f) => f,
        }
    }
}

/// A rule in the other direction, which whoever differentiates knows how to make: of a jvp (x, y, c) ↦ adjoints of x; of a vjp
/// (x, y, t) ↦ tangents of y. Evaluation asks for it where a rule goes backward and numbers go forward.
pub(crate) trait Transpose {
    /// `body` is the function whose derivative this is.
    fn transposed(&self, body: &Function) -> Function;
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

/// An operation with bodies, shared by the graphs that have it. Equal ones are those that do the same: in a graph there is one of them.
#[derive(Clone)]
pub(crate) struct SharedControl(Arc<Summed>);

/// With a hash of what it does, so that bodies are compared with few others.
struct Summed {
    digest: u64,
    control: Control,
}

impl From<Control> for SharedControl {
    fn from(control: Control) -> Self {
        let mut hasher = FxHasher::default();
        control.digest(&mut hasher);
        SharedControl(Arc::new(Summed { digest: hasher.finish(), control }))
    }
}

impl Deref for SharedControl {
    type Target = Control;
    fn deref(&self) -> &Control {
        &self.0.control
    }
}

impl PartialEq for SharedControl {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.digest == other.0.digest && self.same(other)
    }
}

impl Eq for SharedControl {}

impl Hash for SharedControl {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.digest.hash(state);
    }
}

/// One result of an operation with bodies (a scan, a loop, a choice), which a graph lends.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub struct Nested<'g> {
    pub(crate) control: &'g SharedControl,
    pub(crate) port: Port,
}

/// One result of an operation with bodies, by itself: what `Real::nested` takes.
pub(crate) struct NestedOp {
    pub(crate) control: SharedControl,
    pub(crate) port: Port,
}

pub(crate) type Type = (Shape, DType);

impl Control {
    /// What it is besides its bodies.
    fn attributes(&self) -> impl Eq + Hash + use<> {
        let numbers = match *self {
            Control::Scan { carries, xs, length, reverse, .. } => (carries, xs, Some(length), reverse),
            Control::While { carries, .. } => (carries, 0, None, false),
            Control::Rule { ref rule, .. } => (0, 0, None, matches!(rule, Derivative::Vjp(_))),
            Control::Choice { .. } | Control::Remat { .. } | Control::Opaque { .. } => (0, 0, None, false),
        };
        let opaque = if let Control::Opaque { call, .. } = self { Some(call.number()) } else { None };
        (std::mem::discriminant(self), numbers, opaque)
    }

    /// Whether both do the same.
    fn same(&self, other: &Control) -> bool {
        let (bodies, others) = (self.bodies(), other.bodies());
        self.attributes() == other.attributes() && bodies.iter().zip(others).all(|(body, other)| body.same(other))
    }

    /// Equal for those that do the [same](Control::same).
    fn digest(&self, hasher: &mut FxHasher) {
        self.attributes().hash(hasher);
        self.bodies().iter().for_each(|body| body.digest(hasher));
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Control::Scan { .. } => "scan",
            Control::While { .. } => "while",
            Control::Choice { .. } => "cond",
            Control::Rule { .. } => "rule",
            Control::Remat { .. } => "remat",
            Control::Opaque { .. } => "opaque",
        }
    }

    /// Whether it can only run among arrays: what is left is its body, inlined.
    pub(crate) fn needs_arrays(&self) -> bool {
        match self {
            Control::Rule { body, .. } | Control::Remat { body } => body.has_arrays(),
            _ => true,
        }
    }

    pub(crate) fn bodies(&self) -> Vec<&Function> {
        match self {
            Control::Scan { body, .. } => vec![body],
            Control::While { condition, body, .. } => vec![condition, body],
            Control::Choice { bodies: [holds, fails] } => vec![holds, fails],
            Control::Rule { body, rule } => vec![body, rule.function()],
            Control::Remat { body } | Control::Opaque { body, .. } => vec![body],
        }
    }

    /// The body whose inputs and outputs the operands and results are.
    pub(crate) fn body(&self) -> &Function {
        match self {
            Control::Scan { body, .. }
            | Control::While { body, .. }
            | Control::Rule { body, .. }
            | Control::Remat { body }
            | Control::Opaque { body, .. } => body,
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
            Control::While { .. } | Control::Rule { .. } | Control::Remat { .. } | Control::Opaque { .. } => inputs,
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

    /// Whether there is such a result.
    pub(crate) fn has(&self, port: Port) -> bool {
        let outputs = self.body().output_len();
        match (self, port) {
            (Control::Scan { carries, .. }, Port::Final(k) | Port::Carried(k)) => (k as usize) < *carries,
            (Control::Scan { carries, .. }, Port::Each(k)) => (k as usize) < outputs - carries,
            (_, Port::Final(k)) => (k as usize) < outputs,
            _ => false,
        }
    }

    /// That the bodies fit what is done with them.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        let single = |f: &&Function| {
            f.inputs().iter().all(|group| group.len() == 1) && f.outputs().iter().all(|group| group.nodes().len() == 1)
        };
        if !self.bodies().iter().all(single) {
            return Err("a body takes and gives single values".into());
        }
        let (inputs, outputs) = (types_in(self.body()), types_out(self.body()));
        let carried = |carries: usize| match inputs.get(..carries) {
            Some(taken) if outputs.get(..carries) == Some(taken) => Ok(()),
            _ => Err(format!("the body does not give the {carries} values to carry on that it takes")),
        };
        match self {
            Control::Scan { carries, xs, .. } => {
                carried(*carries)?;
                if carries.checked_add(*xs).is_none_or(|n| n > inputs.len()) {
                    return Err(format!("the body does not take {carries} carried values and {xs} to read"));
                }
                Ok(())
            }
            Control::While { condition, carries, .. } => {
                carried(*carries)?;
                if outputs.len() != *carries {
                    return Err("the body gives more than is carried on".into());
                }
                match (types_in(condition) == inputs, &types_out(condition)[..]) {
                    (true, [(Shape::SCALAR, DType::Float)]) => Ok(()),
                    _ => Err("the condition does not give one number of what the body takes".into()),
                }
            }
            Control::Choice { bodies: [a, b] } => {
                let same = types_in(a) == types_in(b) && types_out(a) == types_out(b);
                if same { Ok(()) } else { Err("the bodies do not take and give the same".into()) }
            }
            Control::Rule { rule, .. } => {
                let (own, of_inputs, of_outputs) = (rule.function(), numbers(&inputs), numbers(&outputs));
                let (takes, gives, what) = match rule {
                    Derivative::Jvp(_) => ([inputs, outputs, of_inputs].concat(), of_outputs, "the tangents of the results"),
                    Derivative::Vjp(_) => ([inputs, outputs, of_outputs].concat(), of_inputs, "the adjoints of the inputs"),
                };
                if types_in(own) != takes {
                    return Err(format!("the rule takes {}, not {}", list(&types_in(own)), list(&takes)));
                }
                if types_out(own) != gives {
                    return Err(format!("the rule gives {}, where {what} are {}", list(&types_out(own)), list(&gives)));
                }
                Ok(())
            }
            Control::Remat { .. } | Control::Opaque { .. } => Ok(()),
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
            Control::Remat { body } => Flow { inputs: marked.to_vec(), outputs: depends(body, marked) },
            // What a rule says is not what its body says, and nobody sees into an opaque function.
            Control::Rule { body, .. } | Control::Opaque { body, .. } => {
                Flow { inputs: marked.to_vec(), outputs: vec![marked.contains(&true); body.output_len()] }
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

/// Those types that are of numbers.
pub(crate) fn numbers(types: &[Type]) -> Vec<Type> {
    types.iter().copied().filter(|&(_, dtype)| dtype == DType::Float).collect()
}

/// Shapes, as they are declared.
pub(super) fn list(types: &[Type]) -> String {
    let one = |(shape, dtype): &Type| {
        let shape = if *shape == Shape::SCALAR { "a number".into() } else { shape.to_string() };
        if *dtype == DType::Index { format!("{shape}: index") } else { shape }
    };
    let all: Vec<String> = types.iter().map(one).collect();
    format!("({})", all.join(", "))
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
            Control::Rule { rule: Derivative::Jvp(_), .. } => f.write_str("rule[jvp]")?,
            Control::Rule { rule: Derivative::Vjp(_), .. } => f.write_str("rule[vjp]")?,
            Control::Opaque { call, .. } => write!(f, "opaque[{}#{}]", call.name(), call.number())?,
            Control::Choice { .. } | Control::Remat { .. } => f.write_str(self.name())?,
        }
        for body in self.bodies() {
            write!(f, " {{ {body} }}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Final(k) => write!(f, "final[{k}]"),
            Port::Each(k) => write!(f, "each[{k}]"),
            Port::Carried(k) => write!(f, "carried[{k}]"),
        }
    }
}

/// The result, and the operation.
impl fmt::Display for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.port, **self.control)
    }
}

impl fmt::Debug for Nested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.control.name(), self.port)
    }
}

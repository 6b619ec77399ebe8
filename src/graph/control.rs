//! Operations with bodies: what they take and give, and what depends on what. A scan, a loop, a choice between two functions; a body is a
//! [`Function`] of its own, compiled once however often it runs.
//!
//! A node stands for one result of such an operation; nodes of one operation on the same operands are computed together.

use super::model::{Control, Derivative, Function, SharedControl, States, Sweep};
use super::node::Port;
use super::sweeps;
use super::types::{Flow, Type, depends, types_in, types_out};
use crate::base::revolve::Checkpoints;
use crate::base::{Axis, Shape};
use crate::error::bracketed;
use crate::op::DType;
use std::fmt;

/// One result of an operation with bodies, by itself: what `Real::nested` takes.
pub(crate) struct NestedOp {
    pub(crate) control: SharedControl,
    pub(crate) port: Port,
}

/// A rule in the other direction, which whoever differentiates knows how to make: of a jvp (x, y, c) ↦ adjoints of x; of a vjp
/// (x, y, t) ↦ tangents of y. Evaluation asks for it where a rule goes backward and numbers go forward.
pub(crate) trait Transpose {
    /// `body` is the function whose derivative this is.
    fn transposed(&self, body: &Function) -> Function;
}

/// How deep bodies may stand in bodies. What goes from body to body is as deep on the stack.
pub(super) const DEPTH: usize = 100;

impl Control {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Control::Scan { .. } => "scan",
            Control::While { .. } => "while",
            Control::Sweeps { .. } => "sweeps",
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
            Control::Sweeps { condition, sweeps } => {
                std::iter::once(condition).chain(sweeps.iter().map(|sweep| &sweep.body)).collect()
            }
            Control::Choice { bodies: [holds, fails] } => vec![holds, fails],
            Control::Rule { body, rule } => vec![body, rule.function()],
            Control::Remat { body } | Control::Opaque { body, .. } => vec![body],
        }
    }

    /// What bodies are given of the operands.
    pub(crate) fn takes(&self) -> Vec<Type> {
        match self {
            Control::Sweeps { sweeps, .. } => sweeps::takes(sweeps),
            _ => types_in(self.body()),
        }
    }

    /// What the body gives; of sweeps, what is carried in the end.
    pub(crate) fn gives(&self) -> Vec<Type> {
        match self {
            Control::Sweeps { sweeps, .. } => sweeps.iter().flat_map(Sweep::carried).collect(),
            _ => types_out(self.body()),
        }
    }

    /// The body whose inputs and outputs the operands and results are; of sweeps, that of the loop.
    pub(crate) fn body(&self) -> &Function {
        match self {
            Control::Sweeps { sweeps, .. } => &sweeps[0].body,
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
        let inputs = self.takes();
        match self {
            Control::Scan { carries, xs, length, .. } => {
                let along = |(k, (shape, dtype)): (usize, Type)| match k {
                    k if (*carries..carries + xs).contains(&k) => (stacked(*length, shape), dtype),
                    _ => (shape, dtype),
                };
                inputs.into_iter().enumerate().map(along).collect()
            }
            Control::While { .. }
            | Control::Sweeps { .. }
            | Control::Rule { .. }
            | Control::Remat { .. }
            | Control::Opaque { .. } => inputs,
            Control::Choice { .. } => [vec![(Shape::SCALAR, DType::Float)], inputs].concat(),
        }
    }

    /// What a result is; it exists.
    pub(crate) fn result(&self, port: Port) -> Type {
        let inputs = || types_in(self.body());
        let outputs = || self.gives();
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
        let outputs = self.gives().len();
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
            Control::Sweeps { condition, sweeps } => sweeps::check(condition, sweeps),
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
            Some((&wanted, &given)) => Err(format!("an operand is {}, where {} is wanted", kind_of(given), kind_of(wanted))),
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
            Control::Sweeps { sweeps, .. } => sweeps::marks(sweeps, marked).flow,
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

/// A shape with an axis in front.
pub(crate) fn stacked(length: Axis, shape: Shape) -> Shape {
    Shape::new([&[length], shape.axes()].concat())
}

/// Those types that are of numbers.
pub(crate) fn numbers(types: &[Type]) -> Vec<Type> {
    types.iter().copied().filter(|&(_, dtype)| dtype == DType::Float).collect()
}

/// What a value is, in words: a number, or an array of a shape.
pub(super) fn kind_of((shape, dtype): Type) -> String {
    match (shape == Shape::SCALAR, dtype) {
        (true, DType::Float) => "a number".into(),
        (true, DType::Index) => "an index".into(),
        (true, DType::Mask) => "a truth value".into(),
        (false, DType::Float) => format!("an array {}", bracketed(shape.axes())),
        (false, DType::Index) => format!("an array {} of indices", bracketed(shape.axes())),
        (false, DType::Mask) => format!("an array {} of truth values", bracketed(shape.axes())),
    }
}

/// Such words for several values.
pub(super) fn list(types: &[Type]) -> String {
    let all: Vec<String> = types.iter().copied().map(kind_of).collect();
    format!("({})", all.join(", "))
}

/// An operation without its bodies.
impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Control::Scan { carries, xs, length, reverse, states, .. } => {
                write!(f, "scan[{carries},{xs},{length}{}", if *reverse { ",reverse" } else { "" })?;
                match states {
                    States::All => {}
                    States::Checkpoints(Checkpoints::States(states)) => write!(f, ",states {states}")?,
                    States::Checkpoints(Checkpoints::Bytes(bytes)) => write!(f, ",bytes {bytes}")?,
                    States::Checkpoints(Checkpoints::Twice) => f.write_str(",twice")?,
                    States::Again => f.write_str(",again")?,
                }
                f.write_str("]")
            }
            Control::While { carries, .. } => write!(f, "while[{carries}]"),
            Control::Sweeps { sweeps, .. } => {
                let carries: Vec<String> = sweeps.iter().map(|sweep| sweep.carries.to_string()).collect();
                write!(f, "sweeps[{}]", carries.join(","))
            }
            Control::Rule { rule: Derivative::Jvp(_), .. } => f.write_str("rule[jvp]"),
            Control::Rule { rule: Derivative::Vjp(_), .. } => f.write_str("rule[vjp]"),
            Control::Opaque { call, .. } => write!(f, "opaque[{}#{}]", call.name(), call.number()),
            Control::Choice { .. } | Control::Remat { .. } => f.write_str(self.name()),
        }
    }
}

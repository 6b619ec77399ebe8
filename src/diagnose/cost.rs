//! Counting. In: a [`Function`]. Out: how many operations of which kind it takes.

use crate::base::Machine;
use crate::base::{Kernel1, Kernel2, Library1, Library2};
use crate::diff::value_and_grad;
use crate::error::Result;
use crate::graph::{Function, Kind};
use crate::op::{DType, Op, Value};
use crate::simplify::{Simplify, simplify};
use std::{collections::BTreeMap, fmt, ops};

/// How many operations one evaluation takes; see [`Function::cost`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    counts: BTreeMap<&'static str, usize>,
    calls: usize,
}

/// What a gradient costs beside its function; see [`Function::gradient_cost`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradientCost {
    /// The function alone, simplified.
    pub function: Cost,
    /// The function and its gradient, sharing all work, simplified.
    pub with_gradient: Cost,
}

/// Counts the operations of one evaluation; see [`Function::cost`].
pub(crate) fn cost(f: &Function) -> Cost {
    let mut cost = Cost { counts: BTreeMap::new(), calls: 0 };
    for id in f.graph().ids() {
        let name = match f.graph().node(id).kind() {
            Kind::Apply(op) => {
                cost.calls += calls_library(op) as usize;
                op.name()
            }
            Kind::Array(op) => op.name(),
            Kind::Control(nested) => nested.control.name(),
            _ => continue,
        };
        *cost.counts.entry(name).or_default() += 1;
    }
    cost
}

/// Counts the operations of the function without and with its gradient; see [`Function::gradient_cost`].
#[track_caller]
pub(crate) fn gradient_cost(f: &Function) -> Result<GradientCost> {
    let simplified = |f: &Function| cost(&simplify(f, Simplify::EXACT));
    Ok(GradientCost { function: simplified(f), with_gradient: simplified(&value_and_grad(f)?) })
}

impl Cost {
    /// How many operations there are.
    pub fn total(&self) -> usize {
        self.counts.values().sum()
    }
    /// How many of them call a library routine (`exp`, `sin`, powers and their like), which costs several times what a
    /// sum or product does.
    pub fn calls(&self) -> usize {
        self.calls
    }
    /// How many operations have this name, whatever their parameter.
    pub fn of(&self, name: &str) -> usize {
        self.counts.get(name).copied().unwrap_or(0)
    }
    /// Names and counts, by name.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, usize)> + '_ {
        self.counts.iter().map(|(&name, &count)| (name, count))
    }
}

impl GradientCost {
    /// Operations with the gradient over operations without it; NaN for a function of no operation.
    pub fn ratio(&self) -> f64 {
        match (self.with_gradient.total(), self.function.total()) {
            (_, 0) => f64::NAN,
            (with, without) => with as f64 / without as f64,
        }
    }
}

/// One line, the most frequent operations first.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |n| if n == 1 { "" } else { "s" };
        write!(f, "{} operation{}, ", self.total(), s(self.total()))?;
        write!(f, "{} library call{}", self.calls, s(self.calls))?;
        let mut counts: Vec<_> = self.counts().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        for (k, (name, count)) in counts.into_iter().enumerate() {
            write!(f, "{} {name} {count}", if k == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for GradientCost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "f:              {}", self.function)?;
        writeln!(f, "f and gradient: {}", self.with_gradient)?;
        write!(f, "ratio:          {:.2}", self.ratio())
    }
}

/// Whether an operation's value needs a library routine: its kernel runs on a machine that notes only that.
fn calls_library(op: Op) -> bool {
    let operand = |dtype: &DType| match dtype {
        DType::Float | DType::Index => Value::Num(Probe(false)),
        DType::Mask => Value::Mask(Probe(false)),
    };
    let args: arrayvec::ArrayVec<_, 3> = op.operands().iter().map(operand).collect();
    match op.value(&args) {
        Value::Num(Probe(called)) | Value::Mask(Probe(called)) => called,
    }
}

/// Whether a library routine was called on the way to a value.
#[derive(Copy, Clone)]
struct Probe(bool);

impl Probe {
    fn join(self, y: Probe) -> Probe {
        Probe(self.0 || y.0)
    }
}

/// Operators of which the result took what the operands took.
macro_rules! joins {
    ($($Trait:ident $method:ident)*) => { $(
        impl ops::$Trait for Probe {
            type Output = Probe;
            fn $method(self, y: Probe) -> Probe { self.join(y) }
        }
    )* };
}
joins! { Add add Sub sub Mul mul Div div BitAnd bitand BitOr bitor }

impl ops::Neg for Probe {
    type Output = Probe;
    fn neg(self) -> Probe {
        self
    }
}

impl ops::Not for Probe {
    type Output = Probe;
    fn not(self) -> Probe {
        self
    }
}

impl Machine for Probe {
    type Mask = Probe;
    fn k(self, _: f64) -> Probe {
        Probe(false)
    }
    fn fma(self, y: Probe, z: Probe) -> Probe {
        self + y + z
    }
    fn sqrt(self) -> Probe {
        self
    }
    fn abs(self) -> Probe {
        self
    }
    fn floor(self) -> Probe {
        self
    }
    fn ceil(self) -> Probe {
        self
    }
    fn trunc(self) -> Probe {
        self
    }
    fn copysign(self, y: Probe) -> Probe {
        self + y
    }
    fn lt(self, y: Probe) -> Probe {
        self + y
    }
    fn le(self, y: Probe) -> Probe {
        self + y
    }
    fn eq(self, y: Probe) -> Probe {
        self + y
    }
    fn select(m: Probe, a: Probe, b: Probe) -> Probe {
        m + a + b
    }
    fn call1(self, _: &'static Library1) -> Probe {
        Probe(true)
    }
    fn call2(self, _: Probe, _: &'static Library2) -> Probe {
        Probe(true)
    }
    fn library_exp(self) -> Probe {
        Probe(true)
    }
    fn kernel1<K: Kernel1>(self, _: K) -> Probe {
        Probe(true)
    }
    fn kernel2<K: Kernel2>(self, _: Probe, _: K) -> Probe {
        Probe(true)
    }
}

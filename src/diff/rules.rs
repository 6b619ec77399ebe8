//! Derivatives that the user gives. A rule in one direction is transposed for the other: it is linear, and the reverse sweep of a
//! linear function is its transpose, wherever it starts from.

use super::shelf::Coefficients;
use crate::base::Shape;
use crate::eval::outputs_at;
use crate::graph::{Derivative, Expr, Function, Nested, Port, SharedControl, Transpose, Type, numbers, types_in, types_out};
use crate::jet::Series;
use crate::op::{ArrayOp, DType, Real, Value, lit};
use rustc_hash::FxHashMap;

/// Zeros of a shape.
fn zeros<S: Real>(shape: Shape) -> S {
    match shape {
        Shape::SCALAR => lit(0.0),
        _ => S::array(&ArrayOp::Broadcast(shape), &[Value::Num(lit(0.0))]).num(),
    }
}

/// Those values that are numbers, by their types.
fn of_numbers<T: Copy>(types: &[Type], values: &[T]) -> Vec<T> {
    types.iter().zip(values).filter(|((_, dtype), _)| *dtype == DType::Float).map(|(_, &x)| x).collect()
}

/// An operation with a rule, and the values of its operands.
pub(super) struct Ruled<'a, S> {
    pub(super) control: &'a SharedControl,
    pub(super) body: &'a Function,
    pub(super) rule: &'a Derivative,
    pub(super) values: &'a [S],
}

impl<S: Real> Ruled<'_, S> {
    fn results(&self) -> Vec<S> {
        let port = |k: usize| Nested { control: self.control, port: Port::Final(k as u32) };
        (0..self.body.output_len()).map(|k| crate::eval::result(port(k), self.values)).collect()
    }

    fn call(&self, f: &Function, rest: &[S]) -> Vec<S> {
        outputs_at(f, &[self.values, rest].concat()).expect("as many as the rule takes")
    }

    /// The tangents of results that are numbers.
    pub(super) fn push(&self, tangents: &[Option<S>]) -> Vec<S> {
        let types = types_in(self.body);
        let given = tangents.iter().zip(&types).map(|(t, &(shape, _))| t.unwrap_or_else(|| zeros(shape))).collect::<Vec<S>>();
        let tangents = of_numbers(&types, &given);
        match self.rule {
            Derivative::Jvp(rule) => self.call(rule, &[self.results(), tangents].concat()),
            Derivative::Vjp(_) => self.call(&self.rule.transposed(self.body), &[self.results(), tangents].concat()),
        }
    }

    /// The adjoints of operands that are numbers.
    pub(super) fn pull(&self, adjoints: &FxHashMap<Port, S>) -> Vec<S> {
        let given = numbers(&types_out(self.body));
        let ports = (0..self.body.output_len() as u32).map(Port::Final);
        let floats = of_numbers(&types_out(self.body), &ports.collect::<Vec<_>>());
        let cotangent = |(port, &(shape, _)): (&Port, &Type)| adjoints.get(port).copied().unwrap_or_else(|| zeros(shape));
        let cotangents: Vec<S> = floats.iter().zip(&given).map(cotangent).collect();
        match self.rule {
            Derivative::Jvp(_) => self.call(&self.rule.transposed(self.body), &[self.results(), cotangents].concat()),
            Derivative::Vjp(rule) => self.call(rule, &[self.results(), cotangents].concat()),
        }
    }
}

impl Ruled<'_, Coefficients> {
    /// The series of results that are numbers: y′ is what the rule makes of x′.
    pub(super) fn series(&self, first: &[Expr]) -> Vec<Coefficients> {
        let (inputs, outputs) = (types_in(self.body), types_out(self.body));
        let x = of_numbers(&inputs, self.values);
        let values = of_numbers(&outputs, first);
        let rule = match self.rule {
            Derivative::Jvp(rule) => rule.clone(),
            Derivative::Vjp(_) => self.rule.transposed(self.body),
        };
        let live = rule.graph().reachable(rule.output_nodes());
        let implicit = live[inputs.len()..inputs.len() + outputs.len()].contains(&true);
        let slopes = |y: &[Coefficients], t: &[Coefficients]| {
            // Results that are no numbers have no series.
            let mut y = y.iter().copied();
            let all = outputs.iter().zip(first).map(|(&(_, dtype), &first)| match dtype {
                DType::Float => y.next().expect("one for every number"),
                _ => Series::constant(first),
            });
            self.call(&rule, &all.chain(t.iter().copied()).collect::<Vec<_>>())
        };
        Series::solved(&values, &x, slopes, implicit)
    }
}

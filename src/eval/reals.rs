//! Arrays in any arithmetic: numbers by the library's functions, duals, jets. Loops take the turns, and choices the branch, that the
//! numbers at hand say.

use super::along::{Along, sweep_any};
use super::arithmetic::{Arithmetic, Lengths};
use super::array::Array;
use super::indices::{check_given, check_reach};
use super::linalg::{Sizes, run_any};
use super::run::{Run, lengths};
use super::sizes::check_memory;
use crate::base::sums::{BLOCK, halve, partials};
use crate::base::{Shape, Width};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Derivative, Function, Opaque, Transpose, Type, types_in, types_out};
use crate::op::{ArrayOp, CustomRule, DType, Op, Real, Value, lit};
use std::{cell::RefCell, marker::PhantomData, panic::Location};

/// The outputs of a function of numbers, whatever it uses inside.
#[track_caller]
pub(super) fn numbers_at<T: Real>(f: &Function, x: &[T]) -> Result<Vec<T>> {
    let inputs: Vec<Array<T>> = x.iter().copied().map(Array::scalar).collect();
    let at = Location::caller();
    let given = f.inputs().iter().try_for_each(|group| check_given(group, f.width(), &x[group.range()]));
    let open = Lengths::default();
    given.and_then(|()| check_memory::<T>(f, &open)).and_then(|()| check_reach(f, &open)).map_err(|error| error.at(Some(at)))?;
    let outputs = Run::<Reals<T>>::new(f, open).all(&inputs)?;
    Ok(outputs.into_iter().flat_map(Array::into_data).collect())
}

/// Any arithmetic.
pub(super) struct Reals<T>(PhantomData<T>);

impl<T: Real> Arithmetic for Reals<T> {
    type Number = T;

    #[track_caller]
    fn apply(op: Op, args: &[Value<T, T::Mask>]) -> Value<T, T::Mask> {
        op.apply(args)
    }

    /// As in double precision, but that the sums of blocks are rounded.
    fn total(summands: &mut dyn Iterator<Item = T>) -> T {
        let join = |a: Option<T>, b: Option<T>| a.zip(b).map(|(a, b)| a + b).or(a).or(b);
        let mut parts = vec![None; partials(Width::F64)];
        let mut blocks = None;
        for (k, v) in summands.enumerate() {
            if k > 0 && k.is_multiple_of(BLOCK) {
                blocks = join(blocks, halve(&mut parts, join));
                parts.fill(None);
            }
            let part = k % parts.len();
            parts[part] = join(parts[part], Some(v));
        }
        join(blocks, halve(&mut parts, join)).unwrap_or(lit(0.0))
    }

    fn sweep(op: &ArrayOp, operands: [&[T]; 2], along: Along, y: &mut [T]) -> std::result::Result<(), &'static str> {
        sweep_any(op, operands, along, y)
    }

    fn solve(op: &ArrayOp, sizes: Sizes, operands: [&[T]; 2], work: &mut [T], y: &mut [T]) -> std::result::Result<(), String> {
        // A number that the arithmetic cannot tell from 1 is below its precision.
        let narrow = (lit::<T>(1.0) + lit(Width::F64.epsilon())).known() == Some(1.0);
        run_any(op, sizes, if narrow { Width::F32 } else { Width::F64 }.epsilon(), operands, work, y)
    }

    /// Duals and jets take the rule.
    fn ruled(body: &Function, rule: &Derivative, open: &Lengths, operands: &[Array<T>]) -> Result<Vec<Array<T>>> {
        let given = Given::new(body, rule, open);
        let x: Vec<T> = operands.iter().flat_map(Array::data).copied().collect();
        let y = T::ruled(&given, &x);
        given.checked()?;
        arrays(open, types_out(body).into_iter().map(|(shape, _)| shape), &y)
    }

    fn call(
        call: &Opaque,
        indices: &[bool],
        inputs: &[&[T]],
        outputs: &mut [&mut [T]],
        at: Option<&'static Location<'static>>,
    ) -> Result<()> {
        let number = |x: &T, index: bool| if index { Some(x.to_index() as f64) } else { x.known() };
        let numbers = |(x, &index): (&&[T], &bool)| x.iter().map(|x| number(x, index)).collect::<Option<Vec<f64>>>();
        let Some(inputs) = inputs.iter().zip(indices).map(numbers).collect::<Option<Vec<_>>>() else {
            let message = format!("opaque `{}` has no derivative: give it one with custom_jvp or custom_vjp", call.name());
            return Err(Error::new(ErrorKind::Unsupported, message).at(at));
        };
        let mut results: Vec<Vec<f64>> = outputs.iter().map(|y| vec![0.0; y.len()]).collect();
        let inputs: Vec<&[f64]> = inputs.iter().map(Vec::as_slice).collect();
        call.run(&inputs, &mut results.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), at)?;
        let each = outputs.iter_mut().zip(&results).flat_map(|(y, result)| y.iter_mut().zip(result));
        each.for_each(|(y, &v)| *y = lit(v));
        Ok(())
    }
}

/// Arrays of these shapes that one list has the elements of, one after the other.
fn arrays<T: Real>(open: &Lengths, shapes: impl Iterator<Item = Shape>, all: &[T]) -> Result<Vec<Array<T>>> {
    let mut rest = all;
    let array = |shape| {
        let shape = lengths(open, shape)?;
        let own;
        (own, rest) = rest.split_at(shape.iter().product());
        Array::new(shape, own.to_vec())
    };
    shapes.map(array).collect()
}

/// A rule that a graph holds, of the elements of all operands.
pub(super) struct Given<'a> {
    body: &'a Function,
    rule: &'a Derivative,
    open: &'a Lengths,
    failed: RefCell<Option<Error>>,
}

impl<'a> Given<'a> {
    pub(super) fn new(body: &'a Function, rule: &'a Derivative, open: &'a Lengths) -> Self {
        Given { body, rule, open, failed: RefCell::default() }
    }

    /// Whether all went well.
    pub(super) fn checked(self) -> Result<()> {
        self.failed.into_inner().map_or(Ok(()), Err)
    }

    /// How many elements an operand or result has; of one that is no number, 0 are differentiated.
    fn counts(&self, types: Vec<Type>) -> Vec<(usize, bool)> {
        let len = |shape| lengths(self.open, shape).map_or(0, |shape| shape.iter().product());
        types.into_iter().map(|(shape, dtype)| (len(shape), dtype == DType::Float)).collect()
    }

    fn run<T: Real>(&self, f: &Function, x: &[T]) -> Vec<Array<T>> {
        let inputs = arrays(self.open, types_in(f).into_iter().map(|(shape, _)| shape), x);
        let made = inputs.and_then(|inputs| Run::<Reals<T>>::new(f, self.open.clone()).all(&inputs));
        made.unwrap_or_else(|error| {
            self.failed.borrow_mut().get_or_insert(error);
            let nothing = |(len, _)| Array { shape: vec![len], data: vec![lit(f64::NAN); len] };
            self.counts(types_out(f)).into_iter().map(nothing).collect()
        })
    }
}

impl CustomRule for Given<'_> {
    fn value<T: Real>(&self, x: &[T]) -> Vec<T> {
        self.run(self.body, x).into_iter().flat_map(Array::into_data).collect()
    }

    fn jvp<T: Real>(&self, x: &[T], y: &[T], t: &[T]) -> Vec<T> {
        let mut rest = t;
        let mut tangents = Vec::with_capacity(t.len());
        for (len, float) in self.counts(types_in(self.body)) {
            let own;
            (own, rest) = rest.split_at(len);
            tangents.extend_from_slice(if float { own } else { &[] });
        }
        let transposed;
        let rule = match self.rule {
            Derivative::Jvp(rule) => rule,
            Derivative::Vjp(_) => {
                transposed = self.rule.transposed(self.body);
                &transposed
            }
        };
        let mut found = self.run(rule, &[x, y, &tangents].concat()).into_iter();
        let result = |(len, float): (usize, bool)| match found.next().filter(|_| float) {
            Some(tangent) => tangent.into_data(),
            None => vec![lit(0.0); len],
        };
        self.counts(types_out(self.body)).into_iter().flat_map(result).collect()
    }
}

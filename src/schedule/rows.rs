//! One function over many rows: per-row results, and sums or means over the rows.

use super::Options;
use super::interpret::Registers;
use super::program::{Layout, Program, Step, StepKind, list};
use crate::base::sums::Sum;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::Function;
use crate::op::Op;
use crate::op::Scalar;
use std::sync::Arc;

/// What becomes of an output over the rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Reduce {
    /// One result per row.
    Each,
    /// The sum over the rows, added up in an order that depends on nothing but the rows (see `docs/numerics.md`); 0 for no rows.
    Sum,
    /// That sum divided by the number of rows; no rows are an error.
    Mean,
}

/// A function that is mapped over rows: some inputs have a value per row, the others are shared, and outputs are kept per row or
/// reduced. The number of rows is a run-time number.
///
/// ```
/// use wengert::Function;
/// // the squared error of a line, its mean and the mean of its gradient over all points
/// let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2))?;
/// let g = f.wrt(["a", "b"])?.value_and_grad()?.map_rows(["x", "y"])?.mean_all().compile()?;
/// let (mut loss, mut da, mut db) = ([0.0], [0.0], [0.0]);
/// g.call_into(&[&[1.0], &[0.0], &[1.0, 2.0], &[1.0, 4.0]], &mut [&mut loss, &mut da, &mut db])?;
/// assert_eq!((loss[0], da[0], db[0]), (2.0, -4.0, -2.0));
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// For an [`Optimizer`](crate::optim::Optimizer), make the parameters one input, as `("p", 2)` or `("model", like(&model))`: their
/// gradient then is one slice.
#[derive(Clone)]
pub struct RowMap {
    f: Function,
    shape: RowShape,
}

/// Which inputs vary and which outputs are reduced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowShape {
    pub(crate) varying: Vec<bool>,
    pub(crate) reduce: Vec<Reduce>,
}

impl Function {
    /// Maps the function over rows, with a value per row for the named inputs.
    ///
    /// # Errors
    /// If a name is unknown or given twice, or there is none.
    #[track_caller]
    pub fn map_rows<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        let mut varying = vec![false; self.inputs().len()];
        for name in names {
            let group = self.input(name.as_ref())?;
            let at = self.inputs().iter().position(|other| other == group).expect("the group is one of the inputs");
            if std::mem::replace(&mut varying[at], true) {
                return Err(Error::here(ErrorKind::Name, format!("the input `{}` is named twice", name.as_ref())));
            }
        }
        if !varying.contains(&true) {
            return Err(Error::here(ErrorKind::Name, "map_rows needs an input that varies from row to row"));
        }
        Ok(RowMap { f: self.clone(), shape: RowShape { varying, reduce: vec![Reduce::Each; self.outputs().len()] } })
    }
}

impl RowMap {
    #[track_caller]
    fn reduce<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>, reduce: Reduce) -> Result<RowMap> {
        for name in names {
            let output = self.f.output(name.as_ref())?;
            let at = self.f.outputs().iter().position(|other| other.name() == output.name()).expect("the output is one of them");
            self.shape.reduce[at] = reduce;
        }
        Ok(self)
    }

    /// Sums the named outputs over the rows.
    ///
    /// # Errors
    /// If a name is unknown.
    #[track_caller]
    pub fn sum<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        self.reduce(names, Reduce::Sum)
    }

    /// Averages the named outputs over the rows.
    ///
    /// # Errors
    /// If a name is unknown.
    #[track_caller]
    pub fn mean<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Result<RowMap> {
        self.reduce(names, Reduce::Mean)
    }

    /// Sums every output over the rows.
    pub fn sum_all(mut self) -> RowMap {
        self.shape.reduce.fill(Reduce::Sum);
        self
    }

    /// Averages every output over the rows.
    pub fn mean_all(mut self) -> RowMap {
        self.shape.reduce.fill(Reduce::Mean);
        self
    }

    /// Lowers to a program for the interpreter.
    #[track_caller]
    pub fn lower(&self) -> RowProgram {
        self.lower_with(Options::default())
    }

    /// As [`RowMap::lower`], with options.
    #[track_caller]
    pub fn lower_with(&self, options: Options) -> RowProgram {
        let groups = self.f.inputs().iter().zip(&self.shape.varying);
        let varying: Vec<bool> = groups.flat_map(|(group, &varying)| std::iter::repeat_n(varying, group.len())).collect();
        let program = Program::new(&self.f, options, &varying);
        RowProgram { call: Arc::new(RowCall::new(&program, &self.shape, options.fuse)), program }
    }
}

/// For every number of some groups its group, and its place in the group.
pub(crate) fn places(groups: &[(String, usize)]) -> Vec<(u32, u32)> {
    let groups = groups.iter().enumerate();
    groups.flat_map(|(g, (_, len))| (0..*len as u32).map(move |k| (g as u32, k))).collect()
}

/// How a row call's slices are checked and read: shared by the interpreter and native code.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowCall {
    pub(crate) shape: RowShape,
    /// Per input slot: its group, and its place in the group.
    pub(crate) slots: Vec<(u32, u32)>,
    /// Per output number: its group, and its place in the group.
    pub(crate) places: Vec<(u32, u32)>,
    /// Per output number: the factors of a product that is nothing but summed, and is added with one rounding.
    pub(crate) products: Vec<Option<[u32; 2]>>,
    /// How far apart the rows of every input and then of every output are; 0 for what is shared or reduced.
    pub(crate) strides: Vec<usize>,
    inputs: Vec<(String, usize)>,
    outputs: Vec<(String, usize)>,
}

impl RowCall {
    /// `fuse` says whether products may be added with one rounding.
    pub(crate) fn new(program: &Program, shape: &RowShape, fuse: bool) -> Self {
        let bare = RowCall::bare(shape.clone(), &program.layout);
        let mut uses = vec![0u32; program.steps.len()];
        program.steps.iter().flat_map(|step| step.operands()).chain(&*program.outputs).for_each(|&step| uses[step as usize] += 1);
        let product = |(&(group, _), &step): (&(u32, u32), &u32)| {
            let Step { kind, args: [x, y, _], .. } = program.steps[step as usize];
            let only_summed = shape.reduce[group as usize] != Reduce::Each && uses[step as usize] == 1;
            (fuse && only_summed && kind == StepKind::Apply(Op::Mul)).then_some([x, y])
        };
        RowCall { products: bare.places.iter().zip(&*program.outputs).map(product).collect(), ..bare }
    }

    /// The call of code that is there: which products it adds with one rounding need not be known any more.
    pub(crate) fn bare(shape: RowShape, layout: &Layout) -> Self {
        let (slots, places) = (places(&layout.inputs), places(&layout.outputs));
        let (inputs, outputs) = (layout.inputs.clone(), layout.outputs.clone());
        let kept = shape.varying.iter().copied().chain(shape.reduce.iter().map(|&reduce| reduce == Reduce::Each));
        let lens = inputs.iter().chain(&outputs).map(|(_, len)| *len);
        let strides = lens.zip(kept).map(|(len, kept)| if kept { len } else { 0 }).collect();
        RowCall { shape, slots, products: vec![None; places.len()], places, strides, inputs, outputs }
    }

    /// Whether an output group is a sum or a mean.
    pub(crate) fn is_reduced(&self, group: usize) -> bool {
        self.shape.reduce[group] != Reduce::Each
    }

    /// How far apart the rows of an input group are; nothing for a shared one.
    pub(crate) fn input_stride(&self, group: usize) -> Option<usize> {
        self.shape.varying[group].then(|| self.input_len(group))
    }

    /// How far apart the rows of an output group are; nothing for one that is reduced.
    pub(crate) fn output_stride(&self, group: usize) -> Option<usize> {
        (!self.is_reduced(group)).then(|| self.output_len(group))
    }

    pub(crate) fn input_len(&self, group: usize) -> usize {
        self.inputs[group].1
    }
    pub(crate) fn output_len(&self, group: usize) -> usize {
        self.outputs[group].1
    }

    /// Checks every slice; the number of rows.
    pub(crate) fn check<T>(&self, inputs: &[&[T]], outputs: &[&mut [T]]) -> Result<usize> {
        let fail = |message: String| Err(Error::new(ErrorKind::Length, message));
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            return fail(format!(
                "{} and {}, where ({}) -> ({}) takes {} and {}",
                count(inputs.len(), "input slice"),
                count(outputs.len(), "output slice"),
                list(&self.inputs),
                list(&self.outputs),
                self.inputs.len(),
                self.outputs.len()
            ));
        }
        let mut rows: Option<(usize, &str)> = None;
        for ((slice, (name, len)), &varying) in inputs.iter().zip(&self.inputs).zip(&self.shape.varying) {
            if !varying {
                if slice.len() != *len {
                    return fail(format!("the shared input `{name}` has {}, not {}", count(*len, "number"), slice.len()));
                }
                continue;
            }
            if *len == 0 {
                continue;
            }
            if !slice.len().is_multiple_of(*len) {
                return fail(format!(
                    "the input `{name}` has {} a row, and {} are no whole number of rows",
                    count(*len, "number"),
                    slice.len()
                ));
            }
            let n = slice.len() / len;
            match rows {
                Some((rows, first)) if rows != n => {
                    return fail(format!("`{first}` has {} and `{name}` has {n}", count(rows, "row")));
                }
                Some(_) => {}
                None => rows = Some((n, name)),
            }
        }
        let rows = rows.map_or(0, |(n, _)| n);
        for ((slice, (name, len)), &reduce) in outputs.iter().zip(&self.outputs).zip(&self.shape.reduce) {
            let wanted = if reduce == Reduce::Each { rows * len } else { *len };
            if slice.len() != wanted {
                return fail(format!("the output `{name}` needs room for {}, not {}", count(wanted, "number"), slice.len()));
            }
            if rows == 0 && reduce == Reduce::Mean {
                return Err(Error::new(ErrorKind::Value, format!("the mean of the output `{name}` over no rows")));
            }
        }
        Ok(rows)
    }

    /// Before the rows: −0 is what leaves every first summand as it is.
    pub(crate) fn start<T: Scalar>(&self, outputs: &mut [&mut [T]]) {
        for (slice, &reduce) in outputs.iter_mut().zip(&self.shape.reduce) {
            if reduce != Reduce::Each {
                slice.fill(<T as crate::op::Real>::lit(-0.0));
            }
        }
    }

    /// Runs the program over rows by interpretation. `read` gives the number at a place of an input group; `write` takes an output
    /// group, a place, a number, and whether it is added to what is there.
    pub(crate) fn interpret<T: Scalar>(
        &self,
        program: &Program,
        rows: usize,
        read: impl Fn(usize, usize) -> T,
        mut write: impl FnMut(usize, usize, T, bool),
    ) {
        let mut registers = Registers::new(program);
        let mut sums = vec![Sum::new(); self.places.len()];
        let read = |row: usize, slot: usize| {
            let (group, k) = self.slots[slot];
            read(group as usize, row * self.input_stride(group as usize).unwrap_or(0) + k as usize)
        };
        registers.run(program, 0..program.invariant, |slot| read(0, slot));
        for row in 0..rows {
            registers.run(program, program.invariant..program.steps.len(), |slot| read(row, slot));
            for (output, (&(group, k), &step)) in self.places.iter().zip(&*program.outputs).enumerate() {
                let (group, k) = (group as usize, k as usize);
                match self.products[output] {
                    Some([x, y]) => sums[output].add_product(row, registers.number(x), registers.number(y)),
                    None if self.is_reduced(group) => sums[output].add(row, registers.number(step)),
                    None => write(group, row * self.output_len(group) + k, registers.number(step), false),
                }
            }
        }
        for (&(group, k), sum) in self.places.iter().zip(sums).filter(|((group, _), _)| self.is_reduced(*group as usize)) {
            write(group as usize, k as usize, sum.total(), true);
        }
    }

    /// After the rows.
    pub(crate) fn finish<T: Scalar>(&self, outputs: &mut [&mut [T]], rows: usize) {
        for (slice, &reduce) in outputs.iter_mut().zip(&self.shape.reduce) {
            match reduce {
                Reduce::Mean => slice.iter_mut().for_each(|y| *y /= <T as crate::op::Real>::lit(rows as f64)),
                Reduce::Sum if rows == 0 => slice.fill(T::default()),
                _ => {}
            }
        }
    }
}

/// A row map lowered to steps; see [`Program`].
#[derive(Clone)]
pub struct RowProgram {
    pub(crate) program: Program,
    pub(crate) call: Arc<RowCall>,
}

impl RowProgram {
    /// Evaluates by interpretation: a slice per input (row by row for those that vary), a slice per output (row by row for those
    /// that are not reduced). Gives the number of rows.
    ///
    /// # Errors
    /// If a length or the width does not fit, or a mean is asked for over no rows.
    pub fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<usize> {
        let (program, call) = (&self.program, &*self.call);
        program.check_sound(T::WIDTH)?;
        let rows = call.check(inputs, outputs)?;
        call.start(outputs);
        let read = |group: usize, at: usize| inputs[group][at];
        call.interpret(program, rows, read, |group, at, v, add| {
            let place = &mut outputs[group][at];
            *place = if add { *place + v } else { v };
        });
        call.finish(outputs, rows);
        Ok(rows)
    }
}

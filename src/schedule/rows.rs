//! How a program is called over many rows: per-row results, and sums or means over the rows.

use super::program::{Layout, Program, Step, StepKind, elements};
use crate::error::{Error, Kind as ErrorKind, Result, count, listed, short};
use crate::op::Op;
use crate::op::Scalar;

/// What becomes of an output over the rows.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reduce {
    /// One result per row.
    Each,
    /// The sum over the rows, added up in an order that depends on nothing but the rows (see `docs/numerics.md`); 0 for no rows.
    Sum,
    /// That sum divided by the number of rows; NaN for no rows.
    Mean,
}

/// Which inputs vary and which outputs are reduced.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowShape {
    pub(crate) varying: Vec<bool>,
    pub(crate) reduce: Vec<Reduce>,
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
    /// Whether addresses move on by more once in a turn of times, back to the first partial sum, say.
    pub(crate) in_turns: bool,
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

    /// Bytes of memory beside its own, about.
    pub(crate) fn bytes(&self) -> usize {
        let names = |groups: &[(String, usize)]| groups.iter().map(|group| size_of_val(group) + group.0.len()).sum::<usize>();
        let places = size_of_val(&self.slots[..]) + size_of_val(&self.places[..]) + size_of_val(&self.products[..]);
        places + size_of_val(&self.strides[..]) + names(&self.inputs) + names(&self.outputs)
    }

    /// The call of code that is there: which products it adds with one rounding need not be known any more.
    pub(crate) fn bare(shape: RowShape, layout: &Layout) -> Self {
        let (slots, places) = (elements(&layout.inputs), elements(&layout.outputs));
        let (inputs, outputs) = (layout.inputs.clone(), layout.outputs.clone());
        let kept = shape.varying.iter().copied().chain(shape.reduce.iter().map(|&reduce| reduce == Reduce::Each));
        let lens = inputs.iter().chain(&outputs).map(|(_, len)| *len);
        let strides = lens.zip(kept).map(|(len, kept)| if kept { len } else { 0 }).collect();
        RowCall { shape, slots, products: vec![None; places.len()], places, strides, in_turns: false, inputs, outputs }
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

    /// The outputs that are sums or means, in order.
    pub(crate) fn reduced(&self) -> Vec<u32> {
        (0..self.places.len() as u32).filter(|&k| self.is_reduced(self.places[k as usize].0 as usize)).collect()
    }

    pub(crate) fn input_len(&self, group: usize) -> usize {
        self.inputs[group].1
    }
    pub(crate) fn output_len(&self, group: usize) -> usize {
        self.outputs[group].1
    }

    /// Checks every slice; the number of rows, which may be known.
    pub(crate) fn check<T>(&self, known: Option<usize>, inputs: &[&[T]], outputs: &[&mut [T]]) -> Result<usize> {
        let fail = |message: String| Err(Error::new(ErrorKind::Length, message));
        if inputs.len() != self.inputs.len() || outputs.len() != self.outputs.len() {
            return fail(format!(
                "{} and {}, where ({}) -> ({}) takes {} and {}",
                count(inputs.len(), "input slice"),
                count(outputs.len(), "output slice"),
                listed(&self.inputs),
                listed(&self.outputs),
                self.inputs.len(),
                self.outputs.len()
            ));
        }
        let mut rows: Option<(usize, &str)> = None;
        for ((slice, (name, len)), &varying) in inputs.iter().zip(&self.inputs).zip(&self.shape.varying) {
            if !varying {
                if slice.len() != *len {
                    let own = count(*len, "number");
                    return fail(format!("the shared input `{}` has {own}, not {}", short(name), slice.len()));
                }
                continue;
            }
            if *len == 0 {
                continue;
            }
            if !slice.len().is_multiple_of(*len) {
                let own = count(*len, "number");
                let message =
                    format!("the input `{}` has {own} a row, and {} are no whole number of rows", short(name), slice.len());
                return fail(message);
            }
            let n = slice.len() / len;
            match rows {
                Some((rows, first)) if rows != n => {
                    return fail(format!("`{}` has {} and `{}` has {n}", short(first), count(rows, "row"), short(name)));
                }
                Some(_) => {}
                None => rows = Some((n, name)),
            }
        }
        let rows = match (known, rows) {
            (Some(known), Some((n, name))) if n != known => {
                return fail(format!("`{}` has {}, not {known}", short(name), count(n, "row")));
            }
            (known, rows) => known.or(rows.map(|(n, _)| n)).unwrap_or(0),
        };
        for ((slice, (name, len)), &reduce) in outputs.iter().zip(&self.outputs).zip(&self.shape.reduce) {
            let wanted = if reduce == Reduce::Each { rows * len } else { *len };
            if slice.len() != wanted {
                let wanted = count(wanted, "number");
                return fail(format!("the output `{}` needs room for {wanted}, not {}", short(name), slice.len()));
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

    /// After the rows.
    pub(crate) fn finish<T: Scalar>(&self, outputs: &mut [&mut [T]], rows: usize) {
        for (slice, &reduce) in outputs.iter_mut().zip(&self.shape.reduce) {
            match reduce {
                Reduce::Mean if rows == 0 => slice.fill(<T as crate::op::Real>::lit(f64::NAN)),
                Reduce::Mean => slice.iter_mut().for_each(|y| *y /= <T as crate::op::Real>::lit(rows as f64)),
                Reduce::Sum if rows == 0 => slice.fill(T::default()),
                _ => {}
            }
        }
    }
}

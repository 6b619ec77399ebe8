//! Straight-line code of a function of numbers: all inputs one after the other, or every input at an address of its own.

use super::code::{Code, FlatFn};
use super::scratch::with_arrays;
use crate::base::{Width, wrong_width};
use crate::error::{Error, Kind as ErrorKind, Result, count, names, short};
use crate::graph::Function;
use crate::op::Scalar;
use crate::schedule::Layout;
use crate::schedule::ir::Updates;
use crate::schedule::lengths::slice_of_input;
use std::mem::{MaybeUninit, transmute_copy};
use std::ptr::{null_mut, with_exposed_provenance};
use std::sync::Arc;

/// Code that takes all inputs as one slice and all outputs as another, with what a call checks.
#[derive(Clone)]
pub(crate) struct Point {
    // What a call reads comes first, on one cache line.
    run: FlatFn,
    /// The address that functions of this kind take as their third argument: that of the code, which is kept below.
    argument: usize,
    inputs: Room,
    outputs: Room,
    _code: Arc<Code>,
}

/// How many elements of which width: one word, so that a call checks both in one comparison.
#[derive(Copy, Clone, PartialEq, Eq)]
struct Room(usize);

impl Room {
    const NARROW: usize = 1 << (usize::BITS - 1);
    /// Of no slice.
    const NONE: Room = Room(!Room::NARROW);

    #[inline(always)]
    fn new(len: usize, width: Width) -> Room {
        Room(if width == Width::F32 { len | Room::NARROW } else { len })
    }
}

impl Point {
    /// `code` is that of a unit for one point, of this width and as many inputs and outputs, which are not apart.
    pub(crate) fn new(code: Arc<Code>, width: Width, inputs: usize, outputs: usize) -> Point {
        Point::of(code, Room::new(inputs, width), Room::new(outputs, width))
    }

    /// Of a function that has no such code: no slices fit.
    pub(crate) fn none() -> Point {
        Point::of(Arc::new(Code::none()), Room::NONE, Room::NONE)
    }

    fn of(code: Arc<Code>, inputs: Room, outputs: Room) -> Point {
        Point { run: code.run, argument: Arc::as_ptr(&code).expose_provenance(), inputs, outputs, _code: code }
    }

    #[inline(always)]
    fn fits<T: Scalar>(&self, inputs: usize, outputs: usize) -> bool {
        Room::new(inputs, T::WIDTH) == self.inputs && Room::new(outputs, T::WIDTH) == self.outputs
    }

    /// # Safety
    /// The lengths fit; there is room for all outputs.
    #[inline(always)]
    unsafe fn run<T: Scalar>(&self, x: &[T], y: *mut T) {
        // SAFETY: as promised; the third argument is what all of these functions want.
        unsafe { (self.run)(x.as_ptr().cast(), y.cast(), with_exposed_provenance(self.argument)) }
    }

    /// Runs the code; whether the lengths and the width fit.
    #[inline(always)]
    pub(crate) fn call_into<T: Scalar>(&self, x: &[T], y: &mut [T]) -> bool {
        let fits = self.fits::<T>(x.len(), y.len());
        if fits {
            // SAFETY: the slices are as long as the code reads and writes, and of its width.
            unsafe { self.run(x, y.as_mut_ptr()) }
        }
        fits
    }

    /// The same with the results as an array.
    #[inline(always)]
    pub(crate) fn call<T: Scalar, const M: usize>(&self, x: &[T]) -> Option<[T; M]> {
        if !self.fits::<T>(x.len(), M) {
            return None;
        }
        let mut y = MaybeUninit::<[T; M]>::uninit();
        // SAFETY: there is room for as many outputs as the code has, and it writes each.
        unsafe {
            self.run(x, y.as_mut_ptr().cast());
            Some(one_by_one(y.assume_init_ref()))
        }
    }
}

/// Results as code has just written them, one by one, as words. They are read in the same way: a copy of several at once would wait until they are in
/// the cache, as a processor forwards to a load what one store wrote, not what several did. As words they stay apart: numbers would be joined in a vector
/// on the way.
#[inline(always)]
fn one_by_one<T: Scalar, const M: usize>(y: &[T; M]) -> [T; M] {
    if M > ON_STACK {
        return *y;
    }
    std::array::from_fn(|k| {
        let address = std::ptr::from_ref(&y[k]);
        // SAFETY: the address is that of a number that is borrowed; a word is as long as a number of its width, and any bits are one.
        unsafe {
            match T::WIDTH {
                Width::F32 => transmute_copy(&address.cast::<u32>().read_volatile()),
                Width::F64 => transmute_copy(&address.cast::<u64>().read_volatile()),
            }
        }
    })
}

/// Up to this many numbers, of inputs and of outputs, are collected on the stack, and so many addresses.
pub(crate) const ON_STACK: usize = 64;

/// Straight-line code of a function of numbers, called with a slice for every input and every output.
pub(crate) struct Numbers {
    pub(crate) code: Arc<Code>,
    layout: Arc<Layout>,
    width: Width,
    /// Where inputs and outputs are not apart.
    point: Option<Point>,
    updates: Box<Updates>,
}

impl Numbers {
    /// `code` is that of a unit with this layout, with inputs and outputs apart or not.
    pub(crate) fn new(code: Arc<Code>, width: Width, layout: Arc<Layout>, apart: bool, updates: Box<Updates>) -> Numbers {
        assert!(!apart || updates.is_empty(), "code of slices that are apart reads inputs after it has written outputs");
        let point = (!apart).then(|| Point::new(code.clone(), width, layout.input_len, layout.output_len));
        Numbers { code, layout, width, point, updates }
    }

    pub(crate) fn is_apart(&self) -> bool {
        self.point.is_none()
    }

    /// Why slices do not fit.
    #[cold]
    pub(crate) fn misfit<T: Scalar>(&self, f: &Function, inputs: &[&[T]], outputs: &[&mut [T]]) -> Error {
        let updates = &self.updates;
        check_counts(f, updates, (inputs.len(), outputs.len())).err().unwrap_or_else(|| {
            let slices = self.ordered(inputs, outputs).map(<[T]>::len).chain(outputs.iter().map(|slice| slice.len()));
            let own = self.layout.inputs.iter().chain(&self.layout.outputs).map(|(_, len)| *len);
            let named = |k: usize| match k.checked_sub(f.inputs().len()) {
                None => slice_of_input(f, updates, k),
                Some(output) => format!("the output `{}`", short(f.outputs()[output].name())),
            };
            match slices.zip(own).enumerate().find(|(_, (len, own))| len != own) {
                Some((k, (len, own))) => {
                    let message = format!("{} has {}, not {len}", named(k), count(own, "element"));
                    Error::new(ErrorKind::Length, message)
                }
                None => wrong_width(self.width, T::WIDTH),
            }
        })
    }

    /// The same for one slice of all inputs and one of all outputs, if the code takes these.
    pub(crate) fn point(&self) -> Option<&Point> {
        self.point.as_ref().filter(|_| self.updates.is_empty())
    }

    /// Runs the code; whether the number of slices, their lengths and the width fit. The slice of an input that is overwritten is that of
    /// the output.
    pub(crate) fn call_into<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> bool {
        let layout = &*self.layout;
        if let ([x], [y], Some(point), []) = (inputs, &mut *outputs, &self.point, &*self.updates)
            && (layout.inputs.len(), layout.outputs.len()) == (1, 1)
        {
            return point.call_into(x, y);
        }
        let Some(point) = &self.point else { return self.call_apart(inputs, outputs) };
        let fits = T::WIDTH == self.width
            && inputs.len() + self.updates.len() == layout.inputs.len()
            && outputs.len() == layout.outputs.len()
            && outputs.iter().zip(&layout.outputs).all(|(y, (_, len))| y.len() == *len)
            && self.ordered(inputs, outputs).zip(&layout.inputs).all(|(x, (_, len))| x.len() == *len);
        if !fits {
            return false;
        }
        self.collected(point, inputs, outputs);
        true
    }

    /// The same of code with an address for every slice, which overwrites no input.
    fn call_apart<T: Scalar>(&self, inputs: &[&[T]], outputs: &mut [&mut [T]]) -> bool {
        let layout = &*self.layout;
        let (n, m) = (layout.inputs.len(), layout.outputs.len());
        if (T::WIDTH, inputs.len(), outputs.len()) != (self.width, n, m) {
            return false;
        }
        with_addresses(n + m, |addresses| {
            let mut fits = true;
            let (of_inputs, of_outputs) = addresses.split_at_mut(n);
            for ((x, (_, len)), to) in inputs.iter().zip(&layout.inputs).zip(of_inputs) {
                fits &= x.len() == *len;
                *to = x.as_ptr().cast_mut().cast();
            }
            for ((y, (_, len)), to) in outputs.iter_mut().zip(&layout.outputs).zip(of_outputs) {
                fits &= y.len() == *len;
                *to = y.as_mut_ptr().cast();
            }
            if fits {
                // SAFETY: the slices are as long as the code reads and writes, and of its width; those that are written are apart from all
                // others, as `&mut` says.
                unsafe { self.run_apart(addresses) }
            }
            fits
        })
    }

    /// Runs the code on all inputs and all outputs, one after the other; whether the lengths and the width fit.
    pub(crate) fn call_flat<T: Scalar>(&self, x: &[T], y: &mut [T]) -> bool {
        let layout = &*self.layout;
        if let Some(point) = &self.point {
            return point.call_into(x, y);
        }
        if T::WIDTH != self.width || x.len() != layout.input_len || y.len() != layout.output_len {
            return false;
        }
        let starts = |address: *mut T, groups: &[(String, usize)], to: &mut [*mut u8]| {
            let mut at = 0;
            for ((_, len), to) in groups.iter().zip(to) {
                *to = address.wrapping_add(at).cast();
                at += len;
            }
        };
        with_addresses(layout.inputs.len() + layout.outputs.len(), |addresses| {
            let (of_inputs, of_outputs) = addresses.split_at_mut(layout.inputs.len());
            starts(x.as_ptr().cast_mut(), &layout.inputs, of_inputs);
            starts(y.as_mut_ptr(), &layout.outputs, of_outputs);
            // SAFETY: the groups are stretches of the two slices, which are as long as all of them together; `y` is apart from `x`.
            unsafe { self.run_apart(addresses) }
        });
        true
    }

    /// # Safety
    /// There is an address for every input and then for every output, good for as many elements of the width as each has; what is written is
    /// apart from all others.
    unsafe fn run_apart(&self, addresses: &mut [*mut u8]) {
        let (inputs, outputs) = addresses.split_at_mut(self.layout.inputs.len());
        // SAFETY: as promised.
        unsafe { self.code.run_apart(inputs.as_ptr().cast(), outputs.as_mut_ptr()) }
    }

    /// The slices of all inputs, those that are overwritten included.
    fn ordered<'s, T>(&self, inputs: &'s [&[T]], outputs: &'s [&mut [T]]) -> impl Iterator<Item = &'s [T]> {
        let mut given = inputs.iter();
        (0..self.layout.inputs.len()).filter_map(move |k| match self.updates.iter().find(|(_, input)| *input == k) {
            Some(&(output, _)) => Some(&*outputs[output]),
            None => given.next().copied(),
        })
    }

    /// By way of a slice for all inputs and one for all outputs. Where there is one already, the code reads or writes it.
    fn collected<T: Scalar>(&self, point: &Point, inputs: &[&[T]], outputs: &mut [&mut [T]]) {
        let (n, m) = (self.layout.input_len, self.layout.output_len);
        // An input that is overwritten is read from where the results go.
        let alone = self.updates.is_empty();
        let mut run = |x: &mut [T], y: &mut [T]| {
            let x: &[T] = match inputs {
                [one] if alone => one,
                _ => {
                    let mut at = 0;
                    for slice in self.ordered(inputs, outputs) {
                        x[at..at + slice.len()].copy_from_slice(slice);
                        at += slice.len();
                    }
                    x
                }
            };
            const FITS: &str = "the slices have the lengths of the layout";
            if let ([one], true) = (&mut *outputs, alone) {
                return assert!(point.call_into(x, one), "{FITS}");
            }
            assert!(point.call_into(x, y), "{FITS}");
            let mut at = 0;
            for slice in &mut *outputs {
                slice.copy_from_slice(&y[at..at + slice.len()]);
                at += slice.len();
            }
        };
        if n <= ON_STACK && m <= ON_STACK {
            let (mut x, mut y) = ([T::default(); ON_STACK], [T::default(); ON_STACK]);
            return run(&mut x[..n], &mut y[..m]);
        }
        with_arrays(n + m, |memory| {
            // SAFETY: there is a word for every element, which are initialised; nobody else uses them meanwhile.
            let all = unsafe { std::slice::from_raw_parts_mut(memory.cast::<T>(), n + m) };
            let (x, y) = all.split_at_mut(n);
            run(x, y);
        });
    }
}

/// The slices of a call: `(x, y) -> (loss, next_w over w)`.
pub(crate) fn signature_of_calls(f: &Function, updates: &Updates) -> String {
    let is_given = |k: &usize| !updates.iter().any(|(_, input)| input == k);
    let inputs = (0..f.inputs().len()).filter(is_given).map(|k| f.inputs()[k].name()).collect::<Vec<_>>();
    let outputs = f.outputs().iter().enumerate().map(|(k, group)| match updates.iter().find(|(output, _)| *output == k) {
        Some(&(_, input)) => format!("{} over {}", short(group.name()), short(f.inputs()[input].name())),
        None => group.name().to_owned(),
    });
    format!("({}) -> ({})", names(inputs.into_iter()), names(outputs))
}

/// That there is a slice for every input that is not overwritten, and for every output.
pub(super) fn check_counts(f: &Function, updates: &Updates, given: (usize, usize)) -> Result<()> {
    let is_given = |k: &usize| !updates.iter().any(|(_, input)| input == k);
    let inputs: Vec<usize> = (0..f.inputs().len()).filter(is_given).collect();
    if given == (inputs.len(), f.outputs().len()) {
        return Ok(());
    }
    let message = format!(
        "{} and {}, where {} takes {} and {}",
        count(given.0, "input slice"),
        count(given.1, "output slice"),
        signature_of_calls(f, updates),
        inputs.len(),
        f.outputs().len()
    );
    Err(Error::new(ErrorKind::Length, message))
}

/// Lends room for addresses.
pub(super) fn with_addresses<T, R>(n: usize, f: impl FnOnce(&mut [*mut T]) -> R) -> R {
    // Few, so that making them costs a call of a few rows nothing.
    const FEW: usize = 16;
    if n <= FEW {
        return f(&mut [null_mut(); FEW][..n]);
    }
    if n <= ON_STACK {
        return f(&mut [null_mut(); ON_STACK][..n]);
    }
    // SAFETY: there is a word for every address, which are initialised; nobody else uses them meanwhile.
    with_arrays(n, |memory| f(unsafe { std::slice::from_raw_parts_mut(memory.cast(), n) }))
}

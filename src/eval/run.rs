//! A run over arrays: what is computed so far.

use super::arithmetic::{Arithmetic, Lengths};
use super::array::Array;
use super::sizes::length;
use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Control, Function, NodeId};
use crate::op::{Real, lit};
use std::{cell::RefCell, collections::HashMap, panic::Location, rc::Rc};

pub(super) type Computed<T> = Either<Array<T>, Array<<T as Real>::Mask>>;

#[derive(Clone)]
pub(super) enum Either<N, M> {
    Num(N),
    Mask(M),
}

impl<N, M> Either<N, M> {
    pub(super) fn num(self) -> N {
        match self {
            Either::Num(x) => x,
            Either::Mask(_) => unreachable!("a verified graph has numbers here"),
        }
    }
}

pub(super) struct Run<'f, A: Arithmetic> {
    pub(super) f: &'f Function,
    pub(super) open: Lengths,
    pub(super) values: Vec<Computed<A::Number>>,
    pub(super) nested: RefCell<Nests<A::Number>>,
}

/// The results of operations with bodies, which several nodes stand for: by operation and operands.
pub(super) type Nests<T> = HashMap<(*const Control, Vec<NodeId>), Rc<Results<T>>>;

/// Per carried value, result of a choice, or value that steps keep; and what steps were given to carry.
pub(super) struct Results<T> {
    pub(super) last: Vec<Array<T>>,
    pub(super) each: Vec<Array<T>>,
    pub(super) carried: Vec<Array<T>>,
}

impl<T> Default for Results<T> {
    fn default() -> Self {
        Results { last: vec![], each: vec![], carried: vec![] }
    }
}

impl<'f, A: Arithmetic> Run<'f, A> {
    pub(super) fn new(f: &'f Function, open: Lengths) -> Self {
        Run { f, open, values: Vec::with_capacity(f.graph().len()), nested: RefCell::default() }
    }

    /// A number's value.
    pub(super) fn array_of(&self, id: NodeId) -> &Array<A::Number> {
        num(&self.values[id.index()])
    }

    pub(super) fn lengths(&self, shape: Shape) -> Result<Vec<usize>> {
        lengths(&self.open, shape)
    }

    /// That what happens can depend on numbers.
    pub(super) fn check_known(&self, at: Option<&'static Location<'static>>) -> Result<()> {
        match lit::<A::Number>(0.0).known() {
            Some(_) => Ok(()),
            None => {
                let message =
                    "this arithmetic does not say what its numbers are (`Real::known`), and what happens here depends on them";
                Err(Error::new(ErrorKind::Unsupported, message).at(at))
            }
        }
    }
}

/// The lengths of a shape's axes.
pub(super) fn lengths(open: &Lengths, shape: Shape) -> Result<Vec<usize>> {
    shape.axes().iter().map(|&axis| length(axis, open)).collect()
}

pub(super) fn num<T: Real>(x: &Computed<T>) -> &Array<T> {
    match x {
        Either::Num(x) => x,
        Either::Mask(_) => unreachable!("a verified graph has numbers here"),
    }
}

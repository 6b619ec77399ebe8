//! A run over arrays: what is computed so far.

use super::array::Array;
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::{Control, Function, NodeId};
use crate::op::Scalar;
use rustc_hash::FxHashMap;
use std::{cell::RefCell, collections::HashMap, rc::Rc};

/// Lengths of open axes.
pub(crate) type Lengths = FxHashMap<&'static str, usize>;

pub(super) type Computed<T> = Either<Array<T>, Array<bool>>;

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

pub(super) struct Run<'f, T> {
    pub(super) f: &'f Function,
    pub(super) open: Lengths,
    pub(super) values: Vec<Computed<T>>,
    pub(super) nested: RefCell<Nests<T>>,
}

/// The results of operations with bodies, which several nodes stand for: by operation and operands.
pub(super) type Nests<T> = HashMap<(*const Control, Vec<NodeId>), Rc<Results<T>>>;

/// Per carried value, result of a choice, or value that steps keep; and what steps were given to carry.
#[derive(Default)]
pub(super) struct Results<T> {
    pub(super) last: Vec<Array<T>>,
    pub(super) each: Vec<Array<T>>,
    pub(super) carried: Vec<Array<T>>,
}

impl<'f, T: Scalar> Run<'f, T> {
    pub(super) fn new(f: &'f Function, open: Lengths) -> Self {
        Run { f, open, values: Vec::with_capacity(f.graph().len()), nested: RefCell::default() }
    }

    /// A number's value.
    pub(super) fn array_of(&self, id: NodeId) -> &Array<T> {
        num(&self.values[id.index()])
    }

    pub(super) fn lengths(&self, shape: Shape) -> Result<Vec<usize>> {
        let length = |axis: &Axis| match *axis {
            Axis::Fixed(n) => Ok(n),
            Axis::Open(name) => self.open.get(name).copied().ok_or_else(|| {
                Error::new(ErrorKind::Shape, format!("the length of the open axis `{name}` is not known: no input has it"))
            }),
        };
        shape.axes().iter().map(length).collect()
    }
}

pub(super) fn num<T>(x: &Computed<T>) -> &Array<T> {
    match x {
        Either::Num(x) => x,
        Either::Mask(_) => unreachable!("a verified graph has numbers here"),
    }
}

//! The data: what graphs, functions and operations with bodies consist of. A graph has operations, operations have bodies, bodies are
//! functions, and functions have graphs; what can be done with them stands in the files above.

use super::node::{NodeId, NodeWeight};
use super::opaque::Opaque;
use crate::base::revolve::Checkpoints;
use crate::base::{Axis, Shape, Width};
use crate::op::{ArrayOp, DType};
use petgraph::graph::DiGraph;
use std::{ops::Deref, sync::Arc};

/// A directed acyclic graph of nodes; edges run from a node to its operands, in order, parallel edges included.
///
/// Creation order is a topological order, and the operands of a node are one contiguous run of edges.
#[derive(Clone, Default)]
pub struct Graph {
    pub(super) dag: DiGraph<NodeWeight, ()>,
    /// The operations of arrays that nodes apply, each once.
    pub(super) arrays: Vec<ArrayOp>,
    /// The operations with bodies that nodes are results of, each once. The bodies are shared with other graphs that have them.
    pub(super) controls: Vec<SharedControl>,
}

/// A function as a graph: named inputs, named outputs, one float width. Cheap to clone, `Send + Sync`.
///
/// Everything that differentiates, simplifies or combines takes a `Function` and gives a `Function`.
#[derive(Clone)]
pub struct Function {
    pub(super) graph: Arc<Graph>,
    pub(super) width: Width,
    pub(super) inputs: Vec<InputGroup>,
    pub(super) outputs: Vec<OutputGroup>,
}

/// A named input: one value, or several of one shape that go together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct InputGroup {
    pub(super) name: String,
    pub(super) first: usize,
    pub(super) len: usize,
    pub(super) shape: Shape,
    pub(super) dtype: DType,
    pub(super) active: bool,
    pub(super) batch: usize,
}

impl InputGroup {
    /// An input of `len` numbers, each a scalar of its own.
    pub(crate) fn numbers(name: impl Into<String>, len: usize) -> Self {
        InputGroup { name: name.into(), first: 0, len, shape: Shape::SCALAR, dtype: DType::Float, active: true, batch: 0 }
    }

    /// An input that is one value of a shape.
    pub(crate) fn value(name: impl Into<String>, shape: Shape, dtype: DType) -> Self {
        InputGroup { name: name.into(), first: 0, len: 1, shape, dtype, active: dtype == DType::Float, batch: 0 }
    }

    /// Numbers in the place of an output's values.
    pub(crate) fn like_output(f: &Function, output: &OutputGroup) -> Self {
        let each = f.value_shape(output);
        InputGroup::numbers(output.name(), output.nodes.len()).with_shape(each).with_batch(output.batch)
    }

    pub(crate) fn with_active(mut self, active: bool) -> Self {
        self.active = active;
        self
    }

    pub(crate) fn with_shape(&self, shape: Shape) -> Self {
        InputGroup { shape, ..self.clone() }
    }

    pub(crate) fn renamed(&self, name: String) -> Self {
        InputGroup { name, ..self.clone() }
    }

    pub(crate) fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// The shape of its value; of each of its values, where it has several.
    pub fn shape(&self) -> Shape {
        self.shape
    }
    /// How many leading axes of its values' shape are those of a batch: they stand in front of the index of a value. An input that is
    /// declared has none, and [`Function::vmap`] adds one.
    pub fn batch(&self) -> usize {
        self.batch
    }
    /// The shape of the input as one array, which is how its numbers lie in memory: the axes of the batch, the index of a value unless
    /// there is exactly one, and the values' own axes.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace((("p", 3), "x"), |(p, x)| p[0] + p[1] * x + p[2] * x * x)?;
    /// let shapes = |f: &Function| f.inputs().iter().map(|input| input.array_shape().to_string()).collect::<Vec<_>>();
    /// assert_eq!(shapes(&f), ["[3]", "[]"]);
    /// // n rows of three neighbours
    /// assert_eq!(shapes(&f.vmap("n", ["p", "x"])?), ["[n,3]", "[n]"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn array_shape(&self) -> Shape {
        together(self.shape, self.len, self.batch)
    }
    /// What its values are.
    pub fn dtype(&self) -> DType {
        self.dtype
    }
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// How many values it has, each with the input's shape.
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether it has no value at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Whether derivatives are taken with respect to it; see [`Function::wrt`].
    pub fn is_active(&self) -> bool {
        self.active
    }
    /// Where its values stand among those of all inputs.
    pub fn range(&self) -> std::ops::Range<usize> {
        self.first..self.first + self.len
    }
}

/// A named output: one value, or several of one shape that go together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OutputGroup {
    pub(crate) name: String,
    pub(crate) nodes: Vec<NodeId>,
    pub(crate) aux: bool,
    pub(crate) batch: usize,
}

impl OutputGroup {
    /// An output of one value, or of some that stand one after the other.
    pub(crate) fn new(name: impl Into<String>, nodes: Vec<NodeId>) -> Self {
        OutputGroup { name: name.into(), nodes, aux: false, batch: 0 }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// The nodes that hold its numbers.
    pub fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }
    /// Whether it is computed beside the others but not differentiated.
    pub fn is_aux(&self) -> bool {
        self.aux
    }
    /// How many leading axes of its values' shape are those of a batch; see [`InputGroup::batch`].
    pub fn batch(&self) -> usize {
        self.batch
    }
}

/// The shape of some values as one array, whose index stands behind the axes of the batch.
pub(super) fn together(each: Shape, len: usize, batch: usize) -> Shape {
    if len == 1 {
        return each;
    }
    let (batch, own) = each.axes().split_at(batch);
    Shape::new([batch, &[Axis::Fixed(len)], own].concat())
}

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
        states: States,
    },
    /// Operands: what is carried at the start, what every step shares. Both bodies take these; the condition gives a number,
    /// which is not 0 as long as the body is to run, and the body gives what is carried on.
    While { condition: Function, body: Function, carries: usize },
    /// A loop, which is the first sweep, and further sweeps over its turns: its adjoint, or a derivative of that. Operands: what each sweep carries
    /// at the start, sweep by sweep, then what all share. The condition takes what the loop's body takes. See [`Sweep`].
    Sweeps { condition: Function, sweeps: Vec<Sweep> },
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

/// What the steps of a scan leave for its adjoint.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum States {
    /// All of them are in memory.
    All,
    /// Some states are, from which steps run again.
    Checkpoints(Checkpoints),
    /// It is the adjoint of such a scan: what it reads of that may be made again.
    Again,
}

/// A sweep over the turns of a loop. The loop itself goes forward, the next sweep from its last turn to the first, the next forward, and so on. What
/// a turn was given to carry, and what else its body gives, is a record for later sweeps.
pub(crate) struct Sweep {
    /// Takes the turn's records, from the first sweep's on, what it carries, what is shared; gives what is carried on, then the rest of its record.
    pub(crate) body: Function,
    pub(crate) carries: usize,
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

/// An operation with bodies, shared by the graphs that have it. Equal ones are those that do the same: in a graph there is one of them.
#[derive(Clone)]
pub(crate) struct SharedControl(pub(super) Arc<Summed>);

/// With a hash of what it does, so that bodies are compared with few others.
pub(super) struct Summed {
    pub(super) digest: u64,
    /// How deep bodies stand in its bodies: 1 if in none.
    pub(super) depth: usize,
    pub(super) control: Control,
}

impl Deref for SharedControl {
    type Target = Control;
    fn deref(&self) -> &Control {
        &self.0.control
    }
}

//! Functions: a graph with named inputs and outputs.

use super::builder::Builder;
use super::handle::Expr;
use super::model::{Function, Graph, InputGroup, OutputGroup, together};
use super::names::{check_names, named};
use super::node::NodeId;
use super::session::Session;
use super::signature::{Binder, Collector, Inputs, Outputs};
use super::trace;
use super::view::Kind;
use crate::base::{Shape, Width, check_room};
use crate::error::{Caller, Error, Kind as ErrorKind, Result, bracketed, count, names as listed, short, unknown_name};
use crate::op::DType;
use std::{panic::Location, sync::Arc};

/// An output of a function under construction.
pub(crate) struct NewOutput {
    pub(crate) name: String,
    pub(crate) values: Vec<Expr>,
    pub(crate) aux: bool,
    pub(crate) batch: usize,
}

impl NewOutput {
    /// An output of one value, or of some that stand one after the other.
    pub(crate) fn new(name: impl Into<String>, values: Vec<Expr>) -> Self {
        NewOutput { name: name.into(), values, aux: false, batch: 0 }
    }

    /// Values like those of an output: differentiated or not, and with a batch, as it is.
    pub(crate) fn like(output: &OutputGroup, values: Vec<Expr>) -> Self {
        NewOutput { name: output.name.clone(), values, aux: output.aux, batch: output.batch }
    }

    pub(crate) fn with_batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// What a closure gives; an error is one of the live trace.
    pub(crate) fn of(results: impl Outputs) -> Vec<NewOutput> {
        let mut collector = Collector::default();
        results.collect(&mut collector);
        if let Some(error) = collector.error {
            trace::refuse(error);
        }
        let unnamed = collector.groups.iter().filter(|group| group.name.is_none()).count();
        let outputs = collector.groups.into_iter().enumerate().map(|(k, group)| NewOutput {
            name: group.name.unwrap_or_else(|| if unnamed == 1 { "y".into() } else { format!("y{k}") }),
            values: group.values,
            aux: group.aux,
            batch: group.batch,
        });
        outputs.collect()
    }
}

impl Function {
    /// Traces a closure in double precision.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// assert_eq!(f.eval(&[2.0, 1.0])?, [6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that went wrong while tracing, with the line it stands in: handles of another trace, `==` between
    /// unknowns; an empty or duplicate name; no output; an error that the closure gives; a process that has made more shapes than it may
    /// (see [`Shape`]).
    #[track_caller]
    pub fn trace<I: Inputs, R: Outputs>(inputs: I, f: impl FnOnce(I::Args) -> R) -> Result<Function> {
        Function::trace_in(Width::F64, inputs, f)
    }

    /// Traces a closure in the given width: constants are rounded to it before anything is folded.
    ///
    /// # Errors
    /// As [`Function::trace`].
    #[track_caller]
    pub fn trace_in<I: Inputs, R: Outputs>(width: Width, inputs: I, f: impl FnOnce(I::Args) -> R) -> Result<Function> {
        let at = Location::caller();
        check_room().map_err(|error| error.at(Some(at)))?;
        let session = Session::open(width, at);
        let mut binder = Binder::new(&session);
        let args = inputs.bind(&mut binder);
        let groups = binder.finish().map_err(|error| error.at(Some(at)))?;
        let outputs = NewOutput::of(f(args));
        Function::close(session, width, groups, outputs, at)
    }

    /// A function made by a transformation.
    pub(crate) fn build(
        width: Width,
        inputs: Vec<InputGroup>,
        at: Caller,
        body: impl FnOnce(&[Expr]) -> Vec<NewOutput>,
    ) -> Result<Function> {
        let session = Session::open(width, at);
        let mut args: Vec<Expr> = Vec::new();
        for input in &inputs {
            args.extend((0..input.len).map(|_| session.input(input.shape, input.dtype)));
        }
        let outputs = body(&args);
        Function::close(session, width, inputs, outputs, at)
    }

    fn close(session: Session, width: Width, inputs: Vec<InputGroup>, outputs: Vec<NewOutput>, at: Caller) -> Result<Function> {
        let nodes: Vec<Vec<NodeId>> = outputs.iter().map(|output| session.outputs(&output.values, at)).collect();
        let graph = session.finish()?;
        let outputs = outputs.into_iter().zip(nodes);
        let outputs =
            outputs.map(|(NewOutput { name, aux, batch, .. }, nodes)| OutputGroup { name, nodes, aux, batch }).collect();
        Function::assemble(graph, width, inputs, outputs).map_err(|error| error.at(Some(at)))
    }

    /// Puts a function together; nodes that no output needs are left out.
    pub(crate) fn assemble(
        graph: Graph,
        width: Width,
        inputs: Vec<InputGroup>,
        mut outputs: Vec<OutputGroup>,
    ) -> Result<Function> {
        check_names("input", inputs.iter().map(|input| &input.name))?;
        check_names("output", outputs.iter().map(|output| &output.name))?;
        outputs.iter_mut().try_for_each(|output| check_alike(&graph, output))?;
        if outputs.iter().all(|output| output.nodes.is_empty()) {
            return Err(Error::new(ErrorKind::Unsupported, "the function has no output"));
        }
        let mut first = 0;
        let inputs = inputs.into_iter().map(|input| {
            first += input.len;
            InputGroup { first: first - input.len, ..input }
        });
        let f = Function { inputs: inputs.collect(), graph: Arc::new(graph), width, outputs }.pruned();
        debug_assert!(f.graph.verify().is_ok(), "{:?}", f.graph.verify());
        Ok(f)
    }

    /// The function without the nodes that no output needs.
    pub(crate) fn pruned(self) -> Function {
        let live = self.graph.reachable(self.output_nodes());
        if live.iter().skip(self.input_len()).all(|&live| live) {
            return self;
        }
        let (graph, map) = self.graph.retain(&live);
        self.moved(graph, &map)
    }

    /// The function on another graph; `map` says where its nodes have gone.
    pub(super) fn moved(&self, graph: Graph, map: &[NodeId]) -> Function {
        let mut outputs = self.outputs.clone();
        for node in outputs.iter_mut().flat_map(|output| &mut output.nodes) {
            *node = map[node.index()];
        }
        Function { graph: Arc::new(graph), width: self.width, inputs: self.inputs.clone(), outputs }
    }

    /// Rebuilds the live part of the graph, node by node in order: `make` says which new node stands for an old one,
    /// given the new operands.
    pub(crate) fn rebuild(&self, mut make: impl FnMut(&Graph, &mut Builder, NodeId, &[NodeId]) -> NodeId) -> Function {
        let graph = &*self.graph;
        let live = graph.reachable(self.output_nodes());
        let mut new = Builder::like(graph);
        let mut map = vec![NodeId(0); graph.len()];
        for id in graph.ids() {
            map[id.index()] = if let Kind::Input(_) = graph.node(id).kind() {
                new.input(graph.node(id).shape(), graph.node(id).dtype())
            } else if live[id.index()] {
                let args = graph.operands_as(id, |operand| map[operand.index()]);
                make(graph, &mut new, id, &args)
            } else {
                continue;
            };
        }
        self.moved(new.finish(), &map)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }
    /// The float width.
    pub fn width(&self) -> Width {
        self.width
    }
    /// The inputs, in order.
    pub fn inputs(&self) -> &[InputGroup] {
        &self.inputs
    }
    /// The outputs, in order.
    pub fn outputs(&self) -> &[OutputGroup] {
        &self.outputs
    }
    /// How many numbers the inputs have together.
    pub fn input_len(&self) -> usize {
        self.inputs.last().map_or(0, |group| group.first + group.len)
    }
    /// How many numbers the outputs have together.
    pub fn output_len(&self) -> usize {
        self.outputs.iter().map(|output| output.nodes.len()).sum()
    }
    /// The nodes of all outputs, in order.
    pub fn output_nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.outputs.iter().flat_map(|output| output.nodes.iter().copied())
    }

    /// The input of a name.
    ///
    /// # Errors
    /// If there is none.
    #[track_caller]
    pub fn input(&self, name: &str) -> Result<&InputGroup> {
        match self.inputs.iter().find(|group| group.name == name) {
            Some(group) => Ok(group),
            None => Err(unknown_name("input", name, &self.inputs.iter().map(InputGroup::name).collect::<Vec<_>>())),
        }
    }

    /// The output of a name.
    ///
    /// # Errors
    /// If there is none.
    #[track_caller]
    pub fn output(&self, name: &str) -> Result<&OutputGroup> {
        match self.outputs.iter().find(|group| group.name == name) {
            Some(group) => Ok(group),
            None => Err(unknown_name("output", name, &self.outputs.iter().map(OutputGroup::name).collect::<Vec<_>>())),
        }
    }

    /// The shape of an output as one array, which is how its numbers lie in memory; see [`InputGroup::array_shape`]. An output without values
    /// has the shape `[0]`.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| [x, x * x])?;
    /// let shape = |f: &Function| f.output_shape(&f.outputs()[0]).to_string();
    /// assert_eq!((shape(&f), shape(&f.vmap("n", ["x"])?)), ("[2]".to_owned(), "[n,2]".to_owned()));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the output is that of another function, whose graph is larger.
    pub fn output_shape(&self, output: &OutputGroup) -> Shape {
        together(self.value_shape(output), output.nodes.len(), output.batch)
    }

    /// The shape of each value of an output.
    pub(crate) fn value_shape(&self, output: &OutputGroup) -> Shape {
        output.nodes.first().map_or(Shape::SCALAR, |&id| self.graph.node(id).shape())
    }

    /// Which inputs a name stands for: one, or the parts of a structure.
    #[track_caller]
    pub(crate) fn inputs_named(&self, name: &str) -> Result<Vec<usize>> {
        match named(name, self.inputs.iter().map(InputGroup::name)) {
            none if none.is_empty() => Err(self.input(name).expect_err("no input has the name")),
            found => Ok(found),
        }
    }

    /// Which outputs a name stands for: one, or the parts of a structure.
    #[track_caller]
    pub(crate) fn outputs_named(&self, name: &str) -> Result<Vec<usize>> {
        match named(name, self.outputs.iter().map(OutputGroup::name)) {
            none if none.is_empty() => Err(self.output(name).expect_err("no output has the name")),
            found => Ok(found),
        }
    }

    /// The outputs that are differentiated.
    pub(crate) fn differentiable(&self) -> impl Iterator<Item = &OutputGroup> {
        self.outputs.iter().filter(|y| !y.aux)
    }

    /// Where the numbers of the active inputs stand among those of all inputs.
    pub(crate) fn active_slots(&self) -> Vec<usize> {
        self.inputs.iter().filter(|group| group.active).flat_map(InputGroup::range).collect()
    }

    /// Names of the outputs that are zero whatever the inputs: derivatives with respect to inputs that nothing depends on.
    pub fn structural_zeros(&self) -> Vec<&str> {
        let zero = |id: &NodeId| self.graph.node(*id).kind() == Kind::constant(0.0);
        self.outputs.iter().filter(|y| !y.nodes.is_empty() && y.nodes.iter().all(zero)).map(OutputGroup::name).collect()
    }

    /// The same function, with derivatives taken with respect to the named inputs only. The name of a
    /// [`Structure`](trait@crate::Structure) of arrays stands for all that are parts of it.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["w", "x"], |[w, x]| w * x)?;
    /// assert_eq!(f.wrt(["w"])?.grad()?.eval(&[2.0, 3.0])?, [3.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or given twice, or is that of an index.
    #[track_caller]
    pub fn wrt<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> Result<Function> {
        let mut f = self.clone();
        f.inputs.iter_mut().for_each(|group| group.active = false);
        for name in names {
            for at in self.inputs_named(name.as_ref())? {
                let input = &mut f.inputs[at];
                if input.dtype == DType::Index {
                    let message = format!(
                        "the input `{}` is an index: a whole number that says where, by which nothing is differentiated",
                        short(&input.name)
                    );
                    return Err(Error::here(ErrorKind::Unsupported, message));
                }
                if std::mem::replace(&mut input.active, true) {
                    return Err(Error::here(ErrorKind::Name, format!("the input `{}` is named twice", short(&input.name))));
                }
            }
        }
        Ok(f)
    }

    /// The same function with the named outputs only, in the order of the names; what none of them needs is left out. The name of a
    /// [`Structure`](trait@crate::Structure) stands for all outputs that are parts of it.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| (("sin", x.sin()), ("square", x * x)))?;
    /// assert_eq!(f.only(["square"])?.grad()?.eval(&[3.0])?, [6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or given twice, or there is none.
    #[track_caller]
    pub fn only<S: AsRef<str>>(&self, names: impl IntoIterator<Item = S>) -> Result<Function> {
        let mut outputs: Vec<OutputGroup> = Vec::new();
        for name in names {
            for group in self.outputs_named(name.as_ref())?.into_iter().map(|at| &self.outputs[at]) {
                if outputs.contains(group) {
                    return Err(Error::here(ErrorKind::Name, format!("the output `{}` is named twice", short(&group.name))));
                }
                outputs.push(group.clone());
            }
        }
        if outputs.is_empty() {
            return Err(Error::here(ErrorKind::Name, "only needs an output to keep"));
        }
        Ok(Function { outputs, ..self.clone() }.pruned())
    }

    /// The function, with the marked inputs active and all but the marked outputs auxiliary; each is one value.
    pub(crate) fn marked(&self, inputs: &[bool], outputs: &[bool]) -> Function {
        let mut f = self.clone();
        f.inputs.iter_mut().zip(inputs).for_each(|(group, &active)| group.active = active);
        f.outputs.iter_mut().zip(outputs).for_each(|(y, &differentiated)| y.aux = !differentiated);
        f
    }

    /// The function without its auxiliary outputs.
    pub(crate) fn without_aux(&self) -> Function {
        let mut f = self.clone();
        f.outputs.retain(|y| !y.aux);
        f
    }

    /// The function with some of its outputs.
    pub(crate) fn with_outputs(mut self, which: impl std::slice::SliceIndex<[OutputGroup], Output = [OutputGroup]>) -> Function {
        self.outputs = self.outputs[which].to_vec();
        self.pruned()
    }

    /// The same with some of its outputs, by their number.
    pub(crate) fn with_chosen_outputs(&self, chosen: impl Fn(usize) -> bool) -> Function {
        let outputs = self.outputs.iter().enumerate().filter(|(k, _)| chosen(*k)).map(|(_, y)| y.clone()).collect();
        Function { outputs, ..self.clone() }.pruned()
    }

    /// The same with nodes of its graph as further outputs.
    pub(crate) fn with_further_outputs(&self, nodes: &[NodeId]) -> Function {
        let mut f = self.clone();
        let further = nodes.iter().zip(f.outputs.len()..);
        let further: Vec<OutputGroup> = further.map(|(&id, k)| OutputGroup::new(format!("y{k}"), vec![id])).collect();
        f.outputs.extend(further);
        f
    }

    pub(crate) fn rename_output(&mut self, at: usize, name: &str) {
        self.outputs[at].name = name.into();
    }

    /// Whether all inputs and outputs are groups of single numbers, whatever is used inside. The names and shapes of a derivative's results
    /// depend on this alone.
    ///
    /// ```
    /// use wengert::{Expr, Function};
    /// let f = Function::trace(("x", 3), |x| Expr::stack(&x, 0).norm())?; // an array inside
    /// assert!(f.is_of_numbers() && !f.vmap("n", ["x"])?.is_of_numbers());
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn is_of_numbers(&self) -> bool {
        self.first_array().is_none()
    }

    /// An input or output that is an array, for an error to name.
    fn first_array(&self) -> Option<String> {
        let shape = |id| self.graph.node(id).shape();
        let input = self.inputs.iter().find(|group| group.shape != Shape::SCALAR);
        let array = |what: &str, name: &str, shape: Shape| {
            format!("the {what} `{}` has the shape {}", short(name), bracketed(shape.axes()))
        };
        let input = input.map(|group| array("input", &group.name, group.shape));
        let output = || self.outputs.iter().find_map(|y| Some((y, y.nodes.iter().find(|id| shape(**id) != Shape::SCALAR)?)));
        input.or_else(|| output().map(|(y, id)| array("output", &y.name, shape(*id))))
    }

    /// Which inputs are indices; each is one value.
    pub(crate) fn index_inputs(&self) -> Vec<bool> {
        self.inputs.iter().map(|group| group.dtype == DType::Index).collect()
    }

    /// Whether a value inside has axes, or there is a loop, a choice or an opaque call: how it is computed, and nothing of what it looks like
    /// from outside.
    pub(crate) fn has_arrays(&self) -> bool {
        let node = |id| self.graph.node(id);
        let shaped = |id| match node(id).kind() {
            _ if node(id).shape() != Shape::SCALAR => true,
            Kind::Array(_) => true,
            Kind::Control(nested) => nested.control.needs_arrays(),
            _ => false,
        };
        self.graph.ids().any(shaped)
    }

    /// That it is of numbers. `instead` is what takes arrays, if something does.
    #[track_caller]
    pub(crate) fn check_numbers(&self, what: &str, instead: Option<&str>) -> Result<()> {
        let Some(array) = self.first_array() else { return Ok(()) };
        let hint = instead.map_or(String::new(), |instead| format!(": use `{instead}`"));
        let message = format!("{what} takes functions of single numbers, and this one has arrays ({array}){hint}");
        Err(Error::here(ErrorKind::Unsupported, message))
    }

    /// `what` is `inputs`, `active inputs` or `outputs`.
    #[track_caller]
    pub(crate) fn check_len(&self, what: &str, wanted: usize, got: usize) -> Result<()> {
        if wanted == got {
            return Ok(());
        }
        let names: Vec<&str> = match what {
            "outputs" => self.outputs.iter().filter(|y| !y.aux).map(OutputGroup::name).collect(),
            "active inputs" => self.inputs.iter().filter(|group| group.active).map(InputGroup::name).collect(),
            _ => self.inputs.iter().map(InputGroup::name).collect(),
        };
        let message = format!("the {what} ({}) have {} together, not {got}", listed(names.iter()), count(wanted, "number"));
        Err(Error::here(ErrorKind::Length, message))
    }
}

/// That an output's values go together as one array. Without a value there is nothing to have a batch.
fn check_alike(graph: &Graph, output: &mut OutputGroup) -> Result<()> {
    let ty = |id: &NodeId| (graph.node(*id).shape(), graph.node(*id).dtype());
    let Some((shape, dtype)) = output.nodes.first().map(ty) else {
        output.batch = 0;
        return Ok(());
    };
    let Some((other, kind)) = output.nodes.iter().map(ty).find(|ty| *ty != (shape, dtype)) else {
        debug_assert!(output.batch <= shape.rank(), "a batch of as many axes as there are");
        return Ok(());
    };
    let values = match kind == dtype {
        true => format!("values of the shapes {} and {}", bracketed(shape.axes()), bracketed(other.axes())),
        false => "numbers and indices".into(),
    };
    let message = format!(
        "the output `{}` has {values}: an output is one array, so give each a name, as in `((\"a\", a), (\"b\", b))`",
        short(&output.name)
    );
    Err(Error::new(ErrorKind::Shape, message))
}

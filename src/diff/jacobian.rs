//! Jacobians: of functions of numbers a sweep for each, which what is used inside meets all at once; of functions of arrays sweeps mapped over one-hot
//! seeds.

use super::first::{jvp, transformed, vjp};
use super::keyed::{Products, products};
use super::seeds::seeds;
use super::traced::{Extra, check_differentiable, distinct};
use crate::base::{Axis, Shape};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput, NodeId, OutputGroup, by};
use crate::op::lit;
use crate::vmap::vmap;
use std::panic::Location;

/// Which way a Jacobian is swept.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Default)]
pub enum Mode {
    /// Forward where there are no more inputs than outputs, else reverse.
    #[default]
    Auto,
    /// One sweep per input.
    Forward,
    /// One sweep per output.
    Reverse,
}

/// The Jacobian, row by row; see [`Function::jacobian`].
#[track_caller]
pub(crate) fn jacobian(f: &Function, mode: Mode) -> Result<Function> {
    check_differentiable(f)?;
    // Auxiliary outputs are not differentiated, and decide nothing.
    let f = &f.without_aux().pruned();
    if !f.is_of_numbers() {
        let rows: Vec<&str> = f.differentiable().map(OutputGroup::name).collect();
        return jacobian_of_arrays(f, "jacobian", &rows, mode);
    }
    let rows: Vec<NodeId> = f.differentiable().flat_map(|y| y.nodes().iter().copied()).collect();
    let columns = f.active_slots();
    let forward = match mode {
        Mode::Auto => columns.len() <= rows.len(),
        Mode::Forward => true,
        Mode::Reverse => false,
    };
    if f.has_arrays() {
        return at_once(f, rows.len(), columns.len(), forward, Location::caller());
    }
    transformed(f, Extra::None, |linear, x, _| {
        let mut entries = vec![lit(0.0); rows.len() * columns.len()];
        if forward {
            for (j, &slot) in columns.iter().enumerate() {
                let mut seed = vec![None; x.len()];
                seed[slot] = Some(lit(1.0));
                let tangents = linear.forward(&seed);
                for (i, &row) in rows.iter().enumerate() {
                    entries[i * columns.len() + j] = tangents[row.index()].unwrap_or(lit(0.0));
                }
            }
        } else {
            for (i, &row) in rows.iter().enumerate() {
                let adjoints = linear.reverse([(row, lit(1.0))]);
                for (j, &slot) in columns.iter().enumerate() {
                    entries[i * columns.len() + j] = adjoints.get(slot).copied().flatten().unwrap_or(lit(0.0));
                }
            }
        }
        vec![NewOutput::new("jacobian", entries)]
    })
}

/// The same of a function of numbers that uses arrays, loops or choices inside: all sweeps go side by side, and each part is met once.
fn at_once(f: &Function, rows: usize, columns: usize, forward: bool, at: &'static Location<'static>) -> Result<Function> {
    let all = |len: usize, seeded: bool| (0..len as u32).map(|k| seeded.then_some(k)).collect::<Vec<_>>();
    let entries = || (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j)));
    let wanted = Products {
        columns: &all(columns, forward),
        rows: &all(rows, !forward),
        forward: &entries().filter(|_| forward).map(|(i, j)| (i, j as u32)).collect::<Vec<_>>(),
        reverse: &entries().filter(|_| !forward).map(|(i, j)| (i as u32, j)).collect::<Vec<_>>(),
    };
    products(f, "jacobian", &wanted, at, |entries| entries)
}

/// A named input or output: one value, or several of one shape.
#[derive(Copy, Clone)]
struct Values<'f> {
    name: &'f str,
    len: usize,
    each: Shape,
    is_of_batch: bool,
}

impl<'f> Values<'f> {
    fn input(group: &'f InputGroup) -> Self {
        Values { name: group.name(), len: group.len(), each: group.shape(), is_of_batch: group.batch() > 0 }
    }

    fn output(f: &Function, group: &'f OutputGroup) -> Self {
        let each = group.nodes().first().map_or(Shape::SCALAR, |&id| f.graph().node(id).shape());
        Values { name: group.name(), len: group.nodes().len(), each, is_of_batch: group.batch() > 0 }
    }

    /// The shape of all together: several values have an axis of their own.
    fn shape(self) -> Shape {
        let several = [Axis::Fixed(self.len)];
        Shape::new([if self.len == 1 { &[] } else { &several[..] }, self.each.axes()].concat())
    }

    /// How many numbers there are, if no axis is open.
    fn numbers(self) -> Option<usize> {
        self.shape().len()
    }

    /// A seed for every number, along a leading axis: 1 for the number, 0 for the others.
    fn seeds(self) -> Vec<Expr> {
        seeds(self.numbers().unwrap_or(0), std::iter::repeat_n(self.each, self.len))
    }
}

fn joined(a: Shape, b: Shape) -> Vec<Axis> {
    [a.axes(), b.axes()].concat()
}

/// Values that go together as one, with an axis for their number, at this place, if there are several.
fn together(values: &[Expr], axis: usize) -> Expr {
    if let [one] = *values { one } else { Expr::stack(values, axis as isize) }
}

/// For every output and active input one array of the shape of the output followed by that of the input. `rows` names the
/// outputs.
#[track_caller]
pub(super) fn jacobian_of_arrays(f: &Function, what: &str, rows: &[&str], mode: Mode) -> Result<Function> {
    let at = Location::caller();
    let f = f.without_aux();
    let inputs: Vec<Values> = f.inputs().iter().filter(|group| group.is_active()).map(Values::input).collect();
    let outputs: Vec<Values> = f.outputs().iter().map(|group| Values::output(&f, group)).collect();
    let sweeps = if forward(what, &inputs, &outputs, mode).map_err(|error| error.at(Some(at)))? {
        inputs.iter().map(|x| forward_sweep(&f, *x)).collect::<Result<Vec<_>>>()?
    } else {
        (0..outputs.len()).map(|k| reverse_sweep(&f, k, outputs[k])).collect::<Result<Vec<_>>>()?
    };
    let single = inputs.len() == 1 && outputs.len() == 1;
    Function::build(f.width(), f.inputs().to_vec(), at, |args| {
        let mut blocks = vec![Vec::new(); outputs.len()];
        for sweep in &sweeps {
            let seeds = by(at, || sweep.seeded.seeds());
            let results = outputs_at(&sweep.f, &[args, &seeds].concat()).expect("a sweep takes the inputs and its seeds");
            let mut results = &results[..];
            by(at, || match sweep.row {
                None => outputs.iter().zip(&mut blocks).for_each(|(y, row)| {
                    let values;
                    (values, results) = results.split_at(y.len);
                    row.push(sweep.column(values, *y));
                }),
                Some(k) => blocks[k].extend(inputs.iter().map(|x| {
                    let values;
                    (values, results) = results.split_at(x.len);
                    together(values, 1).reshape(joined(sweep.seeded.shape(), x.shape()))
                })),
            });
        }
        let named = blocks.into_iter().zip(rows).flat_map(|(row, y)| {
            row.into_iter().zip(&inputs).map(move |(value, x)| {
                let name = if single { what.to_owned() } else { format!("{what}_{y}_{}", x.name) };
                NewOutput::new(name, vec![value])
            })
        });
        distinct(named.collect())
    })
}

/// The tangents of all outputs, for a tangent of one input with the numbers of all seeds.
fn forward_sweep<'f>(f: &Function, x: Values<'f>) -> Result<Sweep<'f>> {
    let tangents = jvp(&f.wrt([x.name])?)?.with_outputs(f.outputs().len()..);
    Sweep::mapped(tangents, x, None)
}

/// The adjoints of the inputs, for a cotangent of one output.
fn reverse_sweep<'f>(f: &Function, k: usize, y: Values<'f>) -> Result<Sweep<'f>> {
    let adjoints = vjp(&f.clone().with_outputs(k..k + 1))?.with_outputs(1..);
    Sweep::mapped(adjoints, y, Some(k))
}

/// A sweep for every number of an input or output.
struct Sweep<'f> {
    /// The inputs are followed by seeds; every result has a leading axis for them.
    f: Function,
    seeded: Values<'f>,
    /// The output that was swept from, backward; forward there is none.
    row: Option<usize>,
}

impl<'f> Sweep<'f> {
    fn mapped(f: Function, seeded: Values<'f>, row: Option<usize>) -> Result<Self> {
        let seeds = f.inputs().last().expect("seeds are inputs").name().to_owned();
        let f = vmap(&f, Axis::Fixed(seeded.numbers().unwrap_or(0)), [seeds])?;
        Ok(Sweep { f, seeded, row })
    }

    /// What a forward sweep gives of an output, its leading axis last.
    fn column(&self, values: &[Expr], y: Values) -> Expr {
        let values: Vec<Expr> = values.iter().map(|t| t.permute((1..t.rank()).chain([0]).collect::<Vec<_>>())).collect();
        together(&values, 0).reshape(joined(y.shape(), self.seeded.shape()))
    }
}

/// Whether to sweep forward: with one sweep per number, what the sweeps start from must not have an open axis.
fn forward(what: &str, inputs: &[Values], outputs: &[Values], mode: Mode) -> Result<bool> {
    let count = |all: &[Values]| all.iter().map(|values| values.numbers()).sum::<Option<usize>>();
    let fits = match (mode, count(inputs), count(outputs)) {
        (Mode::Auto, Some(n), Some(m)) => Some(n <= m),
        (Mode::Auto | Mode::Forward, Some(_), _) => Some(true),
        (Mode::Auto | Mode::Reverse, _, Some(_)) => Some(false),
        _ => None,
    };
    fits.ok_or_else(|| {
        let open = |all: &[Values]| {
            let open = all.iter().filter(|values| values.numbers().is_none());
            open.map(|values| format!("`{}` {}", values.name, values.shape())).collect::<Vec<_>>().join(", ")
        };
        let (x, y) = (open(inputs), open(outputs));
        let which = match mode {
            Mode::Forward => format!("forward, of the inputs: {x}"),
            Mode::Reverse => format!("in reverse, of the outputs: {y}"),
            Mode::Auto => format!("of the inputs: {x}, or of the outputs: {y}"),
        };
        // An open axis of the other side does no harm.
        let hint = match inputs.iter().chain(outputs).any(|values| values.is_of_batch && values.numbers().is_none()) {
            true => format!("take `{what}` of one sample, before `vmap`"),
            false => "`Function::with_lengths` gives lengths".into(),
        };
        let message = format!("{what}: a sweep per number needs lengths that are known; there are open axes {which}; {hint}");
        Error::new(ErrorKind::Shape, message)
    })
}

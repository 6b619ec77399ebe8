//! Sparse derivatives of functions of arrays: one sweep over all groups of columns, one over all groups of rows, and a gather.

use super::recover::{Read, Recovery};
use crate::base::Width;
use crate::base::{Axis, Shape};
use crate::diff::{jvp, vjp};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::eval::outputs_at;
use crate::graph::{Expr, Function, InputGroup, NewOutput};
use crate::op::DType;
use crate::vmap::vmap;
use std::panic::Location;

/// The entries as the one output `values`, of a function that takes more inputs: unit vectors, and which numbers the entries are.
pub(super) struct Swept {
    pub(super) f: Function,
    /// What the inputs after those of the function itself are.
    pub(super) data: Vec<Vec<f64>>,
}

/// Values of one sweep: how many numbers each has, and the number of the first.
struct Layout(Vec<(usize, usize)>);

impl Layout {
    fn new(lengths: impl Iterator<Item = usize>) -> Layout {
        let mut first = 0;
        let place = |len: usize| {
            first += len;
            (len, first - len)
        };
        Layout(lengths.map(place).collect())
    }

    fn len(&self) -> usize {
        self.0.last().map_or(0, |(len, first)| len + first)
    }

    /// Where a number stands, if every value has an axis for the groups in front and one follows the other.
    fn place(&self, groups: usize, group: u32, number: usize) -> usize {
        let k = self.0.partition_point(|(len, first)| first + len <= number);
        let (len, first) = self.0[k];
        groups * first + group as usize * len + (number - first)
    }

    /// Unit vectors for each value: 1 where a number's group is the group.
    fn seeds<'a>(&'a self, groups: usize, of: &'a [Option<u32>]) -> impl Iterator<Item = Vec<f64>> + 'a {
        self.0.iter().map(move |&(len, first)| {
            let mut seeds = vec![0.0; groups * len];
            for (k, group) in of[first..first + len].iter().enumerate() {
                if let Some(group) = group {
                    seeds[*group as usize * len + k] = 1.0;
                }
            }
            seeds
        })
    }
}

fn numbers(shape: Shape) -> usize {
    shape.len().expect("lengths are known")
}

pub(super) fn values(f: &Function, recovery: &Recovery, at: &'static Location<'static>) -> Result<Swept> {
    let f = f.without_aux();
    let own = f.inputs().len();
    let active = f.inputs().iter().filter(|group| group.is_active());
    let columns = Layout::new(active.flat_map(|group| std::iter::repeat_n(numbers(group.shape()), group.len())));
    let rows = Layout::new(f.output_nodes().map(|id| numbers(f.graph().node(id).shape())));
    let mapped = |sweep: Function, groups: usize| {
        let names: Vec<String> = sweep.inputs()[own..].iter().map(|group| group.name().to_owned()).collect();
        vmap(&sweep, Axis::Fixed(groups), names)
    };
    let mut sweeps: Vec<(Function, Vec<Vec<f64>>)> = Vec::new();
    if recovery.forward > 0 {
        let sweep = mapped(jvp(&f)?.with_outputs(f.outputs().len()..), recovery.forward)?;
        sweeps.push((sweep, grouped(&f, true, columns.seeds(recovery.forward, &recovery.columns))));
    }
    if recovery.reverse > 0 {
        let sweep = mapped(vjp(&f)?.with_outputs(f.outputs().len()..), recovery.reverse)?;
        sweeps.push((sweep, grouped(&f, false, rows.seeds(recovery.reverse, &recovery.rows))));
    }
    let first_reverse = recovery.forward * rows.len();
    let place = |read: &Read| match *read {
        Read::Forward { row, group } => rows.place(recovery.forward, group, row),
        Read::Reverse { group, column } => first_reverse + columns.place(recovery.reverse, group, column),
    };
    let entries: Vec<f64> = recovery.reads.iter().map(|read| place(read) as f64).collect();
    let all = first_reverse + recovery.reverse * columns.len();
    if f.width() == Width::F32 && all > 1 << 24 {
        let message = format!("products of {all} numbers, which indices in f32 do not tell apart: use f64");
        return Err(Error::new(ErrorKind::Limit, message).at(Some(at)));
    }
    let mut inputs: Vec<InputGroup> = f.inputs().to_vec();
    let mut add = |group: &InputGroup| {
        let mut name = group.name().to_owned();
        while inputs.iter().any(|taken| taken.name() == name) {
            name.push('\'');
        }
        // Its data is one value after the other.
        inputs.push(group.renamed(name).with_active(false).with_batch(0));
    };
    sweeps.iter().flat_map(|(sweep, _)| &sweep.inputs()[own..]).for_each(&mut add);
    add(&InputGroup::value("entries", Shape::new([Axis::Fixed(entries.len())]), DType::Index));
    let made = Function::build(f.width(), inputs, at, |args| {
        let (x, mut seeds) = args.split_at(f.input_len());
        let mut parts = Vec::new();
        for (sweep, _) in &sweeps {
            let mine;
            (mine, seeds) = seeds.split_at(sweep.input_len() - f.input_len());
            let results = outputs_at(sweep, &[x, mine].concat()).expect("a sweep takes the inputs and its seeds");
            parts.extend(results.into_iter().map(|y| y.reshape([Axis::Fixed(numbers(y.shape()))])));
        }
        let all = if let [one] = parts[..] { one } else { Expr::concat(&parts, 0) };
        let values = all.gather(seeds[0], 0);
        vec![NewOutput::new("values", vec![values])]
    })?;
    let mut data: Vec<Vec<f64>> = sweeps.into_iter().flat_map(|(_, data)| data).collect();
    data.push(entries);
    Ok(Swept { f: made, data })
}

/// The data of values as that of groups of them.
fn grouped(f: &Function, inputs: bool, mut values: impl Iterator<Item = Vec<f64>>) -> Vec<Vec<f64>> {
    let lengths: Vec<usize> = if inputs {
        f.inputs().iter().filter(|group| group.is_active()).map(InputGroup::len).collect()
    } else {
        f.outputs().iter().map(|y| y.nodes().len()).collect()
    };
    lengths.into_iter().map(|len| values.by_ref().take(len).flatten().collect()).collect()
}

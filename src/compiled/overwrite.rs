//! Outputs that overwrite inputs: a step of training that updates its parameters where they are.

use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, short};
use crate::graph::Function;
use crate::op::DType;

/// The pairs of an output's and an input's number that pairs of names mean: those of two structures stand for those of all their leaves.
///
/// # Errors
/// If a name is unknown or stands in two pairs, the shapes or kinds of a pair differ, or the leaves of two structures do.
#[track_caller]
pub(super) fn overwrites(f: &Function, pairs: &[(String, String)]) -> Result<Vec<(usize, usize)>> {
    let mut updates: Vec<(usize, usize)> = Vec::new();
    let mut all: Vec<(&str, &str)> = Vec::new();
    for (output, input) in pairs {
        all.extend(leaves(f, output, input)?);
    }
    for (output, input) in all {
        let pair = pair(f, output, input)?;
        for (name, taken) in [
            (output, updates.iter().any(|&(output, _)| output == pair.0)),
            (input, updates.iter().any(|&(_, input)| input == pair.1)),
        ] {
            if taken {
                return Err(Error::here(ErrorKind::Name, format!("overwrite: `{}` stands in two pairs", short(name))));
            }
        }
        updates.push(pair);
    }
    Ok(updates)
}

/// The pairs of leaves that a pair of names means: itself, where it names no structures.
#[track_caller]
fn leaves<'a>(f: &'a Function, output: &'a str, input: &'a str) -> Result<Vec<(&'a str, &'a str)>> {
    let from: Vec<&str> = f.outputs().iter().map(|group| group.name()).filter(|name| leaf(name, output).is_some()).collect();
    let to: Vec<&str> = f.inputs().iter().map(|group| group.name()).filter(|name| leaf(name, input).is_some()).collect();
    let exact = f.outputs().iter().any(|group| group.name() == output) || f.inputs().iter().any(|group| group.name() == input);
    if exact || from.is_empty() && to.is_empty() {
        return Ok(vec![(output, input)]);
    }
    let same = |a: &str, b: &str| leaf(a, output) == leaf(b, input);
    if let Some(alone) = to.iter().find(|to| !from.iter().any(|from| same(from, to))) {
        let message = format!(
            "overwrite: there is no output `{}{}` for the input `{}`",
            short(output),
            &alone[input.len()..],
            short(alone)
        );
        return Err(Error::here(ErrorKind::Name, message));
    }
    let partner = |from: &'a str| match to.iter().find(|to| same(from, to)) {
        Some(to) => Ok((from, *to)),
        None => {
            let message = format!(
                "overwrite: there is no input `{}{}` for the output `{}`",
                short(input),
                &from[output.len()..],
                short(from)
            );
            // `compile` says in which line.
            Err(Error::new(ErrorKind::Name, message))
        }
    };
    from.iter().map(|from| partner(from)).collect()
}

/// Where a leaf is in a structure of that name.
fn leaf<'n>(name: &'n str, structure: &str) -> Option<&'n str> {
    name.strip_prefix(structure).filter(|rest| rest.starts_with(['.', '[']))
}

/// The numbers of an output and an input that fit each other.
#[track_caller]
fn pair(f: &Function, output: &str, input: &str) -> Result<(usize, usize)> {
    let (from, to) = (f.output(output)?, f.input(input)?);
    let node = |k: usize| f.graph().node(from.nodes()[k]);
    let fits = from.nodes().len() == to.len()
        && from.batch() == to.batch()
        && (0..to.len()).all(|k| node(k).shape() == to.shape() && node(k).dtype() == to.dtype());
    if !fits {
        let kind = |count: usize, shape: Shape, dtype: DType| match count {
            1 => format!("{} ({dtype:?})", bracketed(shape.axes())),
            count => format!("{count} values of {} ({dtype:?})", bracketed(shape.axes())),
        };
        let batches = [from.batch(), to.batch()].map(|batch| match batch {
            0 => String::new(),
            _ => format!(", in a batch along {batch} of its axes"),
        });
        let from = match from.nodes() {
            [] => "no value".to_owned(),
            nodes => kind(nodes.len(), node(0).shape(), node(0).dtype()),
        };
        let to = kind(to.len(), to.shape(), to.dtype());
        let [of_output, of_input] = batches;
        let (output, input) = (short(output), short(input));
        let message = format!("overwrite: the output `{output}` is {from}{of_output}, and the input `{input}` is {to}{of_input}");
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let o = f.outputs().iter().position(|group| group == from).expect("the output is one of the function's");
    let i = f.inputs().iter().position(|group| group == to).expect("the input is one of the function's");
    Ok((o, i))
}

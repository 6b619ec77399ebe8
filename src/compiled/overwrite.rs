//! Outputs that overwrite inputs: a step of training that updates its parameters where they are.

use crate::base::Shape;
use crate::error::{Error, Kind as ErrorKind, Result, bracketed, short};
use crate::graph::Function;
use crate::op::DType;

/// The pairs of an output's and an input's number that pairs of names mean.
///
/// # Errors
/// If a name is unknown or stands in two pairs, or the shapes or kinds of a pair differ.
#[track_caller]
pub(super) fn overwrites(f: &Function, pairs: &[(String, String)]) -> Result<Vec<(usize, usize)>> {
    let mut updates: Vec<(usize, usize)> = Vec::new();
    for (output, input) in pairs {
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
        let from = match from.nodes() {
            [] => "no value".to_owned(),
            nodes => kind(nodes.len(), node(0).shape(), node(0).dtype()),
        };
        let to = kind(to.len(), to.shape(), to.dtype());
        let message = format!("overwrite: the output `{}` is {from}, and the input `{}` is {to}", short(output), short(input));
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let o = f.outputs().iter().position(|group| group == from).expect("the output is one of the function's");
    let i = f.inputs().iter().position(|group| group == to).expect("the input is one of the function's");
    Ok((o, i))
}

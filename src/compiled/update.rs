//! Outputs that overwrite inputs: a step of training that updates its parameters where they are.

use super::arrays::{CompiledArrays, report};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Arrays, Slices, check_threads};
use crate::graph::Function;
use crate::op::Scalar;
use std::{fmt, sync::Arc};

/// A function of arrays as native code, some of whose outputs overwrite inputs; see [`CompiledArrays::in_place`]. `Send + Sync`, cheap to
/// clone; the code is freed with the last clone.
#[derive(Clone)]
pub struct CompiledUpdate {
    code: Arc<Arrays>,
    /// Of a call, at most.
    threads: usize,
}

impl CompiledArrays {
    /// The same code, with outputs that overwrite inputs of the same shape, as pairs of an output's name and an input's: a step of
    /// training moves its parameters and an optimiser's averages where they are, without a second copy of them.
    ///
    /// A result is written straight to its input where nothing reads the input any more; otherwise it is kept in the workspace and
    /// copied at the end, so that every output is computed from what the inputs were before the call.
    ///
    /// ```
    /// use wengert::Function;
    /// let loss = Function::trace(["w[2]", "x[n,2]", "y[n]"], |[w, x, y]| (x.matmul(w) - y).powi(2).mean(..))?;
    /// let gradient = loss.wrt(["w"])?.value_and_grad()?;
    /// let step = Function::trace(["w[2]", "x[n,2]", "y[n]"], |v| {
    ///     let [loss, dw] = gradient.eval(&v)?[..] else { unreachable!("a value and a gradient") };
    ///     Ok::<_, wengert::Error>((("loss", loss), ("next_w", v[0] - 0.5 * dw)))
    /// })?;
    /// let step = step.compile_arrays()?.in_place([("next_w", "w")])?;
    /// let (mut w, mut loss) = ([0.0f64, 0.0], [0.0]);
    /// for _ in 0..100 {
    ///     step.call_into(&mut [&mut w], &[&[1.0, 0.0, 0.0, 1.0], &[2.0, -1.0]], &mut [&mut loss])?;
    /// }
    /// assert!((w[0] - 2.0).abs() < 1e-9 && (w[1] + 1.0).abs() < 1e-9);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown or stands in two pairs, or the shapes or kinds of a pair differ.
    #[track_caller]
    pub fn in_place<O: AsRef<str>, I: AsRef<str>>(&self, pairs: impl IntoIterator<Item = (O, I)>) -> Result<CompiledUpdate> {
        let f = self.code.function();
        let mut updates: Vec<(usize, usize)> = Vec::new();
        for (output, input) in pairs {
            let pair = pair(f, output.as_ref(), input.as_ref())?;
            for (name, taken) in [
                (output.as_ref(), updates.iter().any(|&(output, _)| output == pair.0)),
                (input.as_ref(), updates.iter().any(|&(_, input)| input == pair.1)),
            ] {
                if taken {
                    return Err(Error::here(ErrorKind::Name, format!("in_place: `{name}` stands in two pairs")));
                }
            }
            updates.push(pair);
        }
        Ok(CompiledUpdate { code: Arc::new(self.code.updating(updates)), threads: self.threads })
    }
}

/// The numbers of an output and an input that fit each other.
#[track_caller]
fn pair(f: &Function, output: &str, input: &str) -> Result<(usize, usize)> {
    let (from, to) = (f.output(output)?, f.input(input)?);
    let node = |k: usize| f.graph().node(from.nodes()[k]);
    let fits =
        from.nodes().len() == to.len() && (0..to.len()).all(|k| node(k).shape() == to.shape() && node(k).dtype() == to.dtype());
    if !fits {
        let values = |count: usize| if count == 1 { String::new() } else { format!("{count} values of ") };
        let kind = match from.nodes() {
            [] => "no value".to_owned(),
            nodes => format!("{}{} ({:?})", values(nodes.len()), node(0).shape(), node(0).dtype()),
        };
        let message = format!(
            "in_place: the output `{output}` is {kind}, and the input `{input}` is {}{} ({:?})",
            values(to.len()),
            to.shape(),
            to.dtype()
        );
        return Err(Error::here(ErrorKind::Shape, message));
    }
    let o = f.outputs().iter().position(|group| group == from).expect("the output is one of the function's");
    let i = f.inputs().iter().position(|group| group == to).expect("the input is one of the function's");
    Ok((o, i))
}

impl CompiledUpdate {
    /// Evaluates: a slice per updated input, in the order of the pairs; a slice per other input and per other output, in the order
    /// of the function. After an error about lengths or given indices the updated slices are as they were; after one about numbers on
    /// the way (an index that was computed, a singular matrix) some may be updated.
    ///
    /// # Errors
    /// As [`CompiledArrays::call_into`].
    pub fn call_into<T: Scalar>(&self, updated: &mut [&mut [T]], inputs: &[&[T]], outputs: &mut [&mut [T]]) -> Result<()> {
        self.code.call(self.threads, &[], Slices { state: updated, inputs, outputs })
    }

    /// As [`CompiledArrays::with_threads`].
    ///
    /// # Errors
    /// As there.
    pub fn with_threads(&self, most: usize) -> Result<CompiledUpdate> {
        check_threads(most)?;
        Ok(CompiledUpdate { threads: most, ..self.clone() })
    }

    /// As [`CompiledArrays::workspace_bytes`].
    pub fn workspace_bytes(&self) -> Option<usize> {
        self.code.workspace_bytes()
    }
}

impl fmt::Debug for CompiledUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompiledUpdate({})", report(&self.code))
    }
}

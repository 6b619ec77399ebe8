//! What compiling took and gave.

use crate::codegen::Vectors;
use crate::error::count;
use crate::exec::Code;
use crate::schedule::ir::{Schedule, Stage};
use crate::schedule::{Counts, Tier};
use std::{fmt, sync::Arc, time::Duration};

/// What a function is compiled to.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// Straight-line code.
    StraightLine,
    /// One loop over rows, whose body is straight-line code.
    Rows,
    /// So many stages: loops, pieces of straight-line code, operations of libraries, operations with bodies.
    Stages(usize),
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Form::StraightLine => f.write_str("straight-line code"),
            Form::Rows => f.write_str("a loop over rows"),
            Form::Stages(1) => f.write_str("1 stage"),
            Form::Stages(n) => write!(f, "{n} stages"),
        }
    }
}

/// A loop over rows in native code.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowLoop {
    /// Bits of its vectors; 0 where it goes over the rows one by one, as Cranelift got its body in several functions.
    pub vector_bits: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// How many values are put in memory for want of registers, where the loop has vectors of more than 128 bits.
    pub spilled: Option<usize>,
    /// Why its vectors do not have more than 128 bits; or why they have fewer than the processor and the options allow.
    pub narrow: Option<&'static str>,
}

/// What became of the repeats in a function of numbers; see [`Options::roll`](crate::Options::roll).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rolled {
    /// The loops, with more than one iteration each.
    pub loops: Vec<RolledLoop>,
    /// Long sums, which are added up in the order of the trace.
    pub sums: usize,
    /// Columns of operands or outputs that are copied first or last, as they are not next to each other.
    pub copies: usize,
    /// Operations of the function that are in loops and sums.
    pub operations: usize,
    /// Those that stay by themselves: the ends of loops, and what has fewer than 8 equals.
    pub straight: usize,
}

/// A loop that was found in a function of numbers.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RolledLoop {
    /// How many operations its body has.
    pub operations: usize,
    /// How often it runs.
    pub iterations: usize,
    /// How many columns it reads and writes.
    pub columns: usize,
}

impl Rolled {
    pub(super) fn new(counts: Counts, schedule: &Schedule) -> Rolled {
        let is_loop = |stage: &Stage| match stage {
            Stage::Loop(found) => Some(RolledLoop {
                operations: found.nodes.len(),
                iterations: found.shape.len().filter(|&len| len > 1)?,
                columns: found.inputs.len() + found.outputs.len(),
            }),
            _ => None,
        };
        Rolled {
            loops: schedule.stages.iter().filter_map(is_loop).collect(),
            sums: counts.sums,
            copies: schedule.stages.iter().filter(|stage| matches!(stage, Stage::Library(_))).count(),
            operations: counts.rolled,
            straight: counts.straight,
        }
    }
}

impl fmt::Display for Rolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rolled: {} in ", count(self.operations, "operation"))?;
        for (k, RolledLoop { operations, iterations, .. }) in self.loops.iter().enumerate() {
            write!(f, "{}{operations} × {iterations}", if k == 0 { "" } else { ", " })?;
        }
        let (sums, copies) = (count(self.sums, "sum"), count(self.copies, "copied column"));
        write!(f, ", {sums}, {copies}; {} by themselves", self.straight)
    }
}

/// What compiling took and gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// What the function is compiled to.
    pub form: Form,
    /// The slices that [`Compiled::call_into`](crate::Compiled::call_into) takes: `(x, y) -> (loss, next_w over w)`, where `next_w` overwrites `w`.
    pub signature: String,
    /// The tier that was taken.
    pub tier: Tier,
    /// Operations in the lowered programs.
    pub operations: usize,
    /// Native functions that they were cut into.
    pub functions: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// The loops over rows, as far as they are native code.
    pub loops: Vec<RowLoop>,
    /// What became of repeats, if any were found that are loops now. Not known of code that was loaded.
    pub rolled: Option<Rolled>,
    /// Bytes of scratch memory that straight-line code or a loop over rows uses.
    pub scratch_bytes: usize,
    /// Time from the function to code that can be called, when it was made; none for code that was loaded.
    pub compile_time: Duration,
    /// Threads that made the code at the same time. (How many a call takes is [`Options::threads`](crate::Options::threads).)
    pub threads: usize,
    /// Why the interpreter runs in place of native code: it was asked for, Cranelift has no code for this processor, or the feature `jit` is off.
    /// The bits are the same.
    pub interpreted: Option<String>,
    /// Outputs that are zero whatever the inputs: derivatives with respect to inputs that nothing depends on.
    pub structural_zeros: Vec<String>,
}

impl Report {
    /// `codes` are those of the function's units.
    pub(super) fn new(
        form: Form,
        signature: String,
        codes: &[Arc<Code>],
        compile_time: Duration,
        structural_zeros: Vec<String>,
    ) -> Report {
        let mut report = Report {
            form,
            signature,
            tier: Tier::Best,
            operations: 0,
            functions: 0,
            code_bytes: 0,
            loops: vec![],
            rolled: None,
            scratch_bytes: 0,
            compile_time,
            threads: 0,
            interpreted: None,
            structural_zeros,
        };
        for code in codes {
            report.operations += code.operations;
            report.scratch_bytes = report.scratch_bytes.max(code.needs.scratch * 8);
            report.interpreted = report.interpreted.or(code.reason().map(str::to_owned));
            if let Some(native) = code.as_native() {
                report.tier = native.stats().tier;
                report.functions += native.functions().len();
                report.code_bytes += native.stats().code_bytes;
                report.threads = report.threads.max(native.stats().threads);
                let (vector_bits, spilled, narrow) = match native.stats().vectors {
                    Vectors::None => continue,
                    Vectors::Wide { bits, spilled, narrow } => (bits.into(), Some(spilled), narrow),
                    Vectors::Narrow(reason) => (if code.needs.cut { 0 } else { 128 }, None, Some(reason)),
                };
                report.loops.push(RowLoop { vector_bits, code_bytes: native.stats().code_bytes, spilled, narrow });
            }
        }
        report
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}: {} operations, {} bytes of code in {} function{}, {} bytes of scratch, tier {:?}, compiled in {:.3} ms",
            self.signature,
            self.form,
            self.operations,
            self.code_bytes,
            self.functions,
            if self.functions == 1 { "" } else { "s" },
            self.scratch_bytes,
            self.tier,
            self.compile_time.as_secs_f64() * 1e3,
        )?;
        if self.threads > 1 {
            write!(f, " by {} threads", self.threads)?;
        }
        let mut widths: Vec<usize> = self.loops.iter().map(|row_loop| row_loop.vector_bits).collect();
        widths.sort_unstable();
        for same in widths.chunk_by(|a, b| a == b).rev() {
            let loops = count(same.len(), "loop");
            match same[0] {
                0 => write!(f, ", {loops} over single rows")?,
                bits => write!(f, ", {loops} over rows in {bits} bits")?,
            }
        }
        if let Some(rolled) = &self.rolled {
            write!(f, "; {rolled}")?;
        }
        if let Some(reason) = &self.interpreted {
            write!(f, "; interpreted: {reason}")?;
        }
        if !self.structural_zeros.is_empty() {
            write!(f, "; always zero: {}", self.structural_zeros.join(", "))?;
        }
        Ok(())
    }
}

//! What compiling took and gave.

use crate::exec::Code;
use crate::schedule::{Layout, Tier};
use std::{fmt, sync::Arc, time::Duration};

/// What compiling took and gave.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The tier that was taken.
    pub tier: Tier,
    /// Operations in the lowered program.
    pub operations: usize,
    /// Native functions that it was cut into.
    pub functions: usize,
    /// Bytes of machine code.
    pub code_bytes: usize,
    /// Bytes of scratch memory that a call uses.
    pub scratch_bytes: usize,
    /// Time from the lowered program to code that can be called, when it was made; none for code that was loaded.
    pub compile_time: Duration,
    /// Threads that made the code at the same time.
    pub threads: usize,
    /// Why the interpreter runs in place of native code: it was asked for, Cranelift has no code for this processor, or the feature `jit` is off.
    /// The bits are the same.
    pub interpreted: Option<String>,
    /// Outputs that are zero whatever the inputs: derivatives with respect to inputs that nothing depends on.
    pub structural_zeros: Vec<String>,
}

impl Report {
    /// Of the code of several units that make one function.
    pub(super) fn of_units(codes: &[Arc<Code>], compile_time: Duration) -> Report {
        let mut report = Report {
            tier: Tier::Best,
            operations: 0,
            functions: 0,
            code_bytes: 0,
            scratch_bytes: 0,
            compile_time,
            threads: 0,
            interpreted: None,
            structural_zeros: vec![],
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
            }
        }
        report
    }

    /// Of a function of numbers.
    pub(super) fn new(code: &Arc<Code>, layout: &Layout) -> Report {
        let time = code.as_native().map_or(Duration::ZERO, |native| native.stats().time);
        Report { structural_zeros: layout.structural_zeros.clone(), ..Report::of_units(std::slice::from_ref(code), time) }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} operations, {} bytes of code in {} function{}, {} bytes of scratch, tier {:?}, compiled in {:.3} ms",
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
        if let Some(reason) = &self.interpreted {
            write!(f, "; interpreted: {reason}")?;
        }
        if !self.structural_zeros.is_empty() {
            write!(f, "; always zero: {}", self.structural_zeros.join(", "))?;
        }
        Ok(())
    }
}

//! All units of a function become native code in one pass: through one look-up of what was made before, and by several threads.

use super::cache;
use super::emission::{Emitted, Job, emit};
use super::flush::Flushing;
use super::made::{Stats, failed};
use super::native::Native;
use super::target::{Failure, Made, isa};
use crate::base::host::{Stop, Stopwatch};
use crate::base::sums::partials;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::schedule::unit::Unit;
use crate::schedule::{Settings, Tier};
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use std::sync::Arc;
use std::time::Duration;
#[cfg(test)]
use {
    super::made::Vectors,
    super::wide::{self, Wide},
};

/// Up to this many operations the better register allocator is worth its time.
const BEST_UP_TO: usize = 400_000;
/// Addresses are a base and an offset of 32 bits with a sign.
const MOST_BYTES: usize = i32::MAX as usize;

/// The code of every unit, or why there can be none on this processor.
pub(crate) enum Compiled {
    Native(Vec<Arc<Native>>),
    Unsupported(String),
}

/// Compiles units; an error soon after it is to stop.
///
/// # Errors
/// If the code is larger than the options allow, inputs, outputs or scratch memory are larger than native code can address, or the system gives no
/// memory for it.
pub(crate) fn compile(units: &[Arc<Unit>], options: Settings, stop: &Stop) -> Result<Compiled> {
    if options.flush_subnormals && !Flushing::SUPPORTED {
        return Err(failed("`flush_subnormals` is there on x86-64 only"));
    }
    for unit in units {
        check_lengths(unit)?;
    }
    match of_this_processor(units, options, stop) {
        Err(Failure::Unsupported(reason)) if options.flush_subnormals => Err(failed(reason)),
        Err(Failure::Unsupported(reason)) => Ok(Compiled::Unsupported(reason)),
        Err(Failure::Error(error)) => Err(error),
        Ok(natives) => Ok(Compiled::Native(natives)),
    }
}

fn of_this_processor(units: &[Arc<Unit>], options: Settings, stop: &Stop) -> Made<Vec<Arc<Native>>> {
    if options.strange_processor {
        return Err(Failure::Unsupported("the options pretend an unknown processor".into()));
    }
    let keys = if options.cached { units.iter().map(cache::Key::new).collect() } else { vec![] };
    let mut made: Vec<Option<Arc<Native>>> = if options.cached { cache::find(&keys) } else { vec![None; units.len()] };
    let missing: Vec<usize> = (0..units.len()).filter(|&k| made[k].is_none()).collect();
    let tiers: Vec<Tier> = missing.iter().map(|&k| tier(&units[k])).collect();
    let isas: Vec<OwnedTargetIsa> = tiers.iter().map(|&tier| isa(tier)).collect::<Made<_>>()?;
    let wanted: Vec<(&Unit, Tier, &dyn TargetIsa)> =
        missing.iter().zip(&tiers).zip(&isas).map(|((&k, &tier), isa)| (&*units[k], tier, &**isa)).collect();
    let natives = compile_for(&wanted, options, stop)?;
    for (k, native) in missing.into_iter().zip(natives) {
        let native = Arc::new(native);
        made[k] = Some(if options.cached { cache::keep(&keys[k], native) } else { native });
    }
    Ok(made.into_iter().map(|native| native.expect("all that was missing was made")).collect())
}

/// The tier that a unit is compiled in.
pub(super) fn tier(unit: &Unit) -> Tier {
    match unit.program.options.tier {
        Tier::Auto if unit.program.len() <= BEST_UP_TO => Tier::Best,
        Tier::Auto => Tier::Fast,
        tier => tier,
    }
}

/// Code for processors.
pub(super) fn compile_for(units: &[(&Unit, Tier, &dyn TargetIsa)], options: Settings, stop: &Stop) -> Made<Vec<Native>> {
    let start = Stopwatch::start();
    let jobs: Vec<Job> = units.iter().map(|&(unit, tier, isa)| Job::new(unit, tier, isa)).collect();
    let (emitted, threads) = emit(&jobs, options.threads, options.code_limit, stop)?;
    let mut natives = Vec::with_capacity(units.len());
    for (Emitted { object, vectors, scratch, encoded }, &(unit, tier, _)) in emitted.into_iter().zip(units) {
        let tier = if encoded && unit.rows.is_none() { Tier::Fast } else { tier };
        let (operations, fingerprint, code_bytes) = (unit.program.len(), unit.program.fingerprint(), object.bytes.len());
        natives.push(Native::new(
            object,
            Stats { tier, operations, fingerprint, code_bytes, threads, time: Duration::ZERO, vectors, scratch },
        )?);
    }
    let time = start.elapsed();
    natives.iter_mut().for_each(|native| native.stats.time = time);
    Ok(natives)
}

/// For a processor without multiply-add and rounding: the code calls ours.
#[cfg(test)]
pub(crate) fn for_an_old_processor(unit: &Unit) -> Native {
    let isa = super::target::plain_isa();
    let made = compile_for(&[(unit, Tier::Best, &*isa)], Settings::default(), &Stop::default());
    made.map_err(Failure::error).unwrap().remove(0)
}

/// A loop over rows in vectors of so many bits, with so many registers for values; none where this processor has no such vectors, or there is no
/// such loop.
#[cfg(test)]
pub(crate) fn in_few_registers(unit: &Unit, bits: u16, registers: usize) -> Option<Native> {
    let tier = Tier::Best;
    let vectors = wide::Isa::ALL.into_iter().find(|vectors| vectors.bits() == bits)?;
    let Wide { object, spilled, .. } = wide::with_registers(unit, &*isa(tier).ok()?, vectors, registers).ok()?;
    let vectors = Vectors::Wide { bits, spilled, narrow: None };
    let (operations, code_bytes) = (unit.program.len(), object.bytes.len());
    let stats = Stats { tier, operations, fingerprint: 0, code_bytes, threads: 1, time: Duration::ZERO, vectors, scratch: 0 };
    Native::new(object, stats).ok()
}

/// Whether every element can be addressed.
fn check_lengths(unit: &Unit) -> Result<()> {
    let program = &unit.program;
    // As many rows as there are partial sums; loops in wide vectors check that two of these can be addressed.
    let many = if unit.rows.is_some() { partials(program.width) } else { 1 };
    let (width, layout) = (program.width.bytes(), &program.layout);
    for (what, groups, all) in [("input", &layout.inputs, layout.input_len), ("output", &layout.outputs, layout.output_len)] {
        match unit.rows {
            None => check_bytes(&format!("the {what}s"), all, width)?,
            Some(_) => {
                groups
                    .iter()
                    .try_for_each(|(name, len)| check_bytes(&format!("a row of the {what} `{name}`"), *len, many * width))?;
            }
        }
    }
    check_bytes("the scratch memory", unit.needs.scratch, 8)
}

fn check_bytes(what: &str, len: usize, each: usize) -> Result<()> {
    if len <= MOST_BYTES / each {
        return Ok(());
    }
    let message = format!("{what} cannot have {len} numbers in native code: the limit is {}", MOST_BYTES / each);
    Err(Error::new(ErrorKind::Limit, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_an_offset_are_refused() {
        assert!(check_bytes("x", MOST_BYTES / 8, 8).is_ok());
        let error = check_bytes("the inputs", MOST_BYTES / 8 + 1, 8).unwrap_err();
        assert!(error.is_limit());
        assert_eq!(error.to_string(), "the inputs cannot have 268435456 numbers in native code: the limit is 268435455");
    }
}

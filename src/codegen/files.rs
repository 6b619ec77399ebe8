//! Native code in files. A file is an [`Archive`], so it has a marker, a version of its form, and a checksum over everything; in it is
//! what the code was made by and for, the code without an address of this process, and what a call has to know. A file that is not for
//! this library and this processor is an error.

use super::made::{Stats, Vectors};
use super::memory::{Call, Object};
use super::native::Native;
use super::target::isa;
use super::wide;
use crate::error::short;
use crate::io::{Archive, Read, bytes_of as bytes, count, exactly, numbers, put_numbers, text};
use crate::kernels::Routine;
use crate::schedule::Tier;
use crate::schedule::unit::Needs;
use std::time::Duration;

/// Bits of the vectors of loops over rows that Cranelift makes.
const NARROW: u64 = 128;

/// The version of what is in the archive.
const FORM: u64 = 4;

/// The processor, as far as code depends on it.
fn target() -> Read<String> {
    let isa = isa(Tier::Best).map_err(|failure| failure.error().to_string())?;
    let flags: Vec<String> = isa.isa_flags().iter().map(ToString::to_string).collect();
    Ok(format!("{} {}", isa.triple(), flags.join(" ")))
}

/// An archive that says what it was made by and for.
pub(crate) fn start(what: &str) -> Read<Archive> {
    let mut archive = Archive::new();
    archive
        .put_text("native code", what)
        .put_count("form", FORM)
        .put_text("library", env!("CARGO_PKG_VERSION"))
        .put_text("cranelift", cranelift_codegen::VERSION)
        .put_text("target", &target()?);
    Ok(archive)
}

/// Checks what [`start`] puts in.
pub(crate) fn check(archive: &Archive, what: &str) -> Read<()> {
    let Ok(found) = archive.text("native code") else { return Err("it holds no native code".into()) };
    if found != what {
        return Err(format!("it holds the code of a {}, not of a {what}", short(found)));
    }
    let form = count(archive, "form")?;
    if form != FORM {
        return Err(format!("its code is in version {form} of its form, and this library reads version {FORM}"));
    }
    for (name, here) in [("library", env!("CARGO_PKG_VERSION")), ("cranelift", cranelift_codegen::VERSION)] {
        let there = text(archive, name)?;
        if there != here {
            return Err(format!("its code was made with version {there} of {name}, and this is version {here}"));
        }
    }
    let (there, here) = (text(archive, "target")?, target()?);
    if there != here {
        let differing: Vec<&str> = there.split(' ').filter(|flag| !here.split(' ').any(|other| other == *flag)).collect();
        return Err(format!("its code is for another processor: {} there", differing.join(" ")));
    }
    Ok(())
}

/// A pair of small numbers in one.
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(pair: u64) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

/// Puts code under a name.
pub(crate) fn put_native(archive: &mut Archive, name: &str, native: &Native, needs: &Needs) {
    let code = native.object();
    let mut routines: Vec<Routine> = Vec::new();
    let mut calls = Vec::with_capacity(code.calls.len());
    for call in &code.calls {
        let at = routines.iter().position(|routine| *routine == call.routine).unwrap_or_else(|| {
            routines.push(call.routine);
            routines.len() - 1
        });
        calls.push(pair(call.at, at as u32));
    }
    let names: Vec<String> = routines.into_iter().map(Routine::name).collect();
    let stats = &native.stats;
    let mut inner = Archive::new();
    inner.put_bytes("code", code.bytes).put_text("routines", &names.join(" "));
    put_numbers(&mut inner, "calls", calls);
    put_numbers(&mut inner, "functions", code.functions.iter().map(|&(at, per_row)| (at as u64) << 1 | u64::from(per_row)));
    put_numbers(&mut inner, "sums", needs.sums.iter().map(|&(group, k)| pair(group, k)));
    put_numbers(&mut inner, "needs", [needs.scratch as u64, needs.partials as u64, u64::from(needs.flush)]);
    let fast = u64::from(stats.tier == Tier::Fast);
    put_numbers(&mut inner, "program", [fast, stats.operations as u64, stats.fingerprint]);
    let vectors = match stats.vectors {
        Vectors::None => [0, 0],
        Vectors::Narrow(_) => [NARROW, 0],
        Vectors::Wide { bits, spilled, .. } => [bits.into(), spilled as u64],
    };
    put_numbers(&mut inner, "vectors", vectors);
    archive.put_bytes(name, inner.to_bytes());
}

/// The code of a name, in memory.
pub(crate) fn native(archive: &Archive, name: &str) -> Read<(Native, Needs)> {
    let inner = Archive::from_bytes(bytes(archive, name)?).map_err(|error| format!("it is damaged: `{name}`: {error}"))?;
    let damaged = |what: &str| format!("it is damaged: {what} `{name}` do not fit its code");
    let code = bytes(&inner, "code")?.to_vec();
    let mut routines = Vec::new();
    for routine in text(&inner, "routines")?.split_ascii_whitespace() {
        routines.push(Routine::named(routine).ok_or_else(|| format!("its code calls `{routine}`, which is unknown"))?);
    }
    let call = |both: u64| {
        let (at, routine) = halves(both);
        let fits = (at as usize).checked_add(size_of::<u64>()).is_some_and(|end| end <= code.len());
        routines.get(routine as usize).filter(|_| fits).map(|&routine| Call { at, routine })
    };
    let calls: Option<Vec<Call>> = numbers(&inner, "calls")?.into_iter().map(call).collect();
    let function = |n: u64| usize::try_from(n >> 1).ok().filter(|&at| at < code.len()).map(|at| (at, n & 1 == 1));
    let functions: Option<Vec<(usize, bool)>> = numbers(&inner, "functions")?.into_iter().map(function).collect();
    let functions = functions.filter(|functions| !functions.is_empty()).ok_or_else(|| damaged("functions of"))?;
    let calls = calls.ok_or_else(|| damaged("calls of"))?;
    let [scratch, partials, flush] = exactly(&inner, "needs")?;
    let [fast, operations, fingerprint] = exactly(&inner, "program")?;
    let vectors = match exactly(&inner, "vectors")? {
        [0, _] => Vectors::None,
        [NARROW, _] => Vectors::Narrow("it was saved so"),
        [bits, _] if bits > u64::from(wide::most_bits(&*isa(Tier::Best).map_err(|failure| failure.error().to_string())?)) => {
            return Err(format!("its loops over rows have vectors of {bits} bits, which this processor has not"));
        }
        [bits, spilled] => Vectors::Wide {
            bits: u16::try_from(bits).map_err(|_| damaged("vectors of"))?,
            spilled: usize::try_from(spilled).map_err(|_| damaged("vectors of"))?,
            narrow: None,
        },
    };
    let needs = Needs {
        scratch: usize::try_from(scratch).map_err(|_| damaged("needs of"))?,
        partials: usize::try_from(partials).map_err(|_| damaged("needs of"))?,
        sums: numbers(&inner, "sums")?.into_iter().map(halves).collect(),
        flush: flush == 1,
        cut: functions.len() > 1,
        records: calls.iter().any(|call| call.routine.grows_records()),
        // What its unit says.
        loops: vec![],
    };
    let stats = Stats {
        tier: if fast == 1 { Tier::Fast } else { Tier::Best },
        operations: operations as usize,
        fingerprint,
        code_bytes: code.len(),
        threads: 0,
        time: Duration::ZERO,
        vectors,
        // What the code needs has it.
        scratch: 0,
    };
    let native = Native::new(Object { bytes: code, functions, calls }, stats).map_err(|failure| failure.error().to_string())?;
    Ok((native, needs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::Stop;
    use crate::codegen::{Compiled, compile};
    use crate::graph::Function;
    use crate::schedule::unit::Unit;
    use crate::schedule::{Reduce, RowCall, RowShape, Settings, lowered};
    use std::sync::Arc;

    #[test]
    fn vectors_that_this_processor_has_not_are_refused() {
        let program = lowered(&Function::trace("x", |x| x.exp()).unwrap(), Settings::default(), &[true]);
        let call = RowCall::new(&program, &RowShape { varying: vec![true], reduce: vec![Reduce::Each] }, true);
        let unit = Arc::new(Unit::new(program, Some(call)));
        let made = compile(std::slice::from_ref(&unit), Settings::default(), &Stop::default());
        let Ok(Compiled::Native(natives)) = made else { panic!("native code") };
        let mut archive = Archive::new();
        put_native(&mut archive, "code", &natives[0], &unit.needs);
        let (read, _) = native(&archive, "code").unwrap();
        let vectors = read.stats().vectors;
        match natives[0].stats().vectors {
            Vectors::Narrow(_) => assert!(matches!(vectors, Vectors::Narrow(_))),
            wide => assert_eq!(vectors, wide),
        }
        let mut inner = Archive::from_bytes(bytes(&archive, "code").unwrap()).unwrap();
        put_numbers(&mut inner, "vectors", [1024, 0]);
        archive.put_bytes("code", inner.to_bytes());
        let reason = native(&archive, "code").err().unwrap();
        assert_eq!(reason, "its loops over rows have vectors of 1024 bits, which this processor has not");
    }
}

//! Native code in files. A file is an [`Archive`], so it has a marker, a version of its form, and a checksum over everything; in it is
//! what the code was made by and for, the code without an address of this process, and what a call has to know. A file that is not for
//! this library and this processor is an error.

use super::code::{Call, Code};
use super::compiled::Compiled;
use super::native::{Native, Needs, Stats};
use super::rows::CompiledRows;
use super::target::isa;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::io::Archive;
use crate::kernels::Routine;
use crate::schedule::{Layout, Reduce, RowCall, RowShape, Tier};
use std::sync::Arc;
use std::{panic::Location, path::Path, time::Duration};

/// What was found wrong with a file.
pub(super) type Read<T> = std::result::Result<T, String>;

/// What there is code of.
#[derive(Copy, Clone, PartialEq)]
pub(super) enum What {
    Point,
    Rows,
    Arrays,
}

impl What {
    const ALL: [What; 3] = [What::Point, What::Rows, What::Arrays];

    fn name(self) -> &'static str {
        match self {
            What::Point => "Compiled",
            What::Rows => "CompiledRows",
            What::Arrays => "CompiledArrays",
        }
    }
}

/// The version of what is in the archive.
const FORM: u64 = 1;

/// The processor, as far as code depends on it.
fn target() -> Read<String> {
    let isa = isa(Tier::Best).map_err(|failure| failure.error().to_string())?;
    let flags: Vec<String> = isa.isa_flags().iter().map(ToString::to_string).collect();
    Ok(format!("{} {}", isa.triple(), flags.join(" ")))
}

/// An archive that says what it was made by and for.
pub(super) fn start(what: What) -> Read<Archive> {
    let mut archive = Archive::new();
    archive
        .put_text("native code", what.name())
        .put_count("form", FORM)
        .put_text("library", env!("CARGO_PKG_VERSION"))
        .put_text("cranelift", cranelift_codegen::VERSION)
        .put_text("target", &target()?);
    Ok(archive)
}

/// Checks what [`start`] puts in.
pub(super) fn check(archive: &Archive, what: What) -> Read<()> {
    let Ok(found) = archive.text("native code") else { return Err("it holds no native code".into()) };
    if found != what.name() {
        let known = What::ALL.iter().any(|other| other.name() == found);
        let found = if known { found } else { "something" };
        return Err(format!("it holds the code of a {found}, not of a {}", what.name()));
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

pub(super) fn text<'a>(archive: &'a Archive, name: &str) -> Read<&'a str> {
    archive.text(name).map_err(|_| format!("it is damaged: it has no text `{name}`"))
}

fn count(archive: &Archive, name: &str) -> Read<u64> {
    archive.count(name).map_err(|_| format!("it is damaged: it has no number `{name}`"))
}

fn bytes<'a>(archive: &'a Archive, name: &str) -> Read<&'a [u8]> {
    archive.bytes(name).map_err(|_| format!("it is damaged: it has no bytes `{name}`"))
}

pub(super) fn put_numbers(archive: &mut Archive, name: &str, numbers: impl IntoIterator<Item = u64>) {
    archive.put_bytes(name, numbers.into_iter().flat_map(u64::to_le_bytes).collect());
}

pub(super) fn numbers(archive: &Archive, name: &str) -> Read<Vec<u64>> {
    let (chunks, rest) = bytes(archive, name)?.as_chunks();
    if !rest.is_empty() {
        return Err(format!("it is damaged: `{name}` is no list of numbers"));
    }
    Ok(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
}

/// A list of as many numbers as there must be.
pub(super) fn exactly<const N: usize>(archive: &Archive, name: &str) -> Read<[u64; N]> {
    numbers(archive, name)?.try_into().map_err(|_| format!("it is damaged: `{name}` are not {N} numbers"))
}

/// A pair of small numbers in one.
fn pair(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn halves(pair: u64) -> (u32, u32) {
    ((pair >> 32) as u32, pair as u32)
}

/// Puts code under a name.
pub(super) fn put_native(archive: &mut Archive, name: &str, native: &Native) -> Read<()> {
    let code = native.code().ok_or("there is no native code to be saved: it is interpreted")?;
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
    let (needs, stats) = (&native.needs, &native.stats);
    let mut inner = Archive::new();
    inner.put_bytes("code", code.bytes).put_text("routines", &names.join(" "));
    put_numbers(&mut inner, "calls", calls);
    put_numbers(&mut inner, "functions", code.functions.iter().map(|&(at, per_row)| (at as u64) << 1 | u64::from(per_row)));
    put_numbers(&mut inner, "sums", needs.sums.iter().map(|&(group, k)| pair(group, k)));
    put_numbers(&mut inner, "needs", [needs.scratch as u64, needs.partials as u64, u64::from(needs.flush)]);
    let fast = u64::from(stats.tier == Tier::Fast);
    put_numbers(&mut inner, "program", [fast, stats.operations as u64, stats.fingerprint]);
    archive.put_bytes(name, inner.to_bytes());
    Ok(())
}

/// The code of a name, in memory.
pub(super) fn native(archive: &Archive, name: &str) -> Read<Native> {
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
    let needs = Needs {
        scratch: usize::try_from(scratch).map_err(|_| damaged("needs of"))?,
        partials: usize::try_from(partials).map_err(|_| damaged("needs of"))?,
        sums: numbers(&inner, "sums")?.into_iter().map(halves).collect(),
        flush: flush == 1,
    };
    let stats = Stats {
        tier: if fast == 1 { Tier::Fast } else { Tier::Best },
        operations: operations as usize,
        fingerprint,
        code_bytes: code.len(),
        threads: 0,
        time: Duration::ZERO,
    };
    Native::of_code(Code { bytes: code, functions, calls }, needs, stats).map_err(|failure| failure.error().to_string())
}

fn put_layout(archive: &mut Archive, width: Width, layout: &Layout) {
    archive.put_text("width", &width.to_string());
    for (what, groups) in [("inputs", &layout.inputs), ("outputs", &layout.outputs)] {
        // There is no space in a name.
        let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
        archive.put_text(what, &names.join(" "));
        put_numbers(archive, &format!("lengths of {what}"), groups.iter().map(|&(_, len)| len as u64));
    }
    archive.put_text("structural zeros", &layout.structural_zeros.join(" "));
}

fn layout(archive: &Archive) -> Read<(Width, Layout)> {
    let width = text(archive, "width")?;
    let width = [Width::F32, Width::F64].into_iter().find(|other| other.to_string() == width);
    let groups = |what: &str| {
        let names = text(archive, what)?.split_ascii_whitespace().map(str::to_owned);
        let lengths = numbers(archive, &format!("lengths of {what}"))?;
        let all = lengths.iter().try_fold(0usize, |all, &len| all.checked_add(usize::try_from(len).ok()?));
        let groups: Vec<(String, usize)> = names.zip(lengths.iter().map(|&len| len as usize)).collect();
        let fits = groups.len() == lengths.len();
        all.filter(|_| fits).map(|all| (groups, all)).ok_or(format!("it is damaged: {what} do not fit their lengths"))
    };
    let ((inputs, input_len), (outputs, output_len)) = (groups("inputs")?, groups("outputs")?);
    let structural_zeros = text(archive, "structural zeros")?.split_ascii_whitespace().map(str::to_owned).collect();
    let width = width.ok_or("it is damaged: its width is neither f32 nor f64")?;
    Ok((width, Layout { inputs, outputs, input_len, output_len, structural_zeros }))
}

/// Writes what `fill` puts into an archive.
#[track_caller]
pub(super) fn save(path: &Path, what: What, fill: impl FnOnce(&mut Archive) -> Read<()>) -> Result<()> {
    let wrong = |reason| Error::here(ErrorKind::File, format!("{} cannot be written: {reason}", path.display()));
    let mut archive = match start(what) {
        Ok(archive) => archive,
        Err(reason) => return Err(wrong(reason)),
    };
    match fill(&mut archive) {
        Ok(()) => archive.save(path),
        Err(reason) => Err(wrong(reason)),
    }
}

/// Reads what [`save`] wrote.
#[track_caller]
pub(super) fn load<R>(path: &Path, what: What, read: impl FnOnce(&Archive) -> Read<R>) -> Result<R> {
    let at = Location::caller();
    let archive = Archive::load(path)?;
    let read = check(&archive, what).and_then(|()| read(&archive));
    read.map_err(|reason| Error::new(ErrorKind::File, format!("{}: {reason}", path.display())).at(Some(at)))
}

impl Compiled {
    /// Writes the code to a file, from which [`Compiled::load`] takes it without compiling.
    ///
    /// ```
    /// use wengert::{Compiled, Function};
    /// let f = Function::trace(["a", "b"], |[a, b]| (a * b).sin())?.value_and_grad()?.compile()?;
    /// let path = std::env::temp_dir().join(format!("wengert-doc-{}.code", std::process::id()));
    /// f.save(&path)?;
    /// // SAFETY: the file is the one just written.
    /// let g = unsafe { Compiled::load(&path)? };
    /// assert_eq!(f.call_vec(&[0.3, 0.7])?, g.call_vec(&[0.3, 0.7])?);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written, or the function is interpreted for want of native code.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), What::Point, |archive| {
            put_layout(archive, self.width, &self.layout);
            put_native(archive, "code", &self.native)
        })
    }

    /// Reads code that [`Compiled::save`] wrote with the same version of this library for the same kind of processor.
    ///
    /// # Safety
    /// The file's code is run as it is. What happens by accident (a file of something else, of another version or processor, cut off,
    /// or damaged) is found; code that somebody put there on purpose is not.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what [`Compiled::save`] wrote for this library and this processor.
    #[track_caller]
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<Compiled> {
        load(path.as_ref(), What::Point, |archive| {
            let (width, layout) = layout(archive)?;
            Ok(Compiled::new(Arc::new(native(archive, "code")?), width, Arc::new(layout)))
        })
    }
}

impl CompiledRows {
    /// As [`Compiled::save`].
    ///
    /// # Errors
    /// As [`Compiled::save`].
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), What::Rows, |archive| {
            put_layout(archive, self.width, &self.layout);
            let RowShape { varying, reduce } = &self.call.shape;
            put_numbers(archive, "varying", varying.iter().map(|&varies| u64::from(varies)));
            put_numbers(archive, "reduce", reduce.iter().map(|&reduce| reduce as u64));
            put_native(archive, "code", &self.native)
        })
    }

    /// As [`Compiled::load`].
    ///
    /// # Safety
    /// As [`Compiled::load`].
    ///
    /// # Errors
    /// As [`Compiled::load`].
    #[track_caller]
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<CompiledRows> {
        load(path.as_ref(), What::Rows, |archive| {
            let (width, layout) = layout(archive)?;
            let varying: Vec<bool> = numbers(archive, "varying")?.into_iter().map(|n| n == 1).collect();
            let known = [Reduce::Each, Reduce::Sum, Reduce::Mean];
            let reduce = |n: u64| known.into_iter().find(|&reduce| reduce as u64 == n);
            let reduce: Option<Vec<Reduce>> = numbers(archive, "reduce")?.into_iter().map(reduce).collect();
            let shape = reduce.map(|reduce| RowShape { varying, reduce });
            let fits =
                |shape: &RowShape| shape.varying.len() == layout.inputs.len() && shape.reduce.len() == layout.outputs.len();
            let shape = shape.filter(fits).ok_or("it is damaged: inputs and outputs do not fit their rows")?;
            let call = Arc::new(RowCall::bare(shape, &layout));
            let native = Arc::new(native(archive, "code")?);
            let len = |&(group, _): &(u32, u32)| layout.outputs.get(group as usize).map_or(0, |(_, len)| *len);
            if native.needs.sums.iter().any(|sum| sum.1 as usize >= len(sum)) {
                return Err("it is damaged: a sum has no output".into());
            }
            Ok(CompiledRows { native, call, width, layout: Arc::new(layout), threads: 1 })
        })
    }
}

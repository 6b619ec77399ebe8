//! Compiled functions in files; what a file of code has is in [`codegen`](crate::codegen).

use super::arrays::CompiledArrays;
use super::point::Compiled;
use super::rows::CompiledRows;
use crate::base::Width;
use crate::codegen::{check, native, put_native, start};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Arrays, Code, Rows};
use crate::io::{Archive, Read, exactly, numbers, put_numbers, text};
use crate::schedule::unit::Units;
use crate::schedule::{Layout, MOST, Options, Reduce, RowCall, RowShape, schedule};
use std::sync::Arc;
use std::{panic::Location, path::Path, time::Duration};

/// What there is code of.
const POINT: &str = "Compiled";
const ROWS: &str = "CompiledRows";
const ARRAYS: &str = "CompiledArrays";

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

fn put_code(archive: &mut Archive, name: &str, code: &Code) -> Read<()> {
    let native = code.as_native().ok_or("there is no native code to be saved: it is interpreted")?;
    put_native(archive, name, native, &code.needs);
    Ok(())
}

fn code(archive: &Archive, name: &str) -> Read<Code> {
    let (native, needs) = native(archive, name)?;
    Ok(Code::native(Arc::new(native), needs))
}

/// Writes what `fill` puts into an archive.
#[track_caller]
pub(super) fn save(path: &Path, what: &str, fill: impl FnOnce(&mut Archive) -> Read<()>) -> Result<()> {
    let at = Location::caller();
    let wrong = |reason| Error::new(ErrorKind::File, format!("{} cannot be written: {reason}", path.display())).at(Some(at));
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
pub(super) fn load<R>(path: &Path, what: &str, read: impl FnOnce(&Archive) -> Read<R>) -> Result<R> {
    let at = Location::caller();
    let archive = Archive::load(path)?;
    let read = check(&archive, what, &[POINT, ROWS, ARRAYS]).and_then(|()| read(&archive));
    read.map_err(|reason| Error::new(ErrorKind::File, format!("{}: {reason}", path.display())).at(Some(at)))
}

impl Compiled {
    /// Writes the code to a file, from which [`Compiled::load`] takes it without compiling.
    ///
    /// ```
    /// # #[cfg(feature = "jit")] {
    /// use wengert::{Compiled, Function};
    /// let f = Function::trace(["a", "b"], |[a, b]| (a * b).sin())?.value_and_grad()?.compile()?;
    /// let path = std::env::temp_dir().join(format!("wengert-doc-{}.code", std::process::id()));
    /// f.save(&path)?;
    /// // SAFETY: the file is the one just written.
    /// let g = unsafe { Compiled::load(&path)? };
    /// assert_eq!(f.call_vec(&[0.3, 0.7])?, g.call_vec(&[0.3, 0.7])?);
    /// # std::fs::remove_file(path).unwrap();
    /// # }
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written, or the function is interpreted for want of native code (as all are without the feature `jit`).
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        save(path.as_ref(), POINT, |archive| {
            put_layout(archive, self.width, &self.layout);
            put_code(archive, "code", &self.point.code)
        })
    }

    /// Reads code that [`Compiled::save`] wrote with the same version of this library for the same kind of processor.
    ///
    /// # Safety
    /// The file's code is run as it is. What happens by accident (a file of something else, of another version or processor, cut off,
    /// or damaged) is found; code that somebody put there on purpose is not.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what [`Compiled::save`] wrote for this library and this processor; without the feature `jit`.
    #[track_caller]
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<Compiled> {
        load(path.as_ref(), POINT, |archive| {
            let (width, layout) = layout(archive)?;
            Ok(Compiled::new(Arc::new(code(archive, "code")?), width, Arc::new(layout)))
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
        save(path.as_ref(), ROWS, |archive| {
            put_layout(archive, self.width, &self.layout);
            let RowShape { varying, reduce } = &self.rows.call.shape;
            put_numbers(archive, "varying", varying.iter().map(|&varies| u64::from(varies)));
            put_numbers(archive, "reduce", reduce.iter().map(|&reduce| reduce as u64));
            put_code(archive, "code", &self.rows.code)
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
        load(path.as_ref(), ROWS, |archive| {
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
            let code = Arc::new(code(archive, "code")?);
            let len = |&(group, _): &(u32, u32)| layout.outputs.get(group as usize).map_or(0, |(_, len)| *len);
            if code.needs.sums.iter().any(|sum| sum.1 as usize >= len(sum)) {
                return Err("it is damaged: a sum has no output".into());
            }
            Ok(CompiledRows { rows: Rows { code, call, threads: 1 }, width, layout: Arc::new(layout) })
        })
    }
}

impl CompiledArrays {
    /// As [`Compiled::save`](crate::Compiled::save).
    ///
    /// # Errors
    /// As [`Compiled::save`](crate::Compiled::save); if the function has operations that cannot be read from text.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let stages = self.code.schedule();
        save(path.as_ref(), ARRAYS, |archive| {
            archive.put_function("function", &stages.f).map_err(|error| error.to_string())?;
            let Options { simplify, fuse, flush_subnormals, unroll, .. } = stages.options;
            put_numbers(archive, "options", [simplify, fuse, flush_subnormals, unroll].map(u64::from));
            let codes = self.code.codes();
            put_numbers(archive, "units", [codes.len() as u64]);
            codes.iter().enumerate().try_for_each(|(k, code)| put_code(archive, &format!("code {k}"), code))
        })
    }

    /// As [`Compiled::load`](crate::Compiled::load).
    ///
    /// # Safety
    /// As [`Compiled::load`](crate::Compiled::load).
    ///
    /// # Errors
    /// As [`Compiled::load`](crate::Compiled::load).
    #[track_caller]
    pub unsafe fn load(path: impl AsRef<Path>) -> Result<CompiledArrays> {
        load(path.as_ref(), ARRAYS, |archive| {
            let f = archive.function("function").map_err(|error| format!("it is damaged: its function: {error}"))?;
            let [simplify, fuse, flush, unroll] = exactly(archive, "options")?.map(|n| n == 1);
            let options = Options::new().simplify(simplify).fuse(fuse).flush_subnormals(flush).unroll(unroll);
            let mut units = Units::default();
            let schedule = schedule(f, options, &mut units, MOST).map_err(|error| error.to_string())?;
            let [count] = exactly(archive, "units")?;
            if count != units.all().len() as u64 {
                return Err("its code is that of other stages than this library makes of its function".into());
            }
            let mut codes = Vec::with_capacity(units.all().len());
            for (k, unit) in units.all().iter().enumerate() {
                let (native, needs) = native(archive, &format!("code {k}"))?;
                if native.stats().fingerprint != unit.program.fingerprint()
                    || needs != unit.needs
                    || native.functions().len() != unit.segments.segments.len()
                {
                    return Err("its code is that of other stages than this library makes of its function".into());
                }
                codes.push(Arc::new(Code::native(Arc::new(native), needs)));
            }
            let code = Arrays::new(Arc::new(schedule), codes.into(), vec![], Duration::ZERO);
            Ok(CompiledArrays { code: Arc::new(code), threads: 1 })
        })
    }
}

//! Compiled functions in files; what a file of code has is in [`codegen`](crate::codegen).

use super::call::{Body, Compiled};
use super::engine::Engine;
use super::running::Running;
use super::sizes::Sizes;
use crate::codegen::{check, native, put_native, start};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::exec::{Arrays, Code, Limits, Numbers, Rows};
use crate::graph::Function;
use crate::io::{Archive, Read, exactly, numbers, put_numbers, text};
use crate::schedule::ir::Updates;
use crate::schedule::unit::{Needs, Units};
use crate::schedule::{Layout, MOST, Reduce, RowCall, RowShape, Settings, schedule};
use std::sync::Arc;
use std::{panic::Location, path::Path, time::Duration};

/// What a file has code of.
const WHAT: &str = "Compiled";
/// The forms of a function.
const NUMBERS: &str = "numbers";
const ROWS: &str = "rows";
const ARRAYS: &str = "arrays";

impl Compiled {
    /// Writes the code to a file, from which [`Compiled::load`] takes it without compiling. Code that is made in the background is waited for.
    ///
    /// ```
    /// # #[cfg(feature = "jit")] {
    /// use wengert::{Compiled, Function};
    /// let f = Function::trace(["a", "b"], |[a, b]| (a * b).sin())?.value_and_grad()?.compile()?;
    /// let path = std::env::temp_dir().join(format!("wengert-doc-{}.code", std::process::id()));
    /// f.save(&path)?;
    /// // SAFETY: the file is the one just written.
    /// let g = unsafe { Compiled::load(&path)? };
    /// assert_eq!(f.call::<f64, 3>([0.3, 0.7])?, g.call([0.3, 0.7])?);
    /// # std::fs::remove_file(path).unwrap();
    /// # }
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written, the function is interpreted for want of native code (as all are without the feature `jit`), or it has
    /// operations that cannot be read from text.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (at, path) = (Location::caller(), path.as_ref());
        self.wait()?;
        let wrong = |reason| Error::new(ErrorKind::File, format!("{} cannot be written: {reason}", path.display())).at(Some(at));
        let mut archive = start(WHAT).map_err(wrong)?;
        put(&mut archive, &self.body).map_err(wrong)?;
        archive.save(path)
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
        let (at, path) = (Location::caller(), path.as_ref());
        let archive = Archive::load(path)?;
        let read = check(&archive, WHAT).and_then(|()| body(&archive));
        let read = read.map_err(|reason| Error::new(ErrorKind::File, format!("{}: {reason}", path.display())).at(Some(at)));
        Ok(Compiled::new(read?, 1))
    }
}

fn put(archive: &mut Archive, body: &Body) -> Read<()> {
    archive.put_function("signature", &body.f).map_err(|error| error.to_string())?;
    // There is no space in a name.
    archive.put_text("structural zeros", &body.zeros.join(" "));
    put_numbers(archive, "overwritten", body.updates.iter().flat_map(|&(output, input)| [output as u64, input as u64]));
    let Settings { simplify, fuse, flush_subnormals, unroll, turn_limit, .. } = body.settings;
    put_numbers(archive, "settings", [simplify, fuse, flush_subnormals, unroll].map(u64::from));
    put_numbers(archive, "turn limit", turn_limit.map(|turns| turns as u64));
    match body.running.engine() {
        Engine::Numbers(numbers) => {
            archive.put_text("function is of", NUMBERS);
            put_numbers(archive, "apart", [u64::from(numbers.is_apart())]);
            put_code(archive, "code", &numbers.code)
        }
        Engine::Rows(rows) => {
            archive.put_text("function is of", ROWS);
            let RowShape { varying, reduce } = &rows.call.shape;
            put_numbers(archive, "varying", varying.iter().map(|&varies| u64::from(varies)));
            put_numbers(archive, "reduce", reduce.iter().map(|&reduce| reduce as u64));
            put_numbers(archive, "fixed", rows.fixed.map(|n| n as u64));
            put_code(archive, "code", &rows.code)
        }
        Engine::Arrays(arrays) => {
            archive.put_text("function is of", ARRAYS);
            archive.put_function("function", arrays.function()).map_err(|error| error.to_string())?;
            let codes = arrays.codes();
            put_numbers(archive, "units", [codes.len() as u64]);
            codes.iter().enumerate().try_for_each(|(k, code)| put_code(archive, &format!("code {k}"), code))
        }
    }
}

fn body(archive: &Archive) -> Read<Body> {
    let f = archive.function("signature").map_err(|error| format!("it is damaged: its signature: {error}"))?;
    let zeros = text(archive, "structural zeros")?.split_ascii_whitespace().map(str::to_owned).collect();
    let [simplify, fuse, flush_subnormals, unroll] = exactly(archive, "settings")?.map(|n| n == 1);
    let turn_limit = numbers(archive, "turn limit")?.first().map(|&turns| turns as usize);
    let settings = Settings { simplify, fuse, flush_subnormals, unroll, turn_limit, ..Settings::default() };
    let pairs = numbers(archive, "overwritten")?;
    let updates: Box<Updates> = pairs.chunks_exact(2).map(|pair| (pair[0] as usize, pair[1] as usize)).collect();
    let known = |&(output, input): &(usize, usize)| output < f.outputs().len() && input < f.inputs().len();
    if !updates.iter().all(known) {
        return Err("it is damaged: what is overwritten is not there".into());
    }
    let engine = match text(archive, "function is of")? {
        NUMBERS => {
            let [apart] = exactly(archive, "apart")?;
            if apart == 1 && !updates.is_empty() {
                return Err("it is damaged: slices that are apart are overwritten".into());
            }
            let code = Arc::new(code(archive, "code")?);
            Engine::Numbers(Numbers::new(code, f.width(), Arc::new(Layout::new(&f)), apart == 1, updates.clone()))
        }
        ROWS => Engine::Rows(rows(archive, &f)?),
        ARRAYS => Engine::Arrays(arrays(archive, settings, updates.clone())?),
        other => return Err(format!("it is damaged: there are no functions of `{other}`")),
    };
    let sizes = Sizes::new(&f);
    Ok(Body {
        running: Running::Made(engine, Duration::ZERO),
        f,
        sizes,
        settings,
        updates,
        zeros,
        rolled: None,
        units: [].into(),
    })
}

fn rows(archive: &Archive, f: &Function) -> Read<Rows> {
    let layout = Layout::new(f);
    let varying: Vec<bool> = numbers(archive, "varying")?.into_iter().map(|n| n == 1).collect();
    let known = [Reduce::Each, Reduce::Sum, Reduce::Mean];
    let reduce = |n: u64| known.into_iter().find(|&reduce| reduce as u64 == n);
    let reduce: Option<Vec<Reduce>> = numbers(archive, "reduce")?.into_iter().map(reduce).collect();
    let shape = reduce.map(|reduce| RowShape { varying, reduce });
    let fits = |shape: &RowShape| shape.varying.len() == layout.inputs.len() && shape.reduce.len() == layout.outputs.len();
    let shape = shape.filter(fits).ok_or("it is damaged: inputs and outputs do not fit their rows")?;
    let fixed = numbers(archive, "fixed")?.first().map(|&n| n as usize);
    let code = Arc::new(code(archive, "code")?);
    let len = |&(group, _): &(u32, u32)| layout.outputs.get(group as usize).map_or(0, |(_, len)| *len);
    if code.needs.sums.iter().any(|sum| sum.1 as usize >= len(sum)) {
        return Err("it is damaged: a sum has no output".into());
    }
    Ok(Rows { code, call: Arc::new(RowCall::bare(shape, &layout)), fixed })
}

fn arrays(archive: &Archive, settings: Settings, updates: Box<Updates>) -> Read<Arrays> {
    let f = archive.function("function").map_err(|error| format!("it is damaged: its function: {error}"))?;
    let mut units = Units::default();
    let schedule = schedule(f, settings, &mut units, MOST).map_err(|error| error.to_string())?;
    let [count] = exactly(archive, "units")?;
    let others = "its code is that of other stages than this library makes of its function";
    if count != units.all().len() as u64 {
        return Err(others.into());
    }
    let mut codes = Vec::with_capacity(units.all().len());
    for (k, unit) in units.all().iter().enumerate() {
        let (native, needs) = native(archive, &format!("code {k}"))?;
        let needs = Needs { loops: unit.needs.loops.clone(), ..needs };
        if native.stats().fingerprint != unit.program.fingerprint()
            || needs != unit.needs
            || native.functions().len() != unit.segments.segments.len()
        {
            return Err(others.into());
        }
        codes.push(Arc::new(Code::native(Arc::new(native), needs)));
    }
    Ok(Arrays::new(Arc::new(schedule), codes, updates, Limits::default()))
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

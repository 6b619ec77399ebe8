//! Files with the code of functions of arrays: the function itself, as it was simplified, and the native code of its stages in the
//! order in which they are made. Reading plans the stages again, which takes little time, with the code at hand.

use super::CompiledArrays;
use super::run::ArrayCode;
use super::small::MOST;
use super::stages::Stages;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::jit::native::Native;
use crate::jit::saved::{What, exactly, load, native, put_native, put_numbers, save};
use crate::schedule::{Options, Program, RowCall};
use std::{cell::RefCell, path::Path, sync::Arc, vec};

/// Where the native code of stages comes from.
pub(super) enum Supply {
    Compile,
    Saved(RefCell<vec::IntoIter<Native>>),
}

impl Supply {
    pub(super) fn native(&self, program: &Program, rows: Option<&RowCall>) -> Result<Arc<Native>> {
        match self {
            Supply::Compile => Native::shared(program, rows),
            Supply::Saved(natives) => match natives.borrow_mut().next() {
                Some(native) if native.stats.fingerprint == program.fingerprint() => Ok(Arc::new(native)),
                _ => Err(Error::new(ErrorKind::File, "its code is that of other stages than this library makes of its function")),
            },
        }
    }
}

impl CompiledArrays {
    /// As [`Compiled::save`](crate::Compiled::save).
    ///
    /// # Errors
    /// As [`Compiled::save`](crate::Compiled::save); if the function has operations that cannot be read from text.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let stages = self.code.stages();
        save(path.as_ref(), What::Arrays, |archive| {
            archive.put_function("function", &stages.f).map_err(|error| error.to_string())?;
            let Options { simplify, fuse, flush_subnormals, unroll, .. } = stages.options;
            put_numbers(archive, "options", [simplify, fuse, flush_subnormals, unroll].map(u64::from));
            let natives = stages.natives();
            put_numbers(archive, "stages", [natives.len() as u64]);
            natives.iter().enumerate().try_for_each(|(k, native)| put_native(archive, &format!("code {k}"), native))
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
        load(path.as_ref(), What::Arrays, |archive| {
            let f = archive.function("function").map_err(|error| format!("it is damaged: its function: {error}"))?;
            let [simplify, fuse, flush, unroll] = exactly(archive, "options")?.map(|n| n == 1);
            let options = Options::new().simplify(simplify).fuse(fuse).flush_subnormals(flush).unroll(unroll);
            let [count] = exactly(archive, "stages")?;
            // As many entries as there are, so that a number that cannot be is no reason to allocate.
            let natives: Vec<Native> =
                (0..count).map(|k| native(archive, &format!("code {k}"))).collect::<std::result::Result<_, _>>()?;
            let supply = Supply::Saved(RefCell::new(natives.into_iter()));
            let stages = Stages::new(f, options, &supply, MOST).map_err(|error| error.to_string())?;
            Ok(CompiledArrays { code: Arc::new(ArrayCode::of(Arc::new(stages), vec![])), threads: 1 })
        })
    }
}

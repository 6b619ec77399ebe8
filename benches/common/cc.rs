//! Routines in C, compiled by the system's `cc` and loaded; for benches and tests.

use std::ffi::{CString, c_void};
use std::path::Path;
use std::process::Command;

/// A library that stays loaded.
pub struct Library(*mut c_void);

// SAFETY: a handle of a library is good for every thread.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Compiles one file, given by its path in the repository, and links it with some libraries.
    pub fn compile(source: &str, flags: &[&str], libraries: &[&str]) -> Result<Library, String> {
        let name = Path::new(source).file_stem().expect("a file has a name").to_string_lossy();
        let folder = std::env::temp_dir().join(format!("wengert-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let (object, library) = (folder.join("object.o"), folder.join("library.so"));
        let run = |command: &mut Command| {
            let output = command.output().map_err(|e| format!("cc: {e}"))?;
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
        };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
        let made = run(Command::new("cc").args(flags).args(["-fPIC", "-c"]).arg(source).arg("-o").arg(&object))
            // Linked without `-ffast-math`, whose start-up code would switch off subnormal numbers for the whole process.
            .and_then(|()| run(Command::new("cc").arg("-shared").arg(&object).args(libraries).arg("-o").arg(&library)));
        let path = CString::new(library.to_string_lossy().as_bytes()).map_err(|e| e.to_string())?;
        // SAFETY: the library runs nothing when it is loaded.
        let handle = made.map(|()| unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) });
        std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
        match handle? {
            handle if handle.is_null() => Err(format!("{source:?} cannot be loaded", source = path)),
            handle => Ok(Library(handle)),
        }
    }

    /// A routine by its name. `F` is the type of a pointer to it.
    pub fn routine<F: Copy>(&self, name: &str) -> F {
        let name = CString::new(name).expect("a name has no zero");
        // SAFETY: the handle is open.
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        assert!(!address.is_null() && size_of::<F>() == size_of::<*mut c_void>(), "the library has {name:?}");
        // SAFETY: the address is of the function of this name, and the caller knows its type.
        unsafe { std::mem::transmute_copy(&address) }
    }
}

//! Routines in C, compiled by the system's `cc` and loaded; for benches and tests.

use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::process::Command;

/// A library that stays loaded.
#[derive(Copy, Clone)]
pub struct Library(*mut c_void);

// SAFETY: a handle of a library is good for every thread.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads a library that is there.
    pub fn open(path: &str) -> Result<Library, String> {
        let c_path = CString::new(path).map_err(|e| e.to_string())?;
        // SAFETY: the initialisers are those of the C library and of OpenBLAS; what is compiled here has none.
        let handle = unsafe { libc::dlopen(c_path.as_ptr(), libc::RTLD_NOW) };
        if handle.is_null() { Err(format!("{path} cannot be loaded")) } else { Ok(Library(handle)) }
    }

    /// Compiles a text and links it with vector mathematics. A loaded library is found again by its path, so each has a name of its own.
    pub fn compile(name: &str, text: &str, flags: &[&str]) -> Result<Library, String> {
        let folder = std::env::temp_dir().join(format!("wengert-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let [source, object, library] = ["c", "o", "so"].map(|extension| folder.join(format!("{name}.{extension}")));
        let run = |arguments: &[&str], files: &[&Path]| {
            let output = Command::new("cc").args(arguments).args(files).output().map_err(|e| format!("no C compiler ({e})"))?;
            if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
        };
        let made = std::fs::write(&source, text)
            .map_err(|e| e.to_string())
            .and_then(|()| run(&[flags, &["-fPIC", "-c", "-o"]].concat(), &[&object, &source]))
            // Linked without `-ffast-math`, whose start-up code would switch off subnormal numbers for the whole process.
            .and_then(|()| run(&["-shared", "-o"], &[&library, &object, Path::new("-lmvec"), Path::new("-lm")]))
            .and_then(|()| Library::open(&library.to_string_lossy()));
        let _ = std::fs::remove_dir_all(&folder);
        made
    }

    /// The address of a function or variable.
    pub fn symbol(self, name: &CStr) -> Result<*mut c_void, String> {
        // SAFETY: the handle is open.
        let address = unsafe { libc::dlsym(self.0, name.as_ptr()) };
        if address.is_null() { Err(format!("no symbol {name:?}")) } else { Ok(address) }
    }

    /// A function.
    ///
    /// # Safety
    ///
    /// `F` is the type of a pointer to the function of this name.
    pub unsafe fn function<F: Copy>(self, name: &CStr) -> Result<F, String> {
        assert_eq!(size_of::<F>(), size_of::<*mut c_void>(), "{name:?} is a function");
        let address = self.symbol(name)?;
        // SAFETY: the caller knows the type.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }
}

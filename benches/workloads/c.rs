//! The workloads written by hand in C, as fast as 128-bit vectors go: compiled by `cc` when the bench starts, if there is one.

use std::ffi::{CString, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// n, x, g: the value.
pub type Rosenbrock = unsafe extern "C" fn(i64, *const f64, *mut f64) -> f64;
/// n, d, x, y, w, g, and room for n numbers twice: the loss.
pub type Logistic = unsafe extern "C" fn(i64, i64, *const f64, *const f64, *const f64, *mut f64, *mut f64, *mut f64) -> f64;
/// Steps, p, the rate: the loss.
pub type ExclusiveOr = unsafe extern "C" fn(i64, *mut f64, f64) -> f64;
/// Steps, n, x, y, p, the rate: the loss.
pub type Cubic = unsafe extern "C" fn(i64, i64, *const f64, *const f64, *mut f64, f64) -> f64;
/// n, five columns of inputs, six of results.
pub type OptionRows = unsafe extern "C" fn(i64, *const *const f64, *const *mut f64);

/// The kernels, loaded.
struct Kernels(*mut c_void);

// SAFETY: a handle of a library is good for every thread.
unsafe impl Send for Kernels {}
// SAFETY: as above.
unsafe impl Sync for Kernels {}

/// A kernel by its name. `F` is the type that is declared above for it.
pub fn kernel<F: Copy>(name: &str) -> Option<F> {
    static KERNELS: OnceLock<Option<Kernels>> = OnceLock::new();
    let kernels = KERNELS.get_or_init(|| compile().inspect_err(|why| println!("    no rows in C: {why}")).ok()).as_ref()?;
    let name = CString::new(name).ok()?;
    // SAFETY: the handle is open.
    let address = unsafe { libc::dlsym(kernels.0, name.as_ptr()) };
    assert!(!address.is_null() && size_of::<F>() == size_of::<*mut c_void>(), "the kernels have {name:?}");
    // SAFETY: the address is of the function of this name, and the caller knows its type.
    Some(unsafe { std::mem::transmute_copy(&address) })
}

fn compile() -> Result<Kernels, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/workloads/kernels.c");
    let folder = std::env::temp_dir().join(format!("wengert-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
    let (object, library) = (folder.join("kernels.o"), folder.join("kernels.so"));
    let run = |arguments: &[&str], files: &[&Path]| {
        let output = Command::new("cc").args(arguments).args(files).output().map_err(|e| format!("cc: {e}"))?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    };
    let flags = ["-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=128", "-fPIC", "-c", "-o"];
    let made = run(&flags, &[&object, &source])
        // Linked without `-ffast-math`, whose start-up code would switch off subnormal numbers for the whole process.
        .and_then(|()| run(&["-shared", "-o"], &[&library, &object, Path::new("-lmvec"), Path::new("-lm")]));
    let path = CString::new(library.to_string_lossy().as_bytes()).map_err(|e| e.to_string())?;
    // SAFETY: the library runs nothing when it is loaded.
    let handle = made.map(|()| unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) });
    std::fs::remove_dir_all(&folder).map_err(|e| e.to_string())?;
    match handle? {
        handle if handle.is_null() => Err("the kernels cannot be loaded".into()),
        handle => Ok(Kernels(handle)),
    }
}

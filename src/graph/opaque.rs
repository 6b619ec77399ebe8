//! Functions that are plain Rust code.

use crate::error::{Caller, Error, Kind as ErrorKind, Result};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

type Run = dyn Fn(&[&[f64]], &mut [&mut [f64]]) -> std::result::Result<(), String> + Send + Sync;

/// A closure with a name and a number, by which it differs from others.
struct Inner {
    name: String,
    number: u64,
    run: Box<Run>,
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

/// A function that is plain Rust code: a table, a solver, a call of another library. In a trace a call of it is one operation, which
/// interpreter and native code of functions of arrays run by calling the closure.
///
/// The closure gets the numbers of each operand and room for those of each result, row by row, also in functions of `f32`. It must be a
/// function of its operands: calls are made as often as the engine sees fit, equal ones once, those of constants when a plan is made. It is called
/// from any thread. What it gives as `Err`, and a panic in it, is an error of the call (with the line of [`Opaque::call`]) and never unwinds
/// through native code.
///
/// It has no derivative by itself: give it one with [`custom_jvp`](crate::rules::custom_jvp) or [`custom_vjp`](crate::rules::custom_vjp), as here.
///
/// ```
/// use wengert::rules::{Opaque, custom_jvp};
/// use wengert::Function;
/// let double = Opaque::new("double", |x, y| {
///     y[0].iter_mut().zip(x[0]).for_each(|(y, x)| *y = 2.0 * x);
///     Ok(())
/// });
/// let f = Function::trace(["x[n]"], |[x]| custom_jvp(x, |x| double.call(&[x], &[x.shape()])[0], |_, _, t| t * 2.0).sum(..))?;
/// let y = f.value_and_grad()?.compile()?.run([("x", [1.0, 3.0])])?;
/// assert_eq!((y["y"].data(), y["d_x"].data()), (&[8.0][..], &[2.0, 2.0][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone)]
pub struct Opaque(Arc<Inner>);

impl Opaque {
    /// Names a closure. Graphs that call it share it; it is dropped with the last of them. Two of the same closure are two functions, so make
    /// it once and call it as often as you want.
    pub fn new(
        name: &str,
        run: impl Fn(&[&[f64]], &mut [&mut [f64]]) -> std::result::Result<(), String> + Send + Sync + 'static,
    ) -> Opaque {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Opaque(Arc::new(Inner { name: name.into(), number, run: Box::new(run) }))
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }
    pub(crate) fn number(&self) -> u64 {
        self.0.number
    }

    /// Runs the closure. A panic of it ends here, and is an error like one that it gives.
    pub(crate) fn run(&self, inputs: &[&[f64]], outputs: &mut [&mut [f64]], at: Option<Caller>) -> Result<()> {
        let failed = |what: String| Err(Error::new(ErrorKind::Value, format!("opaque `{}` {what}", self.name())).at(at));
        match catch_unwind(AssertUnwindSafe(|| (self.0.run)(inputs, outputs))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(message)) => failed(format!("failed: {message}")),
            Err(panic) => failed(format!("panicked: {}", text_of(&*panic))),
        }
    }
}

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Opaque({})", self.name())
    }
}

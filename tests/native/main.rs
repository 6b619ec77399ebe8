//! Native code: how it is made, kept, shared between threads, and called for rows.

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "jit")]
mod background;
#[cfg(feature = "jit")]
mod compiling;
mod limits;
#[cfg(not(feature = "jit"))]
mod none;
mod random_rows;
#[cfg(feature = "jit")]
mod rolling;
#[cfg(feature = "jit")]
mod saved_code;
mod threads;
#[cfg(feature = "jit")]
mod vectors;

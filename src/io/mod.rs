//! Files. In: named texts, numbers, arrays and functions. Out: the same, to the bit, or an error that says what is wrong.
//!
//! The form is this crate's own: a marker, the version, the length, the entries, a checksum; numbers little-endian as they are. (JSON
//! has no infinities and no NaN, and a damaged digit is another number.) A [`Function`](crate::Function) is kept as its text.

mod archive;
mod bytes;
mod entry;
mod file;
mod reading;

pub use archive::Archive;
pub(crate) use reading::{Read, bytes as bytes_of, count, exactly, numbers, put_numbers, text};

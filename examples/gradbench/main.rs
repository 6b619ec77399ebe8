//! The adapter as a program, for its tests.

use std::io;

fn main() -> io::Result<()> {
    wengert_gradbench::main()
}

//! The adapter as a program: `cargo run --release --example gradbench < messages`.

use std::io;

fn main() -> io::Result<()> {
    wengert_gradbench::main()
}

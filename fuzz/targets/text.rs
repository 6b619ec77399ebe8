//! The text of functions: arbitrary text never panics, and what parses prints to a text that parses to the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wengert::Function;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Ok(f) = Function::parse(&text) else { return };
    let printed = f.to_string();
    let again = Function::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.to_string(), printed);
});

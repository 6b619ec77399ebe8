//! Files: archives of arbitrary bytes, archives whose head and checksum are right, and files of code with other bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;
use wengert::io::Archive;
use wengert::{Compiled, Function};

/// The bytes before the entries' length, those before the entries, and the checksum behind them (see `src/io/bytes.rs`).
const LENGTH: usize = 16;
const HEAD: usize = 24;
const SUM: usize = 8;

/// A file of code, and where it lies.
static CODE: LazyLock<(PathBuf, Vec<u8>)> = LazyLock::new(|| {
    let path = std::env::temp_dir().join(format!("wengert-fuzz-{}.code", std::process::id()));
    let f = Function::trace(["a", "x[n]"], |[a, x]| (a * x.sin()).sum(..)).and_then(|f| f.value_and_grad()).unwrap();
    f.compile().and_then(|f| f.save(&path)).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
});

fuzz_target!(|data: &[u8]| {
    if let Ok(archive) = Archive::from_bytes(data) {
        read(&archive, data);
    }
    let Some((&kind, data)) = data.split_first() else { return };
    if kind % 4 != 0 {
        let framed = framed(data);
        if let Ok(archive) = Archive::from_bytes(&framed) {
            read(&archive, &framed);
        }
        return;
    }
    let (path, whole) = &*CODE;
    let mut bytes = whole.clone();
    for change in data.chunks_exact(3) {
        let at = usize::from(change[0]) << 8 | usize::from(change[1]);
        let len = bytes.len();
        bytes[at % len] ^= change[2];
    }
    let mended = kind & 4 != 0;
    if mended {
        let entries = bytes[HEAD..bytes.len() - SUM].to_vec();
        bytes = framed(&entries);
    }
    std::fs::write(path, &bytes).unwrap();
    // SAFETY: code is read and not called.
    let loaded = unsafe { Compiled::load(path) };
    assert!(mended || bytes == *whole || loaded.is_err());
});

/// Every entry in every form; and the whole again.
fn read(archive: &Archive, bytes: &[u8]) {
    assert_eq!(archive.to_bytes(), bytes);
    for name in archive.names().map(str::to_owned).collect::<Vec<_>>() {
        let _ = (archive.text(&name), archive.count(&name), archive.array::<f64>(&name), archive.array::<f32>(&name));
        let _ = archive.function(&name);
    }
}

/// Entries behind a head, before a checksum.
fn framed(entries: &[u8]) -> Vec<u8> {
    let mut all = Archive::new().to_bytes();
    all.truncate(LENGTH);
    all.extend_from_slice(&(entries.len() as u64).to_le_bytes());
    all.extend_from_slice(entries);
    all.extend_from_slice(&checksum(&all).to_le_bytes());
    all
}

/// CRC-64, ECMA-182, reflected, bit by bit.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |sum: u64, _| if sum & 1 == 1 { sum >> 1 ^ 0xc96c_5795_d787_0f42 } else { sum >> 1 };
    !bytes.iter().fold(!0u64, |sum, &byte| (0..8).fold(sum ^ u64::from(byte), step))
}

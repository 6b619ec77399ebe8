//! Reading and replacing files.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Replaces a file at once: whoever opens it finds the old contents or the new, whole. The new one is written beside it under another
/// name, brought to the disk, and renamed; if that fails, it is removed.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}-{}.tmp", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let beside = path.with_file_name(beside);
    let write = || {
        let mut file = File::options().write(true).create_new(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, path)
    };
    write().inspect_err(|error| {
        if error.kind() != io::ErrorKind::AlreadyExists {
            // What cannot be removed is the lesser trouble.
            let _ = fs::remove_file(&beside);
        }
    })
}

/// The contents of a file; only its first bytes if it does not begin with the marker.
pub(super) fn read(path: &Path, marker: &[u8]) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![];
    (&file).take(marker.len() as u64).read_to_end(&mut bytes)?;
    if bytes == marker {
        file.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

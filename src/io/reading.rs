//! Entries of an archive that this crate put there itself: what is missing or different is damage.

use super::Archive;

/// What was found wrong with a file.
pub(crate) type Read<T> = std::result::Result<T, String>;

pub(crate) fn text<'a>(archive: &'a Archive, name: &str) -> Read<&'a str> {
    archive.text(name).map_err(|_| format!("it is damaged: it has no text `{name}`"))
}

pub(crate) fn count(archive: &Archive, name: &str) -> Read<u64> {
    archive.count(name).map_err(|_| format!("it is damaged: it has no number `{name}`"))
}

pub(crate) fn bytes<'a>(archive: &'a Archive, name: &str) -> Read<&'a [u8]> {
    archive.bytes(name).map_err(|_| format!("it is damaged: it has no bytes `{name}`"))
}

/// Puts a list of whole numbers under a name.
pub(crate) fn put_numbers(archive: &mut Archive, name: &str, numbers: impl IntoIterator<Item = u64>) {
    archive.put_bytes(name, numbers.into_iter().flat_map(u64::to_le_bytes).collect());
}

pub(crate) fn numbers(archive: &Archive, name: &str) -> Read<Vec<u64>> {
    let (chunks, rest) = bytes(archive, name)?.as_chunks();
    if !rest.is_empty() {
        return Err(format!("it is damaged: `{name}` is no list of numbers"));
    }
    Ok(chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect())
}

/// A list of as many numbers as there must be.
pub(crate) fn exactly<const N: usize>(archive: &Archive, name: &str) -> Read<[u64; N]> {
    numbers(archive, name)?.try_into().map_err(|_| format!("it is damaged: `{name}` are not {N} numbers"))
}

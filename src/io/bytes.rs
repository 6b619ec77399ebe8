//! The form of a file, version 1; whole numbers are little-endian:
//!
//! ```text
//! file   ::= marker version:u32 length:u64 entry* checksum:u64     `length` is that of the entries
//! entry  ::= name kind:u8 value
//! name   ::= text
//! text   ::= length:u64 UTF-8
//! value  ::= text                                    kind 1
//!          | u64                                     kind 2
//!          | axes:u64 u64* f32*                      kind 3
//!          | axes:u64 u64* f64*                      kind 4
//!          | length:u64 u8*                          kind 5
//! ```
//!
//! The checksum is the CRC-64 (ECMA-182, reflected) of all that comes before it.

use super::entry::{Entries, Entry};
use crate::base::Width;

/// What every file begins with: a byte that is no text, a name, and line ends that show whether they were translated.
pub(super) const MARKER: &[u8; 12] = b"\x89wengert\r\n\x1a\n";
const VERSION: u32 = 1;
const HEAD: usize = MARKER.len() + 4 + 8;

pub(super) fn write(entries: &Entries) -> Vec<u8> {
    let mut body = vec![];
    for (name, entry) in entries {
        write_text(&mut body, name);
        match entry {
            Entry::Text(text) => {
                body.push(1);
                write_text(&mut body, text);
            }
            Entry::Count(count) => {
                body.push(2);
                write_number(&mut body, *count);
            }
            Entry::Array(width, shape, bytes) => {
                body.push(if *width == Width::F32 { 3 } else { 4 });
                write_number(&mut body, shape.len() as u64);
                shape.iter().for_each(|&n| write_number(&mut body, n as u64));
                body.extend_from_slice(bytes);
            }
            Entry::Bytes(bytes) => {
                body.push(5);
                write_number(&mut body, bytes.len() as u64);
                body.extend_from_slice(bytes);
            }
        }
    }
    let mut all = Vec::with_capacity(HEAD + body.len() + 8);
    all.extend_from_slice(MARKER);
    all.extend_from_slice(&VERSION.to_le_bytes());
    write_number(&mut all, body.len() as u64);
    all.append(&mut body);
    let sum = checksum(&all);
    write_number(&mut all, sum);
    all
}

fn write_number(to: &mut Vec<u8>, n: u64) {
    to.extend_from_slice(&n.to_le_bytes());
}

fn write_text(to: &mut Vec<u8>, text: &str) {
    write_number(to, text.len() as u64);
    to.extend_from_slice(text.as_bytes());
}

pub(super) fn read(bytes: &[u8]) -> Result<Entries, String> {
    if !bytes.starts_with(MARKER) {
        let begun = MARKER.starts_with(bytes);
        return Err(if begun { "it is cut off within its first bytes" } else { "it is no file of this library" }.into());
    }
    let mut rest = Reader(&bytes[MARKER.len()..]);
    let cut = || "it is cut off within its first bytes".to_owned();
    let version = u32::from_le_bytes(rest.array().ok_or_else(cut)?);
    if version != VERSION {
        return Err(format!("it is of version {version}, and this library reads version {VERSION}"));
    }
    let length = rest.number().ok_or_else(cut)?;
    let (wanted, found) = (length.saturating_add(8), rest.0.len() as u64);
    if found != wanted {
        let what = if found < wanted { "it is cut off" } else { "something follows behind its end" };
        return Err(format!("{what}: {found} bytes instead of {wanted} after the head"));
    }
    let (before, sum) = bytes.split_at(bytes.len() - 8);
    if sum != checksum(before).to_le_bytes() {
        return Err("it is damaged: the checksum is wrong".into());
    }
    let mut body = Reader(&before[HEAD..]);
    let mut entries = Entries::new();
    while !body.0.is_empty() {
        let entry = body.entry().ok_or("it is damaged: an entry does not have its form")?;
        if entries.iter().any(|(name, _)| *name == entry.0) {
            return Err(format!("it is damaged: `{}` comes twice", entry.0));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Bytes that are not read yet.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (part, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(part)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        self.number()?.try_into().ok()
    }

    fn text(&mut self) -> Option<String> {
        let len = self.length()?;
        String::from_utf8(self.bytes(len)?.to_vec()).ok()
    }

    fn entry(&mut self) -> Option<(String, Entry)> {
        let name = self.text()?;
        let entry = match self.array()? {
            [1] => Entry::Text(self.text()?),
            [2] => Entry::Count(self.number()?),
            [kind @ (3 | 4)] => {
                let (width, size) = if kind == 3 { (Width::F32, 4) } else { (Width::F64, 8) };
                let axes = self.length()?;
                // An axis takes eight bytes, so a number of them that cannot be is no reason to allocate.
                let axes = self.bytes(axes.checked_mul(8)?)?.chunks_exact(8);
                let shape: Option<Vec<usize>> = axes.map(|n| Reader(n).length()).collect();
                let shape = shape?;
                let len = shape.iter().try_fold(size, |len: usize, &n| len.checked_mul(n))?;
                Entry::Array(width, shape, self.bytes(len)?.to_vec())
            }
            [5] => {
                let len = self.length()?;
                Entry::Bytes(self.bytes(len)?.to_vec())
            }
            _ => return None,
        };
        Some((name, entry))
    }
}

/// CRC-64: every change of up to eight neighbouring bytes shows.
fn checksum(bytes: &[u8]) -> u64 {
    const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;
    const TABLE: [u64; 256] = {
        let mut table = [0; 256];
        let mut k = 0;
        while k < 256 {
            let (mut rest, mut bit) = (k as u64, 0);
            while bit < 8 {
                rest = if rest & 1 == 1 { rest >> 1 ^ POLYNOMIAL } else { rest >> 1 };
                bit += 1;
            }
            table[k] = rest;
            k += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |sum, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    /// The check value of this code that its catalogues give.
    #[test]
    fn the_checksum_of_the_digits() {
        assert_eq!(super::checksum(b"123456789"), 0x995d_c9bb_df19_39fa);
    }
}

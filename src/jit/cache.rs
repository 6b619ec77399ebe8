//! Native code that this process made before: found again by the program that it was made of, which is compared step by step.

use super::native::Native;
use crate::error::Result;
use crate::schedule::{Options, Program, RowCall, Step};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// As much code is kept, with what it is found by, in bytes.
const ROOM: usize = 64 << 20;

/// All that code depends on; the processor is one in a process.
#[derive(Clone)]
struct Key {
    hash: u64,
    program: Program,
    rows: Option<RowCall>,
}

impl Key {
    fn new(program: &Program, rows: Option<&RowCall>) -> Key {
        let mut hasher = FxHasher::default();
        program.steps.hash(&mut hasher);
        program.outputs.hash(&mut hasher);
        // The rest tells programs apart that have the same steps, which few do: it is compared, that is enough.
        Key { hash: hasher.finish(), program: program.clone(), rows: rows.cloned() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        let rest = |key: &Key| {
            let Program { width, invariant, plain, options, .. } = &key.program;
            let Options { tier, flush_subnormals, code_limit, strange_processor, .. } = *options;
            (*width, *invariant, *plain, tier, flush_subnormals, code_limit, strange_processor)
        };
        let (p, q) = (&self.program, &other.program);
        self.hash == other.hash
            && rest(self) == rest(other)
            && p.outputs == q.outputs
            && p.steps == q.steps
            && self.rows == other.rows
    }
}

struct Entry {
    key: Key,
    native: Arc<Native>,
    bytes: usize,
    /// When it was last asked for.
    used: u64,
}

#[derive(Default)]
struct Cache {
    entries: FxHashMap<u64, Vec<Entry>>,
    bytes: usize,
    time: u64,
}

impl Cache {
    fn find(&mut self, key: &Key) -> Option<Arc<Native>> {
        self.time += 1;
        let entry = self.entries.get_mut(&key.hash)?.iter_mut().find(|entry| entry.key == *key)?;
        entry.used = self.time;
        Some(entry.native.clone())
    }

    /// Keeps code, unless it is there by now: then that is given.
    fn keep(&mut self, key: Key, native: Native, room: usize) -> Arc<Native> {
        if let Some(known) = self.find(&key) {
            return known;
        }
        const PAGE: usize = 4096;
        let native = Arc::new(native);
        let bytes = native.stats.code_bytes.next_multiple_of(PAGE) + key.program.steps.len() * size_of::<Step>();
        if bytes > room {
            return native;
        }
        while self.bytes + bytes > room {
            self.drop_oldest();
        }
        self.bytes += bytes;
        self.entries.entry(key.hash).or_default().push(Entry { key, native: native.clone(), bytes, used: self.time });
        native
    }

    fn drop_oldest(&mut self) {
        let all = self.entries.iter().flat_map(|(&hash, entries)| entries.iter().map(move |entry| (entry.used, hash)));
        let (used, hash) = all.min().expect("bytes that are kept belong to entries");
        let entries = self.entries.get_mut(&hash).expect("the entry was found");
        let at = entries.iter().position(|entry| entry.used == used).expect("the entry was found");
        self.bytes -= entries.swap_remove(at).bytes;
        if entries.is_empty() {
            self.entries.remove(&hash);
        }
    }
}

fn cache() -> MutexGuard<'static, Cache> {
    static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The code that was kept of a program, or else what is made now.
pub(super) fn find_or(program: &Program, rows: Option<&RowCall>, make: impl FnOnce() -> Result<Native>) -> Result<Arc<Native>> {
    let key = Key::new(program, rows);
    if let Some(known) = cache().find(&key) {
        return Ok(known);
    }
    // Others may look meanwhile.
    let native = make()?;
    Ok(cache().keep(key, native, ROOM))
}

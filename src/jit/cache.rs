//! Native code that this process made before: found again by the program that it was made of, which is compared step by step.

use super::native::Native;
use crate::error::Result;
use crate::schedule::{Options, Program, RowCall, Step};
use rustc_hash::FxHashMap;
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
        // The rest tells programs apart that have the same steps, which few do: it is compared, that is enough.
        Key { hash: program.fingerprint(), program: program.clone(), rows: rows.cloned() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        let rest = |key: &Key| {
            let Program { width, invariant, options, .. } = &key.program;
            let Options { tier, flush_subnormals, code_limit, strange_processor, .. } = *options;
            (*width, *invariant, tier, flush_subnormals, code_limit, strange_processor)
        };
        let (p, q) = (&self.program, &other.program);
        self.hash == other.hash
            && rest(self) == rest(other)
            && p.apart == q.apart
            && (!p.apart || p.lengths().eq(q.lengths()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Function;
    use crate::schedule::{Reduce, RowMap, Tier};
    use std::sync::atomic::AtomicBool;

    fn program(c: f64, options: Options) -> Program {
        Function::trace(["a", "b"], |[a, b]| (a * c + b).sin()).unwrap().lower_with(options)
    }

    fn same(p: &Program, q: &Program) -> bool {
        Arc::ptr_eq(&p.compile().unwrap().native, &q.compile().unwrap().native)
    }

    #[test]
    fn the_second_time_it_is_the_same_code() {
        let cached = Options::new().cached(true);
        assert!(same(&program(1.25, cached), &program(1.25, cached.threads(3))));
        assert!(!same(&program(1.25, Options::new()), &program(1.25, cached)), "the first one was not to be kept");
        // Names do not matter to the code, and stay the function's own.
        let renamed = Function::trace(["x", "y"], |[x, y]| (x * 1.25 + y).sin()).unwrap().lower_with(cached);
        assert!(same(&program(1.25, cached), &renamed));
        assert!(renamed.compile().unwrap().call_vec(&[1.0]).unwrap_err().to_string().contains("(x, y)"));
        // What differs in anything that code depends on.
        let others = [
            program(1.5, cached),
            program(1.25, cached.tier(Tier::Fast)),
            program(1.25, cached.fuse(false)),
            program(1.25, cached.strange_processor(true)),
            program(1.25, cached).with_kernels(),
            Function::trace_in(crate::Width::F32, ["a", "b"], |[a, b]| (a * 1.25 + b).sin()).unwrap().lower_with(cached),
        ];
        others.iter().for_each(|other| assert!(!same(&program(1.25, cached), other)));
        let f = Function::trace(["a", "b"], |[a, b]| (a * 1.25 + b).sin()).unwrap();
        let native = |map: RowMap| map.compile_with(cached).unwrap().native;
        let each = native(f.map_rows(["a"]).unwrap());
        assert!(Arc::ptr_eq(&each, &native(f.map_rows(["a"]).unwrap())));
        assert!(!Arc::ptr_eq(&each, &native(f.map_rows(["a"]).unwrap().sum_all())));
        assert!(!Arc::ptr_eq(&each, &native(f.map_rows(["a", "b"]).unwrap())));
        assert_eq!(f.map_rows(["a"]).unwrap().lower().call.shape.reduce, [Reduce::Each]);
    }

    #[test]
    fn equal_hashes_are_not_enough() {
        let native = |p: &Program| Native::shared_unless(p, None, &AtomicBool::new(false)).unwrap();
        let (p, q) = (program(2.0, Options::new()), program(3.0, Options::new()));
        let (one, mut other) = (Key::new(&p, None), Key::new(&q, None));
        assert_ne!(one.hash, other.hash);
        other.hash = one.hash;
        let mut cache = Cache::default();
        let first = cache.keep(one.clone(), Arc::into_inner(native(&p)).unwrap(), ROOM);
        assert!(cache.find(&other).is_none());
        let second = cache.keep(other.clone(), Arc::into_inner(native(&q)).unwrap(), ROOM);
        assert!(Arc::ptr_eq(&first, &cache.find(&one).unwrap()) && Arc::ptr_eq(&second, &cache.find(&other).unwrap()));
        // Made twice at the same time, it is kept once.
        assert!(Arc::ptr_eq(&first, &cache.keep(one, Arc::into_inner(native(&p)).unwrap(), ROOM)));
    }

    #[test]
    fn what_is_kept_is_bounded_and_freed() {
        let (mut cache, room) = (Cache::default(), 3 * 5000);
        let programs: Vec<Program> = (0..10).map(|c| program(c as f64 + 0.1, Options::new())).collect();
        let keep = |cache: &mut Cache, p: &Program| {
            let native = Native::shared(p, None).unwrap();
            Arc::downgrade(&cache.keep(Key::new(p, None), Arc::into_inner(native).unwrap(), room))
        };
        let first = keep(&mut cache, &programs[0]);
        let rest: Vec<_> = programs[1..]
            .iter()
            .map(|p| {
                // The first one is asked for all the time.
                assert!(cache.find(&Key::new(&programs[0], None)).is_some());
                keep(&mut cache, p)
            })
            .collect();
        let kept = rest.iter().filter(|native| native.strong_count() > 0).count();
        assert!(first.strong_count() > 0 && cache.bytes <= room && kept == 2);
        assert_eq!(cache.entries.values().flatten().map(|entry| entry.bytes).sum::<usize>(), cache.bytes);
        // More than there is room for at all is not kept.
        let large = Function::trace("x", |x| (0..900).fold(x, |y, k| (y + k as f64).sin())).unwrap().lower();
        assert_eq!(keep(&mut cache, &large).strong_count(), 0);
        assert!(first.strong_count() > 0);
    }
}

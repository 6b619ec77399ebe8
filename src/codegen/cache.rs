//! Native code that this process made before: found again by the program that it was made of, which is compared step by step.

use super::native::Native;
use crate::schedule::unit::Unit;
use crate::schedule::{Program, Settings};
use rustc_hash::FxHashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

/// As much is kept, in bytes: code, in whole pages, and the programs that it is found by, with all that memory is taken for.
const ROOM: usize = 64 << 20;

/// All that code depends on; the processor is one in a process.
#[derive(Clone)]
pub(super) struct Key {
    hash: u64,
    unit: Arc<Unit>,
}

impl Key {
    pub(super) fn new(unit: &Arc<Unit>) -> Key {
        // The rest tells programs apart that have the same steps, which few do: it is compared, that is enough.
        Key { hash: unit.program.fingerprint(), unit: unit.clone() }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        let rest = |key: &Key| {
            let Program { width, invariant, options, .. } = &key.unit.program;
            let Settings { tier, flush_subnormals, code_limit, strange_processor, vectors, .. } = *options;
            (*width, *invariant, tier, flush_subnormals, code_limit, strange_processor, vectors)
        };
        let (p, q) = (&self.unit.program, &other.unit.program);
        self.hash == other.hash
            && rest(self) == rest(other)
            && p.apart == q.apart
            && (!p.apart || p.lengths().eq(q.lengths()))
            && p.outputs == q.outputs
            && p.steps == q.steps
            && p.flow == q.flow
            && self.unit.rows == other.unit.rows
    }
}

struct Entry {
    key: Key,
    native: Arc<Native>,
    bytes: usize,
    /// When it was last asked for.
    used: u64,
}

/// What an entry takes; the list that it is in has room for as many again.
fn bytes(key: &Key, native: &Native) -> usize {
    native.bytes() + key.unit.bytes() + 2 * size_of::<Entry>()
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
    fn keep(&mut self, key: &Key, native: Arc<Native>, room: usize) -> Arc<Native> {
        if let Some(known) = self.find(key) {
            return known;
        }
        let bytes = bytes(key, &native);
        if bytes > room {
            return native;
        }
        while self.bytes + bytes > room {
            self.drop_oldest();
        }
        self.bytes += bytes;
        self.entries.entry(key.hash).or_default().push(Entry {
            key: key.clone(),
            native: native.clone(),
            bytes,
            used: self.time,
        });
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

/// The code that was kept of each unit.
pub(super) fn find(keys: &[Key]) -> Vec<Option<Arc<Native>>> {
    let mut cache = cache();
    keys.iter().map(|key| cache.find(key)).collect()
}

/// Keeps the code of a unit, unless others kept some meanwhile: then that is given.
pub(super) fn keep(key: &Key, native: Arc<Native>) -> Arc<Native> {
    cache().keep(key, native, ROOM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::host::Stop;
    use crate::codegen::{Compiled, compile};
    use crate::graph::Function;
    use crate::schedule::{Reduce, RowCall, RowShape, Tier, lowered};

    fn program(c: f64, options: Settings) -> Program {
        lowered(&Function::trace(["a", "b"], |[a, b]| (a * c + b).sin()).unwrap(), options, &[])
    }

    fn unit(p: &Program) -> Arc<Unit> {
        Arc::new(Unit::new(p.clone(), None))
    }

    fn made(unit: &Arc<Unit>) -> Arc<Native> {
        match compile(std::slice::from_ref(unit), unit.program.options, &Stop::default()).unwrap() {
            Compiled::Native(natives) => natives[0].clone(),
            Compiled::Unsupported(reason) => panic!("{reason}"),
        }
    }

    fn same(p: &Program, q: &Program) -> bool {
        Arc::ptr_eq(&made(&unit(p)), &made(&unit(q)))
    }

    #[test]
    fn the_second_time_it_is_the_same_code() {
        let cached = Settings { cached: true, ..Settings::default() };
        assert!(same(&program(1.25, cached), &program(1.25, Settings { threads: std::num::NonZero::new(3), ..cached })));
        assert!(!same(&program(1.25, Settings::default()), &program(1.25, cached)), "the first one was not to be kept");
        // Names do not matter to the code, and stay the function's own.
        let renamed = Function::trace(["x", "y"], |[x, y]| (x * 1.25 + y).sin()).unwrap();
        assert!(same(&program(1.25, cached), &lowered(&renamed, cached, &[])));
        assert!(crate::exec::Code::of_units(&[unit(&program(1.25, cached))], cached, &Stop::default()).is_ok());
        // What differs in anything that code depends on.
        let narrow = Function::trace_in(crate::Width::F32, ["a", "b"], |[a, b]| (a * 1.25 + b).sin()).unwrap();
        let others = [
            program(1.5, cached),
            program(1.25, Settings { tier: Tier::Fast, ..cached }),
            program(1.25, Settings { fuse: false, ..cached }),
            program(1.25, cached).with_kernels(),
            lowered(&narrow, cached, &[]),
        ];
        others.iter().for_each(|other| assert!(!same(&program(1.25, cached), other)));
    }

    #[test]
    fn rows_are_told_apart_by_how_they_are_called() {
        let cached = Settings { cached: true, ..Settings::default() };
        let f = Function::trace(["a", "b"], |[a, b]| (a * 1.25 + b).sin()).unwrap();
        let rows = |varying: [bool; 2], reduce: Reduce| {
            let program = lowered(&f, cached, &varying);
            let shape = RowShape { varying: varying.to_vec(), reduce: vec![reduce] };
            let call = RowCall::new(&program, &shape, true);
            made(&Arc::new(Unit::new(program, Some(call))))
        };
        let each = rows([true, false], Reduce::Each);
        assert!(Arc::ptr_eq(&each, &rows([true, false], Reduce::Each)));
        assert!(!Arc::ptr_eq(&each, &rows([true, false], Reduce::Sum)));
        assert!(!Arc::ptr_eq(&each, &rows([true, true], Reduce::Each)));
    }

    #[test]
    fn all_units_of_a_function_are_looked_up_and_made_together() {
        let cached = Settings { cached: true, ..Settings::default() };
        let units = [unit(&program(11.5, cached)), unit(&program(12.5, cached)), unit(&program(11.5, cached))];
        let first = made(&units[1]);
        let Compiled::Native(all) = compile(&units, cached, &Stop::default()).unwrap() else { panic!("native code") };
        assert!(Arc::ptr_eq(&all[1], &first), "what is there is not made again");
        assert!(Arc::ptr_eq(&all[0], &all[2]), "equal units are kept once");
    }

    #[test]
    fn equal_hashes_are_not_enough() {
        let (p, q) = (unit(&program(2.0, Settings::default())), unit(&program(3.0, Settings::default())));
        let (one, mut other) = (Key::new(&p), Key::new(&q));
        assert_ne!(one.hash, other.hash);
        other.hash = one.hash;
        let mut cache = Cache::default();
        let first = cache.keep(&one, made(&p), ROOM);
        assert!(cache.find(&other).is_none());
        let second = cache.keep(&other, made(&q), ROOM);
        assert!(Arc::ptr_eq(&first, &cache.find(&one).unwrap()) && Arc::ptr_eq(&second, &cache.find(&other).unwrap()));
        // Made twice at the same time, it is kept once.
        assert!(Arc::ptr_eq(&first, &cache.keep(&one, made(&p), ROOM)));
    }

    #[test]
    fn what_is_kept_is_bounded_and_freed() {
        let mut cache = Cache::default();
        let units: Vec<Arc<Unit>> = (0..10).map(|c| unit(&program(c as f64 + 0.1, Settings::default()))).collect();
        // For three and a half.
        let room = bytes(&Key::new(&units[0]), &made(&units[0])) * 7 / 2;
        let keep = |cache: &mut Cache, unit: &Arc<Unit>| Arc::downgrade(&cache.keep(&Key::new(unit), made(unit), room));
        let first = keep(&mut cache, &units[0]);
        let rest: Vec<_> = units[1..]
            .iter()
            .map(|unit| {
                // The first one is asked for all the time.
                assert!(cache.find(&Key::new(&units[0])).is_some());
                keep(&mut cache, unit)
            })
            .collect();
        let kept = rest.iter().filter(|native| native.strong_count() > 0).count();
        assert!(first.strong_count() > 0 && cache.bytes <= room && kept == 2);
        assert_eq!(cache.entries.values().flatten().map(|entry| entry.bytes).sum::<usize>(), cache.bytes);
        // More than there is room for at all is not kept.
        let large = Function::trace("x", |x| (0..900).fold(x, |y, k| (y + k as f64).sin())).unwrap();
        assert_eq!(keep(&mut cache, &unit(&lowered(&large, Settings::default(), &[]))).strong_count(), 0);
        assert!(first.strong_count() > 0);
    }
}

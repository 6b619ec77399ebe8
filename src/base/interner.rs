//! Values that are stored once per process, and kept until it ends; so their number is bounded.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Mutex, PoisonError},
};

/// Values of which each is stored once, up to a bound.
///
/// At the bound it is full, and nothing that needs more is started any more; what is under way then has room for as many again.
pub(crate) struct Interner<T: ?Sized + 'static> {
    known: Mutex<HashSet<&'static T>>,
    bound: usize,
}

impl<T: ?Sized + Eq + Hash> Interner<T> {
    pub(crate) fn bounded(bound: usize) -> Self {
        Interner { known: Mutex::default(), bound }
    }

    /// The value as it is stored; `None` for a new one that has no room.
    pub(crate) fn get(&self, value: &T, leak: impl FnOnce(&T) -> &'static T) -> Option<&'static T> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&known) = known.get(value) {
            return Some(known);
        }
        (known.len() < 2 * self.bound).then(|| {
            let leaked = leak(value);
            known.insert(leaked);
            leaked
        })
    }

    pub(crate) fn is_full(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len() >= self.bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::LazyLock;

    #[test]
    fn at_its_bound_it_is_full_and_what_is_known_stays() {
        // Like all of them it lives as long as the process, so that nothing that it keeps is lost.
        static NAMES: LazyLock<Interner<str>> = LazyLock::new(|| Interner::bounded(2));
        let names = &*NAMES;
        let get = |name: &str| names.get(name, |name| Box::leak(name.to_owned().into_boxed_str()));
        let a = get("a").unwrap();
        assert!(std::ptr::eq(a, get("a").unwrap()));
        assert!(!names.is_full());
        get("b").unwrap();
        assert!(names.is_full());
        // What is under way ends as it would have.
        assert_eq!((get("c"), get("d")), (Some("c"), Some("d")));
        assert_eq!(get("e"), None);
        assert!(std::ptr::eq(a, get("a").unwrap()));
    }
}

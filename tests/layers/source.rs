//! What one source file says of names: those that it declares, imports and uses. Data only; `reader` makes it.

use std::collections::BTreeSet;

/// A file.
#[derive(Debug, Default)]
pub struct Source {
    /// The file's own module, then its inline ones.
    pub scopes: Vec<Scope>,
    /// The whole file is test code.
    pub test: bool,
    pub impls: Vec<Impl>,
    /// The names of all functions that take `self`, those of traits too.
    pub methods: BTreeSet<String>,
    pub calls: Vec<Call>,
    /// The lines of `unsafe`.
    pub unsafes: Vec<usize>,
    /// Where `unsafe_code` is allowed, and for which declared module.
    pub allows: Vec<(Option<String>, usize)>,
}

#[derive(Debug, Default)]
pub struct Scope {
    /// What it declares, other than modules.
    pub items: BTreeSet<String>,
    pub children: Vec<Child>,
    pub uses: Vec<Use>,
    /// Paths of two and more segments, outside of `use`.
    pub paths: Vec<Path>,
    /// Names that stand alone.
    pub names: BTreeSet<String>,
    /// A macro is called among its items, or declares names that are its parameters: it may declare more than can be seen.
    pub hidden: bool,
    /// It implements something, or calls a macro.
    pub works: bool,
}

/// `mod name`, with the scope of an inline one.
#[derive(Debug)]
pub struct Child {
    pub name: String,
    pub scope: Option<usize>,
    /// Where its file is, if an attribute says so: from the folder of the file that declares it.
    pub path: Option<String>,
    pub test: bool,
}

#[derive(Debug)]
pub struct Use {
    pub path: Path,
    /// The name it gives; none for `as _` and a glob.
    pub alias: Option<String>,
    pub glob: bool,
    pub public: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    pub segments: Vec<String>,
    pub line: usize,
}

/// `impl Type`, not that of a trait.
#[derive(Debug)]
pub struct Impl {
    pub scope: usize,
    pub of: Path,
    pub methods: Vec<Method>,
}

/// A function of a type.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    pub name: String,
    /// How many arguments it takes beside `self`; none for one without `self`.
    pub takes: Option<usize>,
}

/// `x.name(…)`
#[derive(Debug)]
pub struct Call {
    pub name: String,
    pub line: usize,
    /// How many there are, if that can be told by their commas: closures and types have commas of their own.
    pub arguments: Option<usize>,
}

impl Scope {
    /// Whether it declares modules and re-exports names, and does nothing else.
    pub fn is_plain(&self) -> bool {
        self.items.is_empty() && self.paths.is_empty() && !self.works
    }

    /// Whether a name stands anywhere outside of `use`.
    pub fn mentions(&self, name: &str) -> bool {
        self.names.contains(name) || self.paths.iter().any(|path| path.segments[0] == name)
    }
}

//! Which file a name is defined in. In: the sources of a crate. Out: its modules, and its imports with what they mean.
//!
//! A re-exported name counts as one of the file that defines it. Rust's two kinds of names, types and values, are looked up
//! together where a path ends.

use crate::reader;
use crate::source::{Path, Scope, Source};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub struct Crate {
    pub files: Vec<File>,
    pub modules: Vec<Module>,
    /// What is wrong with the sources themselves: files that nobody declares, names that nobody defines.
    pub faults: Vec<String>,
}

pub struct File {
    /// From the root, as `src/op/real.rs`.
    pub path: String,
    pub source: Source,
    /// No module declares it, or only for tests.
    pub idle: bool,
}

/// A file's module, or an inline one.
pub struct Module {
    pub file: usize,
    scope: usize,
    parent: usize,
    /// Modules of one name, of which a configuration chooses one, are all meant by it.
    children: BTreeMap<String, Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Module(usize),
    /// A name that a module defines, and what follows it in the path: a variant, an associated function.
    Item {
        module: usize,
        name: String,
        rest: Vec<String>,
    },
    /// Of another crate, or no path of modules at all.
    Outside,
    /// The module before it has no such name.
    Missing(String),
}

/// A path in a file, and the file that it leads to, which may be the same.
pub struct Import {
    pub from: usize,
    pub line: usize,
    pub path: String,
    pub to: usize,
    /// The name that is used of that file; none for a module.
    pub name: Option<String>,
    /// The associated name behind a type.
    pub member: Option<String>,
    /// It re-exports the name, and the file does not use it otherwise.
    pub reexport: bool,
}

/// Up to the last slash of a path.
fn folder_of(path: &str) -> &str {
    &path[..path.rfind('/').map_or(0, |slash| slash + 1)]
}

impl Crate {
    /// Of the texts of all files in `src`, by their paths.
    pub fn new(texts: impl IntoIterator<Item = (String, String)>) -> Crate {
        let file = |(path, text): (String, String)| File { path, source: reader::read(&text), idle: true };
        let mut new = Crate { files: texts.into_iter().map(file).collect(), ..Crate::default() };
        match new.file("src/lib.rs") {
            Some(lib) => drop(new.module(lib, 0, 0, "src/", false)),
            None => new.faults.push("src/lib.rs: there is no such file".to_string()),
        }
        new
    }

    fn file(&self, path: &str) -> Option<usize> {
        self.files.iter().position(|file| file.path == path)
    }

    /// Adds a module and those it declares, which are in `folder`.
    fn module(&mut self, file: usize, scope: usize, parent: usize, folder: &str, test: bool) -> usize {
        let test = test || self.files[file].source.test;
        self.files[file].idle = test;
        let new = self.modules.len();
        self.modules.push(Module { file, scope, parent, children: BTreeMap::new() });
        let declared = self.files[file].source.scopes[scope].children.iter();
        let declared: Vec<_> =
            declared.map(|child| (child.name.clone(), child.scope, child.path.clone(), test || child.test)).collect();
        for (name, inline, path, test) in declared {
            let mut inner = format!("{folder}{name}/");
            let own = match path {
                Some(path) => {
                    let path = format!("{}{path}", folder_of(&self.files[file].path));
                    inner = folder_of(&path).to_string();
                    self.file(&path)
                }
                None => self.file(&format!("{folder}{name}.rs")).or_else(|| self.file(&format!("{inner}mod.rs"))),
            };
            let child = match (inline, own) {
                (Some(scope), _) => self.module(file, scope, new, &inner, test),
                (None, Some(file)) => self.module(file, 0, new, &inner, test),
                (None, None) => continue,
            };
            if !test {
                self.modules[new].children.entry(name).or_default().push(child);
            }
        }
        new
    }

    pub fn scope(&self, module: usize) -> &Scope {
        let Module { file, scope, .. } = self.modules[module];
        &self.files[file].source.scopes[scope]
    }

    /// The modules that are more than tests.
    pub fn live(&self) -> impl Iterator<Item = usize> {
        (0..self.modules.len()).filter(|&module| !self.files[self.modules[module].file].idle)
    }

    pub fn module_of(&self, file: usize, scope: usize) -> Option<usize> {
        self.modules.iter().position(|module| module.file == file && module.scope == scope)
    }

    /// Whether a file declares modules and re-exports names, and does nothing else.
    pub fn is_plain(&self, file: usize) -> bool {
        self.files[file].source.scopes.iter().all(Scope::is_plain)
    }

    /// What a path means in a module.
    pub fn resolve(&self, module: usize, segments: &[String]) -> Vec<Target> {
        self.path(module, segments, &mut Vec::new())
    }

    fn path(&self, module: usize, segments: &[String], seen: &mut Vec<(usize, String, bool)>) -> Vec<Target> {
        match segments[0].as_str() {
            "crate" => self.walk(0, &segments[1..], seen),
            "self" | "super" => self.walk(module, segments, seen),
            first => {
                let found = self.lookup(module, first, segments.len() == 1, seen);
                let found = if found.is_empty() { vec![Target::Outside] } else { found };
                self.onward(found, &segments[1..], seen)
            }
        }
    }

    /// Follows a path down from a module.
    fn walk(&self, module: usize, segments: &[String], seen: &mut Vec<(usize, String, bool)>) -> Vec<Target> {
        let Some((first, rest)) = segments.split_first() else { return vec![Target::Module(module)] };
        let found = match first.as_str() {
            "super" => return self.walk(self.modules[module].parent, rest, seen),
            "self" => return self.walk(module, rest, seen),
            name => self.lookup(module, name, rest.is_empty(), seen),
        };
        let item = || Target::Item { module, name: first.clone(), rest: Vec::new() };
        let found = match (found.is_empty(), self.scope(module).hidden, self.opens_outside(module)) {
            (false, ..) => found,
            (_, true, _) => vec![item()],
            (_, _, true) => vec![Target::Outside],
            _ => vec![Target::Missing(first.clone())],
        };
        self.onward(found, rest, seen)
    }

    fn onward(&self, found: Vec<Target>, segments: &[String], seen: &mut Vec<(usize, String, bool)>) -> Vec<Target> {
        let mut targets = BTreeSet::new();
        for target in found {
            match target {
                Target::Module(module) => targets.extend(self.walk(module, segments, seen)),
                Target::Item { module, name, mut rest } => {
                    rest.extend_from_slice(segments);
                    targets.insert(Target::Item { module, name, rest });
                }
                other => drop(targets.insert(other)),
            }
        }
        if targets.len() > 1 {
            targets.remove(&Target::Outside);
        }
        targets.into_iter().collect()
    }

    /// Whether a module takes all names of something outside.
    fn opens_outside(&self, module: usize) -> bool {
        let mut globs = self.scope(module).uses.iter().filter(|import| import.glob);
        globs.any(|import| self.resolve(module, &import.path.segments) == [Target::Outside])
    }

    /// What a name alone means in a module; only a module or type can be followed by more.
    fn lookup(&self, module: usize, name: &str, last: bool, seen: &mut Vec<(usize, String, bool)>) -> Vec<Target> {
        let key = (module, name.to_string(), last);
        if seen.contains(&key) {
            return Vec::new();
        }
        let scope = self.scope(module);
        let mut found: Vec<Target> =
            self.modules[module].children.get(name).into_iter().flatten().map(|&child| Target::Module(child)).collect();
        if scope.items.contains(name) {
            found.push(Target::Item { module, name: name.to_string(), rest: Vec::new() });
        }
        if !found.is_empty() && !last {
            return found;
        }
        seen.push(key);
        for import in scope.uses.iter().filter(|import| import.alias.as_deref() == Some(name)) {
            found.extend(self.path(module, &import.path.segments, seen));
        }
        if found.is_empty() {
            for import in scope.uses.iter().filter(|import| import.glob) {
                for target in self.path(module, &import.path.segments, seen) {
                    if let Target::Module(opened) = target {
                        found.extend(self.lookup(opened, name, last, seen));
                    }
                }
            }
        }
        seen.pop();
        found
    }

    /// Every path in a file that leads to one of the crate, and what is wrong with those that should and do not.
    pub fn imports(&self) -> (Vec<Import>, Vec<String>) {
        let (mut imports, mut faults) = (Vec::new(), Vec::new());
        for module in self.live() {
            let (file, scope) = (self.modules[module].file, self.scope(module));
            let mut note = |path: &Path, shown: String, reexport: bool, targets: Vec<Target>| {
                for target in targets {
                    let (to, name, member) = match target {
                        Target::Module(to) => (self.modules[to].file, None, None),
                        Target::Item { module, name, rest } => (self.modules[module].file, Some(name), rest.into_iter().next()),
                        Target::Outside => continue,
                        Target::Missing(name) => {
                            let File { path: at, .. } = &self.files[file];
                            faults.push(format!("{at}:{}: `{shown}` leads nowhere: `{name}` is not found", path.line));
                            continue;
                        }
                    };
                    imports.push(Import { from: file, line: path.line, path: shown.clone(), to, name, member, reexport });
                }
            };
            for import in &scope.uses {
                let targets = self.resolve(module, &import.path.segments);
                let shown = import.path.segments.join("::");
                let reexport = import.public && !import.alias.as_ref().is_some_and(|name| scope.mentions(name));
                if import.glob && !import.public {
                    let opened = targets.iter().filter_map(|target| match target {
                        Target::Module(opened) => Some(*opened),
                        _ => None,
                    });
                    let mentioned: BTreeSet<&String> =
                        scope.names.iter().chain(scope.paths.iter().map(|path| &path.segments[0])).collect();
                    for (opened, name) in opened.flat_map(|opened| mentioned.iter().map(move |name| (opened, name))) {
                        let declared = scope.items.contains(*name) || self.modules[module].children.contains_key(*name);
                        if !declared {
                            note(
                                &import.path,
                                format!("{shown}::{name}"),
                                false,
                                self.lookup(opened, name, true, &mut Vec::new()),
                            );
                        }
                    }
                }
                note(&import.path, shown, reexport, targets);
            }
            for path in &scope.paths {
                note(path, path.segments.join("::"), false, self.resolve(module, &path.segments));
            }
        }
        (imports, faults)
    }
}

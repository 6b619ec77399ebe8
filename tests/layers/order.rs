//! The order of layers, as it is written on the page of the architecture, and what breaks it.

use crate::names::{Crate, Target};
use crate::source::{Call, Method};
use std::collections::{BTreeMap, BTreeSet};

/// The layers, the highest first.
pub struct Order {
    pub layers: Vec<String>,
}

/// Methods of `bool` that a function has, too.
const OF_BOOL: &[&str] = &["then"];

impl Order {
    /// Of the block ```` ```layers ```` on the page: a line's first word is the layer.
    pub fn on_page(page: &str) -> Result<Order, String> {
        let block = page.lines().skip_while(|line| line.trim() != "```layers").skip(1).take_while(|line| line.trim() != "```");
        let layers: Vec<String> = block.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect();
        let mut seen = BTreeSet::new();
        match layers.iter().find(|layer| !seen.insert(layer.as_str())) {
            Some(twice) => Err(format!("the layer `{twice}` stands twice on the page")),
            None if layers.is_empty() => Err("the page has no block of layers".to_string()),
            None => Ok(Order { layers }),
        }
    }

    /// The height of a file's layer; none if it has no layer. `lib.rs` is above all.
    fn height(&self, path: &str) -> Option<usize> {
        let layer = layer(path);
        let lib = (layer == "lib").then_some(self.layers.len());
        lib.or_else(|| self.layers.iter().rev().position(|known| *known == layer))
    }

    /// Folders and files in no layer, and layers without a folder or file.
    pub fn strangers(&self, names: &Crate) -> Vec<String> {
        let here: BTreeSet<&str> = names.files.iter().map(|file| layer(&file.path)).filter(|layer| *layer != "lib").collect();
        let stray = here.iter().filter(|layer| !self.layers.iter().any(|known| known == *layer));
        let stray = stray.map(|layer| format!("src/{layer} is in no layer of docs/architecture.md"));
        let empty = self.layers.iter().filter(|layer| !here.contains(layer.as_str()));
        stray
            .chain(empty.map(|layer| format!("the layer `{layer}` of docs/architecture.md has neither folder nor file")))
            .collect()
    }

    /// Imports of a lower layer from a higher one.
    pub fn upward(&self, names: &Crate) -> Vec<String> {
        let mut found = BTreeSet::new();
        for import in names.imports().0 {
            let [from, to] = [import.from, import.to].map(|file| names.files[file].path.as_str());
            if self.height(from) < self.height(to) && self.height(from).is_some() {
                let (lower, higher, path, line) = (layer(from), layer(to), &import.path, import.line);
                found.insert((from.to_string(), line, format!("`{path}` leads up from `{lower}` to `{higher}` ({to})")));
            }
        }
        found.into_iter().map(|(from, line, what)| format!("{from}:{line}: {what}")).collect()
    }

    /// Methods that a layer gives to a type of a lower one and that are called from below, where no import shows it.
    ///
    /// A call `x.name(…)` does not say what x is, so it counts if it has as many arguments as the method, and no method within the caller's
    /// reach has that name.
    pub fn borrowed(&self, names: &Crate) -> Vec<String> {
        let live = || names.files.iter().enumerate().filter(|(_, file)| !file.idle);
        let mut found = BTreeSet::new();
        // The files that have a method of a type; those of them that are above the type, by the method's name.
        let mut of_types: BTreeMap<(usize, &str, &str), Vec<usize>> = BTreeMap::new();
        let mut raised: BTreeMap<&str, Vec<(usize, &str, usize)>> = BTreeMap::new();
        let types: Vec<_> = live().flat_map(|(k, _)| types(names, k).map(move |part| (k, part))).collect();
        for (k, ((home, of), methods)) in &types {
            for Method { name: method, takes } in methods.iter() {
                of_types.entry((*home, of, method)).or_default().push(*k);
                let is_above = self.height(&names.files[*home].path) < self.height(&names.files[*k].path);
                if let Some(takes) = takes.filter(|_| is_above) {
                    raised.entry(method).or_default().push((*k, of, takes));
                }
            }
        }
        let mut note = |at: usize, line: usize, what: &str, owner: usize, of: &str| {
            let [at, owner] = [at, owner].map(|file| names.files[file].path.as_str());
            let (lower, higher) = (layer(at), layer(owner));
            found.insert((
                at.to_string(),
                line,
                format!("`{what}` is called in `{lower}`; `{higher}` gives it to `{of}` ({owner})"),
            ));
        };
        let height = |file: usize| self.height(&names.files[file].path);
        for (k, file) in live() {
            for Call { name, line, arguments } in file.source.calls.iter().filter(|call| !OF_BOOL.contains(&&*call.name)) {
                let owners = raised.get(name.as_str()).map_or(&[][..], Vec::as_slice);
                let ours = |other: usize| owners.iter().any(|(owner, ..)| *owner == other);
                let known = || {
                    live().any(|(other, file)| height(other) <= height(k) && file.source.methods.contains(name) && !ours(other))
                };
                let above = height(k).is_some() && owners.iter().all(|(owner, ..)| height(*owner) > height(k));
                let fits = |(.., takes): &&(usize, &str, usize)| arguments.is_none_or(|n| n == *takes);
                if let Some((owner, of, _)) = owners.iter().find(fits).filter(|_| above && !known()) {
                    note(k, *line, &format!(".{name}()"), *owner, of);
                }
            }
        }
        for import in names.imports().0 {
            if let (Some(of), Some(method)) = (&import.name, &import.member) {
                let owners = of_types.get(&(import.to, of, method)).map_or(&[][..], Vec::as_slice);
                let reach = height(import.from).max(height(import.to));
                let above = owners.iter().all(|owner| height(*owner) > reach) && height(import.from).is_some();
                if let Some(owner) = owners.first().filter(|_| above) {
                    note(import.from, import.line, &format!("{of}::{method}"), *owner, of);
                }
            }
        }
        found.into_iter().map(|(at, line, what)| format!("{at}:{line}: {what}")).collect()
    }
}

/// The first folder in `src`, or the file there.
fn layer(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// The types that a file gives methods to, each by the file that defines it and its name, with the methods.
pub fn types(names: &Crate, file: usize) -> impl Iterator<Item = ((usize, String), &[Method])> {
    names.files[file].source.impls.iter().filter_map(move |part| {
        let module = names.module_of(file, part.scope)?;
        names.resolve(module, &part.of.segments).into_iter().find_map(|target| match target {
            Target::Item { module, name, .. } => Some(((names.modules[module].file, name), &part.methods[..])),
            _ => None,
        })
    })
}

//! The layers hold: imports lead downwards in the order of docs/architecture.md, files do not import each other in circles, no file and no type
//! sprawls, and unsafe code has its places.
//!
//! The sources are read by themselves, from here or from the folder that `WENGERT_LAYERS_ROOT` names (as `tools/upward-import` does).

mod arguments;
mod circles;
mod names;
mod order;
mod reader;
mod source;
mod tests;
mod tokens;

use names::Crate;
use order::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Circles of files that may stay, at most three, each with its reason.
const CIRCLES: &[circles::Allowed<'_>] = &[(
    &["src/codegen/lower/mod.rs", "src/codegen/lower/places.rs", "src/codegen/lower/rows.rs"],
    "`Lowering` and its inherent parts: the steps, where their values are in memory, the loop over rows",
)];

/// Where unsafe code may be, and why.
const UNSAFE: &[(&str, &str)] = &[
    ("src/codegen/", "code memory"),
    ("src/compiled/files.rs", "`load` runs the code of a file as it is: its callers vouch for the file, no code here can"),
    ("src/exec/", "the raw pointers of a plan; the products of matrices"),
    ("src/kernels/fused.rs", "the dispatch on the processor's features"),
    ("src/kernels/records.rs", "memory that native code writes to"),
    ("src/kernels/slices.rs", "the dispatch on the processor's features"),
    ("src/dual/field.rs", "signatures of nalgebra's trait; the bodies are safe"),
];

/// Files of a type's own methods, at most.
const PARTS: usize = 3;
const LINES: usize = 500;
/// Names at the root that are not modules, at most: what is read on the first page of the documentation.
const ROOT_NAMES: usize = 25;

static ROOT: LazyLock<PathBuf> = LazyLock::new(|| match std::env::var_os("WENGERT_LAYERS_ROOT") {
    Some(root) => root.into(),
    None => env!("CARGO_MANIFEST_DIR").into(),
});

static SOURCES: LazyLock<Crate> =
    LazyLock::new(|| Crate::new(rust_files("src").into_iter().map(|path| (path.clone(), text(&path)))));

static ORDER: LazyLock<Order> = LazyLock::new(|| Order::on_page(&text("docs/architecture.md")).unwrap());

fn text(path: &str) -> String {
    std::fs::read_to_string(ROOT.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The paths of Rust files in a folder and those inside, from the root, in order. No folder, no files.
fn rust_files(folder: &str) -> Vec<String> {
    fn collect(root: &Path, folder: String, files: &mut Vec<String>) {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = format!("{folder}/{name}");
            match entry.file_type().unwrap().is_dir() {
                true if name != "target" => collect(root, path, files),
                false if name.ends_with(".rs") => files.push(path),
                _ => {}
            }
        }
    }
    let mut files = Vec::new();
    collect(&ROOT, folder.to_string(), &mut files);
    files.sort();
    files
}

#[track_caller]
fn expect_none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} faults:\n{}\n", faults.len(), faults.join("\n"));
}

#[test]
fn every_folder_is_a_layer() {
    expect_none(ORDER.strangers(&SOURCES));
}

#[test]
fn every_path_leads_somewhere() {
    let unreached = SOURCES.files.iter().enumerate().filter(|(file, _)| SOURCES.module_of(*file, 0).is_none());
    let unreached = unreached.map(|(_, file)| format!("{}: no module declares it", file.path));
    expect_none(SOURCES.faults.iter().cloned().chain(unreached).chain(SOURCES.imports().1).collect());
}

#[test]
fn imports_lead_downwards() {
    expect_none(ORDER.upward(&SOURCES));
}

#[test]
fn methods_of_higher_layers_are_not_called() {
    expect_none(ORDER.borrowed(&SOURCES));
}

#[test]
fn files_import_each_other_in_no_circle() {
    expect_none(circles::faults(&SOURCES, CIRCLES));
}

#[test]
fn files_are_short() {
    let files = ["src", "tests", "examples", "benches"].into_iter().flat_map(rust_files);
    let lines = files.map(|path| (text(&path).lines().count(), path)).filter(|(lines, _)| *lines > LINES);
    expect_none(lines.map(|(lines, path)| format!("{path} has {lines} lines; {LINES} are allowed")).collect());
}

#[test]
fn the_root_has_few_names() {
    let lib = SOURCES.files.iter().find(|file| file.path == "src/lib.rs").unwrap();
    let root = &lib.source.scopes[0];
    let names: BTreeSet<_> = root.uses.iter().filter(|import| import.public).map(|import| import.alias.as_ref()).collect();
    assert!(names.contains(&Some(&"Function".to_string())), "{names:?}");
    // A glob has no name, and brings any number of them.
    assert!(!names.contains(&None) && names.len() <= ROOT_NAMES, "{} names: {names:?}", names.len());
    assert!(root.items.is_empty() && !root.hidden, "{:?}", root.items);
}

#[test]
fn a_type_has_its_methods_in_few_files() {
    expect_none(sprawling(&SOURCES));
}

fn sprawling(names: &Crate) -> Vec<String> {
    let mut parts: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for (k, file) in names.files.iter().enumerate().filter(|(_, file)| !file.idle) {
        for (of, _) in order::types(names, k) {
            parts.entry(of).or_default().insert(&file.path);
        }
    }
    let many = parts.iter().filter(|(_, files)| files.len() > PARTS);
    let many = many.map(|((file, name), files)| (&names.files[*file].path, name, files.len(), files));
    many.map(|(path, name, n, files)| format!("`{name}` ({path}) has methods in {n} files: {files:?}")).collect()
}

#[test]
fn unsafe_code_has_its_places() {
    let gone = UNSAFE.iter().filter(|(place, _)| !SOURCES.files.iter().any(|file| file.path.starts_with(place)));
    let gone = gone.map(|(place, _)| format!("a place of unsafe code is gone: {place}"));
    expect_none(astray(&SOURCES).into_iter().chain(gone).collect());
}

/// Unsafe code, and permissions for it, outside of its places.
fn astray(names: &Crate) -> Vec<String> {
    let allowed = |path: &str| UNSAFE.iter().any(|(place, _)| path.starts_with(place));
    let mut faults = Vec::new();
    for file in names.files.iter().filter(|file| !file.idle) {
        if let ([first, ..], false) = (&file.source.unsafes[..], allowed(&file.path)) {
            faults.push(format!("{}:{first}: unsafe code, in {} places", file.path, file.source.unsafes.len()));
        }
        for (module, line) in &file.source.allows {
            // The module that a permission before `mod name;` is for.
            let folder = ["/mod.rs", "/lib.rs", ".rs"].iter().find_map(|end| file.path.strip_suffix(end)).unwrap_or_default();
            let covered = module.iter().flat_map(|name| [format!("{folder}/{name}.rs"), format!("{folder}/{name}/")]);
            if !allowed(&file.path) && !covered.into_iter().any(|path| allowed(&path)) {
                faults.push(format!("{}:{line}: unsafe code is allowed", file.path));
            }
        }
    }
    faults
}

//! What must not compile, with the message that a user reads, and its twin that does: `ui/*.rs`, by rustc against the library that cargo built
//! for this test.
//!
//! `BLESS=1` writes the messages that the compiler gives; they are for reading then.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use wengert::{Expr, Function, select};

/// The toolchain's rustc, beside its cargo.
fn rustc() -> PathBuf {
    let beside = Path::new(env!("CARGO")).with_file_name("rustc").with_extension(std::env::consts::EXE_EXTENSION);
    let found = if beside.exists() { beside } else { "rustc".into() };
    std::env::var_os("RUSTC").map_or(found, PathBuf::from)
}

/// Checks a program; what the compiler says about one that does not compile.
fn check(program: &str, library: &Path) -> Result<(), String> {
    let stem = Path::new(program).file_stem().unwrap().display();
    let out = std::env::temp_dir().join(format!("wengert-ui-{}-{stem}", std::process::id()));
    let output = Command::new(rustc())
        .args(["--edition=2024", "--emit=metadata", "--color=never", program, "--out-dir"])
        .arg(&out)
        .arg(format!("-Ldependency={}", library.parent().unwrap().display()))
        .arg(format!("--extern=wengert={}", library.display()))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&out);
    if output.status.success() { Ok(()) } else { Err(String::from_utf8(output.stderr).unwrap()) }
}

/// The library, among those of other features and compilers: the newest one against which a sound program compiles. It is looked for once.
fn library() -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(find_library).clone()
}

fn find_library() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let entries = test.parent().unwrap().read_dir().unwrap().map(|entry| entry.unwrap());
    let is_library = |name: &str| name.starts_with("libwengert-") && name.ends_with(".rlib");
    let mut found: Vec<_> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(is_library))
        .map(|entry| (Reverse(entry.metadata().unwrap().modified().unwrap()), entry.path()))
        .collect();
    found.sort();
    let mut why = String::from("no library is there");
    let compiles = |(_, path): &(_, PathBuf)| check("tests/ui/select_on_expr.rs", path).map_err(|says| why = says).is_ok();
    match found.into_iter().find(compiles) {
        Some((_, path)) => path,
        None => panic!("tests/ui/select_on_expr.rs does not compile: {why}"),
    }
}

/// The first error, without the line of the crate's own source that it names.
fn first_error(says: &str) -> String {
    let error = says.split("\n\n").next().unwrap_or_default();
    let line = |line: &str| match line.split_once("--> src/") {
        Some((before, place)) => format!("{}--> src/{}", before.trim_start(), place.split(':').next().unwrap_or_default()),
        None => line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().to_owned(),
    };
    error.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// That a program does not compile, for the reason in the file beside it.
#[track_caller]
fn refused(name: &str, library: &Path) {
    let Err(says) = check(&format!("tests/ui/{name}.rs"), library) else { panic!("{name} compiles") };
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/ui/{name}.stderr"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&beside, format!("{}\n", says.split("\n\n").next().unwrap_or_default())).unwrap();
    }
    let expected = std::fs::read_to_string(beside).unwrap();
    assert_eq!(first_error(&says), first_error(&expected), "{name}: the compiler says\n{says}");
}

#[test]
fn branching_on_a_handle_does_not_compile() {
    refused("if_on_expr", &library());
}

#[cfg(feature = "derive")]
#[test]
fn structures_are_derived_or_it_is_said_why_not() {
    let library = library();
    check("tests/ui/derive_structure.rs", &library).unwrap_or_else(|says| panic!("{says}"));
    for name in ["attribute", "bounds", "enum", "parameter", "reference", "skipped"] {
        refused(&format!("derive_{name}"), &library);
    }
    // What the compiler says itself, of fields whose types it knows.
    let fields = [("clone", "the trait bound `Key: Clone` is not satisfied"), ("foreign", "is no structure of leaves")];
    for (name, reason) in fields {
        let says = check(&format!("tests/ui/derive_{name}.rs"), &library).expect_err(name);
        assert!(says.contains(reason), "{name}: the compiler says\n{says}");
    }
}

#[test]
fn what_is_no_result_or_start_is_told_what_is() {
    let library = library();
    let programs = [
        (
            "solution_result",
            &["`Solution<Expr>` is no result of a traced closure", "of a `Solution` or a `Trajectory` give the parts"][..],
        ),
        ("tuple_result", &["is no result of a traced closure", "a truth value, an `f64`"]),
        ("loop_start", &["nothing that a loop, a solver or an integrator starts from"]),
    ];
    for (name, words) in programs {
        let says = check(&format!("tests/ui/{name}.rs"), &library).expect_err(name);
        words.iter().for_each(|word| assert!(says.contains(word), "{name}: the compiler says\n{says}"));
    }
}

#[cfg(feature = "derive")]
#[test]
fn a_list_as_a_leaf_is_told_to_be_wrapped() {
    let says = check("tests/ui/vec_leaf.rs", &library()).expect_err("a list is no leaf");
    let words = ["`Vec<{float}>` is no leaf of a structure", "`Array::from(vec)`"];
    words.iter().for_each(|word| assert!(says.contains(word), "the compiler says\n{says}"));
}

/// `ui/if_on_expr.rs` as it should be written.
fn relu(x: Expr) -> Expr {
    select(x.gt(0.0), x, 0.0 * x)
}

#[test]
fn choosing_with_select_does() {
    let f = Function::trace("x", relu).unwrap();
    assert_eq!(f.eval(&[2.0]).unwrap(), [2.0]);
    assert_eq!(f.eval(&[-2.0]).unwrap(), [0.0]);
}

//! The reader itself, on small texts.

use crate::names::Crate;
use crate::order::Order;
use crate::source::{Method, Scope, Source};
use crate::tokens::{Kind, tokens};
use crate::{astray, circles, reader, sprawling};

/// A crate of these files in `src`.
fn of(files: &[(&str, &str)]) -> Crate {
    Crate::new(files.iter().map(|(path, text)| (format!("src/{path}"), text.to_string())))
}

/// Its imports between files as `from:line path → to name`.
fn imports(files: &[(&str, &str)]) -> Vec<String> {
    let names = of(files);
    let (imports, faults) = names.imports();
    assert_eq!(faults, [""; 0]);
    let path = |file: usize| names.files[file].path.strip_prefix("src/").unwrap();
    let shown = imports.iter().filter(|import| import.from != import.to).map(|import| {
        let name = import.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        format!("{}:{} {} → {}{name}", path(import.from), import.line, import.path, path(import.to))
    });
    shown.collect()
}

fn own(source: &Source) -> &Scope {
    &source.scopes[0]
}

fn paths(text: &str) -> Vec<String> {
    own(&reader::read(text)).paths.iter().map(|path| path.segments.join("::")).collect()
}

fn uses(text: &str) -> Vec<String> {
    let shown = |import: &crate::source::Use| {
        let name = import.alias.as_deref().unwrap_or(if import.glob { "*" } else { "_" });
        format!("{}{} as {name}", if import.public { "pub " } else { "" }, import.path.segments.join("::"))
    };
    own(&reader::read(text)).uses.iter().map(shown).collect()
}

#[test]
fn literals_are_no_names() {
    let of = |text| -> Vec<String> {
        let names = tokens(text).into_iter().filter(|token| token.kind == Kind::Name);
        names.map(|token| token.text.to_string()).collect()
    };
    assert_eq!(of(r###"a "b \" c" d r"\" e r#"f " g"# h br##"i "# j"## k c"l" m b"n" o"###), ["a", "d", "e", "h", "k", "m", "o"]);
    assert_eq!(
        of("'a' b 'c d '\\'' e '\\u{1F}' f '\"' g b'\\'' h b'\"' i 'é' j '_ k"),
        ["b", "d", "e", "f", "g", "h", "i", "j", "k"]
    );
    assert_eq!(of("1.5e-3_f64 a 1..n 0xE+b 1.max(c) x.0.1 2e9 1e+5"), ["a", "n", "b", "max", "c", "x"]);
    assert_eq!(of("a // crate::b\n /* c /* d */ e */ f /// g\n //! h\n i"), ["a", "f", "i"]);
}

#[test]
fn lines_are_counted_through_strings_and_comments() {
    let lines: Vec<usize> = tokens("a\n\"b\n\n\" c /* \n */ d\nr#\"\n\"# e").iter().map(|token| token.line).collect();
    assert_eq!(lines, [1, 2, 4, 5, 6, 7]);
}

#[test]
fn nested_imports_are_taken_apart() {
    let text = "use crate::{a::{self, b as c, d::*}, e::{f, g,},}; pub(crate) use super::super::h; use i as _; pub use ::std::j;";
    let expected = ["crate::a as a", "crate::a::b as c", "crate::a::d as *", "crate::e::f as f", "crate::e::g as g"];
    assert_eq!(uses(text), [&expected[..], &["pub super::super::h as h", "i as _"]].concat());
    // Within a function as well; `use<'a>` in a type is no import.
    assert_eq!(uses("fn f() -> impl Copy + use<'_> { if true { use crate::a::b; } }"), ["crate::a::b as b"]);
    assert_eq!(
        uses("macro_rules! m { ($x:ident) => { use $crate::a::$x; use $crate::a::b; use $x::c; } }"),
        ["crate::a::b as b"]
    );
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text = "struct S<'a> { x: &'a crate::a::A, y: Vec<super::B> }
        impl crate::c::C for S<'_> where Self: self::d::D { fn f(x: <u8 as crate::e::E>::F) -> [u8; crate::g::G] { x..crate::h::H } }
        const K: u8 = match x { crate::i::I { .. } => crate::j!(crate::k::K), _ => a.b::<crate::l::L>().c };";
    let expected =
        ["crate::a::A", "super::B", "crate::c::C", "self::d::D", "crate::e::E", "crate::g::G", "crate::h::H", "crate::i::I"];
    assert_eq!(paths(text), [&expected[..], &["crate::j", "crate::k::K", "crate::l::L"]].concat());
    assert_eq!(paths("pub(in crate::a) struct S(pub(in super::b) u8, pub (crate::c::C, u8), pub(crate) u8);"), ["crate::c::C"]);
    assert_eq!(
        paths("#![doc = \"crate::a\"] //! crate::b\n/// [`crate::c`]\n#[derive(crate::d::D)] struct S; // crate::e\n"),
        ["crate::d::D"]
    );
    assert_eq!(
        paths("const S: &str = \"crate::a\"; const R: &str = r#\"\"crate::b\"#; const C: char = '\"'; type T = crate::c::C;"),
        ["crate::c::C"]
    );
}

#[test]
fn macros_are_read_like_other_code() {
    let text = "macro_rules! m { ($($T:ty),*) => { $(impl $crate::a::A for $T { fn f() { $T::g(); crate::b::c() } })* pub enum E {} pub struct $T; } }
        m! { crate::d::D, e::f => g }
        fn f() { let v = vec![crate::h::i(); 3]; }";
    assert_eq!(paths(text), ["crate::a::A", "crate::b::c", "crate::d::D", "e::f", "crate::h::i"]);
    let source = reader::read(text);
    assert_eq!(own(&source).items.iter().collect::<Vec<_>>(), ["E", "f", "m"]);
    assert!(own(&source).hidden);
    assert!(!own(&reader::read("fn f() { println!(); }")).hidden);
}

#[test]
fn only_items_are_declared() {
    let text = "pub const fn a<const N: usize>(x: fn(u8)) { struct B; const C: u8 = { struct D; 1 }; }
        pub(crate) unsafe extern \"C\" fn e() {} static mut F: G = G { x: { 1 } }; union H { x: u8 } type I<T> = Vec<T>;
        trait J { fn k(&self); const L: u8; type M; } impl J for u8 { fn k(&self) {} } impl I<u8> { fn n(&mut self) {} fn o() {} fn p(self: Box<Self>, (a, b): (u8, u8), c: F<u8, dyn G<H: I>>) {} } const _: () = ();";
    let source = reader::read(text);
    assert_eq!(own(&source).items.iter().collect::<Vec<_>>(), ["F", "H", "I", "J", "_", "a", "e"]);
    assert_eq!(source.impls.len(), 1);
    assert_eq!(
        (source.impls[0].of.segments.join("::"), &source.impls[0].methods[..]),
        (
            "I".into(),
            &[("n", Some(0)), ("o", None), ("p", Some(2))].map(|(name, takes)| Method { name: name.to_string(), takes })[..]
        )
    );
    assert_eq!(source.methods.iter().collect::<Vec<_>>(), ["k", "n", "p"]);
    let heads = "impl<'a, T: Fn(&'a u8) -> u8> crate::a::B<'a, T> where for<'b> T: Copy {} impl<F: for<'a> Fn(&'a u8)> C<F> {} impl<T> D<T> for E {}";
    let impls = reader::read(heads).impls;
    assert_eq!(impls.iter().map(|part| part.of.segments.join("::")).collect::<Vec<_>>(), ["crate::a::B", "C"]);
}

#[test]
fn test_code_is_passed_over() {
    let text = "#[cfg(test)] mod tests { use crate::a; fn f() { crate::b::c(); unsafe { } } }
        #[cfg(all(test, feature = \"x\"))] #[allow(unused)] pub(crate) fn f<A, B>() -> [u8; 3] { crate::c::d() }
        #[cfg(test)] use crate::{e, f::g}; #[cfg(test)] const C: S = S { x: crate::h::i };
        struct S { #[cfg(test)] x: crate::j::k, y: crate::l::m }
        fn g() { #[cfg(test)] crate::n::o(); #[cfg(not(test))] crate::p::q(); match x { #[cfg(test)] _ => { crate::r::s() } _ => crate::t::u } }
        #[cfg(any(test, feature = \"x\"))] use crate::v::w;";
    assert_eq!(paths(text), ["crate::l::m", "crate::p::q", "crate::t::u"]);
    assert_eq!(uses(text), ["crate::v::w as w"]);
    assert!(reader::read(text).unsafes.is_empty());
    assert!(reader::read("#![cfg(test)]\nuse crate::a;").test);
    // A module that is only declared for tests, in a file of its own; one that has the name of a test and is none.
    let lib = "mod a; mod b;";
    let a = ("a.rs", "#[cfg(test)] mod tests; mod inner { mod tests { use crate::b::B; } }");
    let found = imports(&[("lib.rs", lib), a, ("a/tests.rs", "use crate::b::B; use crate::nowhere;"), ("b.rs", "pub struct B;")]);
    assert_eq!(found, ["a.rs:1 crate::b::B → b.rs B"]);
}

#[test]
fn names_count_as_those_of_the_defining_file() {
    let lib = ("lib.rs", "mod a; mod b; mod c; pub use a::{A, Renamed as R}; pub use b::*;");
    let a = ("a/mod.rs", "mod deep; pub use deep::{A, B as Renamed};");
    let deep = ("a/deep.rs", "pub struct A; pub struct B; pub fn f() {}");
    let b = ("b.rs", "pub fn g() {} pub enum E { V }");
    let c = |text| {
        imports(&[lib, a, deep, b, ("c.rs", text)]).into_iter().filter(|import| import.starts_with("c.rs")).collect::<Vec<_>>()
    };
    assert_eq!(c("use crate::A;"), ["c.rs:1 crate::A → a/deep.rs A"]);
    assert_eq!(c("use crate::R;"), ["c.rs:1 crate::R → a/deep.rs B"]);
    assert_eq!(c("\nuse super::a::Renamed as N;"), ["c.rs:2 super::a::Renamed → a/deep.rs B"]);
    assert_eq!(c("fn f() { crate::E::V; crate::g() }"), ["c.rs:1 crate::E::V → b.rs E", "c.rs:1 crate::g → b.rs g"]);
    // By way of a module that was imported, an alias, a glob.
    assert_eq!(
        c("use crate::a::deep as d; fn f() { d::f() }"),
        ["c.rs:1 crate::a::deep → a/deep.rs", "c.rs:1 d::f → a/deep.rs f"]
    );
    assert_eq!(c("use crate::b::*; fn f() { g(); h() }"), ["c.rs:1 crate::b::g → b.rs g", "c.rs:1 crate::b → b.rs"]);
    assert_eq!(c("use crate::b::E::{self, *}; fn f() { std::f64::consts::PI; T::g(); E::V }").len(), 3);
    // What is declared here is not what a glob would give.
    assert_eq!(c("use crate::b::*; fn g() {} fn f() { g() }"), ["c.rs:1 crate::b → b.rs"]);
}

#[test]
fn chains_of_super_lead_up() {
    let lib = ("lib.rs", "mod a; pub struct Root;");
    let a = ("a/mod.rs", "mod b; mod c; use c::C; struct A;");
    let b = (
        "a/b.rs",
        "mod inner { use super::super::super::Root; fn f() -> super::super::A { super::super::C } }\nuse super::C;\nuse self::inner as _;",
    );
    let found = imports(&[lib, a, b, ("a/c.rs", "pub struct C;")]);
    let of_b = ["super::super::super::Root → lib.rs Root", "super::super::A → a/mod.rs A", "super::super::C → a/c.rs C"];
    let mut expected: Vec<String> = of_b.iter().map(|import| format!("a/b.rs:1 {import}")).collect();
    expected.extend(["a/b.rs:2 super::C → a/c.rs C".into(), "a/mod.rs:1 c::C → a/c.rs C".into()]);
    let mut found = found;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_module_and_a_function_may_share_a_name() {
    let files = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod scan; pub use scan::{Scan, scan};"),
        ("a/scan.rs", "pub struct Scan; pub fn scan() {}"),
    ];
    let found = imports(&[&files[..], &[("b.rs", "use crate::a::scan;")]].concat());
    assert!(found.contains(&"b.rs:1 crate::a::scan → a/scan.rs scan".to_string()), "{found:?}");
}

#[test]
fn modules_of_one_name_are_all_meant() {
    let lib = ("lib.rs", "mod b; #[cfg(x)] mod a; #[cfg(not(x))] #[path = \"a/none.rs\"] mod a;");
    let own = ("a/mod.rs", "mod both; pub use both::B; pub struct A;");
    let none = ("a/none.rs", "mod both; pub use both::B; pub struct A; use crate::b::C;");
    let both = ("a/both.rs", "pub struct B; use crate::b::D;");
    let found = imports(&[lib, own, none, both, ("b.rs", "pub struct C; pub struct D;\nuse crate::a::A;\nuse crate::a::B;")]);
    for import in [
        "b.rs:2 crate::a::A → a/mod.rs A",
        "b.rs:2 crate::a::A → a/none.rs A",
        "b.rs:3 crate::a::B → a/both.rs B",
        "a/none.rs:1 crate::b::C → b.rs C",
        "a/both.rs:1 crate::b::D → b.rs D",
    ] {
        assert!(found.iter().any(|other| other == import), "{import} is not among {found:?}");
    }
    // What one of them has not.
    let names = of(&[lib, own, ("a/none.rs", ""), ("a/both.rs", "pub struct B;"), ("b.rs", "use crate::a::A;")]);
    assert_eq!(names.imports().1, ["src/b.rs:1: `crate::a::A` leads nowhere: `A` is not found"]);
}

#[test]
fn a_name_that_is_nowhere_is_a_fault() {
    let files = |a| [("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", "\nuse crate::a::Gone;")];
    let faults = of(&files("pub struct Here;")).imports().1;
    assert_eq!(faults, ["src/b.rs:2: `crate::a::Gone` leads nowhere: `Gone` is not found"]);
    // A macro may have made it.
    assert!(of(&files("made! { Gone }")).imports().1.is_empty());
    assert!(of(&files("macro_rules! made { ($N:ident) => { struct $N; } }")).imports().1.is_empty());
    assert!(of(&files("pub use std::sync::*;")).imports().1.is_empty());
}

fn order() -> Order {
    Order::on_page("Text.\n\n```layers\ntop     drawn above\nmiddle\nbase    knows nothing\n```\n\n```text\nother\n```\n")
        .unwrap()
}

#[test]
fn imports_that_lead_up_are_named() {
    let lib = ("lib.rs", "mod base; mod middle; mod top; pub use top::Top;");
    let files = [
        lib,
        ("top.rs", "use crate::base::Base; pub struct Top;"),
        ("middle/mod.rs", "pub mod a;"),
        ("middle/a.rs", "pub struct A;"),
    ];
    let names = |base| of(&[&files[..], &[("base.rs", base)]].concat());
    assert!(order().upward(&names("pub struct Base;")).is_empty());
    let upward = order().upward(&names("pub struct Base;\nuse crate::Top;\nfn f() { crate::middle::a::A }"));
    let expected = [
        "src/base.rs:2: `crate::Top` leads up from `base` to `top` (src/top.rs)",
        "src/base.rs:3: `crate::middle::a::A` leads up from `base` to `middle` (src/middle/a.rs)",
    ];
    assert_eq!(upward, expected);
    assert_eq!(order().upward(&names("pub struct Base; use crate::middle;")).len(), 1);
    assert!(order().strangers(&names("")).is_empty());
    let strangers = order().strangers(&of(&[
        ("lib.rs", "mod base; mod other; mod middle;"),
        ("base.rs", ""),
        ("middle.rs", ""),
        ("other/mod.rs", ""),
    ]));
    let expected = [
        "src/other is in no layer of docs/architecture.md",
        "the layer `top` of docs/architecture.md has neither folder nor file",
    ];
    assert_eq!(strangers, expected);
    assert!(Order::on_page("```layers\na\nb\na\n```").is_err() && Order::on_page("```text\na\n```").is_err());
}

#[test]
fn methods_from_above_are_named() {
    let top = ("top.rs", "use crate::base::Base; impl Base { pub fn raised(&self) {} pub fn made() {} } pub fn raised() {}");
    let names = |base| of(&[("lib.rs", "mod base; mod middle; mod top;"), top, ("middle.rs", ""), ("base.rs", base)]);
    let borrowed = order().borrowed(&names("pub struct Base;\nfn f(x: Base) { x.raised() }\nfn g() { Base::made() }"));
    let expected = [
        "src/base.rs:2: `.raised()` is called in `base`; `top` gives it to `Base` (src/top.rs)",
        "src/base.rs:3: `Base::made` is called in `base`; `top` gives it to `Base` (src/top.rs)",
    ];
    assert_eq!(borrowed, expected);
    // Another type within reach has a method of this name.
    assert!(order().borrowed(&names("pub struct Base; trait T { fn raised(&self); } fn f(x: Base) { x.raised() }")).is_empty());
    // A method that takes as many arguments, if they can be counted.
    assert!(order().borrowed(&names("pub struct Base; fn f(x: Outside) { x.raised(1, (2, 3),) }")).is_empty());
    assert_eq!(order().borrowed(&names("pub struct Base; fn f(x: Base) { x.raised(|a, b| a) }")).len(), 1);
    // What takes no `self` is not called with a dot.
    assert!(order().borrowed(&names("pub struct Base; fn f(x: &str) { x.made() }")).is_empty());
}

#[test]
fn circles_are_named_with_what_ties_them() {
    let lib = ("lib.rs", "mod a; mod b;");
    let files = [lib, ("a/mod.rs", "mod x; mod y; pub use x::X; pub use y::Y;"), ("a/y.rs", "use super::X; pub struct Y;")];
    let names = |x, b| of(&[&files[..], &[("a/x.rs", x), ("b.rs", b)]].concat());
    // A module that re-exports names is no part of a circle.
    assert!(circles::faults(&names("pub struct X;", "use crate::a::X;"), &[]).is_empty());
    let tied = names("use crate::b; pub struct X; fn f() { b::g() }", "use crate::a::X; pub fn g() {}");
    let circle =
        "a circle of 2 files: src/a/x.rs, src/b.rs\n    src/a/x.rs uses g of src/b.rs\n    src/b.rs uses X of src/a/x.rs";
    assert_eq!(circles::faults(&tied, &[]), [circle]);
    assert!(circles::faults(&tied, &[(&["src/a/x.rs", "src/b.rs"], "a type and its parts")]).is_empty());
    let gone = circles::faults(&names("pub struct X;", ""), &[(&["src/a/x.rs", "src/b.rs"], "a type and its parts")]);
    assert_eq!(gone, ["an allowed circle is gone: {\"src/a/x.rs\", \"src/b.rs\"}"]);
    assert!(circles::faults(&tied, &[(&["src/a/x.rs", "src/b.rs"], "")])[0].contains("without a reason"));
    // A module with contents of its own is one, but not for a re-export.
    let with_contents =
        |text| circles::faults(&of(&[("lib.rs", "mod a;"), ("a.rs", text), ("a/x.rs", "use super::A; pub struct X;")]), &[]);
    assert!(with_contents("mod x; pub use x::X; pub struct A;").is_empty());
    assert_eq!(with_contents("mod x; pub use x::X; pub struct A(X);").len(), 1);
    // Circles of several files, each found once.
    let ring = |k: usize, n: usize| format!("use crate::f{}::S{}; pub struct S{k};", (k + 1) % n, (k + 1) % n);
    let files: Vec<(String, String)> = (0..5).map(|k| (format!("src/f{k}.rs"), ring(k, 5))).collect();
    let lib = ("src/lib.rs".to_string(), "mod f0; mod f1; mod f2; mod f3; mod f4;".to_string());
    let ring = Crate::new(std::iter::once(lib).chain(files));
    assert!(circles::faults(&ring, &[])[0].starts_with("a circle of 5 files"));
}

#[test]
fn unsafe_code_and_scattered_types_are_named() {
    let lib = (
        "lib.rs",
        "#![deny(unsafe_code)]\nmod a;\n#[allow(unsafe_code, reason = \"raw\")]\nmod exec;\n#[allow(unsafe_code)]\npub(crate) mod b;",
    );
    let faults =
        astray(&of(&[lib, ("a.rs", "fn f() { unsafe { g() } }"), ("exec/mod.rs", "unsafe fn g() {}"), ("b.rs", "// unsafe\n")]));
    assert_eq!(faults, ["src/lib.rs:5: unsafe code is allowed", "src/a.rs:1: unsafe code, in 1 places"]);

    let parts: Vec<(String, String)> =
        (0..4).map(|k| (format!("src/f{k}.rs"), "impl crate::T { fn f() {} }".to_string())).collect();
    let scattered = |n: usize| {
        let lib = ("src/lib.rs".to_string(), "mod f0; mod f1; mod f2; mod f3; pub struct T;".to_string());
        sprawling(&Crate::new(std::iter::once(lib).chain(parts[..n].to_vec())))
    };
    assert!(scattered(3).is_empty());
    assert!(scattered(4)[0].starts_with("`T` (src/lib.rs) has methods in 4 files"), "{:?}", scattered(4));
}

//! The gallery: `docs/gallery.md` and the pictures beside it. No example has to run for these tests; `tools/gallery` runs them, and replaces
//! pictures.

use common::svg::{digest, made_of, source};
use common::{Outcome, in_repository};
use std::{collections::BTreeSet, fs};

/// Pictures that no one can make from what ships.
const ELSEWHERE: [&str; 1] = ["mnist_predict.svg"];

/// The names of the gallery's pictures.
fn pictures() -> Outcome<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(in_repository("docs/gallery"))? {
        names.insert(entry?.file_name().into_string().map_err(|name| format!("{name:?} is no text"))?);
    }
    Ok(names)
}

/// The examples by the files and folders that have them.
fn examples() -> Outcome<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(in_repository("examples"))? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or("a name is no text")?;
        if path.extension().is_some_and(|extension| extension == "rs") || stem == "bundle" {
            names.insert(stem.to_owned());
        }
    }
    Ok(names)
}

#[test]
fn no_picture_is_older_than_its_example() -> Outcome {
    let mut old = vec![];
    for name in pictures()? {
        let svg = fs::read_to_string(in_repository("docs/gallery").join(&name))?;
        let (example, of) = made_of(&svg).ok_or(format!("{name} does not say which example it is from"))?;
        assert!(svg.len() <= 60_000, "{name} has {} bytes", svg.len());
        assert!(source(example)?.contains(&name), "{example} draws no {name}");
        if of != digest(example)? {
            old.push(format!("{name} is older than its example: `tools/gallery {example}`"));
        }
    }
    assert!(old.is_empty(), "{}", old.join("\n"));
    Ok(())
}

#[test]
fn the_page_has_every_picture_of_every_example() -> Outcome {
    let page = fs::read_to_string(in_repository("docs/gallery.md"))?;
    let shown: BTreeSet<String> =
        page.split("](gallery/").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect();
    assert_eq!(shown, pictures()?);
    for example in examples()? {
        assert!(page.contains(&format!("`{example}`")), "the page does not name {example}");
        let source = source(&example)?;
        let drawn = source.split('"').filter(|text| text.ends_with(".svg") && !text.contains(' '));
        for name in drawn.filter(|name| !ELSEWHERE.contains(name)) {
            assert!(shown.contains(name), "{example} draws {name}, and the page does not show it");
        }
    }
    Ok(())
}

#[test]
fn a_picture_of_other_source_is_noticed() -> Outcome {
    let own = digest("xor")?;
    assert_ne!(own, digest("digits")?);
    let svg = |mark: &str| format!("<svg>\n<text>a</text>\n{mark}</svg>\n");
    assert_eq!(made_of(&svg(&format!("<!-- xor {own:016x} -->\n"))), Some(("xor", own)));
    assert_eq!(made_of(&svg("")), None);
    assert_eq!(made_of(&svg("<!-- xor nothing -->")), None);
    Ok(())
}

//! Pictures as files: made small, and marked with what they were made of.
//!
//! The gallery has pictures of every example. Each ends with a comment that names its example and a digest of the example's source, so that
//! a test can say which picture is older than its example, and no example has to run for that.

use super::{Outcome, in_repository, out_path};
use std::{fmt::Write, fs};

/// Writes a picture into the directory `out`, which git ignores, and says so.
pub fn write(name: &str, svg: &str) -> Outcome {
    let example = std::env::current_exe()?;
    let example = example.file_stem().and_then(|stem| stem.to_str()).ok_or("the program's name is no text")?;
    let small = smaller(svg).replace("</svg>", &format!("<!-- {example} {:016x} -->\n</svg>", digest(example)?));
    let path = out_path(name)?;
    fs::write(&path, small).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("wrote out/{name}");
    Ok(())
}

/// The example that a picture says it is from, and the digest of the source that made it.
pub fn made_of(svg: &str) -> Option<(&str, u64)> {
    let mark = svg.trim_end().strip_suffix("</svg>")?.trim_end().strip_suffix("-->")?.trim_end();
    let (example, digest) = mark[mark.rfind("<!--")? + 4..].trim().split_once(' ')?;
    Some((example, u64::from_str_radix(digest, 16).ok()?))
}

/// A number for the source of an example, with the shared modules that it names and those that these name: FNV-1a (G. Fowler, L. Noll,
/// K. Vo, 1991) of the text without comments and white space. (This module names all of them, so a change of any asks for all pictures anew.)
pub fn digest(example: &str) -> Outcome<u64> {
    let mut texts = vec![source(example)?];
    let mut modules = vec!["chart", "classifier", "images", "sqp", "svg"];
    while let Some(at) = modules.iter().position(|module| texts.iter().any(|text| names(text, module))) {
        let path = in_repository(&format!("examples/common/{}.rs", modules.remove(at)));
        texts.push(fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    let mut hash = 0xcbf2_9ce4_8422_2325;
    for text in texts {
        let code = text.lines().map(str::trim).filter(|line| !line.starts_with("//"));
        for byte in code.flat_map(str::bytes).filter(|byte| !byte.is_ascii_whitespace()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    Ok(hash)
}

/// An example is a file or a folder.
pub fn source(example: &str) -> Outcome<String> {
    let file = in_repository(&format!("examples/{example}.rs"));
    let path = if file.exists() { file } else { in_repository(&format!("examples/{example}/main.rs")) };
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// Whether a source has a word.
fn names(source: &str, word: &str) -> bool {
    source.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word)
}

/// The same picture in fewer bytes. Neighbours of one look are one path, and what is the default is not said.
fn smaller(svg: &str) -> String {
    let mut out = String::new();
    let mut path: Option<(String, String)> = None;
    for line in svg.lines() {
        let line = line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", "");
        let shape = shape(&line);
        match (&mut path, shape) {
            (Some((look, moves)), Some((own, more))) if *look == own => *moves += &more,
            (open, shape) => {
                close(&mut out, open.take());
                match shape {
                    Some(shape) => *open = Some(shape),
                    None => out = out + &line + "\n",
                }
            }
        }
    }
    close(&mut out, path);
    // A text is one line.
    let out = out.replace("\n</text>", "</text>");
    let mut lines: Vec<String> = vec![];
    for line in out.lines() {
        match lines.last_mut() {
            Some(last) if last.starts_with("<text") && !last.ends_with("</text>") => *last += line,
            _ => lines.push(line.to_owned()),
        }
    }
    lines.retain(|line| !line.ends_with("></text>"));
    lines.iter_mut().filter(|line| line.starts_with("<text")).for_each(plain_text);
    lines.join("\n") + "\n"
}

/// A text's size with one digit after the point; it is black by default.
fn plain_text(line: &mut String) {
    *line = line.replacen(" fill=\"#000000\"", "", 1);
    const SIZE: &str = " font-size=\"";
    let Some(start) = line.find(SIZE).map(|at| at + SIZE.len()) else { return };
    let Some(end) = line[start..].find('"').map(|len| start + len) else { return };
    if let Ok(size) = line[start..end].parse::<f64>() {
        line.replace_range(start..end, &format!("{size:.1}"));
    }
}

fn close(out: &mut String, path: Option<(String, String)>) {
    if let Some((look, moves)) = path {
        let _ = writeln!(out, "<path {look} d=\"{moves}\"/>");
    }
}

/// A shape as the look of a path and its moves; none where shapes of one look that overlap would not look the same as one.
fn shape(line: &str) -> Option<(String, String)> {
    let (tag, _) = line.strip_prefix('<')?.split_once(' ')?;
    let value = |name: &str| {
        let rest = &line[line.find(&format!(" {name}=\""))? + name.len() + 3..];
        rest.split_once('"').map(|(value, _)| value)
    };
    let only = |names: &[&str]| {
        let attributes =
            line.split('"').step_by(2).map(|text| text.trim_start_matches(|c| c != ' ').trim().trim_end_matches('='));
        attributes.filter(|name| !name.is_empty() && *name != "/>").all(|name| names.contains(&name))
    };
    match tag {
        "circle" if only(&["cx", "cy", "r", "fill", "stroke-width"]) => {
            let width = 2 * value("r")?.parse::<u32>().ok()?;
            let look = format!("stroke=\"{}\" stroke-width=\"{width}\" stroke-linecap=\"round\"", value("fill")?);
            Some((look, format!("M{},{}h0", value("cx")?, value("cy")?)))
        }
        "rect" if only(&["x", "y", "width", "height", "fill"]) => {
            let [x, y, width, height] = ["x", "y", "width", "height"].map(value);
            let width = width?;
            Some((format!("fill=\"{}\"", value("fill")?), format!("M{},{}h{width}v{}h-{width}z", x?, y?, height?)))
        }
        "polyline" | "line" if only(&["x1", "y1", "x2", "y2", "points", "fill", "stroke", "stroke-width"]) => {
            let points = match tag {
                "line" => format!("{},{} {},{}", value("x1")?, value("y1")?, value("x2")?, value("y2")?),
                _ => value("points")?.to_owned(),
            };
            let pair = |point: &str| point.split_once(',').and_then(|(x, y)| Some((x.parse().ok()?, y.parse().ok()?)));
            let points: Option<Vec<(i32, i32)>> = points.split_whitespace().map(pair).collect();
            let look = format!("fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"", value("stroke")?, value("stroke-width")?);
            Some((look, moves(&points?)))
        }
        _ => None,
    }
}

/// A line through points, by the distances from each to the next; a point on the way straight ahead is left out.
fn moves(points: &[(i32, i32)]) -> String {
    let Some((x, y)) = points.first() else { return String::new() };
    let mut steps: Vec<(i32, i32)> = vec![];
    for (dx, dy) in points.windows(2).map(|ends| (ends[1].0 - ends[0].0, ends[1].1 - ends[0].1)) {
        match steps.last_mut() {
            _ if (dx, dy) == (0, 0) => (),
            Some((x, y)) if *x * dy == *y * dx && *x * dx + *y * dy > 0 => (*x, *y) = (*x + dx, *y + dy),
            _ => steps.push((dx, dy)),
        }
    }
    let (mut out, mut slanted) = (format!("M{x},{y}"), false);
    for (dx, dy) in steps {
        let _ = match (dx, dy) {
            (0, dy) => write!(out, "v{dy}"),
            (dx, 0) => write!(out, "h{dx}"),
            (dx, dy) if slanted => write!(out, " {dx},{dy}"),
            (dx, dy) => write!(out, "l{dx},{dy}"),
        };
        slanted = dx != 0 && dy != 0;
    }
    out
}

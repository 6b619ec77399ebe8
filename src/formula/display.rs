//! A function for a reader, in plain text or in LaTeX.

use super::immaterial;
use super::layout::Layout;
use super::letters::{Style, escaped, letter};
use super::reading::Reading;
use super::terms::{Id, Term, Terms};
use super::writer::check_input;
use crate::error::Result;
use crate::graph::{Function, InputGroup};
use std::collections::{HashMap, HashSet};

/// So many parts an expression has at least that gets a name.
const LARGE: usize = 4;

pub(super) fn write(f: &Function, style: Style, named: bool) -> Result<String> {
    let mut inputs = vec![];
    for group in f.inputs() {
        check_input(group)?;
        let place = |k| (group.len() > 1).then_some(k);
        inputs.extend((0..group.len()).map(|k| letter(group.name(), place(k), style)));
    }
    if inputs.iter().collect::<HashSet<_>>().len() < inputs.len() {
        // Names that a person would write alike are written as they are.
        let names = f.inputs().iter().flat_map(|group| (0..group.len()).map(move |k| whole(group, k, style)));
        inputs = names.collect();
    }
    let f = &immaterial::without(f)?;
    let mut reading = Reading::new(f)?;
    let mut results: Vec<(String, Id)> = vec![];
    for output in f.outputs() {
        let place = |k| (output.nodes().len() > 1).then_some(k);
        let one = |(k, &id)| (letter(output.name(), place(k), style), reading.of(id));
        results.extend(output.nodes().iter().enumerate().map(one));
    }
    let terms = &mut reading.terms;
    let roots: Vec<Id> = results.iter().map(|(_, id)| *id).collect();
    let parts = if named { repeated(terms, &roots) } else { vec![] };
    let stem = ["t", "s", "u", "v", "w", "tt"].into_iter().find(|stem| {
        let is_taken = |name: &str| name.strip_prefix(stem).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
        let groups = f.inputs().iter().map(|group| group.name());
        !groups.chain(f.outputs().iter().map(|output| output.name())).any(is_taken)
    });
    let names: HashMap<Id, String> =
        parts.iter().enumerate().map(|(k, id)| (*id, letter(stem.unwrap_or("ttt"), Some(k + 1), style))).collect();
    let mut lines: Vec<(Option<String>, Id)> = parts.iter().map(|id| (names.get(id).cloned(), *id)).collect();
    let alone = f.outputs().len() == 1 && results.len() == 1 && f.outputs()[0].name() == "y" && lines.is_empty();
    lines.extend(results.into_iter().map(|(name, id)| ((!alone).then_some(name), id)));
    let is_part = parts.len();
    let mut layout = Layout { terms, style, width: f.width(), inputs: &inputs, names };
    let mut out = String::new();
    let many = lines.len() > 1;
    if many && style == Style::Latex {
        out.push_str("\\begin{aligned}\n");
    }
    for (k, (name, id)) in lines.into_iter().enumerate() {
        if k > 0 {
            out.push_str(if style == Style::Latex { " \\\\\n" } else { "\n" });
        }
        if let Some(name) = name {
            out.push_str(&name);
            out.push_str(if many && style == Style::Latex { " &= " } else { " = " });
        }
        match layout.names.get(&id) {
            // A result that is a part with a name.
            Some(name) if k >= is_part => out.push_str(name),
            _ => layout.write(id, &mut out)?,
        }
    }
    if many && style == Style::Latex {
        out.push_str("\n\\end{aligned}");
    }
    Ok(out)
}

/// A name with all that it has.
fn whole(group: &InputGroup, place: usize, style: Style) -> String {
    let place = if group.len() > 1 { format!("[{place}]") } else { String::new() };
    match style {
        Style::Plain => format!("{}{place}", group.name()),
        Style::Latex => format!(r"\mathrm{{{}{place}}}", escaped(group.name())),
    }
}

/// The expressions that are used more than once, and are large enough for a name; parts come before what has them.
fn repeated(terms: &Terms, roots: &[Id]) -> Vec<Id> {
    let mut uses = vec![0usize; terms.len()];
    roots.iter().for_each(|id| uses[id.0 as usize] += 1);
    for k in (0..terms.len()).rev() {
        if uses[k] > 0 {
            parts(terms.get(Id(k as u32)), |id| uses[id.0 as usize] += 1);
        }
    }
    let mut sizes = vec![1usize; terms.len()];
    let mut found = vec![];
    for k in 0..terms.len() {
        let mut size = 1usize;
        parts(terms.get(Id(k as u32)), |id| size = size.saturating_add(sizes[id.0 as usize]));
        sizes[k] = size;
        if uses[k] > 1 && size >= LARGE {
            found.push(Id(k as u32));
            sizes[k] = 1;
        }
    }
    found
}

fn parts(term: &Term, mut each: impl FnMut(Id)) {
    match term {
        Term::Sum(parts) => parts.iter().for_each(|(_, id)| each(*id)),
        Term::Product(_, factors) => {
            factors.iter().for_each(|(base, exponent)| [*base, *exponent].into_iter().for_each(&mut each))
        }
        Term::Call(_, args) => args.iter().for_each(|id| each(*id)),
        _ => {}
    }
}

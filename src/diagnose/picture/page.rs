//! A picture as a page in which sweeps are stepped through. In: a [`Picture`]. Out: HTML that needs no other file and no network.

use super::svg::{Figure, escaped, title};
use super::{Drawn, Picture, TANGENTS, short};
use crate::diff::linearize_at;
use crate::error::Result;
use crate::graph::{Function, Kind, NodeId};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The page around the data: markup, style and script.
const PAGE: &str = include_str!("page.html");

/// A walk over all nodes that leaves a number at each.
struct Sweep {
    label: String,
    is_reverse: bool,
    /// What starts it: an input's node, or an output's.
    seed: NodeId,
    numbers: Vec<f64>,
}

impl Picture<'_> {
    /// The graph alone as a page; see [`Function::to_html`].
    #[track_caller]
    pub(crate) fn html(&self) -> Result<String> {
        self.page(&[])
    }

    /// The graph at a point as a page; see [`Function::to_html_at`].
    #[track_caller]
    pub(crate) fn html_at(f: &Function, x: &[f64]) -> Result<String> {
        let picture = Picture::at(f, x)?;
        picture.page(&sweeps(f, x)?)
    }

    #[track_caller]
    fn page(&self, sweeps: &[Sweep]) -> Result<String> {
        let at_point = !sweeps.is_empty() || self.nodes.iter().any(|node| node.value.is_some());
        let lines = |node: &Drawn| {
            let mut lines = vec![("name", node.name.clone())];
            lines.extend(node.outputs.iter().map(|name| ("output", name.clone())));
            // As wide as what the script writes there.
            let widest = |numbers: &dyn Fn(&Sweep) -> bool| {
                let lengths = sweeps
                    .iter()
                    .filter(|sweep| numbers(sweep))
                    .map(|sweep| short(sweep.numbers[node.id.index()]).chars().count());
                lengths.max().map(|n| "\u{2007}".repeat(n + 4))
            };
            if at_point {
                lines.push(("value", node.value.as_ref().map_or(String::new(), |value| format!("= {value}"))));
            }
            lines.extend(widest(&|sweep| !sweep.is_reverse).map(|line| ("tangent", line)));
            lines.extend(widest(&|sweep| sweep.is_reverse).map(|line| ("adjoint", line)));
            lines
        };
        let figure = Figure::new(self, lines)?.svg();
        let title = escaped(&title(self));
        Ok(PAGE.replace("{{title}}", &title).replace("{{figure}}", &figure).replace("{{data}}", &self.data(sweeps)))
    }

    /// What the script reads, as JSON.
    fn data(&self, sweeps: &[Sweep]) -> String {
        let graph = self.f.graph();
        let mut sources = Sources::default();
        let mut out = String::from("{\"nodes\":[");
        for (k, node) in self.nodes.iter().enumerate() {
            let made = graph.node(node.id);
            let kind = match made.kind() {
                Kind::Input(_) => "input",
                Kind::Const(_) | Kind::Flag(_) => "constant",
                Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => "operation",
            };
            let (place, line) = made.location().map_or((String::new(), String::new()), |at| {
                (format!("{}:{}", at.file(), at.line()), sources.line(at.file(), at.line()))
            });
            let _ = write!(
                out,
                "{}{{\"name\":{},\"kind\":\"{kind}\",\"shape\":{},\"outputs\":[{}],\"value\":{},\"place\":{},\"line\":{}}}",
                if k == 0 { "" } else { "," },
                quoted(&node.name),
                quoted(&made.shape().to_string()),
                node.outputs.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(","),
                quoted(node.value.as_deref().unwrap_or(if kind == "constant" { &node.name } else { "" })),
                quoted(&place),
                quoted(&line)
            );
        }
        out.push_str("],\"edges\":[");
        for (k, (from, to, partial)) in self.edges.iter().enumerate() {
            let partial = partial.map_or("null".into(), |p| quoted(&short(p)));
            let _ = write!(out, "{}[{},{},{partial}]", if k == 0 { "" } else { "," }, from.index(), to.index());
        }
        out.push_str("],\"sweeps\":[");
        for (k, sweep) in sweeps.iter().enumerate() {
            let numbers: Vec<String> = sweep.numbers.iter().map(|&v| quoted(&short(v))).collect();
            let _ = write!(
                out,
                "{}{{\"label\":{},\"reverse\":{},\"seed\":{},\"numbers\":[{}]}}",
                if k == 0 { "" } else { "," },
                quoted(&sweep.label),
                sweep.is_reverse,
                sweep.seed.index(),
                numbers.join(",")
            );
        }
        out + "]}"
    }
}

/// Forward by each of the first active input elements, reverse from each of the first outputs.
#[track_caller]
fn sweeps(f: &Function, x: &[f64]) -> Result<Vec<Sweep>> {
    let at = linearize_at(f, x)?;
    let slots = f.active_slots();
    let one = |n: usize, k: usize| (0..n).map(|i| f64::from(u8::from(i == k))).collect::<Vec<f64>>();
    let mut sweeps = Vec::new();
    let node_of =
        |slot: usize| f.graph().ids().find(|&id| matches!(f.graph().node(id).kind(), Kind::Input(s) if s as usize == slot));
    for (k, &slot) in slots.iter().enumerate().take(TANGENTS) {
        let Some(seed) = node_of(slot) else { continue };
        let label = format!("forward: ∂/∂{}", super::slot_name(f, slot));
        sweeps.push(Sweep { label, is_reverse: false, seed, numbers: at.tangents(&one(slots.len(), k))? });
    }
    let outputs: Vec<(String, NodeId)> = f
        .differentiable()
        .flat_map(|y| {
            let many = y.nodes().len() > 1;
            y.nodes()
                .iter()
                .enumerate()
                .map(move |(k, &id)| (if many { format!("{}[{k}]", y.name()) } else { y.name().to_string() }, id))
        })
        .collect();
    for (k, (name, seed)) in outputs.iter().enumerate().take(TANGENTS) {
        let label = format!("reverse: adjoints of {name}");
        sweeps.push(Sweep { label, is_reverse: true, seed: *seed, numbers: at.adjoints(&one(outputs.len(), k))? });
    }
    Ok(sweeps)
}

/// Lines of source files that can be read where the program runs; of others, nothing.
#[derive(Default)]
struct Sources {
    files: BTreeMap<String, Vec<String>>,
}

impl Sources {
    fn line(&mut self, file: &str, line: u32) -> String {
        let read = || {
            std::fs::read_to_string(file)
                .map(|text| text.lines().map(|line| line.trim().to_string()).collect())
                .unwrap_or_default()
        };
        let lines = self.files.entry(file.to_string()).or_insert_with(read);
        lines.get(line as usize - 1).cloned().unwrap_or_default()
    }
}

/// A string of JSON that may stand within a script.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::{escaped, quoted};

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("a<b> & \"c\""), "a&lt;b&gt; &amp; &quot;c&quot;");
        assert_eq!(quoted("</script>&\"\\\n"), r#""\u003c/script\u003e\u0026\"\\\u000a""#);
    }
}

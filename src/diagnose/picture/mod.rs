//! Pictures. In: a [`Function`], and a point if there is one. Out: text for Graphviz or Mermaid, an SVG, or a page for a browser.
//!
//! One walk makes the picture, short writers turn it into text. Edges are drawn the way values flow, from a node to its users.

#[cfg(feature = "pictures")]
mod layout;
#[cfg(feature = "pictures")]
mod page;
#[cfg(feature = "pictures")]
mod svg;

use super::names::{name_of, short, slot_name};
use crate::diff::linearize_at;
use crate::error::Result;
use crate::graph::{Function, Kind, NodeId};
use crate::op::{DType, Value};

/// Tangents are shown for at most this many input elements, and adjoints of as many outputs in a page.
const TANGENTS: usize = 6;

/// A picture: nodes with lines of text, edges with a label or none.
pub(crate) struct Picture<'f> {
    f: &'f Function,
    nodes: Vec<Drawn>,
    /// From an operand to its user, with the partial derivative.
    edges: Vec<(NodeId, NodeId, Option<f64>)>,
    /// What the tangents are taken by: the names of input elements.
    by: Vec<String>,
}

/// A node, drawn.
struct Drawn {
    id: NodeId,
    name: String,
    /// The outputs that it is.
    outputs: Vec<String>,
    value: Option<String>,
    /// As many as there are input elements to take derivatives by.
    tangents: Vec<f64>,
    adjoint: Option<f64>,
}

impl Drawn {
    /// The lines of its label; what the tangents are taken by comes from the picture.
    fn lines(&self, by: &[String]) -> Vec<String> {
        let mut lines = vec![self.name.clone()];
        lines.extend(self.outputs.iter().map(|name| format!("output {name}")));
        lines.extend(self.value.iter().map(|value| format!("= {value}")));
        lines.extend(by.iter().zip(&self.tangents).map(|(x, &t)| format!("∂/∂{x} = {}", short(t))));
        lines.extend(self.adjoint.map(|adjoint| format!("adjoint {}", short(adjoint))));
        lines
    }
}

impl<'f> Picture<'f> {
    /// The graph as it is; see [`Function::to_dot`].
    pub(crate) fn new(f: &'f Function) -> Self {
        let drawn = |id| Drawn { id, name: name_of(f, id), outputs: vec![], value: None, tangents: vec![], adjoint: None };
        let mut nodes: Vec<Drawn> = f.graph().ids().map(drawn).collect();
        for output in f.outputs() {
            for (k, id) in output.nodes().iter().enumerate() {
                let index = if output.nodes().len() == 1 { String::new() } else { format!("[{k}]") };
                nodes[id.index()].outputs.push(format!("{}{index}", output.name()));
            }
        }
        let edges = f.graph().ids().flat_map(|id| f.graph().operands(id).map(move |operand| (operand, id, None)));
        Picture { f, nodes, edges: edges.collect(), by: vec![] }
    }

    /// The graph at a point; see [`Function::to_dot_at`].
    #[track_caller]
    pub(crate) fn at(f: &'f Function, x: &[f64]) -> Result<Self> {
        let at = linearize_at(f, x)?;
        let graph = f.graph();
        let mut picture = Picture::new(f);
        for id in graph.ids() {
            let value = match at.value(id) {
                Value::Num(v) => short(v),
                Value::Mask(m) => m.to_string(),
            };
            if let Kind::Input(_) | Kind::Apply(_) = graph.node(id).kind() {
                picture.nodes[id.index()].value = Some(value);
            }
        }
        // Constants depend on no input; their rows would all be 0.
        let shown = |&id: &NodeId| {
            let node = graph.node(id);
            node.dtype() == DType::Float && !matches!(node.kind(), Kind::Const(_))
        };
        let slots = f.active_slots();
        if slots.len() <= TANGENTS {
            for (k, &slot) in slots.iter().enumerate() {
                let mut seeds = vec![0.0; slots.len()];
                seeds[k] = 1.0;
                let tangents = at.tangents(&seeds)?;
                picture.by.push(slot_name(f, slot));
                for id in graph.ids().filter(shown) {
                    picture.nodes[id.index()].tangents.push(tangents[id.index()]);
                }
            }
        }
        if let Ok(adjoints) = at.adjoints(&[1.0]) {
            for id in graph.ids().filter(shown) {
                picture.nodes[id.index()].adjoint = Some(adjoints[id.index()]);
            }
        }
        let mut edges = picture.edges.iter_mut().peekable();
        for id in graph.ids() {
            let mut partials = at.partials(id).peekable();
            while let Some((operand, _, label)) = edges.next_if(|(_, user, _)| *user == id) {
                *label = partials.next_if(|(to, _)| to == operand).map(|(_, partial)| partial);
            }
        }
        Ok(picture)
    }

    /// The picture for Graphviz.
    pub(crate) fn dot(&self) -> String {
        let mut out = String::from("digraph {\n  rankdir=BT;\n  node [shape=box, style=rounded];\n");
        for node in &self.nodes {
            let style = match self.f.graph().node(node.id).kind() {
                Kind::Input(_) => ", style=bold",
                Kind::Const(_) | Kind::Flag(_) => ", shape=plain",
                Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => "",
            };
            out += &format!("  n{} [label=\"{}\"{style}];\n", node.id.index(), node.lines(&self.by).join("\\n"));
        }
        for (operand, user, partial) in &self.edges {
            let label = partial.map_or(String::new(), |p| format!(" [label=\"{}\"]", short(p)));
            out += &format!("  n{} -> n{}{label};\n", operand.index(), user.index());
        }
        out + "}\n"
    }

    /// The picture for Mermaid.
    pub(crate) fn mermaid(&self) -> String {
        let mut out = String::from("flowchart BT\n");
        for node in &self.nodes {
            let (open, close) = match self.f.graph().node(node.id).kind() {
                Kind::Input(_) => ("[", "]"),
                Kind::Const(_) | Kind::Flag(_) => ("([", "])"),
                Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => ("(", ")"),
            };
            out += &format!("  n{}{open}\"{}\"{close}\n", node.id.index(), node.lines(&self.by).join("<br>"));
        }
        for (operand, user, partial) in &self.edges {
            let label = partial.map_or(String::new(), |p| format!("|\"{}\"|", short(p)));
            out += &format!("  n{} -->{label} n{}\n", operand.index(), user.index());
        }
        out
    }
}

//! A picture as SVG. In: a [`Picture`]. Out: text that needs no other file, no fonts and no script.

use super::layout::{Layout, Placed, layout};
use super::{Drawn, Picture, short};
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::graph::Kind;
use crate::op::Op;
use std::fmt::Write;

/// At most this many boxes are laid out.
const MOST: usize = 500;
/// The height of a line of text.
const LINE: f64 = 17.0;
/// The width of a character.
const CHARACTER: f64 = 7.3;
/// The same beside an edge.
const SMALL_CHARACTER: f64 = 6.7;

/// What a box is of, and how it looks.
#[derive(Copy, Clone, PartialEq, Eq)]
pub(super) enum Look {
    Input,
    Constant,
    Operation,
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Look::Input => "input",
            Look::Constant => "constant",
            Look::Operation => "operation",
        }
    }
}

/// Lines of a box, each with its class.
type Lines = Vec<(&'static str, String)>;

/// The partial derivative of an edge, and where it is written.
struct Partial {
    /// The box that the edge leads to.
    to: usize,
    edge: usize,
    text: String,
    x: f64,
    y: f64,
}

impl Partial {
    fn width(&self) -> f64 {
        self.text.chars().count() as f64 * SMALL_CHARACTER
    }
}

/// What an SVG is written from: boxes and the edges between them. A constant has a box for each of its uses.
pub(super) struct Figure<'p> {
    picture: &'p Picture<'p>,
    /// For every box, its node, its look, and its lines.
    boxes: Vec<(usize, Look, Lines)>,
    /// From box to box, and the index of the picture's edge.
    edges: Vec<(usize, usize, usize)>,
    layout: Layout,
}

impl<'p> Figure<'p> {
    /// Lays a picture out; the lines of a node come from a function.
    #[track_caller]
    pub(super) fn new(picture: &'p Picture<'p>, lines: impl Fn(&Drawn) -> Lines) -> Result<Self> {
        let graph = picture.f.graph();
        let look = |k: usize| match graph.node(picture.nodes[k].id).kind() {
            Kind::Input(_) => Look::Input,
            Kind::Const(_) | Kind::Flag(_) => Look::Constant,
            Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => Look::Operation,
        };
        let mut boxes: Vec<(usize, Look, Lines)> = Vec::new();
        let mut edges = Vec::new();
        let mut of_node = vec![usize::MAX; picture.nodes.len()];
        let mut incoming = picture.edges.iter().enumerate().peekable();
        for (k, node) in picture.nodes.iter().enumerate() {
            let mut froms = Vec::new();
            while let Some((edge, &(operand, ..))) = incoming.next_if(|(_, (_, user, _))| *user == node.id) {
                let from = match look(operand.index()) {
                    Look::Constant => {
                        let constant = &picture.nodes[operand.index()];
                        boxes.push((operand.index(), Look::Constant, vec![("name", constant.name.clone())]));
                        boxes.len() - 1
                    }
                    Look::Input | Look::Operation => of_node[operand.index()],
                };
                froms.push((from, edge));
            }
            // A constant is drawn where it is used, and by itself only as an output.
            if look(k) != Look::Constant || !node.outputs.is_empty() {
                of_node[k] = boxes.len();
                boxes.push((k, look(k), lines(node)));
            }
            edges.extend(froms.into_iter().map(|(from, edge)| (from, of_node[k], edge)));
            if boxes.len() > MOST {
                let message = format!(
                    "a picture of a graph of {} nodes: at most {MOST} boxes are laid out; `to_dot` and Graphviz draw more",
                    graph.len()
                );
                return Err(Error::here(ErrorKind::Unsupported, message));
            }
        }
        let size = |(_, look, lines): &(usize, Look, Lines)| {
            let longest = lines.iter().map(|(_, line)| line.chars().count()).max().unwrap_or(0) as f64;
            match look {
                Look::Constant => (longest * CHARACTER + 8.0, LINE + 4.0),
                Look::Input | Look::Operation => ((longest * CHARACTER + 22.0).max(54.0), lines.len() as f64 * LINE + 12.0),
            }
        };
        let sizes: Vec<(f64, f64)> = boxes.iter().map(size).collect();
        let pairs: Vec<(usize, usize)> = edges.iter().map(|&(from, to, _)| (from, to)).collect();
        let room = if picture.edges.iter().any(|(_, _, partial)| partial.is_some()) { 20.0 } else { 4.0 };
        let is_ordered = |k: usize| !graph.node(picture.nodes[boxes[k].0].id).op().is_some_and(Op::is_commutative);
        let layout = layout(&sizes, &pairs, room, is_ordered);
        Ok(Figure { picture, boxes, edges, layout })
    }

    /// The SVG. Boxes have the class `node` and what they are, and `data-node`; edges `data-edge`, both by index.
    pub(super) fn svg(&self) -> String {
        let Layout { boxes, edges, width, height } = &self.layout;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n<defs><marker id=\"arrow\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" markerWidth=\"9\" \
             markerHeight=\"9\" markerUnits=\"userSpaceOnUse\" orient=\"auto-start-reverse\"><path d=\"M0 0L10 5L0 10z\" fill=\"#64748b\"/></marker></defs>\n\
             <rect class=\"paper\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n",
            escaped(&title(self.picture))
        );
        for (points, &(_, _, edge)) in edges.iter().zip(&self.edges) {
            let (first, rest) = points.split_first().expect("from box to box");
            let mut path = format!("M{} {}", first.0, first.1);
            let mut last = *first;
            for &(x, y) in rest {
                let middle = (last.1 + y) / 2.0;
                let _ = write!(path, "C{} {middle:.1} {x} {middle:.1} {x} {y}", last.0);
                last = (x, y);
            }
            let _ = writeln!(out, "<path class=\"edge\" data-edge=\"{edge}\" d=\"{path}\" marker-end=\"url(#arrow)\"/>");
        }
        for (at, (node, look, lines)) in boxes.iter().zip(&self.boxes) {
            self.boxed(&mut out, at, *node, *look, lines);
        }
        for Partial { edge, text, x, y, .. } in self.partials() {
            let _ = writeln!(out, "<text class=\"partial\" data-edge=\"{edge}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>");
        }
        out + "</svg>\n"
    }

    /// The partial derivatives beside the edges' ends, moved apart where those of a box would lie upon each other.
    fn partials(&self) -> Vec<Partial> {
        let mut all = Vec::new();
        for (points, &(_, to, edge)) in self.layout.edges.iter().zip(&self.edges) {
            let Some(partial) = self.picture.edges[edge].2 else { continue };
            let &[.., before, end] = &points[..] else { unreachable!("an edge has two ends") };
            let (x, y) = (end.0 + (before.0 - end.0) * 0.12, end.1 + ((before.1 - end.1) * 0.3).min(15.0) + 4.0);
            all.push(Partial { to, edge, text: short(partial), x, y });
        }
        all.sort_by(|a, b| a.to.cmp(&b.to).then(a.x.total_cmp(&b.x)));
        for labels in all.chunk_by_mut(|a, b| a.to == b.to) {
            let middle = |labels: &[Partial]| labels.iter().map(|label| label.x).sum::<f64>() / labels.len() as f64;
            let before = middle(labels);
            for k in 1..labels.len() {
                let apart = (labels[k - 1].width() + labels[k].width()) / 2.0 + 6.0;
                labels[k].x = labels[k].x.max(labels[k - 1].x + apart);
            }
            let shift = before - middle(labels);
            labels.iter_mut().for_each(|label| label.x += shift);
        }
        all
    }

    fn boxed(&self, out: &mut String, at: &Placed, node: usize, look: Look, lines: &Lines) {
        let &Placed { x, y, width, height } = at;
        let output = if self.picture.nodes[node].outputs.is_empty() || look == Look::Constant { "" } else { " output" };
        let _ = writeln!(out, "<g class=\"node {}{output}\" data-node=\"{node}\">", look.class());
        let (left, top) = (x - width / 2.0, y - height / 2.0);
        let _ = writeln!(out, "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"7\"/>");
        let first = y - (lines.len() as f64 - 1.0) * LINE / 2.0 + 4.5;
        for (k, (class, line)) in lines.iter().enumerate() {
            let _ = writeln!(
                out,
                "<text class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
                first + k as f64 * LINE,
                escaped(line)
            );
        }
        out.push_str("</g>\n");
    }
}

impl Picture<'_> {
    /// The picture as SVG; see [`Function::to_svg`](crate::Function::to_svg).
    #[track_caller]
    pub(crate) fn svg(&self) -> Result<String> {
        let lines = |node: &Drawn| {
            let mut lines: Lines = vec![("name", node.name.clone())];
            lines.extend(node.outputs.iter().map(|name| ("output", name.clone())));
            lines.extend(node.value.iter().map(|value| ("value", format!("= {value}"))));
            lines.extend(self.by.iter().zip(&node.tangents).map(|(x, &t)| ("tangent", format!("∂/∂{x} = {}", short(t)))));
            lines.extend(node.adjoint.map(|adjoint| ("adjoint", format!("adjoint {}", short(adjoint)))));
            lines
        };
        Ok(Figure::new(self, lines)?.svg())
    }
}

/// What is drawn, in a line.
pub(super) fn title(picture: &Picture) -> String {
    let names = |names: Vec<&str>| names.join(", ");
    let inputs = names(picture.f.inputs().iter().map(|group| group.name()).collect());
    let outputs = names(picture.f.outputs().iter().map(|group| group.name()).collect());
    format!("{outputs} of {inputs}")
}

/// As text within XML.
pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const STYLE: &str = "
.paper{fill:#fff}
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;text-anchor:middle;fill:#0f172a}
.node rect{fill:#f8fafc;stroke:#94a3b8;stroke-width:1.2}
.input rect{fill:#dbeafe;stroke:#2563eb}
.output rect{stroke:#15803d;stroke-width:2.4}
.constant rect{fill:none;stroke:none}
text.name{font-weight:bold}
.constant text.name{font-weight:normal}
text.output{fill:#15803d}
text.tangent{fill:#b45309}
text.adjoint{fill:#7e22ce}
text.partial{fill:#475569;paint-order:stroke;stroke:#fff;stroke-width:4px;font-size:11px}
.edge{fill:none;stroke:#64748b;stroke-width:1.3}
";

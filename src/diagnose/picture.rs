//! Pictures. In: a [`Function`], and a point if there is one. Out: text for Graphviz or Mermaid.
//!
//! One walk makes the picture, two short writers turn it into text. Edges are drawn the way values flow, from a node to
//! its users.

use super::short;
use crate::diff::Linearization;
use crate::error::Result;
use crate::graph::{Function, Kind, NodeId};
use crate::op::{DType, Value};

/// Tangents are shown for at most this many input numbers.
const TANGENTS: usize = 6;

impl Function {
    /// The graph for Graphviz: a node for every input, constant and operation, an edge from each to its users.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| x.sin() * x)?;
    /// assert!(f.to_dot().starts_with("digraph {")); // saved as f.dot, `dot -Tsvg f.dot` draws it
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn to_dot(&self) -> String {
        Picture::new(self).dot()
    }

    /// The graph for Graphviz, at a point: every node shows its value, its tangent with respect to each active input
    /// number (if there are no more than six), and, for a function of one number, its adjoint; every edge that carries a
    /// derivative shows its partial derivative. Numbers are rounded to six digits.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let dot = f.to_dot_at(&[2.0, 1.0])?;
    /// assert!(dot.contains(r#"n0 [label="a\n= 2\n∂/∂a = 1\n∂/∂b = 0\nadjoint 2""#));
    /// assert!(dot.contains(r#"n2 -> n5 [label="2"]"#));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together.
    #[track_caller]
    pub fn to_dot_at(&self, x: &[f64]) -> Result<String> {
        Ok(Picture::at(&self.linearize_at(x)?)?.dot())
    }

    /// The graph as a Mermaid flowchart, as [`Function::to_dot`] otherwise.
    pub fn to_mermaid(&self) -> String {
        Picture::new(self).mermaid()
    }

    /// The graph at a point as a Mermaid flowchart, as [`Function::to_dot_at`] otherwise.
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together.
    #[track_caller]
    pub fn to_mermaid_at(&self, x: &[f64]) -> Result<String> {
        Ok(Picture::at(&self.linearize_at(x)?)?.mermaid())
    }
}

/// A picture: nodes with lines of text, edges with a label or none.
struct Picture<'f> {
    f: &'f Function,
    /// For every node, the lines of its label.
    nodes: Vec<Vec<String>>,
    /// From an operand to its user.
    edges: Vec<(NodeId, NodeId, Option<f64>)>,
}

impl<'f> Picture<'f> {
    fn new(f: &'f Function) -> Self {
        let mut nodes: Vec<Vec<String>> = f.graph().ids().map(|id| vec![f.name_of(id)]).collect();
        for output in f.outputs() {
            for (k, id) in output.nodes().iter().enumerate() {
                let index = if output.nodes().len() == 1 { String::new() } else { format!("[{k}]") };
                nodes[id.index()].push(format!("output {}{index}", output.name()));
            }
        }
        let edges = f.graph().ids().flat_map(|id| f.graph().operands(id).map(move |operand| (operand, id, None)));
        Picture { f, nodes, edges: edges.collect() }
    }

    fn at(at: &Linearization<'f, f64>) -> Result<Self> {
        let f = at.function();
        let graph = f.graph();
        let mut picture = Picture::new(f);
        for id in graph.ids() {
            let value = match at.value(id) {
                Value::Num(v) => format!("= {}", short(v)),
                Value::Mask(m) => format!("= {m}"),
            };
            if let Kind::Input(_) | Kind::Apply(_) = graph.node(id).kind() {
                picture.nodes[id.index()].push(value);
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
                for id in graph.ids().filter(shown) {
                    picture.nodes[id.index()].push(format!("∂/∂{} = {}", f.slot_name(slot), short(tangents[id.index()])));
                }
            }
        }
        if let Ok(adjoints) = at.adjoints(&[1.0]) {
            for id in graph.ids().filter(shown) {
                picture.nodes[id.index()].push(format!("adjoint {}", short(adjoints[id.index()])));
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

    fn dot(&self) -> String {
        let mut out = String::from("digraph {\n  rankdir=BT;\n  node [shape=box, style=rounded];\n");
        for (id, lines) in self.f.graph().ids().zip(&self.nodes) {
            let style = match self.f.graph().node(id).kind() {
                Kind::Input(_) => ", style=bold",
                Kind::Const(_) | Kind::Flag(_) => ", shape=plain",
                Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => "",
            };
            out += &format!("  n{} [label=\"{}\"{style}];\n", id.index(), lines.join("\\n"));
        }
        for (operand, user, partial) in &self.edges {
            let label = partial.map_or(String::new(), |p| format!(" [label=\"{}\"]", short(p)));
            out += &format!("  n{} -> n{}{label};\n", operand.index(), user.index());
        }
        out + "}\n"
    }

    fn mermaid(&self) -> String {
        let mut out = String::from("flowchart BT\n");
        for (id, lines) in self.f.graph().ids().zip(&self.nodes) {
            let (open, close) = match self.f.graph().node(id).kind() {
                Kind::Input(_) => ("[", "]"),
                Kind::Const(_) | Kind::Flag(_) => ("([", "])"),
                Kind::Apply(_) | Kind::Array(_) | Kind::Control(_) => ("(", ")"),
            };
            out += &format!("  n{}{open}\"{}\"{close}\n", id.index(), lines.join("<br>"));
        }
        for (operand, user, partial) in &self.edges {
            let label = partial.map_or(String::new(), |p| format!("|\"{}\"|", short(p)));
            out += &format!("  n{} -->{label} n{}\n", operand.index(), user.index());
        }
        out
    }
}

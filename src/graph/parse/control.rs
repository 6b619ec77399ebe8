//! Reading operations with bodies: `final[0] of scan[1,2,t] { function … } %1, %2`, and further results of the same as `each[0] of %7`.

use super::line::{Found, Head, Position, Unfinished};
use super::{Nodes, Parser};
use crate::base::revolve::Checkpoints;
use crate::error::Result;
use crate::graph::model::{Function, SharedControl, States};
use crate::graph::node::{Args, NodeId, Port};
use crate::graph::view::{Kind, Nested};

impl Nodes {
    pub(super) fn nested(&mut self, parser: &mut Parser, id: (u32, Position), (port, at): (&str, Position)) -> Result<Found> {
        let k = parser.one("the number of a result")?;
        let port = match port {
            "final" => Port::Final(k),
            "each" => Port::Each(k),
            _ => Port::Carried(k),
        };
        parser.keyword("of")?;
        if parser.peek() != Some('%') {
            let head = parser.head()?;
            return Ok(Found::Bodies(Unfinished { id, port, at, head }));
        }
        let (id, at_id) = parser.id()?;
        let node = self.node(id, at_id, || "of".into())?;
        let (control, args): (SharedControl, Args) = match self.builder.graph().node(node).kind() {
            Kind::Control(other) => (other.control.clone(), self.builder.graph().operands(node).collect()),
            _ => return Err(at_id.error(format!("%{id} is no result of an operation with bodies"))),
        };
        self.result_of(&control, port, &args, at).map(Found::Node)
    }

    /// The end of a line, behind its operation's bodies.
    pub(super) fn finish(&mut self, parser: &mut Parser, line: Unfinished, bodies: Vec<Function>) -> Result<()> {
        let Unfinished { id: (id, at_id), port, at, head } = line;
        let control = head.with(bodies);
        if let Some(other) = control.bodies().iter().map(|body| body.width()).find(|&width| width != self.width) {
            return Err(at.error(format!("a body in {other} of a function in {}", self.width)));
        }
        control.check().map_err(|reason| at.error(format!("{}: {reason}", control.name())))?;
        // What follows an operation without operands is the next node.
        let ids = if control.operands().is_empty() { vec![] } else { parser.ids()? }.into_iter();
        let args = ids.map(|(id, at)| self.node(id, at, || control.name().into())).collect::<Result<Args>>()?;
        let node = self.result_of(&control.into(), port, &args, at)?;
        self.define(id, at_id, node)
    }

    fn result_of(&mut self, control: &SharedControl, port: Port, args: &[NodeId], at: Position) -> Result<NodeId> {
        if !control.has(port) {
            return Err(at.error(format!("{} has no such result", control.name())));
        }
        let mut sizes = control.operands().into_iter().chain([control.result(port)]);
        sizes.try_for_each(|(shape, _)| shape.check_size()).map_err(|reason| at.error(reason))?;
        let fits = control.infer(port, &self.builder.graph().types(args));
        fits.map_err(|reason| at.error(format!("{}: {reason}", control.name())))?;
        Ok(self.builder.intern(Kind::Control(Nested { control, port }), args, None))
    }
}

impl Parser<'_> {
    /// An operation up to its bodies.
    fn head(&mut self) -> Result<Head> {
        Ok(match self.name("`scan`, `while`, `sweeps`, `cond`, `rule` or `remat`")? {
            ("scan", _) => {
                self.symbol("[")?;
                let carries = self.integer("a number of carried values")?;
                self.symbol(",")?;
                let xs = self.integer("a number of values to read")?;
                self.symbol(",")?;
                let length = self.axis_length()?;
                let (mut reverse, mut states) = (false, States::All);
                while self.eat(",") {
                    let number = |parser: &mut Self| parser.integer("a number");
                    match self.name("`reverse`, `states`, `bytes`, `twice` or `again`")? {
                        ("reverse", _) => reverse = true,
                        ("states", _) => states = States::Checkpoints(Checkpoints::States(number(self)?)),
                        ("bytes", _) => states = States::Checkpoints(Checkpoints::Bytes(number(self)?)),
                        ("twice", _) => states = States::Checkpoints(Checkpoints::Twice),
                        ("again", _) => states = States::Again,
                        (other, at) => return Err(at.error(format!("a scan is not `{other}`"))),
                    }
                }
                self.symbol("]")?;
                Head::Scan { carries, xs, length, reverse, states }
            }
            ("while", _) => Head::While { carries: self.one("a number of carried values")? },
            ("sweeps", _) => {
                self.symbol("[")?;
                let mut carries = vec![self.integer("a number of carried values")?];
                while self.eat(",") {
                    carries.push(self.integer("a number of carried values")?);
                }
                self.symbol("]")?;
                Head::Sweeps(carries)
            }
            ("rule", _) => {
                self.symbol("[")?;
                let (kind, at) = self.name("`jvp` or `vjp`")?;
                self.symbol("]")?;
                match kind {
                    "jvp" => Head::Rule { forward: true },
                    "vjp" => Head::Rule { forward: false },
                    other => return Err(at.error(format!("a rule is `jvp` or `vjp`, not `{other}`"))),
                }
            }
            ("remat", _) => Head::Remat,
            ("opaque", at) => return Err(at.error("an opaque function is compiled Rust, which text does not hold".to_owned())),
            ("cond", _) => Head::Choice,
            (other, at) => return Err(at.error(format!("there is no operation `{other}` with bodies"))),
        })
    }
}

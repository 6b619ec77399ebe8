//! Reading operations with bodies: `final[0] of scan[1,2,t] { function … } %1, %2`, and further results of the same as `each[0] of %7`.

use super::{Nodes, Parser, Position};
use crate::error::Result;
use crate::graph::model::{Control, Derivative, Function, SharedControl};
use crate::graph::node::{Args, NodeId, Port};
use crate::graph::view::{Kind, Nested};

impl Nodes {
    pub(super) fn nested(&mut self, parser: &mut Parser, port: &str, at: Position) -> Result<NodeId> {
        let k = parser.one("the number of a result")?;
        let port = match port {
            "final" => Port::Final(k),
            "each" => Port::Each(k),
            _ => Port::Carried(k),
        };
        parser.keyword("of")?;
        let (control, args): (SharedControl, Args) = if parser.peek() == Some('%') {
            let (id, at) = parser.id()?;
            let node = self.node(id, at, || "of".into())?;
            match self.builder.graph().node(node).kind() {
                Kind::Control(other) => (other.control.clone(), self.builder.graph().operands(node).collect()),
                _ => return Err(at.error(format!("%{id} is no result of an operation with bodies"))),
            }
        } else {
            let control = parser.control()?;
            if let Some(other) = control.bodies().iter().map(|body| body.width()).find(|&width| width != self.width) {
                return Err(at.error(format!("a body in {other} of a function in {}", self.width)));
            }
            control.check().map_err(|reason| at.error(format!("{}: {reason}", control.name())))?;
            // What follows an operation without operands is the next node.
            let ids = if control.operands().is_empty() { vec![] } else { parser.ids()? }.into_iter();
            let args = ids.map(|(id, at)| self.node(id, at, || control.name().into())).collect::<Result<Args>>()?;
            (control.into(), args)
        };
        if !control.has(port) {
            return Err(at.error(format!("{} has no such result", control.name())));
        }
        let mut sizes = control.operands().into_iter().chain([control.result(port)]);
        sizes.try_for_each(|(shape, _)| shape.check_size()).map_err(|reason| at.error(reason))?;
        let fits = control.infer(port, &self.builder.graph().types(&args));
        fits.map_err(|reason| at.error(format!("{}: {reason}", control.name())))?;
        Ok(self.builder.intern(Kind::Control(Nested { control: &control, port }), &args, None))
    }
}

impl Parser<'_> {
    fn control(&mut self) -> Result<Control> {
        Ok(match self.name("`scan`, `while`, `cond`, `rule` or `remat`")? {
            ("scan", _) => {
                self.symbol("[")?;
                let carries = self.integer("a number of carried values")?;
                self.symbol(",")?;
                let xs = self.integer("a number of values to read")?;
                self.symbol(",")?;
                let length = self.axis_length()?;
                let reverse = self.eat(",");
                if reverse {
                    self.keyword("reverse")?;
                }
                self.symbol("]")?;
                Control::Scan { body: self.body()?, carries, xs, length, reverse }
            }
            ("while", _) => {
                let carries = self.one("a number of carried values")?;
                Control::While { condition: self.body()?, body: self.body()?, carries }
            }
            ("rule", _) => {
                self.symbol("[")?;
                let (kind, at) = self.name("`jvp` or `vjp`")?;
                self.symbol("]")?;
                let body = self.body()?;
                let rule = match kind {
                    "jvp" => Derivative::Jvp(self.body()?),
                    "vjp" => Derivative::Vjp(self.body()?),
                    other => return Err(at.error(format!("a rule is `jvp` or `vjp`, not `{other}`"))),
                };
                Control::Rule { body, rule }
            }
            ("remat", _) => Control::Remat { body: self.body()? },
            ("opaque", at) => return Err(at.error("an opaque function is compiled Rust, which text does not hold".to_owned())),
            ("cond", _) => Control::Choice { bodies: [self.body()?, self.body()?] },
            (other, at) => return Err(at.error(format!("there is no operation `{other}` with bodies"))),
        })
    }

    fn body(&mut self) -> Result<Function> {
        self.symbol("{")?;
        let body = self.function()?;
        self.symbol("}")?;
        Ok(body)
    }
}

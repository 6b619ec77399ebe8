//! Reading operations with bodies: `final[0] of scan[1,2,n] { function … } %3, %4`.

use super::{Nodes, Place, Scan, one_function};
use crate::error::Result;
use crate::graph::control::{Control, Nested, Port, types_in, types_out};
use crate::graph::storage::Args;
use crate::graph::{Function, Width};
use crate::op::{DType, Shape};

/// How deep bodies may stand in bodies: reading them takes that much of the stack.
const MAX_DEPTH: usize = 32;

impl Scan<'_> {
    /// What comes after `final`, `each` or `carried`.
    pub(super) fn nested(&mut self, port: &str, at: Place, width: Width) -> Result<Nested> {
        let result: u32 = self.one("the number of a result")?;
        let port = match port {
            "final" => Port::Final(result),
            "each" => Port::Each(result),
            _ => Port::Carried(result),
        };
        self.keyword("of")?;
        let control = match self.name("`scan`, `while` or `cond`")? {
            ("scan", _) => {
                self.symbol("[")?;
                let carries = self.integer("a number of values")?;
                self.symbol(",")?;
                let xs = self.integer("a number of values")?;
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
                let carries = self.one("a number of values")?;
                Control::While { condition: self.body()?, body: self.body()?, carries }
            }
            ("cond", _) => Control::Choice { bodies: [self.body()?, self.body()?] },
            (other, at) => return Err(at.error(format!("there is no operation with bodies `{other}`"))),
        };
        check(&control, port, width).map_err(|reason| at.error(format!("{}: {reason}", control.name())))?;
        Ok(Nested { control: control.intern(), port })
    }

    /// `{ function … }`
    fn body(&mut self) -> Result<Function> {
        let at = self.here();
        self.symbol("{")?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(at.error(format!("bodies in bodies, more than {MAX_DEPTH} deep")));
        }
        let body = one_function(self)?;
        self.depth -= 1;
        self.symbol("}")?;
        Ok(body)
    }
}

impl Nodes {
    pub(super) fn control_operands(&self, scan: &mut Scan, nested: Nested, at: Place) -> Result<Args> {
        let (control, name) = (nested.control, nested.control.name());
        // What follows an operation without operands is the next node.
        let ids = if control.operands().is_empty() { vec![] } else { scan.ids()? };
        let args = ids.into_iter().map(|(id, at)| self.node(id, at, || name.into())).collect::<Result<Args>>()?;
        let fits = control.infer(nested.port, &self.builder.graph().types(&args));
        fits.map_err(|reason| at.error(format!("{name}: {reason}")))?;
        Ok(args)
    }
}

/// What tracing sees to: that bodies fit each other and what is carried, and that there is such a result.
fn check(control: &Control, port: Port, width: Width) -> std::result::Result<(), String> {
    for body in control.bodies() {
        if body.width() != width {
            return Err(format!("a body in {} within a function in {width}", body.width()));
        }
        if body.inputs().iter().any(|group| group.len() != 1) {
            return Err("an input of a body is one value".into());
        }
    }
    let (inputs, outputs) = (types_in(control.body()), types_out(control.body()));
    let results = match control {
        Control::Scan { carries, xs, .. } => {
            let taken = carries.checked_add(*xs).filter(|n| *n <= inputs.len());
            if taken.is_none() || *carries > outputs.len() {
                return Err(format!("{carries} values carried and {xs} read, by a body of {} inputs", inputs.len()));
            }
            match port {
                Port::Each(_) => outputs.len() - carries,
                _ => *carries,
            }
        }
        Control::While { condition, carries, .. } => {
            if types_in(condition) != inputs || types_out(condition) != [(Shape::SCALAR, DType::Float)] {
                return Err("the condition takes what the body takes, and gives a number".into());
            }
            if *carries > inputs.len() || *carries != outputs.len() {
                return Err(format!("{carries} values carried, by a body of {} outputs", outputs.len()));
            }
            *carries
        }
        Control::Choice { bodies: [_, other] } => {
            if types_in(other) != inputs || types_out(other) != outputs {
                return Err("both bodies take the same and give the same".into());
            }
            outputs.len()
        }
    };
    let carried = if let Control::Scan { carries, .. } | Control::While { carries, .. } = control { *carries } else { 0 };
    if inputs[..carried] != outputs[..carried] {
        return Err("a carried value changes its shape or kind".into());
    }
    let (k, of_scans) = match port {
        Port::Final(k) => (k, false),
        Port::Each(k) | Port::Carried(k) => (k, true),
    };
    if of_scans && !matches!(control, Control::Scan { .. }) || k as usize >= results {
        return Err(format!("there is no result {port:?}"));
    }
    let mut sizes = control.operands().into_iter().chain([control.result(port)]);
    sizes.try_for_each(|(shape, _)| shape.check_size())
}

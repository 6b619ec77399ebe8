//! What every graph keeps to.

use super::model::Graph;
use super::node::NodeId;
use super::view::Kind;
use crate::error::{Error, Kind as ErrorKind, Result};

impl Graph {
    /// Checks every invariant that the passes rely on.
    ///
    /// # Errors
    /// Names the first node that breaks one.
    pub fn verify(&self) -> Result<()> {
        let fail = |id: NodeId, what: &str| Err(Error::new(ErrorKind::Shape, format!("node {id}: {what}")));
        let mut inputs_done = false;
        for id in self.ids() {
            let node = self.node(id);
            match node.kind() {
                Kind::Input(slot) if inputs_done || slot as usize != id.index() => return fail(id, "an input out of place"),
                Kind::Input(_) => {}
                _ => inputs_done = true,
            }
            if self.operands(id).any(|operand| operand >= id) {
                return fail(id, "an operand that comes after its user");
            }
            let operands = self.operands_as(id, |operand| operand);
            match node.kind() {
                Kind::Apply(op) => {
                    if op.arity() != operands.len() {
                        return fail(id, "a wrong number of operands");
                    }
                    for (&operand, &dtype) in operands.iter().zip(op.operands()) {
                        let operand = self.node(operand);
                        if operand.dtype() != dtype {
                            return fail(id, "an operand of the wrong kind");
                        }
                        if operand.shape() != node.shape() && !operand.kind().is_known() {
                            return fail(id, "operands of different shapes");
                        }
                    }
                }
                Kind::Array(op) if op.infer(&self.types(&operands)) != Ok((node.shape(), node.dtype())) => {
                    return fail(id, "operands that do not fit the operation");
                }
                Kind::Array(_) => {}
                Kind::Control(nested)
                    if nested.control.infer(nested.port, &self.types(&operands)) != Ok((node.shape(), node.dtype())) =>
                {
                    return fail(id, "operands that do not fit the operation's body");
                }
                Kind::Control(_) => {}
                _ if !operands.is_empty() => return fail(id, "an operand too many"),
                _ => {}
            }
        }
        Ok(())
    }
}

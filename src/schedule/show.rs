//! The stages of a function as text.

use super::ir::{Schedule, Stage};
use crate::graph::{Kind, Line, NodeId, Signature};
use std::fmt;

/// The stages, each with the nodes that it computes.
impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} {{", Signature(&self.f))?;
        for id in self.f.graph().ids().filter(|&id| self.f.graph().node(id).kind().is_known()) {
            writeln!(out, "  {}", Line(&self.f, id))?;
        }
        if let Some(unit) = &self.whole {
            let how = match unit.interface().flow.is_some() {
                true => "with its loops and branches in one piece of code",
                false => "in straight-line code",
            };
            writeln!(out, "  number by number, {how}:")?;
            let computed =
                |id: &NodeId| !matches!(self.f.graph().node(*id).kind(), Kind::Input(_) | Kind::Const(_) | Kind::Flag(_));
            for id in self.f.graph().ids().filter(computed) {
                writeln!(out, "    {}", Line(&self.f, id))?;
            }
        }
        for (k, stage) in self.stages.iter().enumerate() {
            let once = if k < self.once { "once: " } else { "" };
            match stage {
                Stage::Straight(straight) => {
                    writeln!(out, "  number by number, in straight-line code:")?;
                    for &node in &straight.piece.nodes {
                        writeln!(out, "    {}", Line(&self.f, node))?;
                    }
                }
                Stage::Library(node) => writeln!(out, "  {once}{}", Line(&self.f, *node))?,
                Stage::Control(control) => {
                    if control.flow.is_some() {
                        writeln!(out, "  {once}in code of its own:")?;
                    }
                    for (_, node) in &control.members {
                        writeln!(out, "  {once}{}", Line(&self.f, *node))?;
                    }
                }
                Stage::Loop(looped) => {
                    write!(out, "  {once}loop over {}", looped.shape)?;
                    for (k, output) in looped.outputs.iter().enumerate() {
                        write!(out, "{} {}", if k == 0 { ", stores" } else { "," }, output.node)?;
                    }
                    writeln!(out, ":")?;
                    for &node in &looped.nodes {
                        writeln!(out, "    {}", Line(&self.f, node))?;
                    }
                }
            }
        }
        out.write_str("}")
    }
}

//! The nodes that a formula makes. What is known is folded where every engine gives the same bits for it.

use crate::base::{Shape, Width};
use crate::error::Caller;
use crate::graph::{Builder, Function, Kind, NodeId};
use crate::op::{DType, Op, Value, settled};

pub(super) struct Nodes {
    builder: Builder,
    width: Width,
    /// The user's line, whose nodes these are.
    at: Caller,
}

impl Nodes {
    pub(super) fn new(width: Width, at: Caller) -> Nodes {
        Nodes { builder: Builder::default(), width, at }
    }

    /// The next input, before any other node.
    pub(super) fn input(&mut self) -> NodeId {
        self.builder.input(Shape::SCALAR, DType::Float)
    }

    pub(super) fn number(&mut self, v: f64) -> NodeId {
        self.builder.intern(Kind::constant(self.width.round(v)), &[], Some(self.at))
    }

    pub(super) fn flag(&mut self, b: bool) -> NodeId {
        self.builder.intern(Kind::Flag(b), &[], Some(self.at))
    }

    pub(super) fn dtype(&self, id: NodeId) -> DType {
        self.builder.graph().node(id).dtype()
    }

    /// The whole number that a node is known to be, of the size of an exponent.
    pub(super) fn whole(&self, id: NodeId) -> Option<i32> {
        let Some(Value::Num(v)) = self.known(id) else { return None };
        (v.fract() == 0.0 && (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&v)).then_some(v as i32)
    }

    fn known(&self, id: NodeId) -> Option<Value<f64, bool>> {
        match self.builder.graph().node(id).kind() {
            Kind::Const(bits) => Some(Value::Num(f64::from_bits(bits))),
            Kind::Flag(b) => Some(Value::Mask(b)),
            _ => None,
        }
    }

    pub(super) fn apply(&mut self, op: Op, args: &[NodeId]) -> NodeId {
        let known: Option<arrayvec::ArrayVec<_, 3>> = args.iter().map(|&id| self.known(id)).collect();
        match known.and_then(|known| settled(op, &known, self.width)) {
            Some(Value::Num(v)) => self.number(v),
            Some(Value::Mask(b)) => self.flag(b),
            None => self.builder.intern(Kind::Apply(op), args, Some(self.at)),
        }
    }

    /// The one result of a function.
    pub(super) fn inline(&mut self, f: &Function, args: &[NodeId]) -> NodeId {
        let graph = f.graph();
        let mut map: Vec<NodeId> = args.to_vec();
        for id in graph.ids().skip(args.len()) {
            let operands: Vec<NodeId> = graph.operands(id).map(|operand| map[operand.index()]).collect();
            let node = graph.node(id);
            map.push(self.builder.intern(node.kind(), &operands, node.location().or(Some(self.at))));
        }
        f.output_nodes().next().map_or(args[0], |id| map[id.index()])
    }

    pub(super) fn finish(self) -> crate::graph::Graph {
        self.builder.finish()
    }
}

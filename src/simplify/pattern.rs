//! The rules' patterns: parsed once, matched against nodes that are about to be made.

use super::rules::{Licence, Rewrite};
use crate::graph::{Graph, Kind, NodeId};
use crate::op::Op;
use rustc_hash::FxHashMap;
use std::sync::OnceLock;

/// One side of a rule. As deep as the rule is written, so recursion over it is bounded.
#[derive(Debug)]
pub(super) enum Pattern {
    /// Anything, by the number of its variable.
    Any(u8),
    /// Any constant.
    AnyConst(u8),
    Const(f64),
    Flag(bool),
    Node(Op, Vec<Pattern>),
}

/// What the variables stand for.
#[derive(Clone, Default)]
pub(super) struct Match {
    bound: [Option<NodeId>; VARIABLES.len()],
}

const VARIABLES: [&str; 7] = ["x", "y", "z", "m", "n", "c", "d"];
const FIRST_CONSTANT: usize = 5;

impl Match {
    pub(super) fn get(&self, variable: u8) -> NodeId {
        self.bound[variable as usize].expect("a rule's right side uses variables of its left side")
    }

    fn bind(&mut self, variable: u8, id: NodeId) -> bool {
        *self.bound[variable as usize].get_or_insert(id) == id
    }
}

impl Pattern {
    /// Whether a node of this operation and these operands matches. What is found in one that does not is of no use.
    pub(super) fn matches_node(&self, graph: &Graph, op: Op, args: &[NodeId], found: &mut Match) -> bool {
        let Pattern::Node(wanted, operands) = self else { return false };
        if *wanted != op {
            return false;
        }
        let before = op.is_commutative().then(|| found.clone());
        if operands.iter().zip(args).all(|(pattern, &id)| pattern.matches(graph, id, found)) {
            return true;
        }
        let Some(before) = before else { return false };
        *found = before;
        let swapped = [args[1], args[0]].into_iter().chain(args[2..].iter().copied());
        operands.iter().zip(swapped).all(|(pattern, id)| pattern.matches(graph, id, found))
    }

    fn matches(&self, graph: &Graph, id: NodeId, found: &mut Match) -> bool {
        match (self, graph.node(id).kind()) {
            (Pattern::Any(k), _) | (Pattern::AnyConst(k), Kind::Const(_)) => found.bind(*k, id),
            (Pattern::Const(v), Kind::Const(bits)) => v.to_bits() == bits,
            (Pattern::Flag(wanted), Kind::Flag(b)) => *wanted == b,
            (Pattern::Node(wanted, _), Kind::Apply(op)) if *wanted == op => {
                self.matches_node(graph, op, &graph.operands_as(id, |operand| operand), found)
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Pattern {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut tokens = spaced.split_whitespace();
        let pattern = Pattern::parse_tokens(&mut tokens).unwrap_or_else(|| panic!("the rule `{text}` does not parse"));
        assert!(tokens.next().is_none(), "the rule `{text}` goes on after its end");
        pattern
    }

    fn parse_tokens<'a>(tokens: &mut impl Iterator<Item = &'a str>) -> Option<Pattern> {
        match tokens.next()? {
            "(" => {
                let op = Op::parse(tokens.next()?, None)?;
                let operands = op.operands().iter().map(|_| Pattern::parse_tokens(tokens)).collect::<Option<_>>()?;
                (tokens.next()? == ")").then_some(Pattern::Node(op, operands))
            }
            "true" => Some(Pattern::Flag(true)),
            "false" => Some(Pattern::Flag(false)),
            token => match VARIABLES.iter().position(|name| *name == token) {
                Some(k) if k >= FIRST_CONSTANT => Some(Pattern::AnyConst(k as u8)),
                Some(k) => Some(Pattern::Any(k as u8)),
                None => Some(Pattern::Const(token.parse().ok()?)),
            },
        }
    }
}

/// A rule, ready to match.
pub(super) struct PreparedRule {
    pub(super) licence: Licence,
    pub(super) left: Pattern,
    pub(super) right: Pattern,
}

/// The rules by the operation they look for.
pub(super) struct Prepared {
    by_op: FxHashMap<Op, Vec<PreparedRule>>,
}

impl Prepared {
    pub(super) fn of(&self, op: Op) -> &[PreparedRule] {
        self.by_op.get(&op).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn prepared() -> &'static Prepared {
    static PREPARED: OnceLock<Prepared> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let mut by_op: FxHashMap<Op, Vec<PreparedRule>> = FxHashMap::default();
        for rule in Rewrite::ALL {
            let (left, right) = (Pattern::parse(rule.left), Pattern::parse(rule.right));
            let Pattern::Node(op, _) = left else { panic!("the rule `{}` matches everything", rule.name) };
            by_op.entry(op).or_default().push(PreparedRule { licence: rule.licence, left, right });
        }
        Prepared { by_op }
    })
}

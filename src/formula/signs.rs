//! The operators of formulas: their operations, and how tightly they bind.

use crate::op::Op;

/// An operator. A plus in front of a number is no operation.
#[derive(Copy, Clone)]
pub(super) struct Sign {
    pub(super) op: Option<Op>,
    pub(super) binds: u8,
    pub(super) prefix: bool,
}

pub(super) const COMPARISON: u8 = 4;
pub(super) const POWER: u8 = 8;

impl Sign {
    /// One between two operands. That a power with a whole exponent is another operation is seen later.
    pub(super) fn between(symbol: &str) -> Option<Sign> {
        let (op, binds) = match symbol {
            "or" => (Op::Or, 1),
            "and" => (Op::And, 2),
            "<" => (Op::Lt, COMPARISON),
            "<=" => (Op::Le, COMPARISON),
            ">" => (Op::Gt, COMPARISON),
            ">=" => (Op::Ge, COMPARISON),
            "==" => (Op::Eq, COMPARISON),
            "!=" => (Op::Ne, COMPARISON),
            "+" => (Op::Add, 5),
            "-" => (Op::Sub, 5),
            "*" => (Op::Mul, 6),
            "/" => (Op::Div, 6),
            "%" => (Op::Rem, 6),
            "^" => (Op::Powf, POWER),
            _ => return None,
        };
        Some(Sign { op: Some(op), binds, prefix: false })
    }

    /// One in front of an operand.
    pub(super) fn in_front(symbol: &str) -> Sign {
        let (op, binds) = match symbol {
            "-" => (Some(Op::Neg), 7),
            "+" => (None, 7),
            _ => (Some(Op::Not), 3),
        };
        Sign { op, binds, prefix: true }
    }
}

/// How an operator is written, that is no function.
pub(super) fn sign_of(op: Op) -> Option<&'static str> {
    Some(match op {
        Op::Add => "+",
        Op::Sub | Op::Neg => "-",
        Op::Mul => "*",
        Op::Div => "/",
        Op::Rem => "%",
        Op::Lt => "<",
        Op::Le => "<=",
        Op::Gt => ">",
        Op::Ge => ">=",
        Op::Eq => "==",
        Op::Ne => "!=",
        Op::And => "and",
        Op::Or => "or",
        Op::Not => "not",
        _ => return None,
    })
}

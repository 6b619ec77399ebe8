//! The reader of formulas, by operator precedence (E. Dijkstra, 1961): what is open waits in a list, so no depth of brackets is one of calls.

use super::names::{self, arity, parameter_place};
use super::nodes::Nodes;
use super::signs::{COMPARISON, POWER, Sign, sign_of};
use super::tokens::{Token, Tokens, cut};
use crate::error::{Kind as ErrorKind, Result, count};
use crate::graph::{Function, NodeId};
use crate::op::{DType, Op};
use std::collections::HashMap;

/// So many brackets and operators may be open at once.
pub(super) const MOST_OPEN: usize = 100_000;

/// What waits for its operands.
enum Open<'t> {
    /// An operator with its left operand, or one that stands in front.
    Operator {
        sign: Sign,
        at: usize,
    },
    Bracket {
        at: usize,
    },
    Call {
        of: Callee<'t>,
        name: &'t str,
        given: usize,
        at: usize,
    },
}

#[derive(Copy, Clone)]
enum Callee<'t> {
    Op(Op),
    User(&'t Function),
}

/// A part of a formula with its name: a binding or a result.
pub(super) struct Part<'t> {
    pub(super) name: Option<&'t str>,
    /// Its place among the numbers that share the name.
    pub(super) place: Option<usize>,
    pub(super) node: NodeId,
    pub(super) at: usize,
}

/// What names mean.
#[derive(Default)]
pub(super) struct Scope<'t> {
    /// Inputs and bindings: a value, or the values of an input of several.
    pub(super) values: HashMap<&'t str, Vec<NodeId>>,
    pub(super) functions: HashMap<&'t str, &'t Function>,
}

pub(super) struct Parser<'t, 's> {
    pub(super) tokens: Tokens<'t>,
    pub(super) scope: &'s mut Scope<'t>,
    pub(super) nodes: &'s mut Nodes,
    open: Vec<Open<'t>>,
    operands: Vec<Operand>,
}

/// A value, with where it stands, and the whole number that it is written as: a narrow function has not all of them.
#[derive(Copy, Clone)]
struct Operand {
    id: NodeId,
    at: usize,
    whole: Option<i64>,
}

impl<'t, 's> Parser<'t, 's> {
    pub(super) fn new(tokens: Tokens<'t>, scope: &'s mut Scope<'t>, nodes: &'s mut Nodes) -> Self {
        Parser { tokens, scope, nodes, open: vec![], operands: vec![] }
    }

    /// Reads all of a formula, and gives its results.
    pub(super) fn results(mut self) -> Result<(Tokens<'t>, Vec<Part<'t>>)> {
        if self.tokens.peek() == Token::End {
            return Err(self.tokens.error(self.tokens.at(), "the formula is empty"));
        }
        let mut parts: Vec<Part<'t>> = vec![];
        loop {
            parts.push(self.part()?);
            match self.tokens.advance()? {
                (Token::Symbol(","), _) => {}
                (Token::Symbol(";"), _) if self.tokens.peek() != Token::End => {
                    parts.drain(..).try_for_each(|part| self.bind(&part))?;
                }
                (Token::Symbol(";") | Token::End, _) => return Ok((self.tokens, parts)),
                (token, at) => return Err(self.tokens.error(at, format!("{token} is not expected here"))),
            }
        }
    }

    /// `name = expression`, `name[2] = expression` or an expression.
    fn part(&mut self) -> Result<Part<'t>> {
        let at = self.tokens.at();
        let (mut name, mut place) = (None, None);
        if let Token::Name(word) | Token::Quoted(word) = self.tokens.peek() {
            let mut ahead = self.tokens.ahead();
            ahead.advance()?;
            let index = index(&mut ahead)?;
            if ahead.eat("=")? {
                (name, place) = (Some(word), index);
                if matches!(self.tokens.peek(), Token::Name(_)) && !names::is_plain(word) {
                    let message = format!("`{}` is a word of formulas; as a name it stands in quotes", cut(word));
                    return Err(self.tokens.error(at, message));
                }
                self.tokens = ahead;
            }
        }
        let node = self.expression()?;
        Ok(Part { name, place, node, at })
    }

    /// Gives a name to a value that later parts use.
    fn bind(&mut self, part: &Part<'t>) -> Result<()> {
        let Some(name) = part.name else {
            return Err(self.tokens.error(part.at, "what stands before `;` needs a name, as in `t = x*x; t + 1`"));
        };
        if part.place.is_some() {
            return Err(self.tokens.error(part.at, "what stands before `;` is one value, without a place in brackets"));
        }
        if self.scope.values.contains_key(name) || self.scope.functions.contains_key(name) {
            return Err(self.tokens.error(part.at, format!("`{}` has a meaning already", cut(name))));
        }
        self.scope.values.insert(name, vec![part.node]);
        Ok(())
    }

    /// Reads up to a `,`, a `;` or the end that is in no bracket.
    fn expression(&mut self) -> Result<NodeId> {
        loop {
            self.operand()?;
            // After an operand: brackets that close, then an operator, a comma in a call, or the end.
            loop {
                let at = self.tokens.at();
                match self.tokens.peek() {
                    Token::Symbol(")") => self.close(at)?,
                    Token::Symbol(",") if self.is_inside() => {
                        self.reduce(0)?;
                        self.next_argument(at)?;
                        break;
                    }
                    Token::Symbol("," | ";") | Token::End => {
                        self.reduce(0)?;
                        return self.finish(at);
                    }
                    token => {
                        let sign = self.operator(token, at)?;
                        // A power's right operand comes first: x^y^z is x^(y^z).
                        self.reduce(if sign.binds == POWER { sign.binds + 1 } else { sign.binds })?;
                        self.wait(Open::Operator { sign, at })?;
                        self.tokens.advance()?;
                        break;
                    }
                }
            }
        }
    }

    fn is_inside(&self) -> bool {
        self.open.iter().rev().any(|open| !matches!(open, Open::Operator { .. }))
    }

    fn finish(&mut self, at: usize) -> Result<NodeId> {
        match self.open.last() {
            None => Ok(self.operands.pop().expect("an expression has a value").id),
            Some(Open::Bracket { at }) if self.tokens.peek() == Token::End => {
                Err(self.tokens.error(*at, "this bracket is never closed"))
            }
            Some(Open::Call { name, at, .. }) if self.tokens.peek() == Token::End => {
                Err(self.tokens.error(*at, format!("the bracket behind `{}` is never closed", cut(name))))
            }
            _ => Err(self.tokens.error(at, format!("{} inside of brackets", self.tokens.peek()))),
        }
    }

    /// Reads what stands in front of an operand, and the operand itself.
    fn operand(&mut self) -> Result<()> {
        loop {
            let (token, at) = (self.tokens.peek(), self.tokens.at());
            match token {
                Token::Number(v) => {
                    let whole = self.tokens.whole();
                    self.tokens.advance()?;
                    self.operands.push(Operand { id: self.nodes.number(v), at, whole });
                    return Ok(());
                }
                Token::Name(name) | Token::Quoted(name) => {
                    self.tokens.advance()?;
                    if self.tokens.peek() == Token::Symbol("(") {
                        let of = self.callee(name, at)?;
                        self.tokens.advance()?;
                        self.wait(Open::Call { of, name, given: 0, at })?;
                        if self.tokens.peek() == Token::Symbol(")") {
                            return Err(self.arity_error(of, name, 0, at));
                        }
                        continue;
                    }
                    let id = self.value(token, name, at)?;
                    self.operands.push(Operand { id, at, whole: None });
                    return Ok(());
                }
                Token::Symbol("(") => {
                    self.tokens.advance()?;
                    self.wait(Open::Bracket { at })?;
                }
                Token::Symbol(sign @ ("-" | "+" | "not")) => {
                    self.tokens.advance()?;
                    self.wait(Open::Operator { sign: Sign::in_front(sign), at })?;
                }
                Token::End => {
                    return Err(self.tokens.error(at, "the formula ends where a number, a name or `(` is expected"));
                }
                other => return Err(self.tokens.error(at, format!("a number, a name or `(` is expected, not {other}"))),
            }
        }
    }

    fn wait(&mut self, open: Open<'t>) -> Result<()> {
        if self.open.len() == MOST_OPEN {
            let message = format!("more than {MOST_OPEN} brackets and operators are open here");
            return Err(self.tokens.refused(ErrorKind::Limit, self.tokens.at(), message));
        }
        self.open.push(open);
        Ok(())
    }

    /// An operator between two operands.
    fn operator(&self, token: Token, at: usize) -> Result<Sign> {
        if let Token::Symbol(symbol) = token
            && let Some(sign) = Sign::between(symbol)
        {
            return Ok(sign);
        }
        let message = match token {
            Token::Symbol("=") => "`=` gives a name to a whole part; a comparison is written `==`".into(),
            Token::Number(_) | Token::Name(_) | Token::Quoted(_) | Token::Symbol("(") => {
                format!("an operator is expected before {token}; a product is written with `*`")
            }
            other => format!("an operator is expected, not {other}"),
        };
        Err(self.tokens.error(at, message))
    }

    /// Applies the operators that wait and bind at least so tightly, up to a bracket.
    fn reduce(&mut self, binds: u8) -> Result<()> {
        while let Some(&Open::Operator { sign, at }) = self.open.last()
            && sign.binds >= binds
        {
            if binds == COMPARISON && sign.binds == COMPARISON && !sign.prefix {
                let message = "a comparison of a comparison: `a < b < c` is written `a < b and b < c`";
                return Err(self.tokens.error(self.tokens.at(), message));
            }
            self.open.pop();
            let y = self.operands.pop().expect("an operator waits for its operand");
            let id = match sign {
                Sign { op: None, .. } => {
                    self.expect(&[y], &[DType::Float], "`+`")?;
                    y.id
                }
                Sign { op: Some(op), prefix: true, .. } => self.apply(op, &[y])?,
                Sign { op: Some(op), .. } => {
                    let x = self.operands.pop().expect("it has a left operand");
                    self.apply(op, &[x, y])?
                }
            };
            let whole = y.whole.filter(|_| sign.prefix).map(|n| if sign.op.is_some() { -n } else { n });
            self.operands.push(Operand { id, at, whole });
        }
        Ok(())
    }

    fn apply(&mut self, op: Op, args: &[Operand]) -> Result<NodeId> {
        let what = match op {
            Op::Powf => "`^`".to_owned(),
            Op::And | Op::Or | Op::Not => format!("`{op}`"),
            _ => format!("`{}`", sign_of(op).unwrap_or(op.name())),
        };
        self.expect(args, op.operands(), &what)?;
        let ids: Vec<NodeId> = args.iter().map(|arg| arg.id).collect();
        if op == Op::Powf
            && let Some(n) = self.whole(args[1])
        {
            return Ok(self.nodes.apply(Op::Powi(n), &ids[..1]));
        }
        Ok(self.nodes.apply(op, &ids))
    }

    /// The whole number that an operand is known to be.
    fn whole(&self, operand: Operand) -> Option<i32> {
        match operand.whole {
            Some(n) => i32::try_from(n).ok(),
            None => self.nodes.whole(operand.id),
        }
    }

    /// That operands are numbers or conditions, as an operation wants.
    fn expect(&self, args: &[Operand], wanted: &[DType], what: &str) -> Result<()> {
        for (&Operand { id, at, .. }, &wanted) in args.iter().zip(wanted) {
            let got = self.nodes.dtype(id);
            if got != wanted {
                let message = match wanted {
                    DType::Mask => format!("{what} takes a condition here, as `x > 0`, and this is a number"),
                    _ => format!("{what} takes a number here, and this is a condition; `if(…, 1, 0)` makes a number of it"),
                };
                return Err(self.tokens.error(at, message));
            }
        }
        Ok(())
    }

    /// A bracket closes: the operators in it are applied, a call is made.
    fn close(&mut self, at: usize) -> Result<()> {
        self.reduce(0)?;
        match self.open.pop() {
            None => return Err(self.tokens.error(at, "this bracket closes nothing")),
            Some(Open::Operator { .. }) => unreachable!("operators are applied"),
            Some(Open::Bracket { at }) => {
                if let Some(operand) = self.operands.last_mut() {
                    operand.at = at;
                }
            }
            Some(Open::Call { of, name, given, at }) => {
                let id = self.call(of, name, given + 1, at)?;
                self.operands.push(Operand { id, at, whole: None });
            }
        }
        self.tokens.advance()?;
        Ok(())
    }

    /// A comma in brackets.
    fn next_argument(&mut self, at: usize) -> Result<()> {
        let (of, name, n, start) = match self.open.last_mut() {
            Some(Open::Call { of, name, given, at }) => {
                *given += 1;
                (*of, *name, *given + 1, *at)
            }
            _ => {
                return Err(self
                    .tokens
                    .error(at, "`,` stands between the arguments of a function, and these brackets are of none"));
            }
        };
        if n > of.arity() {
            return Err(self.arity_error(of, name, n, start));
        }
        self.tokens.advance()?;
        Ok(())
    }

    fn call(&mut self, of: Callee<'t>, name: &str, given: usize, at: usize) -> Result<NodeId> {
        if given != of.arity() {
            return Err(self.arity_error(of, name, given, at));
        }
        let mut args: Vec<Operand> = self.operands.split_off(self.operands.len() - given);
        let what = format!("`{}`", cut(name));
        match of {
            Callee::User(f) => {
                self.expect(&args, &vec![DType::Float; args.len()], &what)?;
                let args: Vec<NodeId> = args.iter().map(|arg| arg.id).collect();
                Ok(self.nodes.inline(f, &args))
            }
            Callee::Op(mut op) => {
                if let Some(place) = parameter_place(op) {
                    let n = args.remove(place);
                    op = match self.whole(n).and_then(|n| Op::parse(op.name(), Some(n))) {
                        Some(op) => op,
                        None => return Err(self.tokens.error(n.at, format!("{what} takes a whole number here, which is known"))),
                    };
                }
                self.expect(&args, op.operands(), &what)?;
                let ids: Vec<NodeId> = args.iter().map(|arg| arg.id).collect();
                Ok(self.nodes.apply(op, &ids))
            }
        }
    }

    fn arity_error(&self, of: Callee, name: &str, given: usize, at: usize) -> crate::error::Error {
        let more = if given > of.arity() { " or more" } else { "" };
        let mut message = format!("`{}` takes {}, not {given}{more}", cut(name), count(of.arity(), "argument"));
        if name == "log" && given == 1 {
            message =
                "`log(x, b)` takes the base, too; the natural logarithm is `ln(x)`, others are `log2(x)` and `log10(x)`".into();
        }
        self.tokens.error(at, message)
    }

    fn callee(&self, name: &'t str, at: usize) -> Result<Callee<'t>> {
        if let Some(f) = self.scope.functions.get(name) {
            return Ok(Callee::User(f));
        }
        if let Some(op) = names::operation(name) {
            return Ok(Callee::Op(op));
        }
        let message = match self.scope.values.contains_key(name) || names::CONSTANTS.iter().any(|(known, _)| *known == name) {
            true => format!("`{0}` is a number, no function; a product is written `{0}*(…)`", cut(name)),
            false => {
                let users = self.scope.functions.keys().map(|name| cut(name));
                match names::nearest(&cut(name), users.chain(names::functions().map(str::to_owned))) {
                    Some(near) => format!("no function is named `{}` (did you mean `{near}`?)", cut(name)),
                    None => format!("no function is named `{}`", cut(name)),
                }
            }
        };
        Err(self.tokens.error(at, message))
    }

    /// What a name stands for, with its place in brackets where it has one.
    fn value(&mut self, token: Token, name: &'t str, at: usize) -> Result<NodeId> {
        let place_at = self.tokens.at();
        let place = index(&mut self.tokens)?;
        if let Some(values) = self.scope.values.get(name) {
            return match (place, values.as_slice()) {
                (None, &[value]) => Ok(value),
                (Some(k), values) if k < values.len() => Ok(values[k]),
                (Some(_), &[_]) => Err(self.tokens.error(place_at, format!("`{}` is one number", cut(name)))),
                (_, values) => {
                    let (name, last) = (cut(name), values.len().saturating_sub(1));
                    let message = format!("`{name}` has {}, `{name}[0]` to `{name}[{last}]`", count(values.len(), "number"));
                    Err(self.tokens.error(if place.is_some() { place_at } else { at }, message))
                }
            };
        }
        let is_word = matches!(token, Token::Name(_)) && place.is_none();
        if is_word && let Some((_, v)) = names::CONSTANTS.iter().find(|(known, _)| *known == name) {
            return Ok(self.nodes.number(*v));
        }
        if is_word && let Some((_, b)) = names::FLAGS.iter().find(|(known, _)| *known == name) {
            return Ok(self.nodes.flag(*b));
        }
        if self.scope.functions.contains_key(name) || names::operation(name).is_some() {
            return Err(self.tokens.error(at, format!("`{0}` is a function; it is called as `{0}(…)`", cut(name))));
        }
        let known = || self.scope.values.keys().copied();
        let mut names: Vec<&str> = known().collect();
        names.sort_unstable();
        let all = known().map(cut).chain(names::CONSTANTS.iter().map(|(name, _)| (*name).to_owned()));
        let message = match (names::nearest(&cut(name), all), names.is_empty()) {
            (Some(near), _) => format!("nothing is named `{}` (did you mean `{}`?)", cut(name), near),
            (None, true) => format!("nothing is named `{}`: the function has no inputs", cut(name)),
            (None, false) => format!("nothing is named `{}`; the names are {}", cut(name), crate::error::names(names.iter())),
        };
        Err(self.tokens.error(at, message))
    }
}

impl Callee<'_> {
    fn arity(self) -> usize {
        match self {
            Callee::Op(op) => arity(op),
            Callee::User(f) => f.input_len(),
        }
    }
}

/// `[3]`, if there is one.
pub(super) fn index(tokens: &mut Tokens) -> Result<Option<usize>> {
    if !tokens.eat("[")? {
        return Ok(None);
    }
    let (token, at) = tokens.advance()?;
    let Token::Number(v) = token else { return Err(tokens.error(at, "a place in brackets is a whole number, as `p[0]`")) };
    if v.fract() != 0.0 || v > f64::from(1 << 24) {
        return Err(tokens.error(at, "a place in brackets is a whole number, as `p[0]`"));
    }
    if !tokens.eat("]")? {
        return Err(tokens.error(tokens.at(), "`]` is expected"));
    }
    Ok(Some(v as usize))
}

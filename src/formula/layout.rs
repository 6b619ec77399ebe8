//! Expressions as text, in the order and with the signs that a person writes. What is still to be written waits in a list.

use super::letters::{Style, is_level, letter, name, raised, sign};
use super::number::Number;
use super::order;
use super::terms::{Id, ONE, Term, Terms};
use super::writer::number;
use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};
use crate::op::Op;
use std::borrow::Cow;
use std::collections::HashMap;

/// So many characters a formula for a reader may have.
const LONGEST: usize = 1 << 20;
/// So many bytes an exponent may have that is tried without brackets.
const SHORT: usize = 64;

/// Where an expression stands, which says when it needs brackets.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Free,
    /// A condition in another one.
    Condition,
    /// Beside other factors.
    Factor,
    /// With an exponent.
    Base,
}

enum Piece {
    Text(Cow<'static, str>),
    Term(Id, Place),
    /// A product of a number and powers.
    Items(Number, Vec<(Id, Id)>),
    Open,
    Close,
    /// What an exponent begins and ends with.
    Raise,
    Raised,
}

pub(super) struct Layout<'a> {
    pub(super) terms: &'a mut Terms,
    pub(super) style: Style,
    pub(super) width: Width,
    /// The inputs as they are written.
    pub(super) inputs: &'a [String],
    /// Expressions that have a name.
    pub(super) names: HashMap<Id, String>,
}

fn text(text: impl Into<Cow<'static, str>>) -> Piece {
    Piece::Text(text.into())
}

impl Layout<'_> {
    /// Writes an expression; one that has a name by what it stands for.
    pub(super) fn write(&mut self, id: Id, out: &mut String) -> Result<()> {
        let mut waiting = self.meaning(id, Place::Free);
        waiting.reverse();
        let mut exponents: Vec<usize> = vec![];
        while let Some(piece) = waiting.pop() {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                Piece::Open => out.push_str(if self.style == Style::Latex { r"\left(" } else { "(" }),
                Piece::Close => out.push_str(if self.style == Style::Latex { r"\right)" } else { ")" }),
                Piece::Raise if self.style == Style::Latex => out.push_str("^{"),
                Piece::Raised if self.style == Style::Latex => out.push('}'),
                Piece::Raise => {
                    exponents.push(out.len());
                    out.push_str("^(");
                }
                Piece::Raised => {
                    out.push(')');
                    simplified_exponent(out, exponents.pop().expect("an exponent has begun"));
                }
                Piece::Term(id, place) => {
                    let pieces = match (self.names.get(&id).cloned(), self.negative_of(id)) {
                        (Some(name), _) => vec![text(name)],
                        (None, Some(name)) => bracketed(vec![text(self.minus()), text(name)], place >= Place::Factor),
                        (None, None) => self.meaning(id, place),
                    };
                    waiting.extend(pieces.into_iter().rev());
                }
                Piece::Items(c, items) => {
                    let pieces = self.items(c, items);
                    waiting.extend(pieces.into_iter().rev());
                }
            }
            if out.len() > LONGEST {
                let hint = "; with `Formulas::named` what is used again is written once";
                return Err(Error::new(ErrorKind::Limit, format!("the formula has more than {LONGEST} characters{hint}")));
            }
        }
        Ok(())
    }

    fn minus(&self) -> &'static str {
        if self.style == Style::Latex { "-" } else { "−" }
    }

    /// The name of a sum of which this is the negative.
    fn negative_of(&mut self, id: Id) -> Option<String> {
        if self.names.is_empty() || !matches!(self.terms.get(id), Term::Sum(_)) {
            return None;
        }
        let negative = self.terms.negated(id);
        self.names.get(&negative).cloned()
    }

    fn meaning(&mut self, id: Id, place: Place) -> Vec<Piece> {
        let latex = self.style == Style::Latex;
        match self.terms.get(id).clone() {
            Term::Number(n) => {
                let needs = place > Place::Condition && (n.is_negative() || matches!(n, Number::Ratio(_, 2..)) && !latex)
                    || place == Place::Base && matches!(n, Number::Ratio(_, 2..));
                let pieces = self.number(n);
                bracketed(pieces, needs)
            }
            Term::Flag(b) => vec![text(if b { "true" } else { "false" })],
            Term::Pi => vec![text(if latex { r"\pi" } else { "π" })],
            Term::E if self.inputs.iter().any(|name| name == "e") => vec![text(if latex { r"\mathrm{e}" } else { "ℯ" })],
            Term::E => vec![text("e")],
            Term::Input(slot) => vec![text(self.inputs[slot as usize].clone())],
            Term::Sum(parts) => {
                let pieces = self.sum(&parts);
                bracketed(pieces, place >= Place::Factor)
            }
            Term::Product(c, factors) => {
                let is_one = c == Number::ONE && factors.len() == 1;
                let pieces = self.product(c, &factors);
                let is_fraction = pieces.iter().any(|piece| matches!(piece, Piece::Text(text) if text == "/"));
                bracketed(pieces, place == Place::Base || place == Place::Factor && (c.is_negative() || is_fraction || !is_one))
            }
            Term::Call(op, args) => self.call(op, &args, place),
        }
    }

    fn number(&self, n: Number) -> Vec<Piece> {
        let sign = if n.is_negative() { self.minus() } else { "" };
        let digits = match n {
            Number::Ratio(p, 1) => p.unsigned_abs().to_string(),
            Number::Ratio(p, q) if self.style == Style::Latex => format!(r"\frac{{{}}}{{{q}}}", p.unsigned_abs()),
            Number::Ratio(p, q) => format!("{}/{q}", p.unsigned_abs()),
            Number::Float(v) => self.float(v.abs()),
        };
        vec![text(format!("{sign}{digits}"))]
    }

    /// A float, a power of ten apart.
    fn float(&self, v: f64) -> String {
        let digits = number(v, self.width);
        match (digits.split_once('e'), self.style) {
            (None, Style::Latex) if v.is_infinite() => r"\infty".into(),
            (None, Style::Latex) if v.is_nan() => r"\mathrm{nan}".into(),
            (None, Style::Plain) if v.is_infinite() => "∞".into(),
            (None, _) => digits,
            (Some((mantissa, exponent)), Style::Latex) => format!(r"{mantissa} \cdot 10^{{{exponent}}}"),
            (Some((mantissa, exponent)), Style::Plain) => {
                let exponent = exponent.replace('-', "−");
                let up = raised(&exponent).unwrap_or(exponent);
                format!("{mantissa}·10{up}")
            }
        }
    }

    fn sum(&mut self, parts: &[(Number, Id)]) -> Vec<Piece> {
        let mut parts = parts.to_vec();
        parts.sort_by_cached_key(|(_, id)| order::of_summand(self.terms, *id));
        // A sum starts with a sign only if all do.
        if parts[0].0.is_negative()
            && let Some(first) = parts.iter().position(|(c, _)| !c.is_negative())
        {
            parts[..=first].rotate_right(1);
        }
        let minus = self.minus();
        let mut pieces = vec![];
        for (k, (c, id)) in parts.into_iter().enumerate() {
            let size = if c.is_negative() { c.negated() } else { c };
            match (k, c.is_negative()) {
                (0, false) => {}
                (0, true) => pieces.push(text(minus)),
                (_, true) => pieces.push(text(format!(" {minus} "))),
                (_, false) => pieces.push(text(" + ")),
            }
            let term = self.terms.scaled(size, id);
            pieces.push(Piece::Term(term, Place::Free));
        }
        pieces
    }

    fn product(&mut self, c: Number, factors: &[(Id, Id)]) -> Vec<Piece> {
        let latex = self.style == Style::Latex;
        let mut pieces = vec![];
        if c.is_negative() {
            pieces.push(text(self.minus()));
        }
        let c = if c.is_negative() { c.negated() } else { c };
        let (p, q) = match c {
            Number::Ratio(p, q) => (Number::Ratio(p, 1), Number::Ratio(q, 1)),
            float => (float, Number::ONE),
        };
        let (mut above, mut below) = (vec![], vec![]);
        for &(base, exponent) in factors {
            match self.terms.value(exponent) {
                Some(n) if n.is_negative() && *self.terms.get(base) != Term::E => {
                    let n = self.terms.number(n.negated());
                    below.push((base, n));
                }
                _ => above.push((base, exponent)),
            }
        }
        if below.is_empty() && q == Number::ONE {
            pieces.push(Piece::Items(p, above));
            return pieces;
        }
        if latex {
            pieces.extend([text(r"\frac{"), Piece::Items(p, above), text("}{"), Piece::Items(q, below), text("}")]);
            return pieces;
        }
        let many = below.len() + usize::from(q != Number::ONE) > 1;
        // In a line of text, a sum above or below stands in brackets, and so does what ends with the argument of a function.
        let is_sum = |this: &Self, n: Number, items: &[(Id, Id)]| match *items {
            [(base, ONE)] => n == Number::ONE && matches!(this.terms.get(base), Term::Sum(_)) && !this.names.contains_key(&base),
            _ => false,
        };
        let is_open = |this: &Self, items: &[(Id, Id)]| {
            items.iter().any(|(base, e)| match this.terms.get(*base) {
                Term::Call(op, _) => name(*op).open && this.root(*e).is_none() && !this.names.contains_key(base),
                _ => false,
            })
        };
        let closed = [is_sum(self, p, &above) || is_open(self, &above), many || is_sum(self, q, &below)];
        pieces.extend(bracketed(vec![Piece::Items(p, above)], closed[0]));
        pieces.push(text("/"));
        pieces.extend(bracketed(vec![Piece::Items(q, below)], closed[1]));
        pieces
    }

    /// A number, then powers.
    fn items(&mut self, c: Number, mut items: Vec<(Id, Id)>) -> Vec<Piece> {
        items.sort_by_cached_key(|(base, exponent)| order::of_factor(self.terms, *base, *exponent, self.inputs));
        // A sum alone needs no brackets here.
        if let [(base, ONE)] = *items
            && c == Number::ONE
        {
            return vec![Piece::Term(base, Place::Free)];
        }
        let mut pieces = vec![];
        if c != Number::ONE || items.is_empty() {
            pieces.extend(self.number(c));
        }
        let latex = self.style == Style::Latex;
        let mut after_number = !pieces.is_empty();
        for (base, exponent) in items {
            if !pieces.is_empty() {
                let is_number = matches!(self.terms.get(base), Term::Number(_));
                let is_root = self.root(exponent).is_some();
                let is_call =
                    matches!(self.terms.get(base), Term::Call(op, _) if *op != Op::Abs && *op != Op::Floor && *op != Op::Ceil);
                pieces.push(text(match (latex, after_number) {
                    (true, _) if is_number && !is_root => r" \cdot ",
                    (true, _) => " ",
                    (false, true) if is_number && !is_root => "·",
                    (false, true) if is_call && !is_root && !self.names.contains_key(&base) => " ",
                    (false, true) => "",
                    (false, false) => "·",
                }));
            }
            after_number = *self.terms.get(base) == Term::Pi && exponent == ONE;
            pieces.extend(self.factor(base, exponent));
        }
        pieces
    }

    /// Which root an exponent stands for.
    fn root(&self, exponent: Id) -> Option<i64> {
        match self.terms.value(exponent) {
            Some(Number::Ratio(1, q @ 2..=3)) => Some(q),
            _ => None,
        }
    }

    fn factor(&mut self, base: Id, exponent: Id) -> Vec<Piece> {
        if exponent == ONE {
            return vec![Piece::Term(base, Place::Factor)];
        }
        let latex = self.style == Style::Latex;
        match self.root(exponent) {
            Some(root) if latex => {
                let sign = if root == 2 { r"\sqrt{" } else { r"\sqrt[3]{" };
                return vec![text(sign), Piece::Term(base, Place::Free), text("}")];
            }
            Some(root) => {
                let closed = !self.is_word(base);
                let mut pieces = vec![text(if root == 2 { "√" } else { "∛" })];
                pieces.extend(bracketed(vec![Piece::Term(base, Place::Free)], closed));
                return pieces;
            }
            None => {}
        }
        let raise = [Piece::Raise, Piece::Term(exponent, Place::Free), Piece::Raised];
        // sin² x
        if let Term::Call(op, args) = self.terms.get(base).clone()
            && let Some(2..) = self.terms.value(exponent).and_then(Number::whole)
            && name(op).open
            && !self.names.contains_key(&base)
        {
            let mut pieces = vec![text(name(op).text(self.style))];
            pieces.extend(raise);
            pieces.extend(self.argument(args[0]));
            return pieces;
        }
        let mut pieces = vec![Piece::Term(base, Place::Base)];
        pieces.extend(raise);
        pieces
    }

    /// Whether an expression is one word, which needs no brackets anywhere.
    fn is_word(&self, id: Id) -> bool {
        let is_word = match self.terms.get(id) {
            Term::Number(n) => n.whole().is_some_and(|n| n >= 0),
            Term::Pi | Term::E | Term::Input(_) => true,
            Term::Call(Op::Abs | Op::Floor | Op::Ceil, _) => true,
            _ => false,
        };
        is_word || self.names.contains_key(&id)
    }

    /// The argument of a function that needs no brackets of its own.
    fn argument(&self, id: Id) -> Vec<Piece> {
        match self.is_word(id) {
            true => vec![text(" "), Piece::Term(id, Place::Free)],
            false => vec![Piece::Open, Piece::Term(id, Place::Free), Piece::Close],
        }
    }

    fn call(&mut self, op: Op, args: &[Id], place: Place) -> Vec<Piece> {
        let latex = self.style == Style::Latex;
        if let Some(sign) = sign(op, self.style) {
            let pieces = vec![Piece::Term(args[0], Place::Condition), text(sign), Piece::Term(args[1], Place::Condition)];
            return bracketed(pieces, place >= Place::Condition && matches!(op, Op::And | Op::Or));
        }
        let between = |left: &'static str, right: &'static str| vec![text(left), Piece::Term(args[0], Place::Free), text(right)];
        match op {
            Op::Abs if latex => return between(r"\left|", r"\right|"),
            Op::Abs => return between("|", "|"),
            Op::Floor if latex => return between(r"\lfloor ", r" \rfloor"),
            Op::Floor => return between("⌊", "⌋"),
            Op::Ceil if latex => return between(r"\lceil ", r" \rceil"),
            Op::Ceil => return between("⌈", "⌉"),
            Op::Not if latex => return between(r"\text{not } \left(", r"\right)"),
            Op::Not => return between("not (", ")"),
            Op::Select if latex => {
                let term = |k: usize| Piece::Term(args[k], Place::Free);
                let pieces = vec![
                    text(r"\begin{cases} "),
                    term(1),
                    text(r" & \text{if } "),
                    term(0),
                    text(r" \\ "),
                    term(2),
                    text(r" & \text{otherwise} \end{cases}"),
                ];
                return bracketed(pieces, place == Place::Base);
            }
            _ => {}
        }
        let mut pieces = match op {
            Op::Select => vec![text("if")],
            Op::Polygamma(n) if latex => vec![text(format!(r"\psi^{{({n})}}"))],
            Op::Polygamma(n) => vec![text(letter("ψ", Some(n as usize), Style::Plain))],
            op => vec![text(name(op).text(self.style))],
        };
        if let [x] = *args
            && name(op).open
        {
            pieces.extend(self.argument(x));
            return bracketed(pieces, place == Place::Base);
        }
        pieces.push(Piece::Open);
        for (k, &id) in args.iter().enumerate() {
            if k > 0 {
                pieces.push(text(", "));
            }
            pieces.push(Piece::Term(id, Place::Free));
        }
        pieces.push(Piece::Close);
        bracketed(pieces, place == Place::Base && op != Op::Select && name(op).text(self.style).contains(' '))
    }
}

/// A short exponent with letters of its own, or without brackets if it is one word.
fn simplified_exponent(out: &mut String, start: usize) {
    if out.len() - start > SHORT {
        return;
    }
    let exponent = out[start..].trim_start_matches("^(").trim_end_matches(')').to_owned();
    let is_whole = out[start..].len() == exponent.len() + "^()".len();
    if let Some(up) = raised(&exponent) {
        out.truncate(start);
        out.push_str(&up);
    } else if is_whole && exponent.chars().all(is_level) {
        out.truncate(start);
        out.extend(["^", &exponent]);
    }
}

fn bracketed(mut pieces: Vec<Piece>, needed: bool) -> Vec<Piece> {
    if needed {
        pieces.insert(0, Piece::Open);
        pieces.push(Piece::Close);
    }
    pieces
}

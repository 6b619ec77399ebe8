//! The words of a formula. In: a text. Out: numbers, names and symbols with where they stand, and errors that show the place.

use crate::base::Width;
use crate::error::{Error, Kind as ErrorKind, Result};

/// So many bytes a formula may have.
const LONGEST: usize = 1 << 24;
/// So many characters of a line an error shows.
const SHOWN: usize = 72;

/// A word of a formula.
#[derive(Copy, Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    Number(f64),
    Name(&'t str),
    /// A name in quotes, which is never a word of the language.
    Quoted(&'t str),
    Symbol(&'static str),
    End,
}

/// Symbols, longer ones first, with what they mean.
const SYMBOLS: &[(&str, &str)] = &[
    ("<=", "<="),
    (">=", ">="),
    ("==", "=="),
    ("!=", "!="),
    ("&&", "and"),
    ("||", "or"),
    ("<", "<"),
    (">", ">"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("=", "="),
    ("!", "not"),
    ("+", "+"),
    ("-", "-"),
    ("−", "-"),
    ("*", "*"),
    ("·", "*"),
    ("×", "*"),
    ("/", "/"),
    ("%", "%"),
    ("^", "^"),
    ("(", "("),
    (")", ")"),
    ("[", "["),
    ("]", "]"),
    (",", ","),
    (";", ";"),
];

/// A text that is read word by word.
pub(super) struct Tokens<'t> {
    text: &'t str,
    width: Width,
    /// The word that comes next, where it stands, and where it ends.
    next: (Token<'t>, usize, usize),
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str, width: Width) -> Result<Tokens<'t>> {
        if text.len() > LONGEST {
            return Err(Error::new(ErrorKind::Limit, format!("the formula has more than {LONGEST} bytes")));
        }
        let mut tokens = Tokens { text, width, next: (Token::End, 0, 0) };
        tokens.next = tokens.read(0)?;
        Ok(tokens)
    }

    /// The word that comes next.
    pub(super) fn peek(&self) -> Token<'t> {
        self.next.0
    }

    /// Where it stands.
    pub(super) fn at(&self) -> usize {
        self.next.1
    }

    /// The whole number that comes next, where it is written as one.
    pub(super) fn whole(&self) -> Option<i64> {
        let (_, start, end) = self.next;
        self.text[start..end].parse::<u32>().ok().map(i64::from)
    }

    /// Goes on, and gives the word that it passes with where it stands.
    pub(super) fn advance(&mut self) -> Result<(Token<'t>, usize)> {
        let (token, at, end) = self.next;
        self.next = self.read(end)?;
        Ok((token, at))
    }

    /// Passes a symbol, if it comes next.
    pub(super) fn eat(&mut self, symbol: &str) -> Result<bool> {
        let found = self.peek() == Token::Symbol(keyword(symbol));
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    /// A copy that reads ahead.
    pub(super) fn ahead(&self) -> Tokens<'t> {
        Tokens { ..*self }
    }

    fn read(&self, from: usize) -> Result<(Token<'t>, usize, usize)> {
        let rest = self.text[from..].trim_start();
        let at = self.text.len() - rest.len();
        let Some(first) = rest.chars().next() else { return Ok((Token::End, at, at)) };
        if first.is_ascii_digit() || first == '.' {
            let (number, len) = self.number(rest, at)?;
            return Ok((Token::Number(number), at, at + len));
        }
        if first.is_alphabetic() || first == '_' {
            let len = name_len(rest);
            return Ok((word(&rest[..len]), at, at + len));
        }
        if first == '"' {
            return match rest[1..].split_once('"') {
                Some((name, _)) if !name.is_empty() => Ok((Token::Quoted(name), at, at + name.len() + 2)),
                Some(_) => Err(self.error(at, "there is no name between the quotes")),
                None => Err(self.error(at, "this quote is never closed")),
            };
        }
        if rest.starts_with("**") {
            return Err(self.error(at, "a power is written with `^`"));
        }
        match SYMBOLS.iter().find(|(text, _)| rest.starts_with(text)) {
            Some((text, meaning)) => Ok((Token::Symbol(meaning), at, at + text.len())),
            None => Err(self.error(at, format!("`{}` means nothing in a formula", first.escape_debug()))),
        }
    }

    /// A number in front of a text, and its length.
    fn number(&self, rest: &str, at: usize) -> Result<(f64, usize)> {
        let digits = |from: usize| from + rest[from..].bytes().take_while(u8::is_ascii_digit).count();
        let mut end = digits(0);
        if rest[end..].starts_with('.') {
            end = digits(end + 1);
        }
        let mantissa = &rest[..end];
        if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
            let sign = exponent.starts_with(['+', '-']) as usize;
            let from = end + 1 + sign;
            if digits(from) > from {
                end = digits(from);
            }
        }
        let word = &rest[..end];
        let end_of_name = end + name_len(&rest[end..]);
        if end_of_name > end {
            let (all, name) = (&rest[..end_of_name], &rest[end..end_of_name]);
            let message = match name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
                true => format!("`{}` is no number; a product is written `{word}*{}`", cut(all), cut(name)),
                false => format!("`{}` is no number", cut(all)),
            };
            return Err(self.error(at, message));
        }
        // Straight to the width: over f64 it would be rounded twice.
        let parsed = match self.width {
            Width::F64 => word.parse::<f64>().ok(),
            Width::F32 => word.parse::<f32>().ok().map(f64::from),
        };
        let Some(v) = parsed else { return Err(self.error(at, format!("`{}` is no number", cut(word)))) };
        if v.is_infinite() {
            let message = format!("`{}` is out of range for {}; infinity is written `inf`", cut(word), self.width);
            return Err(self.error(at, message));
        }
        if v == 0.0 && mantissa.bytes().any(|c| (b'1'..=b'9').contains(&c)) {
            return Err(self.error(at, format!("`{}` is out of range for {}: it would be 0", cut(word), self.width)));
        }
        Ok((v, end))
    }

    /// An error of the text at a place, with its line and a caret.
    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> Error {
        self.refused(ErrorKind::Parse, at, message)
    }

    /// The same of any kind.
    pub(super) fn refused(&self, kind: ErrorKind, at: usize, message: impl Into<String>) -> Error {
        let before = &self.text[..at];
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let column = self.text[start..at].chars().count() + 1;
        let end = self.text[start..].find('\n').map_or(self.text.len(), |len| start + len);
        let (shown, caret) = window(&self.text[start..end], column);
        let message = format!("{}\n  {shown}\n  {}^", message.into(), " ".repeat(caret));
        Error::new(kind, message).in_text(line, column)
    }
}

/// The part of a line around a column, and how many characters stand before it there.
fn window(line: &str, column: usize) -> (String, usize) {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let before = column - 1;
    let skipped = if before > SHOWN * 2 / 3 { before - SHOWN / 2 } else { 0 };
    let mut rest = line.chars().map(plain).skip(skipped);
    let mut shown: String = rest.by_ref().take(SHOWN).collect();
    if rest.next().is_some() {
        shown.push('…');
    }
    match skipped {
        0 => (shown.trim_end().to_owned(), before),
        _ => (format!("…{}", shown.trim_end()), before - skipped + 1),
    }
}

/// How many bytes of a text could go on a name.
fn name_len(text: &str) -> usize {
    text.find(|c: char| !(c.is_alphanumeric() || "_'.".contains(c))).unwrap_or(text.len())
}

/// A word of letters: a name, or a symbol that is written as one.
fn word(text: &str) -> Token<'_> {
    match text {
        "and" | "or" | "not" => Token::Symbol(keyword(text)),
        name => Token::Name(name),
    }
}

fn keyword(symbol: &str) -> &'static str {
    SYMBOLS.iter().find(|(_, meaning)| *meaning == symbol).map_or("", |(_, meaning)| meaning)
}

/// A long word's beginning.
pub(super) fn cut(word: &str) -> String {
    crate::error::short(word)
}

impl std::fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Token::Number(v) => write!(f, "the number {v:?}"),
            Token::Name(name) | Token::Quoted(name) => write!(f, "`{}`", cut(name)),
            Token::Symbol(symbol) => write!(f, "`{symbol}`"),
            Token::End => f.write_str("the end"),
        }
    }
}

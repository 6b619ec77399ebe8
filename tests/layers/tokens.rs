//! Rust source as tokens. In: text. Out: names, signs and brackets with their lines; comments are dropped, and what literals say.

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or identifier.
    Name,
    /// An identifier that may look like a keyword, as `r#use`, without `r#`.
    Raw,
    Sign,
    Open,
    Close,
    /// A number, string, character or lifetime.
    Other,
}

#[derive(Copy, Clone, Debug)]
pub struct Token<'s> {
    pub kind: Kind,
    pub text: &'s str,
    pub line: usize,
}

/// Signs of several characters that a reader of paths must not take apart.
const SIGNS: [&str; 6] = ["...", "..=", "..", "::", "->", "=>"];

pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut reader = Reader { text, at: 0, line: 1 };
    std::iter::from_fn(|| reader.token()).collect()
}

struct Reader<'s> {
    text: &'s str,
    at: usize,
    line: usize,
}

impl<'s> Reader<'s> {
    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.rest().chars().nth(ahead)
    }

    /// Moves on, counts lines, and gives what was passed.
    fn skip(&mut self, bytes: usize) -> &'s str {
        let passed = &self.rest()[..bytes];
        self.line += passed.matches('\n').count();
        self.at += bytes;
        passed
    }

    fn token(&mut self) -> Option<Token<'s>> {
        self.blank();
        let (line, first) = (self.line, self.peek(0)?);
        let (kind, length) = match first {
            '(' | '[' | '{' => (Kind::Open, 1),
            ')' | ']' | '}' => (Kind::Close, 1),
            '"' => (Kind::Other, string(self.rest())),
            '\'' => (Kind::Other, self.quoted()),
            '0'..='9' => (Kind::Other, number(self.rest())),
            c if begins_name(c) => match prefixed(self.rest()) {
                Some(length) => (Kind::Other, length),
                None if self.rest().starts_with("r#") => {
                    self.skip(2);
                    (Kind::Raw, name(self.rest()))
                }
                None => (Kind::Name, name(self.rest())),
            },
            c => {
                let sign = SIGNS.iter().find(|sign| self.rest().starts_with(**sign));
                (Kind::Sign, sign.map_or(c.len_utf8(), |sign| sign.len()))
            }
        };
        Some(Token { kind, text: self.skip(length), line })
    }

    /// Passes white space and comments.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            let length = match () {
                () if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
                () if rest.starts_with("/*") => comment(rest),
                () => rest.len() - rest.trim_start().len(),
            };
            if length == 0 {
                return;
            }
            self.skip(length);
        }
    }

    /// The length of a character or of a lifetime.
    fn quoted(&self) -> usize {
        match (self.peek(1), self.peek(2)) {
            (Some('\\'), _) => {
                // What is escaped may be a quote itself.
                let escaped = 2 + self.rest()[2..].chars().next().map_or(0, char::len_utf8);
                escaped + self.rest()[escaped..].find('\'').map_or(0, |end| end + 1)
            }
            (Some(c), Some('\'')) => 2 + c.len_utf8(),
            (Some(c), _) if begins_name(c) => 1 + name(&self.rest()[1..]),
            _ => 1,
        }
    }
}

fn begins_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn name(text: &str) -> usize {
    text.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(text.len())
}

/// The length of a block comment; comments nest.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a string with escapes, which begins with its quote.
fn string(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// The length of a literal that begins with letters, as `b"…"`, `br#"…"#` or `b'…'`.
fn prefixed(text: &str) -> Option<usize> {
    let letters = name(text);
    let after = &text[letters..];
    match &text[..letters] {
        "b" | "c" if after.starts_with('"') => Some(letters + string(after)),
        "b" if after.starts_with('\'') => {
            let body = if after[1..].starts_with('\\') { 3 } else { 2 };
            Some(letters + body + after[body..].find('\'')? + 1)
        }
        "r" | "br" | "cr" => {
            let hashes = after.find(|c| c != '#')?;
            let body = after[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", &after[..hashes]);
            Some(letters + hashes + 1 + body.find(&end)? + end.len())
        }
        _ => None,
    }
}

/// The length of a number: `1.5e-3_f64`, but only `1` of `1..2` and of `1.max(2)`.
fn number(text: &str) -> usize {
    let mut at = name(text);
    let after = &text[at..];
    if after.starts_with('.') && after[1..].starts_with(|c: char| c.is_ascii_digit()) {
        at += 1 + name(&after[1..]);
    }
    let exponent = !text.starts_with("0x") && text[..at].ends_with(['e', 'E']);
    if exponent && text[at..].starts_with(['+', '-']) {
        at += 1 + name(&text[at + 1..]);
    }
    at
}

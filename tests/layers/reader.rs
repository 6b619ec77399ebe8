//! Reads one source file. In: text. Out: a [`Source`].
//!
//! Test code (`#[cfg(test)]`) is passed over. The bodies of macros are read like the code around them.

use crate::arguments;
use crate::source::{Call, Child, Impl, Method, Path, Scope, Source, Use};
use crate::tokens::{Kind, Token, tokens};

pub fn read(text: &str) -> Source {
    let tokens = tokens(text);
    let source = Source { scopes: vec![Scope::default()], ..Source::default() };
    let mut reader = Reader { tokens: &tokens, at: 0, source, path: None };
    while reader.at < tokens.len() {
        reader.group(0, Within::Module);
        reader.at += 1; // a bracket that closes nothing
    }
    reader.source
}

/// What a pair of brackets is the inside of.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Within {
    /// Items, of a module or of a macro that makes them.
    Module,
    /// The methods of a type, by the number in [`Source::impls`].
    Impl(usize),
    Code,
}

const ITEMS: [&str; 9] = ["fn", "struct", "enum", "union", "trait", "type", "const", "static", "impl"];
/// Items that end with a semicolon, whatever is in braces before it.
const TO_SEMICOLON: [&str; 5] = ["use", "type", "const", "static", "let"];
const KEYWORDS: [&str; 6] = ["pub", "unsafe", "async", "extern", "mod", "macro_rules"];

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    source: Source,
    /// What an attribute says of the next module's file.
    path: Option<String>,
}

/// The item that is being read.
#[derive(Default)]
struct Item {
    begun: bool,
    to_semicolon: bool,
    implements: Option<usize>,
}

impl<'t> Reader<'t> {
    fn text(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |token| token.text)
    }

    fn is_name(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| matches!(token.kind, Kind::Name | Kind::Raw))
    }

    /// The bracket that closes the one at some place.
    fn close(&self, open: usize) -> usize {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.tokens.len()
    }

    /// Reads up to the bracket that closes this group.
    fn group(&mut self, scope: usize, within: Within) {
        let (mut item, first) = (Item::default(), self.at);
        while let Some(&token) = self.tokens.get(self.at) {
            let previous = if self.at > first { self.text(self.at - 1) } else { "" };
            match (token.kind, token.text) {
                (Kind::Close, _) => return,
                (Kind::Open, "(") if previous == "pub" && self.is_visibility(self.at) => self.at = self.close(self.at) + 1,
                (Kind::Open, open) => {
                    let inside = match (&item, open) {
                        (Item { implements: Some(k), .. }, "{") => Within::Impl(*k),
                        (Item { begun: false, .. }, "{") => within,
                        // `$( … )`, and a macro called among items.
                        (_, "(") if previous == "$" || (!item.begun && previous == "!") => within,
                        _ => Within::Code,
                    };
                    self.at += 1;
                    self.group(scope, inside);
                    self.at += 1;
                    if open == "{" && !item.to_semicolon {
                        item = Item::default();
                    }
                }
                (Kind::Sign, "#") => {
                    if self.attribute(scope, within) {
                        return;
                    }
                }
                (Kind::Sign, ";") => {
                    item = Item::default();
                    self.at += 1;
                }
                (Kind::Sign, "." | "$" | "::") => self.follow(scope, token.text),
                (Kind::Raw, _) => self.path(scope),
                (Kind::Name, word) => {
                    if !self.keyword(scope, within, word, &mut item) {
                        self.path(scope);
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// What follows a dot, a dollar sign, or a double colon without a name before it: no path of its own, but for `$crate`.
    fn follow(&mut self, scope: usize, sign: &str) {
        self.at += 1;
        if !self.is_name(self.at) {
            return;
        }
        if sign == "$" && self.text(self.at) == "crate" {
            return self.path(scope);
        }
        let (name, line) = (self.text(self.at), self.tokens[self.at].line);
        self.at += 1;
        if sign == "." {
            if matches!(self.text(self.at), "(" | "::") {
                let arguments = arguments::given(&self.tokens[self.at..]);
                self.source.calls.push(Call { name: name.to_string(), line, arguments });
            }
            return;
        }
        while self.text(self.at) == "::" && self.is_name(self.at + 1) {
            self.at += 2;
        }
    }

    /// Reads a path; one name alone is noted as such.
    fn path(&mut self, scope: usize) {
        let line = self.tokens[self.at].line;
        let mut segments = vec![self.text(self.at).to_string()];
        self.at += 1;
        while self.text(self.at) == "::" && self.is_name(self.at + 1) {
            segments.push(self.text(self.at + 1).to_string());
            self.at += 2;
        }
        let scope = &mut self.source.scopes[scope];
        match segments.len() {
            1 => drop(scope.names.insert(segments.remove(0))),
            _ => scope.paths.push(Path { segments, line }),
        }
    }

    /// Reads a word that begins an item, or is none of a path; says whether it did.
    fn keyword(&mut self, scope: usize, within: Within, word: &str, item: &mut Item) -> bool {
        let next = self.text(self.at + 1);
        match word {
            "use" if next != "<" => {
                let public = self.before_use() == "pub";
                self.at += 1;
                self.imports(scope, Vec::new(), public);
            }
            "mod" if !item.begun && self.is_name(self.at + 1) => self.module(scope, within, false),
            "macro_rules" if next == "!" && self.is_name(self.at + 2) => {
                let name = self.text(self.at + 2).to_string();
                if within == Within::Module {
                    self.source.scopes[scope].items.insert(name);
                }
                self.at += 3;
            }
            "unsafe" => {
                self.source.unsafes.push(self.tokens[self.at].line);
                self.at += 1;
            }
            _ if ITEMS.contains(&word) && !item.begun && !self.modifies(word) => {
                self.declare(scope, within, word, item);
                self.at += 1;
            }
            _ if !item.begun && within == Within::Module && next == "!" => {
                self.source.scopes[scope].hidden = true;
                self.source.scopes[scope].works = true;
                return false;
            }
            "crate" | "super" | "self" | "Self" if next != "::" => self.at += 1,
            _ => return false,
        }
        true
    }

    /// `const` before another keyword or a block, `union` as a name.
    fn modifies(&self, word: &str) -> bool {
        let next = self.text(self.at + 1);
        match word {
            "const" => matches!(next, "fn" | "unsafe" | "async" | "extern" | "{"),
            "union" => !self.is_name(self.at + 1),
            _ => false,
        }
    }

    /// The word before `use`, visibility in brackets aside.
    fn before_use(&self) -> &'t str {
        let mut at = self.at;
        if at > 0 && self.text(at - 1) == ")" {
            at = (0..at).rev().find(|&at| self.text(at) == "(").unwrap_or(0);
        }
        if at > 0 { self.text(at - 1) } else { "" }
    }

    fn declare(&mut self, scope: usize, within: Within, word: &str, item: &mut Item) {
        *item = Item { begun: true, to_semicolon: TO_SEMICOLON.contains(&word), implements: None };
        if word == "impl" {
            self.source.scopes[scope].works |= within == Within::Module;
            if let Some(of) = self.implemented() {
                item.implements = Some(self.source.impls.len());
                self.source.impls.push(Impl { scope, of, methods: Vec::new() });
            }
            return;
        }
        let at = if self.text(self.at + 1) == "mut" { self.at + 2 } else { self.at + 1 };
        let name = self.text(at).to_string();
        if name == "$" {
            self.source.scopes[scope].hidden |= within == Within::Module;
        } else if self.is_name(at) {
            let takes = if word == "fn" { self.takes_beside_self(at) } else { None };
            if takes.is_some() {
                self.source.methods.insert(name.clone());
            }
            match within {
                Within::Module => drop(self.source.scopes[scope].items.insert(name)),
                Within::Impl(k) if word == "fn" => self.source.impls[k].methods.push(Method { name, takes }),
                _ => {}
            }
        }
    }

    /// How many arguments the function of a name takes beside `self`; none if it is not called with a dot.
    fn takes_beside_self(&self, name: usize) -> Option<usize> {
        let mut depth = 0;
        let open = (name + 1..self.tokens.len()).find(|&at| {
            match self.text(at) {
                "<" => depth += 1,
                ">" => depth -= 1,
                _ => {}
            }
            depth == 0 && self.text(at) == "("
        });
        arguments::beside_self(&self.tokens[open?..])
    }

    /// The type of the `impl` at hand if it implements no trait.
    fn implemented(&self) -> Option<Path> {
        let mut at = self.at + 1;
        let mut depth = 0;
        let mut path: Option<Path> = None;
        while at < self.tokens.len() && self.text(at) != "{" && self.text(at) != "where" {
            match self.text(at) {
                "<" => depth += 1,
                ">" => depth -= 1,
                "for" if depth == 0 => return None,
                "$" if depth == 0 && self.text(at + 1) != "crate" => return None,
                "(" | "[" => at = self.close(at),
                _ if depth == 0 && self.is_name(at) => {
                    let next = (self.text(at).to_string(), self.tokens[at].line);
                    path.get_or_insert_with(|| Path { segments: Vec::new(), line: next.1 }).segments.push(next.0);
                }
                _ => {}
            }
            at += 1;
        }
        path
    }

    /// Reads `mod name;` or `mod name { … }`, and passes over it if it is a test.
    fn module(&mut self, scope: usize, within: Within, test: bool) {
        let name = self.text(self.at + 1).to_string();
        self.at += 2;
        let inline = self.text(self.at) == "{";
        let inner = (inline && !test).then_some(self.source.scopes.len());
        let path = self.path.take();
        self.source.scopes[scope].children.push(Child { name, scope: inner, path, test });
        if let Some(inner) = inner {
            self.source.scopes.push(Scope::default());
            self.at += 1;
            self.group(inner, if within == Within::Code { Within::Code } else { Within::Module });
        } else if inline {
            self.at = self.close(self.at);
        }
        self.at += 1;
    }

    /// Reads an attribute, and passes over what is test code. Says whether the rest of the group is.
    fn attribute(&mut self, scope: usize, within: Within) -> bool {
        let line = self.tokens[self.at].line;
        let inner = self.text(self.at + 1) == "!";
        let open = self.at + if inner { 2 } else { 1 };
        if self.text(open) != "[" {
            self.at += 1;
            return false;
        }
        let end = self.close(open);
        let words = &self.tokens[open + 1..end.min(self.tokens.len())];
        let test =
            words.first().is_some_and(|word| word.text == "cfg") && words.len() > 2 && needs_test(&words[2..words.len() - 1]);
        let grants = |word: &Token<'_>| matches!(word.text, "allow" | "expect" | "warn");
        if words.iter().any(grants) && words.iter().any(|word| word.text == "unsafe_code") && !test {
            self.source.allows.push((if inner { None } else { self.declared_module(end + 1) }, line));
        }
        if let [Token { text: "path", .. }, Token { text: "=", .. }, path] = words {
            self.path = Some(path.text.trim_matches('"').to_string());
        }
        if words.first().is_some_and(|word| word.text == "unsafe") {
            self.source.unsafes.push(line);
        }
        self.at = open + 1;
        if !test {
            self.group(scope, Within::Code);
            self.at += 1;
        } else if inner {
            self.source.test |= scope == 0 && within == Within::Module;
            self.at = end + 1;
            self.rest();
            return true;
        } else {
            self.at = end + 1;
            self.pass_item(scope, within);
        }
        false
    }

    /// Moves to the end of the group.
    fn rest(&mut self) {
        while let Some(token) = self.tokens.get(self.at) {
            match token.kind {
                Kind::Close => return,
                Kind::Open => self.at = self.close(self.at) + 1,
                _ => self.at += 1,
            }
        }
    }

    /// Whether brackets after `pub` belong to it, and are no tuple.
    fn is_visibility(&self, open: usize) -> bool {
        self.text(open + 1) == "in" || self.close(open) == open + 2
    }

    /// Past attributes and visibility.
    fn past_visibility(&self, mut at: usize) -> usize {
        loop {
            match (self.text(at), self.text(at + 1)) {
                ("#", "[") => at = self.close(at + 1) + 1,
                ("pub", "(") if self.is_visibility(at + 1) => at = self.close(at + 1) + 1,
                ("pub", _) => at += 1,
                _ => return at,
            }
        }
    }

    /// The module that is declared here, if one is.
    fn declared_module(&self, at: usize) -> Option<String> {
        let at = self.past_visibility(at);
        (self.text(at) == "mod").then(|| self.text(at + 1).to_string())
    }

    /// Passes over an item, statement, field or arm.
    fn pass_item(&mut self, scope: usize, within: Within) {
        self.at = self.past_visibility(self.at);
        let word = self.text(self.at);
        if word == "mod" {
            return self.module(scope, within, true);
        }
        let is_item = ITEMS.contains(&word) || KEYWORDS.contains(&word) || TO_SEMICOLON.contains(&word);
        let to_semicolon = TO_SEMICOLON.contains(&word) && !self.modifies(word);
        while let Some(token) = self.tokens.get(self.at) {
            match (token.kind, token.text) {
                (Kind::Close, _) => return,
                (Kind::Open, open) => {
                    self.at = self.close(self.at);
                    if open == "{" && !to_semicolon && (is_item || self.text(self.at + 1) != ",") {
                        self.at += 1;
                        return;
                    }
                }
                (_, ";") => {
                    self.at += 1;
                    return;
                }
                (_, ",") if !is_item => return,
                _ => {}
            }
            self.at += 1;
        }
    }

    /// Reads a tree of imports, up to and with its comma or semicolon, or up to the brace that closes it.
    fn imports(&mut self, scope: usize, mut segments: Vec<String>, public: bool) {
        let outside = self.text(self.at) == "::" && segments.is_empty();
        let mut line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let (mut alias, mut glob, mut known) = (None, false, !outside);
        while let Some(token) = self.tokens.get(self.at) {
            match (token.kind, token.text) {
                (Kind::Open, "{") => {
                    let end = self.close(self.at);
                    self.at += 1;
                    while self.at < end {
                        self.imports(scope, segments.clone(), public);
                    }
                    known = false;
                }
                (Kind::Close, _) => break,
                (_, "," | ";") => {
                    self.at += 1;
                    break;
                }
                (_, "*") => glob = true,
                (_, "$") if self.text(self.at + 1) != "crate" => known = false,
                (Kind::Name, "as") => {
                    self.at += 1;
                    alias = Some(self.text(self.at).to_string());
                }
                (Kind::Name, name) => {
                    line = token.line;
                    // `a::{self}` is `a`.
                    if name != "self" || segments.is_empty() {
                        segments.push(name.to_string());
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
        if known && !segments.is_empty() {
            let alias = if glob { None } else { alias.or_else(|| segments.last().cloned()).filter(|name| name != "_") };
            self.source.scopes[scope].uses.push(Use { path: Path { segments, line }, alias, glob, public });
        }
    }
}

/// Whether a configuration can hold in tests only.
fn needs_test(words: &[Token<'_>]) -> bool {
    let (Some(first), rest) = (words.first(), words.get(2..words.len().saturating_sub(1)).unwrap_or(&[])) else { return false };
    let mut depth = 0;
    let parts = || {
        rest.split(move |word| {
            match word.kind {
                Kind::Open => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            depth == 0 && word.text == ","
        })
    };
    match first.text {
        "test" => words.len() == 1,
        "all" => parts().any(needs_test),
        "any" => parts().filter(|part| !part.is_empty()).all(needs_test),
        _ => false,
    }
}

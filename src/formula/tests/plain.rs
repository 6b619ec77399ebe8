//! A reader of what `to_pretty` writes, as a person reads it: brackets, and what binds how tightly.

use super::super::letters::RAISED;

pub(super) struct Plain<'x> {
    text: Vec<char>,
    at: usize,
    /// The values of a, b, c.
    x: &'x [f64],
    /// Whether the next bar closes.
    in_bars: bool,
}

/// The value of a text that has no more than one result.
pub(super) fn value(text: &str, x: &[f64]) -> f64 {
    let mut plain = Plain { text: text.chars().collect(), at: 0, x, in_bars: false };
    let v = plain.sum();
    assert_eq!(plain.at, plain.text.len(), "{text}: read up to `{}`", plain.text[..plain.at].iter().collect::<String>());
    v
}

impl Plain<'_> {
    fn peek(&self) -> char {
        self.text.get(self.at).copied().unwrap_or('\0')
    }

    fn eat(&mut self, word: &str) -> bool {
        let word: Vec<char> = word.chars().collect();
        let found = self.text[self.at..].starts_with(&word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn expect(&mut self, word: &str) {
        let text: String = self.text.iter().collect();
        assert!(self.eat(word), "`{word}` is expected at {} of {text}", self.at);
    }

    fn run(&mut self, of: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while of(self.peek()) {
            self.at += 1;
        }
        self.text[start..self.at].iter().collect()
    }

    fn sum(&mut self) -> f64 {
        let mut v = if self.eat("−") { -self.product() } else { self.product() };
        loop {
            match () {
                () if self.eat(" + ") => v += self.product(),
                () if self.eat(" − ") => v -= self.product(),
                () => return v,
            }
        }
    }

    fn product(&mut self) -> f64 {
        let mut v = self.factor();
        loop {
            let next = self.text.get(self.at + 1).copied().unwrap_or('\0');
            let is_name = |c: char| c.is_ascii_alphabetic() || "σΦψπ√∛".contains(c);
            match self.peek() {
                '·' => {
                    self.at += 1;
                    v *= self.factor();
                }
                '/' => {
                    self.at += 1;
                    v /= self.factor();
                }
                ' ' if is_name(next) && !self.text[self.at..].starts_with(&[' ', 'a', 'n', 'd']) && next != 'o' => {
                    self.at += 1;
                    v *= self.factor();
                }
                c if is_name(c) || c == '(' || c == '|' && !self.in_bars => v *= self.factor(),
                _ => return v,
            }
        }
    }

    fn factor(&mut self) -> f64 {
        let base = self.atom();
        self.exponent().map_or(base, |exponent| power(base, exponent))
    }

    fn exponent(&mut self) -> Option<f64> {
        let raised = self.run(|c| RAISED.iter().any(|(_, up)| *up == c));
        if !raised.is_empty() {
            let plain = |c: char| RAISED.iter().find(|(_, up)| *up == c).map(|(plain, _)| *plain).unwrap();
            let spaced: String =
                raised.chars().map(plain).map(|c| if "+−".contains(c) { format!(" {c} ") } else { c.to_string() }).collect();
            return Some(value(spaced.trim_start().replacen("− ", "−", usize::from(raised.starts_with('⁻'))).as_str(), self.x));
        }
        if self.eat("^(") {
            let v = self.sum();
            self.expect(")");
            return Some(v);
        }
        self.eat("^").then(|| self.atom())
    }

    fn atom(&mut self) -> f64 {
        match self.peek() {
            '(' => {
                self.at += 1;
                let around = std::mem::replace(&mut self.in_bars, false);
                let v = self.sum();
                self.expect(")");
                self.in_bars = around;
                v
            }
            '|' => {
                self.at += 1;
                let around = std::mem::replace(&mut self.in_bars, true);
                let v = self.sum();
                self.expect("|");
                self.in_bars = around;
                v.abs()
            }
            '√' => {
                self.at += 1;
                self.atom().sqrt()
            }
            '∛' => {
                self.at += 1;
                self.atom().cbrt()
            }
            'π' => {
                self.at += 1;
                std::f64::consts::PI
            }
            c if c.is_ascii_digit() => self.run(|c| c.is_ascii_digit() || c == '.').parse().unwrap(),
            _ => self.name(),
        }
    }

    fn name(&mut self) -> f64 {
        let name = self.run(|c| c.is_ascii_alphabetic() || "σΦψ₂".contains(c));
        // The number in `atan2` is part of the name.
        let name = if name == "atan" && self.eat("2") { "atan2".to_owned() } else { name };
        assert!(!name.is_empty(), "no name at {} of {}", self.at, self.text.iter().collect::<String>());
        match name.as_str() {
            "a" => self.x[0],
            "b" => self.x[1],
            "c" => self.x[2],
            "e" => std::f64::consts::E,
            "if" => {
                self.expect("(");
                let holds = self.condition();
                self.expect(", ");
                let a = self.sum();
                self.expect(", ");
                let b = self.sum();
                self.expect(")");
                if holds { a } else { b }
            }
            _ => {
                let exponent = self.exponent();
                self.eat(" ");
                let closed = self.eat("(");
                let x = if closed { self.sum() } else { self.atom() };
                let y = if closed && self.eat(", ") { self.sum() } else { f64::NAN };
                if closed {
                    self.expect(")");
                }
                let v = function(&name, x, y);
                exponent.map_or(v, |exponent| power(v, exponent))
            }
        }
    }

    fn condition(&mut self) -> bool {
        let mut holds = self.comparison();
        loop {
            match () {
                () if self.eat(" and ") => holds &= self.comparison(),
                () if self.eat(" or ") => holds |= self.comparison(),
                () => return holds,
            }
        }
    }

    fn comparison(&mut self) -> bool {
        let start = self.at;
        if self.eat("(") {
            let mut depth = 1;
            let inner = self.text[self.at..].iter().take_while(|c| {
                depth += i32::from(**c == '(') - i32::from(**c == ')');
                depth > 0
            });
            let text: String = inner.collect();
            if text.contains(" and ") || text.contains(" or ") {
                let holds = self.condition();
                self.expect(")");
                return holds;
            }
            self.at = start;
        }
        let x = self.sum();
        let signs = [" < ", " ≤ ", " > ", " ≥ ", " = ", " ≠ "];
        let sign = signs.into_iter().find(|sign| self.eat(sign)).expect("a comparison");
        let y = self.sum();
        match sign.trim() {
            "<" => x < y,
            "≤" => x <= y,
            ">" => x > y,
            "≥" => x >= y,
            "=" => x == y,
            _ => x != y,
        }
    }
}

fn power(base: f64, exponent: f64) -> f64 {
    base.powf(exponent)
}

fn function(name: &str, x: f64, y: f64) -> f64 {
    use crate::Real;
    match name {
        "sin" => x.sin(),
        "cos" => x.cos(),
        "tan" => x.tan(),
        "tanh" => x.tanh(),
        "cosh" => x.cosh(),
        "sinh" => x.sinh(),
        "arctan" => x.atan(),
        "arcsin" => x.asin(),
        "ln" => x.ln(),
        "log₂" => x.log2(),
        "atan2" => x.atan2(y),
        "erf" => Real::erf(x),
        "sgn" => x.signum(),
        "σ" => Real::sigmoid(x),
        "Φ" => Real::norm_cdf(x),
        "max" => x.max(y),
        other => panic!("no function is named {other}"),
    }
}

//! Names and functions as a person writes them, in plain text and in LaTeX.

use crate::op::Op;
use std::borrow::Cow;

/// In which form a reader gets a formula.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Latex,
}

/// A function by its name in both styles, and whether an argument that is one word follows it without brackets.
pub(super) struct Name {
    plain: &'static str,
    latex: &'static str,
    pub(super) open: bool,
}

impl Name {
    pub(super) fn text(&self, style: Style) -> Cow<'static, str> {
        match style {
            Style::Plain => self.plain.into(),
            // Without one of its own, by its name.
            Style::Latex if self.latex.is_empty() => format!(r"\operatorname{{{}}}", escaped(self.plain)).into(),
            Style::Latex => self.latex.into(),
        }
    }
}

pub(super) fn name(op: Op) -> Name {
    let open = |plain, latex| Name { plain, latex, open: true };
    let closed = |plain, latex| Name { plain, latex, open: false };
    match op {
        Op::Sin => open("sin", r"\sin"),
        Op::Cos => open("cos", r"\cos"),
        Op::Tan => open("tan", r"\tan"),
        Op::Asin => open("arcsin", r"\arcsin"),
        Op::Acos => open("arccos", r"\arccos"),
        Op::Atan => open("arctan", r"\arctan"),
        Op::Sinh => open("sinh", r"\sinh"),
        Op::Cosh => open("cosh", r"\cosh"),
        Op::Tanh => open("tanh", r"\tanh"),
        Op::Ln => open("ln", r"\ln"),
        Op::Log2 => open("log₂", r"\log_{2}"),
        Op::Log10 => open("log₁₀", r"\log_{10}"),
        Op::Asinh => closed("arsinh", ""),
        Op::Acosh => closed("arcosh", ""),
        Op::Atanh => closed("artanh", ""),
        Op::Sigmoid => closed("σ", r"\sigma"),
        Op::Erf => closed("erf", ""),
        Op::Erfc => closed("erfc", ""),
        Op::NormCdf => closed("Φ", r"\Phi"),
        Op::Lgamma => closed("ln Γ", r"\ln \Gamma"),
        Op::Digamma => closed("ψ", r"\psi"),
        Op::Signum => closed("sgn", ""),
        Op::Min => closed("min", r"\min"),
        Op::Max => closed("max", r"\max"),
        Op::Rem => closed("mod", ""),
        Op::Copysign => closed("copysign", ""),
        Op::Clamp => closed("clamp", ""),
        Op::Round => closed("round", ""),
        Op::Trunc => closed("trunc", ""),
        Op::Atan2 => closed("atan2", ""),
        op => closed(op.name(), ""),
    }
}

/// A comparison's sign.
pub(super) fn sign(op: Op, style: Style) -> Option<&'static str> {
    let (plain, latex) = match op {
        Op::Lt => (" < ", " < "),
        Op::Le => (" ≤ ", r" \le "),
        Op::Gt => (" > ", " > "),
        Op::Ge => (" ≥ ", r" \ge "),
        Op::Eq => (" = ", " = "),
        Op::Ne => (" ≠ ", r" \ne "),
        Op::And => (" and ", r" \text{ and } "),
        Op::Or => (" or ", r" \text{ or } "),
        _ => return None,
    };
    Some(if style == Style::Plain { plain } else { latex })
}

const GREEK: &[(&str, char)] = &[
    ("alpha", 'α'),
    ("beta", 'β'),
    ("gamma", 'γ'),
    ("delta", 'δ'),
    ("epsilon", 'ε'),
    ("zeta", 'ζ'),
    ("eta", 'η'),
    ("theta", 'θ'),
    ("kappa", 'κ'),
    ("lambda", 'λ'),
    ("mu", 'μ'),
    ("nu", 'ν'),
    ("xi", 'ξ'),
    ("rho", 'ρ'),
    ("sigma", 'σ'),
    ("tau", 'τ'),
    ("phi", 'φ'),
    ("chi", 'χ'),
    ("psi", 'ψ'),
    ("omega", 'ω'),
    ("Gamma", 'Γ'),
    ("Delta", 'Δ'),
    ("Theta", 'Θ'),
    ("Lambda", 'Λ'),
    ("Sigma", 'Σ'),
    ("Phi", 'Φ'),
    ("Psi", 'Ψ'),
    ("Omega", 'Ω'),
];

/// A name of an input or output: Greek letters, and digits at the end as an index.
pub(super) fn letter(name: &str, place: Option<usize>, style: Style) -> String {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let (stem, mut index) = if stem.is_empty() { (name, "") } else { name.split_at(stem.len()) };
    let mut stem = stem.strip_suffix('_').filter(|stem| !stem.is_empty() && !index.is_empty()).unwrap_or(stem);
    let place = place.map(|k| k.to_string());
    match style {
        Style::Plain => {
            if index.len() > 1 && index.starts_with('0') || stem.contains('_') {
                (stem, index) = (name, "");
            }
            let greek = GREEK.iter().find(|(word, _)| *word == stem);
            let mut text = greek.map_or_else(|| stem.to_owned(), |(_, letter)| letter.to_string());
            text.extend(index.chars().map(lowered));
            match (place, index.is_empty()) {
                (Some(place), true) => text.extend(place.chars().map(lowered)),
                (Some(place), false) => text.push_str(&format!("[{place}]")),
                _ => {}
            }
            text
        }
        Style::Latex => {
            let parts: Vec<&str> = stem.split('_').filter(|part| !part.is_empty()).collect();
            let word = |text: &str| match text.chars().count() {
                1 => text.to_owned(),
                _ if GREEK.iter().any(|(word, _)| *word == text) => format!(r"\{text}"),
                _ => format!(r"\mathrm{{{}}}", escaped(text)),
            };
            let mut indices: Vec<String> = parts.iter().skip(1).map(|part| word(part)).collect();
            indices.extend(Some(index.to_owned()).filter(|index| !index.is_empty()));
            indices.extend(place);
            let stem = word(parts.first().copied().unwrap_or("x"));
            if indices.is_empty() { stem } else { format!("{stem}_{{{}}}", indices.join(",")) }
        }
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| if "&%$#_{}".contains(c) { vec!['\\', c] } else { vec![c] }).collect()
}

/// A digit as an index.
fn lowered(digit: char) -> char {
    digit.to_digit(10).and_then(|d| char::from_u32('₀' as u32 + d)).unwrap_or(digit)
}

/// A letter or digit that is not raised.
pub(super) fn is_level(c: char) -> bool {
    c.is_alphanumeric() && RAISED.iter().all(|(_, up)| *up != c)
}

/// A text as an exponent, if it is short, without words, and all of it has such letters.
pub(super) fn raised(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|c| *c != ' ').collect();
    let all: Option<String> = compact.chars().map(|c| RAISED.iter().find(|(plain, _)| *plain == c).map(|(_, up)| *up)).collect();
    let mut letters = compact.chars().map(char::is_alphabetic);
    let is_word = letters.clone().zip(letters.by_ref().skip(1)).any(|(a, b)| a && b);
    all.filter(|_| compact.chars().count() <= 5 && !is_word)
}

pub(super) const RAISED: &[(char, char)] = &[
    ('0', '⁰'),
    ('1', '¹'),
    ('2', '²'),
    ('3', '³'),
    ('4', '⁴'),
    ('5', '⁵'),
    ('6', '⁶'),
    ('7', '⁷'),
    ('8', '⁸'),
    ('9', '⁹'),
    ('+', '⁺'),
    ('−', '⁻'),
    ('a', 'ᵃ'),
    ('b', 'ᵇ'),
    ('c', 'ᶜ'),
    ('d', 'ᵈ'),
    ('e', 'ᵉ'),
    ('g', 'ᵍ'),
    ('h', 'ʰ'),
    ('k', 'ᵏ'),
    ('m', 'ᵐ'),
    ('n', 'ⁿ'),
    ('p', 'ᵖ'),
    ('r', 'ʳ'),
    ('s', 'ˢ'),
    ('t', 'ᵗ'),
    ('u', 'ᵘ'),
    ('v', 'ᵛ'),
    ('w', 'ʷ'),
    ('x', 'ˣ'),
    ('y', 'ʸ'),
    ('z', 'ᶻ'),
];

//! How many arguments a method takes, and how many a call gives. In: tokens from the opening bracket on. Out: a count.

use crate::tokens::{Kind, Token};

/// The tokens between the bracket that opens the list and the one that closes it, but for what is in further brackets.
fn outermost<'t>(list: &'t [Token<'t>]) -> impl Iterator<Item = &'t str> {
    let mut depth = 0;
    let depths = list.iter().map(move |token| {
        depth -= i32::from(token.kind == Kind::Close);
        let at = depth;
        depth += i32::from(token.kind == Kind::Open);
        (at, token)
    });
    depths.skip(1).take_while(|(at, _)| *at > 0).filter(|(at, _)| *at == 1).map(|(_, token)| token.text)
}

/// The arguments of a call, if they can be told by their commas: closures and types have commas of their own.
pub fn given(call: &[Token<'_>]) -> Option<usize> {
    if call.first()?.text != "(" {
        return None;
    }
    let (mut commas, mut last) = (0, "(");
    for word in outermost(call) {
        match word {
            "|" | "<" => return None,
            "," => commas += 1,
            _ => {}
        }
        last = word;
    }
    // A comma at the end separates nothing.
    Some(commas + usize::from(!matches!(last, "(" | ",")))
}

/// The arguments of a function beside `self`, each of which has a colon before its type; none if it takes no `self`.
pub fn beside_self(function: &[Token<'_>]) -> Option<usize> {
    let is_name = |word: &&str| !matches!(*word, "&" | "mut") && !word.starts_with('\'');
    let mut words = outermost(function).skip_while(|word| !is_name(word)).peekable();
    words.next_if_eq(&"self")?;
    words.next_if_eq(&":");
    let (mut colons, mut depth) = (0, 0);
    for word in words {
        match word {
            "<" => depth += 1,
            ">" => depth -= 1,
            ":" if depth == 0 => colons += 1,
            _ => {}
        }
    }
    Some(colons)
}

//! A whole formula: what its names mean, then its parts, then the function that its results make.

use super::names;
use super::nodes::Nodes;
use super::parser::{self, Parser, Part, Scope};
use super::tokens::{Token, Tokens, cut};
use crate::base::Width;
use crate::error::{Caller, Error, Kind as ErrorKind, Result, count};
use crate::graph::{Function, InputGroup, OutputGroup};
use crate::op::DType;
use std::collections::{HashMap, HashSet};

/// So many numbers an input may have.
const LARGEST: usize = 1 << 20;

pub(super) fn read(text: &str, inputs: &[&str], width: Width, functions: &[(String, Function)], at: Caller) -> Result<Function> {
    let mut nodes = Nodes::new(width, at);
    let mut scope = Scope::default();
    let mut groups = vec![];
    for declaration in inputs {
        let (name, len) = declared(declaration).map_err(|error| error.at(Some(at)))?;
        let values = (0..len.unwrap_or(1)).map(|_| nodes.input()).collect();
        if scope.values.insert(name, values).is_some() {
            return Err(Error::new(ErrorKind::Name, format!("two inputs are named `{}`", cut(name))).at(Some(at)));
        }
        groups.push(InputGroup::numbers(name, len.unwrap_or(1)));
    }
    for (name, f) in functions {
        check(name, f, width).map_err(|error| error.at(Some(at)))?;
        if scope.functions.insert(name, f).is_some() || scope.values.contains_key(name.as_str()) {
            return Err(Error::new(ErrorKind::Name, format!("`{}` has two meanings", cut(name))).at(Some(at)));
        }
    }
    let (tokens, parts) = Parser::new(Tokens::new(text, width)?, &mut scope, &mut nodes).results()?;
    let outputs = outputs(&tokens, &parts, &nodes)?;
    Function::assemble(nodes.finish(), width, groups, outputs).map_err(|error| error.at(Some(at)))
}

/// The names that stand for inputs, as they are declared.
pub(super) fn unknowns(text: &str) -> Result<Vec<String>> {
    let mut tokens = Tokens::new(text, Width::F64)?;
    let (mut bound, mut found): (HashSet<&str>, Vec<(&str, Option<usize>)>) = (HashSet::new(), vec![]);
    let mut places: HashMap<&str, usize> = HashMap::new();
    loop {
        let (token, _) = tokens.advance()?;
        let name = match token {
            Token::End => break,
            Token::Name(name) | Token::Quoted(name) => name,
            _ => continue,
        };
        let place = parser::index(&mut tokens)?;
        let is_word = matches!(token, Token::Name(_)) && place.is_none() && names::is_word(name);
        match tokens.peek() {
            Token::Symbol("=") => drop(bound.insert(name)),
            Token::Symbol("(") => {}
            _ if is_word || bound.contains(name) => {}
            _ => {
                let at = *places.entry(name).or_insert(found.len());
                if at == found.len() {
                    found.push((name, place));
                }
                found[at].1 = found[at].1.max(place);
            }
        }
    }
    let declared = |(name, place): (&str, Option<usize>)| place.map_or_else(|| name.to_owned(), |k| format!("{name}[{}]", k + 1));
    Ok(found.into_iter().map(declared).collect())
}

/// `x`, or `p[3]`: a name, and how many numbers it has.
fn declared(declaration: &str) -> Result<(&str, Option<usize>)> {
    let Some((name, len)) = declaration.strip_suffix(']').and_then(|rest| rest.rsplit_once('[')) else {
        return Ok((declaration, None));
    };
    match len.parse::<usize>() {
        Ok(len) if len <= LARGEST => Ok((name, Some(len))),
        Ok(_) => Err(Error::new(ErrorKind::Limit, format!("the input `{}` has more than {LARGEST} numbers", cut(name)))),
        Err(_) => Err(Error::new(
            ErrorKind::Name,
            format!("`{}` does not declare an input of a formula: it is a number `x`, or several as `x[3]`", cut(declaration)),
        )),
    }
}

/// That formulas can call a function by a name.
fn check(name: &str, f: &Function, width: Width) -> Result<()> {
    let refuse = |kind, why: String| Err(Error::new(kind, format!("a formula cannot call `{}`: {why}", cut(name))));
    if !names::is_plain(name) {
        return refuse(ErrorKind::Name, "the name does not start with a letter, or is a word of formulas".into());
    }
    if f.width() != width {
        return refuse(ErrorKind::Unsupported, format!("it is a function in {}, and the formula is one in {width}", f.width()));
    }
    if !f.is_of_numbers() || f.index_inputs().contains(&true) || f.input_len() == 0 {
        return refuse(ErrorKind::Unsupported, "it is no function of numbers".into());
    }
    if f.output_len() != 1 || f.output_nodes().any(|id| f.graph().node(id).dtype() != DType::Float) {
        return refuse(ErrorKind::Unsupported, format!("it has {} for a result", count(f.output_len(), "number")));
    }
    Ok(())
}

/// The outputs of the last parts. Parts that share a name are the numbers of one output, in order.
fn outputs(tokens: &Tokens, parts: &[Part], nodes: &Nodes) -> Result<Vec<OutputGroup>> {
    let unnamed = parts.iter().filter(|part| part.name.is_none()).count();
    let (mut outputs, mut seen): (Vec<OutputGroup>, HashSet<String>) = (vec![], HashSet::new());
    for (k, part) in parts.iter().enumerate() {
        if nodes.dtype(part.node) == DType::Mask {
            return Err(
                tokens.error(part.at, "a result is a number, and this is a condition; `if(…, 1, 0)` makes a number of it")
            );
        }
        let name = match part.name {
            Some(name) => name.to_owned(),
            None if unnamed == 1 => "y".to_owned(),
            None => format!("y{k}"),
        };
        if let Some(place @ 1..) = part.place {
            let Some(last) = outputs.last_mut().filter(|last| last.name == name && last.nodes.len() == place) else {
                let message = format!("the numbers of `{}` stand one after the other, from `[0]` on", cut(&name));
                return Err(tokens.error(part.at, message));
            };
            last.nodes.push(part.node);
            continue;
        }
        if !seen.insert(name.clone()) {
            return Err(tokens.error(part.at, format!("two results are named `{}`", cut(&name))));
        }
        outputs.push(OutputGroup::new(name, vec![part.node]));
    }
    Ok(outputs)
}

//! Functions from formulas, and formulas from functions.
//!
//! In: a formula and the names of the inputs; out: a [`Function`]. And back, exactly, or simplified for a reader.
//!
//! # The language
//!
//! | | |
//! |---|---|
//! | numbers | `2`, `0.5`, `1.5e-3`, `pi` (or `π`), `e`, `inf`, `nan` |
//! | operators, from the loosest | `or`, `and`, `not`; `<`, `<=`, `>`, `>=`, `==`, `!=`; `+`, `-`; `*`, `/`, `%`; `-x`; `^` |
//! | functions | every operation of [`Op`](crate::op::Op) that has no sign, by its name: `sin(x)`, `atan2(y, x)`, `max(x, 0)` |
//! | other names of these | `pow` of `powf`, `log1p` of `ln_1p`, `expm1` of `exp_m1` |
//! | choices | `if(c, a, b)` |
//! | names for parts | `t = x*y; t + sin(t)` |
//! | several results | `r = hypot(x, y), phi = atan2(y, x)` |
//! | an input of several numbers | declared `p[3]`, used as `p[0]`, `p[1]`, `p[2]` |
//!
//! - `-x^2` is −(x²), and `x^y^z` is x^(y^z). A whole number that is known as an exponent makes `powi`, any other exponent `powf`.
//! - A product is written with `*`: neither `2x` nor `2(x + 1)` is one.
//! - The logarithms are `ln(x)`, `log2(x)`, `log10(x)`, and `log(x, b)` to base b.
//! - `polygamma(n, x)` and `powi(x, n)` have a whole number that is known.
//! - Conditions are joined by `and`, `or` and `not`, also written `&&`, `||` and `!`.
//! - An input or a part may be named like a constant, and then hides it. A name in quotes, as `"layers[0].b"`, is never a word of the language, and may be a path.
//! - Results without names are `y`, or `y0`, `y1` and so on, as in [`Function::trace`].

mod display;
mod immaterial;
mod layout;
mod letters;
mod names;
mod nodes;
mod number;
mod order;
mod parser;
mod reader;
mod reading;
mod rules;
mod signs;
mod terms;
#[cfg(test)]
mod tests;
mod tokens;
mod writer;

use self::letters::Style;
use crate::base::Width;
use crate::error::Result;
use crate::graph::Function;
use std::panic::Location;

/// The names in a formula that are inputs, in the order in which they come, as [`Function::from_formula`] takes them: those that are no constants, no
/// functions and no parts.
///
/// ```
/// use wengert::{Function, formula};
/// let text = "t = 2*pi*x; p[0]*sin(t) + p[1]";
/// assert_eq!(formula::unknowns(text)?, ["x", "p[2]"]);
/// let f = Function::from_formula(text, formula::unknowns(text)?)?;
/// assert_eq!(f.input_len(), 3);
/// # Ok::<(), wengert::Error>(())
/// ```
///
/// # Errors
/// A word of the text is none of a formula.
pub fn unknowns(formula: &str) -> Result<Vec<String>> {
    reader::unknowns(formula)
}

/// How formulas are read and written. The methods of [`Function`] have the defaults.
///
/// ```
/// use wengert::formula::Formulas;
/// use wengert::Function;
/// let bump = Function::from_formula("exp(-x^2/2)", ["x"])?;
/// let formulas = Formulas::new().function("bump", &bump);
/// let f = formulas.read("bump(x - 1) + bump(x + 1)", ["x"])?;
/// assert_eq!(f.eval(&[1.0])?, [1.0 + (-2.0f64).exp()]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Formulas {
    width: Width,
    functions: Vec<(String, Function)>,
    named: bool,
}

impl Formulas {
    /// Double precision, the functions of the table, no names for parts.
    pub fn new() -> Formulas {
        Formulas::default()
    }

    /// Functions are read in this width.
    pub fn width(self, width: Width) -> Formulas {
        Formulas { width, ..self }
    }

    /// Formulas may call a function by this name, with a number for each of its inputs. It hides one of the table's that has the name.
    /// Inside it may have what a formula cannot say: loops, branches and arrays.
    pub fn function(mut self, name: impl Into<String>, f: &Function) -> Formulas {
        self.functions.push((name.into(), f.clone()));
        self
    }

    /// Whether values that are used more than once are written once, with a name.
    ///
    /// ```
    /// use wengert::formula::Formulas;
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| { let t = x.sin() + 1.0; t * t })?;
    /// assert_eq!(f.to_formula()?, "(sin(x) + 1)*(sin(x) + 1)");
    /// let named = Formulas::new().named(true).write(&f)?;
    /// assert_eq!(named, "t1 = sin(x) + 1; t1*t1");
    /// assert_eq!(Function::from_formula(&named, ["x"])?.to_string(), f.to_string());
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn named(self, named: bool) -> Formulas {
        Formulas { named, ..self }
    }

    /// Reads a formula; see [`Function::from_formula`].
    ///
    /// # Errors
    /// As [`Function::from_formula`]. A function that is called has other than one result, is of another width, takes or gives arrays, or has a
    /// name that formulas cannot have.
    #[track_caller]
    pub fn read<S: AsRef<str>>(&self, formula: &str, inputs: impl IntoIterator<Item = S>) -> Result<Function> {
        let inputs: Vec<S> = inputs.into_iter().collect();
        let inputs: Vec<&str> = inputs.iter().map(S::as_ref).collect();
        reader::read(formula, &inputs, self.width, &self.functions, Location::caller())
    }

    /// The formula that reads back as the function; see [`Function::to_formula`].
    ///
    /// # Errors
    /// As [`Function::to_formula`].
    #[track_caller]
    pub fn write(&self, f: &Function) -> Result<String> {
        writer::write(f, self.named).map_err(|error| error.or_at(Some(Location::caller())))
    }

    /// The function for a reader, in plain text; see [`Function::to_pretty`].
    ///
    /// # Errors
    /// As [`Function::to_pretty`].
    #[track_caller]
    pub fn pretty(&self, f: &Function) -> Result<String> {
        display::write(f, Style::Plain, self.named).map_err(|error| error.or_at(Some(Location::caller())))
    }

    /// The function for a reader, in LaTeX; see [`Function::to_latex`].
    ///
    /// # Errors
    /// As [`Function::to_pretty`].
    #[track_caller]
    pub fn latex(&self, f: &Function) -> Result<String> {
        display::write(f, Style::Latex, self.named).map_err(|error| error.or_at(Some(Location::caller())))
    }
}

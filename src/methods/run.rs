//! What is done with a function: it is evaluated, compiled, counted, drawn, read from text, and differentiated entry by entry.

use crate::compiled::{self, Compiled, Options};
use crate::diagnose::{self, Cost, GradientCost, NonFinite, Picture};
use crate::diff::{self, Linearization};
use crate::error::Result;
use crate::eval::{self, Arguments, Results};
use crate::graph::{Function, NodeId};
use crate::op::{Real, Scalar};
use crate::schedule::{self, RematCost};
use crate::sparse::{self, Method, SparseDerivative, Sparsity, Terms};

impl Function {
    /// The outputs of a function of numbers at a point, in any arithmetic: numbers, duals, jets, or handles of a trace, which inlines the function
    /// there. Loops and branches inside take the turns and the way that the numbers say. For many points, [`Function::compile`] is the faster way.
    /// Among handles the names of open axes are the function's own: each stands for the axis of the handle in its place, and a known number fills the
    /// shape that is declared.
    ///
    /// ```
    /// use wengert::{Dual, Function};
    /// let f = Function::trace(["a", "b"], |[a, b]| a * b)?;
    /// assert_eq!(f.eval(&[2.0, 3.0])?, [6.0]);
    /// assert_eq!(f.eval(&[Dual::new(2.0, 1.0), 3.0.into()])?[0].eps(), 3.0);
    /// let g = Function::trace("x", |x| Ok(f.eval(&[x, x.sin()])?[0] + 1.0))?; // x·sin x + 1
    /// assert_eq!(g.eval(&[0.0])?, [1.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together; if an input or output is an array, but for handles; if handles have other shapes than the
    /// inputs of a function with arrays, or an open axis is that of none; if something inside fails: a matrix is singular, an index is out of range,
    /// or all values together take more memory than [`eval::memory_limit`](crate::eval::memory_limit) allows.
    #[track_caller]
    pub fn eval<T: Real>(&self, x: &[T]) -> Result<Vec<T>> {
        eval::inlined(self, x)
    }

    /// Evaluates by interpretation: values for the inputs, by name, give results by name.
    ///
    /// ```
    /// use wengert::{Array, Function};
    /// let f = Function::trace(["w[3]", "b", "x[n,3]"], |[w, b, x]| (("rows", x.matmul(w) + b), ("all", w.sum(..))))?;
    /// let x = Array::from([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
    /// let y = f.run((("x", &x), ("w", [1.0, 2.0, 3.0]), ("b", 0.5)))?;
    /// assert_eq!(y["rows"], Array::from([1.5, 4.5]));
    /// assert_eq!(y["all"].data(), [6.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// See [`Arguments`] for what may be given, and [`Results`] for what can be done with the results. An open axis gets its length from the
    /// arguments.
    ///
    /// # Errors
    /// If a name is unknown, missing or given twice; if a shape or the width does not fit, or the length of an open axis cannot be inferred; if an
    /// index is out of range; if all values together take more memory than [`eval::memory_limit`](crate::eval::memory_limit) allows.
    #[track_caller]
    pub fn run<T: Scalar>(&self, arguments: impl Arguments<T>) -> Result<Results<T>> {
        eval::run(self, &arguments)
    }

    /// Evaluates and linearises at a point, keeping what happens inside for inspection: values, partial derivatives on the
    /// edges, and one sweep per seed forward or backward. To evaluate derivatives many times, take [`Function::grad`] or
    /// its like.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let at = f.linearize_at(&[2.0, 1.0])?;
    /// assert_eq!(at.outputs(), [6.0]);
    /// let e = f.outputs()[0].nodes()[0];
    /// let partials: Vec<f64> = at.partials(e).map(|(_operand, partial)| partial).collect();
    /// assert_eq!(partials, [2.0, 3.0]); // ∂e/∂c = d, ∂e/∂d = c
    /// assert_eq!(at.adjoints(&[1.0])?[..2], [2.0, 5.0]);
    /// assert_eq!(at.tangents(&[0.0, 1.0])?[e.index()], 5.0);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together; if there are arrays, loops or opaque calls inside.
    #[track_caller]
    pub fn linearize_at<T: Real>(&self, x: &[T]) -> Result<Linearization<'_, T>> {
        diff::linearize_at(self, x)
    }

    /// Compiles to native code for this processor: straight-line code, a loop over rows, or stages of loops and library calls, as the function
    /// asks for ([`Report::form`](crate::Report::form) says which).
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let g = f.value_and_grad()?.compile()?;
    /// let [e, da, db] = g.call([2.0, 1.0])?;
    /// assert_eq!((e, da, db), (6.0, 2.0, 5.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// A function of numbers that is mapped over an axis becomes a loop over rows:
    ///
    /// ```
    /// use wengert::Function;
    /// // the squared error of a line, its mean and the mean of its gradient over all points
    /// let f = Function::trace((["a", "b"], ["x", "y"]), |([a, b], [x, y])| (a * x + b - y).powi(2))?;
    /// let g = f.wrt(["a", "b"])?.value_and_grad()?.vmap("n", ["x", "y"])?.mean("n")?.compile()?;
    /// let (mut loss, mut da, mut db) = ([0.0], [0.0], [0.0]);
    /// g.call_into(&[&[1.0], &[0.0], &[1.0, 2.0], &[1.0, 4.0]], &mut [&mut loss, &mut da, &mut db])?;
    /// assert_eq!((loss[0], da[0], db[0]), (2.0, -4.0, -2.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the code would be larger than [`Options::code_limit`], inputs, outputs or scratch memory larger than native code can address, or the
    /// system gives no memory for it.
    #[track_caller]
    pub fn compile(&self) -> Result<Compiled> {
        compiled::compile(self, &Options::default())
    }

    /// As [`Function::compile`], with options.
    ///
    /// # Errors
    /// As [`Function::compile`], and as the options say.
    #[track_caller]
    pub fn compile_with(&self, options: Options) -> Result<Compiled> {
        compiled::compile(self, &options)
    }

    /// Counts the operations of one evaluation of the graph as it is. Equal subexpressions are one node and count once.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0) + (a + b).sin())?;
    /// let cost = f.cost();
    /// assert_eq!((cost.total(), cost.calls(), cost.of("add")), (5, 1, 3));
    /// assert_eq!(cost.to_string(), "5 operations, 1 library call: add 3, mul 1, sin 1");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn cost(&self) -> Cost {
        diagnose::cost(self)
    }

    /// Counts the operations of the function and of the function with its gradient, both simplified as by
    /// [`Function::simplify`]. In reverse mode the ratio has a bound that does not depend on the number of inputs (W. Baur
    /// and V. Strassen, 1983).
    ///
    /// ```
    /// use wengert::{Expr, Function};
    /// let f = Function::trace(("x", 100), |x| x.iter().map(|&x| x * x).sum::<Expr>())?;
    /// let cost = f.gradient_cost()?;
    /// assert_eq!(cost.function.total(), 199);
    /// assert!(cost.ratio() < 3.0, "{cost}");
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::value_and_grad`].
    #[track_caller]
    pub fn gradient_cost(&self) -> Result<GradientCost> {
        diagnose::gradient_cost(self)
    }

    /// What [`remat`](crate::rules::remat) and [checkpoints](crate::Scan::checkpoints) of scans cost and save in the value and gradient of a function of
    /// one number, for some lengths of its open axes. Loops count with the number of their steps, `while_loop` with one step, a choice with its
    /// longer branch; what is within the body of another loop or choice counts on both sides.
    ///
    /// # Errors
    /// As [`Function::value_and_grad`] and [`Function::compile`]; if a length is missing.
    #[track_caller]
    pub fn remat_cost(&self, open: &[(&str, usize)]) -> Result<RematCost> {
        schedule::remat_cost(self, open)
    }

    /// Evaluates at a point, in the function's own width, and gives the first input or operation whose value is infinite
    /// or NaN; `None` where all are finite. Constants are taken as meant, and a branch that [`select`](crate::select) does
    /// not take is not looked at.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["x", "y"], |[x, y]| (x - y).ln() * y)?;
    /// let found = f.first_non_finite(&[1.0, 2.0])?.unwrap();
    /// assert!(found.value.is_nan());
    /// assert!(found.to_string().starts_with("%3 = ln(-1) is NaN, made at "));
    /// assert!(f.first_non_finite(&[2.0, 1.0])?.is_none());
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together; if there are arrays, loops or opaque calls inside.
    #[track_caller]
    pub fn first_non_finite(&self, x: &[f64]) -> Result<Option<NonFinite>> {
        diagnose::first_non_finite(self, x)
    }

    /// What a node is called: the input's name (`x[2]` in an input of several numbers), the constant, or the operation.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("a", ("x", 2)), |(a, x)| (a + 2.0).sin() * x[1])?;
    /// let names: Vec<String> = f.graph().ids().map(|id| f.name_of(id)).collect();
    /// assert_eq!(names, ["a", "x[0]", "x[1]", "2", "add", "sin", "mul"]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Panics
    /// If the id is of another, larger graph.
    pub fn name_of(&self, id: NodeId) -> String {
        diagnose::name_of(self, id)
    }

    /// The graph for Graphviz: a node for every input, constant and operation, an edge from each to its users.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| x.sin() * x)?;
    /// assert!(f.to_dot().starts_with("digraph {")); // saved as f.dot, `dot -Tsvg f.dot` draws it
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn to_dot(&self) -> String {
        Picture::new(self).dot()
    }

    /// The graph for Graphviz, at a point: every node shows its value, its tangent with respect to each active input
    /// number (if there are no more than six), and, for a function of one number, its adjoint; every edge that carries a
    /// derivative shows its partial derivative. Numbers are rounded to six digits.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let dot = f.to_dot_at(&[2.0, 1.0])?;
    /// assert!(dot.contains(r#"n0 [label="a\n= 2\n∂/∂a = 1\n∂/∂b = 0\nadjoint 2""#));
    /// assert!(dot.contains(r#"n2 -> n5 [label="2"]"#));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together.
    #[track_caller]
    pub fn to_dot_at(&self, x: &[f64]) -> Result<String> {
        Ok(Picture::at(self, x)?.dot())
    }

    /// The graph as a Mermaid flowchart, as [`Function::to_dot`] otherwise.
    pub fn to_mermaid(&self) -> String {
        Picture::new(self).mermaid()
    }

    /// The graph at a point as a Mermaid flowchart, as [`Function::to_dot_at`] otherwise.
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together.
    #[track_caller]
    pub fn to_mermaid_at(&self, x: &[f64]) -> Result<String> {
        Ok(Picture::at(self, x)?.mermaid())
    }

    /// The graph as an SVG that needs no other program: boxes in layers (Sugiyama, Tagawa and Toda, 1981), values flow upwards, a constant is drawn at each
    /// of its uses.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace("x", |x| x.sin() * x)?;
    /// assert!(f.to_svg()?.starts_with("<svg "));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the graph needs more than 500 boxes.
    #[cfg(feature = "pictures")]
    #[track_caller]
    pub fn to_svg(&self) -> Result<String> {
        Picture::new(self).svg()
    }

    /// The graph at a point as an SVG, with what [`Function::to_dot_at`] shows.
    ///
    /// # Errors
    /// If `x` is not as long as the inputs together; if the graph needs more than 500 boxes; if there are arrays, loops or opaque calls inside.
    #[cfg(feature = "pictures")]
    #[track_caller]
    pub fn to_svg_at(&self, x: &[f64]) -> Result<String> {
        Picture::at(self, x)?.svg()
    }

    /// The graph as a page for a browser that needs no other file and no network: a click on a node shows its shape, its operands and the line of source
    /// that made it.
    ///
    /// # Errors
    /// As [`Function::to_svg`].
    #[cfg(feature = "pictures")]
    #[track_caller]
    pub fn to_html(&self) -> Result<String> {
        Picture::new(self).html()
    }

    /// The graph at a point as a page for a browser: forward sweeps by each of the first six active input elements, and reverse sweeps from each of the
    /// first six output elements, are stepped through node by node, each step with its sum: of partial × tangent over operands, of partial × adjoint over users.
    /// A click on a node shows its value, partials, tangents, adjoints, and the line of source that made it (the line's text where the file can be read).
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(["a", "b"], |[a, b]| (a + b) * (b + 1.0))?;
    /// let page = f.to_html_at(&[2.0, 1.0])?; // saved as f.html, and opened
    /// assert!(page.starts_with("<!doctype html>"));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::to_svg_at`].
    #[cfg(feature = "pictures")]
    #[track_caller]
    pub fn to_html_at(&self, x: &[f64]) -> Result<String> {
        Picture::html_at(self, x)
    }

    /// Reads a function from its text, which is what its `Display` prints.
    ///
    /// ```text
    /// function ::= "function" width "(" inputs ")" "->" "(" outputs ")" "{" node* "}"
    /// width    ::= "f64" | "f32"
    /// input    ::= ["inactive"] group         inputs that are not differentiated with respect to are marked
    /// output   ::= ["aux"] group              outputs that are not differentiated are marked
    /// group    ::= name ":" kind id | name "[" length "]" ":" kind id*        a number, or several
    ///            | name shape ":" kind id                                      an array
    ///            | name shape "[" length "]" ":" kind id*                      several arrays
    /// kind     ::= ["batch" integer] ["index"]            how many of its first axes are those of a batch; indices, not numbers
    ///            a name of an item of a list is in quotes: `"layers[0].b"`
    /// shape    ::= "[" axis, … "]"         axis ::= integer | name   the name of an open axis
    /// node     ::= id "=" "const" number | id "=" "flag" ("true" | "false") | id "=" op attributes id, …
    ///            | id "=" result "of" (loop id, … | id)           the latter: of the same operation as that node
    /// result   ::= "final" "[" integer "]" | "each" "[" integer "]" | "carried" "[" integer "]"
    /// loop     ::= "scan" "[" carried "," read "," axis [",reverse"] "]" body | "while" "[" carried "]" body body
    ///            | "cond" body body | "remat" body | "rule" "[" ("jvp" | "vjp") "]" body body
    ///            the latter's second body is the derivative        body ::= "{" function "}"
    /// ```
    ///
    /// An id is `%` and a number; it is defined once, before its uses. A number is `-0.5`, `1e-7`, `inf`, `-inf`, `nan`, or
    /// `nan:` with the 16 hexadecimal digits of another NaN; it is rounded to the width. `;` starts a comment. White space
    /// and line breaks only separate. Equal nodes are merged and unused ones dropped, so ids may change.
    ///
    /// An operation's attributes are what its `Display` puts in brackets: an integer parameter (`powi[3]`), shapes and axes
    /// (`broadcast[n,3]`, `sum[0, 1]`), what is cut out along each axis (`slice[:,4+-2*3]`: all, and from 4 on, two back, three of
    /// them). Operands of an elementwise operation have one shape, constants aside.
    ///
    /// ```
    /// use wengert::Function;
    /// let text = "\
    /// function f64 (a: %0, b: %1) -> (y: %5) {
    ///   %2 = add %0, %1
    ///   %3 = const 1.0
    ///   %4 = add %1, %3
    ///   %5 = mul %2, %4
    /// }";
    /// let f = Function::parse(text)?;
    /// assert_eq!(f.eval(&[2.0, 1.0])?, [6.0]);
    /// assert_eq!(f.to_string(), text);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong, with its line and column; see [`Error::line_column`](crate::Error::line_column).
    pub fn parse(text: &str) -> Result<Function> {
        text.parse()
    }

    /// Where the Jacobian has entries that are not zero at every point, as far as the graph tells: rows are the numbers of the outputs
    /// (auxiliary ones aside), columns those of the active inputs, both in their order.
    ///
    /// # Errors
    /// As [`Function::sparse_jacobian`].
    #[track_caller]
    pub fn jacobian_sparsity(&self) -> Result<Sparsity> {
        Method::new().jacobian_sparsity(self)
    }

    /// Where the Hessian of a function of one number has entries: a symmetric pattern.
    ///
    /// # Errors
    /// As [`Function::sparse_hessian`].
    #[track_caller]
    pub fn hessian_sparsity(&self) -> Result<Sparsity> {
        Method::new().hessian_sparsity(self)
    }

    /// The entries of the Jacobian that may not be zero.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("x", 3), |x| [x[0] * x[1], x[1].sin(), x[2] * 3.0])?;
    /// let j = f.sparse_jacobian()?.compile()?;
    /// let mut values = [0.0; 4];
    /// j.call_into(&[&[2.0, 0.0, 5.0]], &mut [&mut values])?;
    /// assert_eq!(j.sparsity().entries().collect::<Vec<_>>(), [(0, 0), (0, 1), (1, 1), (2, 2)]);
    /// assert_eq!(values, [0.0, 2.0, 1.0, 3.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If no input is active, or all outputs are auxiliary; if there are open axes, or indices that are not constant, which [`Method`]
    /// takes.
    #[track_caller]
    pub fn sparse_jacobian(&self) -> Result<SparseDerivative> {
        Method::new().jacobian(self)
    }

    /// The entries of the Hessian of a function of one number that may not be zero, those above the diagonal and those below.
    ///
    /// # Errors
    /// As [`Function::sparse_jacobian`], and if there is not exactly one output number.
    #[track_caller]
    pub fn sparse_hessian(&self) -> Result<SparseDerivative> {
        Method::new().hessian(self)
    }

    /// The entries of the Hessian on the diagonal and below it, as solvers take them.
    ///
    /// ```
    /// use wengert::Function;
    /// // (H. Rosenbrock, 1960)
    /// let f = Function::trace("x[100]", |x| {
    ///     let (a, b) = (x.slice(0, 0..99), x.slice(0, 1..100));
    ///     (100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2)).sum(..)
    /// })?;
    /// let h = f.hessian_lower()?;
    /// assert_eq!((h.sparsity().len(), h.sweeps()), (199, (3, 0)));
    /// let (h, mut values) = (h.compile()?, [0.0; 199]);
    /// h.call_into(&[&[1.0; 100]], &mut [&mut values])?;
    /// assert_eq!((values[0], values[1], values[198]), (802.0, -400.0, 200.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::sparse_hessian`].
    #[track_caller]
    pub fn hessian_lower(&self) -> Result<SparseDerivative> {
        Method::new().hessian_lower(self)
    }

    /// The Lagrangian σ·f + Σ λᵢ·gᵢ of an output f and all others, the constraints g (auxiliary ones aside): the inputs are followed by
    /// `sigma` and a multiplier `lambda_g` for every other output `g`, by which nothing is differentiated. Its Hessian is what methods of
    /// constrained optimisation ask for.
    ///
    /// ```
    /// use wengert::Function;
    /// let f = Function::trace(("x", 2), |x| (("cost", x[0] * x[1]), ("circle", x[0] * x[0] + x[1] * x[1])))?;
    /// let h = f.lagrangian("cost")?.hessian_lower()?;
    /// assert_eq!(h.eval(&[&[1.0, 2.0], &[1.0], &[5.0]])?, [10.0, 1.0, 10.0]);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such output, or it is auxiliary or not one number.
    #[track_caller]
    pub fn lagrangian(&self, objective: &str) -> Result<Function> {
        sparse::lagrangian(self, objective)
    }

    /// The function applied to many rows of numbers: an input that is `gathered` takes its numbers in row r from a vector of
    /// `variables` numbers, as its table says, which has the variables' numbers row by row. Other inputs are given with each call, row by
    /// row, or once for all rows if they are named by [`Terms::shared`]. Derivatives are taken by the variables.
    ///
    /// ```
    /// use wengert::Function;
    /// // (H. Rosenbrock, 1960), as a sum of terms of two neighbours each
    /// let term = Function::trace(["a", "b"], |[a, b]| 100.0 * (b - a * a).powi(2) + (1.0 - a).powi(2))?;
    /// let f = term.terms(100, [("a", (0..99).collect()), ("b", (1..100).collect())])?;
    /// let h = f.hessian_lower()?;
    /// let mut values = vec![0.0; h.len()];
    /// h.compile()?.call_into(&[&[1.0; 100]], &mut [&mut values])?;
    /// assert_eq!((values.len(), values[0], values[1], values[198]), (199, 802.0, -400.0, 200.0));
    /// # Ok::<(), wengert::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an input or output is an array; if a name is unknown or given twice, or none is given; if a table does not have a variable's number
    /// for every number of every row.
    #[track_caller]
    pub fn terms<S: AsRef<str>>(&self, variables: usize, gathered: impl IntoIterator<Item = (S, Vec<usize>)>) -> Result<Terms> {
        Terms::new(self, variables, gathered)
    }
}

//! Partially separable functions: a kernel that is applied to rows of numbers, which an index table gathers from one vector of variables.
//! Derivatives of the kernel are small and dense; all rows' are computed by one native loop and added where they belong, without colouring.

use super::assembly::{Assembly, Gather};
use super::derivative::SparseDerivative;
use super::method::Method;
use super::pattern::Sparsity;
use crate::diff::the_output;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::graph::{Function, InputGroup};
use std::fmt;
use std::panic::Location;

/// Terms of one kernel: residuals of least squares, elements, reprojections. See [`Function::terms`].
#[derive(Clone)]
pub struct Terms {
    /// Differentiated by what is gathered.
    kernel: Function,
    variables: usize,
    rows: usize,
    /// By input of the kernel.
    feeds: Vec<Feed>,
}

/// What feeds an input of the kernel.
#[derive(Clone)]
pub(super) enum Feed {
    /// From the variables: by row, the variables' indices.
    Gathered(Vec<u32>),
    /// A slice of the call, with elements for every row.
    Rows,
    /// A slice of the call that all rows share.
    Shared,
}

impl Terms {
    /// The kernel applied to many rows; see [`Function::terms`].
    #[track_caller]
    pub(crate) fn new<S: AsRef<str>>(
        kernel: &Function,
        variables: usize,
        gathered: impl IntoIterator<Item = (S, Vec<usize>)>,
    ) -> Result<Terms> {
        kernel.check_numbers("terms", None)?;
        let mut feeds: Vec<Feed> = kernel.inputs().iter().map(|_| Feed::Rows).collect();
        let mut rows: Option<(usize, String)> = None;
        let mut names = Vec::new();
        for (name, table) in gathered {
            let name = name.as_ref();
            let group = kernel.input(name)?;
            let at = kernel.inputs().iter().position(|other| other == group).expect("the group is one of the inputs");
            if names.iter().any(|taken| taken == name) {
                return Err(Error::here(ErrorKind::Name, format!("the input `{name}` is gathered twice")));
            }
            if group.is_empty() || !table.len().is_multiple_of(group.len()) {
                let message = format!(
                    "the table of `{name}` has {}, where each row takes {}",
                    count(table.len(), "number"),
                    count(group.len(), "number")
                );
                return Err(Error::here(ErrorKind::Length, message));
            }
            let own = table.len() / group.len();
            match &rows {
                Some((n, first)) if *n != own => {
                    let message = format!("the table of `{first}` has {} and that of `{name}` has {own}", count(*n, "row"));
                    return Err(Error::here(ErrorKind::Length, message));
                }
                _ => rows = Some((own, name.to_owned())),
            }
            if let Some(bad) = table.iter().find(|&&k| k >= variables || k > u32::MAX as usize) {
                let message = format!("the table of `{name}` has the variable {bad}, and there are {variables}");
                return Err(Error::here(ErrorKind::Value, message));
            }
            feeds[at] = Feed::Gathered(table.into_iter().map(|k| k as u32).collect());
            names.push(name.to_owned());
        }
        let Some((rows, _)) = rows else {
            return Err(Error::here(ErrorKind::Name, "terms need an input that is gathered from the variables"));
        };
        Ok(Terms { kernel: kernel.wrt(&names)?, variables, rows, feeds })
    }

    /// Names inputs that all rows share.
    ///
    /// # Errors
    /// If a name is unknown, or gathered.
    #[track_caller]
    pub fn shared<S: AsRef<str>>(mut self, names: impl IntoIterator<Item = S>) -> Result<Terms> {
        for name in names {
            let group = self.kernel.input(name.as_ref())?;
            let at = self.kernel.inputs().iter().position(|other| other == group).expect("the group is one of the inputs");
            if let Feed::Gathered(_) = self.feeds[at] {
                return Err(Error::here(ErrorKind::Name, format!("the input `{}` is gathered", name.as_ref())));
            }
            self.feeds[at] = Feed::Shared;
        }
        Ok(self)
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many variables there are.
    pub fn variables(&self) -> usize {
        self.variables
    }

    /// By row, the variables that the kernel's columns are.
    fn columns(&self, row: usize, out: &mut Vec<u32>) {
        out.clear();
        for (group, feed) in self.kernel.inputs().iter().zip(&self.feeds) {
            if let Feed::Gathered(table) = feed {
                out.extend_from_slice(&table[row * group.len()..(row + 1) * group.len()]);
            }
        }
    }

    /// The kernel's results, row by row.
    ///
    /// # Errors
    /// If all outputs are auxiliary.
    pub fn values(&self) -> Result<Assembly> {
        let f = self.kernel.without_aux();
        let each = f.output_len();
        self.assemble(&f, each * self.rows, None, |row, add| (0..each).for_each(|k| add(k, row * each + k)))
    }

    /// The gradient of the sum of a kernel of one result: a number per variable.
    ///
    /// # Errors
    /// If there is not exactly one result.
    #[track_caller]
    pub fn gradient(&self) -> Result<Assembly> {
        the_output(&self.kernel, "gradient")?;
        let local = Method::new().jacobian(&self.kernel)?;
        let entries: Vec<usize> = local.sparsity().entries().map(|(_, column)| column).collect();
        let mut columns = Vec::new();
        let Some(f) = &local.f else { return Ok(Assembly::zero(self.variables, None, self.inputs())) };
        self.assemble(f, self.variables, None, |row, add| {
            self.columns(row, &mut columns);
            entries.iter().enumerate().for_each(|(k, &column)| add(k, columns[column] as usize));
        })
    }

    /// The Jacobian of all results by all variables; the results of row r come before those of row r + 1. Values are in the order of the
    /// columns.
    ///
    /// # Errors
    /// If all outputs are auxiliary.
    #[track_caller]
    pub fn jacobian(&self) -> Result<Assembly> {
        self.jacobian_in(false)
    }

    /// The transposed Jacobian, whose columns are the Jacobian's rows: its values are row by row (CSR), which for most kernels is how the
    /// native loop writes them.
    ///
    /// # Errors
    /// As [`Terms::jacobian`].
    #[track_caller]
    pub fn jacobian_transposed(&self) -> Result<Assembly> {
        self.jacobian_in(true)
    }

    #[track_caller]
    fn jacobian_in(&self, transposed: bool) -> Result<Assembly> {
        let local = Method::new().jacobian(&self.kernel)?;
        let each = local.sparsity().rows();
        let turn = |row: usize, column: usize| if transposed { (column, row) } else { (row, column) };
        let size = turn(each * self.rows, self.variables);
        self.matrix(&local, size, |columns, row, i, j| Some(turn(row * each + i, columns[j] as usize)))
    }

    /// The Hessian of the sum of a kernel of one result.
    ///
    /// # Errors
    /// If there is not exactly one result.
    #[track_caller]
    pub fn hessian(&self) -> Result<Assembly> {
        let local = Method::new().hessian(&self.kernel)?;
        let size = (self.variables, self.variables);
        self.matrix(&local, size, |columns, _, i, j| Some((columns[i] as usize, columns[j] as usize)))
    }

    /// The lower triangle of the Hessian of the sum of a kernel of one result.
    ///
    /// # Errors
    /// As [`Terms::hessian`].
    #[track_caller]
    pub fn hessian_lower(&self) -> Result<Assembly> {
        // Which of two entries (i, j) and (j, i) is below the diagonal is a matter of the variables, unless it is the same everywhere.
        let mut columns = Vec::new();
        let ascending = (0..self.rows).all(|row| {
            self.columns(row, &mut columns);
            columns.windows(2).all(|pair| pair[0] < pair[1])
        });
        let method = Method::new();
        let local = if ascending { method.hessian_lower(&self.kernel)? } else { method.hessian(&self.kernel)? };
        let size = (self.variables, self.variables);
        self.matrix(&local, size, |columns, _, i, j| {
            let (i, j) = (columns[i] as usize, columns[j] as usize);
            (i >= j).then_some((i, j))
        })
    }

    /// The entries of all rows' blocks; those in one place are added.
    fn matrix(
        &self,
        local: &SparseDerivative,
        (rows, columns): (usize, usize),
        entry: impl Fn(&[u32], usize, usize, usize) -> Option<(usize, usize)>,
    ) -> Result<Assembly> {
        let block: Vec<(usize, usize)> = local.sparsity().entries().collect();
        let mut variables = Vec::new();
        let mut all = Vec::with_capacity(block.len() * self.rows);
        for row in 0..self.rows {
            self.columns(row, &mut variables);
            all.extend(block.iter().filter_map(|&(i, j)| entry(&variables, row, i, j)));
        }
        let sparsity = Sparsity::new(rows, columns, all)?;
        let Some(f) = &local.f else { return Ok(Assembly::zero(0, Some(sparsity), self.inputs())) };
        let pattern = sparsity.clone();
        self.assemble(f, sparsity.len(), Some(sparsity), |row, add| {
            self.columns(row, &mut variables);
            for (k, &(i, j)) in block.iter().enumerate() {
                if let Some((i, j)) = entry(&variables, row, i, j) {
                    add(k, pattern.place(i, j).expect("it is an entry"));
                }
            }
        })
    }

    /// The inputs of a call beside the variables, with how many numbers each has.
    fn inputs(&self) -> Vec<(String, usize)> {
        let given = self.kernel.inputs().iter().zip(&self.feeds);
        let len = |(group, feed): (&InputGroup, &Feed)| match feed {
            Feed::Gathered(_) => None,
            Feed::Rows => Some((group.name().to_owned(), group.len() * self.rows)),
            Feed::Shared => Some((group.name().to_owned(), group.len())),
        };
        given.filter_map(len).collect()
    }

    /// A function of the kernel's inputs over all rows; `places` says by row where each of its numbers is to be added.
    fn assemble(
        &self,
        f: &Function,
        len: usize,
        sparsity: Option<Sparsity>,
        mut places: impl FnMut(usize, &mut dyn FnMut(usize, usize)),
    ) -> Result<Assembly> {
        let mut to: Vec<Vec<(u32, u32)>> = vec![Vec::with_capacity(self.rows); f.output_len()];
        for row in 0..self.rows {
            places(row, &mut |k, place| to[k].push((row as u32, place as u32)));
        }
        let at = Location::caller();
        let gathers = f.inputs().iter().zip(&self.feeds).map(|(group, feed)| match feed {
            Feed::Gathered(table) => Gather::of(group.len(), table),
            Feed::Rows => Gather::Rows,
            Feed::Shared => Gather::Shared,
        });
        Assembly::new(f, gathers.collect(), to, (self.variables, self.rows, len), sparsity, self.inputs(), at)
    }
}

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Terms({} of {})", count(self.rows, "row"), count(self.variables, "variable"))
    }
}

//! Where a sparse matrix has entries.

use crate::base::memory_limit;
use crate::error::{Error, Kind as ErrorKind, Result};
use std::fmt;

/// Where a sparse matrix has entries: column by column, rows ascending (CSC). Values that belong to it are in this order.
///
/// ```
/// use wengert::sparse::Sparsity;
/// let p = Sparsity::new(2, 3, [(0, 0), (1, 2), (0, 2)])?;
/// assert_eq!((p.column_starts(), p.row_indices()), (&[0, 1, 1, 3][..], &[0, 0, 1][..]));
/// let rows = p.by_rows();
/// assert_eq!((&rows.starts[..], &rows.columns[..], &rows.places[..]), (&[0, 2, 3][..], &[0, 2, 2][..], &[0, 1, 2][..]));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Sparsity {
    rows: usize,
    columns: usize,
    starts: Vec<usize>,
    indices: Vec<usize>,
}

/// The same entries row by row, columns ascending (CSR); see [`Sparsity::by_rows`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByRows {
    /// Where each row's entries start, and at last how many there are.
    pub starts: Vec<usize>,
    /// Each entry's column.
    pub columns: Vec<usize>,
    /// Where each entry stands in the order of the columns, which is that of the values.
    pub places: Vec<usize>,
}

impl Sparsity {
    /// A pattern with these entries, given as row and column in any order; an entry that is given twice is one.
    ///
    /// # Errors
    /// If an entry is outside of the matrix; if there are so many rows and columns that a number for each takes more memory than
    /// [`eval::memory_limit`](crate::eval::memory_limit) allows.
    #[track_caller]
    pub fn new(rows: usize, columns: usize, entries: impl IntoIterator<Item = (usize, usize)>) -> Result<Sparsity> {
        let mut all: Vec<(usize, usize)> = entries.into_iter().map(|(row, column)| (column, row)).collect();
        all.sort_unstable();
        all.dedup();
        if let Some((column, row)) = all.iter().find(|&&(column, row)| row >= rows || column >= columns) {
            let message = format!("the entry ({row}, {column}) is outside of a matrix of {rows} rows and {columns} columns");
            return Err(Error::here(ErrorKind::Value, message));
        }
        let words = rows.checked_add(columns).and_then(|n| n.checked_add(2));
        check_memory(words, size_of::<usize>(), || format!("the rows and columns of a pattern of {rows} × {columns}"))?;
        let mut starts = vec![0; columns + 1];
        all.iter().for_each(|&(column, _)| starts[column + 1] += 1);
        (0..columns).for_each(|column| starts[column + 1] += starts[column]);
        Ok(Sparsity { rows, columns, starts, indices: all.into_iter().map(|(_, row)| row).collect() })
    }

    /// From the columns of each row, ascending.
    pub(super) fn of_rows<'a>(columns: usize, by_row: impl ExactSizeIterator<Item = &'a [u32]>) -> Sparsity {
        let rows = by_row.len();
        let by_row: Vec<&[u32]> = by_row.collect();
        let mut starts = vec![0; columns + 1];
        by_row.iter().flat_map(|row| row.iter()).for_each(|&column| starts[column as usize + 1] += 1);
        (0..columns).for_each(|column| starts[column + 1] += starts[column]);
        let mut next = starts.clone();
        let mut indices = vec![0; starts[columns]];
        for (row, own) in by_row.iter().enumerate() {
            for &column in *own {
                indices[next[column as usize]] = row;
                next[column as usize] += 1;
            }
        }
        Sparsity { rows, columns, starts, indices }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }
    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }
    /// The number of entries.
    pub fn len(&self) -> usize {
        self.indices.len()
    }
    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }
    /// Where each column's entries start, and at last how many there are.
    pub fn column_starts(&self) -> &[usize] {
        &self.starts
    }
    /// Each entry's row.
    pub fn row_indices(&self) -> &[usize] {
        &self.indices
    }
    /// The rows of a column's entries.
    ///
    /// # Panics
    /// If there is no such column.
    pub fn column(&self, column: usize) -> &[usize] {
        &self.indices[self.starts[column]..self.starts[column + 1]]
    }

    /// Row and column of every entry, in the order of the values (COO).
    pub fn entries(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        (0..self.columns).flat_map(|column| self.column(column).iter().map(move |&row| (row, column)))
    }

    /// Where an entry stands among the values, if it is one.
    pub fn place(&self, row: usize, column: usize) -> Option<usize> {
        if column >= self.columns {
            return None;
        }
        self.column(column).binary_search(&row).ok().map(|k| self.starts[column] + k)
    }

    /// The entries row by row (CSR).
    pub fn by_rows(&self) -> ByRows {
        let mut starts = vec![0; self.rows + 1];
        self.indices.iter().for_each(|&row| starts[row + 1] += 1);
        (0..self.rows).for_each(|row| starts[row + 1] += starts[row]);
        let mut next = starts.clone();
        let (mut columns, mut places) = (vec![0; self.len()], vec![0; self.len()]);
        for (place, (row, column)) in self.entries().enumerate() {
            columns[next[row]] = column;
            places[next[row]] = place;
            next[row] += 1;
        }
        ByRows { starts, columns, places }
    }

    /// The pattern of the transposed matrix.
    pub fn transpose(&self) -> Sparsity {
        let ByRows { starts, columns, .. } = self.by_rows();
        Sparsity { rows: self.columns, columns: self.rows, starts, indices: columns }
    }

    /// The entries on the diagonal and below it.
    pub fn lower(&self) -> Sparsity {
        let mut starts = vec![0];
        let mut indices = Vec::with_capacity(self.len() / 2 + self.columns);
        for column in 0..self.columns {
            indices.extend(self.column(column).iter().copied().filter(|&row| row >= column));
            starts.push(indices.len());
        }
        Sparsity { rows: self.rows, columns: self.columns, starts, indices }
    }

    /// The entries of this pattern and of its transpose.
    pub(super) fn symmetric(&self) -> Sparsity {
        let other = self.transpose();
        let entries = self.entries().chain(other.entries());
        Sparsity::new(self.rows, self.columns, entries).expect("entries of a square matrix")
    }

    /// The matrix with these values, row by row; what is no entry is 0.
    ///
    /// # Errors
    /// If there are not as many values as entries; if the matrix takes more memory than [`eval::memory_limit`](crate::eval::memory_limit) allows.
    #[track_caller]
    pub fn dense<T: Copy + Default>(&self, values: &[T]) -> Result<Vec<T>> {
        self.check_values(values.len())?;
        let elements = self.rows.checked_mul(self.columns);
        check_memory(elements, size_of::<T>(), || format!("a dense matrix of {} × {}", self.rows, self.columns))?;
        let mut all = vec![T::default(); self.rows * self.columns];
        self.entries().zip(values).for_each(|((row, column), &v)| all[row * self.columns + column] = v);
        Ok(all)
    }

    #[track_caller]
    pub(crate) fn check_values(&self, values: usize) -> Result<()> {
        if values != self.len() {
            return Err(Error::here(ErrorKind::Length, format!("{values} values for {} entries", self.len())));
        }
        Ok(())
    }
}

/// That so many elements of a size are no more than there may be.
#[track_caller]
fn check_memory(elements: Option<usize>, each: usize, what: impl Fn() -> String) -> Result<()> {
    let limit = memory_limit();
    match elements.and_then(|n| n.checked_mul(each)) {
        Some(bytes) if bytes <= limit => Ok(()),
        _ => {
            let message = format!("{} would take more than {limit} bytes, the limit that `eval::set_memory_limit` sets", what());
            Err(Error::here(ErrorKind::Limit, message))
        }
    }
}

/// Rows of `×` and `·`, for a matrix of moderate size.
impl fmt::Display for Sparsity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.by_rows();
        for row in 0..self.rows {
            let mut line = vec!['·'; self.columns];
            rows.columns[rows.starts[row]..rows.starts[row + 1]].iter().for_each(|&column| line[column] = '×');
            writeln!(f, "{}", line.into_iter().collect::<String>())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Sparsity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sparsity({} of {} × {})", self.len(), self.rows, self.columns)
    }
}

//! Data in rows, and batches of them in an order that a seed decides.

use super::Rng;
use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::op::Scalar;

/// A data set: columns that have something for every row, in slices.
///
/// ```
/// use wengert::nn::Data;
/// let (x, y) = ([0.0, 0.1, 1.0, 1.1, 2.0, 2.1], [0.0, 1.0, 0.0]);
/// let data = Data::new().rows("x", &x, 2)?.labels("y", &y, 2)?;
/// let batches = data.batches(2)?;
/// let sizes: Vec<usize> = batches.epoch(0).map(|batch| batch.rows).collect();
/// assert_eq!(sizes, [2, 1]);
/// assert_eq!(batches.epoch(0).next().unwrap().columns, [vec![0.0, 0.1, 1.0, 1.1], vec![0.0, 1.0]]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Data<'a, T> {
    columns: Vec<Column<'a, T>>,
    rows: usize,
}

#[derive(Clone, Debug)]
struct Column<'a, T> {
    name: String,
    values: &'a [T],
    width: usize,
}

impl<T> Default for Data<'_, T> {
    fn default() -> Self {
        Data { columns: vec![], rows: 0 }
    }
}

impl<'a, T: Scalar> Data<'a, T> {
    /// A data set without columns.
    pub fn new() -> Self {
        Data::default()
    }

    /// With a column of `width` numbers for every row, one row after the other.
    ///
    /// # Errors
    /// If there is no row, a last row is not whole, or the columns before have another number of rows.
    #[track_caller]
    pub fn rows(mut self, name: &str, values: &'a [T], width: usize) -> Result<Self> {
        let len = values.len();
        if len == 0 || width == 0 {
            return Err(Error::here(ErrorKind::Value, format!("the column `{name}` has no rows: {len} numbers, {width} a row")));
        }
        if !len.is_multiple_of(width) {
            let message = format!("the column `{name}` has {}, which are no whole rows of {width}", count(len, "number"));
            return Err(Error::here(ErrorKind::Length, message));
        }
        let rows = len / width;
        if let Some(first) = self.columns.first()
            && rows != self.rows
        {
            let (here, there) = (count(rows, "row"), count(self.rows, "row"));
            let message = format!("the column `{name}` has {here}, and the column `{}` has {there}", first.name);
            return Err(Error::here(ErrorKind::Length, message));
        }
        self.rows = rows;
        self.columns.push(Column { name: name.into(), values, width });
        Ok(self)
    }

    /// With a column that has a class for every row, a whole number from 0 to below `classes`.
    ///
    /// # Errors
    /// As [`Data::rows`]; if a label is no class.
    #[track_caller]
    pub fn labels(self, name: &str, values: &'a [T], classes: usize) -> Result<Self> {
        if let Some((row, bad)) = values.iter().enumerate().find(|(_, v)| super::metrics::class(**v, classes).is_none()) {
            let message = format!("the label of row {row} in `{name}` is {bad:?}, which is no class below {classes}");
            return Err(Error::here(ErrorKind::Value, message));
        }
        self.rows(name, values, 1)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there is no row, for want of a column.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The rows in batches of `size`, in order; a smaller one comes last if need be.
    ///
    /// # Errors
    /// If `size` is 0 or there are no columns.
    #[track_caller]
    pub fn batches(&self, size: usize) -> Result<Batches<'a, T>> {
        if size == 0 || self.is_empty() {
            return Err(Error::here(ErrorKind::Value, format!("batches of {} out of {}", count(size, "row"), self.rows)));
        }
        Ok(Batches { data: self.clone(), size, seed: None, whole: false })
    }

    /// Some rows, in the order given.
    fn pick(&self, rows: &[usize]) -> Batch<T> {
        let column = |column: &Column<T>| {
            let mut picked = Vec::with_capacity(rows.len() * column.width);
            rows.iter().for_each(|&row| picked.extend_from_slice(&column.values[row * column.width..][..column.width]));
            picked
        };
        Batch { columns: self.columns.iter().map(column).collect(), rows: rows.len() }
    }
}

/// Some rows of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T> {
    /// The rows' part of each column, in order.
    pub columns: Vec<Vec<T>>,
    /// How many rows there are.
    pub rows: usize,
}

/// How a data set is cut into batches. An epoch's order follows from the seed and the epoch's number alone, so that a training
/// that was interrupted goes on where it stopped.
#[derive(Clone, Debug)]
pub struct Batches<'a, T> {
    data: Data<'a, T>,
    size: usize,
    seed: Option<u64>,
    whole: bool,
}

impl<'a, T: Scalar> Batches<'a, T> {
    /// With rows in a new order in every epoch.
    pub fn shuffled(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Without the last batch where it would be smaller than the others.
    ///
    /// # Errors
    /// If that leaves no batch.
    #[track_caller]
    pub fn whole_only(mut self) -> Result<Self> {
        if self.data.rows < self.size {
            let message = format!("{} make no whole batch of {}", count(self.data.rows, "row"), self.size);
            return Err(Error::here(ErrorKind::Value, message));
        }
        self.whole = true;
        Ok(self)
    }

    /// How many batches an epoch has.
    pub fn per_epoch(&self) -> usize {
        if self.whole { self.data.rows / self.size } else { self.data.rows.div_ceil(self.size) }
    }

    /// The batches of an epoch. Those that are skipped take no time.
    pub fn epoch(&self, number: u64) -> Epoch<'_, T> {
        let mut order: Vec<usize> = (0..self.data.rows).collect();
        if let Some(seed) = self.seed {
            Rng::new(seed).fork(number).shuffle(&mut order);
        }
        Epoch { data: &self.data, size: self.size, order, next: 0, end: self.per_epoch() }
    }
}

/// The batches of an epoch, one after the other.
#[derive(Clone, Debug)]
pub struct Epoch<'a, T> {
    data: &'a Data<'a, T>,
    size: usize,
    order: Vec<usize>,
    next: usize,
    end: usize,
}

impl<T: Scalar> Iterator for Epoch<'_, T> {
    type Item = Batch<T>;

    fn next(&mut self) -> Option<Batch<T>> {
        self.nth(0)
    }

    fn nth(&mut self, n: usize) -> Option<Batch<T>> {
        self.next = self.next.saturating_add(n).min(self.end);
        if self.next == self.end {
            return None;
        }
        let from = self.next * self.size;
        self.next += 1;
        Some(self.data.pick(&self.order[from..(from + self.size).min(self.order.len())]))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl<T: Scalar> ExactSizeIterator for Epoch<'_, T> {}

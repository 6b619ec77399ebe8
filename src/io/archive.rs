//! What a file holds.

use super::entry::{Entries, Entry};
use super::{bytes, file};
use crate::error::{Error, Kind as ErrorKind, Result, short, unknown_name};
use crate::eval::Array;
use crate::graph::{Function, Leaf, Structure, Visit, named};
use crate::op::Scalar;
use std::{panic::Location, path::Path};

/// Named entries that are saved together: texts, counts, arrays, structures of them, functions.
///
/// ```
/// use wengert::{Array, Function, io::Archive};
/// let f = Function::trace(["w", "x"], |[w, x]| w * x)?;
/// let mut archive = Archive::new();
/// archive.put_text("about", "a line").put_array("w", &Array::vector(vec![0.1f64, f64::NAN])).put_function("line", &f)?;
///
/// let read = Archive::from_bytes(&archive.to_bytes())?; // or save and load, with a path
/// assert_eq!(read.text("about")?, "a line");
/// assert_eq!(read.array::<f64>("w")?.data()[0], 0.1); // or `let w: Array<f32>`: the width is said, and must be that of the file
/// assert_eq!(read.function("line")?.eval(&[2.0, 3.0])?, [6.0]);
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Archive {
    entries: Entries,
}

impl Archive {
    /// An archive without entries.
    pub fn new() -> Self {
        Archive::default()
    }

    /// The names of the entries, in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    fn put(&mut self, name: &str, entry: Entry) -> &mut Self {
        match self.entries.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = entry,
            None => self.entries.push((name.into(), entry)),
        }
        self
    }

    /// Puts a text under a name, in place of what was there.
    pub fn put_text(&mut self, name: &str, text: &str) -> &mut Self {
        self.put(name, Entry::Text(text.into()))
    }

    /// Puts a whole number under a name, in place of what was there.
    pub fn put_count(&mut self, name: &str, count: u64) -> &mut Self {
        self.put(name, Entry::Count(count))
    }

    /// Puts bytes under a name, in place of what was there.
    pub(crate) fn put_bytes(&mut self, name: &str, bytes: Vec<u8>) -> &mut Self {
        self.put(name, Entry::Bytes(bytes))
    }

    /// Puts an array under a name, in place of what was there.
    pub fn put_array<T: Scalar>(&mut self, name: &str, array: &Array<T>) -> &mut Self {
        let mut bytes = Vec::with_capacity(size_of_val(array.data()));
        array.data().iter().for_each(|v| v.to_bytes(&mut bytes));
        self.put(name, Entry::Array(T::WIDTH, array.shape().to_vec(), bytes))
    }

    /// Puts a structure of numbers or arrays under a name, in place of what was there: an array for each leaf, which is called by the path to
    /// it, as in `model.layers[0].b`.
    ///
    /// ```
    /// use wengert::{Array, Structure, io::Archive};
    ///
    /// #[derive(Clone, Debug, PartialEq, Structure)]
    /// struct Dense<T> { w: T, b: T }
    ///
    /// let model = Dense { w: Array::from([[0.5, 1.0]]), b: Array::from([0.0, -1.0]) };
    /// let mut archive = Archive::new();
    /// archive.put_structure("model", &model);
    ///
    /// let read = Archive::from_bytes(&archive.to_bytes())?;
    /// assert_eq!(read.structure("model", &model)?, model);
    /// assert_eq!(read.array::<f64>("model.b")?, model.b);
    /// # Ok::<(), wengert::Error>(())
    /// ```
    pub fn put_structure<S: Structure<Leaf: Leaf> + ?Sized>(&mut self, name: &str, structure: &S) -> &mut Self {
        // An entry of that name, and the parts of a structure.
        let is_part = |known: &str| known.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        self.entries.retain(|(known, _)| !is_part(known));
        structure.visit(&mut Visit::new(&mut |path, leaf| {
            let array = Array { shape: leaf.lengths().to_vec(), data: leaf.numbers().to_vec() };
            self.put_array(&path.under(name), &array);
        }));
        self
    }

    /// The structure of a name, like a sample, of which only structure and shapes count.
    ///
    /// # Errors
    /// If there is none; if it has not the sample's leaves and shapes, or is of another width.
    #[track_caller]
    pub fn structure<S: Structure<Leaf: Leaf> + ?Sized>(&self, name: &str, sample: &S) -> Result<S::With<S::Leaf>> {
        let mut leaves = vec![];
        sample.visit(&mut Visit::new(&mut |path, leaf| leaves.push((path.under(name), leaf))));
        let known = self.parts(name);
        if let Some(other) = known.iter().find(|known| !leaves.iter().any(|(leaf, _)| leaf == *known)) {
            return Err(Error::here(ErrorKind::Name, format!("the structure has no place for the entry `{}`", short(other))));
        }
        let mut made = vec![];
        for (part, leaf) in leaves {
            let array = self.array::<<S::Leaf as Leaf>::Number>(&part)?;
            if array.shape() != leaf.lengths() {
                let (part, own, wanted) = (short(&part), array.shape(), leaf.lengths());
                let message = format!("the entry `{part}` has the shape {own:?}, and the sample {wanted:?}");
                return Err(Error::here(ErrorKind::Shape, message));
            }
            made.push(leaf.with(array.data()));
        }
        let mut made = made.into_iter();
        Ok(sample.map(|_| made.next().expect("a leaf for every leaf")))
    }

    /// The entries that a name stands for: itself, or the parts of a structure.
    fn parts(&self, name: &str) -> Vec<&str> {
        named(name, self.names()).into_iter().map(|at| self.entries[at].0.as_str()).collect()
    }

    /// Puts a function under a name, in place of what was there: its text, as [`Function::parse`] reads it.
    ///
    /// # Errors
    /// If it has operations that cannot be read from text.
    #[track_caller]
    pub fn put_function(&mut self, name: &str, function: &Function) -> Result<&mut Self> {
        let text = function.to_string();
        match text.parse::<Function>() {
            Ok(read) if read.to_string() == text => Ok(self.put_text(name, &text)),
            Ok(_) => Err(Error::here(ErrorKind::Unsupported, format!("the function `{name}` would be read as another one"))),
            Err(error) => {
                Err(Error::here(ErrorKind::Unsupported, format!("the function `{name}` could not be read again: {error}")))
            }
        }
    }

    #[track_caller]
    fn entry(&self, name: &str) -> Result<&Entry> {
        match self.entries.iter().find(|(known, _)| known == name) {
            Some((_, entry)) => Ok(entry),
            None => Err(unknown_name("entry", name, &self.names().collect::<Vec<_>>())),
        }
    }

    #[track_caller]
    fn other<R>(name: &str, entry: &Entry, wanted: &str) -> Result<R> {
        Err(Error::here(ErrorKind::Value, format!("the entry `{name}` is {}, not {wanted}", entry.what())))
    }

    /// The text of a name.
    ///
    /// # Errors
    /// If there is none, or it is no text.
    #[track_caller]
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.entry(name)? {
            Entry::Text(text) => Ok(text),
            entry => Archive::other(name, entry, "a text"),
        }
    }

    /// The whole number of a name.
    ///
    /// # Errors
    /// If there is none, or it is no whole number.
    #[track_caller]
    pub fn count(&self, name: &str) -> Result<u64> {
        match self.entry(name)? {
            Entry::Count(count) => Ok(*count),
            entry => Archive::other(name, entry, "a count"),
        }
    }

    /// The bytes of a name.
    ///
    /// # Errors
    /// If there are none, or it is something else.
    #[track_caller]
    pub(crate) fn bytes(&self, name: &str) -> Result<&[u8]> {
        match self.entry(name)? {
            Entry::Bytes(bytes) => Ok(bytes),
            entry => Archive::other(name, entry, "a run of bytes"),
        }
    }

    /// The array of a name.
    ///
    /// # Errors
    /// If there is none, or it is no array of this width.
    #[track_caller]
    pub fn array<T: Scalar>(&self, name: &str) -> Result<Array<T>> {
        match self.entry(name)? {
            Entry::Array(width, shape, bytes) if *width == T::WIDTH => {
                let data = bytes.chunks_exact(size_of::<T>()).map(|part| T::from_bytes(part).expect("a chunk is a number"));
                Array::new(shape, data.collect())
            }
            entry => Archive::other(name, entry, &format!("an array of {}", T::WIDTH)),
        }
    }

    /// The function of a name.
    ///
    /// # Errors
    /// If there is none, or its text does not parse.
    #[track_caller]
    pub fn function(&self, name: &str) -> Result<Function> {
        self.text(name)?.parse()
    }

    /// The archive as a file has it.
    pub fn to_bytes(&self) -> Vec<u8> {
        bytes::write(&self.entries)
    }

    /// Reads what [`Archive::to_bytes`] gives.
    ///
    /// # Errors
    /// If it is something else, of a newer version of this form, cut off, or damaged.
    #[track_caller]
    pub fn from_bytes(bytes: &[u8]) -> Result<Archive> {
        let at = Location::caller();
        let entries = bytes::read(bytes).map_err(|reason| Error::new(ErrorKind::File, reason).at(Some(at)))?;
        Ok(Archive { entries })
    }

    /// Writes a file. It is written beside the old one, which it then replaces, so that the old one stays if the disk is full or
    /// the machine stops.
    ///
    /// # Errors
    /// If it cannot be written.
    #[track_caller]
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        match file::replace(path, &self.to_bytes()) {
            Ok(()) => Ok(()),
            Err(error) => Err(Error::here(ErrorKind::File, format!("{} cannot be written: {error}", path.display()))),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not what [`Archive::save`] wrote.
    #[track_caller]
    pub fn load(path: impl AsRef<Path>) -> Result<Archive> {
        let (path, at) = (path.as_ref(), Location::caller());
        let wrong = |reason: String| Error::new(ErrorKind::File, format!("{}: {reason}", path.display())).at(Some(at));
        let bytes = file::read(path, bytes::MARKER).map_err(|error| wrong(format!("it cannot be read: {error}")))?;
        Ok(Archive { entries: bytes::read(&bytes).map_err(wrong)? })
    }
}

//! Where the members of a class read an operand: places in arrays, found to be evenly apart.
//!
//! In: one place for each member. Out: a few pieces, each of rows of places that go on by the same steps from row to row.

/// An element of an array of the rolled function, or a number by itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) array: u32,
    pub(super) index: u32,
}

/// Rows of places; each column goes on by its own step.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) rows: usize,
    pub(super) columns: Vec<(Place, isize)>,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.rows * self.columns.len()
    }
}

/// The longest row.
const WIDEST: usize = 64;
/// A piece of one column that has so many rows is not worth looking for rows.
const ENOUGH: usize = 8;
/// As many rows tell that places go on in rows.
const FEWEST_ROWS: usize = 3;

/// The pieces of some places, at most so many.
pub(super) fn pieces(places: &[Place], most: usize) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = places;
    while !rest.is_empty() {
        if pieces.len() == most {
            return None;
        }
        let piece = longest(rest);
        rest = &rest[piece.len()..];
        pieces.push(piece);
    }
    Some(pieces)
}

/// The longest piece at the start of some places.
fn longest(places: &[Place]) -> Piece {
    let mut best = with_width(places, 1);
    if best.rows >= ENOUGH.min(places.len()) {
        return best;
    }
    for width in 2..=WIDEST.min(places.len() / FEWEST_ROWS) {
        let piece = with_width(places, width);
        if piece.rows >= FEWEST_ROWS && piece.len() > best.len() {
            best = piece;
        }
    }
    best
}

/// The piece at the start that has rows of some width.
fn with_width(places: &[Place], width: usize) -> Piece {
    let step = |k: usize| {
        let (from, to) = (places[k], places.get(k + width)?);
        (from.array == to.array).then(|| to.index as isize - from.index as isize)
    };
    let steps: Option<Vec<isize>> = (0..width).map(step).collect();
    let Some(steps) = steps else {
        return Piece { rows: 1, columns: places[..width].iter().map(|&place| (place, 0)).collect() };
    };
    let goes_on = (width..places.len()).take_while(|&k| step(k - width) == Some(steps[k % width])).count();
    Piece { rows: 1 + goes_on / width, columns: places[..width].iter().copied().zip(steps).collect() }
}

//! The determinant by minors of the last rows, by hand: each minor once, by the set of its columns, 2ˡ in all.

/// Room for the minors and their adjoints.
pub struct Room {
    minors: Vec<f64>,
    adjoints: Vec<f64>,
}

impl Room {
    pub fn new(l: usize) -> Room {
        Room { minors: vec![0.0; 1 << l], adjoints: vec![0.0; 1 << l] }
    }
}

/// For each column of a set: the column, the rest of the set, and the term's sign.
fn terms(set: usize) -> impl Iterator<Item = (usize, usize, f64)> {
    let (mut left, mut sign) = (set, -1.0);
    std::iter::from_fn(move || {
        let column = (left != 0).then(|| left.trailing_zeros() as usize)?;
        left &= left - 1;
        sign = -sign;
        Some((column, set & !(1 << column), sign))
    })
}

/// The row that the minor of a set is expanded along.
fn row(a: &[f64], l: usize, set: usize) -> &[f64] {
    let first = l - set.count_ones() as usize;
    &a[first * l..(first + 1) * l]
}

pub fn objective(a: &[f64], l: usize, room: &mut Room) -> f64 {
    let minors = &mut room.minors;
    minors[0] = 1.0;
    for set in 1..minors.len() {
        let row = row(a, l, set);
        minors[set] = terms(set).map(|(column, rest, sign)| sign * row[column] * minors[rest]).sum();
    }
    minors[minors.len() - 1]
}

pub fn derivative(a: &[f64], l: usize, room: &mut Room, g: &mut [f64]) {
    objective(a, l, room);
    let Room { minors, adjoints } = room;
    g.fill(0.0);
    adjoints.fill(0.0);
    adjoints[minors.len() - 1] = 1.0;
    for set in (1..minors.len()).rev() {
        let first = l - set.count_ones() as usize;
        let (row, of_row) = (row(a, l, set), &mut g[first * l..(first + 1) * l]);
        for (column, rest, sign) in terms(set) {
            let adjoint = sign * adjoints[set];
            of_row[column] += adjoint * minors[rest];
            adjoints[rest] += adjoint * row[column];
        }
    }
}

//! Products of matrices over vectors: tiles of the result in registers, inner products, and sums of rows.
//!
//! The result is dense, in row-major order; factors have any strides. Nothing is allocated: what is packed is packed on the stack.

use super::lanes::Lanes;
use crate::schedule::ir::MatMul;
use std::ops::Range;

/// A part of the result: some rows, some columns.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) rows: Range<usize>,
    pub(super) columns: Range<usize>,
}

/// Terms that a panel of the second factor has at once, when it is packed; with two vectors of columns it stays in the first-level
/// cache.
const TERMS: usize = 256;
/// Bytes of a packed panel: two vectors of 64 bytes, `TERMS` times.
const PANEL: usize = 128 * TERMS;
/// A second factor of up to so many bytes is read where it is.
const SMALL: usize = 24 * 1024;
/// From so many rows on packing pays.
const MANY: usize = 24;
/// From so many terms on inner products pay.
const LONG: usize = 24;

/// Room for a panel, where vectors lie on whole cache lines.
#[repr(align(64))]
struct Panel(std::mem::MaybeUninit<[u8; PANEL]>);

/// A block of C = A·B. How an element of the result is computed depends on the whole product's size alone.
///
/// # Safety
/// The processor has the instructions of `V`; the strides stay within `a` and `b`, `c` has m·n elements, and the block is within them.
#[inline(always)]
pub(super) unsafe fn product<V: Lanes>(size: MatMul, block: Block, a: *const V::T, b: *const V::T, c: *mut V::T) {
    let MatMul { m, k, n, a: (ra, ca), b: (rb, cb), .. } = size;
    let columns = block.columns;
    let rows = block.rows.len();
    // SAFETY: as the caller promises, in every branch.
    unsafe {
        let (a, c) = (a.offset(block.rows.start as isize * ra), c.add(block.rows.start * n));
        if rb == 1 && (cb != 1 || n == 1) && (ca == 1 || k == 1) && (k >= LONG || m == 1 || n < 4) {
            inner::<V>((rows, k), columns, (a, ra), (b, cb), (c, n))
        } else if m == 1 && cb == 1 {
            combination::<V>((k, columns.len()), a, ca, b.add(columns.start), rb, c.add(columns.start))
        } else if cb == 1 && (m < MANY || k * n * size_of::<V::T>() <= SMALL) {
            for j in columns.clone().step_by(2 * V::N) {
                let width = (columns.end - j).min(2 * V::N);
                panel::<V>((rows, k, width), (a, ra, ca), (b.add(j), rb), (c.add(j), n), false);
            }
        } else {
            let mut room = Panel(std::mem::MaybeUninit::uninit());
            let packed = room.0.as_mut_ptr().cast::<V::T>();
            for j in columns.clone().step_by(2 * V::N) {
                let width = (columns.end - j).min(2 * V::N);
                for p in (0..k).step_by(TERMS) {
                    let terms = (k - p).min(TERMS);
                    pack::<V>((terms, width), b.offset(p as isize * rb + j as isize * cb), (rb, cb), packed);
                    let a = a.offset(p as isize * ca);
                    panel::<V>((rows, terms, width), (a, ra, ca), (packed, 2 * V::N as isize), (c.add(j), n), p > 0);
                }
            }
        }
    }
}

/// Rows of a panel, each with room for two vectors.
#[inline(always)]
unsafe fn pack<V: Lanes>((terms, width): (usize, usize), b: *const V::T, (rb, cb): (isize, isize), to: *mut V::T) {
    // SAFETY: the caller vouches for `terms` rows of `width` elements; the panel has room for more.
    unsafe {
        if cb == 1 {
            let (whole, part) = (width > V::N, V::first(if width > V::N { width - V::N } else { width }));
            for p in 0..terms {
                let (from, to) = (b.offset(p as isize * rb), to.add(p * 2 * V::N));
                if whole {
                    V::load(from).store(to);
                    V::load_part(from.add(V::N), part).store(to.add(V::N));
                } else {
                    V::load_part(from, part).store(to);
                }
            }
        } else {
            // Four columns at once, so that a line of the panel is written to while it is near.
            for j in (0..width).step_by(4) {
                for p in 0..terms {
                    for j in j..(j + 4).min(width) {
                        *to.add(p * 2 * V::N + j) = *b.offset(p as isize * rb + j as isize * cb);
                    }
                }
            }
        }
    }
}

/// Up to two vectors of columns of the result, over all rows.
#[inline(always)]
unsafe fn panel<V: Lanes>(
    (m, k, width): (usize, usize, usize),
    (a, ra, ca): (*const V::T, isize, isize),
    b: (*const V::T, isize),
    (c, rc): (*mut V::T, usize),
    add: bool,
) {
    let mut i = 0;
    macro_rules! tiles {
        ($($rows:literal)*) => { $(
            while $rows <= V::ROWS && m - i >= $rows {
                // SAFETY: these rows and columns are within the matrices, as the caller promises.
                unsafe {
                    let (a, c) = ((a.offset(i as isize * ra), ra, ca), (c.add(i * rc), rc));
                    match (width.div_ceil(V::N), width % V::N) {
                        (2, 0) => tile::<V, $rows, 2>(k, a, b, c, None, add),
                        (2, rest) => tile::<V, $rows, 2>(k, a, b, c, Some(V::first(rest)), add),
                        (_, 0) => tile::<V, $rows, 1>(k, a, b, c, None, add),
                        (_, rest) => tile::<V, $rows, 1>(k, a, b, c, Some(V::first(rest)), add),
                    }
                }
                i += $rows;
            }
        )* };
    }
    tiles!(8 4 2 1);
}

/// A vector, or a part of one. Parts are for the ends of rows alone: AVX2's store of a part takes as long as a dozen whole ones.
#[inline(always)]
unsafe fn load<V: Lanes>(from: *const V::T, part: Option<V::Part>) -> V {
    // SAFETY: the caller vouches for the part's elements, or for all.
    unsafe {
        match part {
            None => V::load(from),
            Some(part) => V::load_part(from, part),
        }
    }
}

/// See [`load`].
#[inline(always)]
unsafe fn store<V: Lanes>(v: V, to: *mut V::T, part: Option<V::Part>) {
    // SAFETY: the caller vouches for the part's elements, or for all.
    unsafe {
        match part {
            None => v.store(to),
            Some(part) => v.store_part(to, part),
        }
    }
}

/// A tile of the result in registers: `R` rows, `C` vectors of columns, of which the last one may be a part.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const C: usize>(
    k: usize,
    (mut a, ra, ca): (*const V::T, isize, isize),
    (mut b, rb): (*const V::T, isize),
    (c, rc): (*mut V::T, usize),
    last: Option<V::Part>,
    add: bool,
) {
    // SAFETY: the caller vouches for the tile's rows, columns and terms.
    unsafe {
        let mut sums = [[V::zero(); C]; R];
        for _ in 0..k {
            let mut row = [V::zero(); C];
            for (j, v) in row.iter_mut().enumerate() {
                *v = load(b.add(j * V::N), last.filter(|_| j + 1 == C));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = V::splat(*a.offset(r as isize * ra));
                for (sum, v) in sums.iter_mut().zip(row) {
                    *sum = x.fma(v, *sum);
                }
            }
            (a, b) = (a.wrapping_offset(ca), b.wrapping_offset(rb));
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                let (to, part) = (c.add(r * rc + j * V::N), last.filter(|_| j + 1 == C));
                let total = if add { load::<V>(to, part).add(sum) } else { sum };
                store(total, to, part);
            }
        }
    }
}

/// Inner products of rows of A and columns of B that are both dense: so many rows of so many terms, some columns.
#[inline(always)]
unsafe fn inner<V: Lanes>(
    (m, k): (usize, usize),
    columns: Range<usize>,
    (a, ra): (*const V::T, isize),
    b: (*const V::T, isize),
    (c, rc): (*mut V::T, usize),
) {
    let whole = m / 4 * 4;
    // SAFETY: these rows are within the matrices, as the caller promises.
    unsafe {
        for i in (0..whole).step_by(4) {
            inner_rows::<V, 4>(k, columns.clone(), (a.offset(i as isize * ra), ra), b, (c.add(i * rc), rc));
        }
        for i in whole..m {
            inner_rows::<V, 1>(k, columns.clone(), (a.offset(i as isize * ra), ra), b, (c.add(i * rc), rc));
        }
    }
}

/// `R` rows of the result, four columns at once.
#[inline(always)]
unsafe fn inner_rows<V: Lanes, const R: usize>(
    k: usize,
    columns: Range<usize>,
    a: (*const V::T, isize),
    (b, cb): (*const V::T, isize),
    (c, rc): (*mut V::T, usize),
) {
    let whole = columns.start + columns.len() / 4 * 4;
    // SAFETY: these columns are within the matrices, as the caller promises.
    unsafe {
        for j in (columns.start..whole).step_by(4) {
            inner_tile::<V, R, 4>(k, a, (b.offset(j as isize * cb), cb), c.add(j), rc);
        }
        for j in whole..columns.end {
            inner_tile::<V, R, 1>(k, a, (b.offset(j as isize * cb), cb), c.add(j), rc);
        }
    }
}

#[inline(always)]
unsafe fn inner_tile<V: Lanes, const R: usize, const C: usize>(
    k: usize,
    (a, ra): (*const V::T, isize),
    (b, cb): (*const V::T, isize),
    c: *mut V::T,
    rc: usize,
) {
    // SAFETY: the caller vouches for the tile's rows, columns and terms.
    unsafe {
        let mut sums = [[V::zero(); C]; R];
        let mut step = |p: usize, part: Option<V::Part>| {
            let mut columns = [V::zero(); C];
            for (j, v) in columns.iter_mut().enumerate() {
                *v = load(b.offset(j as isize * cb).add(p), part);
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x: V = load(a.offset(r as isize * ra).add(p), part);
                for (sum, v) in sums.iter_mut().zip(columns) {
                    *sum = x.fma(v, *sum);
                }
            }
        };
        let whole = k / V::N * V::N;
        for p in (0..whole).step_by(V::N) {
            step(p, None);
        }
        if whole < k {
            step(whole, Some(V::first(k - whole)));
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (j, sum) in sums.into_iter().enumerate() {
                *c.add(r * rc + j) = sum.sum();
            }
        }
    }
}

/// The sum of the rows of B, each times an element: a row of the result, in the order of memory. Each element of it is a chain of fused multiply-adds,
/// row by row, however many rows go at once.
#[inline(always)]
unsafe fn combination<V: Lanes>((k, n): (usize, usize), a: *const V::T, ca: isize, b: *const V::T, rb: isize, c: *mut V::T) {
    let mut p = 0;
    macro_rules! rows {
        ($($rows:literal)*) => { $(
            while k - p >= $rows {
                // SAFETY: the caller vouches for k rows of n elements, and k elements.
                unsafe {
                    let (a, b) = ((a.offset(p as isize * ca), ca), (b.offset(p as isize * rb), rb));
                    match p {
                        0 => combined::<V, $rows, false>(n, a, b, c),
                        _ => combined::<V, $rows, true>(n, a, b, c),
                    }
                }
                p += $rows;
            }
        )* };
    }
    rows!(8 4 2 1);
}

/// `R` rows of it, which are added to what there is, or are the first.
#[inline(always)]
unsafe fn combined<V: Lanes, const R: usize, const ADD: bool>(
    n: usize,
    (a, ca): (*const V::T, isize),
    (b, rb): (*const V::T, isize),
    c: *mut V::T,
) {
    // SAFETY: the caller vouches for the rows and the elements.
    unsafe {
        let mut factors = [V::zero(); R];
        for (t, x) in factors.iter_mut().enumerate() {
            *x = V::splat(*a.offset(t as isize * ca));
        }
        let step = |j: usize, part: Option<V::Part>| {
            let mut sum: V = if ADD { load(c.add(j), part) } else { V::zero() };
            for (t, x) in factors.iter().enumerate() {
                sum = x.fma(load(b.offset(t as isize * rb).add(j), part), sum);
            }
            store(sum, c.add(j), part);
        };
        let whole = n / V::N * V::N;
        for j in (0..whole).step_by(V::N) {
            step(j, None);
        }
        if whole < n {
            step(whole, Some(V::first(n - whole)));
        }
    }
}

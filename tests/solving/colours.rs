//! Colourings against published counts, and colours of a grid.

use super::sparse::ORDERS;
use crate::common::arrays::traced;
use wengert::sparse::{Compress, Method, Order, Symmetric};
use wengert::{Expr, Function};

fn of_pattern(f: impl Fn(&[Expr]) -> Expr, n: usize) -> Function {
    traced(("x", n), |x| f(&x))
}

#[test]
fn published_counts_of_colours() {
    let n = 30;
    let star = |f: &Function, order| Method::new().symmetric(Symmetric::Star).order(order).hessian(f).unwrap().sweeps().0;
    let acyclic = |f: &Function, order| Method::new().symmetric(Symmetric::Acyclic).order(order).hessian(f).unwrap().sweeps().0;
    // Tridiagonal: 3 by star, 2 by acyclic colouring (T. Coleman and J. Moré, 1984; T. Coleman and J.-Y. Cai, 1986).
    let chain = of_pattern(|x| x.windows(2).map(|w| (w[0] * w[1]).sin()).sum(), n);
    assert_eq!(chain.hessian_sparsity().unwrap().len(), 3 * n - 2);
    assert_eq!(star(&chain, Order::Natural), 3);
    assert_eq!(acyclic(&chain, Order::Natural), 2);
    // An arrow: every column meets all others, but 2 products tell all entries (M. Powell and P. Toint, 1979).
    let arrow = of_pattern(|x| x[1..].iter().map(|&y| (x[0] * y).sin() + y.powi(3)).sum(), n);
    assert_eq!((star(&arrow, Order::Natural), acyclic(&arrow, Order::Natural)), (2, 2));
    // As a Jacobian: n of columns or rows alone; one row, one column, and the diagonal together.
    let arrow = traced(("x", n), |x| {
        let first = x.iter().skip(1).fold(x[0], |sum, &y| sum + y * y);
        std::iter::once(first).chain(x[1..].iter().map(|&y| y * x[0])).collect::<Vec<_>>()
    });
    let sweeps = |f: &Function, compress| Method::new().compress(compress).jacobian(f).unwrap().sweeps();
    assert_eq!(sweeps(&arrow, Compress::Columns), (n, 0));
    assert_eq!(sweeps(&arrow, Compress::Rows), (0, n));
    let (forward, reverse) = sweeps(&arrow, Compress::Both);
    assert_eq!(forward + reverse, 3);
    // Banded: 2k + 1 columns (A. Curtis, M. Powell and J. Reid, 1974).
    for k in 1..5usize {
        let banded = traced(("x", n), |x| {
            (0..n).map(|i| x[i.saturating_sub(k)..(i + k + 1).min(n)].iter().map(|v| v.exp()).sum::<Expr>()).collect::<Vec<_>>()
        });
        for order in ORDERS {
            let j = Method::new().compress(Compress::Columns).order(order).jacobian(&banded).unwrap();
            assert!(if matches!(order, Order::Auto | Order::Natural) { j.sweeps().0 == 2 * k + 1 } else { j.sweeps().0 > 2 * k });
        }
    }
}

#[test]
fn colours_of_a_grid() {
    // Five points on a grid: columns need 5; star colouring needs 5 and acyclic colouring 3 (G. Fertin, A. Raspaud and B. Reed, 2004; G. Fertin,
    // E. Godard and A. Raspaud, 2003). Greedy colouring is near.
    let side = 12;
    let grid = traced(("x", side * side), |x| {
        let at = |i: usize, j: usize| x[i * side + j];
        let mut sum = x[0] * 0.0;
        for i in 0..side {
            for j in 0..side {
                sum += at(i, j).powi(4);
                if i + 1 < side {
                    sum += at(i, j) * at(i + 1, j).sin();
                }
                if j + 1 < side {
                    sum += at(i, j) * at(i, j + 1).sin();
                }
            }
        }
        sum
    });
    let pattern = grid.hessian_sparsity().unwrap();
    assert_eq!(pattern.len(), 5 * side * side - 4 * side);
    for order in ORDERS {
        let by = |symmetric| Method::new().symmetric(symmetric).order(order).hessian_lower(&grid).unwrap().sweeps().0;
        let (star, acyclic) = (by(Symmetric::Star), by(Symmetric::Acyclic));
        println!("{order:?}: star {star}, acyclic {acyclic}");
        assert!((5..=8).contains(&star), "{order:?}: {star}");
        assert!((3..=5).contains(&acyclic), "{order:?}: {acyclic}");
        let gradient = grid.grad().unwrap();
        let columns = Method::new().compress(Compress::Columns).order(order).jacobian(&gradient).unwrap().sweeps().0;
        assert!((5..=9).contains(&columns), "{order:?}: {columns}");
    }
}

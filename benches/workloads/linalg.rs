//! Linear equations and their gradient: |A⁻¹·b|², with respect to A and b, against nalgebra by hand.

use super::bench::*;
use nalgebra::{DMatrix, DVector};
use std::hint::black_box;
use wengert::Function;

pub fn run(bench: &mut Bench) {
    bench.section("Linear equations: |A⁻¹·b|² and its gradient");
    for (name, n) in [("linalg.solve.4", 4), ("linalg.solve.16", 16), ("linalg.solve.64", 64)] {
        if !bench.wants(name) {
            continue;
        }
        let f =
            Function::trace([format!("a[{n},{n}]"), format!("b[{n}]")].to_vec(), |x| x[0].solve(x[1]).powi(2).sum(..)).unwrap();
        let g = f.value_and_grad().unwrap().compile().unwrap();
        let mut a: Vec<f64> = (0..n * n).map(|k| (k as f64).sin() + if k % (n + 1) == 0 { n as f64 } else { 0.0 }).collect();
        let b: Vec<f64> = (0..n).map(|k| (k as f64).cos()).collect();
        let (mut y, mut da, mut db) = ([0.0], vec![0.0; n * n], vec![0.0; n]);
        g.call_into(&[&a, &b], &mut [&mut y, &mut da, &mut db]).unwrap();
        let mut matrix = DMatrix::from_row_slice(n, n, &a);
        let right = DVector::from_column_slice(&b);
        let by_hand = |a: &DMatrix<f64>, b: &DVector<f64>| {
            let x = a.clone().lu().solve(b).expect("regular");
            let adjoint = a.transpose().lu().solve(&(&x * 2.0)).expect("regular");
            (x.norm_squared(), &adjoint * -x.transpose(), adjoint)
        };
        let (value, of_a, of_b) = by_hand(&matrix, &right);
        agree(name, &y, &[value], 1e-12);
        agree(name, &da, of_a.transpose().as_slice(), 1e-12);
        agree(name, &db, of_b.as_slice(), 1e-12);
        let ours = |_: usize| {
            g.call_into(&[black_box(&a), &b], &mut [&mut y, &mut da, black_box(&mut db)]).unwrap();
            a[0] += 1e-12;
        };
        bench.pair(name, "native call / nalgebra, gradient by hand", (US, 1.0), Target::None, ours, |_| {
            black_box(by_hand(black_box(&matrix), &right));
            matrix[(0, 0)] += 1e-12;
        });
    }
}

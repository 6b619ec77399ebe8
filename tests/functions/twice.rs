//! Functions of numbers that are written twice: in numbers alone, and with arrays, loops, branches, roots and integrators inside.

use wengert::graph::Axis;
use wengert::implicit::newton;
use wengert::ode::rk4;
use wengert::rules::{custom_jvp, remat};
use wengert::{Expr, Function, Real, Scan, While, cond, lit, scan, select, while_loop};

/// A function of as many numbers, twice.
pub struct Case {
    pub name: &'static str,
    pub x: &'static [f64],
    pub plain: fn(&[Expr]) -> Vec<Expr>,
    pub inside: fn(&[Expr]) -> Vec<Expr>,
    /// How far values may be apart: an integrator, or a loop with a tolerance, is not exact.
    pub tolerance: f64,
}

impl Case {
    pub fn functions(&self) -> [Function; 2] {
        [self.plain, self.inside].map(|f| Function::trace(("x", self.x.len()), |x| f(&x)).unwrap())
    }
}

/// A turn of a loop.
pub fn turn<T: Real>([p, q]: [T; 2], a: T, b: T) -> [T; 2] {
    [(q * a).sin() + p * b, p * q + a * lit(0.1)]
}

pub fn turns<T: Real>(x: &[T], n: usize) -> [T; 2] {
    (0..n).fold([x[0], x[1]], |c, _| turn(c, x[2], x[3]))
}

const X4: &[f64] = &[0.7, -0.4, 1.3, 0.6];

pub const CASES: &[Case] = &[
    Case {
        name: "arrays",
        x: X4,
        plain: |x| {
            let squares = x.iter().map(|&x| x * x).sum::<Expr>();
            vec![squares.sqrt(), x.iter().map(|&x| x.sin()).product::<Expr>() * x[1]]
        },
        inside: |x| {
            let all = Expr::stack(x, 0);
            vec![all.norm(), all.sin().prod(0) * x[1]]
        },
        tolerance: 1e-14,
    },
    Case {
        name: "linear algebra",
        x: &[2.0, 0.3, -0.4, 1.5, 0.7, -1.1],
        plain: |x| {
            let det = x[0] * x[3] - x[1] * x[2];
            vec![(x[4] * x[3] - x[1] * x[5]) / det, (x[0] * x[5] - x[2] * x[4]) / det, det.ln()]
        },
        inside: |x| {
            let a = Expr::stack(&x[..4], 0).reshape([Axis::Fixed(2), Axis::Fixed(2)]);
            let y = a.solve(Expr::stack(&x[4..], 0));
            vec![y.at(0, 0), y.at(0, 1), a.log_det()]
        },
        tolerance: 1e-12,
    },
    Case {
        name: "scan",
        x: X4,
        plain: |x| {
            let [p, q] = turns(x, 5);
            vec![p * q, q.exp() + x[0]]
        },
        inside: |x| {
            let ([p, q], ()) = Scan::steps(5).run([x[0], x[1]], |c: [Expr; 2], ()| (turn(c, x[2], x[3]), ()));
            vec![p * q, q.exp() + x[0]]
        },
        tolerance: 1e-12,
    },
    Case {
        name: "scan over numbers",
        x: X4,
        plain: |x| {
            let (mut c, mut sum) = (x[0] * x[3], lit::<Expr>(0.0));
            for &x in x {
                c = (c * x).cos() + x;
                sum += c * c;
            }
            vec![sum + c]
        },
        inside: |x| {
            let (c, each) = scan(x[0] * x[3], Expr::stack(x, 0), |c: Expr, x| {
                let c = (c * x).cos() + x;
                (c, c * c)
            });
            vec![each.sum(..) + c]
        },
        tolerance: 1e-12,
    },
    Case {
        name: "while",
        x: &[40.0, 0.6, 0.2],
        plain: |x| {
            let step = |y: Expr| select(y.gt(1.0), y * x[1] + x[2].sin(), y);
            vec![(0..30).fold(x[0], |y, _| step(y)) * x[2], x[0] + x[1]]
        },
        inside: |x| {
            let y = while_loop(x[0], |y| y.gt(1.0), |y| y * x[1] + x[2].sin());
            vec![y * x[2], x[0] + x[1]]
        },
        tolerance: 1e-12,
    },
    Case {
        name: "bounded while",
        x: &[5.0],
        plain: |x| vec![x[0].sqrt().ln()],
        inside: |x| {
            let a = x[0];
            let y = While::at_most(40).run(a, |y| (y * y - a).abs().gt(a * 1e-15), |y| (y + a / y) * 0.5);
            vec![y.ln()]
        },
        tolerance: 1e-7,
    },
    Case {
        name: "cond",
        x: X4,
        plain: |x| {
            let (p, q) = (x[0] * x[1], x[2] + x[3]);
            vec![select(p.gt(0.0), p.ln(), p * q) + q, select(q.gt(1.0), q * q, p)]
        },
        inside: |x| {
            let (p, q) = (x[0] * x[1], x[2] + x[3]);
            vec![cond(p.gt(0.0), || p.ln(), || p * q) + q, cond(q.gt(1.0), || q * q, || p)]
        },
        tolerance: 1e-14,
    },
    Case {
        name: "loops with numbers between them",
        x: X4,
        plain: |x| {
            let [p, q] = turns(x, 3);
            let r = select(p.gt(q), p * x[0], q.exp());
            let [s, t] = turns(&[r, x[3], q, p], 4);
            vec![s, t * x[1], (x[0] * x[1]).sin(), s * r]
        },
        inside: |x| {
            let run = |x: &[Expr], n: usize| {
                let (a, b) = (x[2], x[3]);
                Scan::steps(n).run([x[0], x[1]], |c: [Expr; 2], ()| (turn(c, a, b), ())).0
            };
            let [p, q] = run(x, 3);
            let r = select(p.gt(q), p * x[0], q.exp());
            let [s, t] = run(&[r, x[3], q, p], 4);
            vec![s, t * x[1], (x[0] * x[1]).sin(), s * r]
        },
        tolerance: 1e-11,
    },
    Case {
        name: "loops beside each other",
        x: X4,
        plain: |x| x.iter().map(|&x| (0..4).fold(x, |y, _| (y * y + x).sin())).collect(),
        inside: |x| {
            let run = |x: Expr| Scan::steps(4).run(x, |y, ()| ((y * y + x).sin(), ())).0;
            x.iter().map(|&x| run(x)).collect()
        },
        tolerance: 1e-13,
    },
    Case {
        name: "loops in loops",
        x: X4,
        plain: |x| {
            let inner = |y: Expr| (0..3).fold(y, |z, _| select(z.gt(x[3]), z * x[2] - x[0], z.exp()));
            vec![(0..3).fold(x[1], |y, _| inner(y).sin())]
        },
        inside: |x| {
            let inner = |y: Expr| {
                let step = |z: Expr, ()| (cond(z.gt(x[3]), || z * x[2] - x[0], || z.exp()), ());
                Scan::steps(3).run(y, step).0
            };
            let (_, y) = while_loop((0.0, x[1]), |(k, _): (Expr, Expr)| k.lt(3.0), |(k, y)| (k + 1.0, inner(y).sin()));
            vec![y]
        },
        tolerance: 1e-12,
    },
    Case {
        name: "a rule, and what is computed again",
        x: X4,
        plain: |x| x.iter().map(|&x| x.exp().sin() * x).collect(),
        inside: |x| {
            let all = custom_jvp(Expr::stack(x, 0), |x| x.exp().sin(), |x, _, t| x.exp().cos() * x.exp() * t);
            let all = remat(all, |y| y * Expr::stack(x, 0));
            (0..x.len()).map(|k| all.at(0, k)).collect()
        },
        tolerance: 1e-13,
    },
    Case {
        name: "a root",
        x: &[2.3, 0.8],
        plain: |x| vec![x[0].sqrt() * x[1], (x[0] * x[1]).cbrt()],
        inside: |x| vec![newton(x[0], |y: Expr| y * y - x[0]).x * x[1], newton(1.0, |y: Expr| y.powi(3) - x[0] * x[1]).x],
        tolerance: 1e-8,
    },
    Case {
        name: "an integrator",
        x: &[0.5, 1.2],
        plain: |x| vec![x[1] * (-x[0]).exp(), x[0] * x[1]],
        inside: |x| vec![rk4([lit(0.0), lit(1.0)], 50, x[1], |_, y: Expr| -x[0] * y).0, x[0] * x[1]],
        tolerance: 1e-7,
    },
    Case {
        name: "one number to many, and many to one",
        x: &[0.3, 0.9, -0.2, 0.5, 1.1, 0.7, -0.8],
        plain: |x| {
            let sum = x.iter().map(|&x| x * x).sum::<Expr>();
            let y = (0..4).fold(sum, |y, _| (y + sum).sin());
            x.iter().map(|&x| x * y + x.exp()).collect()
        },
        inside: |x| {
            let sum = x.iter().map(|&x| x * x).sum::<Expr>();
            let y = Scan::steps(4).run(sum, |y, ()| ((y + sum).sin(), ())).0;
            x.iter().map(|&x| x * y + x.exp()).collect()
        },
        tolerance: 1e-13,
    },
];

//! Random programs: interpreter and native code give the same bits, for numbers, batches and arrays, and for gradients.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wengert::op::{DType, Op, Value};
use wengert::{Array, Expr, Function, Options, Real, Scalar, lit};

/// Bytes that a program is made of; zeros follow the last.
struct Source<'a>(&'a [u8]);

impl Source<'_> {
    fn byte(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    /// Any float of the width, those with few digits often.
    fn number<T: Scalar>(&mut self) -> T {
        let number = match self.below(4) {
            0 => f64::from_bits(u64::from_le_bytes(std::array::from_fn(|_| self.byte()))),
            1 => [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, 5e-324, f64::MAX][self.below(10)],
            2 => f64::from(self.byte() as i8) / 16.0,
            _ => 2f64.powi(i32::from(self.byte() as i8)) * (1.0 + f64::from(self.byte()) / 256.0),
        };
        T::lit(number)
    }
}

/// An operation, and which of the values before it it takes.
type Step = (Op, [usize; 3]);

fn steps(from: &mut Source, inputs: usize) -> Vec<Step> {
    let mut kinds = vec![DType::Float; inputs];
    let mut steps = Vec::new();
    for _ in 0..from.below(24) + 1 {
        let op = match Op::ALL[from.below(Op::ALL.len())] {
            Op::Powi(_) => Op::Powi(i32::from(from.byte() as i8)),
            Op::Polygamma(_) => Op::Polygamma(from.below(4) as i32),
            op => op,
        };
        let mut args = [0; 3];
        let found = op.operands().iter().zip(&mut args).all(|(wanted, arg)| {
            let mask = *wanted == DType::Mask;
            let of_kind: Vec<usize> = (0..kinds.len()).filter(|&k| (kinds[k] == DType::Mask) == mask).collect();
            !of_kind.is_empty() && {
                *arg = of_kind[from.below(of_kind.len())];
                true
            }
        });
        if found {
            kinds.push(op.result());
            steps.push((op, args));
        }
    }
    steps
}

fn results<S: Real>(steps: &[Step], x: &[S]) -> Vec<S> {
    let mut values: Vec<Value<S, S::Mask>> = x.iter().map(|&v| Value::Num(v)).collect();
    for (op, args) in steps {
        let args: Vec<_> = args[..op.arity()].iter().map(|&k| values[k]).collect();
        values.push(op.apply(&args));
    }
    let numbers: Vec<S> = values.iter().filter_map(|v| v.number()).collect();
    let last = numbers.len().saturating_sub(3);
    numbers[last..].to_vec()
}

/// Arrays of the shapes [n], [3,4] and [4], and operations that keep to shapes they know.
fn array_steps(from: &mut Source, x: &[Expr]) -> Expr {
    let mut values = x.to_vec();
    for _ in 0..from.below(12) + 1 {
        let [a, b] = [0, 1].map(|_| values[from.below(values.len())]);
        let axis = from.below(a.rank().max(1)) as isize;
        let y = match from.below(18) {
            0 if a.shape() == b.shape() => a + b,
            1 if a.shape() == b.shape() => a * b,
            2 if a.shape() == b.shape() => a / b,
            3 if a.shape() == b.shape() => a.max(b),
            4 => a.sin(),
            5 => a.exp(),
            6 => a.abs().sqrt(),
            7 if a.rank() > 0 => a.sum(axis),
            8 if a.rank() > 0 => a.cumsum(axis),
            9 if a.rank() > 0 => a.max_of(axis),
            10 if a.rank() == 2 => a.t(),
            11 if a.rank() == 2 && b.rank() == 2 && a.shape().axes()[1] == b.shape().axes()[0] => a.matmul(b),
            12 if a.rank() > 0 => a.softmax(axis),
            13 if a.rank() > 0 => a.log_sum_exp(axis),
            14 if a.rank() > 0 => a.gather(x[3], axis),
            15 if a.rank() > 0 => a.mean(axis),
            16 => wengert::scan(a, x[0], |c: Expr, t: Expr| ((c * 0.5 + t).tanh(), c.sum(..))).1,
            17 => wengert::select(a.gt(b.sum(..)), a, b.mean(..)),
            _ => a * 0.5 + b.sum(..),
        };
        values.push(y);
        if y.rank() > 3 {
            break;
        }
    }
    values.iter().skip(4).map(|y| y.sum(..)).reduce(|sum, y| sum + y).unwrap_or(lit(0.0))
}

/// Both engines on a function's inputs.
fn agree<T: Scalar>(f: &Function, x: &[Array<T>], fuse: bool) {
    let options = Options::new().fuse(fuse);
    let native = f.compile_with(options.clone()).unwrap().run(x);
    let interpreted = f.compile_with(options.interpreted(true)).unwrap().run(x);
    match (native, interpreted) {
        (Ok(a), Ok(b)) => {
            for (a, b) in a.arrays().iter().zip(b.arrays()) {
                let bits = |v: &T| if v.to_f64().is_nan() { u64::MAX } else { v.to_f64().to_bits() };
                let [a, b] = [a, b].map(|y| y.data().iter().map(bits).collect::<Vec<_>>());
                assert_eq!(a, b, "native and interpreted at {x:?}\n{f}");
            }
        }
        (Err(a), Err(b)) => assert_eq!(a.to_string(), b.to_string(), "{f}"),
        (a, b) => panic!("native {a:?}, interpreted {b:?}\n{f}"),
    }
}

fn numbers<T: Scalar + Real>(from: &mut Source, fuse: bool, with_gradient: bool) {
    let x: Vec<Array<T>> = (0..3).map(|_| Array::scalar(from.number())).collect();
    let batch: Vec<Array<T>> = (0..3).map(|_| Array::vector((0..5).map(|_| from.number()).collect())).collect();
    let steps = steps(from, 3);
    let Ok(f) = Function::trace_in(T::WIDTH, ["a", "b", "c"], |x| results(&steps, &x)) else { return };
    let f = if with_gradient { f.jacobian().unwrap() } else { f };
    agree(&f, &x, fuse);
    agree(&f.vmap("n", ["a", "b", "c"]).unwrap(), &batch, fuse);
}

fn arrays<T: Scalar>(from: &mut Source, fuse: bool, with_gradient: bool) {
    let n = from.below(20);
    let mut noise = |shape: &[usize]| Array::new(shape, (0..shape.iter().product()).map(|_| from.number()).collect()).unwrap();
    let x: Vec<Array<T>> = vec![noise(&[n]), noise(&[3, 4]), noise(&[4])];
    let index = Array::vector([0.0, 2.0, 1.0].map(|v| T::lit(v)).to_vec());
    let x = [&x[..], &[index]].concat();
    let names = ["x[n]", "a[3,4]", "b[4]", "k[3]: index"];
    let Ok(f) = Function::trace_in(T::WIDTH, names, |x| array_steps(from, &x)) else { return };
    let f = if with_gradient { f.grad().unwrap() } else { f };
    agree(&f, &x, fuse);
}

fuzz_target!(|data: &[u8]| {
    let mut from = Source(data);
    let kind = from.byte();
    let (fuse, with_gradient) = (kind & 1 != 0, kind & 2 != 0);
    match kind >> 2 & 3 {
        0 => numbers::<f64>(&mut from, fuse, with_gradient),
        1 => numbers::<f32>(&mut from, fuse, with_gradient),
        2 => arrays::<f64>(&mut from, fuse, with_gradient),
        _ => arrays::<f32>(&mut from, fuse, with_gradient),
    }
});

//! W7 and W8: training steps of networks of one hidden layer, in f32, against C with a BLAS library.

use super::{arrays::descent, bench::*, cc::Library};
use std::ffi::{CStr, c_int, c_void};
use std::hint::black_box;
use std::io::Read as _;
use wengert::{Compiled, Function, Width};

const BATCH: usize = 64;

/// The signature of `step` in networks.c.
type Step = unsafe extern "C" fn(
    c_int,
    c_int,
    c_int,
    c_int,
    *const f32,
    *const f32,
    *mut f32,
    *mut f32,
    *mut f32,
    *mut f32,
    *mut f32,
    f32,
) -> f32;

/// A network and its data: rows of inputs and, for a classifier, labels.
struct Workload {
    name: &'static str,
    sizes: [usize; 3],
    x: Vec<f32>,
    labels: Option<Vec<f32>>,
    rate: f64,
    /// w1, b1, w2, b2.
    start: [Vec<f32>; 4],
    /// Steps in the figure that is printed.
    steps: usize,
    /// The bound of the ratio.
    most: f64,
}

pub fn run(bench: &mut Bench) {
    bench.section("W7 and W8: training steps on batches of 64 rows, f32, against C (gcc -O3 -march=native -ffast-math)");
    if !["w7.digits", "w8.mlp", "w8.ae"].iter().any(|name| bench.wants(name)) {
        return;
    }
    let reference = match Reference::load() {
        Ok(reference) => reference,
        Err(why) => return bench.note(&format!("left out: {why}")),
    };
    bench.note(&format!("the reference's matrix products: {}", reference.products));
    if bench.wants("w7.digits") {
        training(bench, &reference, digits());
    }
    for workload in [classifier(), autoencoder()] {
        if bench.wants(workload.name) {
            training(bench, &reference, workload);
        }
    }
}

fn waves(n: usize, scale: f64) -> Vec<f32> {
    (0..n).map(|k| ((k as f64 + 1.0).sin() * scale) as f32).collect()
}

fn start([inputs, hidden, outputs]: [usize; 3], scales: [f64; 2]) -> [Vec<f32>; 4] {
    let (w1, w2) = (waves(inputs * hidden, scales[0]), waves(hidden * outputs, scales[1]));
    [w1, vec![0.0; hidden], w2, vec![0.0; outputs]]
}

/// 28 batches of handwritten digits.
fn digits() -> Workload {
    let mut text = String::new();
    flate2::read::GzDecoder::new(&include_bytes!("../../data/digits.csv.gz")[..]).read_to_string(&mut text).unwrap();
    let rows: Vec<Vec<f32>> = text.lines().map(|row| row.split(',').map(|v| v.parse().unwrap()).collect()).collect();
    let rows = &rows[..28 * BATCH];
    let sizes = [64, 32, 10];
    Workload {
        name: "w7.digits",
        sizes,
        x: rows.iter().flat_map(|row| row[..64].iter().map(|v| v / 16.0)).collect(),
        labels: Some(rows.iter().map(|row| row[64]).collect()),
        rate: 0.1,
        start: start(sizes, [1.0 / 8.0, 1.0 / 6.0]),
        steps: 28,
        most: 1.2,
    }
}

fn pictures() -> Vec<f32> {
    (0..640 * 784).map(|k| (0.5 + 0.5 * (0.37 * k as f64).sin()) as f32).collect()
}

fn classifier() -> Workload {
    let sizes = [784, 128, 10];
    let labels = (0..640).map(|i| (i % 10) as f32).collect();
    let start = start(sizes, [1.0 / 28.0, 1.0 / 128f64.sqrt()]);
    Workload { name: "w8.mlp", sizes, x: pictures(), labels: Some(labels), rate: 0.01, start, steps: 100, most: 1.1 }
}

fn autoencoder() -> Workload {
    let sizes = [784, 64, 784];
    Workload {
        name: "w8.ae",
        sizes,
        x: pictures(),
        labels: None,
        rate: 0.1,
        start: start(sizes, [1.0 / 28.0, 1.0 / 8.0]),
        steps: 100,
        most: 1.1,
    }
}

impl Workload {
    /// Loss, gradient and update as one function.
    fn step(&self) -> Compiled {
        let [inputs, hidden, outputs] = self.sizes;
        let mut declared = vec![
            format!("w1[{inputs},{hidden}]"),
            format!("b1[{hidden}]"),
            format!("w2[{hidden},{outputs}]"),
            format!("b2[{outputs}]"),
            format!("x[n,{inputs}]"),
        ];
        declared.extend(self.labels.is_some().then(|| "y[n]: index".to_owned()));
        let loss = Function::trace_in(Width::F32, declared, |v| {
            let result = (v[4].matmul(v[0]) + v[1]).relu().matmul(v[2]) + v[3];
            match v.get(5) {
                Some(&y) => result.cross_entropy(y).mean(..),
                None => (result - v[4]).powi(2).mean(..),
            }
        });
        descent(&loss.unwrap(), &["w1", "b1", "w2", "b2"], self.rate)
    }

    /// Steps over batches in order, by our code; gives the last loss.
    fn ours(&self, step: &Compiled, steps: usize, from: usize, [w1, b1, w2, b2]: &mut [Vec<f32>; 4]) -> f32 {
        let mut loss = [0.0];
        for s in from..from + steps {
            let (x, y) = self.batch(s);
            let outputs: &mut [&mut [f32]] = &mut [&mut loss, w1, b1, w2, b2];
            match y {
                Some(y) => step.call_into(&[x, y], outputs),
                None => step.call_into(&[x], outputs),
            }
            .unwrap();
        }
        loss[0]
    }

    /// The same by the reference.
    fn theirs(&self, step: Step, steps: usize, from: usize, [w1, b1, w2, b2]: &mut [Vec<f32>; 4], space: &mut [f32]) -> f32 {
        let [inputs, hidden, outputs] = self.sizes.map(|n| n as c_int);
        let mut loss = 0.0;
        for s in from..from + steps {
            let (x, y) = self.batch(s);
            let y = y.map_or(std::ptr::null(), <[f32]>::as_ptr);
            let [w1, b1, w2, b2] = [&mut *w1, b1, w2, b2].map(|v| v.as_mut_ptr());
            let space = space.as_mut_ptr();
            // SAFETY: the slices are as long as the sizes say, and the space is long enough for the gradients and the batch.
            loss =
                unsafe { step(BATCH as c_int, inputs, hidden, outputs, x.as_ptr(), y, w1, b1, w2, b2, space, self.rate as f32) };
        }
        loss
    }

    fn batch(&self, step: usize) -> (&[f32], Option<&[f32]>) {
        let width = self.sizes[0];
        let k = step % (self.x.len() / width / BATCH);
        let labels = self.labels.as_ref().map(|labels| &labels[k * BATCH..][..BATCH]);
        (&self.x[k * BATCH * width..][..BATCH * width], labels)
    }
}

fn training(bench: &mut Bench, reference: &Reference, workload: Workload) {
    let (step, making) = timed(|| workload.step());
    bench.note(&format!("{step:?}; {:.1} ms with tracing and differentiating", making.as_secs_f64() * 1e3));
    let [inputs, hidden, outputs] = workload.sizes;
    let mut space = vec![0f32; BATCH * (2 * hidden + outputs) + (inputs + outputs) * hidden];
    let mut a = workload.start.clone();
    let mut b = workload.start.clone();
    let losses = [workload.ours(&step, 50, 0, &mut a), workload.theirs(reference.step, 50, 0, &mut b, &mut space)];
    agree(workload.name, &[losses[0] as f64], &[losses[1] as f64], 1e-3);
    for (a, b) in a.iter().zip(&b) {
        let wide = |v: &[f32]| v.iter().map(|&v| v as f64).collect::<Vec<_>>();
        agree(workload.name, &wide(a), &wide(b), 2e-3);
    }
    let unit = (MS, 1.0 / workload.steps as f64);
    let what = if workload.steps == 28 { "an epoch of 28 steps / in C" } else { "100 steps / in C" };
    let (mut s, mut t) = (0, 0);
    bench.pair(
        workload.name,
        what,
        unit,
        Target::Within(workload.most),
        |_| {
            black_box(workload.ours(&step, 1, s, &mut a));
            s += 1;
        },
        |_| {
            black_box(workload.theirs(reference.step, 1, t, &mut b, &mut space));
            t += 1;
        },
    );
}

/// networks.c, compiled by the system's compiler, with a BLAS library if there is one.
struct Reference {
    step: Step,
    products: String,
}

impl Reference {
    fn load() -> Result<Reference, String> {
        let flags = ["-O3", "-march=native", "-ffast-math"];
        let library = Library::compile("networks", include_str!("networks.c"), &flags)?;
        // SAFETY: the benches are one thread when they begin.
        unsafe {
            std::env::remove_var("OPENBLAS_CORETYPE");
            std::env::remove_var("OPENBLAS_L2_SIZE");
            std::env::set_var("OPENBLAS_NUM_THREADS", "1");
        }
        let mut products = "plain loops, as there is no OpenBLAS".to_owned();
        if let Ok(blas) = Library::open("libopenblas.so.0").or_else(|_| Library::open("libopenblas.so")) {
            // SAFETY: the variable of networks.c is a pointer to this function.
            unsafe { *library.symbol(c"sgemm")?.cast::<*mut c_void>() = blas.symbol(c"cblas_sgemm")? };
            products = "OpenBLAS".to_owned();
            // SAFETY: the function takes nothing and gives a string that stays.
            if let Ok(name) = unsafe { blas.function::<extern "C" fn() -> *const i8>(c"openblas_get_corename") } {
                // SAFETY: as above.
                let core = unsafe { CStr::from_ptr(name()) };
                products += &format!(" on one thread, kernels for {}", core.to_string_lossy());
            }
        }
        // SAFETY: networks.c defines it with this signature.
        let step = unsafe { library.function::<Step>(c"step")? };
        Ok(Reference { step, products })
    }
}

//! W7 and W8: training steps of networks of one hidden layer, in f32, against C with a BLAS library.

use super::{arrays::descent, bench::*};
use std::ffi::{CStr, CString, c_int, c_void};
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;
use wengert::{CompiledUpdate, Function, Width};

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
}

pub fn run(bench: &mut Bench) {
    bench.section("W7 and W8: training steps on batches of 64 rows, f32, against C (gcc -O3 -march=native -ffast-math)");
    if !bench.wants_any(&["w7.digits", "w8.mlp", "w8.ae"]) {
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
    }
}

fn pictures() -> Vec<f32> {
    (0..640 * 784).map(|k| (0.5 + 0.5 * (0.37 * k as f64).sin()) as f32).collect()
}

fn classifier() -> Workload {
    let sizes = [784, 128, 10];
    let labels = (0..640).map(|i| (i % 10) as f32).collect();
    let start = start(sizes, [1.0 / 28.0, 1.0 / 128f64.sqrt()]);
    Workload { name: "w8.mlp", sizes, x: pictures(), labels: Some(labels), rate: 0.01, start, steps: 100 }
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
    }
}

impl Workload {
    /// Loss, gradient and update as one function.
    fn step(&self) -> CompiledUpdate {
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
    fn ours(&self, step: &CompiledUpdate, steps: usize, from: usize, [w1, b1, w2, b2]: &mut [Vec<f32>; 4]) -> f32 {
        let mut loss = [0.0];
        for s in from..from + steps {
            let (x, y) = self.batch(s);
            let state: &mut [&mut [f32]] = &mut [w1, b1, w2, b2];
            match y {
                Some(y) => step.call_into(state, &[x, y], &mut [&mut loss]),
                None => step.call_into(state, &[x], &mut [&mut loss]),
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
        Target::Within(1.5),
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
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/workloads/networks.c");
        let folder = std::env::temp_dir().join(format!("wengert-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(|e| e.to_string())?;
        let (object, library) = (folder.join("networks.o"), folder.join("networks.so"));
        // In two steps: linked with -ffast-math, the library would switch this process to flush subnormal numbers to zero.
        let flags = ["-O3", "-march=native", "-ffast-math", "-fPIC", "-c"];
        let made = execute(Command::new("cc").args(flags).arg(&source).arg("-o").arg(&object))
            .and_then(|()| execute(Command::new("cc").arg("-shared").arg(&object).arg("-o").arg(&library).arg("-lm")))
            .and_then(|()| open(&library.to_string_lossy()));
        let _ = std::fs::remove_dir_all(&folder);
        let library = made?;
        // SAFETY: the benches are one thread when they begin.
        unsafe {
            std::env::remove_var("OPENBLAS_CORETYPE");
            std::env::remove_var("OPENBLAS_L2_SIZE");
            std::env::set_var("OPENBLAS_NUM_THREADS", "1");
        }
        let mut products = "plain loops, as there is no OpenBLAS".to_owned();
        if let Ok(blas) = open("libopenblas.so.0").or_else(|_| open("libopenblas.so")) {
            let sgemm = symbol(blas, c"cblas_sgemm")?;
            // SAFETY: the variable of networks.c is a pointer to this function.
            unsafe { *symbol(library, c"sgemm")?.cast::<*mut c_void>() = sgemm };
            products = "OpenBLAS".to_owned();
            if let Ok(name) = symbol(blas, c"openblas_get_corename") {
                // SAFETY: the function takes nothing and gives a string that stays.
                let core = unsafe { CStr::from_ptr(std::mem::transmute::<*mut c_void, extern "C" fn() -> *const i8>(name)()) };
                products += &format!(" on one thread, kernels for {}", core.to_string_lossy());
            }
        }
        // SAFETY: networks.c defines it with this signature.
        let step = unsafe { std::mem::transmute::<*mut c_void, Step>(symbol(library, c"step")?) };
        Ok(Reference { step, products })
    }
}

fn execute(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("the C compiler ended with {status}")),
        Err(error) => Err(format!("no C compiler ({error})")),
    }
}

fn open(library: &str) -> Result<*mut c_void, String> {
    let path = CString::new(library).expect("a path has no zero byte");
    // SAFETY: the library's initialisers are the C library's and OpenBLAS's.
    let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
    if handle.is_null() { Err(format!("{library} cannot be loaded")) } else { Ok(handle) }
}

fn symbol(library: *mut c_void, name: &CStr) -> Result<*mut c_void, String> {
    // SAFETY: the handle is open.
    let address = unsafe { libc::dlsym(library, name.as_ptr()) };
    if address.is_null() { Err(format!("no symbol {name:?}")) } else { Ok(address) }
}

//! What the examples share: reading data, timing, line charts, a network, constrained optimisation.

pub mod chart;
pub mod classifier;
pub mod images;
#[cfg(feature = "clarabel")]
pub mod sqp;
pub mod svg;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// What every example's `main` gives.
pub type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A path in this repository, from wherever the example is started.
pub fn in_repository(path: &str) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the examples are a folder of the repository");
    repository.join(path)
}

/// Writes a file into the directory `out`, which git ignores, and says so.
pub fn write_out(name: &str, contents: &str) -> Outcome {
    let path = out_path(name)?;
    fs::write(&path, contents).map_err(|error| format!("{}: {error}", path.display()))?;
    println!("wrote out/{name}");
    Ok(())
}

/// Reads what an example has written; `None`, with a line that says what to do, if the example `maker` has not been run.
pub fn made_by<R>(maker: &str, name: &str, read: impl FnOnce(&Path) -> wengert::Result<R>) -> Outcome<Option<R>> {
    let path = out_path(name)?;
    if !path.exists() {
        println!("out/{name} is not there: `cargo run --release --example {maker}` writes it");
        return Ok(None);
    }
    Ok(Some(read(&path)?))
}

/// A path in that directory, which is made if need be.
pub fn out_path(name: &str) -> Outcome<PathBuf> {
    let out = in_repository("out");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    Ok(out.join(name))
}

/// Rows of numbers, each with a class.
pub struct Table {
    pub columns: usize,
    pub x: Vec<Vec<f64>>,
    pub class: Vec<usize>,
    pub class_names: Vec<String>,
}

impl Table {
    /// Reads `rows,columns,class names…`, then that many rows of numbers that end with the class, counted from 0.
    ///
    /// Everything that could spoil a training quietly is an error that names the line: a missing field, text, NaN, a class
    /// that there is not.
    pub fn read(path: &Path) -> Outcome<Table> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Table::parse(&text).map_err(|error| format!("{}, {error}", path.display()).into())
    }

    fn parse(text: &str) -> Result<Table, String> {
        let mut lines = text.lines().enumerate().map(|(k, line)| (k + 1, line));
        let (_, head) = lines.next().ok_or("line 1: the file is empty")?;
        let head: Vec<&str> = head.split(',').collect();
        let count = |k: usize, what: &str| {
            let field = head.get(k).copied().unwrap_or_default();
            field.trim().parse::<usize>().map_err(|_| format!("line 1: the number of {what} is `{field}`, not a whole number"))
        };
        let (rows, columns) = (count(0, "rows")?, count(1, "columns")?);
        let class_names: Vec<String> = head[2..].iter().map(|name| name.trim().to_owned()).collect();
        let (mut x, mut class) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
        for (number, line) in lines {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            if fields.len() != columns + 1 {
                return Err(format!("line {number}: {} fields, not {columns} numbers and a class", fields.len()));
            }
            let value = |(k, field): (usize, &&str)| match field.parse::<f64>() {
                Ok(v) if v.is_finite() => Ok(v),
                Ok(v) => Err(format!("line {number}, field {}: {v} is not a finite number", k + 1)),
                Err(_) => Err(format!("line {number}, field {}: `{field}` is not a number", k + 1)),
            };
            x.push(fields[..columns].iter().enumerate().map(value).collect::<Result<Vec<f64>, _>>()?);
            match fields[columns].parse() {
                Ok(k) if k < class_names.len() => class.push(k),
                _ => {
                    let last = class_names.len().saturating_sub(1);
                    return Err(format!("line {number}: `{}` is not a class from 0 to {last}", fields[columns]));
                }
            }
        }
        if x.len() != rows {
            return Err(format!("line 1: {rows} rows are announced, and {} follow", x.len()));
        }
        Ok(Table { columns, x, class, class_names })
    }
}

/// Says what a training step has become.
pub fn tell(report: &wengert::Report) {
    println!(
        "a training step is {} operations in {} native loops, compiled in {}",
        report.operations,
        report.functions,
        readable(report.compile_time.as_secs_f64())
    );
}

/// Seconds that one call takes: the fastest of several rounds, each long enough for the clock.
pub fn seconds<R>(mut f: impl FnMut() -> R) -> f64 {
    let mut time = |calls: u32| {
        let start = Instant::now();
        for _ in 0..calls {
            std::hint::black_box(f());
        }
        start.elapsed().as_secs_f64() / f64::from(calls)
    };
    let calls = (2e-3 / time(1).max(1e-9)).ceil().clamp(1.0, 1e6) as u32;
    (0..5).map(|_| time(calls)).fold(f64::INFINITY, f64::min)
}

/// A duration with a fitting unit.
pub fn readable(seconds: f64) -> String {
    match seconds {
        s if s < 1e-6 => format!("{:.1} ns", s * 1e9),
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.1} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// The largest distance between numbers at the same place.
pub fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "slices to compare are equally long");
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |most, d| if d.is_nan() { f64::NAN } else { d.max(most) })
}

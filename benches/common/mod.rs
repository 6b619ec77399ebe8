//! The harness: our variant against a reference, interleaved on the CPU clock of this thread.
//!
//! A figure is the median over pairs of the ratio of two samples that ran one after the other, so that a load on the machine
//! that lasts longer than a sample falls on both.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Pairs per row.
const PAIRS: usize = 31;
/// A sample lasts at least this long.
const SAMPLE: Duration = Duration::from_millis(1);

/// CPU time of this thread.
pub fn cpu_time() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every system that the benches run on, and `now` is valid for writes.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    assert_eq!(status, 0, "the thread's CPU clock can be read");
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// The time on the wall, which counts what other threads do meanwhile once.
pub fn wall_time() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

/// CPU time of one run of `f` on this thread, with its result.
pub fn timed<R>(f: impl FnOnce() -> R) -> (R, Duration) {
    let start = cpu_time();
    let result = f();
    (result, cpu_time() - start)
}

/// What a row aims at.
#[derive(Copy, Clone)]
pub enum Target {
    /// Our time over the reference's, at most.
    Within(f64),
    /// The reference's time over ours, at least.
    Faster(f64),
    /// An absolute figure in the row's unit, at most.
    Below(f64),
    /// For information.
    None,
}

/// A unit of figures.
#[derive(Copy, Clone)]
pub struct Unit(pub &'static str, pub f64);
pub const NS: Unit = Unit("ns", 1e9);
pub const US: Unit = Unit("µs", 1e6);
pub const MS: Unit = Unit("ms", 1e3);

/// The rows that are asked for on the command line.
pub struct Bench {
    /// What samples are timed by: CPU time of the thread, unless other threads take part.
    pub clock: fn() -> Duration,
    filter: Vec<String>,
    markdown: bool,
    section: &'static str,
}

struct Row<'a> {
    name: &'a str,
    what: &'a str,
    ours: String,
    reference: String,
    ratio: String,
    target: String,
}

impl Bench {
    /// Reads the command line: words select the rows whose names start with one of them, dot by dot, or have it as a part;
    /// `--markdown` prints tables to paste.
    pub fn from_args() -> Bench {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let filter = arguments.iter().filter(|word| !word.starts_with('-')).cloned().collect();
        Bench { filter, markdown: arguments.iter().any(|word| word == "--markdown"), section: "", clock: cpu_time }
    }

    /// Whether a row is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.filter.is_empty()
            || self.filter.iter().any(|word| {
                let rest = name.strip_prefix(word.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || name.split('.').any(|part| part == word)
            })
    }

    /// Whether any row of these is asked for: setting one up may take long.
    pub fn wants_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(name))
    }

    /// Starts a table.
    pub fn section(&mut self, title: &'static str) {
        self.section = title;
    }

    /// Our variant against a reference; each closure is one evaluation, given its number. `per` divides the printed times.
    pub fn pair(
        &mut self,
        name: &str,
        what: &str,
        (unit, per): (Unit, f64),
        target: Target,
        mut ours: impl FnMut(usize),
        mut reference: impl FnMut(usize),
    ) {
        if !self.wants(name) {
            return;
        }
        let (a, b) = (repetitions(&mut ours, self.clock), repetitions(&mut reference, self.clock));
        let mut pairs = Vec::with_capacity(PAIRS);
        for k in 0..PAIRS {
            pairs.push(if k % 2 == 0 {
                let x = sample(&mut ours, a, self.clock);
                (x, sample(&mut reference, b, self.clock))
            } else {
                let y = sample(&mut reference, b, self.clock);
                (sample(&mut ours, a, self.clock), y)
            });
        }
        let time = |quartiles: [f64; 3]| figure(quartiles[1] * unit.1 / per, unit.0);
        let faster = matches!(target, Target::Faster(_));
        let ratio = quartiles(pairs.iter().map(|(x, y)| if faster { y / x } else { x / y }));
        let met = match target {
            Target::Within(most) => format!("≤ {most}× {}", mark(ratio[1] <= most)),
            Target::Faster(least) => format!("≥ {least}× faster {}", mark(ratio[1] >= least)),
            Target::Below(_) | Target::None => String::new(),
        };
        self.print(Row {
            name,
            what,
            ours: time(quartiles(pairs.iter().map(|pair| pair.0))),
            reference: time(quartiles(pairs.iter().map(|pair| pair.1))),
            ratio: format!("{:.2}{} ({:.2}–{:.2})", ratio[1], if faster { "× faster" } else { "" }, ratio[0], ratio[2]),
            target: met,
        });
    }

    /// A figure without a reference.
    pub fn absolute(&mut self, name: &str, what: &str, figures: &[f64], unit: &str, target: Target) {
        let [low, median, high] = quartiles(figures.iter().copied());
        let met = match target {
            Target::Below(most) => format!("≤ {most} {unit} {}", mark(median <= most)),
            _ => String::new(),
        };
        let ratio = if figures.len() > 1 { format!("({low:.3}–{high:.3})") } else { String::new() };
        self.print(Row { name, what, ours: figure(median, unit), reference: String::new(), ratio, target: met });
    }

    /// A line of explanation under the rows.
    pub fn note(&self, text: &str) {
        if !self.markdown {
            println!("    {text}");
        }
    }

    fn print(&mut self, row: Row) {
        let Row { name, what, ours, reference, ratio, target } = row;
        let title = std::mem::take(&mut self.section);
        if self.markdown {
            if !title.is_empty() {
                println!(
                    "\n### {title}\n\n| row | what | ours | reference | ratio (quartiles) | target |\n|---|---|---|---|---|---|"
                );
            }
            println!("| `{name}` | {what} | {ours} | {reference} | {ratio} | {target} |");
        } else {
            if !title.is_empty() {
                println!("\n{title}");
                println!("  {:<22} {:>12} {:>12} {:>26}  {:<18} what", "row", "ours", "reference", "ratio (quartiles)", "target");
            }
            println!("  {name:<22} {ours:>12} {reference:>12} {ratio:>26}  {target:<18} {what}");
        }
    }
}

fn mark(met: bool) -> &'static str {
    if met { "✓" } else { "✗" }
}

fn figure(v: f64, unit: &str) -> String {
    let digits = if v >= 100.0 { 0 } else { (2 - v.abs().max(1e-3).log10().floor() as i32).max(0) as usize };
    format!("{v:.digits$} {unit}")
}

/// Seconds per evaluation. Not inlined, so that the closure has one caller and is inlined there, in its loop.
#[inline(never)]
fn sample(f: &mut impl FnMut(usize), repetitions: usize, clock: fn() -> Duration) -> f64 {
    let start = clock();
    for k in 0..repetitions {
        f(k);
    }
    (clock() - start).as_secs_f64() / repetitions as f64
}

/// How many evaluations a sample takes; also warms up.
fn repetitions(f: &mut impl FnMut(usize), clock: fn() -> Duration) -> usize {
    let mut n = 1;
    loop {
        let time = sample(f, n, clock) * n as f64;
        if time >= SAMPLE.as_secs_f64() * 1.2 {
            return n;
        }
        n = (n * 2).max((n as f64 * SAMPLE.as_secs_f64() * 1.5 / time.max(1e-7)) as usize).min(n * 100);
    }
}

fn quartiles(values: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|q| values[(values.len() - 1) * q / 4])
}

/// Panics unless both are the same numbers, to `tolerance` relative to 1 or their size.
pub fn agree(what: &str, ours: &[f64], reference: &[f64], tolerance: f64) {
    assert_eq!(ours.len(), reference.len(), "{what}");
    for (k, (x, y)) in ours.iter().zip(reference).enumerate() {
        let scale = 1f64.max(x.abs()).max(y.abs());
        assert!((x - y).abs() <= tolerance * scale, "{what}: number {k} is {x} here and {y} in the reference");
    }
}

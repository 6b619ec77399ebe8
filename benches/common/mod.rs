//! The harness: our variant against a reference, interleaved on the CPU clock of this thread.
//!
//! A figure is the median over pairs of the ratio of two samples that ran one after the other, so that a load on the machine
//! that lasts longer than a sample falls on both.

use std::path::{Path, PathBuf};
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

/// A result with the seconds that it took by the clock on the wall: for what other processes do.
pub fn waited<R>(f: impl FnOnce() -> R) -> (R, f64) {
    let start = std::time::Instant::now();
    (f(), start.elapsed().as_secs_f64())
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
    /// Where pictures go, if they are asked for.
    pictures: Option<PathBuf>,
    /// The file that has the tables between two marks, and what goes there.
    into: Option<PathBuf>,
    text: String,
    bounded: Vec<Bounded>,
    /// Words that end the names of rows.
    parts: Vec<&'static str>,
    section: &'static str,
}

/// A row whose ratio has a bound.
pub struct Bounded {
    pub name: String,
    pub ratio: f64,
    pub most: f64,
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
    /// `--markdown` prints tables to paste, `--into` and a file puts them between that file's marks; `--pictures` and a folder draws what was
    /// measured.
    pub fn from_args(parts: Vec<&'static str>) -> Bench {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let after = |option: &str| arguments.iter().position(|word| word == option).map(|at| at + 1);
        let (pictures, into) = (after("--pictures"), after("--into"));
        let of_options = [pictures, into];
        let words = arguments.iter().enumerate().filter(|(at, word)| !word.starts_with('-') && !of_options.contains(&Some(*at)));
        let path = |at: usize| PathBuf::from(arguments.get(at).expect("a path after the option"));
        Bench {
            filter: words.map(|(_, word)| word.clone()).collect(),
            markdown: into.is_some() || arguments.iter().any(|word| word == "--markdown"),
            pictures: pictures.map(path),
            into: into.map(path),
            text: String::new(),
            bounded: Vec::new(),
            parts,
            section: "",
            clock: cpu_time,
        }
    }

    /// Where pictures go, if they are asked for.
    pub fn pictures(&self) -> Option<&Path> {
        self.pictures.as_deref()
    }

    /// The rows so far that have a bound.
    pub fn bounded(&self) -> &[Bounded] {
        &self.bounded
    }

    /// Says what runs the benches and what they are compiled by.
    pub fn machine(&mut self) {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split_once(": "));
        let has = |flag: &str| cpu.lines().any(|line| line.starts_with("flags") && line.split(' ').any(|word| word == flag));
        let vectors =
            [("avx512f", "AVX-512"), ("avx2", "AVX2"), ("", "no AVX2")].iter().find(|(flag, _)| flag.is_empty() || has(flag));
        let first_line = |program: &str| {
            let output = std::process::Command::new(program).arg("--version").output().ok()?;
            Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
        };
        let line = format!(
            "Measured on {} ({} cores, {}), {}; {}; C by {}.",
            model.map_or("an unknown processor", |(_, model)| model),
            std::thread::available_parallelism().map_or(1, usize::from),
            vectors.map_or("", |(_, name)| name),
            std::env::consts::OS,
            first_line("rustc").unwrap_or_else(|| "an unknown rustc".into()),
            first_line("cc").unwrap_or_else(|| "no compiler".into()),
        );
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        println!("{line}");
        self.text += line;
        self.text.push('\n');
    }

    /// Puts the tables into their file.
    pub fn finish(&self) -> Result<(), String> {
        const MARKS: [&str; 2] = ["<!-- figures: cargo bench -- --into -->\n", "<!-- end of figures -->"];
        let Some(path) = &self.into else { return Ok(()) };
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let (before, rest) = text.split_once(MARKS[0]).ok_or(format!("{} has no {:?}", path.display(), MARKS[0]))?;
        let (_, after) = rest.split_once(MARKS[1]).ok_or(format!("{} has no {:?}", path.display(), MARKS[1]))?;
        std::fs::write(path, [before, MARKS[0], &self.text, "\n", MARKS[1], after].concat()).map_err(|e| e.to_string())
    }

    /// Whether a row is asked for.
    pub fn wants(&self, name: &str) -> bool {
        self.filter.is_empty()
            || self.filter.iter().any(|word| {
                let rest = name.strip_prefix(word.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) || name.split('.').any(|part| part == word)
            })
    }

    /// Whether a row of this name, or one whose name goes on after it, may be asked for: setting one up may take long. A word that is
    /// a part of names, such as `c128`, may be that of any row.
    pub fn wants_within(&self, name: &str) -> bool {
        let within = |word: &String| word.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let part = |word: &String| !word.contains('.') && !word.contains(|c: char| c.is_ascii_digit());
        self.wants(name) || self.filter.iter().any(|word| within(word) || part(word) || self.parts.contains(&word.as_str()))
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
        if let Target::Within(most) = target {
            self.bounded.push(Bounded { name: name.to_owned(), ratio: ratio[1], most });
        }
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

    /// Pairs of speed-ups, ours and the reference's; the ratio is to be `least` or more.
    pub fn speed_ups(&mut self, name: &str, what: &str, pairs: &[(f64, f64)], least: f64) {
        let ratio = quartiles(pairs.iter().map(|(x, y)| x / y));
        let figure = |figures: [f64; 3]| format!("{:.2}×", figures[1]);
        self.print(Row {
            name,
            what,
            ours: figure(quartiles(pairs.iter().map(|pair| pair.0))),
            reference: figure(quartiles(pairs.iter().map(|pair| pair.1))),
            ratio: format!("{:.2} ({:.2}–{:.2})", ratio[1], ratio[0], ratio[2]),
            target: format!("≥ {least}× {}", mark(ratio[1] >= least)),
        });
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
                let head = "| row | what | ours | reference | ratio (quartiles) | target |\n|---|---|---|---|---|---|";
                self.line(&format!("\n### {title}\n\n{head}"));
            }
            self.line(&format!("| `{name}` | {what} | {ours} | {reference} | {ratio} | {target} |"));
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

/// Seconds per evaluation: the median over some samples.
pub fn seconds(mut f: impl FnMut(usize)) -> f64 {
    let n = repetitions(&mut f, cpu_time);
    quartiles((0..PAIRS / 3).map(|_| sample(&mut f, n, cpu_time)))[1]
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

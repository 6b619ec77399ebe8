//! The pictures of docs/performance.md: `cargo bench -- --pictures docs/` measures and draws them.

use super::{arrays, bench::*, c, formulas::*, hand, sizes};
use chart::{Area, BLUE, Chart, GREEN, GREY, Mark, ORANGE, PINK};
use plotters::prelude::*;
use std::hint::black_box;
use std::path::Path;
use wengert::Function;

/// The examples' line charts.
#[path = "../../examples/common/chart.rs"]
#[allow(dead_code, reason = "only the charts are drawn here, into a folder that is given")]
mod chart;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Where the charts' own pictures would go.
mod svg {
    pub fn write(name: &str, text: &str) -> super::Outcome {
        Ok(std::fs::write(std::env::temp_dir().join(name), text)?)
    }
}

fn save(path: &Path, size: (u32, u32), draw: impl FnOnce(&Area) -> Outcome) -> Outcome {
    let root = SVGBackend::new(path, size).into_drawing_area();
    root.fill(&WHITE)?;
    draw(&root)?;
    root.present()?;
    println!("wrote {}", path.display());
    Ok(())
}

/// Draws the rows that have a bound, and times against sizes.
pub fn draw(folder: &Path, rows: &[Bounded]) -> Outcome {
    if !rows.is_empty() {
        bars(&folder.join("performance-ratios.svg"), rows)?;
    }
    let [calls, first] = [later_calls(), first_calls()].map(|chart| chart.log(true, true).legend(SeriesLabelPosition::UpperLeft));
    save(&folder.join("performance-sizes.svg"), (1320, 940), |root| {
        let (upper, lower) = root.split_vertically(470);
        rosenbrock(&upper)?;
        let (left, right) = lower.split_horizontally(660);
        calls.draw(&left)?;
        first.draw(&right)
    })
}

/// A bar for each row: the ratio of times, with a stroke at the bound.
fn bars(path: &Path, rows: &[Bounded]) -> Outcome {
    const LINE: i32 = 17;
    let (left, width, top) = (230, 640, 64);
    let most = rows.iter().map(|row| row.ratio.max(row.most)).fold(1.0, f64::max) * 1.05;
    let x = |ratio: f64| left + (ratio / most * width as f64) as i32;
    let bottom = top + LINE * rows.len() as i32;
    save(path, ((left + width + 70) as u32, (bottom + 24) as u32), |root| {
        let text = |text: &str, at: (i32, i32), size: i32, right: bool| -> Outcome {
            use plotters::style::text_anchor::{HPos, Pos, VPos};
            let anchor = Pos::new(if right { HPos::Right } else { HPos::Left }, VPos::Center);
            let style = ("sans-serif", size).into_font().color(&RGBColor(40, 40, 40)).pos(anchor);
            Ok(root.draw(&Text::new(text.to_owned(), at, style))?)
        };
        text("Time against the reference's, with the bound of each row", (left, 20), 20, false)?;
        text("shorter is faster; an upright stroke is the bound", (left, 44), 13, false)?;
        // A dozen marks, and one where both take as long.
        let step = [0.5, 1.0, 2.0, 5.0, 10.0].into_iter().find(|step| most / step <= 12.0).unwrap_or(most);
        let marks = (0..=(most / step) as i32).map(|k| step * f64::from(k));
        for mark in marks.filter(|&mark| mark != 1.0).chain([1.0]) {
            let colour = if mark == 1.0 { RGBColor(120, 120, 120) } else { RGBColor(226, 226, 226) };
            root.draw(&PathElement::new([(x(mark), top - 6), (x(mark), bottom)], colour))?;
            text(&format!("{mark}×"), (x(mark) - 8, bottom + 10), 12, false)?;
        }
        for (k, row) in rows.iter().enumerate() {
            let y = top + LINE * k as i32;
            let colour = if row.ratio <= row.most { BLUE } else { ORANGE };
            root.draw(&Rectangle::new([(x(0.0), y + 2), (x(row.ratio), y + LINE - 3)], colour.filled()))?;
            root.draw(&Rectangle::new([(x(row.most) - 1, y), (x(row.most) + 1, y + LINE - 1)], BLACK.filled()))?;
            text(&row.name, (left - 8, y + LINE / 2), 13, true)?;
            text(&format!("{:.2}", row.ratio), (x(row.ratio.max(row.most)) + 6, y + LINE / 2), 12, false)?;
        }
        Ok(())
    })
}

/// W2 by the length of the point.
fn rosenbrock(area: &Area) -> Outcome {
    let lengths = [10, 30, 100, 300, 1000, 3000, 10_000];
    let point = |n: usize| (0..n).map(|i| (i as f64).sin()).collect::<Vec<f64>>();
    let arrays = lengths.map(|n| {
        let g = arrays::gradient(arrays::rosenbrock_by_slices(n), &["x"]);
        let (x, mut f, mut dx) = (point(n), [0.0], vec![0.0; n]);
        (n as f64, seconds(|_| g.call_into(&[black_box(&x)], &mut [&mut f, &mut dx]).unwrap()) * 1e6)
    });
    let straight = lengths.iter().filter(|&&n| n <= 3000).map(|&n| {
        let g =
            Function::trace(("x", n), |x| super::formulas::rosenbrock(&x)).unwrap().value_and_grad().unwrap().compile().unwrap();
        let (x, mut f, mut dx) = (point(n), [0.0], vec![0.0; n]);
        (n as f64, seconds(|_| g.call_into(&[black_box(&x)], &mut [&mut f, &mut dx]).unwrap()) * 1e6)
    });
    let tape = lengths.map(|n| {
        let (x, mut buffer) = (point(n), Vec::new());
        let (mut tape, _) = echidna::record(super::formulas::rosenbrock, &x);
        let call = |_| {
            black_box(tape.gradient_with_buf(black_box(&x), &mut buffer));
        };
        (n as f64, seconds(call) * 1e6)
    });
    let by_hand = lengths.map(|n| {
        let (x, mut y) = (point(n), vec![0.0; n + 1]);
        (n as f64, seconds(|_| hand::rosenbrock(black_box(&x), black_box(&mut y))) * 1e6)
    });
    let mut chart = Chart::new("Rosenbrock's function: value and gradient", "numbers", "µs")
        .log(true, true)
        .legend(SeriesLabelPosition::UpperLeft)
        .add("echidna, recorded bytecode", PINK, Mark::LineAndDots, tape)
        .add("straight-line code", GREEN, Mark::LineAndDots, straight.collect::<Vec<_>>())
        .add("array program", BLUE, Mark::LineAndDots, arrays)
        .add("a loop by hand, in Rust", GREY, Mark::LineAndDots, by_hand);
    if let Some((_, in_c)) = c::rosenbrock().find(|(build, _)| *build == "co3") {
        let in_c = lengths.map(|n| {
            let (x, mut g) = (point(n), vec![0.0; n]);
            let call = |_| {
                black_box(in_c(black_box(&x), &mut g));
            };
            (n as f64, seconds(call) * 1e6)
        });
        chart = chart.add("a loop by hand, in C at -O3", ORANGE, Mark::Dashed, in_c);
    }
    chart.draw(area)
}

const OPERATIONS: [usize; 6] = [100, 300, 1000, 3000, 10_000, 30_000];

fn later_calls() -> Chart {
    let x = sizes::point();
    let native = OPERATIONS.map(|n| {
        let g = sizes::trace(n).value_and_grad().unwrap().compile().unwrap();
        let call = |_| {
            black_box(&g.call::<f64, 9>(black_box(&x)).unwrap());
        };
        (n as f64, seconds(call) * 1e6)
    });
    let tape = OPERATIONS.map(|n| {
        let (mut tape, _) = echidna::record(|v| network(v.try_into().expect("eight numbers"), n), &x);
        let mut buffer = Vec::new();
        let call = |_| {
            black_box(tape.gradient_with_buf(black_box(&x), &mut buffer));
        };
        (n as f64, seconds(call) * 1e6)
    });
    Chart::new("W10: a later value and gradient", "operations", "µs")
        .add("echidna, recorded bytecode", PINK, Mark::LineAndDots, tape)
        .add("native code", BLUE, Mark::LineAndDots, native)
}

fn first_calls() -> Chart {
    let first = OPERATIONS.map(|n| {
        let run = |_: usize| {
            let g = sizes::trace(n).value_and_grad().unwrap().compile().unwrap();
            black_box(&g.call::<f64, 9>(sizes::point()).unwrap());
        };
        (n as f64, seconds(run) * 1e3)
    });
    let tape = OPERATIONS.map(|n| {
        let run = |_: usize| {
            let (mut tape, _) = echidna::record(|v| network(v.try_into().expect("eight numbers"), n), &sizes::point());
            black_box(tape.gradient_with_buf(&sizes::point(), &mut Vec::new()));
        };
        (n as f64, seconds(run) * 1e3)
    });
    Chart::new("W10: from the closure to the first value and gradient", "operations", "ms")
        .add("trace, differentiate, compile, call", BLUE, Mark::LineAndDots, first)
        .add("echidna: record, call", PINK, Mark::LineAndDots, tape)
}

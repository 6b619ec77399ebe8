//! Line charts as SVG: what the examples need of plotters, said once.

use super::{Outcome, svg};
use plotters::coord::{Shift, ranged1d::AsRangedCoord, ranged1d::ValueFormatter};
use plotters::prelude::*;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Colours that stay apart for colour-blind readers too (M. Okabe, K. Ito, 2008).
pub const BLUE: RGBColor = RGBColor(0, 114, 178);
pub const ORANGE: RGBColor = RGBColor(213, 94, 0);
pub const GREEN: RGBColor = RGBColor(0, 158, 115);
pub const PINK: RGBColor = RGBColor(204, 121, 167);
pub const SKY: RGBColor = RGBColor(86, 180, 233);
pub const GREY: RGBColor = RGBColor(120, 120, 120);

/// Draws a picture into `out/name` and says so. A page shows it in some 800 pixels: a wider one has letters that are hard to read.
pub fn picture(name: &str, size: (u32, u32), draw: impl FnOnce(&Area) -> Outcome) -> Outcome {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
    root.fill(&WHITE)?;
    draw(&root)?;
    root.present()?;
    drop(root);
    svg::write(name, &text)
}

#[derive(Copy, Clone, PartialEq)]
pub enum Mark {
    Line,
    Dashed,
    Dots,
    /// Large, to point at something.
    Rings,
    LineAndDots,
}

struct Series {
    name: String,
    colour: RGBColor,
    mark: Mark,
    points: Vec<(f64, f64)>,
}

/// What stands for a series in the legend.
type Legend =
    plotters::element::ComposedElement<(i32, i32), SVGBackend<'static>, PathElement<(i32, i32)>, PathElement<(i32, i32)>>;

/// Series over two axes.
pub struct Chart {
    title: String,
    labels: (String, String),
    log: (bool, bool),
    y: Option<(f64, f64)>,
    legend: SeriesLabelPosition,
    series: Vec<Series>,
}

impl Chart {
    pub fn new(title: &str, x: &str, y: &str) -> Chart {
        Chart {
            title: title.into(),
            labels: (x.into(), y.into()),
            log: (false, false),
            y: None,
            legend: SeriesLabelPosition::UpperRight,
            series: vec![],
        }
    }

    /// Which axes are logarithmic.
    pub fn log(mut self, x: bool, y: bool) -> Chart {
        self.log = (x, y);
        self
    }

    /// Fixes the range of the second axis, which otherwise fits the points.
    pub fn y_range(mut self, lo: f64, hi: f64) -> Chart {
        self.y = Some((lo, hi));
        self
    }

    pub fn legend(mut self, at: SeriesLabelPosition) -> Chart {
        self.legend = at;
        self
    }

    /// A series without a name is not in the legend.
    pub fn add(mut self, name: &str, colour: RGBColor, mark: Mark, points: impl IntoIterator<Item = (f64, f64)>) -> Chart {
        self.series.push(Series { name: name.into(), colour, mark, points: points.into_iter().collect() });
        self
    }

    /// A picture of its own.
    pub fn save(&self, name: &str) -> Outcome {
        picture(name, (860, 520), |root| self.draw(root))
    }

    pub fn draw(&self, area: &Area) -> Outcome {
        let x = range(self.series.iter().flat_map(|s| &s.points).map(|p| p.0), self.log.0, if self.log.0 { 0.02 } else { 0.0 });
        let y = range(self.series.iter().flat_map(|s| &s.points).map(|p| p.1), self.log.1, 0.05);
        let y = self.y.map_or(y, |(lo, hi)| lo..hi);
        match self.log {
            (false, false) => self.draw_on(area, x, y),
            (true, false) => self.draw_on(area, x.log_scale(), y),
            (false, true) => self.draw_on(area, x, y.log_scale()),
            (true, true) => self.draw_on(area, x.log_scale(), y.log_scale()),
        }
    }

    fn draw_on<X, Y>(&self, area: &Area, x: X, y: Y) -> Outcome
    where
        X: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
        Y: AsRangedCoord<Value = f64, CoordDescType: ValueFormatter<f64>>,
    {
        let (width, height) = area.dim_in_pixel();
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, ("sans-serif", 20))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(66)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .x_desc(&self.labels.0)
            .y_desc(&self.labels.1)
            .x_labels(labels(width, 48))
            .y_labels(labels(height, 28))
            .axis_desc_style(("sans-serif", 15))
            .label_style(("sans-serif", 13))
            .light_line_style(RGBColor(244, 244, 244))
            .bold_line_style(RGBColor(226, 226, 226))
            .x_label_formatter(&|v| tick(*v, self.log.0))
            .y_label_formatter(&|v| tick(*v, self.log.1))
            .draw()?;
        for Series { name, colour, mark, points } in &self.series {
            let stroke = colour.stroke_width(2);
            let dots = || points.iter().map(|&p| Circle::new(p, 3, colour.filled()));
            let drawn = match mark {
                Mark::Line => chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?,
                Mark::Dashed => chart.draw_series(DashedLineSeries::new(points.iter().copied(), 7, 5, stroke))?,
                Mark::Dots => chart.draw_series(dots())?,
                Mark::Rings => chart.draw_series(points.iter().map(|&p| Circle::new(p, 9, stroke)))?,
                Mark::LineAndDots => {
                    chart.draw_series(dots())?;
                    chart.draw_series(LineSeries::new(points.iter().copied(), stroke))?
                }
            };
            if name.is_empty() {
                continue;
            }
            let (mark, stroke) = (*mark, stroke);
            drawn.label(name).legend(move |(x, y)| match mark {
                Mark::Rings | Mark::Dots => sample((x, y), [(8, 14), (8, 14)], stroke.stroke_width(6)),
                Mark::Dashed => sample((x, y), [(0, 8), (14, 22)], stroke),
                _ => sample((x, y), [(0, 22), (0, 22)], stroke),
            });
        }
        if self.series.iter().any(|series| !series.name.is_empty()) {
            chart
                .configure_series_labels()
                .position(self.legend.clone())
                .margin(12)
                .legend_area_size(28)
                .background_style(WHITE.mix(0.85))
                .border_style(RGBColor(200, 200, 200))
                .label_font(("sans-serif", 14))
                .draw()?;
        }
        Ok(())
    }
}

/// How many labels an axis has room for, where each takes so many pixels; what stands around the axis takes about a hundred.
fn labels(pixels: u32, each: u32) -> usize {
    (pixels.saturating_sub(100) / each).clamp(3, 10) as usize
}

/// A line's sample in the legend: two strokes, each from one distance to another.
fn sample((x, y): (i32, i32), strokes: [(i32, i32); 2], style: ShapeStyle) -> Legend {
    let [first, second] = strokes.map(|(from, to)| PathElement::new([(from, 0), (to, 0)], style));
    EmptyElement::at((x, y)) + first + second
}

/// What the finite values span, widened by a share of it.
fn range(values: impl Iterator<Item = f64>, log: bool, widen: f64) -> std::ops::Range<f64> {
    let scale = |v: f64| if log { v.ln() } else { v };
    let (lo, hi) = values.map(scale).filter(|v| v.is_finite()).fold((f64::MAX, f64::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)));
    let (lo, hi) = if lo < hi { (lo, hi) } else { (lo - 0.5, lo + 0.5) };
    let more = (hi - lo) * widen;
    let back = |v: f64| if log { v.exp() } else { v };
    back(lo - more)..back(hi + more)
}

/// A number as short as an axis wants it; where an axis is not logarithmic, what rounding leaves of 0 is 0.
fn tick(v: f64, log: bool) -> String {
    let rounded: f64 = if !log && v.abs() < 1e-12 { 0.0 } else { format!("{v:.4e}").parse().unwrap_or(v) };
    match rounded.abs() {
        a if a != 0.0 && !(1e-4..1e6).contains(&a) => format!("{rounded:e}"),
        _ => format!("{rounded}"),
    }
}

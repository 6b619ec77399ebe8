//! Images of digits: the 1,797 of 8×8 pixels that ship with the repository, and the 70,000 of 28×28 of MNIST.

use super::{Outcome, chart::Area, in_repository};
use plotters::prelude::*;
use std::{fs, io::Read as _, path::Path};

pub const CLASSES: usize = 10;

/// Square images, one after the other, row by row, from 0 (paper) to 1 (ink), and what they show.
pub struct Images {
    /// How many pixels wide and high an image is.
    pub side: usize,
    pub x: Vec<f32>,
    pub y: Vec<f32>,
}

/// Which images of MNIST.
#[derive(Copy, Clone)]
pub enum Part {
    Training,
    Test,
}

impl Images {
    pub fn len(&self) -> usize {
        self.y.len()
    }

    pub fn is_empty(&self) -> bool {
        self.y.is_empty()
    }

    /// The pixels of an image.
    pub fn pixels(&self) -> usize {
        self.side * self.side
    }

    pub fn image(&self, row: usize) -> &[f32] {
        &self.x[row * self.pixels()..(row + 1) * self.pixels()]
    }

    /// The images of these rows.
    pub fn pick(&self, rows: &[usize]) -> Images {
        let mut part = Images { side: self.side, x: vec![], y: vec![] };
        for &row in rows {
            part.x.extend_from_slice(self.image(row));
            part.y.push(self.y[row]);
        }
        part
    }

    /// The digits that ship with the repository.
    pub fn digits() -> Outcome<Images> {
        let path = in_repository("data/digits.csv.gz");
        let file = fs::File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
        let mut images = Images { side: 8, x: vec![], y: vec![] };
        for (number, line) in text.lines().enumerate() {
            let wrong = |what: String| format!("{}, line {}: {what}", path.display(), number + 1);
            let fields: Result<Vec<f32>, _> = line.split(',').map(str::parse).collect();
            let fields = fields.map_err(|error| wrong(error.to_string()))?;
            let [pixels @ .., label] = &fields[..] else { return Err(wrong("nothing there".into()).into()) };
            if pixels.len() != images.pixels() || !pixels.iter().all(|v| (0.0..=16.0).contains(v)) {
                return Err(wrong(format!("{} pixels, or one outside of 0 to 16", pixels.len())).into());
            }
            if label.fract() != 0.0 || !(0.0..CLASSES as f32).contains(label) {
                return Err(wrong(format!("{label} is no digit")).into());
            }
            images.x.extend(pixels.iter().map(|v| v / 16.0));
            images.y.push(*label);
        }
        if images.is_empty() { Err(format!("{} has no images", path.display()).into()) } else { Ok(images) }
    }

    /// A part of MNIST; `None`, with a line that says what to do, if it was not fetched.
    pub fn mnist(part: Part) -> Outcome<Option<Images>> {
        let name = match part {
            Part::Training => "train",
            Part::Test => "t10k",
        };
        let folder = in_repository("data/mnist");
        let [images, labels] =
            [format!("{name}-images-idx3-ubyte"), format!("{name}-labels-idx1-ubyte")].map(|file| folder.join(file));
        if let Some(missing) = [&images, &labels].into_iter().find(|path| !path.exists()) {
            println!("{} is not there: run tools/fetch-mnist, and then this example again", missing.display());
            return Ok(None);
        }
        let (lengths, pixels) = idx::<3>(&images)?;
        let ([count], classes) = idx::<1>(&labels)?;
        if lengths[0] != count || count == 0 || lengths[1] != lengths[2] {
            let [n, height, width] = lengths;
            return Err(format!("{}: {n} images of {height}×{width} pixels, for {count} labels", images.display()).into());
        }
        if let Some(at) = classes.iter().position(|&class| class as usize >= CLASSES) {
            return Err(format!("{}: label {at} is {}, which is no digit", labels.display(), classes[at]).into());
        }
        let x = pixels.iter().map(|&v| f32::from(v) / 255.0).collect();
        Ok(Some(Images { side: lengths[1], x, y: classes.into_iter().map(f32::from).collect() }))
    }
}

/// Reads a file of MNIST's format: two zeros, 8 for bytes, the number of axes, their lengths as big-endian 32-bit numbers,
/// then the bytes.
fn idx<const AXES: usize>(path: &Path) -> Outcome<([usize; AXES], Vec<u8>)> {
    let wrong = |what: String| format!("{}: {what}; tools/fetch-mnist fetches it anew", path.display());
    let mut bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let head = 4 + 4 * AXES;
    if bytes.len() < head {
        return Err(wrong(format!("{} bytes, where the head alone has {head}", bytes.len())).into());
    }
    let magic = [0, 0, 8, AXES as u8];
    if bytes[..4] != magic {
        return Err(wrong(format!("it begins with {:?}, where an IDX file of bytes begins with {magic:?}", &bytes[..4])).into());
    }
    let lengths = std::array::from_fn(|k| {
        let at = 4 + 4 * k;
        u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
    });
    let wanted = lengths.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
    let data = bytes.split_off(head);
    if wanted != Some(data.len()) {
        return Err(wrong(format!("the head announces {lengths:?} bytes, and {} follow", data.len())).into());
    }
    Ok((lengths, data))
}

/// Draws an image, every pixel as a square of that many dots.
pub fn draw(area: &Area, image: &[f32], (left, top): (i32, i32), dots: i32) -> Outcome {
    let side = image.len().isqrt();
    // Level by level, so that what has one grey is one path; neighbours of one grey are one rectangle.
    for level in 0..WHITE_LEVEL {
        for (row, line) in image.chunks(side).enumerate() {
            let mut column = 0;
            for same in line.chunk_by(|a, b| self::level(*a) == self::level(*b)) {
                let (x, y) = (left + dots * column, top + dots * row as i32);
                column += same.len() as i32;
                if self::level(same[0]) == level {
                    let grey = (255 * level / WHITE_LEVEL) as u8;
                    let corners = [(x, y), (left + dots * column, y + dots)];
                    area.draw(&Rectangle::new(corners, RGBColor(grey, grey, grey).filled()))?;
                }
            }
        }
    }
    Ok(())
}

/// Paper is white already.
const WHITE_LEVEL: u32 = 32;

fn level(v: f32) -> u32 {
    (WHITE_LEVEL as f32 * (1.0 - v)).round() as u32
}

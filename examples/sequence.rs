//! A recurrent network learns to write: a long short-term memory, run over text by `scan`, predicts the next character.
//!
//! The text is a play that ships with the repository. Each character is looked up in a table, goes through the network with what it
//! remembers, and comes out as a score for every character that may follow. The body of the scan is compiled once, whatever the
//! length. While it learns, the network writes samples; everything is seeded, so every run prints the same text.
//!
//!     cargo run --release --example sequence

use common::chart::{BLUE, Chart, Mark, ORANGE, picture};
use common::{Outcome, in_repository, readable, tell};
use indicatif::ProgressBar;
use plotters::prelude::*;
use std::time::Instant;
use wengert::nn::{Clip, Data, Init, Params, Rng, Schedule, Settings, Training, Weights};
use wengert::nn::{cross_entropy, dense, embedding, lstm};
use wengert::optim::Adam;
use wengert::{Compiled, Expr, Function, Width, scan};

const STEPS: usize = 40;
const BATCH: usize = 32;
const UNITS: usize = 96;
const FEATURES: usize = 24;
const EPOCHS: u64 = 12;

fn main() -> Outcome {
    let text = std::fs::read_to_string(in_repository("data/midsummer.txt"))?;
    let text = Text::new(&text);
    let (learnt, unseen) = text.codes.split_at(text.codes.len() / 10 * 9);
    println!("{} characters of {} kinds to learn from, {} to be tested on", learnt.len(), text.kinds(), unseen.len());

    let kinds = text.kinds();
    let declarations = [
        (format!("table[{kinds},{FEATURES}]"), Init::Normal(0.3)),
        (format!("w[{FEATURES},{}]", 4 * UNITS), Init::GlorotUniform),
        (format!("u[{UNITS},{}]", 4 * UNITS), Init::GlorotUniform),
        (format!("b[{}]", 4 * UNITS), Init::Zeros),
        (format!("out.w[{UNITS},{kinds}]"), Init::GlorotUniform),
        (format!("out.b[{kinds}]"), Init::Zeros),
    ];
    let params: Params<f32> = Params::new(&mut Rng::new(1), declarations)?;
    let loss = loss(&params)?;
    let settings = Settings { clip: Some(Clip::Norm(1.0)), schedule: Schedule::Constant.warm_up(20), ..Settings::default() };
    let mut training = Training::with(&loss, params, Adam::new(0.006), settings)?;
    tell(&training.report());

    // Pieces of the text, each with the characters that follow, one further.
    let (x, y) = pieces(learnt);
    let data = Data::new().rows("x", &x, STEPS)?.rows("y", &y, STEPS)?;
    let batches = data.batches(BATCH)?.shuffled(1);
    let (test_x, test_y) = pieces(unseen);
    let test_loss = loss.compile()?;
    let writer = step(training.params())?;

    let mut curve: Vec<[f64; 2]> = Vec::new();
    let bar = ProgressBar::new(EPOCHS * batches.per_epoch() as u64);
    let start = Instant::now();
    for epoch in 0..EPOCHS {
        let mean = training.run(batches.epoch(epoch).inspect(|_| bar.inc(1)))?;
        let mut test = [0.0f32];
        test_loss.call_into(&training.params().inputs(&[&test_x, &test_y]), &mut [&mut test])?;
        curve.push([mean, test[0] as f64].map(|nats| nats / std::f64::consts::LN_2));
        if epoch == 0 || (epoch + 1) % 5 == 0 || epoch + 1 == EPOCHS {
            let sample = write(&writer, training.params(), &text, "THESEUS:\n", 160)?;
            bar.suspend(|| {
                let [learnt, unseen] = curve[epoch as usize];
                println!("epoch {:2}: {learnt:.2} bits a character, {unseen:.2} on unseen text; it writes:", epoch + 1);
                sample.lines().for_each(|line| println!("    | {line}"));
            });
        }
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    println!("{EPOCHS} epochs in {}, {} a step", readable(seconds), readable(seconds / training.steps() as f64));

    let unseen_bits = curve.last().map_or(f64::INFINITY, |point| point[1]);
    println!("without any memory: {:.2} bits a character", entropy(unseen, kinds));
    assert!(unseen_bits < 2.8, "{unseen_bits} bits a character on unseen text: the network has learned to spell");

    let line = |k: usize| curve.iter().enumerate().map(move |(epoch, point)| (epoch as f64 + 1.0, point[k]));
    Chart::new("Learning to write", "epoch", "bits a character")
        .add("text that is learned", BLUE, Mark::Line, line(0))
        .add("unseen text", ORANGE, Mark::Line, line(1))
        .save("sequence_loss.svg")?;
    surprise(&writer, training.params(), &text, &unseen[..420])
}

/// A text as numbers of its characters.
struct Text {
    characters: Vec<char>,
    codes: Vec<usize>,
}

impl Text {
    fn new(text: &str) -> Text {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        characters.dedup();
        let codes = text.chars().map(|c| characters.binary_search(&c).expect("it is one of them")).collect();
        Text { characters, codes }
    }

    fn kinds(&self) -> usize {
        self.characters.len()
    }
}

/// The scores of what follows a row of characters, and what the network remembers then.
fn next(p: &Weights, state: [Expr; 2], characters: Expr) -> ([Expr; 2], Expr) {
    let state = lstm(embedding(p["table"], characters), state, [p["w"], p["u"], p["b"]]);
    (state, dense(state[0], p["out.w"], p["out.b"]))
}

/// The mean cross-entropy of what follows, over all steps of all pieces; each piece starts with an empty memory.
fn loss(params: &Params<f32>) -> Outcome<Function> {
    let inputs = (params, [format!("x[n,{STEPS}]: index"), format!("y[n,{STEPS}]: index")]);
    Ok(Function::trace_in(Width::F32, inputs, |(p, [x, y])| {
        let empty = Expr::zeros(("n", UNITS));
        let (_, losses) = scan([empty, empty], (x.t(), y.t()), |state, (x, y)| {
            let (state, scores) = next(&p, state, x);
            (state, cross_entropy(scores, y))
        });
        losses.mean(..)
    })?)
}

/// One step, to write with: the state and a character to the next state and the chances of what follows.
fn step(params: &Params<f32>) -> Outcome<Compiled> {
    let inputs = (params, [format!("h[1,{UNITS}]"), format!("c[1,{UNITS}]"), "x[1]: index".into()]);
    let f = Function::trace_in(Width::F32, inputs, |(p, [h, c, x])| {
        let ([h, c], scores) = next(&p, [h, c], x);
        (("h", h), ("c", c), ("chances", scores.softmax(-1)))
    })?;
    Ok(f.compile()?)
}

/// What the network remembers, fed character by character.
struct Memory<'a> {
    writer: &'a Compiled,
    params: &'a Params<f32>,
    state: [Vec<f32>; 2],
    chances: Vec<f32>,
}

impl<'a> Memory<'a> {
    fn new(writer: &'a Compiled, params: &'a Params<f32>, kinds: usize) -> Self {
        Memory { writer, params, state: [vec![0.0; UNITS], vec![0.0; UNITS]], chances: vec![1.0 / kinds as f32; kinds] }
    }

    fn read(&mut self, code: usize) -> Outcome {
        let [h, c] = self.state.clone();
        let [next_h, next_c] = &mut self.state;
        let code = [code as f32];
        let inputs = self.params.inputs(&[&h, &c, &code]);
        Ok(self.writer.call_into(&inputs, &mut [next_h, next_c, &mut self.chances])?)
    }
}

/// Goes on from a beginning, drawing each character by its chance; chances are sharpened a little.
fn write(writer: &Compiled, params: &Params<f32>, text: &Text, beginning: &str, len: usize) -> Outcome<String> {
    let mut memory = Memory::new(writer, params, text.kinds());
    for c in beginning.chars() {
        memory.read(text.characters.binary_search(&c).map_err(|_| format!("the text has no `{c}`"))?)?;
    }
    let (mut rng, mut written) = (Rng::new(7), beginning.to_owned());
    for _ in 0..len {
        let weights: Vec<f64> = memory.chances.iter().map(|&p| (p as f64).powf(1.0 / 0.8)).collect();
        let mut left = rng.between(0.0, weights.iter().sum());
        let code = weights.iter().position(|w| {
            left -= w;
            left < 0.0
        });
        let code = code.unwrap_or(text.kinds() - 1);
        written.push(text.characters[code]);
        memory.read(code)?;
    }
    Ok(written)
}

/// Characters in pieces of [`STEPS`], and what follows each of them.
fn pieces(codes: &[usize]) -> (Vec<f32>, Vec<f32>) {
    let whole = (codes.len() - 1) / STEPS * STEPS;
    let numbers = |codes: &[usize]| codes.iter().map(|&code| code as f32).collect();
    (numbers(&codes[..whole]), numbers(&codes[1..=whole]))
}

/// Bits a character by how often each comes.
fn entropy(codes: &[usize], kinds: usize) -> f64 {
    let mut counts = vec![0.0; kinds];
    codes.iter().for_each(|&code| counts[code] += 1.0 / codes.len() as f64);
    counts.iter().filter(|p| **p > 0.0).map(|p| -p * p.log2()).sum()
}

/// Unseen text, each character the darker the less it was expected.
fn surprise(writer: &Compiled, params: &Params<f32>, text: &Text, codes: &[usize]) -> Outcome {
    let mut memory = Memory::new(writer, params, text.kinds());
    let mut expected = Vec::new();
    for &code in codes {
        expected.push(memory.chances[code]);
        memory.read(code)?;
    }
    picture("sequence_surprise.svg", (760, 480), |area| {
        let title = "Unseen text; the redder a character, the less the network expected it";
        area.draw(&plotters::element::Text::new(title, (16, 12), ("sans-serif", 17)))?;
        // Where each character stands: 66 in a line.
        let mut places = vec![];
        let (mut column, mut row) = (0, 0);
        for &code in codes {
            places.push((16 + 11 * column, 44 + 22 * row));
            let ends = text.characters[code] == '\n' || column == 65;
            (column, row) = if ends { (0, row + 1) } else { (column + 1, row) };
        }
        for level in 1..=SHADES {
            let mix = |c: u8| (255.0 + (f64::from(c) - 255.0) * f64::from(level) / f64::from(SHADES)).round() as u8;
            let fill = RGBColor(mix(ORANGE.0), mix(ORANGE.1), mix(ORANGE.2)).filled();
            for (&(left, top), _) in places.iter().zip(&expected).filter(|(_, p)| shade(**p) == level) {
                area.draw(&Rectangle::new([(left, top), (left + 11, top + 20)], fill))?;
            }
        }
        for (&(left, top), &code) in places.iter().zip(codes) {
            let c = text.characters[code];
            if !c.is_whitespace() {
                area.draw(&plotters::element::Text::new(c.to_string(), (left + 1, top + 2), ("monospace", 16)))?;
            }
        }
        Ok(())
    })
}

const SHADES: u32 = 16;

/// Bits, of which eight are the most that is shown, in shades.
fn shade(p: f32) -> u32 {
    ((-p.log2()).clamp(0.0, 8.0) / 8.0 * SHADES as f32).round() as u32
}

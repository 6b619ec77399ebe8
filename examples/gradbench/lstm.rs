//! The loss of a network of long short-term memories with diagonal weights, over a sequence, and its gradient.

use super::prepared::{Prepared, Result, check_len, joined, list, number};
use serde::Deserialize;
use serde_json::Value;
use wengert::{Expr, Function, scan};

#[derive(Deserialize)]
struct Input {
    main_params: Vec<Vec<f64>>,
    extra_params: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    sequence: Vec<Vec<f64>>,
}

/// `layers` and the width; the sequence's length is open. Each step reads a character, and the one that it is to predict.
fn loss(layers: usize, width: usize) -> wengert::Result<Function> {
    let inputs = vec![
        format!("main[{},4,{width}]", 2 * layers),
        format!("extra[3,{width}]"),
        format!("state[{},{width}]", 2 * layers),
        format!("now[t,{width}]"),
        format!("next[t,{width}]"),
    ];
    Function::trace(inputs, |inputs| {
        let [main, extra, state, now, next] = inputs[..] else { unreachable!("five inputs") };
        // Cut up outside the steps: what a step reads of the parameters it adds to their derivatives.
        let rows: Vec<[Expr; 4]> = (0..2 * layers).map(|k| std::array::from_fn(|gate| main.at(0, k).at(0, gate))).collect();
        let [of_in, of_out, bias] = [0, 1, 2].map(|k| extra.at(0, k));
        let start: Vec<Expr> = (0..2 * layers).map(|k| state.at(0, k)).collect();
        let (_, losses) = scan(start, (now, next), |mut state: Vec<Expr>, (now, next)| {
            let mut x = now * of_in;
            for k in 0..layers {
                let gate = |z: Expr, gate: usize| z * rows[2 * k][gate] + rows[2 * k + 1][gate];
                let (hidden, cell) = (state[2 * k], state[2 * k + 1]);
                let forget = gate(x, 0).sigmoid();
                let ingate = gate(hidden, 1).sigmoid();
                let outgate = gate(x, 2).sigmoid();
                let change = gate(hidden, 3).tanh();
                let cell = cell * forget + ingate * change;
                let hidden = outgate * cell.tanh();
                (state[2 * k], state[2 * k + 1], x) = (hidden, cell, hidden);
            }
            let y = x * of_out + bias;
            let log_sum = (y.exp().sum(..) + 2.0).ln();
            (state, (next * (y - log_sum)).sum(..))
        });
        -losses.sum(..) / (losses.count(..) * width as f64)
    })
}

fn prepare(input: &Value, gradient: bool) -> Result<Prepared> {
    let Input { main_params, extra_params, state, sequence } = Input::deserialize(input)?;
    let width = extra_params.first().ok_or("`extra_params` is empty")?.len();
    let layers = main_params.len() / 2;
    check_len("main_params", main_params.len(), 2 * layers)?;
    check_len("extra_params", extra_params.len(), 3)?;
    check_len("state", state.len(), 2 * layers)?;
    let (Some((_, next)), Some((_, now))) = (sequence.split_first(), sequence.split_last()) else {
        return Err("`sequence` is empty".into());
    };
    let inputs = vec![
        joined("main_params", &main_params, 4 * width)?,
        joined("extra_params", &extra_params, width)?,
        joined("state", &state, width)?,
        joined("sequence", now, width)?,
        joined("sequence", next, width)?,
    ];
    let f = loss(layers, width)?;
    if !gradient {
        return Prepared::arrays(&f, inputs, vec![1], number);
    }
    // One list of both parameters' derivatives.
    let lengths = vec![inputs[0].len(), inputs[1].len()];
    let joined = |y: &[Vec<f64>]| list(&[y.concat()]);
    Prepared::arrays(&f.wrt(["main", "extra"])?.grad()?, inputs, lengths, joined)
}

pub fn objective(input: &Value) -> Result<Prepared> {
    prepare(input, false)
}

pub fn jacobian(input: &Value) -> Result<Prepared> {
    prepare(input, true)
}

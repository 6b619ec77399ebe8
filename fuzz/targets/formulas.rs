//! Formulas: arbitrary text never panics, and what is read is written to a formula that reads back to the same values.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wengert::formula::{Formulas, unknowns};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Ok(inputs) = unknowns(&text) else { return };
    let Ok(f) = Formulas::new().read(&text, &inputs) else { return };
    let x: Vec<f64> = (0..f.input_len()).map(|k| 0.75 + k as f64).collect();
    let bits = |y: Vec<f64>| y.into_iter().map(|y| if y.is_nan() { 1 } else { y.to_bits() }).collect::<Vec<u64>>();
    let wanted = bits(f.eval(&x).expect("as many numbers as inputs"));
    for named in [false, true] {
        let formulas = Formulas::new().named(named);
        let Ok(written) = formulas.write(&f) else { continue };
        let again = formulas.read(&written, &inputs).unwrap_or_else(|error| panic!("{error}\n{written}"));
        assert_eq!(bits(again.eval(&x).expect("the same inputs")), wanted, "{written}");
        let _ = (formulas.pretty(&f), formulas.latex(&f));
    }
});

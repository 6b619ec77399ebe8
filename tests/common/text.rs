//! Random functions for property tests.

use proptest::prelude::*;
use wengert::op::{DType, Op};

/// The text of a function of one operation.
pub fn of_operation(op: Op, width: &str) -> String {
    let operand = |(&wanted, number): (&DType, _)| if wanted == DType::Mask { "%3" } else { number };
    let operands: Vec<&str> = op.operands().iter().zip(["%0", "%1", "%2"]).map(operand).collect();
    let result = match op.result() {
        DType::Float | DType::Index => "%5 = neg %4",
        DType::Mask => "%5 = select %4, %0, %1",
    };
    let operands = operands.join(", ");
    format!("function {width} (a: %0, b: %1, c: %2) -> (y: %5) {{ %3 = lt %0, %1 %4 = {op} {operands} {result} }}")
}

/// Texts of sound functions: node `k` applies the operation that `picks` says to earlier nodes of the right kind.
pub fn text() -> impl Strategy<Value = String> {
    let picks = prop::collection::vec((any::<u16>(), any::<[u16; 3]>(), any::<i32>(), any::<f64>()), 0..40);
    (picks, any::<bool>(), any::<bool>()).prop_map(|(picks, narrow, active)| {
        let mut dtypes = vec![DType::Float; 3];
        let mut lines = String::new();
        for (op, args, parameter, v) in picks {
            let op = Op::ALL[op as usize % Op::ALL.len()];
            let op = Op::parse(op.name(), op.parameter().map(|_| parameter)).unwrap();
            let pick = |(&wanted, pick): (_, u16)| {
                let fit: Vec<usize> = (0..dtypes.len()).filter(|&k| dtypes[k] == wanted).collect();
                (!fit.is_empty()).then(|| format!("%{}", fit[pick as usize % fit.len()]))
            };
            let operands: Option<Vec<String>> = op.operands().iter().zip(args).map(pick).collect();
            let (line, dtype) = match operands {
                Some(operands) => (format!("{op} {}", operands.join(", ")), op.result()),
                None if v > 0.0 => (format!("flag {}", parameter > 0), DType::Mask),
                None => (format!("const {:?}", if narrow { v as f32 as f64 } else { v }), DType::Float),
            };
            lines += &format!("  %{} = {line}\n", dtypes.len());
            dtypes.push(dtype);
        }
        let floats: Vec<usize> = (0..dtypes.len()).filter(|&k| dtypes[k] == DType::Float).collect();
        let (first, last) = (floats[floats.len() / 2], floats.last().unwrap());
        let (width, marker) = (if narrow { "f32" } else { "f64" }, if active { "" } else { "inactive " });
        format!("function {width} (a: %0, {marker}x[2]: %1 %2) -> (y: %{last}, aux m[2]: %{first} %{last}) {{\n{lines}}}")
    })
}

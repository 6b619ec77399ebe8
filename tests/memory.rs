//! Memory: compiled functions give theirs back, and are small. One test, since it reads the whole process's size.
#![cfg(target_os = "linux")]

use wengert::{Compiled, Expr, Function, lit};

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A function of some operations, different for every k.
fn compiled(operations: usize, k: usize) -> Compiled {
    let f =
        Function::trace(("x", 4), |x| (0..operations / 2).fold(x[k % 4], |y, i| y * x[i % 4] + lit::<Expr>(k as f64 + i as f64)));
    f.unwrap().compile().unwrap()
}

#[test]
fn compiled_functions_are_small_and_give_their_memory_back() {
    const CYCLES: usize = 10_000;
    for k in 0..200 {
        compiled(20, k);
    }
    let before = resident();
    for k in 0..CYCLES {
        let y: [f64; 1] = compiled(20, k).call([0.5; 4]).unwrap();
        assert!(y[0].is_finite());
    }
    let grown = resident().saturating_sub(before);
    println!("{CYCLES} compiled and dropped: {} KiB more", grown >> 10);
    // A page a cycle would be 40 MiB.
    assert!(grown < 2 << 20, "{grown} bytes more");

    const HELD: usize = 200;
    let first = compiled(1000, 0);
    assert!(first.report().operations >= 500);
    let before = resident();
    let held: Vec<Compiled> = (0..HELD).map(|k| compiled(1000, k)).collect();
    let each = resident().saturating_sub(before) / HELD;
    println!("a function of 1,000 nodes: {:.1} KiB", each as f64 / 1024.0);
    assert!(each < 100 << 10, "{each} bytes");
    assert!(held.iter().all(|f| f.call::<f64, 1>([0.5; 4]).unwrap()[0].is_finite()));
}

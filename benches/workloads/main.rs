//! The workloads of docs/performance.md: `cargo bench`, or `cargo bench -- w1 w5` for the rows whose names contain these words.

#[allow(dead_code, reason = "the bench drives a part of it")]
#[path = "../../examples/gradbench/main.rs"]
mod adapter;
mod arrays;
#[path = "../common/mod.rs"]
mod bench;
mod c;
mod calls;
#[path = "../common/cc.rs"]
mod cc;
mod elementwise;
mod formulas;
mod gradbench;
mod hand;
mod higher;
mod linalg;
mod networks;
mod rows;
mod sizes;
mod sparse;
mod tapes;

fn main() {
    let mut bench = bench::Bench::from_args();
    calls::run(&mut bench);
    tapes::run(&mut bench);
    rows::run(&mut bench);
    arrays::run(&mut bench);
    elementwise::run(&mut bench);
    networks::run(&mut bench);
    sizes::run(&mut bench);
    linalg::run(&mut bench);
    sparse::run(&mut bench);
    higher::run(&mut bench);
    gradbench::run(&mut bench);
}

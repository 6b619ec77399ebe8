//! The workloads of docs/performance.md: `cargo bench`, or `cargo bench -- w1 w5` for the rows whose names contain these words.

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
mod implicit;
mod instructions;
mod linalg;
mod loops;
mod networks;
mod pictures;
mod rolling;
mod rows;
mod sizes;
mod sparse;
mod tapes;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    if let [first, name] = &arguments[..]
        && first == "--count"
    {
        instructions::run_one(name);
        return ExitCode::SUCCESS;
    }
    if has("--instructions") {
        return instructions::run(has("--bless"));
    }
    let mut bench = bench::Bench::from_args(c::BUILDS.map(|(build, _)| build).to_vec());
    bench.machine();
    calls::run(&mut bench);
    tapes::run(&mut bench);
    rows::run(&mut bench);
    arrays::run(&mut bench);
    elementwise::run(&mut bench);
    networks::run(&mut bench);
    sizes::run(&mut bench);
    linalg::run(&mut bench);
    loops::run(&mut bench);
    implicit::run(&mut bench);
    sparse::run(&mut bench);
    rolling::run(&mut bench);
    higher::run(&mut bench);
    gradbench::run(&mut bench);
    if let Some(folder) = bench.pictures()
        && let Err(why) = pictures::draw(folder, bench.bounded())
    {
        eprintln!("the pictures cannot be drawn: {why}");
        return ExitCode::FAILURE;
    }
    if let Err(why) = bench.finish() {
        eprintln!("the tables cannot be written: {why}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

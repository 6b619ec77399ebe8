//! Nothing says what the leaves are.

#[derive(wengert::Structure)]
struct Model {
    w: f64,
}

fn main() {}

//! An attribute that there is not.

#[derive(wengert::Structure)]
#[structure(leaves = "T")]
struct Model<T> {
    w: T,
}

fn main() {}

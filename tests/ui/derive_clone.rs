//! What is carried over is cloned.

struct Key;

#[derive(wengert::Structure)]
struct Model<T> {
    w: T,
    key: Key,
}

fn main() {}

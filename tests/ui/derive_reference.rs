//! A reference to other leaves cannot be made.

#[derive(wengert::Structure)]
struct Model<'a, T> {
    w: &'a T,
}

fn main() {}

//! A field with leaves changes its type.

#[derive(wengert::Structure)]
struct Model<T> {
    w: T,
    #[structure(skip)]
    b: Vec<T>,
}

fn main() {}

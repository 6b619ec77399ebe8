//! A field of a type that is generic in the leaf, and no structure.

#[derive(wengert::Structure)]
struct Model<T> {
    w: std::rc::Rc<T>,
}

fn main() {}

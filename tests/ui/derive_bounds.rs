//! Leaves may also be arrays or handles.

#[derive(wengert::Structure)]
struct Model<T: wengert::Real> {
    w: T,
}

fn main() {}

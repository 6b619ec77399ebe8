//! Which leaves there are would depend on the value.

#[derive(wengert::Structure)]
enum Choice<T> {
    One(T),
    Two(T, T),
}

fn main() {}

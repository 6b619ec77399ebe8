//! The twin of the `derive_*.rs` that does compile.

use std::marker::PhantomData;
use wengert::Structure;

#[derive(Structure)]
struct Dense<T> {
    w: T,
    b: T,
}

#[derive(Structure)]
#[structure(leaf = "T")]
struct Model<T, K>
where
    K: Ord,
{
    layers: Vec<Dense<T>>,
    gain: Option<[T; 2]>,
    #[structure(skip)]
    rate: f64,
    key: K,
    none: PhantomData<T>,
}

fn main() {
    let layers = vec![Dense { w: 1.0, b: 2.0 }];
    let model = Model { layers, gain: Some([3.0, 4.0]), rate: 0.5, key: "a", none: PhantomData };
    let other = model.map(|v| *v as f32);
    assert_eq!(other.flatten(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!((other.rate, other.key), (0.5, "a"));
}

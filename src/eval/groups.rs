//! A group of values as one array, and back: the index of a value stands behind the axes of the batch, and before the value's own.

use super::array::Array;

/// The values of a group that is one array, with `batch` axes in front of the index of a value. A group of exactly one value has no such
/// axis. None if the array does not have the axis, or not that long.
pub(crate) fn split<T: Copy>(x: &Array<T>, len: usize, batch: usize) -> Option<Vec<Array<T>>> {
    if len == 1 {
        return Some(vec![x.clone()]);
    }
    if x.shape.get(batch) != Some(&len) {
        return None;
    }
    let shape = [&x.shape[..batch], &x.shape[batch + 1..]].concat();
    let own: usize = x.shape[batch + 1..].iter().product();
    let value = |k: usize| {
        let places = x.data.chunks_exact((len * own).max(1));
        Array { shape: shape.clone(), data: places.flat_map(|all| &all[k * own..(k + 1) * own]).copied().collect() }
    };
    Some((0..len).map(value).collect())
}

/// The values of a group, all of one shape, as one array; no value is an array without elements, whatever the batch.
pub(crate) fn joined<T: Copy>(values: &[Array<T>], batch: usize) -> Array<T> {
    let [first, ..] = values else { return Array { shape: vec![0], data: vec![] } };
    if values.len() == 1 {
        return first.clone();
    }
    let (before, own) = first.shape.split_at(batch);
    let (outer, inner): (usize, usize) = (before.iter().product(), own.iter().product());
    let row = |o: usize| values.iter().flat_map(move |value| &value.data[o * inner..(o + 1) * inner]);
    Array { shape: [before, &[values.len()], own].concat(), data: (0..outer).flat_map(row).copied().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: &[usize]) -> Array<usize> {
        Array { shape: shape.to_vec(), data: (0..shape.iter().product()).collect() }
    }

    #[test]
    fn the_index_of_a_value_stands_behind_the_batch() {
        let x = counted(&[2, 3, 4]);
        let values = split(&x, 3, 1).unwrap();
        let places = |k: usize| (0..2).flat_map(move |row| (0..4).map(move |own| (row * 3 + k) * 4 + own)).collect();
        for (k, value) in values.iter().enumerate() {
            assert_eq!(*value, Array { shape: vec![2, 4], data: places(k) });
        }
        assert_eq!(joined(&values, 1), x);
        // Without a batch, one value after the other.
        assert_eq!(split(&x, 2, 0).unwrap()[1], Array { shape: vec![3, 4], data: (12..24).collect() });
        // The whole shape may be the batch.
        assert_eq!(split(&x, 4, 2).unwrap()[3].data, [3, 7, 11, 15, 19, 23]);
    }

    #[test]
    fn splitting_and_joining_are_inverse() {
        for shape in [&[5][..], &[2, 3], &[2, 0, 3], &[0, 2], &[3, 1, 2], &[2, 2, 2, 2]] {
            let x = counted(shape);
            for batch in 0..shape.len() {
                let len = shape[batch];
                let values = split(&x, len, batch).unwrap();
                assert_eq!(values.len(), if len == 1 { 1 } else { len });
                if len > 1 {
                    assert_eq!(joined(&values, batch), x, "{shape:?}, {batch}");
                }
            }
        }
        assert_eq!(split(&counted(&[4]), 1, 1).unwrap(), [counted(&[4])]);
        assert_eq!(joined(&[counted(&[4])], 1), counted(&[4]));
        assert_eq!(joined::<f64>(&[], 1).shape, [0]);
    }

    #[test]
    fn an_array_of_another_shape_is_none() {
        assert!(split(&counted(&[2, 3]), 2, 1).is_none());
        assert!(split(&counted(&[2, 3]), 3, 2).is_none());
        assert!(split(&counted(&[]), 2, 0).is_none());
        assert_eq!(split(&counted(&[3, 0]), 0, 1).unwrap(), []);
    }
}

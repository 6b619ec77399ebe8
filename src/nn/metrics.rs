//! How good answers are. In: slices of answers and of what is true. Out: plain numbers. Classes are whole numbers from 0.

use crate::error::{Error, Kind as ErrorKind, Result, count};
use crate::op::Scalar;

/// The class that a number names, if it is one.
pub(super) fn class<T: Scalar>(v: T, classes: usize) -> Option<usize> {
    let v = v.to_f64();
    (v >= 0.0 && v.fract() == 0.0 && v < classes as f64).then_some(v as usize)
}

#[track_caller]
fn check_lengths(answers: usize, truths: usize) -> Result<()> {
    match (answers, truths) {
        (0, 0) => Err(Error::here(ErrorKind::Value, "there are no answers to judge")),
        (a, t) if a == t => Ok(()),
        (a, t) => Err(Error::here(ErrorKind::Length, format!("{} for {}", count(a, "answer"), count(t, "true value")))),
    }
}

#[track_caller]
fn check_class<T: Scalar>(row: usize, v: T, classes: usize) -> Result<usize> {
    match class(v, classes) {
        Some(class) => Ok(class),
        None => Err(Error::here(ErrorKind::Value, format!("row {row}: {v:?} is no class below {classes}"))),
    }
}

/// The position of the first largest of some scores; 0 where there are none.
pub fn best<T: Scalar>(scores: &[T]) -> usize {
    (1..scores.len()).fold(0, |best, k| if scores[k] > scores[best] { k } else { best })
}

/// The share of answers that are what is true.
///
/// # Errors
/// If there are none, or not as many of both.
#[track_caller]
pub fn accuracy<T: Scalar>(answers: &[T], truth: &[T]) -> Result<f64> {
    check_lengths(answers.len(), truth.len())?;
    Ok(answers.iter().zip(truth).filter(|(a, t)| a == t).count() as f64 / truth.len() as f64)
}

/// The share of rows in whose `k` largest scores the true class is; `k` = 1 is the accuracy. Of equal scores, those that come
/// first count as larger.
///
/// # Errors
/// If the scores are no whole rows of `classes`, there are no rows, there are not as many labels, or a label is no class.
#[track_caller]
pub fn top_k<T: Scalar>(scores: &[T], classes: usize, labels: &[T], k: usize) -> Result<f64> {
    if classes == 0 || !scores.len().is_multiple_of(classes) {
        let message = format!("{} are no whole rows of {classes}", count(scores.len(), "score"));
        return Err(Error::here(ErrorKind::Length, message));
    }
    check_lengths(scores.len() / classes, labels.len())?;
    let mut right = 0;
    for (row, (scores, &label)) in scores.chunks(classes).zip(labels).enumerate() {
        let truth = check_class(row, label, classes)?;
        let before = |j: usize| scores[j] > scores[truth] || scores[j] == scores[truth] && j < truth;
        // A score that is NaN is never among the best.
        right += usize::from(!scores[truth].to_f64().is_nan() && (0..classes).filter(|&j| before(j)).count() < k);
    }
    Ok(right as f64 / labels.len() as f64)
}

/// The share of the variance that predictions explain: 1 − Σ(t − p)² / Σ(t − mean t)². It is 1 for perfect ones, 0 for the mean as
/// the answer to all, and negative for worse; −∞ or NaN where what is true does not vary.
///
/// # Errors
/// If there are none, or not as many of both.
#[track_caller]
pub fn r_squared<T: Scalar>(predictions: &[T], truth: &[T]) -> Result<f64> {
    check_lengths(predictions.len(), truth.len())?;
    let mean = truth.iter().map(|t| t.to_f64()).sum::<f64>() / truth.len() as f64;
    let off: f64 = predictions.iter().zip(truth).map(|(p, t)| (t.to_f64() - p.to_f64()).powi(2)).sum();
    let varies: f64 = truth.iter().map(|t| (t.to_f64() - mean).powi(2)).sum();
    Ok(1.0 - off / varies)
}

/// Which class was taken for which, counted.
///
/// ```
/// use wengert::nn::metrics::Confusion;
/// let seen = Confusion::new(&[0.0, 1.0, 1.0, 1.0], &[0.0, 0.0, 1.0, 1.0], 2)?;
/// assert_eq!(seen.count(0, 1), 1); // a 0 that was taken for a 1
/// assert_eq!(seen.accuracy(), 0.75);
/// assert_eq!((seen.precision(1), seen.recall(1)), (Some(2.0 / 3.0), Some(1.0)));
/// assert_eq!(seen.f1(1), Some(0.8));
/// # Ok::<(), wengert::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<usize>,
}

impl Confusion {
    /// Counts answers against true classes.
    ///
    /// # Errors
    /// If there are none, not as many of both, or one is no class.
    #[track_caller]
    pub fn new<T: Scalar>(answers: &[T], truth: &[T], classes: usize) -> Result<Confusion> {
        check_lengths(answers.len(), truth.len())?;
        let mut counts = vec![0; classes * classes];
        for (row, (&answer, &truth)) in answers.iter().zip(truth).enumerate() {
            counts[check_class(row, truth, classes)? * classes + check_class(row, answer, classes)?] += 1;
        }
        Ok(Confusion { classes, counts })
    }

    /// How often a class was taken for another, or itself; never, if one is no class.
    pub fn count(&self, truth: usize, answer: usize) -> usize {
        if answer < self.classes { self.counts.get(truth * self.classes + answer).copied().unwrap_or(0) } else { 0 }
    }

    /// The share of right answers.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.classes).map(|k| self.count(k, k)).sum();
        right as f64 / self.counts.iter().sum::<usize>() as f64
    }

    /// Of the answers "this class", the share that is right; `None` if it was never the answer.
    pub fn precision(&self, class: usize) -> Option<f64> {
        self.share(class, (0..self.classes).map(|truth| self.count(truth, class)).sum())
    }

    /// Of the rows of a class, the share that is found; `None` if there are none.
    pub fn recall(&self, class: usize) -> Option<f64> {
        self.share(class, (0..self.classes).map(|answer| self.count(class, answer)).sum())
    }

    /// The harmonic mean of precision and recall; `None` if the class is neither true nor answered anywhere.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let both = (0..self.classes).map(|k| self.count(k, class) + self.count(class, k)).sum();
        self.share(class, both).map(|share| 2.0 * share)
    }

    fn share(&self, class: usize, of: usize) -> Option<f64> {
        (of > 0).then(|| self.count(class, class) as f64 / of as f64)
    }
}

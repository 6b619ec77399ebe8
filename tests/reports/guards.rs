//! A zero behind a guard is no number: an infinite edge does not meet it. Nor does what a branch that is not taken computes.

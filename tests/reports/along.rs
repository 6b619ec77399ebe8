//! What sums, norms and products over an axis make of extremes.

//! A solver that fails gives NaN in every mode, and says so.

//! Indices beyond the precision of a width, and special inputs.

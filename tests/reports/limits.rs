//! What cannot be is an error, and bounds are kept.

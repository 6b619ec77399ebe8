//! Second derivatives at kinks follow the written convention.

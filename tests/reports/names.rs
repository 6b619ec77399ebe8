//! Functions are inlined with names of their own.

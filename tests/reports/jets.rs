//! Jets and series keep the conventions of the op table.

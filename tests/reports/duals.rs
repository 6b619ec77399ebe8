//! An edge that overflows, beside operands that do not vary.

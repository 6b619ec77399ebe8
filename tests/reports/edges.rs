//! Edges that would cancel or overflow before the derivative does.

//! Tiles: stages that go along one axis run together over one part of it after the other, so that what passes between them stays in the
//! cache and needs memory for one part.

mod band;
mod part;
mod walk;

pub(crate) use band::{Band, Order, arrange};
pub(crate) use part::tiles;

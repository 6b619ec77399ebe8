//! Networks, optimisers, trainings, and their files.

mod io;
mod nn;
mod optim;
mod training;

//! The simulator: seeds, adversaries, and that a seed is all it depends on.

mod adversaries;
mod determinism;
mod seeds;

//! Behaviour of the integer program through its public interface.

mod checks;
mod execution;
mod support;

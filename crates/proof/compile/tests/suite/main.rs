//! Behaviour of the compiler through its public interface.

mod bundled;
mod support;

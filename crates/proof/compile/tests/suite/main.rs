//! Behaviour of the compiler through its public interface.

mod bundled;
mod files;
mod forests;
mod hostile;
mod native;
mod numbers;
mod refusals;
mod support;
mod tensor_forests;

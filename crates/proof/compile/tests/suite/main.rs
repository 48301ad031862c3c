//! Behaviour of the compiler through its public interface.

mod attended;
mod bombs;
mod bundled;
mod conformance;
mod cost;
mod fidelity;
mod files;
mod forests;
mod graphs;
mod hostile;
mod inputs;
mod missing;
mod native;
mod networks;
mod norms;
mod numbers;
mod operators;
mod picked;
mod prepared;
mod ranked;
mod refusals;
mod refused_inputs;
mod signature;
mod support;
mod tensor_forests;

//! The prover through its public interface, judged by the verifier; and liars, judged by it too.
//!
//! What is metered stands in a binary of its own (`metered`): it counts allocations.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../../auditor/tests/it/replay/mod.rs"]
mod replay;

mod batches;
mod bits128;
mod census;
mod compared;
mod doubles;
mod elided;
mod hidden;
mod hidden_batches;
mod lookup_parts;
mod lying_rounds;
mod malicious;
mod missing_values;
mod models;
mod opening;
mod random_lies;
mod samples;
mod small_programs;
mod tampering;
mod tensor_programs;
mod vectors;
mod work;
mod wraparound;

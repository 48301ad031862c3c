//! Proves that an output came from a model on an input.
//!
//! The phases mirror `ciro-verifier` module by module; what both sides must agree on lives there. Every message goes through one
//! [`ciro_transcript::Writer`]; the modules below compute, [`mod@prove`] orchestrates.
//!
//! | module | what it computes |
//! |---|---|
//! | [`kernel`] | what costs time, in lanes and threads |
//! | [`key`] | the weight commitment, once per model |
//! | [`seed`] | where salts come from |
//! | [`witness`] | the witness columns |
//! | `fill` | how they are filled, from an execution and the hints of a recipe |
//! | [`constants`] | the constants as proofs read them |
//! | `joined` | columns read as if they were one |
//! | [`keys`] | where the keys of a looked-up table are |
//! | [`oracle`] | codewords and Merkle trees |
//! | [`commitments`] | the polynomials of one proof and their oracles |
//! | [`samples`] | at the higher target: the committed polynomials at a random point |
//! | [`lookup`] | the circuit of fractions and its layer sumchecks |
//! | [`parts`] | where the rows of a part of a lookup are in columns |
//! | [`constraints`] | the zerocheck |
//! | [`products`] | Thaler's sumchecks |
//! | [`operand`] | what they sum over |
//! | [`gathers`] | the reduction of claims on picked columns |
//! | [`evaluate`] | columns at the suffixes of a point |
//! | [`batch`] | the reduction of all claims to one point |
//! | [`opening`] | WHIR |
//! | [`single`] | batches whose samples are shown one by one |
//! | [`reveal`] | the commitment to a given input or output |
//! | [`rounds`] | what the sumchecks share |
//! | [`mod@prove`] | the order of it all |
//! | [`phase`] | its phases, for whoever measures them |
//!
//! Dependency position: above the verifier. Holds no keys and no randomness: a proof is a function of model, input, context
//! and, where something is hidden, a seed.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod batch;
pub mod commitments;
pub mod constants;
pub mod constraints;
pub mod evaluate;
mod fill;
pub mod gathers;
mod joined;
pub mod kernel;
pub mod key;
pub mod keys;
pub mod lookup;
pub mod opening;
pub mod operand;
pub mod oracle;
pub mod parts;
pub mod phase;
pub mod products;
pub mod prove;
pub mod reveal;
pub mod rounds;
pub mod samples;
pub mod seed;
pub mod single;
mod stored;
pub mod witness;

pub use key::ProvingKey;
pub use phase::{Observer, Phase};
pub use prove::{
    Proof, ProveError, execute, prove, prove_as, prove_execution, prove_hiding, prove_observed, prove_witness,
};
pub use seed::Seed;
pub use single::{BatchProof, prove_batch};
pub use witness::Witness;

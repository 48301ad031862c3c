//! From a program to its verifying key, and from a claim about a model to a verdict.
//!
//! The claim: *this model id is the hash of an integer program, its key, and the commitment to its weights. Run on this
//! input, the program gives this output. The proof was made for this chain, job and worker.* Whoever adopts a model derives its
//! key here. The verifier's core takes the key as it is.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | a model whose key was derived here; verdicts |
//! | [`statement`] | what is claimed, in which bytes it travels |
//! | [`single`] | one sample of a batch, shown by itself |
//! | [`mod@lower`] | one gadget per operator of the integer program |
//! | `multiply` | its part on products, element by element |
//! | `rectify` | its part on rectified sums and the largest of windows |
//! | `layout` | its part on what only moves elements |
//! | `relayout` | its part on changes of layout that permute many elements |
//! | `roots` | its part on roots and quotients |
//! | `rank` | its part on doubles and their places among cuts |
//! | `tensor` | its part on matrix products, convolutions and rearrangements |
//! | [`forest`] | the taken paths of a forest |
//! | `hidden` | inputs and outputs that a statement does not show |
//! | [`builder`] | columns, ranges and lookups, from which gadgets are assembled |
//! | `ranges` | which numbers lie in 0..2^bits |
//! | `place` | the polynomials, and where committed columns lie in them |
//! | [`size`] | how large a relation may become |
//! | [`cost`] | what deriving a key costs |
//! | [`hint`] | how the prover fills the witness columns |
//! | [`error`] | why a program has no relation, why a claim is refused |
//!
//! Dependency position: top of the verifier's closure. Nothing here knows of networks, money or files.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]
#![cfg_attr(
    not(test),
    deny(
        clippy::allow_attributes_without_reason,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::float_arithmetic,
        clippy::indexing_slicing,
        clippy::integer_division,
        clippy::panic,
        clippy::panic_in_result_fn,
        clippy::string_slice,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

extern crate alloc;

pub mod builder;
pub mod cost;
pub mod error;
pub mod forest;
mod hidden;
pub mod hint;
mod layout;
pub mod lower;
pub mod model;
mod multiply;
mod place;
mod ranges;
mod rank;
mod rectify;
mod relayout;
mod roots;
pub mod single;
pub mod size;
pub mod statement;
mod tensor;

pub use ciro_relation::{Cost, Limits};
pub use ciro_types::ProofContext;
pub use ciro_verifier::{Phase, Shown, VerifyError};
pub use error::{AuditError, RelationError};
pub use hint::{Hint, Origin, Recipe};
pub use lower::lower;
pub use model::{AuditedModel, Claim, Verified, verify};
pub use single::{Sample, VerifiedProof, VerifiedSample};
pub use statement::{Part, Statement, Weights};

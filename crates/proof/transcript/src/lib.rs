//! Fiat-Shamir: one typed transcript, one canonical proof stream.
//!
//! A proof is the byte string of the prover's messages in the order in which they are absorbed; there is no other
//! serialisation. The prover appends through [`Writer`], the verifier consumes through [`Reader`], and both drive the same
//! [`Sponge`]. The verifier derives every length from the model, never from the proof; what is missing, non-canonical or left
//! over is a typed [`ReadError`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`cost`] | work and memory, counted before anything is done |
//! | [`field`] | the field F = KoalaBear and its quintic extension E, canonical bytes |
//! | [`meter`] | what is done, counted for tests |
//! | [`sponge`] | Blake2s chaining with labels and lengths; challenges by rejection sampling |
//! | [`writer`] | the prover's side, which records where each labelled message lies |
//! | [`reader`] | the verifier's side |
//!
//! Dependency position: bottom of the verifier's closure. The hash is Blake2s-256 (RFC 7693).
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
#[cfg(feature = "meter")]
extern crate std;

pub mod cost;
pub mod field;
pub mod meter;
pub mod reader;
pub mod sponge;
pub mod writer;

pub use cost::Cost;
pub use field::{E, F};
pub use reader::{ReadError, Reader};
pub use sponge::{Digest, Sponge, Transcript};
pub use writer::{Segment, Step, StepKind, Writer};

//! Hashing and signing, each with a mandatory domain so that no digest or signature means two things.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@hash`] | Blake2s-256 with a length-prefixed domain label |
//! | [`identity`] | names that are the hash of what they name |
//! | [`sign`] | Ed25519 keys, signatures over (domain, chain, message), strict verification |
//!
//! Dependency position: above `ciro-types`, below everything that names or signs things. No randomness here: a key is
//! made from a seed that the caller drew.
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

pub mod hash;
pub mod identity;
pub mod sign;

pub use hash::{Hasher, hash, hash_encoded};
pub use identity::{job_id, model_id};
pub use sign::{Keypair, Signature, SignatureError, verify};

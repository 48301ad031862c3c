//! Hashing and signing, each with a mandatory domain so that no digest or signature means two things.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mod@hash`] | Blake2s-256 with a length-prefixed domain label |
//! | [`sign`] | Ed25519 keys, signatures over (domain, chain, message), strict verification |
//!
//! Dependency position: above `ciro-types`, below everything that names or signs things. No randomness here: a key is
//! made from a seed that the caller drew.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod hash;
pub mod sign;

pub use hash::{Hasher, hash, hash_encoded};
pub use sign::{Keypair, Signature, SignatureError, verify};

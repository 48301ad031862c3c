//! Names and units that every layer shares. `no_std`, no clock, no randomness, no floats.
//!
//! | module | what it holds |
//! |---|---|
//! | [`codec`] | the one canonical byte encoding (borsh) with bounded, total decoding |
//! | [`id`] | 32-byte newtypes: hashes, accounts, jobs, models, blocks |
//! | [`amount`] | money in base units, never a float |
//! | [`claim`] | what claims about an inference are made of |
//! | [`job`] | what is ordered, offered, leased: `JobSpec`, `Offer`, `Lease`, `Assurance` |
//! | [`text`] | text that a stranger chose: what may be in it, how it is printed |
//! | [`mod@unit`] | heights, nonces, memory, basis points: counters that do not convert into one another |
//!
//! Dependency position: the bottom. Nothing below, everything above.
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

pub mod amount;
pub mod claim;
pub mod codec;
pub mod id;
pub mod job;
pub mod text;
pub mod unit;

pub use amount::Amount;
pub use claim::{Disclosure, ModelRoots, ProofContext};
pub use codec::{DecodeError, decode, encode};
pub use id::{AccountId, BlockId, ChainId, Hash32, JobId, ModelId, StateRoot, TxId};
pub use job::{Assurance, CapabilityFlags, JobSpec, JobType, Lease, Offer, Requirements};
pub use text::{Escaped, Lines, Named, TextError, chain, check_printable};
pub use unit::{BasisPoints, Height, LeaseToken, MemoryMib, Nonce};

//! What deriving a key costs.
//!
//! A cost follows from the public program alone and is an upper bound. It is known in three steps. [`Limits`] may refuse
//! each before the next one is taken:
//!
//! 1. from the length of a program, what it takes to decode and check it ([`of_program`]);
//! 2. while a relation is built, from its entries ([`crate::size`]);
//! 3. from the finished relation and the parameters of its commitments, what its claims and a proof of them take
//!    (`ciro_verifier::VerifyingKey::cost`).
//!
//! [`Limits`]: ciro_relation::Limits

use ciro_graph::{Disclosure, ModelWork, Program};
use ciro_transcript::cost::{Cost, wide};

/// Bytes that a byte of a program becomes at most, decoded, while the vectors that hold it grow.
const DECODED_BYTES: u64 = 48;

/// Operations that decoding and checking take for each byte of a program.
const CHECKED_OPS: u64 = 32;

/// Operations that making and checking an entry of a relation takes, and that reading it takes for each proof.
const ENTRY_OPS: u64 = 128;

/// Bytes that an entry of a relation takes at most, while it is made.
const ENTRY_BYTES: u64 = 64;

/// Decoding, checking and hashing a program of so many bytes.
#[must_use]
pub fn of_program(bytes: usize) -> Cost {
    let bytes = wide(bytes);
    Cost::field(bytes.saturating_mul(CHECKED_OPS))
        .and(Cost::hash(bytes))
        .and(Cost::memory(bytes.saturating_mul(DECODED_BYTES)))
}

/// Bytes that an entry of a relation takes at most in the key's canonical bytes.
const KEY_ENTRY_BYTES: u64 = 40;

/// Encoding and hashing the key of a relation of so many entries.
#[must_use]
pub(crate) fn of_digest(entries: usize) -> Cost {
    let bytes = wide(entries).saturating_mul(KEY_ENTRY_BYTES);
    Cost::hash(bytes).and(Cost::memory(bytes))
}

/// Building a relation of so many entries.
#[must_use]
pub(crate) fn of_entries(entries: usize) -> Cost {
    let entries = wide(entries);
    Cost::field(entries.saturating_mul(ENTRY_OPS)).and(Cost::memory(entries.saturating_mul(ENTRY_BYTES)))
}

/// Steps that decoding and checking a weight takes.
const WEIGHT_OPS: u64 = 24;

/// Decoding, checking and hashing the weights of a program that shows them.
#[must_use]
pub(crate) fn of_weights(program: &Program) -> Cost {
    if program.visibility.weights != Disclosure::Public {
        return Cost::ZERO;
    }
    let elements = program.constants.iter().fold(0u64, |sum, c| sum.saturating_add(u64::from(c.len())));
    let elements = elements.saturating_add(wide(program.constants.len()));
    let work = ModelWork::of(program);
    // As they travel, decoded while their vectors grow, and encoded again to be hashed.
    let held = elements.saturating_mul(5 * 4);
    Cost::hash(elements.saturating_mul(4))
        .and(Cost::field(elements.saturating_mul(WEIGHT_OPS).saturating_add(work.steps)))
        .and(Cost::memory(held.saturating_add(work.bytes)))
}

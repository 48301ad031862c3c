//! What verifying costs, and who accepts how much.
//!
//! A cost follows from the public program alone and is an upper bound. Nothing that is done is left out, and no proof
//! or statement makes it more. It is known in three steps, each of which [`Limits`] may refuse before the next one is
//! taken:
//!
//! 1. from the length of a program, what it takes to decode and check it ([`of_program`]);
//! 2. while a relation is built, from its entries ([`crate::size`]);
//! 3. from the finished relation and the parameters of its commitments, what its claims and a proof of them take
//!    (`ciro_verifier::VerifyingKey::cost`).

use crate::relation::{Relation, RelationError};
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

/// Building a relation of so many entries.
#[must_use]
pub(crate) fn of_entries(entries: usize) -> Cost {
    let entries = wide(entries);
    Cost::field(entries.saturating_mul(ENTRY_OPS)).and(Cost::memory(entries.saturating_mul(ENTRY_BYTES)))
}

impl Relation {
    /// What building it took.
    #[must_use]
    pub fn built(&self) -> Cost {
        of_entries(self.entries)
    }
}

/// What somebody who verifies accepts to spend. Every cost includes building the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Work: [`Cost::units`].
    pub units: u64,
    /// Memory: [`Cost::peak_bytes`].
    pub peak_bytes: u64,
}

impl Limits {
    /// A person at a terminal, who may raise them: three seconds of one core, 512 MiB.
    pub const VERIFY: Self = Self { units: 3_000_000, peak_bytes: 512 << 20 };

    /// A validator, for one settlement among many: 50 ms of one core, 64 MiB.
    pub const LEDGER: Self = Self { units: 50_000, peak_bytes: 64 << 20 };

    /// Whoever chose the program: no limit but those of programs and relations themselves.
    pub const NONE: Self = Self { units: u64::MAX, peak_bytes: u64::MAX };

    /// Refuses what costs more.
    ///
    /// # Errors
    /// [`RelationError::TooCostly`], for work first.
    pub fn admit(&self, cost: &Cost) -> Result<(), RelationError> {
        let pairs =
            [("units of work", self.units, cost.units()), ("bytes of memory", self.peak_bytes, cost.peak_bytes)];
        for (what, expected, got) in pairs {
            if got > expected {
                return Err(RelationError::TooCostly { what, expected, got });
            }
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::VERIFY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_admit_what_they_say_and_no_more() {
        let cost = Cost { field_ops: 1_000_000, hash_bytes: 0, peak_bytes: 100 };
        let units = cost.units();
        let limits = |units, peak_bytes| Limits { units, peak_bytes };
        assert_eq!(limits(units, 100).admit(&cost), Ok(()));
        let work = RelationError::TooCostly { what: "units of work", expected: units - 1, got: units };
        assert_eq!(limits(units - 1, 100).admit(&cost), Err(work));
        let memory = RelationError::TooCostly { what: "bytes of memory", expected: 99, got: 100 };
        assert_eq!(limits(units, 99).admit(&cost), Err(memory));
        assert_eq!(Limits::NONE.admit(&of_program(usize::MAX)), Ok(()));
    }
}

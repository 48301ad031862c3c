//! Work and memory, as a verifier counts them before it does anything.

/// Work and memory of a verification: an upper bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Multiplications of the base field, and steps that take no longer than one of them each.
    pub field_ops: u64,
    /// Bytes that go through the hash, in whole blocks of 64.
    pub hash_bytes: u64,
    /// Most bytes that are allocated at once.
    pub peak_bytes: u64,
}

/// A product of two elements of E, in field operations: 25 products of coefficients, and what reduces their sums.
pub const E_MUL: u64 = 30;

/// A product of an element of E and one of F, added to a sum.
pub const F_MUL: u64 = 8;

/// Bytes that Blake2s takes at once.
pub const BLOCK_BYTES: u64 = 64;

/// Picoseconds of one field operation on the reference machine (`docs/reference/bench.md`), loads and stores included. The programs of
/// `metered.rs` that do most of what they say take two thirds of that.
const FIELD_OP_PS: u64 = 1_000;

/// Picoseconds of hashing one byte.
const HASH_BYTE_PS: u64 = 2_000;

/// Picoseconds of one unit.
const UNIT_PS: u64 = 1_000_000;

/// A length or a count, as costs hold it.
#[must_use]
pub fn wide(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self { field_ops: 0, hash_bytes: 0, peak_bytes: 0 };

    /// So many field operations.
    #[must_use]
    pub const fn field(field_ops: u64) -> Self {
        Self { field_ops, ..Self::ZERO }
    }

    /// Hashing a message of so many bytes: whole blocks, at least one.
    #[must_use]
    pub const fn hash(bytes: u64) -> Self {
        let blocks = if bytes == 0 { 1 } else { bytes.div_ceil(BLOCK_BYTES) };
        Self { hash_bytes: blocks.saturating_mul(BLOCK_BYTES), ..Self::ZERO }
    }

    /// So many bytes in memory.
    #[must_use]
    pub const fn memory(peak_bytes: u64) -> Self {
        Self { peak_bytes, ..Self::ZERO }
    }

    /// Both, what one of them allocates still there while the other runs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            field_ops: self.field_ops.saturating_add(other.field_ops),
            hash_bytes: self.hash_bytes.saturating_add(other.hash_bytes),
            peak_bytes: self.peak_bytes.saturating_add(other.peak_bytes),
        }
    }

    /// So many times, the memory each time anew.
    #[must_use]
    pub const fn times(self, count: u64) -> Self {
        Self {
            field_ops: self.field_ops.saturating_mul(count),
            hash_bytes: self.hash_bytes.saturating_mul(count),
            peak_bytes: self.peak_bytes,
        }
    }

    /// The work as one number, which a ledger prices. A unit is about one microsecond of one core of the reference machine
    /// (`docs/reference/bench.md`). The number is at least one.
    #[must_use]
    pub const fn units(&self) -> u64 {
        let field = self.field_ops.saturating_mul(FIELD_OP_PS);
        let work = field.saturating_add(self.hash_bytes.saturating_mul(HASH_BYTE_PS));
        work.div_ceil(UNIT_PS).saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_saturate() {
        let huge = Cost { field_ops: u64::MAX, hash_bytes: u64::MAX, peak_bytes: u64::MAX };
        assert_eq!(huge.and(huge), huge);
        assert_eq!(huge.units(), u64::MAX / UNIT_PS + 2);
    }

    #[test]
    fn messages_are_hashed_in_whole_blocks() {
        let bytes = |n| Cost::hash(n).hash_bytes;
        assert_eq!([bytes(0), bytes(1), bytes(64), bytes(65)], [64, 64, 64, 128]);
    }
}

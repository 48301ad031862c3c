//! The canonical byte encoding: borsh (little-endian, length-prefixed, no maps with free order).
//!
//! Every value that is hashed, signed, stored or sent goes through [`encode`] and [`decode`]. Decoding is total. It
//! rejects input above a limit that the caller gives, trailing bytes, and whatever borsh refuses. It never allocates
//! more than the input's own length justifies.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
pub use borsh::{BorshDeserialize, BorshSerialize};

/// Why foreign bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input is longer than the caller allows.
    #[error("input too long: expected at most {expected} bytes, got {got}")]
    TooLong {
        /// The caller's limit, bytes.
        expected: usize,
        /// The input's length, bytes.
        got: usize,
    },
    /// The bytes are not the canonical encoding of the type.
    #[error("not a canonical {type_name}: {reason}")]
    Malformed {
        /// Rust name of the type that was expected.
        type_name: &'static str,
        /// What the decoder met.
        reason: String,
    },
}

/// The canonical encoding of `value`.
#[must_use]
#[expect(clippy::unreachable, reason = "an encoding that ended early would be hashed and signed as if it were whole")]
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec cannot fail; a custom impl that reports an error here would be our own bug.
    if value.serialize(&mut bytes).is_err() {
        unreachable!("serialising into memory does not fail");
    }
    bytes
}

/// Decodes one value that fills `bytes` exactly.
///
/// # Errors
/// [`DecodeError::TooLong`] above `limit` bytes, [`DecodeError::Malformed`] for anything that is not canonical,
/// trailing bytes included.
pub fn decode<T: BorshDeserialize>(bytes: &[u8], limit: usize) -> Result<T, DecodeError> {
    if bytes.len() > limit {
        return Err(DecodeError::TooLong { expected: limit, got: bytes.len() });
    }
    borsh::from_slice(bytes)
        .map_err(|e| DecodeError::Malformed { type_name: core::any::type_name::<T>(), reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7u32);
        bytes.push(0);
        assert!(matches!(decode::<u32>(&bytes, 100), Err(DecodeError::Malformed { .. })));
    }

    #[test]
    fn the_limit_is_checked_before_anything_is_read() {
        assert_eq!(decode::<u32>(&[0; 5], 4), Err(DecodeError::TooLong { expected: 4, got: 5 }));
    }

    #[test]
    fn a_length_prefix_beyond_the_input_is_refused_without_allocating_it() {
        let bytes = u32::MAX.to_le_bytes();
        assert!(decode::<Vec<u64>>(&bytes, 1 << 20).is_err());
    }
}

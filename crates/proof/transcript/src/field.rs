//! The field of the proof and its canonical bytes.

use alloc::vec::Vec;
use p3_field::extension::QuinticTrinomialExtensionField;
use p3_field::{BasedVectorSpace, PrimeCharacteristicRing, PrimeField32};
use p3_koala_bear::KoalaBear;

/// The base field, of order p = 2³¹ − 2²⁴ + 1. Witness cells live here.
pub type F = KoalaBear;

/// The challenge field F\[X\]/(X⁵ + X² − 1), 155 bits. Every challenge and claimed evaluation lives here.
pub type E = QuinticTrinomialExtensionField<F>;

/// The order of [`F`].
pub const P: u32 = 0x7f00_0001;

/// Coefficients of an extension element.
pub const E_DEGREE: usize = 5;

/// Bytes of an encoded extension element: five little-endian u32, each below [`P`].
pub const E_BYTES: usize = 4 * E_DEGREE;

/// The field element of a small signed integer.
///
/// Any i64 is accepted and reduced modulo p; callers that rely on injectivity keep |v| < 2³⁰.
pub fn from_int(v: i64) -> F {
    // Nearly all integers are small, and reducing a large one divides 128-bit numbers.
    i32::try_from(v).map_or_else(|_| F::from_i64(v), F::from_i32)
}

/// The base element of four canonical little-endian bytes, or `None` if they encode p or more.
#[must_use]
pub fn base_from_bytes(bytes: [u8; 4]) -> Option<F> {
    let value = u32::from_le_bytes(bytes);
    (value < P).then(|| F::from_u32(value))
}

/// Appends the canonical bytes of a base element.
pub fn push_base(x: F, out: &mut Vec<u8>) {
    out.extend_from_slice(&x.as_canonical_u32().to_le_bytes());
}

/// The canonical bytes of an extension element.
#[must_use]
pub fn ext_to_bytes(x: E) -> [u8; E_BYTES] {
    let mut bytes = [0; E_BYTES];
    for (chunk, c) in bytes.chunks_exact_mut(4).zip(BasedVectorSpace::<F>::as_basis_coefficients_slice(&x)) {
        chunk.copy_from_slice(&c.as_canonical_u32().to_le_bytes());
    }
    bytes
}

/// The extension element of [`E_BYTES`] canonical bytes, or `None` if a coefficient is p or more.
#[must_use]
pub fn ext_from_bytes(bytes: &[u8; E_BYTES]) -> Option<E> {
    let (words, _) = bytes.as_chunks::<4>();
    let mut coefficients = [F::ZERO; E_DEGREE];
    for (c, word) in coefficients.iter_mut().zip(words) {
        *c = base_from_bytes(*word)?;
    }
    E::from_basis_coefficients_slice(&coefficients)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extension_bytes_round_trip_and_only_canonical_ones_are_accepted() {
        let x = E::from_basis_coefficients_fn(|i| F::from_u32(P - 1) - F::from_usize(i));
        let bytes = ext_to_bytes(x);
        assert_eq!(ext_from_bytes(&bytes), Some(x));
        let mut wrong = bytes;
        wrong[..4].copy_from_slice(&P.to_le_bytes());
        assert_eq!(ext_from_bytes(&wrong), None);
    }

    #[test]
    fn negative_integers_map_to_negated_elements() {
        assert_eq!(from_int(-3), -F::from_u32(3));
        for v in [i64::MIN, i64::from(i32::MIN) - 1, i64::from(i32::MIN), -1, i64::from(i32::MAX) + 1, i64::MAX] {
            assert_eq!(from_int(v), F::from_i64(v), "{v}");
        }
    }
}

//! The verifier's side: messages are consumed from the proof and absorbed. Total.

use crate::field::{E, E_BYTES, F, base_from_bytes, ext_from_bytes};
use crate::sponge::{Digest, Sponge, Transcript};
use alloc::vec::Vec;

/// Why a proof's bytes were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The proof ends inside a message.
    #[error("proof ends inside message {label:?}: expected {expected} more bytes, got {got}")]
    Truncated {
        /// The message.
        label: &'static str,
        /// Bytes it needs.
        expected: usize,
        /// Bytes left.
        got: usize,
    },
    /// A field element is not in canonical form.
    #[error("message {label:?} holds a field element that is not below p, at byte {at}")]
    NonCanonical {
        /// The message.
        label: &'static str,
        /// First byte of the message.
        at: usize,
    },
    /// Bytes are left after the last message.
    #[error("proof has {got} bytes after its last message, expected 0")]
    Trailing {
        /// Bytes left.
        got: usize,
    },
    /// The proof of work is not there.
    #[error("message {label:?}: expected a proof of work of {expected} bits")]
    Ungrinded {
        /// The message.
        label: &'static str,
        /// Bits asked.
        expected: u32,
    },
}

/// The verifier's transcript.
pub struct Reader<'a> {
    sponge: Sponge,
    proof: &'a [u8],
    at: usize,
}

impl Transcript for Reader<'_> {
    fn sponge(&mut self) -> &mut Sponge {
        &mut self.sponge
    }
}

impl<'a> Reader<'a> {
    /// Reads `proof` under `protocol`.
    #[must_use]
    pub fn new(protocol: &str, proof: &'a [u8]) -> Self {
        Self { sponge: Sponge::new(protocol), proof, at: 0 }
    }

    fn take(&mut self, label: &'static str, len: usize) -> Result<&'a [u8], ReadError> {
        let rest = self.proof.get(self.at..).unwrap_or(&[]);
        let bytes = rest.get(..len).ok_or(ReadError::Truncated { label, expected: len, got: rest.len() })?;
        self.at = self.at.saturating_add(len);
        Ok(bytes)
    }

    fn take_exts(&mut self, label: &'static str, count: usize) -> Result<(&'a [u8], Vec<E>), ReadError> {
        let at = self.at;
        let bytes = self.take(label, count.saturating_mul(E_BYTES))?;
        let (chunks, _) = bytes.as_chunks::<E_BYTES>();
        let xs: Option<Vec<E>> = chunks.iter().map(ext_from_bytes).collect();
        Ok((bytes, xs.ok_or(ReadError::NonCanonical { label, at })?))
    }

    /// Receives `count` extension elements.
    ///
    /// # Errors
    /// If the proof ends or an element is not canonical.
    pub fn read_exts(&mut self, label: &'static str, count: usize) -> Result<Vec<E>, ReadError> {
        let (bytes, xs) = self.take_exts(label, count)?;
        self.sponge.absorb(label, bytes);
        Ok(xs)
    }

    /// Receives `N` extension elements.
    ///
    /// # Errors
    /// As [`Reader::read_exts`].
    pub fn read_array<const N: usize>(&mut self, label: &'static str) -> Result<[E; N], ReadError> {
        let at = self.at;
        let xs = self.read_exts(label, N)?;
        xs.try_into().map_err(|_| ReadError::NonCanonical { label, at })
    }

    /// Receives a digest.
    ///
    /// # Errors
    /// If the proof ends.
    pub fn read_digest(&mut self, label: &'static str) -> Result<Digest, ReadError> {
        let bytes = self.take(label, 32)?;
        self.sponge.absorb(label, bytes);
        let mut digest = [0; 32];
        digest.copy_from_slice(bytes);
        Ok(digest)
    }

    /// Receives `count` base elements that a commitment binds (not absorbed).
    ///
    /// # Errors
    /// If the proof ends or an element is not canonical.
    pub fn read_opened_bases(&mut self, label: &'static str, count: usize) -> Result<Vec<F>, ReadError> {
        let at = self.at;
        let bytes = self.take(label, count.saturating_mul(4))?;
        let (words, _) = bytes.as_chunks::<4>();
        let xs: Option<Vec<F>> = words.iter().map(|w| base_from_bytes(*w)).collect();
        xs.ok_or(ReadError::NonCanonical { label, at })
    }

    /// Receives `count` extension elements that a commitment binds (not absorbed).
    ///
    /// # Errors
    /// If the proof ends or an element is not canonical.
    pub fn read_opened_exts(&mut self, label: &'static str, count: usize) -> Result<Vec<E>, ReadError> {
        self.take_exts(label, count).map(|(_, xs)| xs)
    }

    /// Receives `count` digests that a commitment binds: siblings, salts (not absorbed).
    ///
    /// # Errors
    /// If the proof ends.
    pub fn read_opened_digests(&mut self, label: &'static str, count: usize) -> Result<Vec<Digest>, ReadError> {
        let bytes = self.take(label, count.saturating_mul(32))?;
        Ok(bytes.as_chunks::<32>().0.to_vec())
    }

    /// Receives and checks a proof of work of `bits`; nothing is sent for zero bits.
    ///
    /// # Errors
    /// If the proof ends or the work is not there.
    pub fn check_work(&mut self, label: &'static str, bits: u32) -> Result<(), ReadError> {
        if bits == 0 {
            return Ok(());
        }
        let bytes = self.take(label, 8)?;
        let nonce = bytes.try_into().map_or(0, u64::from_le_bytes);
        if !self.sponge.grinds(nonce, bits) {
            return Err(ReadError::Ungrinded { label, expected: bits });
        }
        self.sponge.absorb(label, bytes);
        Ok(())
    }

    /// Ends the proof.
    ///
    /// # Errors
    /// If bytes are left.
    pub fn finish(self) -> Result<(), ReadError> {
        let got = self.proof.len().saturating_sub(self.at);
        if got == 0 { Ok(()) } else { Err(ReadError::Trailing { got }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;
    use p3_field::PrimeCharacteristicRing;

    fn sample() -> Vec<u8> {
        let mut w = Writer::new("t");
        w.write_exts("a", &[E::from_u32(5), E::from_u32(6)]);
        w.write_digest("d", &[7; 32]);
        w.grind("w", 8);
        w.finish().0
    }

    fn read(proof: &[u8]) -> Result<E, ReadError> {
        let mut r = Reader::new("t", proof);
        let _: [E; 2] = r.read_array("a")?;
        let _: Digest = r.read_digest("d")?;
        r.check_work("w", 8)?;
        let challenge = r.challenge("c");
        r.finish()?;
        Ok(challenge)
    }

    #[test]
    fn both_sides_draw_the_same_challenge() {
        let mut w = Writer::new("t");
        w.write_exts("a", &[E::from_u32(5), E::from_u32(6)]);
        w.write_digest("d", &[7; 32]);
        w.grind("w", 8);
        let expected = w.challenge("c");
        assert_eq!(read(&w.finish().0), Ok(expected));
    }

    #[test]
    fn every_truncation_and_extension_is_a_typed_error() {
        let proof = sample();
        for len in 0..proof.len() {
            assert!(matches!(read(&proof[..len]), Err(ReadError::Truncated { .. })), "{len}");
        }
        let mut longer = proof;
        longer.push(0);
        assert_eq!(read(&longer), Err(ReadError::Trailing { got: 1 }));
    }

    #[test]
    fn a_non_canonical_element_is_refused() {
        let mut proof = sample();
        proof[..4].copy_from_slice(&crate::field::P.to_le_bytes());
        assert_eq!(read(&proof), Err(ReadError::NonCanonical { label: "a", at: 0 }));
    }
}

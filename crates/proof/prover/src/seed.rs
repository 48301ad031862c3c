//! Where a proof's salts come from.

use ciro_crypto::hash;
use ciro_relation::Poly;
use ciro_transcript::Digest;
use std::fmt;

/// Bytes that nobody else may know and that no other proof may have had: what hides committed values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// For programs that hide nothing, whose proofs have no salts.
    pub const NONE: Self = Self([0; 32]);

    /// A seed of bytes drawn at random.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The seed of one polynomial's salts. Who is given it learns nothing of the others.
    #[must_use]
    pub fn of(&self, poly: Poly) -> Digest {
        let domain = match poly {
            Poly::Model => "ciro/salts/model/v1",
            Poly::Witness => "ciro/salts/witness/v1",
            Poly::Input => "ciro/salts/input/v1",
            Poly::Output => "ciro/salts/output/v1",
        };
        hash(domain, &self.0).0
    }
}

//! What a proof is about, as the core reads it.

use alloc::vec::Vec;
use ciro_relation::Instance;
use ciro_types::{Disclosure, Hash32, ModelId, ProofContext};

/// An input or an output, as far as a statement shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown<T> {
    /// All of it.
    Public(T),
    /// The root of a salted commitment to its integers.
    Committed(Hash32),
    /// Nothing.
    Private,
}

impl<T> From<T> for Shown<T> {
    fn from(public: T) -> Self {
        Self::Public(public)
    }
}

impl<T> Shown<T> {
    /// How much is shown.
    #[must_use]
    pub const fn disclosure(&self) -> Disclosure {
        match self {
            Self::Public(_) => Disclosure::Public,
            Self::Committed(_) => Disclosure::Committed,
            Self::Private => Disclosure::Private,
        }
    }

    /// The thing itself, if it is public.
    #[must_use]
    pub const fn public(&self) -> Option<&T> {
        match self {
            Self::Public(public) => Some(public),
            Self::Committed(_) | Self::Private => None,
        }
    }

    /// The commitment, if that is what is shown.
    #[must_use]
    pub const fn root(&self) -> Option<Hash32> {
        match self {
            Self::Committed(root) => Some(*root),
            Self::Public(_) | Self::Private => None,
        }
    }
}

/// What one proof asserts.
#[derive(Clone, Debug)]
pub struct Assertion<'a> {
    /// Which model.
    pub model: ModelId,
    /// The root of the commitment to its weights; their hash if they are public.
    pub weight_root: Hash32,
    /// Its weights, if they are public. That `weight_root` is their hash is for the auditor to see to, once for each model.
    pub weights: Option<&'a [Vec<i32>]>,
    /// What the proof was made for.
    pub context: ProofContext,
    /// The input. What is public of it, as somebody gave it: the transcript absorbs these bytes.
    pub input: Shown<Vec<u8>>,
    /// The output, likewise.
    pub output: Shown<Vec<u8>>,
    /// The integers that the program reads of a public input, and writes of a public output. That they follow from the bytes is for
    /// the auditor to see to.
    pub instance: Instance,
}

impl Shown<Vec<u8>> {
    /// What the transcript absorbs of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Public(bytes) => bytes,
            Self::Committed(root) => root.as_bytes(),
            Self::Private => &[],
        }
    }
}

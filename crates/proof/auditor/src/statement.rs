//! What is claimed, in which bytes it travels, and what of it is shown.

use crate::error::AuditError;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_graph::{RawInput, RawOutput, Visibility};
use ciro_types::{Disclosure, Hash32, ProofContext, decode, encode};
use ciro_verifier::Shown;
use serde::{Deserialize, Serialize};

/// Largest canonical program, input and output, bytes.
pub const STATEMENT_BYTES_MAX: usize = 1 << 24;

/// Largest canonical weights, bytes.
pub const WEIGHTS_BYTES_MAX: usize = 1 << 26;

/// What stands for the weights of a model, as it travels.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Weights {
    /// The root of their commitment.
    Committed(Hash32),
    /// Their canonical bytes.
    Public(Vec<u8>),
}

impl Weights {
    /// What stands for them in the model's identity: the root of their commitment, or the hash of their bytes.
    #[must_use]
    pub fn root(&self) -> Hash32 {
        match self {
            Self::Committed(root) => *root,
            Self::Public(bytes) => ciro_crypto::hash("ciro/weights/v1", bytes),
        }
    }
}

/// A part of an inference that may be committed to on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// All inputs.
    Input,
    /// All outputs.
    Output,
}

impl Part {
    /// For people and files: `input` or `output`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
        }
    }
}

/// Canonical bytes of what is shown: of the thing, of the root, or none.
#[must_use]
pub fn encode_shown<T: BorshSerialize>(shown: &Shown<T>) -> Vec<u8> {
    match shown {
        Shown::Public(public) => encode(public),
        Shown::Committed(root) => root.as_bytes().to_vec(),
        Shown::Private => Vec::new(),
    }
}

/// What canonical bytes say, for a program that shows this much.
///
/// # Errors
/// If they are not canonical.
pub fn decode_shown<T: BorshDeserialize>(
    what: &'static str,
    disclosure: Disclosure,
    bytes: &[u8],
) -> Result<Shown<T>, AuditError> {
    let error = |source| AuditError::Decode { what, source };
    Ok(match disclosure {
        Disclosure::Public => Shown::Public(decode(bytes, STATEMENT_BYTES_MAX).map_err(error)?),
        Disclosure::Committed => Shown::Committed(decode(bytes, STATEMENT_BYTES_MAX).map_err(error)?),
        Disclosure::Private => {
            let () = decode(bytes, STATEMENT_BYTES_MAX).map_err(error)?;
            Shown::Private
        }
    })
}

/// The public statement of one proof, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The input, as the user gave it if it is public.
    pub input: Shown<RawInput>,
    /// The output.
    pub output: Shown<RawOutput>,
    /// What the proof was made for.
    pub context: ProofContext,
}

impl Statement {
    /// A statement that shows input and output.
    #[must_use]
    pub const fn public(input: RawInput, output: RawOutput, context: ProofContext) -> Self {
        Self { input: Shown::Public(input), output: Shown::Public(output), context }
    }

    /// Decodes a statement's canonical bytes, for a program that shows this much.
    ///
    /// # Errors
    /// If they are not canonical.
    pub fn decode(
        visibility: &Visibility,
        input: &[u8],
        output: &[u8],
        context: ProofContext,
    ) -> Result<Self, AuditError> {
        let input = decode_shown("input", visibility.input, input)?;
        let output = decode_shown("output", visibility.output, output)?;
        Ok(Self { input, output, context })
    }

    /// The commitment to a part, if that is what is shown of it.
    #[must_use]
    pub const fn root(&self, part: Part) -> Option<Hash32> {
        match part {
            Part::Input => self.input.root(),
            Part::Output => self.output.root(),
        }
    }

    /// Canonical bytes of input and output.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        (encode_shown(&self.input), encode_shown(&self.output))
    }
}

//! What claims about an inference are made of, whoever proves or checks them.

use crate::id::{AccountId, ChainId, Hash32, JobId};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// What a proof was made for. All zero: stand-alone, not part of any job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProofContext {
    /// The network.
    pub chain: ChainId,
    /// The job.
    pub job: JobId,
    /// Who is paid for it.
    pub worker: AccountId,
}

/// What is shown of a part of an inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Disclosure {
    /// All of it.
    Public,
    /// A commitment, which whoever made the proof can open.
    Committed,
    /// Nothing.
    Private,
}

impl Disclosure {
    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Committed => "committed",
            Self::Private => "private",
        }
    }
}

/// What a model's identity commits to besides its program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelRoots {
    /// The digest of the verifying key that follows from the program.
    pub key: Hash32,
    /// The root of the commitment to the weights; their hash if they are public.
    pub weights: Hash32,
}

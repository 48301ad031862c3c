//! The agreement engine's vocabulary in our types. Nothing outside this folder names the engine.
//!
//! | module | what it holds |
//! |---|---|
//! | [`context`] | the engine's traits implemented for our heights, votes, blocks and validators |
//! | [`convert`] | our wire and log types to the engine's and back |

pub(crate) mod context;
pub(crate) mod convert;

pub(crate) use arc_malachitebft_core_consensus::{
    ConsensusMsg, Effect as CoreEffect, Error as CoreError, Input as CoreInput, LivenessMsg, LocallyProposedValue,
    Params, ProposedValue, Resume, SignedConsensusMsg, State, process,
};
pub(crate) use arc_malachitebft_core_types::{
    CertificateError as CoreCertificateError, Round, SignedMessage, SignedProposal as CoreSignedProposal,
    SignedVote as CoreSignedVote, ThresholdParams, Timeout, TimeoutKind, Validity, ValueOrigin, ValuePayload,
    VoteExtensionPolicy,
};
pub(crate) use context::{Address, CoreHeight, CoreProposal, CoreSet, CoreVote, Ctx};

//! Byzantine agreement on blocks: three phases per round, safe under asynchrony, live once messages arrive, with more
//! than two thirds of the stake honest.
//!
//! | module | what it holds |
//! |---|---|
//! | [`block`] | header, block, and [`SealedBlock`]: a block whose body is known to match its header |
//! | [`validators`] | who decides, quorums, whose turn it is |
//! | [`vote`] | the two signed statements, votes and proposals |
//! | [`certificate`] | quorum proofs; [`CommitCertificate`] is the one that makes a block final |
//! | [`light`] | checking a decision offline, across changes of the validator set |
//! | [`evidence`] | proof of double signing that anyone can check |
//! | [`message`] | what validators say to each other, and its encoding |
//! | [`host`] | [`Consensus`]: one validator as a step function, with log, guard, timers and value sync |
//! | [`mod@file`] | the disk behind a trait, real and simulated |
//!
//! The agreement core is a third-party engine, pinned exactly; no other crate names it, and inside this crate only the
//! private `malachite` folder does.
//!
//! Without the `host` feature the engine and what runs it are left out: types, certificates, evidence, the light client and
//! the file trait remain.
//!
//! Dependency position: above `ciro-crypto`; below the validator, and below whoever checks a receipt.
#![forbid(unsafe_code)]

pub mod block;
pub mod certificate;
pub mod evidence;
#[cfg(feature = "host")]
pub mod file;
pub mod light;
pub mod message;
pub mod validators;
pub mod vote;

#[cfg(feature = "host")]
mod guard;
#[cfg(feature = "host")]
pub mod host;
#[cfg(feature = "host")]
mod malachite;
#[cfg(feature = "host")]
mod wal;

pub use block::{Block, BlockHeader, SealedBlock, txs_root};
pub use certificate::{CertificateError, CommitCertificate};
pub use evidence::{Equivocation, EvidenceError, Offence, verify_evidence};
#[cfg(feature = "host")]
pub use file::{DiskFile, MemoryFile, WalFile};
pub use light::{CertifiedHeader, LightError, SetChange};
pub use message::{DecidedBlock, Message};
pub use validators::{Validator, ValidatorSet, ValidatorSetError};
pub use vote::{Signed, SignedProposal, SignedVote, Vote, VoteKind};

#[cfg(feature = "host")]
pub use host::{Config, Consensus, ConsensusError, Decision, Effect, Input, Timeouts, Tip};

//! Why a receipt is refused, and the limits of what is looked at.

use crate::file::FormatError;
use ciro_auditor::AuditError;
use ciro_consensus::ValidatorSetError;
use ciro_consensus::light::LightError;
use ciro_consensus::validators::MAX_VALIDATORS;
use ciro_crypto::SignatureError;
use ciro_state::{GenesisError, PathError};
use ciro_types::{AccountId, Assurance, ChainId, Hash32, Height, ModelId};

/// Most vote signatures that are checked for one settlement: enough for every handover of the largest set of validators.
pub const SIGNATURES_MAX: usize = 16_384;

// Each validator but the last may lose its vote, and every set before has signed.
const _: () = assert!(MAX_VALIDATORS * (MAX_VALIDATORS + 1) / 2 <= SIGNATURES_MAX, "a receipt holds all handovers");

/// What checking one of them counts as, in units of work: it takes some 50 µs. That much less may the proof cost.
pub const SIGNATURE_UNITS: u64 = 50;

/// So many bytes of a settlement count as a unit of work. Accounts of a genesis are sorted and hashed, which takes some 18 ns for each
/// byte.
pub const SETTLEMENT_BYTES_OF_UNIT: u64 = 50;

/// What a byte of a settlement takes of memory, in bytes, while it is checked.
pub const SETTLEMENT_MEMORY: u64 = 4;

/// Most workers that a record may pay: two answer at A2, and a few more if answers differ.
pub const PAYMENTS_MAX: usize = 64;

/// Why a receipt is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The file is no receipt.
    #[error("{0}")]
    Format(#[from] FormatError),
    /// It is about another model than the one that was named.
    #[error("it is about another model: expected {expected}, got {got}")]
    Model {
        /// The one that was named.
        expected: ModelId,
        /// The receipt's.
        got: ModelId,
    },
    /// The statement or its proof is refused.
    #[error("proof: {0}")]
    Proof(#[from] AuditError),
    /// It speaks of another network than the one that was named.
    #[error("network: expected {expected}, got {got}")]
    Network {
        /// The one that was named.
        expected: ChainId,
        /// The receipt's.
        got: ChainId,
    },
    /// A network was named, and nothing shows that it settled this.
    #[error("network: expected a settlement of {expected}, got none: nothing says that this was ever paid or ordered")]
    Unsettled {
        /// The one that was named.
        expected: ChainId,
    },
    /// A proof was asked for.
    #[error("proof: expected evidence for assurance A4, got {got:?}: nobody has proven this output")]
    Unproven {
        /// What its evidence is worth.
        got: Assurance,
    },
    /// The network's genesis is none.
    #[error("settlement: {0}")]
    Genesis(GenesisError),
    /// The settlement record speaks of something else than the receipt.
    #[error("settlement: {what}: expected {expected}, got {got}")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// In the receipt.
        expected: Hash32,
        /// In the record.
        got: Hash32,
    },
    /// The evidence is not the kind that the record says was paid for.
    #[error("settlement: expected evidence for assurance {expected:?}, got {got:?}")]
    Assurance {
        /// In the record.
        expected: Assurance,
        /// What the evidence would be worth.
        got: Assurance,
    },
    /// Fewer workers were paid than answers are said to agree.
    #[error("settlement: expected at least {expected} workers paid, got {got}")]
    Workers {
        /// As many as answer at A2.
        expected: usize,
        /// Different ones in the record.
        got: usize,
    },
    /// More workers were paid than any job has.
    #[error("settlement: expected at most {expected} workers paid, got {got}")]
    Payments {
        /// [`PAYMENTS_MAX`].
        expected: usize,
        /// In the record.
        got: usize,
    },
    /// The worker that the evidence names was not paid.
    #[error("settlement: {got} is not among the workers that were paid")]
    Worker {
        /// In the evidence.
        got: AccountId,
    },
    /// The record is not where the receipt says.
    #[error("settlement: {0}")]
    Path(PathError),
    /// The header does not carry the results of the record's block.
    #[error("settlement: expected the header after height {settled}, got that of height {got}")]
    Height {
        /// The record's.
        settled: Height,
        /// The header's.
        got: Height,
    },
    /// Checking it costs more than the reader accepts.
    #[error("settlement: expected at most {expected} {what}, got {got}")]
    Settlement {
        /// Of what.
        what: &'static str,
        /// What the reader accepts for all of the receipt.
        expected: u64,
        /// By the settlement's bytes and votes.
        got: u64,
    },
    /// More votes than are checked.
    #[error("settlement: expected at most {expected} votes, got {got}")]
    Votes {
        /// [`SIGNATURES_MAX`].
        expected: usize,
        /// In the certificate and in all handovers.
        got: usize,
    },
    /// The genesis names no possible validator set.
    #[error("settlement: {0}")]
    Validators(ValidatorSetError),
    /// The block was not decided by the network's validators.
    #[error("settlement: {0}")]
    Light(LightError),
    /// The output is longer than may be shown: each element takes some hundred bytes then.
    #[error("output: expected at most {expected} bytes, got {got}")]
    Output {
        /// A sixty-fourth of the memory that the reader accepts.
        expected: u64,
        /// Of the receipt.
        got: u64,
    },
    /// The worker's signature does not verify.
    #[error("signature: {0}")]
    Signature(SignatureError),
    /// The signed transaction is not the answer in this receipt.
    #[error("signature: the signed transaction is not this answer")]
    SignedElse,
    /// Nothing speaks for the output.
    #[error("the receipt has neither a proof nor a settlement")]
    Nothing,
}

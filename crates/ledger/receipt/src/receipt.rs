//! The data of a receipt and its file format.
//!
//! A file is `CIRO-RECEIPT` and a version byte, then [`crate::file`]. What a receipt shows rests on its proof and its certificate.

use crate::file::{FileKind, FormatError};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::{ProofContext, Statement, Weights};
use ciro_consensus::light::{CertifiedHeader, SetChange};
use ciro_crypto::model_id;
use ciro_state::{Genesis, MerklePath, SettlementRecord, SignedTx};
use ciro_types::{AccountId, Assurance, ChainId, Hash32, JobId, ModelId, ModelRoots};

const KIND: FileKind = FileKind {
    name: "receipt",
    magic: b"CIRO-RECEIPT\x03",
    checksum_domain: "ciro/receipt/checksum/v1",
    bytes_max: RECEIPT_BYTES_MAX,
};

/// Largest receipt file, bytes.
pub const RECEIPT_BYTES_MAX: usize = 1 << 26;

/// Everything a third person needs to check one answer.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Receipt {
    /// Canonical bytes of the integer program.
    pub program: Vec<u8>,
    /// The digest of the verifying key that follows from it.
    pub key: Hash32,
    /// Its weights.
    pub weights: Weights,
    /// Canonical bytes of the raw input; of its commitment, or none, if the program hides it.
    pub input: Vec<u8>,
    /// Canonical bytes of the raw output; of its commitment, or none, if the program hides it.
    pub output: Vec<u8>,
    /// What speaks for the output.
    pub evidence: Evidence,
    /// What the network says about the job; absent for a proof made without a network.
    pub settlement: Option<Settlement>,
}

impl Receipt {
    /// The model's identity, by the receipt's own word of its key: whoever checks the receipt derives that.
    #[must_use]
    pub fn model(&self) -> ModelId {
        model_id(&self.program, &ModelRoots { key: self.key, weights: self.weights.root() })
    }
}

/// What speaks for an output.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Evidence {
    /// A0: the worker's signed answer, as it was sent to the ledger.
    Signed {
        /// The settling transaction.
        tx: Box<SignedTx>,
    },
    /// A2: two workers gave this output without seeing each other's; the settlement names them.
    Agreed,
    /// A4: a proof of the inference.
    Proven {
        /// What the proof was made for.
        context: ProvenFor,
        /// The proof.
        proof: Vec<u8>,
    },
}

impl Evidence {
    /// The rung that it is worth.
    #[must_use]
    pub const fn assurance(&self) -> Assurance {
        match self {
            Self::Signed { .. } => Assurance::A0,
            Self::Agreed => Assurance::A2,
            Self::Proven { .. } => Assurance::A4,
        }
    }
}

/// What a proof was made for. All zero: no job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ProvenFor {
    /// The network.
    pub chain: ChainId,
    /// The job.
    pub job: JobId,
    /// Who is paid.
    pub worker: AccountId,
}

impl From<ProvenFor> for ProofContext {
    fn from(c: ProvenFor) -> Self {
        Self { chain: c.chain, job: c.job, worker: c.worker }
    }
}

impl From<ProofContext> for ProvenFor {
    fn from(c: ProofContext) -> Self {
        Self { chain: c.chain, job: c.job, worker: c.worker }
    }
}

/// The ledger's word: the settlement record, its place in a block, and the decision of that block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Settlement {
    /// The network's beginning; its hash is the chain id.
    pub genesis: Genesis,
    /// Handovers from the genesis validators to those that decided the block: one for each block that took somebody's vote.
    pub changes: Vec<SetChange>,
    /// The header that carries the record's root, and its decision.
    pub certified: CertifiedHeader,
    /// The record's place under that root.
    pub path: MerklePath,
    /// What was settled.
    pub record: SettlementRecord,
}

impl Receipt {
    /// The receipt of a proof that no network has settled: of a program in canonical bytes and the digest of its key, with these weights.
    #[must_use]
    pub fn stand_alone(
        (program, key): (&[u8], Hash32),
        weights: Weights,
        statement: &Statement,
        proof: Vec<u8>,
    ) -> Self {
        let (input, output) = statement.encode();
        let evidence = Evidence::Proven { context: statement.context.into(), proof };
        Self { program: program.to_vec(), key, weights, input, output, evidence, settlement: None }
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        KIND.write(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FormatError`] for anything that [`Receipt::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        KIND.read(bytes)
    }
}

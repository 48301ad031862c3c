//! The receipt of one sample of a batch: checked alone, without the other samples.
//!
//! A file is `CIRO-SAMPLE` and a version byte, then [`crate::file`]. It holds the batch's receipt, whose input and output are commitments, the
//! sample, and the opening that shows that the sample is behind them.

use crate::check::{Checking, Terms, check_proof};
use crate::error::ReceiptError;
use crate::file::{FileKind, FormatError};
use crate::receipt::{Evidence, RECEIPT_BYTES_MAX, Receipt};
use crate::report::Report;
use crate::sentences;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_auditor::Sample;
use ciro_types::{ChainId, encode};

const KIND: FileKind = FileKind {
    name: "receipt of a sample",
    magic: b"CIRO-SAMPLE\x02",
    checksum_domain: "ciro/sample-receipt/checksum/v1",
    bytes_max: RECEIPT_BYTES_MAX,
};

/// Everything a third person needs to check one answer of a batch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SampleReceipt {
    /// The batch's receipt.
    pub batch: Receipt,
    /// Canonical bytes of the [`Sample`].
    pub sample: Vec<u8>,
    /// The opening of the batch's commitments at the sample.
    pub opening: Vec<u8>,
}

/// What a valid receipt of a sample shows.
#[derive(Clone, Debug)]
pub struct SampleReport {
    /// What the batch's receipt shows.
    pub batch: Report,
    /// The sample.
    pub sample: Sample,
}

impl SampleReceipt {
    /// The receipt of `sample`, one of `batch`, with its opening.
    #[must_use]
    pub fn new(batch: Receipt, sample: &Sample, opening: Vec<u8>) -> Self {
        Self { batch, sample: encode(sample), opening }
    }

    /// Whether bytes begin like such a file.
    #[must_use]
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(KIND.magic)
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        KIND.write(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`FormatError`] for anything that [`SampleReceipt::to_bytes`] did not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        KIND.read(bytes)
    }
}

/// Checks the receipt of a sample. With `network`, only what that network has settled is accepted.
///
/// # Errors
/// [`ReceiptError`] naming the first check that failed.
pub fn check_sample(receipt: &SampleReceipt, network: Option<ChainId>) -> Result<SampleReport, ReceiptError> {
    Terms { network, ..Terms::default() }.check_sample(receipt)
}

impl Terms {
    /// Checks the receipt of a sample: that of its batch as [`Terms::check`] does, then the opening.
    ///
    /// # Errors
    /// [`ReceiptError`] naming the first check that failed.
    pub fn check_sample(&self, receipt: &SampleReceipt) -> Result<SampleReport, ReceiptError> {
        let Evidence::Proven { proof, .. } = &receipt.batch.evidence else { return Err(ReceiptError::Nothing) };
        let Checking { key, statement, report: mut batch } = self.begin(&receipt.batch)?;
        let proof = check_proof(&key, &statement, proof, &mut batch)?;
        let sample = Sample::decode(&receipt.sample)?;
        let verified = proof.verify_sample(&sample, &receipt.opening)?;
        batch.shown.push(sentences::opened(sample.index, verified.batch, receipt.opening.len()));
        batch.assumptions.push(sentences::other_samples());
        Ok(SampleReport { batch, sample })
    }
}

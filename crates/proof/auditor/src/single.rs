//! One sample of a batch, shown by itself. `ciro_verifier::single` has the protocol.

use crate::error::AuditError;
use crate::model::AuditedModel;
use crate::statement::{STATEMENT_BYTES_MAX, Statement};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_graph::{RawInput, RawOutput, ingest};
use ciro_types::{Disclosure, ModelId, decode, encode};
use ciro_verifier::batch::Reduced;
use ciro_verifier::key::check_shown;
use ciro_verifier::{Assertion, OneSample, VerifyError};

/// One sample of a batch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Sample {
    /// Its number in the batch, from zero.
    pub index: u32,
    /// Its input, as a plain program takes it.
    pub input: RawInput,
    /// Its output, as a plain program gives it.
    pub output: RawOutput,
}

/// What a valid opening shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedSample {
    /// The batched model.
    pub model: ModelId,
    /// Samples in the batch.
    pub batch: u32,
}

impl Sample {
    /// Decodes canonical bytes.
    ///
    /// # Errors
    /// If they are not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, AuditError> {
        decode(bytes, STATEMENT_BYTES_MAX).map_err(|source| AuditError::Decode { what: "sample", source })
    }
}

impl AuditedModel {
    /// Verifies that `sample` is one of the batch that `proof` is about. For many samples, keep [`AuditedModel::verify_proof`]'s result.
    ///
    /// # Errors
    /// [`AuditError`], whose phase says what rejected it: the proof of the batch, or the opening of the sample.
    pub fn verify_sample(
        &self,
        statement: &Statement,
        proof: &[u8],
        sample: &Sample,
        opening: &[u8],
    ) -> Result<VerifiedSample, AuditError> {
        self.verify_proof(statement, proof)?.verify_sample(sample, opening)
    }

    /// Verifies the proof of a batch whose samples are to be verified next.
    ///
    /// # Errors
    /// As [`AuditedModel::verify`].
    pub fn verify_proof<'a>(&'a self, statement: &Statement, proof: &'a [u8]) -> Result<VerifiedProof<'a>, AuditError> {
        let assertion = self.assertion(statement)?;
        let reduced = self.key().reduce(&assertion, proof)?;
        Ok(VerifiedProof { model: self, assertion, proof, reduced })
    }

    /// A sample and its integers, as the core reads them.
    ///
    /// # Errors
    /// If the program does not commit to inputs and outputs, or refuses the input.
    pub fn one_sample(&self, sample: &Sample) -> Result<OneSample, AuditError> {
        let visibility = &self.program().visibility;
        for (what, got) in [("input", visibility.input), ("output", visibility.output)] {
            check_shown(what, Disclosure::Committed, got)?;
        }
        let below = self.program().batch;
        if sample.index >= below {
            return Err(VerifyError::Sample { below, got: sample.index }.into());
        }
        let one = self.program().clone().batched(1);
        let inputs = ingest(&one, &sample.input).map_err(AuditError::Input)?;
        Ok(OneSample { index: sample.index, bytes: encode(sample), inputs, outputs: sample.output.0.clone() })
    }
}

/// A proof that verifies, and what it takes to verify samples of its batch.
pub struct VerifiedProof<'a> {
    model: &'a AuditedModel,
    assertion: Assertion<'a>,
    proof: &'a [u8],
    reduced: Reduced,
}

impl VerifiedProof<'_> {
    /// Verifies that `sample` is one of the batch.
    ///
    /// # Errors
    /// [`AuditError`], whose phase says what rejected the opening.
    pub fn verify_sample(&self, sample: &Sample, opening: &[u8]) -> Result<VerifiedSample, AuditError> {
        let Self { model, assertion, proof, reduced } = self;
        model.key().verify_sample((assertion, proof, reduced), &model.one_sample(sample)?, opening)?;
        Ok(VerifiedSample { model: model.model(), batch: model.program().batch })
    }
}

//! Batches whose samples can be shown one by one. See `ciro_verifier::single` for the protocol.

use crate::batch;
use crate::commitments::Commitments;
use crate::kernel::work::grind;
use crate::key::ProvingKey;
use crate::opening::open;
use crate::prove::{Filled, Proof, ProveError};
use crate::seed::Seed;
use ciro_auditor::{AuditError, ProofContext, Sample, VerifyError};
use ciro_graph::RawInput;
use ciro_relation::Poly;
use ciro_transcript::Writer;
use ciro_verifier::batch::Reduced;
use ciro_verifier::single::SAMPLE_PROTOCOL;

/// A proof of a batch, and what opening its samples takes.
pub struct BatchProof {
    /// The proof.
    pub proof: Proof,
    input: RawInput,
    commitments: Commitments,
    reduced: Reduced,
}

/// Runs the model on a batch whose inputs and outputs its program commits to, and proves the result for `context`.
///
/// # Errors
/// As [`crate::prove_hiding`].
pub fn prove_batch(
    key: &ProvingKey,
    input: &RawInput,
    context: &ProofContext,
    seed: &Seed,
) -> Result<BatchProof, ProveError> {
    let (proof, commitments, reduced) = Filled::run(key, input, seed)?.prove(key, input, context, &mut ())?;
    Ok(BatchProof { proof, input: input.clone(), commitments, reduced })
}

impl BatchProof {
    /// Sample `index` and its opening, under the key that made the proof.
    ///
    /// # Errors
    /// If there is no such sample, or if the program does not commit to inputs and outputs.
    pub fn open_sample(&self, key: &ProvingKey, index: u32) -> Result<(Sample, Vec<u8>), AuditError> {
        let program = &key.model().program;
        let none = VerifyError::Sample { below: program.batch, got: index };
        let parts = program.input_of(&self.input, index).zip(program.output_of(&self.proof.output, index));
        let (input, output) = parts.ok_or(none)?;
        let sample = Sample { index, input, output };
        let opening = self.open_as(key, &sample)?;
        Ok((sample, opening))
    }

    /// An opening that claims to be of any sample, for adversaries.
    ///
    /// # Errors
    /// If the sample is not one that the program may have.
    pub fn open_as(&self, key: &ProvingKey, sample: &Sample) -> Result<Vec<u8>, AuditError> {
        self.write_opening(key, sample).map(|transcript| transcript.finish().0)
    }

    /// As [`BatchProof::open_as`], the whole transcript.
    ///
    /// # Errors
    /// As [`BatchProof::open_as`].
    pub fn write_opening(&self, key: &ProvingKey, sample: &Sample) -> Result<Writer, AuditError> {
        let (verifying, sample) = (key.verifying().key(), key.verifying().one_sample(sample)?);
        let assertion = key.verifying().claimed(&self.proof.statement);
        let mut transcript = Writer::new(SAMPLE_PROTOCOL);
        verifying.absorb_sample(&mut transcript, &assertion, &self.proof.bytes, &sample);
        let [point_work, claims_work] = verifying.sample_work();
        grind(&mut transcript, "sample work", point_work);
        let claims = verifying.sample_claims(&mut transcript, &sample, &self.reduced)?;
        grind(&mut transcript, "batch work", claims_work);
        let shown = self.commitments.only(&[Poly::Input, Poly::Output]);
        let params = verifying.sample_params();
        let reduced = batch::reduce(&mut transcript, &verifying.sample_spaces(), &params, &shown.cells(), &claims);
        open(&mut transcript, &params, &shown.opened(), &reduced.point);
        Ok(transcript)
    }
}

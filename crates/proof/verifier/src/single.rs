//! One sample of a batch, shown by itself.
//!
//! The inputs and outputs of the batch are behind commitments, of which its proof shows that they satisfy the
//! relation. A second, short proof opens the same commitments. For each committed column f and a random r, f(index, r)
//! is the value at r of what the sample's integers make of the column there. It also opens each polynomial where the
//! batch's proof did, at ρ, to the same value. A commitment may stand for several words. The batch's proof shows the
//! relation of all of those with that value at ρ, so of the one that is opened here.
//!
//! All these claims reduce to one point as those of a proof do (see [`crate::batch`]).

use crate::batch::{self, Known, Reduced};
use crate::error::VerifyError;
use crate::evaluate::{Checks, Evaluator};
use crate::key::VerifyingKey;
use crate::layout::{Evaluation, count};
use crate::statement::{STATEMENT_BYTES_MAX, Statement};
use alloc::vec;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_graph::{Disclosure, RawInput, RawOutput, ingest};
use ciro_pcs::Params;
use ciro_relation::{Instance, Poly, SampleColumn, Space, Window};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, Reader, Transcript};
use ciro_types::{ModelId, decode, encode};
use p3_field::PrimeCharacteristicRing;

/// Name and version of the protocol; the first thing absorbed.
pub const SAMPLE_PROTOCOL: &str = "ciro/sample/v1";

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
    pub fn decode(bytes: &[u8]) -> Result<Self, VerifyError> {
        decode(bytes, STATEMENT_BYTES_MAX).map_err(|source| VerifyError::Decode { what: "sample", source })
    }
}

impl VerifyingKey {
    /// Verifies that `sample` is one of the batch that `proof` is about. For many samples, keep [`VerifyingKey::verify_proof`]'s result.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected it: the proof of the batch, or the opening of the sample.
    pub fn verify_sample(
        &self,
        statement: &Statement,
        proof: &[u8],
        sample: &Sample,
        opening: &[u8],
    ) -> Result<VerifiedSample, VerifyError> {
        self.verify_proof(statement, proof)?.verify_sample(sample, opening)
    }

    /// Verifies the proof of a batch whose samples are to be verified next.
    ///
    /// # Errors
    /// As [`VerifyingKey::verify`].
    pub fn verify_proof<'a>(
        &'a self,
        statement: &'a Statement,
        proof: &'a [u8],
    ) -> Result<VerifiedProof<'a>, VerifyError> {
        let reduced = self.reduce(statement, proof)?;
        Ok(VerifiedProof { key: self, statement, proof, reduced })
    }

    /// Absorbs what the opening of a sample is about: the batch, its proof, and the sample.
    pub fn absorb_sample(
        &self,
        transcript: &mut impl Transcript,
        statement: &Statement,
        proof: &[u8],
        sample: &Sample,
    ) {
        self.absorb(transcript, statement);
        transcript.absorb("proof", proof);
        transcript.absorb("sample", &encode(sample));
    }

    /// The polynomials that a sample is opened in, in order.
    #[must_use]
    pub fn sample_spaces(&self) -> Vec<Space> {
        self.relation().spaces.iter().filter(|space| is_shown(space)).copied().collect()
    }

    /// Parameters of their opening: those of the proof, without its other polynomials.
    #[must_use]
    pub fn sample_params(&self) -> Params {
        let rounds = self.relation().committed().zip(&self.params().first);
        let first = rounds.filter(|(space, _)| is_shown(space)).map(|(_, round)| *round).collect();
        Params { first, ..self.params().clone() }
    }

    /// What is claimed of the committed inputs and outputs: the sample's cells at a point that is drawn now, and the values that the
    /// proof of the batch was `reduced` to.
    ///
    /// # Errors
    /// If the program does not commit to inputs and outputs, or the sample is not one that it may have.
    pub fn sample_claims(
        &self,
        transcript: &mut impl Transcript,
        sample: &Sample,
        reduced: &Reduced,
    ) -> Result<Vec<Evaluation>, VerifyError> {
        let [inputs, outputs] = self.sample_integers(sample)?;
        let columns = &self.relation().samples;
        let vars = columns.iter().map(|column| count(column.rows.log_len())).max().unwrap_or(0);
        let r = transcript.challenges("sample point", vars);
        let mut claims = Vec::with_capacity(columns.len().saturating_add(2));
        for column in columns {
            let Some(window) = self.relation().window(column.col) else { continue };
            let within = suffix(&r, count(column.rows.log_len()));
            let point = [self.sample_bits(column, sample.index), within.to_vec()].concat();
            let point = self.relation().in_window(column.col, point);
            claims.push(Evaluation { window, point, value: column.evaluate(&inputs, &outputs, within) });
        }
        for (space, &value) in self.relation().committed().zip(&reduced.values).filter(|(space, _)| is_shown(space)) {
            let window = Window { poly: space.poly, offset: 0, high: 0, blocks: vec![0] };
            claims.push(Evaluation { window, point: suffix(&reduced.point, count(space.vars)).to_vec(), value });
        }
        Ok(claims)
    }

    /// The leading coordinates of a column that choose a sample.
    fn sample_bits(&self, column: &SampleColumn, index: u32) -> Vec<E> {
        let all = self.relation().column(column.col).map_or(0, |column| column.log_len);
        let bits = all.saturating_sub(column.rows.log_len());
        let bit = |i: u32| index.checked_shr(i).unwrap_or(0) & 1 == 1;
        (0..bits).rev().map(|i| if bit(i) { E::ONE } else { E::ZERO }).collect()
    }

    /// The integers of a sample: of its inputs and of its outputs.
    fn sample_integers(&self, sample: &Sample) -> Result<[Vec<Vec<i64>>; 2], VerifyError> {
        let visibility = &self.program().visibility;
        for (what, got) in [("input", visibility.input), ("output", visibility.output)] {
            if got != Disclosure::Committed {
                return Err(VerifyError::Shown { what, expected: Disclosure::Committed.name(), got: got.name() });
            }
        }
        let batch = self.program().batch;
        if sample.index >= batch {
            return Err(VerifyError::Sample { below: batch, got: sample.index });
        }
        let one = self.program().clone().batched(1);
        let inputs = ingest(&one, &sample.input).map_err(VerifyError::Input)?;
        self.check_outputs_of(1, &sample.output.0)?;
        Ok([inputs, sample.output.0.clone()])
    }
}

/// A proof that verifies, and what it takes to verify samples of its batch.
pub struct VerifiedProof<'a> {
    key: &'a VerifyingKey,
    statement: &'a Statement,
    proof: &'a [u8],
    reduced: Reduced,
}

impl VerifiedProof<'_> {
    /// Verifies that `sample` is one of the batch.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected the opening.
    pub fn verify_sample(&self, sample: &Sample, opening: &[u8]) -> Result<VerifiedSample, VerifyError> {
        let Self { key, statement, proof, reduced } = self;
        let mut transcript = Reader::new(SAMPLE_PROTOCOL, opening);
        key.absorb_sample(&mut transcript, statement, proof, sample);
        let [point_work, claims_work] = key.sample_work();
        transcript.check_work("sample work", point_work)?;
        let claims = key.sample_claims(&mut transcript, sample, reduced)?;
        transcript.check_work("batch work", claims_work)?;
        let spaces = key.sample_spaces();
        let root = |space: &Space| {
            let root = if space.poly == Poly::Input { statement.input.root() } else { statement.output.root() };
            Known::Committed(root.map_or([0; 32], |root| root.0))
        };
        let known: Vec<Known<'_>> = spaces.iter().map(root).collect();
        let instance = Instance::default();
        let mut checks = Checks::new(Evaluator::new(key.relation(), &instance), false);
        batch::reduce(&mut transcript, &spaces, &key.sample_params(), &known, claims, &mut checks)?;
        transcript.finish()?;
        checks.finish()?;
        Ok(VerifiedSample { model: key.model(), batch: key.program().batch })
    }
}

fn is_shown(space: &Space) -> bool {
    matches!(space.poly, Poly::Input | Poly::Output)
}

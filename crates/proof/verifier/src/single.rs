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
use crate::key::{VerifyingKey, check_shown};
use crate::layout::{Evaluation, count};
use crate::statement::Assertion;
use alloc::vec;
use alloc::vec::Vec;
use ciro_pcs::Params;
use ciro_relation::{Instance, Poly, SampleColumn, Space, Window};
use ciro_sumcheck::suffix;
use ciro_transcript::{E, Reader, Transcript};
use ciro_types::{Disclosure, encode};
use p3_field::PrimeCharacteristicRing;

/// Name and version of the protocol; the first thing absorbed.
pub const SAMPLE_PROTOCOL: &str = "ciro/sample/v1";

/// One sample of a batch, as the core reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneSample {
    /// Its number in the batch, from zero.
    pub index: u32,
    /// As somebody gave and got it: what the transcript absorbs.
    pub bytes: Vec<u8>,
    /// The integers of its inputs, one vector per input.
    pub inputs: Vec<Vec<i64>>,
    /// The integers of its outputs, one vector per output.
    pub outputs: Vec<Vec<i64>>,
}

impl VerifyingKey {
    /// Verifies the opening of a sample of a batch whose proof came down to `reduced`.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected it.
    pub fn verify_sample(
        &self,
        (assertion, proof, reduced): (&Assertion<'_>, &[u8], &Reduced),
        sample: &OneSample,
        opening: &[u8],
    ) -> Result<(), VerifyError> {
        let mut transcript = Reader::new(SAMPLE_PROTOCOL, opening);
        self.absorb_sample(&mut transcript, assertion, proof, sample);
        let [point_work, claims_work] = self.sample_work();
        transcript.check_work("sample work", point_work)?;
        let claims = self.sample_claims(&mut transcript, sample, reduced)?;
        transcript.check_work("batch work", claims_work)?;
        let spaces = self.sample_spaces();
        let root = |space: &Space| {
            let root = if space.poly == Poly::Input { assertion.input.root() } else { assertion.output.root() };
            Known::Committed(root.map_or([0; 32], |root| root.0))
        };
        let known: Vec<Known<'_>> = spaces.iter().map(root).collect();
        let instance = Instance::default();
        let mut checks = Checks::new(Evaluator::new(self.relation(), &instance), false);
        batch::reduce(&mut transcript, &spaces, &self.sample_params(), &known, claims, &mut checks)?;
        transcript.finish()?;
        checks.finish()
    }

    /// Absorbs what the opening of a sample is about: the batch, its proof, and the sample.
    pub fn absorb_sample(
        &self,
        transcript: &mut impl Transcript,
        assertion: &Assertion<'_>,
        proof: &[u8],
        sample: &OneSample,
    ) {
        self.absorb(transcript, assertion);
        transcript.absorb("proof", proof);
        transcript.absorb("sample", &sample.bytes);
        transcript.absorb("sample integers", &encode(&(&sample.inputs, &sample.outputs)));
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

    /// What is claimed of the committed inputs and outputs. These are the sample's cells at a point that is drawn now, and the values
    /// that the proof of the batch was `reduced` to.
    ///
    /// # Errors
    /// If the program does not commit to inputs and outputs, or the sample is not one that it may have.
    pub fn sample_claims(
        &self,
        transcript: &mut impl Transcript,
        sample: &OneSample,
        reduced: &Reduced,
    ) -> Result<Vec<Evaluation>, VerifyError> {
        self.check_sample(sample)?;
        let columns = &self.relation().samples;
        let vars = columns.iter().map(|column| count(column.rows.log_len())).max().unwrap_or(0);
        let r = transcript.challenges("sample point", vars);
        let mut claims = Vec::with_capacity(columns.len().saturating_add(2));
        for column in columns {
            let Some(window) = self.relation().window(column.col) else { continue };
            let within = suffix(&r, count(column.rows.log_len()));
            let point = [self.sample_bits(column, sample.index), within.to_vec()].concat();
            let point = self.relation().in_window(column.col, point);
            claims.push(Evaluation { window, point, value: column.evaluate(&sample.inputs, &sample.outputs, within) });
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

    /// Checks that the sample is one that the key's batches may have.
    fn check_sample(&self, sample: &OneSample) -> Result<(), VerifyError> {
        let key = self.key();
        for (what, (shown, _)) in [("input", &key.inputs), ("output", &key.outputs)] {
            check_shown(what, Disclosure::Committed, *shown)?;
        }
        if sample.index >= key.batch {
            return Err(VerifyError::Sample { below: key.batch, got: sample.index });
        }
        self.check_inputs_of(1, &sample.inputs)?;
        self.check_outputs_of(1, &sample.outputs)
    }
}

fn is_shown(space: &Space) -> bool {
    matches!(space.poly, Poly::Input | Poly::Output)
}

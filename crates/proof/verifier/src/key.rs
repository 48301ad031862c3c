//! The statement, and the order in which it enters the transcript.

use crate::error::VerifyError;
use crate::layout::Evaluations;
use crate::{batch, constraints, gathers, lookup, products};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_graph::{Op, Program, RawInput, RawOutput, check_program, ingest};
use ciro_pcs::{Params, Profile, Security, Size};
use ciro_relation::{Instance, Relation};
use ciro_transcript::{Reader, Transcript};
use ciro_types::{AccountId, ChainId, Hash32, JobId, ModelId, decode, encode};
use serde::{Deserialize, Serialize};

/// Name and version of the protocol; the first thing absorbed.
pub const PROTOCOL: &str = "ciro/inference/v2";

/// Largest canonical program, input and output, bytes.
pub const STATEMENT_BYTES_MAX: usize = 1 << 24;

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

/// A claim in canonical bytes, as it travels.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Canonical bytes of the program.
    pub program: &'a [u8],
    /// Root of the weight commitment.
    pub weight_root: Hash32,
    /// Canonical bytes of the raw input.
    pub input: &'a [u8],
    /// Canonical bytes of the raw output.
    pub output: &'a [u8],
    /// What the proof was made for.
    pub context: ProofContext,
}

/// The public statement of one proof, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The input as the user gave it.
    pub input: RawInput,
    /// The output.
    pub output: RawOutput,
    /// What the proof was made for.
    pub context: ProofContext,
}

/// What a valid proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The model.
    pub model: ModelId,
    /// The output.
    pub output: RawOutput,
}

/// Identity of a model: hash of the program's canonical bytes and the weight root.
#[must_use]
pub fn model_id(program: &[u8], weight_root: Hash32) -> ModelId {
    let pair: (&[u8], Hash32) = (program, weight_root);
    ModelId(ciro_crypto::hash_encoded("ciro/model/v1", &pair).0)
}

/// Everything about a model that verification needs; built once, used for many proofs.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    program: Program,
    relation: Relation,
    params: Params,
    weight_root: Hash32,
    model: ModelId,
}

impl VerifyingKey {
    /// The key of a program in canonical bytes and its weight commitment.
    ///
    /// # Errors
    /// If the program is malformed or has no relation.
    pub fn new(program: &[u8], weight_root: Hash32) -> Result<Self, VerifyError> {
        let model = model_id(program, weight_root);
        let program: Program =
            decode(program, STATEMENT_BYTES_MAX).map_err(|source| VerifyError::Decode { what: "program", source })?;
        check_program(&program).map_err(VerifyError::Program)?;
        let relation = Relation::build(&program)?;
        let profile = match program.profile {
            ciro_graph::Profile::Native => Profile::Native,
            ciro_graph::Profile::Chain => Profile::Chain,
        };
        let params = Params::new(
            &[
                Size { vars: relation.model_vars, used: relation.model_used },
                Size { vars: relation.witness_vars, used: relation.witness_used },
            ],
            Security::Bits100,
            profile,
        );
        Ok(Self { program, relation, params, weight_root, model })
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// What must hold.
    #[must_use]
    pub fn relation(&self) -> &Relation {
        &self.relation
    }

    /// Parameters of the commitments.
    #[must_use]
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The model's identity.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// Absorbs the statement. First the model, then what was asked, then what was answered.
    pub fn absorb(&self, transcript: &mut impl Transcript, statement: &Statement) {
        transcript.absorb("model", self.model.as_bytes());
        transcript.absorb("weight root", self.weight_root.as_bytes());
        transcript.absorb("security", &self.params.security.bits().to_le_bytes());
        transcript.absorb("context", &encode(&statement.context));
        transcript.absorb("input", &encode(&statement.input));
        transcript.absorb("output", &encode(&statement.output));
    }

    /// The integers of a statement.
    ///
    /// # Errors
    /// If the input is refused or the output does not fit the program.
    pub fn instance(&self, statement: &Statement) -> Result<Instance, VerifyError> {
        let inputs = ingest(&self.program, &statement.input).map_err(VerifyError::Input)?;
        self.check_output(&statement.output)?;
        Ok(Instance { inputs, outputs: statement.output.0.clone() })
    }

    /// Outputs must have the program's lengths and lie in its intervals: integers that differ by p look equal to the field.
    fn check_output(&self, output: &RawOutput) -> Result<(), VerifyError> {
        let expected = self.program.outputs.len();
        if output.0.len() != expected {
            return Err(VerifyError::Output { output: expected, expected, got: output.0.len() });
        }
        for (k, (spec, values)) in self.program.outputs.iter().zip(&output.0).enumerate() {
            let (sample, lo, hi) = self.interval(spec.value);
            let len = sample.saturating_mul(usize::try_from(self.program.batch).unwrap_or(usize::MAX));
            if values.len() != len || values.iter().any(|v| !(lo..=hi).contains(v)) {
                return Err(VerifyError::Output { output: k, expected: len, got: values.len() });
            }
        }
        Ok(())
    }

    /// Length, in one sample, and interval of a value.
    fn interval(&self, value: ciro_graph::ValueId) -> (usize, i64, i64) {
        let index = usize::try_from(value.0).unwrap_or(usize::MAX);
        let Some(at) = index.checked_sub(self.program.inputs.len()) else {
            return self.program.inputs.get(index).map_or((0, 0, 0), input_interval);
        };
        let Some(node) = self.program.nodes.get(at) else { return (0, 0, 0) };
        let len = usize::try_from(node.len()).unwrap_or(usize::MAX);
        match &node.op {
            Op::ArgMax { x } => (1, 0, i64::try_from(self.interval(*x).0).unwrap_or(0).saturating_sub(1)),
            _ => (len, i64::from(node.lo), i64::from(node.hi)),
        }
    }

    /// Verifies one proof.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected it.
    pub fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<Verified, VerifyError> {
        let instance = self.instance(statement)?;
        let mut transcript = Reader::new(PROTOCOL, proof);
        self.absorb(&mut transcript, statement);
        let witness_root = transcript.read_digest("witness root")?;
        let mut claims = Evaluations::default();
        lookup::verify(&mut transcript, &self.relation, &instance, &mut claims)?;
        constraints::verify(&mut transcript, &self.relation, &instance, &mut claims)?;
        products::verify(&mut transcript, &self.relation, &instance, &mut claims)?;
        gathers::verify(&mut transcript, &self.relation, &instance, &mut claims)?;
        let roots = [self.weight_root.0, witness_root];
        batch::verify(&mut transcript, &self.relation, &self.params, roots, claims)?;
        transcript.finish()?;
        Ok(Verified { model: self.model, output: statement.output.clone() })
    }
}

fn input_interval(input: &ciro_graph::Input) -> (usize, i64, i64) {
    let len = usize::try_from(input.value_len()).unwrap_or(usize::MAX);
    match input.ingest {
        ciro_graph::Ingest::Fixed { lo, hi, .. } => (len, i64::from(lo), i64::from(hi)),
        ciro_graph::Ingest::Ordered | ciro_graph::Ingest::OrderedMissing => (len, 0, i64::from(u32::MAX)),
    }
}

/// Verifies one claim in canonical bytes. For many proofs of one model, keep a [`VerifyingKey`].
///
/// # Errors
/// As [`VerifyingKey::verify`], and if the bytes are not canonical.
pub fn verify(claim: &Claim<'_>, proof: &[u8]) -> Result<Verified, VerifyError> {
    let key = VerifyingKey::new(claim.program, claim.weight_root)?;
    let statement = Statement::decode(claim.input, claim.output, claim.context)?;
    key.verify(&statement, proof)
}

impl Statement {
    /// Decodes a statement's canonical bytes.
    ///
    /// # Errors
    /// If they are not canonical.
    pub fn decode(input: &[u8], output: &[u8], context: ProofContext) -> Result<Self, VerifyError> {
        let error = |what| move |source| VerifyError::Decode { what, source };
        Ok(Self {
            input: decode(input, STATEMENT_BYTES_MAX).map_err(error("input"))?,
            output: decode(output, STATEMENT_BYTES_MAX).map_err(error("output"))?,
            context,
        })
    }

    /// Canonical bytes of input and output.
    #[must_use]
    pub fn encode(&self) -> (Vec<u8>, Vec<u8>) {
        (encode(&self.input), encode(&self.output))
    }
}

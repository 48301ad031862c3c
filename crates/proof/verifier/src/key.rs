//! What is known of a model, and the order in which a statement enters the transcript.

use crate::batch::{Known, Reduced};
use crate::cost::Costs;
use crate::error::VerifyError;
use crate::evaluate::{Checks, Evaluator};
use crate::layout::Evaluations;
use crate::statement::{ProofContext, STATEMENT_BYTES_MAX, Shown, Statement, WEIGHTS_BYTES_MAX, Weights};
use crate::work::Work;
use crate::{batch, constraints, gathers, lookup, products, samples};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ciro_graph::{Constant, Disclosure, Model, Op, Program, RawOutput, check_model, check_program, ingest};
use ciro_pcs::{Params, Profile, Security, Size};
use ciro_relation::{Cost, Instance, Knowledge, Limits, Poly, Relation, Space, cost};
use ciro_transcript::{Digest, Reader, Transcript};
use ciro_types::{Hash32, ModelId, decode, encode};
use core::ops::RangeInclusive;

/// Name and version of the protocol; the first thing absorbed.
pub const PROTOCOL: &str = "ciro/inference/v4";

/// A claim in canonical bytes, as it travels.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Canonical bytes of the program.
    pub program: &'a [u8],
    /// Its weights.
    pub weights: &'a Weights,
    /// Canonical bytes of what is shown of the input ([`Shown::encode`]).
    pub input: &'a [u8],
    /// Canonical bytes of what is shown of the output.
    pub output: &'a [u8],
    /// What the proof was made for.
    pub context: ProofContext,
}

/// What a valid proof shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The model.
    pub model: ModelId,
    /// The output, as far as it is shown.
    pub output: Shown<RawOutput>,
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
    work: Work,
    cost: Cost,
    /// Whether checks that evaluate public columns wait for the cheaper ones: see [`crate::evaluate`].
    are_put_off: bool,
    /// No proof is shorter or longer.
    proof_bytes: RangeInclusive<usize>,
    weight_root: Hash32,
    /// The weights, if they are public.
    weights: Option<Arc<Vec<Vec<i32>>>>,
    model: ModelId,
}

impl VerifyingKey {
    /// The key of a program in canonical bytes and what stands for its weights, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`VerifyingKey::of_within`].
    pub fn of(program: &[u8], weights: &Weights) -> Result<Self, VerifyError> {
        Self::of_within(program, weights, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes and what stands for its weights.
    ///
    /// # Errors
    /// As [`VerifyingKey::new_within`] and [`VerifyingKey::with_weights_within`], and if the bytes of weights are not canonical.
    pub fn of_within(program: &[u8], weights: &Weights, limits: &Limits) -> Result<Self, VerifyError> {
        match weights {
            Weights::Committed(root) => Self::new_within(program, *root, limits),
            Weights::Public(bytes) => {
                let draft = Self::draft(program, limits)?;
                check_shown("weights", draft.program.visibility.weights, Disclosure::Public)?;
                // What was admitted is a model of this size.
                let limit = WEIGHTS_BYTES_MAX.min(weights_bytes(&draft.program));
                let error = |source| VerifyError::Decode { what: "weights", source };
                let known = decode(bytes, limit).map_err(error)?;
                Ok(draft.holding(known)?.rooted(program, weights.root()))
            }
        }
    }

    /// The key of a program in canonical bytes and its weight commitment, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`VerifyingKey::new_within`].
    pub fn new(program: &[u8], weight_root: Hash32) -> Result<Self, VerifyError> {
        Self::new_within(program, weight_root, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes and its weight commitment.
    ///
    /// # Errors
    /// If the program is malformed or has no relation, if verifying costs more than `limits`, or if its weights are public: these
    /// take [`VerifyingKey::with_weights`].
    pub fn new_within(program: &[u8], weight_root: Hash32, limits: &Limits) -> Result<Self, VerifyError> {
        let draft = Self::draft(program, limits)?;
        check_shown("weights", draft.program.visibility.weights, Disclosure::Committed)?;
        Ok(draft.rooted(program, weight_root))
    }

    /// The key of a program in canonical bytes whose weights are public, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`VerifyingKey::with_weights_within`].
    pub fn with_weights(program: &[u8], weights: Vec<Vec<i32>>) -> Result<Self, VerifyError> {
        Self::with_weights_within(program, weights, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes whose weights are public. The model is checked whole, and its weights stand for
    /// their hash.
    ///
    /// # Errors
    /// If program or weights are malformed, if verifying costs more than `limits`, if intervals do not hold for the weights, or if
    /// the program commits to its weights.
    pub fn with_weights_within(program: &[u8], weights: Vec<Vec<i32>>, limits: &Limits) -> Result<Self, VerifyError> {
        let draft = Self::draft(program, limits)?;
        check_shown("weights", draft.program.visibility.weights, Disclosure::Public)?;
        let root = Weights::Public(encode(&weights)).root();
        Ok(draft.holding(weights)?.rooted(program, root))
    }

    /// The key with its weights, which fit its program.
    fn holding(self, weights: Vec<Vec<i32>>) -> Result<Self, VerifyError> {
        let model = Model { program: self.program, weights };
        check_model(&model).map_err(VerifyError::Program)?;
        Ok(Self { program: model.program, weights: Some(Arc::new(model.weights)), ..self })
    }

    /// The key with its identity.
    fn rooted(self, program: &[u8], weight_root: Hash32) -> Self {
        Self { weight_root, model: model_id(program, weight_root), ..self }
    }

    /// The key of the same program under another weight commitment: neither relation nor parameters depend on it.
    ///
    /// # Errors
    /// If the weights are public: they are what the key stands for, whatever a root says.
    pub fn committed(self, weight_root: Hash32) -> Result<Self, VerifyError> {
        check_shown("weights", self.program.visibility.weights, Disclosure::Committed)?;
        let model = model_id(&encode(&self.program), weight_root);
        Ok(Self { weight_root, model, ..self })
    }

    /// The key of a program that costs no more than `limits`, without weights and identity.
    fn draft(program: &[u8], limits: &Limits) -> Result<Self, VerifyError> {
        let of_program = cost::of_program(program.len());
        limits.admit(&of_program)?;
        let program: Program =
            decode(program, STATEMENT_BYTES_MAX).map_err(|source| VerifyError::Decode { what: "program", source })?;
        check_program(&program).map_err(VerifyError::Program)?;
        let relation = Relation::build_within(&program, limits)?;
        let profile = match program.profile {
            ciro_graph::Profile::Native => Profile::Native,
            ciro_graph::Profile::Chain => Profile::Chain,
        };
        let security = match program.security {
            ciro_graph::Security::Bits100 => Security::Bits100,
            ciro_graph::Security::Bits128 => Security::Bits128,
        };
        let sizes: Vec<Size> = relation.committed().map(size).collect();
        let params = Params::new(&sizes, security, profile);
        let work = Work::new(&relation, &params);
        let costs = Costs::new(&program, &relation, &params, &work);
        let cost = of_program.and(costs.total());
        limits.admit(&cost)?;
        let (are_put_off, proof_bytes) = (costs.evaluates_much(), costs.proof_bytes());
        let (weight_root, model) = (Hash32::ZERO, ModelId([0; 32]));
        Ok(Self { program, relation, params, work, cost, are_put_off, proof_bytes, weight_root, weights: None, model })
    }

    /// What it takes to build this key and verify one proof, and where samples are shown alone one of them: an upper bound, whatever
    /// statement and proof say.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
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

    /// Proof of work before the first challenge of each phase.
    #[must_use]
    pub fn work(&self) -> &Work {
        &self.work
    }

    /// Root of the weight commitment; the weights' hash if they are public.
    #[must_use]
    pub fn weight_root(&self) -> Hash32 {
        self.weight_root
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
        transcript.absorb("input", &statement.input.encode());
        transcript.absorb("output", &statement.output.encode());
    }

    /// The integers of a statement; none of what is not public.
    ///
    /// # Errors
    /// If it does not show what the program says, if the input is refused or the output does not fit the program.
    pub fn instance(&self, statement: &Statement) -> Result<Instance, VerifyError> {
        let visibility = &self.program.visibility;
        check_shown("input", visibility.input, statement.input.disclosure())?;
        check_shown("output", visibility.output, statement.output.disclosure())?;
        let inputs = statement.input.public().map(|input| ingest(&self.program, input)).transpose();
        let inputs = inputs.map_err(VerifyError::Input)?.unwrap_or_default();
        let output = statement.output.public();
        output.map_or(Ok(()), |output| self.check_outputs(&output.0))?;
        Ok(Instance { inputs, outputs: output.map_or_else(Vec::new, |output| output.0.clone()) })
    }

    /// Checks that the program's inputs may have these values, one vector per input.
    ///
    /// # Errors
    /// Naming the first that may not.
    pub fn check_inputs(&self, values: &[Vec<i64>]) -> Result<(), VerifyError> {
        let expected = self.program.inputs.len();
        if values.len() != expected {
            return Err(VerifyError::Integers { input: expected, expected, got: values.len() });
        }
        for (k, (input, values)) in self.program.inputs.iter().zip(values).enumerate() {
            let sample = usize::try_from(input.value_len()).unwrap_or(usize::MAX);
            let expected = sample.saturating_mul(self.samples());
            if values.len() != expected || !values.chunks(sample.max(1)).all(|values| input.accepts(values)) {
                return Err(VerifyError::Integers { input: k, expected, got: values.len() });
            }
        }
        Ok(())
    }

    /// Checks that outputs have the program's lengths and lie in its intervals: integers that differ by p look equal to the field.
    ///
    /// # Errors
    /// Naming the first that does not.
    pub fn check_outputs(&self, output: &[Vec<i64>]) -> Result<(), VerifyError> {
        self.check_outputs_of(self.samples(), output)
    }

    fn samples(&self) -> usize {
        usize::try_from(self.program.batch).unwrap_or(usize::MAX)
    }

    /// As [`Self::check_outputs`], for this many samples.
    pub(crate) fn check_outputs_of(&self, samples: usize, output: &[Vec<i64>]) -> Result<(), VerifyError> {
        let expected = self.program.outputs.len();
        if output.len() != expected {
            return Err(VerifyError::Output { output: expected, expected, got: output.len() });
        }
        for (k, (spec, values)) in self.program.outputs.iter().zip(output).enumerate() {
            let (sample, lo, hi) = self.interval(spec.value);
            let len = sample.saturating_mul(samples);
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
        if let Op::ArgMax { x } = &node.op {
            return (1, 0, i64::try_from(self.interval(*x).0).unwrap_or(0).saturating_sub(1));
        }
        (len, i64::from(node.lo), i64::from(node.hi))
    }

    /// Verifies one proof.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected it.
    pub fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<Verified, VerifyError> {
        self.reduce(statement, proof)?;
        Ok(Verified { model: self.model, output: statement.output.clone() })
    }

    /// Verifies one proof; returns what its claims on the commitments came down to.
    ///
    /// # Errors
    /// As [`VerifyingKey::verify`].
    pub fn reduce(&self, statement: &Statement, proof: &[u8]) -> Result<Reduced, VerifyError> {
        let instance = self.instance(statement)?;
        self.check_length(proof)?;
        let mut checks = Checks::new(Evaluator::new(&self.relation, &instance), self.are_put_off);
        let mut transcript = Reader::new(PROTOCOL, proof);
        self.absorb(&mut transcript, statement);
        let witness_root = transcript.read_digest("witness root")?;
        let mut claims = Evaluations::default();
        samples::verify(&mut transcript, &self.relation, &self.params, &mut claims)?;
        transcript.check_work("lookup work", self.work.lookups)?;
        lookup::verify(&mut transcript, &self.relation, &mut checks, &mut claims)?;
        transcript.check_work("constraint work", self.work.constraints)?;
        constraints::verify(&mut transcript, &self.relation, &mut checks, &mut claims)?;
        transcript.check_work("product work", self.work.products)?;
        products::verify(&mut transcript, &self.relation, &mut checks, &mut claims)?;
        transcript.check_work("gather work", self.work.gathers)?;
        gathers::verify(&mut transcript, &self.relation, &mut checks, &mut claims)?;
        transcript.check_work("batch work", self.work.batch)?;
        let known = self.known(statement, witness_root);
        let reduced = batch::verify(&mut transcript, &self.relation, &self.params, &known, claims, &mut checks)?;
        transcript.finish()?;
        checks.finish()?;
        Ok(reduced)
    }

    /// Lengths that a proof may have, bytes: how many of its queries fall together decides. Bounds: no proof is shorter or longer.
    #[must_use]
    pub fn proof_bytes(&self) -> RangeInclusive<usize> {
        self.proof_bytes.clone()
    }

    /// Refuses what is no proof by its length, before anything is done.
    fn check_length(&self, proof: &[u8]) -> Result<(), VerifyError> {
        let (least, most, got) = (*self.proof_bytes.start(), *self.proof_bytes.end(), proof.len());
        if self.proof_bytes.contains(&got) { Ok(()) } else { Err(VerifyError::ProofLength { least, most, got }) }
    }

    /// What is known of each polynomial of the relation, in order.
    fn known(&self, statement: &Statement, witness_root: Digest) -> Vec<Known<'_>> {
        let root = |root: Option<Hash32>| Known::Committed(root.map_or([0; 32], |root| root.0));
        let of = |space: &Space| match space.poly {
            Poly::Model => match &self.weights {
                Some(weights) => Known::Weights(weights),
                None => Known::Committed(self.weight_root.0),
            },
            Poly::Witness => Known::Committed(witness_root),
            Poly::Input => root(statement.input.root()),
            Poly::Output => root(statement.output.root()),
        };
        self.relation.spaces.iter().map(of).collect()
    }
}

fn size(space: &Space) -> Size {
    Size {
        vars: space.vars,
        used: space.used,
        is_shared: space.poly == Poly::Model,
        is_salted: space.known == Knowledge::Salted,
    }
}

/// Canonical bytes of the weights of a model of this program: a length for each constant, and four bytes for each element.
fn weights_bytes(program: &Program) -> usize {
    let bytes = |constant: &Constant| u64::from(constant.len()).saturating_mul(4).saturating_add(4);
    let all = program.constants.iter().map(bytes).fold(4u64, u64::saturating_add);
    usize::try_from(all).unwrap_or(usize::MAX)
}

fn check_shown(what: &'static str, expected: Disclosure, got: Disclosure) -> Result<(), VerifyError> {
    if expected == got { Ok(()) } else { Err(VerifyError::Shown { what, expected: expected.name(), got: got.name() }) }
}

fn input_interval(input: &ciro_graph::Input) -> (usize, i64, i64) {
    let len = usize::try_from(input.value_len()).unwrap_or(usize::MAX);
    match input.ingest {
        ciro_graph::Ingest::Fixed { lo, hi, .. }
        | ciro_graph::Ingest::Imputed { lo, hi, .. }
        | ciro_graph::Ingest::FixedDouble { lo, hi, .. } => (len, i64::from(lo), i64::from(hi)),
        ciro_graph::Ingest::OrderedDouble { .. } => (len, i64::MIN, i64::MAX),
        ciro_graph::Ingest::Ordered | ciro_graph::Ingest::OrderedMissing => (len, 0, i64::from(u32::MAX)),
    }
}

/// Verifies one claim in canonical bytes. For many proofs of one model, keep a [`VerifyingKey`].
///
/// # Errors
/// As [`VerifyingKey::verify`], and if the bytes are not canonical.
pub fn verify(claim: &Claim<'_>, proof: &[u8]) -> Result<Verified, VerifyError> {
    let key = VerifyingKey::of(claim.program, claim.weights)?;
    let statement = Statement::decode(&key.program.visibility, claim.input, claim.output, claim.context)?;
    key.verify(&statement, proof)
}

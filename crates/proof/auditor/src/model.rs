//! A model whose key was derived from its program, by whoever reads this.

use crate::cost::{of_digest, of_entries, of_program, of_weights};
use crate::error::AuditError;
use crate::hint::Recipe;
use crate::lower::lower;
use crate::statement::{STATEMENT_BYTES_MAX, Statement, WEIGHTS_BYTES_MAX, Weights, encode_shown};
use alloc::sync::Arc;
use alloc::vec::Vec;
use ciro_crypto::model_id;
use ciro_graph::{Constant, Model, Op, Program, RawOutput, check_model, check_program, ingest};
use ciro_pcs::Params;
use ciro_relation::{Cost, Instance, Limits, Relation};
use ciro_types::{Disclosure, Hash32, ModelId, ModelRoots, ProofContext, decode, encode};
use ciro_verifier::batch::Reduced;
use ciro_verifier::key::check_shown;
use ciro_verifier::{Assertion, Budget, Key, Port, Shown, VerifyError, VerifyingKey};
use core::ops::RangeInclusive;

/// A claim in canonical bytes, as it travels.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// Canonical bytes of the program.
    pub program: &'a [u8],
    /// Its weights.
    pub weights: &'a Weights,
    /// Canonical bytes of what is shown of the input ([`encode_shown`]).
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

/// Everything about a model that checking claims takes; made once, used for many proofs.
#[derive(Clone, Debug)]
pub struct AuditedModel {
    program: Program,
    recipe: Recipe,
    key: VerifyingKey,
    /// The hash of the key's canonical bytes.
    digest: Hash32,
    /// What it took to derive the key.
    derived: Cost,
    weight_root: Hash32,
    /// The weights, if they are public.
    weights: Option<Arc<Vec<Vec<i32>>>>,
    model: ModelId,
}

impl AuditedModel {
    /// The key of a program in canonical bytes and what stands for its weights, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`AuditedModel::of_within`].
    pub fn of(program: &[u8], weights: &Weights) -> Result<Self, AuditError> {
        Self::of_within(program, weights, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes and what stands for its weights.
    ///
    /// # Errors
    /// As [`AuditedModel::new_within`] and [`AuditedModel::with_weights_within`], and if the bytes of weights are not canonical.
    pub fn of_within(program: &[u8], weights: &Weights, limits: &Limits) -> Result<Self, AuditError> {
        match weights {
            Weights::Committed(root) => Self::new_within(program, *root, limits),
            Weights::Public(bytes) => {
                let draft = Self::draft(program, limits)?;
                check_shown("weights", draft.program.visibility.weights, Disclosure::Public)?;
                // What was admitted is a model of this size.
                let limit = WEIGHTS_BYTES_MAX.min(weights_bytes(&draft.program));
                let error = |source| AuditError::Decode { what: "weights", source };
                let known = decode(bytes, limit).map_err(error)?;
                Ok(draft.holding(known)?.rooted(program, weights.root()))
            }
        }
    }

    /// The key of a program in canonical bytes and its weight commitment, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`AuditedModel::new_within`].
    pub fn new(program: &[u8], weight_root: Hash32) -> Result<Self, AuditError> {
        Self::new_within(program, weight_root, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes and its weight commitment.
    ///
    /// # Errors
    /// If the program is malformed or has no relation, or if verifying costs more than `limits`. Also if its weights are public: these
    /// take [`AuditedModel::with_weights`].
    pub fn new_within(program: &[u8], weight_root: Hash32, limits: &Limits) -> Result<Self, AuditError> {
        let draft = Self::draft(program, limits)?;
        check_shown("weights", draft.program.visibility.weights, Disclosure::Committed)?;
        Ok(draft.rooted(program, weight_root))
    }

    /// The key of a program in canonical bytes whose weights are public, if verifying costs no more than [`Limits::VERIFY`].
    ///
    /// # Errors
    /// As [`AuditedModel::with_weights_within`].
    pub fn with_weights(program: &[u8], weights: Vec<Vec<i32>>) -> Result<Self, AuditError> {
        Self::with_weights_within(program, weights, &Limits::VERIFY)
    }

    /// The key of a program in canonical bytes whose weights are public. The model is checked whole, and its weights stand for
    /// their hash.
    ///
    /// # Errors
    /// If program or weights are malformed, or if verifying costs more than `limits`. Also if intervals do not hold for the weights, or
    /// if the program commits to its weights.
    pub fn with_weights_within(program: &[u8], weights: Vec<Vec<i32>>, limits: &Limits) -> Result<Self, AuditError> {
        let draft = Self::draft(program, limits)?;
        check_shown("weights", draft.program.visibility.weights, Disclosure::Public)?;
        let root = Weights::Public(encode(&weights)).root();
        Ok(draft.holding(weights)?.rooted(program, root))
    }

    /// The key with its weights, which fit its program.
    fn holding(self, weights: Vec<Vec<i32>>) -> Result<Self, AuditError> {
        let model = Model { program: self.program, weights };
        check_model(&model).map_err(AuditError::Program)?;
        Ok(Self { program: model.program, weights: Some(Arc::new(model.weights)), ..self })
    }

    /// The key with its identity.
    fn rooted(self, program: &[u8], weight_root: Hash32) -> Self {
        let roots = ModelRoots { key: self.digest, weights: weight_root };
        Self { weight_root, model: model_id(program, &roots), ..self }
    }

    /// The key of the same program under another weight commitment: neither relation nor parameters depend on it.
    ///
    /// # Errors
    /// If the weights are public: they are what the key stands for, whatever a root says.
    pub fn committed(self, weight_root: Hash32) -> Result<Self, AuditError> {
        check_shown("weights", self.program.visibility.weights, Disclosure::Committed)?;
        let program = encode(&self.program);
        Ok(self.rooted(&program, weight_root))
    }

    /// The key of a program that costs no more than `limits`, without weights and identity.
    fn draft(program: &[u8], limits: &Limits) -> Result<Self, AuditError> {
        let of_program = of_program(program.len());
        limits.admit(&of_program)?;
        let program: Program =
            decode(program, STATEMENT_BYTES_MAX).map_err(|source| AuditError::Decode { what: "program", source })?;
        check_program(&program).map_err(AuditError::Program)?;
        let (relation, recipe) = lower(&program, limits)?;
        let derived =
            of_program.and(of_entries(recipe.entries)).and(of_digest(recipe.entries)).and(of_weights(&program));
        let key = VerifyingKey::new(key_of(&program, relation), limits)?;
        limits.admit(&derived.and(key.cost()))?;
        let digest = key.key().digest();
        let (weight_root, model) = (Hash32::ZERO, ModelId([0; 32]));
        Ok(Self { program, recipe, key, digest, derived, weight_root, weights: None, model })
    }

    /// What it takes to derive this key and verify one proof, and where samples are shown alone one of them. It is an upper bound,
    /// whatever statement and proof say.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.derived.and(self.key.cost())
    }

    /// The program.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// How a prover fills the witness.
    #[must_use]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What the verifier's core takes.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }

    /// The hash that stands for the key.
    #[must_use]
    pub fn digest(&self) -> Hash32 {
        self.digest
    }

    /// Checks that somebody's word of the key's digest is true.
    ///
    /// # Errors
    /// [`AuditError::Key`] if the program has another key.
    pub fn check_digest(&self, got: Hash32) -> Result<(), AuditError> {
        let expected = self.digest;
        if got == expected { Ok(()) } else { Err(AuditError::Key { expected, got }) }
    }

    /// What must hold.
    #[must_use]
    pub fn relation(&self) -> &Relation {
        self.key.relation()
    }

    /// Parameters of the commitments.
    #[must_use]
    pub fn params(&self) -> &Params {
        self.key.params()
    }

    /// The budget of this model's proofs.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.key.budget()
    }

    /// Lengths that a proof may have, bytes.
    #[must_use]
    pub fn proof_bytes(&self) -> RangeInclusive<usize> {
        self.key.proof_bytes()
    }

    /// Root of the weight commitment; the weights' hash if they are public.
    #[must_use]
    pub fn weight_root(&self) -> Hash32 {
        self.weight_root
    }

    /// What the identity commits to besides the program.
    #[must_use]
    pub fn roots(&self) -> ModelRoots {
        ModelRoots { key: self.digest, weights: self.weight_root }
    }

    /// The model's identity.
    #[must_use]
    pub fn model(&self) -> ModelId {
        self.model
    }

    /// What a statement asserts of this model: its bytes, and the integers that they stand for.
    ///
    /// # Errors
    /// As [`AuditedModel::instance`].
    pub fn assertion(&self, statement: &Statement) -> Result<Assertion<'_>, AuditError> {
        Ok(self.asserted(statement, self.instance(statement)?))
    }

    /// The integers of a statement; none of what is not public.
    ///
    /// # Errors
    /// If it does not show what the program says, if the input is refused or the output does not fit the program.
    pub fn instance(&self, statement: &Statement) -> Result<Instance, AuditError> {
        let visibility = &self.program.visibility;
        check_shown("input", visibility.input, statement.input.disclosure())?;
        check_shown("output", visibility.output, statement.output.disclosure())?;
        let inputs = statement.input.public().map(|input| ingest(&self.program, input)).transpose();
        let inputs = inputs.map_err(AuditError::Input)?.unwrap_or_default();
        let output = statement.output.public();
        output.map_or(Ok(()), |output| self.check_outputs(&output.0))?;
        Ok(Instance { inputs, outputs: output.map_or_else(Vec::new, |output| output.0.clone()) })
    }

    /// What a statement asserts of this model, unchecked: for provers, who have checked it, and for adversaries. An input that the program
    /// refuses has no integers.
    #[must_use]
    pub fn claimed(&self, statement: &Statement) -> Assertion<'_> {
        let instance = Instance {
            inputs: statement.input.public().and_then(|i| ingest(&self.program, i).ok()).unwrap_or_default(),
            outputs: statement.output.public().map_or_else(Vec::new, |output| output.0.clone()),
        };
        self.asserted(statement, instance)
    }

    fn asserted(&self, statement: &Statement, instance: Instance) -> Assertion<'_> {
        Assertion {
            model: self.model,
            weight_root: self.weight_root,
            weights: self.weights.as_ref().map(|weights| weights.as_slice()),
            context: statement.context,
            input: bytes_of(&statement.input, encode_shown(&statement.input)),
            output: bytes_of(&statement.output, encode_shown(&statement.output)),
            instance,
        }
    }

    /// Checks that the program's inputs may have these values, one vector per input.
    ///
    /// # Errors
    /// Naming the first that may not.
    pub fn check_inputs(&self, values: &[Vec<i64>]) -> Result<(), AuditError> {
        self.key.check_inputs(values)?;
        let samples = usize::try_from(self.program.batch).unwrap_or(usize::MAX);
        for (k, (input, values)) in self.program.inputs.iter().zip(values).enumerate() {
            let sample = usize::try_from(input.value_len()).unwrap_or(usize::MAX);
            if !values.chunks(sample.max(1)).all(|values| input.accepts(values)) {
                let expected = sample.saturating_mul(samples);
                return Err(VerifyError::Integers { input: k, expected, got: values.len() }.into());
            }
        }
        Ok(())
    }

    /// Checks that outputs have the program's lengths and lie in its intervals.
    ///
    /// # Errors
    /// Naming the first that does not.
    pub fn check_outputs(&self, outputs: &[Vec<i64>]) -> Result<(), AuditError> {
        Ok(self.key.check_outputs(outputs)?)
    }

    /// Verifies one proof.
    ///
    /// # Errors
    /// [`AuditError`], whose phase says what rejected it.
    pub fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<Verified, AuditError> {
        self.reduce(statement, proof)?;
        Ok(Verified { model: self.model, output: statement.output.clone() })
    }

    /// Verifies one proof; returns what its claims on the commitments came down to.
    ///
    /// # Errors
    /// As [`AuditedModel::verify`].
    pub fn reduce(&self, statement: &Statement, proof: &[u8]) -> Result<Reduced, AuditError> {
        Ok(self.key.reduce(&self.assertion(statement)?, proof)?)
    }
}

/// What is shown, as the bytes that it travels in.
fn bytes_of<T>(shown: &Shown<T>, bytes: Vec<u8>) -> Shown<Vec<u8>> {
    match shown {
        Shown::Public(_) => Shown::Public(bytes),
        Shown::Committed(root) => Shown::Committed(*root),
        Shown::Private => Shown::Private,
    }
}

/// The key of a program, whose relation this is.
fn key_of(program: &Program, relation: Relation) -> Key {
    let inputs = program.inputs.iter().map(input_port).collect();
    let outputs = program.outputs.iter().map(|output| port(program, output.value)).collect();
    Key {
        security: program.security,
        profile: program.profile,
        batch: program.batch,
        inputs: (program.visibility.input, inputs),
        outputs: (program.visibility.output, outputs),
        relation,
    }
}

/// Length, in one sample, and interval of a value.
fn port(program: &Program, value: ciro_graph::ValueId) -> Port {
    const NONE: Port = Port { len: 0, lo: 0, hi: 0 };
    let index = usize::try_from(value.0).unwrap_or(usize::MAX);
    let Some(at) = index.checked_sub(program.inputs.len()) else {
        return program.inputs.get(index).map_or(NONE, input_port);
    };
    let Some(node) = program.nodes.get(at) else { return NONE };
    if let Op::ArgMax { x } = &node.op {
        let classes = i64::try_from(port(program, *x).len).unwrap_or(0);
        return Port { len: 1, lo: 0, hi: classes.saturating_sub(1) };
    }
    let len = usize::try_from(node.len()).unwrap_or(usize::MAX);
    Port { len, lo: i64::from(node.lo), hi: i64::from(node.hi) }
}

fn input_port(input: &ciro_graph::Input) -> Port {
    let len = usize::try_from(input.value_len()).unwrap_or(usize::MAX);
    let (lo, hi) = match input.ingest {
        ciro_graph::Ingest::Fixed { lo, hi, .. }
        | ciro_graph::Ingest::Imputed { lo, hi, .. }
        | ciro_graph::Ingest::FixedDouble { lo, hi, .. } => (i64::from(lo), i64::from(hi)),
        ciro_graph::Ingest::OrderedDouble { .. } => (i64::MIN, i64::MAX),
        ciro_graph::Ingest::Ordered | ciro_graph::Ingest::OrderedMissing => (0, i64::from(u32::MAX)),
    };
    Port { len, lo, hi }
}

/// Canonical bytes of the weights of a model of this program: a length for each constant, and four bytes for each element.
fn weights_bytes(program: &Program) -> usize {
    let bytes = |constant: &Constant| u64::from(constant.len()).saturating_mul(4).saturating_add(4);
    let all = program.constants.iter().map(bytes).fold(4u64, u64::saturating_add);
    usize::try_from(all).unwrap_or(usize::MAX)
}

/// Verifies one claim in canonical bytes. For many proofs of one model, keep an [`AuditedModel`].
///
/// # Errors
/// As [`AuditedModel::verify`], and if the bytes are not canonical.
pub fn verify(claim: &Claim<'_>, proof: &[u8]) -> Result<Verified, AuditError> {
    let key = AuditedModel::of(claim.program, claim.weights)?;
    let statement = Statement::decode(&key.program.visibility, claim.input, claim.output, claim.context)?;
    key.verify(&statement, proof)
}

//! A verifying key, and the order in which an assertion enters the transcript.

use crate::batch::{Known, Reduced};
use crate::cost::Costs;
use crate::error::{KeyError, VerifyError};
use crate::evaluate::{Checks, Evaluator};
use crate::layout::Evaluations;
use crate::statement::Assertion;
use crate::work::Work;
use crate::{batch, constraints, gathers, lookup, products, samples};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_crypto::hash_encoded;
use ciro_pcs::{Params, Profile, Security, Size};
use ciro_relation::{Cost, Knowledge, Limits, Poly, Relation, Space, TooCostly};
use ciro_transcript::{Digest, Reader, Transcript};
use ciro_types::{Disclosure, Hash32, decode, encode};
use core::ops::RangeInclusive;

/// Name and version of the protocol; the first thing absorbed.
pub const PROTOCOL: &str = "ciro/inference/v5";

/// An input or an output of a program: what its integers may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Port {
    /// How many there are in one sample.
    pub len: usize,
    /// The smallest.
    pub lo: i64,
    /// The largest.
    pub hi: i64,
}

impl Port {
    fn admits(&self, samples: usize, integers: &[i64]) -> bool {
        integers.len() == self.len.saturating_mul(samples) && integers.iter().all(|x| (self.lo..=self.hi).contains(x))
    }
}

/// What verifying takes of a model, as data: everything but its weights. It has canonical bytes, and their hash stands for it. Whoever
/// has derived a key from a program once may take it by its digest from then on.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Key {
    /// What proofs must resist.
    pub security: Security,
    /// What they are made for.
    pub profile: Profile,
    /// Samples in a proof.
    pub batch: u32,
    /// The inputs of one sample, and how much of them is shown.
    pub inputs: (Disclosure, Vec<Port>),
    /// The outputs of one sample, and how much of them is shown.
    pub outputs: (Disclosure, Vec<Port>),
    /// What must hold.
    pub relation: Relation,
}

/// Name and version of a key's encoding.
const KEY_DOMAIN: &str = "ciro/key/v1";

/// Longest canonical key, bytes.
pub const KEY_BYTES_MAX: usize = 1 << 26;

/// Bytes that a byte of a key becomes at most, decoded, while the vectors that hold it grow.
const DECODED_BYTES: u64 = 128;

/// Operations that decoding and checking take for each byte of a key.
const CHECKED_OPS: u64 = 32;

impl Key {
    /// Canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self)
    }

    /// What stands for the key: the hash of its canonical bytes.
    #[must_use]
    pub fn digest(&self) -> Hash32 {
        hash_encoded(KEY_DOMAIN, self)
    }

    /// Reads canonical bytes, for somebody who accepts to spend no more than `limits`. Whether the key is that of some program, only
    /// its digest says.
    ///
    /// # Errors
    /// If the bytes are not canonical, if parts of the relation do not fit one another, or if reading them costs more.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, KeyError> {
        let long = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let read = Cost::field(long.saturating_mul(CHECKED_OPS)).and(Cost::hash(long));
        limits.admit(&read.and(Cost::memory(long.saturating_mul(DECODED_BYTES))))?;
        let key: Self = decode(bytes, KEY_BYTES_MAX)?;
        key.relation.check_fit(usize::try_from(key.batch).unwrap_or(usize::MAX))?;
        Ok(key)
    }
}

/// A key and what follows from it; made once, used for many proofs.
#[derive(Clone, Debug)]
pub struct VerifyingKey {
    key: Key,
    params: Params,
    work: Work,
    cost: Cost,
    /// Whether checks that evaluate public columns wait for the cheaper ones: see [`crate::evaluate`].
    are_put_off: bool,
    /// No proof is shorter or longer.
    proof_bytes: RangeInclusive<usize>,
}

impl VerifyingKey {
    /// What follows from a key whose relation fits ([`Relation::check_fit`]), if verifying a proof costs no more than `limits`.
    ///
    /// # Errors
    /// [`TooCostly`] if it does.
    pub fn new(key: Key, limits: &Limits) -> Result<Self, TooCostly> {
        let sizes: Vec<Size> = key.relation.committed().map(size).collect();
        let params = Params::new(&sizes, key.security, key.profile);
        let work = Work::new(&key.relation, &params);
        let costs = Costs::new(&key, &params, &work);
        let cost = costs.total();
        limits.admit(&cost)?;
        let (are_put_off, proof_bytes) = (costs.evaluates_much(), costs.proof_bytes());
        Ok(Self { key, params, work, cost, are_put_off, proof_bytes })
    }

    /// What it takes to verify one proof, and where samples are shown alone one of them. It is an upper bound, whatever statement and
    /// proof say.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The data.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What must hold.
    #[must_use]
    pub fn relation(&self) -> &Relation {
        &self.key.relation
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

    /// Lengths that a proof may have, bytes: how many of its queries fall together decides. Bounds: no proof is shorter or longer.
    #[must_use]
    pub fn proof_bytes(&self) -> RangeInclusive<usize> {
        self.proof_bytes.clone()
    }

    /// Absorbs an assertion. First the model, then what was asked, then what was answered.
    pub fn absorb(&self, transcript: &mut impl Transcript, assertion: &Assertion<'_>) {
        transcript.absorb("model", assertion.model.as_bytes());
        transcript.absorb("weight root", assertion.weight_root.as_bytes());
        transcript.absorb("security", &self.params.security.bits().to_le_bytes());
        transcript.absorb("context", &encode(&assertion.context));
        transcript.absorb("input", assertion.input.bytes());
        transcript.absorb("output", assertion.output.bytes());
        // What is verified are the integers: whoever could choose them after the challenges could choose any that fit.
        transcript.absorb("input integers", &encode(&assertion.instance.inputs));
        transcript.absorb("output integers", &encode(&assertion.instance.outputs));
    }

    /// Checks that an assertion is one of this key: it shows what the key says, and integers that may be.
    ///
    /// # Errors
    /// Naming the first part that is not.
    pub fn check(&self, assertion: &Assertion<'_>) -> Result<(), VerifyError> {
        let (shown, _) = self.key.inputs;
        check_shown("input", shown, assertion.input.disclosure())?;
        let (shown, _) = self.key.outputs;
        check_shown("output", shown, assertion.output.disclosure())?;
        let has_cells = self.relation().spaces.iter().any(|space| space.known == Knowledge::Cells);
        let of = |is_public| if is_public { Disclosure::Public } else { Disclosure::Committed };
        check_shown("weights", of(has_cells), of(assertion.weights.is_some()))?;
        let instance = &assertion.instance;
        assertion.input.public().map_or(Ok(()), |_| self.check_inputs(&instance.inputs))?;
        assertion.output.public().map_or(Ok(()), |_| self.check_outputs(&instance.outputs))
    }

    /// Checks that inputs have the program's lengths and lie in its intervals, one vector per input.
    ///
    /// # Errors
    /// Naming the first that does not.
    pub fn check_inputs(&self, inputs: &[Vec<i64>]) -> Result<(), VerifyError> {
        self.check_inputs_of(self.samples(), inputs)
    }

    /// As [`Self::check_inputs`], for this many samples.
    pub(crate) fn check_inputs_of(&self, samples: usize, inputs: &[Vec<i64>]) -> Result<(), VerifyError> {
        let (_, ports) = &self.key.inputs;
        let error = |input, expected, got| VerifyError::Integers { input, expected, got };
        check_ports(ports, samples, inputs, error)
    }

    /// Checks that outputs have the program's lengths and lie in its intervals: integers that differ by p look equal to the field.
    ///
    /// # Errors
    /// Naming the first that does not.
    pub fn check_outputs(&self, outputs: &[Vec<i64>]) -> Result<(), VerifyError> {
        self.check_outputs_of(self.samples(), outputs)
    }

    fn samples(&self) -> usize {
        usize::try_from(self.key.batch).unwrap_or(usize::MAX)
    }

    /// As [`Self::check_outputs`], for this many samples.
    pub(crate) fn check_outputs_of(&self, samples: usize, outputs: &[Vec<i64>]) -> Result<(), VerifyError> {
        let (_, ports) = &self.key.outputs;
        let error = |output, expected, got| VerifyError::Output { output, expected, got };
        check_ports(ports, samples, outputs, error)
    }

    /// Verifies one proof.
    ///
    /// # Errors
    /// [`VerifyError`], whose phase says what rejected it.
    pub fn verify(&self, assertion: &Assertion<'_>, proof: &[u8]) -> Result<(), VerifyError> {
        self.reduce(assertion, proof).map(|_| ())
    }

    /// Verifies one proof; returns what its claims on the commitments came down to.
    ///
    /// # Errors
    /// As [`VerifyingKey::verify`].
    pub fn reduce(&self, assertion: &Assertion<'_>, proof: &[u8]) -> Result<Reduced, VerifyError> {
        self.check(assertion)?;
        self.check_length(proof)?;
        let relation = self.relation();
        let mut checks = Checks::new(Evaluator::new(relation, &assertion.instance), self.are_put_off);
        let mut transcript = Reader::new(PROTOCOL, proof);
        self.absorb(&mut transcript, assertion);
        let witness_root = transcript.read_digest("witness root")?;
        let mut claims = Evaluations::default();
        samples::verify(&mut transcript, relation, &self.params, &mut claims)?;
        transcript.check_work("lookup work", self.work.lookups)?;
        lookup::verify(&mut transcript, relation, &mut checks, &mut claims)?;
        transcript.check_work("constraint work", self.work.constraints)?;
        constraints::verify(&mut transcript, relation, &mut checks, &mut claims)?;
        transcript.check_work("product work", self.work.products)?;
        products::verify(&mut transcript, relation, &mut checks, &mut claims)?;
        transcript.check_work("gather work", self.work.gathers)?;
        gathers::verify(&mut transcript, relation, &mut checks, &mut claims)?;
        transcript.check_work("batch work", self.work.batch)?;
        let known = self.known(assertion, witness_root);
        let reduced = batch::verify(&mut transcript, relation, &self.params, &known, claims, &mut checks)?;
        transcript.finish()?;
        checks.finish()?;
        Ok(reduced)
    }

    /// Refuses what is no proof by its length, before anything is done.
    fn check_length(&self, proof: &[u8]) -> Result<(), VerifyError> {
        let (least, most, got) = (*self.proof_bytes.start(), *self.proof_bytes.end(), proof.len());
        if self.proof_bytes.contains(&got) { Ok(()) } else { Err(VerifyError::ProofLength { least, most, got }) }
    }

    /// What is known of each polynomial of the relation, in order.
    fn known<'a>(&self, assertion: &Assertion<'a>, witness_root: Digest) -> Vec<Known<'a>> {
        let root = |root: Option<Hash32>| Known::Committed(root.map_or([0; 32], |root| root.0));
        let of = |space: &Space| match space.poly {
            Poly::Model => match assertion.weights {
                Some(weights) => Known::Weights(weights),
                None => Known::Committed(assertion.weight_root.0),
            },
            Poly::Witness => Known::Committed(witness_root),
            Poly::Input => root(assertion.input.root()),
            Poly::Output => root(assertion.output.root()),
        };
        self.relation().spaces.iter().map(of).collect()
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

/// Checks that integers of so many samples are those of ports. `error` gets the number of the first that is not, what is expected, and
/// what is there.
fn check_ports(
    ports: &[Port],
    samples: usize,
    integers: &[Vec<i64>],
    error: impl Fn(usize, usize, usize) -> VerifyError,
) -> Result<(), VerifyError> {
    let expected = ports.len();
    if integers.len() != expected {
        return Err(error(expected, expected, integers.len()));
    }
    let mut pairs = ports.iter().zip(integers).enumerate();
    match pairs.find(|(_, (port, integers))| !port.admits(samples, integers)) {
        Some((number, (port, integers))) => Err(error(number, port.len.saturating_mul(samples), integers.len())),
        None => Ok(()),
    }
}

/// Checks that as much is shown as a key says.
///
/// # Errors
/// [`VerifyError::Shown`].
pub fn check_shown(what: &'static str, expected: Disclosure, got: Disclosure) -> Result<(), VerifyError> {
    if expected == got { Ok(()) } else { Err(VerifyError::Shown { what, expected: expected.name(), got: got.name() }) }
}

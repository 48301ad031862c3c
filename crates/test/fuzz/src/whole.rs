//! Whole programs: a stranger's program becomes a key, an honest run of it a proof, and the proof is verified. The oracle is the meter: with
//! the feature `meter`, what was done is held against what the key said beforehand.

use ciro_auditor::statement::STATEMENT_BYTES_MAX;
use ciro_auditor::{AuditedModel, ProofContext, Weights};
use ciro_graph::{Disclosure, Model, check_model};
use ciro_prover::{ProvingKey, Seed, prove_hiding};
use ciro_relation::{Cost, Limits};
use ciro_test_models::random::{self, Draw, Magnitude};
use ciro_types::{Hash32, decode, encode};

/// A twentieth of a second: enough for every operator, and proofs stay cheap.
const LIMITS: Limits = Limits::LEDGER;

/// Random programs to start from. Every operator is in some of them.
const SEEDS: u64 = 48;

/// What `f` returns, and the work that it took; none is counted without the feature.
fn metered<T>(f: impl FnOnce() -> T) -> (T, Cost) {
    let _ = taken();
    let result = f();
    (result, taken())
}

#[cfg(feature = "meter")]
fn taken() -> Cost {
    ciro_transcript::meter::take()
}

#[cfg(not(feature = "meter"))]
const fn taken() -> Cost {
    Cost::ZERO
}

fn assert_within(done: Cost, said: Cost) {
    assert!(done.field_ops <= said.field_ops && done.hash_bytes <= said.hash_bytes, "{done:?} of {said:?}");
}

/// Models by a stranger, each with the number that draws its input.
#[must_use]
pub fn models() -> Vec<Vec<u8>> {
    let random = (0..SEEDS).map(|seed| encode(&(random::model(seed, Magnitude::Small), seed)));
    random.collect()
}

/// A model by a stranger, built, run, proven and verified.
///
/// # Panics
/// If building the key or verifying takes more than the key says. Also if an honest proof is refused, or if damaged ones are accepted.
pub fn whole(bytes: &[u8]) {
    let Ok((model, number)) = decode::<(Model, u64)>(bytes, STATEMENT_BYTES_MAX) else { return };
    let (program, weights) = (encode(&model.program), weights(&model));
    let (built, building) = metered(|| AuditedModel::of_within(&program, &weights, &LIMITS));
    let Ok(key) = built else { return };
    assert_within(building, key.cost());
    if check_model(&model).is_err() {
        return;
    }
    let Some(input) = random::input(&model, &mut Draw::new(number)) else { return };
    let Ok(proving) = ProvingKey::new(model) else { return };
    let seed = Seed::new([7; 32]);
    let Ok(made) = prove_hiding(&proving, &input, &ProofContext::default(), &seed) else { return };
    // The weights' root is known only now.
    let (program, weights) = (proving.program().to_vec(), proving.weights());
    let verified = metered(|| {
        let key = AuditedModel::of_within(&program, &weights, &LIMITS)?;
        key.verify(&made.statement, &made.bytes).map(|_| key.cost())
    });
    match verified {
        (Ok(said), done) => assert_within(done, said),
        (Err(e), _) => panic!("an honest proof is refused: {e}"),
    }
    damaged(&program, &weights, (&made.statement, made.bytes), number);
}

/// A proof of which one byte is another is refused, and refusing it costs no more.
fn damaged(
    program: &[u8],
    weights: &Weights,
    (statement, mut proof): (&ciro_auditor::Statement, Vec<u8>),
    number: u64,
) {
    let Ok(key) = AuditedModel::of_within(program, weights, &LIMITS) else { return };
    let len = u64::try_from(proof.len()).unwrap_or(1).max(1);
    if let Some(byte) = usize::try_from(number % len).ok().and_then(|at| proof.get_mut(at)) {
        *byte ^= 1;
    }
    let (verified, done) = metered(|| key.verify(statement, &proof));
    assert!(verified.is_err(), "a damaged proof is accepted");
    assert_within(done, key.cost());
}

/// What stands for a model's weights before anything is committed to.
fn weights(model: &Model) -> Weights {
    match model.program.visibility.weights {
        Disclosure::Public => Weights::Public(encode(&model.weights)),
        Disclosure::Committed | Disclosure::Private => Weights::Committed(Hash32::ZERO),
    }
}

//! Samples of a batch shown one by one: each verifies without the others, and nothing else does in its place.

use crate::common::{Case, SEED, cases};
use ciro_auditor::{AuditError, Phase, ProofContext, Sample, VerifyError};
use ciro_graph::Disclosure::{Committed, Public};
use ciro_prover::{BatchProof, ProvingKey, Seed, prove_batch};
use ciro_types::JobId;

struct Shown {
    case: Case,
    batch: BatchProof,
    /// Each sample and its opening.
    samples: Vec<(Sample, Vec<u8>)>,
}

impl Shown {
    fn of(case: Case) -> Self {
        let batch = prove_batch(&case.key, &case.input, &ProofContext::default(), &SEED).expect("the model runs");
        assert_eq!(batch.proof.bytes, case.proof.bytes, "{}", case.name);
        let open = |i| batch.open_sample(&case.key, i).expect("a sample");
        let samples = (0..case.model.program.batch).map(open).collect();
        Self { case, batch, samples }
    }

    fn verdict(&self, sample: &Sample, opening: &[u8]) -> Result<(), AuditError> {
        let key = self.case.key.verifying();
        key.verify_sample(&self.case.statement, &self.case.proof.bytes, sample, opening).map(|verified| {
            assert_eq!((verified.model, verified.batch), (key.model(), self.case.model.program.batch));
        })
    }

    fn rejected(&self, sample: &Sample, opening: &[u8]) -> Phase {
        self.verdict(sample, opening).expect_err("an opening that was not made for this").phase()
    }

    /// What an adversary's opening of a sample that is none meets, made with all the prover's code.
    fn lie(&self, lie: impl FnOnce(&mut Sample)) -> Phase {
        let mut sample = self.samples[1].0.clone();
        lie(&mut sample);
        let opening = self.batch.open_as(&self.case.key, &sample).expect("a sample that the program may have");
        self.rejected(&sample, &opening)
    }
}

/// Every gadget's model on this many samples, which differ, all of it committed.
fn all(samples: u32) -> Vec<Shown> {
    let alone = cases().into_iter().filter(|case| {
        case.model.program.batch == 1 && case.model.program.visibility == ciro_graph::Visibility::default()
    });
    let committed = |case: Case| {
        let name = case.name;
        Shown::of(case.showing(name, Committed, Committed, Committed).batch(name, samples))
    };
    alone.map(committed).collect()
}

fn one() -> Shown {
    all(3).into_iter().find(|shown| shown.case.name == "elementwise").expect("it has labels")
}

#[test]
fn every_sample_verifies_alone() {
    for count in [2, 3, 5] {
        for shown in all(count) {
            let program = &shown.case.model.program;
            for (i, (sample, opening)) in (0..).zip(&shown.samples) {
                assert_eq!(Some(&sample.output), program.output_of(shown.case.output(), i).as_ref());
                shown.verdict(sample, opening).unwrap_or_else(|e| panic!("{} × {count}, {i}: {e}", shown.case.name));
            }
            let total = shown.case.key.verifying().key().sample_budget().total_bits;
            assert!(total >= 100, "{}: {total}", shown.case.name);
        }
    }
}

#[test]
fn an_opening_is_of_one_sample_only() {
    let shown = one();
    let [(first, opening), (second, _), _] = shown.samples.as_slice() else { panic!("three samples") };
    assert_ne!(first, second);
    assert_eq!(shown.rejected(second, opening), Phase::Batch);
    let moved = Sample { index: 2, ..first.clone() };
    assert_eq!(shown.rejected(&moved, opening), Phase::Batch);
}

/// Openings of what is not there, by a prover who follows the protocol in everything else.
#[test]
fn a_sample_that_is_not_in_the_batch_is_rejected() {
    for shown in all(3) {
        let name = shown.case.name;
        let outputs = shown.samples[1].0.output.0.len();
        for k in 0..outputs {
            let phase = shown.lie(|sample| {
                let y = &mut sample.output.0[k][0];
                *y += if *y > 0 { -1 } else { 1 };
            });
            assert_eq!(phase, Phase::Batch, "{name}: output {k}");
        }
        let phase = shown.lie(|sample| {
            // Of a double, the half with sign and exponent.
            let bits = &mut sample.input.0[0].bits[shown.case.model.program.inputs[0].words() - 1];
            let x = f32::from_bits(*bits);
            let other = if x > 0.0 { x - 1.0 } else { x + 1.0 };
            *bits = (if x.is_nan() { 0.25 } else { other }).to_bits();
        });
        assert_eq!(phase, Phase::Batch, "{name}: input");
        if shown.samples[0].0.input != shown.samples[1].0.input {
            assert_eq!(shown.lie(|sample| sample.index = 0), Phase::Batch, "{name}: index");
        }
        // Samples that fill up the batch to a power of two are none.
        let mut beyond = shown.samples[1].0.clone();
        beyond.index = 3;
        let error = shown.batch.open_as(&shown.case.key, &beyond).expect_err("the batch has three");
        assert_eq!(error, AuditError::Proof(VerifyError::Sample { below: 3, got: 3 }));
        assert_eq!(shown.rejected(&beyond, &shown.samples[1].1), Phase::Statement, "{name}");
    }
}

#[test]
fn every_byte_of_an_opening_is_bound() {
    let shown = one();
    let (sample, opening) = &shown.samples[1];
    for at in (0..opening.len()).step_by(opening.len() / 200 + 1) {
        let mut altered = opening.clone();
        altered[at] ^= 1;
        let phase = shown.rejected(sample, &altered);
        assert!([Phase::Batch, Phase::Opening, Phase::Encoding].contains(&phase), "byte {at}: {phase:?}");
    }
    assert_eq!(shown.rejected(sample, &opening[..opening.len() - 1]), Phase::Encoding);
    assert_eq!(shown.rejected(sample, &[opening.as_slice(), &[0]].concat()), Phase::Encoding);
    assert_eq!(shown.rejected(sample, &[]), Phase::Encoding);
}

/// An opening is bound to the proof of the batch. Another proof of the same batch, or one made for something else, has other commitments
/// or another point.
#[test]
fn an_opening_does_not_travel_between_proofs() {
    let shown = one();
    let (sample, opening) = &shown.samples[1];
    let key: &ProvingKey = &shown.case.key;
    let context = ProofContext { job: JobId([1; 32]), ..ProofContext::default() };
    for (seed, context) in [(Seed::new([8; 32]), ProofContext::default()), (SEED, context)] {
        let other = prove_batch(key, &shown.case.input, &context, &seed).expect("the model runs");
        let proof = &other.proof;
        let verify = |opening: &[u8]| key.verifying().verify_sample(&proof.statement, &proof.bytes, sample, opening);
        assert_eq!(verify(opening).expect_err("of another proof").phase(), Phase::Batch);
        let (_, own) = other.open_sample(key, 1).expect("a sample");
        verify(&own).expect("its own opening");
    }
    // Nor does it save a proof that is wrong.
    let mut bytes = shown.case.proof.bytes.clone();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let error = key.verifying().verify_sample(&shown.case.statement, &bytes, sample, opening);
    assert!([Phase::Opening, Phase::Encoding].contains(&error.expect_err("the proof is wrong").phase()));
}

/// What a batch shows anyway, or shows nothing of, has no samples to be opened.
#[test]
fn only_committed_samples_are_opened() {
    let case = one().case;
    let shown = case.showing("shown", Public, Public, Committed);
    let batch = prove_batch(&shown.key, &shown.input, &ProofContext::default(), &SEED).expect("the model runs");
    let error = batch.open_sample(&shown.key, 0).expect_err("nothing is committed");
    assert!(matches!(error, AuditError::Proof(VerifyError::Shown { what: "input", .. })), "{error}");
}

//! Work is counted where it is done. Each challenge that a term of the budget is about follows the work that the term
//! counts. Each challenge has a term.

use crate::common::net::Net;
use crate::common::{Case, SEED, X, cases};
use ciro_auditor::{AuditError, VerifyError};
use ciro_graph::Disclosure::{self, Committed, Public};
use ciro_graph::{Op, Profile, Security};
use ciro_pcs::{PcsError, Term};
use ciro_prover::prove_batch;
use ciro_transcript::{ReadError, Segment, Step, StepKind};
use std::collections::BTreeMap;

/// A challenge, its number among those of its label, and the work that is asked before it.
#[derive(Debug)]
struct Drawn {
    label: &'static str,
    number: usize,
    work: u32,
}

/// The challenges of a proof. `asked` says how many bits the verifier wants of a nonce. Challenges without a message between them are one
/// to the prover: the work before the first is before all.
fn drawn(steps: &[Step], segments: &[Segment], asked: impl Fn(&Segment) -> u32) -> Vec<Drawn> {
    let mut segments = segments.iter();
    let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut drawn, mut work) = (Vec::new(), 0);
    for step in steps {
        match step.kind {
            StepKind::Absorb => work = 0,
            StepKind::Send | StepKind::Open => {
                let segment = segments.next().expect("a message has its segment");
                assert_eq!(segment.label, step.label);
                work = if step.label.ends_with("work") { asked(segment) } else { 0 };
            }
            StepKind::Challenge | StepKind::Positions => {
                let next = numbers.entry(step.label).or_default();
                drawn.push(Drawn { label: step.label, number: *next, work });
                *next += 1;
            }
        }
    }
    drawn
}

/// The bits that the verifier says are missing when a nonce is none.
fn asked(proof: &[u8], segment: &Segment, verify: impl Fn(&[u8]) -> AuditError) -> u32 {
    // A nonce may be good by chance, where little work is asked.
    (1..=u8::MAX)
        .find_map(|change| {
            let mut changed = proof.to_vec();
            changed[segment.start + 5] ^= change;
            match verify(&changed) {
                AuditError::Proof(VerifyError::Read(ReadError::Ungrinded { label, expected }))
                | AuditError::Proof(VerifyError::Opening(PcsError::Read(ReadError::Ungrinded { label, expected }))) => {
                    (label == segment.label).then_some(expected)
                }
                _ => None,
            }
        })
        .expect("a nonce is checked")
}

fn check(name: &str, security: Security, terms: &[Term], drawn: &[Drawn]) {
    let wanted = if security == Security::Bits128 { 134 } else { 106 };
    for draw in drawn {
        let about: Vec<&Term> = terms.iter().filter(|term| term.draws.has(draw.label, draw.number)).collect();
        assert!(!about.is_empty(), "{name}: no term is about {draw:?}");
        for term in about {
            assert!(term.bits.min(term.bits_newer) + draw.work >= wanted, "{name}: {draw:?} {term:?}");
            assert!(draw.work >= term.work, "{name}: {draw:?} {term:?}");
        }
    }
    for term in terms.iter().filter(|term| term.work > 0) {
        let is_drawn = drawn.iter().any(|draw| term.draws.has(draw.label, draw.number));
        assert!(is_drawn, "{name}: {term:?} is about nothing that is drawn");
    }
}

/// Checks a case's proof; returns the labels of its work.
fn check_case(case: &Case) -> Vec<&'static str> {
    let (key, proof) = (case.key.verifying(), &case.proof);
    let verify = |bytes: &[u8]| key.verify(&case.statement, bytes).expect_err("another nonce");
    let drawn = drawn(&proof.steps, &proof.segments, |segment| asked(&proof.bytes, segment, verify));
    check(case.name, case.model.program.security, &key.budget().terms, &drawn);
    proof.segments.iter().map(|segment| segment.label).filter(|label| label.ends_with("work")).collect()
}

/// Numbers rounded twice, in polynomials that grow with `len`.
fn rounded(len: u32, security: Security, profile: Profile, shown: Disclosure) -> Case {
    let mut net = Net::new(&[len], 4000, 8);
    let y = net.node(Op::Rescale { x: X, shift: 3 });
    let y = net.node(Op::Mul { a: y, b: X });
    let y = net.node(Op::Rescale { x: y, shift: 5 });
    net.output(y);
    let mut model = net.model();
    (model.program.security, model.program.profile) = (security, profile);
    let x: Vec<f32> = (0..len).map(|i| (i % 4000) as f32).collect();
    Case::new("rounded", model, &x).showing("rounded", shown, shown, Committed)
}

#[test]
fn the_work_of_every_challenge_is_done() {
    let mut labels = Vec::new();
    for case in cases() {
        labels.extend(check_case(&case));
    }
    for (len, shown) in [(1 << 6, Public), (1 << 11, Committed), (1 << 15, Public)] {
        for security in [Security::Bits100, Security::Bits128] {
            for profile in [Profile::Native, Profile::Chain] {
                labels.extend(check_case(&rounded(len, security, profile, shown)));
            }
        }
    }
    labels.sort_unstable();
    labels.dedup();
    assert_eq!(labels, ["batch round work", "batch work", "fold work", "join work", "work"]);
}

#[test]
fn the_work_of_an_opened_sample_is_done() {
    let mut case = cases().into_iter().find(|case| case.name == "batch of three, committed").expect("the case");
    for security in [Security::Bits100, Security::Bits128] {
        case.model.program.security = security;
        let x: Vec<f32> = case.input.0[0].bits.iter().map(|&bits| f32::from_bits(bits)).collect();
        case = Case::new("sample", case.model, &x);
        let batch = prove_batch(&case.key, &case.input, &case.statement.context, &SEED).expect("the model runs");
        let (sample, opening) = batch.open_sample(&case.key, 1).expect("a sample");
        let writer = batch.write_opening(&case.key, &sample).expect("a sample");
        let steps = writer.steps().to_vec();
        let key = case.key.verifying();
        let verified = key.verify_proof(&case.statement, &case.proof.bytes).expect("an honest proof");
        let verify = |bytes: &[u8]| verified.verify_sample(&sample, bytes).expect_err("another nonce");
        let drawn = drawn(&steps, &writer.finish().1, |segment| asked(&opening, segment, verify));
        check(case.name, security, &key.key().sample_terms(), &drawn);
    }
}

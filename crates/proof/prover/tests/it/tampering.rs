//! The soundness gate: whatever is changed, a named phase rejects it, and nothing panics.

use crate::common::{Case, blocks, cases};
use ciro_auditor::{AuditError, Phase, ProofContext, Statement, VerifyError};
use ciro_graph::Disclosure;
use ciro_prover::commitments::Commitments;
use ciro_prover::{Proof, ProvingKey, Witness, prove_witness};
use ciro_relation::{ColId, Poly, Source};
use ciro_transcript::{E, F};
use ciro_types::{AccountId, ChainId, JobId};
use ciro_verifier::layout::Evaluations;
use p3_field::PrimeCharacteristicRing;
use std::collections::BTreeMap;

fn reject(case: &Case, statement: &Statement, proof: &[u8]) -> Phase {
    let error: AuditError = case.key.verifying().verify(statement, proof).expect_err("a tampered proof was accepted");
    error.phase()
}

fn phases_of(case: &Case, proofs: impl Iterator<Item = Vec<u8>>) -> BTreeMap<Phase, usize> {
    let mut phases = BTreeMap::new();
    for proof in proofs {
        *phases.entry(reject(case, &case.statement, &proof)).or_insert(0) += 1;
    }
    phases
}

/// Columns that the prover commits to: blocks are covered by their slices, padding of blocks apart.
fn witness_columns(key: &ProvingKey) -> Vec<ColId> {
    let relation = key.verifying().relation();
    let is_made = |i: &usize| relation.window(ColId(*i)).is_some_and(|window| window.poly != Poly::Model);
    (0..relation.columns.len()).filter(is_made).map(ColId).collect()
}

/// A proof of what the witness holds: of hidden values the statement has the witness's own commitments.
fn prove_with(case: &Case, witness: &Witness) -> Proof {
    let visibility = &case.model.program.visibility;
    let commitments = Commitments::new(&case.key, witness);
    let statement = commitments.statement(visibility, &case.input, case.output(), &case.statement.context);
    prove_witness(&case.key, &statement, witness)
}

/// Every cell of every committed column, multiplicities and padding included, changed by one: the honest prover's code, run on
/// it, does not convince.
#[test]
fn every_witness_cell_is_pinned() {
    for case in cases() {
        let mut rejected = BTreeMap::new();
        for col in witness_columns(&case.key) {
            let name = case.key.verifying().relation().columns[col.0].name;
            for row in 0..case.witness.column(col).len() {
                let mut witness = case.witness.clone();
                witness.column_mut(col)[row] += F::ONE;
                witness.align(case.key.verifying().relation(), col);
                let proof = prove_with(&case, &witness);
                let verdict = case.key.verifying().verify(&proof.statement, &proof.bytes);
                let error = verdict.expect_err(&format!("{}: cell {row} of {name} is free", case.name));
                let phase = error.phase();
                let expected = [Phase::Lookup, Phase::Constraints, Phase::Products];
                assert!(expected.contains(&phase), "{}: cell {row} of {name} rejected by {phase:?}", case.name);
                *rejected.entry(phase).or_insert(0) += 1;
            }
        }
        assert!(rejected.values().sum::<usize>() > 0, "{} has no witness", case.name);
    }
}

/// Every weight and every row of every table: a prover with another value under the same identity fails, whether the inference
/// reads it or not.
#[test]
fn other_weights_are_rejected() {
    for case in cases() {
        for constant in 0..case.model.weights.len() {
            for cell in 0..case.model.weights[constant].len() {
                let mut model = case.model.clone();
                model.weights[constant][cell] += 1;
                let other = match ProvingKey::new(model) {
                    Ok(other) => other,
                    // Of public weights the verifier checks that the program's intervals hold.
                    Err(error) => {
                        assert_eq!(case.model.program.visibility.weights, Disclosure::Public, "{error}");
                        continue;
                    }
                };
                let place = format!("{}: constant {constant}, cell {cell}", case.name);
                assert_ne!(other.model_id(), case.key.model_id(), "{place} is not part of the identity");
                let proof = prove_witness(&other, &case.statement, &case.witness);
                reject(&case, &case.statement, &proof.bytes);
            }
        }
    }
}

/// As above, for weights that lie in blocks: one in each.
#[test]
fn other_weights_in_blocks_are_rejected() {
    for case in [blocks::linear(), blocks::convolution(), blocks::embedding()] {
        let relation = case.key.verifying().relation();
        let cut = relation.cuts.iter().find(|cut| cut.poly == Poly::Model);
        let cut = cut.unwrap_or_else(|| panic!("{}: the weights lie in blocks", case.name));
        let len = case.model.weights[0].len();
        for cell in (0..len).step_by(len / (2 * cut.blocks.count())) {
            let mut model = case.model.clone();
            model.weights[0][cell] += 1;
            let other = ProvingKey::new(model).expect("the shape is the same");
            assert_ne!(other.model_id(), case.key.model_id(), "{}: cell {cell} is not part of the identity", case.name);
            let proof = prove_witness(&other, &case.statement, &case.witness);
            reject(&case, &case.statement, &proof.bytes);
        }
    }
}

/// Every message of the proof, each of its first and last bytes and one in the middle, changed.
#[test]
fn every_message_is_bound() {
    for case in cases() {
        for segment in &case.proof.segments {
            if segment.start == segment.end {
                continue;
            }
            for at in [segment.start, (segment.start + segment.end) / 2, segment.end - 1] {
                let mut proof = case.proof.bytes.clone();
                // Not the lowest bit: a column that is one bit everywhere might be the other one.
                proof[at] ^= 2;
                let phase = reject(&case, &case.statement, &proof);
                let expected = expected_phases(segment.label);
                assert!(expected.contains(&phase), "{}: {} rejected by {phase:?}", case.name, segment.label);
            }
        }
    }
}

/// The tamper manifest: which phases may reject a change of which message. `Encoding` everywhere, because a changed byte can leave
/// the field; the phase after, because a changed message changes the challenges that follow.
fn expected_phases(label: &str) -> Vec<Phase> {
    let own: &[Phase] = match label {
        "witness root" => &[Phase::Lookup, Phase::Constraints],
        "lookup root" | "lookup rounds" | "lookup children" | "lookup columns" => &[Phase::Lookup],
        "constraint rounds" | "constraint columns" => &[Phase::Constraints],
        "product rounds" | "product operands" => &[Phase::Products],
        "gather rounds" | "gather sources" => &[Phase::Gathers],
        "samples" => &[Phase::Lookup, Phase::Constraints],
        "batch work" | "batch rounds" | "batch round work" | "opened values" => &[Phase::Batch],
        "tail root" | "out-of-domain" | "fold" | "final polynomial" | "rows" | "salts" | "paths" => &[Phase::Opening],
        "join work" | "work" => &[Phase::Opening],
        other => panic!("message {other:?} is not in the manifest"),
    };
    own.iter().copied().chain([Phase::Encoding]).collect()
}

/// The phases of a lookup proof stand on their own: what is wrong in a layer is found there and not below.
#[test]
fn each_layer_of_the_lookups_is_checked() {
    for case in cases() {
        let error = |proof: &[u8]| case.key.verifying().verify(&case.statement, proof).expect_err("tampered");
        for segment in case.proof.segments.iter().filter(|s| s.label == "lookup rounds") {
            let mut proof = case.proof.bytes.clone();
            proof[segment.start] ^= 1;
            let error = error(&proof);
            let own = matches!(
                error,
                AuditError::Proof(VerifyError::LookupLayer { .. }) | AuditError::Proof(VerifyError::Read(_))
            );
            assert!(own, "{}: {error}", case.name);
        }
        // A root whose fractions are 0/0 sums to zero, and shows nothing.
        let root = case.proof.segments.iter().find(|s| s.label == "lookup root").expect("every case looks up");
        let mut proof = case.proof.bytes.clone();
        proof[root.start..root.end].fill(0);
        assert_eq!(error(&proof), AuditError::Proof(VerifyError::LookupSum), "{}", case.name);
    }
}

#[test]
fn truncated_extended_and_reordered_proofs_are_rejected() {
    for case in cases() {
        let bytes = &case.proof.bytes;
        let cuts = (0..bytes.len()).step_by(bytes.len() / 97 + 1).map(|n| bytes[..n].to_vec());
        assert_eq!(phases_of(&case, cuts).into_keys().collect::<Vec<_>>(), [Phase::Encoding]);
        let longer = [bytes.clone(), vec![0]].concat();
        assert_eq!(reject(&case, &case.statement, &longer), Phase::Encoding);
        for pair in case.proof.segments.windows(2) {
            let (a, b) = (&bytes[pair[0].start..pair[0].end], &bytes[pair[1].start..pair[1].end]);
            let swapped = [&bytes[..pair[0].start], b, a, &bytes[pair[1].end..]].concat();
            if swapped == *bytes {
                continue;
            }
            reject(&case, &case.statement, &swapped);
        }
    }
}

#[test]
fn every_public_value_is_bound() {
    for case in cases() {
        let proof = &case.proof.bytes;
        let shown = case.statement.input.public().into_iter().flat_map(|input| &input.0);
        for (k, tensor) in shown.enumerate() {
            for i in 0..tensor.bits.len() {
                let mut input = case.input.clone();
                input.0[k].bits[i] ^= 1 << 23;
                reject(&case, &case.stating(input, case.output().clone()), proof);
            }
        }
        let shown = case.statement.output.public().into_iter().flat_map(|output| &output.0);
        for (k, values) in shown.enumerate() {
            for i in 0..values.len() {
                for delta in [1, -1, 0x7f00_0001] {
                    let mut output = case.output().clone();
                    output.0[k][i] += delta;
                    reject(&case, &case.stating(case.input.clone(), output), proof);
                }
            }
        }
        let mut contexts = [case.statement.context; 3];
        contexts[0].chain = ChainId([1; 32]);
        contexts[1].job = JobId([1; 32]);
        contexts[2].worker = AccountId([1; 32]);
        for context in contexts {
            reject(&case, &Statement { context, ..case.statement.clone() }, proof);
        }
    }
}

/// A wrong output with a witness to match: the honest prover's code proves the lie, and the relation catches it.
#[test]
fn a_lie_about_the_output_is_rejected_even_with_a_fresh_proof() {
    for case in cases() {
        let shown = case.statement.output.public().into_iter().flat_map(|output| &output.0);
        for (k, values) in shown.enumerate() {
            for i in 0..values.len() {
                let mut output = case.output().clone();
                output.0[k][i] ^= 1;
                let s = case.stating(case.input.clone(), output);
                let Ok(instance) = case.key.verifying().instance(&s) else { continue };
                let witness = Witness::fill(&case.key, &instance, &case.execution);
                let proof = prove_witness(&case.key, &s, &witness);
                let phase = reject(&case, &s, &proof.bytes);
                assert!([Phase::Lookup, Phase::Constraints].contains(&phase), "{}: {phase:?}", case.name);
            }
        }
    }
}

/// A proof of one model is no proof of another of the same shape, nor for another context.
#[test]
fn proofs_do_not_travel_between_models_or_contexts() {
    for case in cases() {
        let mut model = case.model.clone();
        model.program.name.push('x');
        let other = ProvingKey::new(model).expect("only the name differs");
        assert!(other.verifying().verify(&case.statement, &case.proof.bytes).is_err());
        let context = ProofContext { job: JobId([9; 32]), ..case.statement.context };
        let stolen = Statement { context, ..case.statement.clone() };
        reject(&case, &stolen, &case.proof.bytes);
    }
}

/// The budget of every case meets the target that its proofs claim.
#[test]
fn the_budget_meets_the_claimed_security() {
    for case in cases() {
        let key = case.key.verifying();
        let budget = key.budget();
        assert!(budget.total_bits >= key.params().security.bits(), "{}: {budget:?}", case.name);
    }
}

/// A claim that its phase does not take must not vanish: the batch phase takes claims on commitments only.
#[test]
fn a_claim_that_no_phase_took_is_noticed() {
    let case = crate::common::net::convolution();
    let relation = case.key.verifying().relation();
    for (i, column) in relation.columns.iter().enumerate() {
        let point = vec![E::ONE; column.log_len as usize];
        let mut claims = Evaluations::default();
        claims.claim(relation, ColId(i), point, E::ZERO);
        let waits = matches!(column.source, Source::Product(_) | Source::Gather(_));
        if waits {
            assert!(claims.into_committed().is_none(), "{}", column.name);
        }
    }
}

//! Batches: one proof of many samples answers what their own executions answer, and no sample lies or speaks for another.

use crate::common::liar::{Liar, Weights, impostor};
use crate::common::net::Net;
use crate::common::{Case, Sketch, X, cases, forest_model};
use ciro_auditor::{AuditError, Phase, Statement};
use ciro_execution::execute;
use ciro_graph::{Op, OutputKind, RawInput};

/// The samples of a batch, as plain programs take them.
fn samples(case: &Case) -> Vec<RawInput> {
    let program = &case.model.program;
    (0..program.batch).map(|i| program.input_of(&case.input, i).expect("a sample")).collect()
}

#[test]
fn a_batch_answers_what_each_sample_does_alone() {
    for case in cases().into_iter().filter(|case| case.model.program.batch == 1) {
        for count in [2, 3, 8] {
            let batch = case.batch(case.name, count);
            let program = &batch.model.program;
            assert_eq!(program.join(&samples(&batch)).as_ref(), Some(&batch.input));
            for (i, sample) in (0..).zip(samples(&batch)) {
                let alone = execute(&case.model, &sample).expect("it runs alone").outputs(&case.model.program);
                assert_eq!(program.output_of(batch.output(), i), Some(alone), "{} × {count}: {i}", case.name);
            }
            let total = batch.key.verifying().budget().total_bits;
            assert!(total >= 100, "{} × {count}: {total}", case.name);
        }
    }
}

/// Scores of three samples and their labels, all of them different.
fn scores() -> Case {
    let case = scores_of(3);
    assert!(case.output().0[1].windows(2).all(|pair| pair[0] != pair[1]), "labels differ");
    case
}

fn scores_of(samples: u32) -> Case {
    let mut s = Sketch::new(3);
    let weight = s.constant((0..15).map(|i| if i / 5 == i % 5 { 3 } else { i % 2 }).collect());
    let y = s.node(Op::Linear { x: X, weight, bias: None }, 5, -132_000, 132_000);
    let y = s.node(Op::Rescale { x: y, shift: 3 }, 5, -16_500, 16_500);
    let l = s.node(Op::ArgMax { x: y }, 1, 0, 4);
    s.output(y, 5);
    s.reveal(l, 1, OutputKind::IntLabel { labels: (0..5).collect() });
    let model = s.model();
    Case::new("scores", model, &[100.0, -200.0, 300.0]).batch("scores", samples)
}

fn rejected(case: &Case, statement: &Statement) -> AuditError {
    case.key.verifying().verify(statement, &case.proof.bytes).expect_err("another statement was proven")
}

/// Puts the first two of three runs of elements into each other's place.
fn swap<T>(all: &mut [T]) {
    let len = all.len() / 3;
    let (first, rest) = all.split_at_mut(len);
    first.swap_with_slice(&mut rest[..len]);
}

#[test]
fn samples_cannot_change_places() {
    let case = scores();
    let changed = |inputs: bool, outputs: bool| {
        let (mut input, mut output) = (case.input.clone(), case.output().clone());
        if inputs {
            swap(&mut input.0[0].bits);
        }
        if outputs {
            output.0.iter_mut().for_each(|y| swap(y));
        }
        let statement = case.stating(input, output);
        assert_ne!(statement, case.statement);
        rejected(&case, &statement).phase()
    };
    assert_eq!(changed(true, false), Phase::Lookup);
    assert_eq!(changed(false, true), Phase::Lookup);
    // A true statement, of which this is not the proof.
    assert_eq!(changed(true, true), Phase::Lookup);
}

#[test]
fn a_statement_has_the_samples_of_its_batch() {
    let case = scores();
    let mut input = case.input.clone();
    input.0[0].shape[0] = 2;
    input.0[0].bits.truncate(6);
    assert_eq!(rejected(&case, &case.stating(input, case.output().clone())).phase(), Phase::Statement);
    let mut output = case.output().clone();
    output.0[1].truncate(2);
    assert_eq!(rejected(&case, &case.stating(case.input.clone(), output)).phase(), Phase::Statement);
    let of_another = scores_of(4);
    assert_ne!(of_another.key.model_id(), case.key.model_id());
    assert_eq!(rejected(&case, &of_another.statement).phase(), Phase::Statement);
}

/// One sample lies and the others tell the truth; what rejects it is what rejects a lie told alone.
#[test]
fn one_sample_that_lies_is_caught() {
    let case = scores();
    let (sums, rounded) = (ciro_graph::ValueId(1), ciro_graph::ValueId(2));
    for sample in 0..3 {
        let lie = Liar::about(&case).value(sums, |v| v[sample * 5 + 1] += 8);
        assert_eq!(lie.caught(&case), Phase::Products, "{sample}");
        let lie = Liar::about(&case).value(rounded, |v| v[sample * 5 + 1] += 1);
        assert_eq!(lie.caught(&case), Phase::Lookup, "{sample}");
        let label = ciro_graph::ValueId(3);
        let lie = Liar::about(&case).value(label, |v| v[sample] = (v[sample] + 1) % 5);
        assert_eq!(lie.caught(&case), Phase::Lookup, "{sample}");
    }
}

/// What one sample has right is no excuse for another: its label, its largest, its divisor, its features.
#[test]
fn a_sample_cannot_use_what_belongs_to_another() {
    let case = scores();
    let labels = case.output().0[1].clone();
    let lie = Liar::about(&case).value(ciro_graph::ValueId(3), |v| v[0] = labels[1]);
    assert_eq!(lie.caught(&case), Phase::Lookup);

    let mut net = Net::new(&[1, 3], 50, 8);
    let m = net.node(Op::Max { x: X });
    net.output(m);
    let case = net.case("largest", |i| [3, 9, 4][i as usize]).batch("largest", 3);
    // All three samples have the same largest element; a larger one would have to be chosen somewhere.
    assert_eq!(case.output().0[0], [9, 9, 9]);
    let lie = Liar::about(&case).cells("max", 0, |c| c[1] = 10).value(m, |v| v[1] = 10);
    assert_eq!(lie.caught(&case), Phase::Constraints);
    // Chosen twice in one sample, and not at all in the next.
    let lie = Liar::about(&case)
        .cells("max", 0, |c| c[1] = 10)
        .cells("chosen", 0, |c| c[4..8].copy_from_slice(&[0; 4]))
        .value(m, |v| v[1] = 10);
    assert_eq!(lie.caught(&case), Phase::Constraints);
}

/// The features of a sample are looked up by its number: those of the next sample are in the table too, and do not serve.
#[test]
fn a_tree_walks_on_the_features_of_its_own_sample() {
    let case = Case::new("forest", forest_model(1, false), &[0.25, 3.5]).batch("forest", 3);
    // Samples 0 and 2 are equal, 1 has the two features the other way round: the first tree goes another way.
    let halves = |value: f32| {
        let image = i64::from(ciro_graph::ingest::ordered(value.to_bits()));
        (image >> 16, image & 0xffff)
    };
    let (own, other) = (halves(0.25), halves(3.5));
    let lie = Liar::about(&case)
        .cells("value high", 0, |c| {
            assert_eq!(c[0], own.0);
            c[0] = other.0;
        })
        .cells("value low", 0, |c| {
            assert_eq!(c[0], own.1);
            c[0] = other.1;
        });
    assert_eq!(lie.caught_by_the_way(), Phase::Lookup);
}

/// Three samples fill three quarters of the rows; the fourth counts nowhere.
#[test]
fn padding_samples_count_nowhere() {
    let case = scores();
    for name in ["rescaled", "top score"] {
        let lie = Liar::about(&case).cells(name, 0, |c| {
            let last = c.len() - 1;
            c[last] = 1;
        });
        let phase = lie.caught_by_the_way();
        assert!([Phase::Lookup, Phase::Constraints].contains(&phase), "{name}: {phase:?}");
    }
}

/// A model that differs in one weight answers differently for all samples, and for none of them under the honest identity.
#[test]
fn other_weights_are_no_excuse_for_any_sample() {
    let case = scores();
    let phase = impostor(&case, Weights::Lied, |model| model.weights[0][4] += 2);
    assert!([Phase::Batch, Phase::Opening].contains(&phase), "{phase:?}");
    let phase = impostor(&case, Weights::Committed, |model| model.weights[0][4] += 2);
    assert_eq!(phase, Phase::Products);
}

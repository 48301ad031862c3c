//! Hidden inputs, outputs and public weights: what a prover could try who need not show them.

use crate::common::liar::Liar;
use crate::common::net::{Net, mixed};
use crate::common::{Case, SEED, Sketch, X, cases, forest_model};
use ciro_auditor::{
    AuditError, AuditedModel, Claim, Part, Phase, ProofContext, Shown, Statement, VerifyError, Weights, verify,
};
use ciro_graph::Disclosure::{self, Committed, Private, Public};
use ciro_graph::ingest::{ORDERED_MAX, ORDERED_MIN};
use ciro_graph::{Ingest, Op, OutputKind, RawInput, RawTensor, ValueId};
use ciro_prover::commitments::Commitments;
use ciro_prover::reveal::{root, salts_of};
use ciro_prover::{ProveError, ProvingKey, Seed, Witness, prove, prove_as, prove_hiding, prove_witness};
use ciro_types::{Hash32, encode};

const Y: ValueId = ValueId(1);

/// y = max(x, 0) for x from −5 to 9, nothing shown.
fn relu(input: Disclosure, output: Disclosure) -> Case {
    let mut net = Net::within(&[3], -5, 9, 4);
    let y = net.node(Op::Relu { x: X });
    net.output(y);
    net.case("relu", |i| 4 * i - 4).showing("relu", input, output, Committed)
}

fn forest(missing: bool, input: Disclosure) -> Case {
    let x = if missing { [0.25, f32::NAN] } else { [0.25, 3.5] };
    Case::new("forest", forest_model(1, missing), &x).showing("forest", input, Public, Committed)
}

/// The first largest of four scores, its number hidden.
fn label(scores: [f32; 4]) -> Case {
    let mut s = Sketch::new(4);
    s.program.inputs[0].ingest = Ingest::Fixed { exponents: vec![0], lo: -50, hi: 50 };
    let l = s.node(Op::ArgMax { x: X }, 1, 0, 3);
    s.reveal(l, 1, OutputKind::IntLabel { labels: vec![0, 1, 2, 3] });
    Case::new("label", s.model(), &scores).showing("label", Public, Committed, Committed)
}

fn hidden() -> Vec<Case> {
    cases().into_iter().filter(|case| case.model.program.visibility.hides_values()).collect()
}

/// The integers of a case's input and output.
fn integers(case: &Case) -> [Vec<Vec<i64>>; 2] {
    [case.execution.values[..case.model.program.inputs.len()].to_vec(), case.output().0.clone()]
}

/// Neither the gadget that reads the input nor the hidden output tells: only the input's own range does.
#[test]
fn an_input_outside_its_interval_is_rejected() {
    for (shown, output) in [(Committed, Committed), (Private, Private), (Private, Committed)] {
        let case = relu(shown, output);
        let sees = |x: i64| Liar::about(&case).only_value(X, |v| v[0] = x).only_value(Y, |y| y[0] = x.max(0));
        for inside in [9, 0, -5] {
            sees(inside).verdict().expect("another input of the model");
        }
        for outside in [10, 13, -6, -9] {
            assert_eq!(sees(outside).caught_by_the_way(), Phase::Lookup, "{outside}");
        }
        let padding = Liar::about(&case).cells("input", 0, |c| c[3] = 1).caught_by_the_way();
        assert!([Phase::Lookup, Phase::Constraints].contains(&padding), "{padding:?}");
    }
}

/// A hidden scaled input is an integer of its interval, and no more is claimed: float32 does not have 2²⁴ + 1.
#[test]
fn a_hidden_input_is_an_integer_of_its_interval_be_it_a_float_or_not() {
    let mut net = Net::within(&[1], 0, 1 << 25, 4);
    let y = net.node(Op::Scale { x: X, factor: 3 });
    net.output(y);
    let case = net.case("scale", |_| 5).showing("scale", Private, Committed, Committed);
    let (most, input) = (1 << 25, &case.model.program.inputs[0]);
    let sees = |x: i64| Liar::about(&case).only_value(X, |v| v[0] = x).only_value(Y, |y| y[0] = 3 * x);
    let odd = (1 << 24) + 1;
    assert!(input.accepts(&[odd]) && i64::from(odd as f32 as i32) != odd);
    for inside in [0, odd, most] {
        sees(inside).verdict().expect("an integer of the interval");
    }
    for outside in [-1, most + 1] {
        assert!(!input.accepts(&[outside]));
        assert_eq!(sees(outside).caught_by_the_way(), Phase::Lookup, "{outside}");
    }
}

/// Everything follows from the image: walks of these trees compare it as they would a number's.
#[test]
fn an_image_of_no_number_is_rejected() {
    for (shown, missing) in [(Committed, false), (Private, false), (Committed, true), (Private, true)] {
        let case = forest(missing, shown);
        let sees = |image: u32| {
            let copies: &[usize] = if missing { &[1, 3] } else { &[1] };
            Liar::about(&case).sees(|x| copies.iter().for_each(|&at| x[at] = i64::from(image)))
        };
        let ends = [ORDERED_MAX, ORDERED_MAX - 0xffff, ORDERED_MIN, ORDERED_MIN + 1];
        for image in ends.into_iter().chain((1 << 31) - 2..=(1 << 31) + 2) {
            assert!(case.model.program.inputs[0].numbers(&[i64::from(image); 4]).iter().all(|number| number != "NaN"));
            sees(image).verdict().expect("this is the image of a number");
        }
        for image in [ORDERED_MAX + 1, ORDERED_MAX + 0x10000, u32::MAX, ORDERED_MIN - 1, ORDERED_MIN - 0x10000, 1] {
            assert_eq!(sees(image).caught_by_the_way(), Phase::Lookup, "{image:x} {missing}");
        }
    }
}

#[test]
fn a_missing_value_is_missing_in_both_copies() {
    let case = forest(true, Committed);
    // A number that counts as missing, and a missing value that does not.
    let number = Liar::about(&case).cells("missing", 0, |c| c[0] = 1);
    assert!([Phase::Constraints, Phase::Lookup].contains(&number.caught_by_the_way()));
    let present = Liar::about(&case).cells("missing", 0, |c| c[1] = 0);
    assert!([Phase::Constraints, Phase::Lookup].contains(&present.caught_by_the_way()));
    // Half missing: the second copy lies between.
    let half = Liar::about(&case).cells("missing", 0, |c| c[1] = 0x3f80_0001);
    assert!([Phase::Constraints, Phase::Lookup].contains(&half.caught_by_the_way()));
    let second = Liar::about(&case).cells("second copy", 0, |c| c[1] = 7);
    assert!([Phase::Constraints, Phase::Lookup].contains(&second.caught_by_the_way()));
}

#[test]
fn a_label_that_is_not_the_first_maximum_is_rejected() {
    let case = label([3.0, 7.0, -2.0, 7.0]);
    assert_eq!(case.output().0, [[1]]);
    for other in [0, 2, 3] {
        assert_eq!(Liar::about(&case).only_value(Y, |y| y[0] = other).caught(&case), Phase::Lookup, "{other}");
    }
    // No row, two rows, and two rows that are one together.
    let chosen = |cells: [i64; 4], number: i64| {
        let lie = Liar::about(&case).cells("is label", 0, move |c| c.copy_from_slice(&cells));
        lie.only_value(Y, |y| y[0] = number).caught_by_the_way()
    };
    for (cells, number) in [([0, 0, 0, 0], 0), ([0, 1, 0, 1], 4), ([0, 2, 0, -1], -1), ([0, -1, 0, 2], 5)] {
        assert!([Phase::Lookup, Phase::Constraints].contains(&chosen(cells, number)), "{cells:?}");
    }
    // The right row under another number, and a row before that counts as one behind.
    assert_eq!(Liar::about(&case).cells("label", 0, |c| c[0] = 3).caught_by_the_way(), Phase::Constraints);
    let behind = Liar::about(&case).only_value(Y, |y| y[0] = 3).cells("before label", 0, |c| c[1] = 0);
    assert!([Phase::Lookup, Phase::Constraints].contains(&behind.caught(&case)));
}

#[test]
fn the_row_that_is_picked_is_the_one_that_is_hidden() {
    let mut net = Net::within(&[6], 0, 4, 4);
    let table = net.constant(&[5, 3], mixed);
    let y = net.node(Op::Embed { ids: X, table });
    net.output(y);
    let case = net.case("embedding", |i| (i * 3) % 5).showing("embedding", Private, Public, Committed);
    let picked = |cells: [i64; 5]| {
        Liar::about(&case).cells("picked", 0, move |c| c[8..13].copy_from_slice(&cells)).caught_by_the_way()
    };
    // The second position holds three: another row, none, and rows that make one together.
    for cells in [[0, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, -1, 1, 1], [0, 0, 0, 2, 0]] {
        assert!([Phase::Constraints, Phase::Products].contains(&picked(cells)), "{cells:?}");
    }
}

/// A statement with the roots of one execution and the proof of another.
#[test]
fn another_value_than_the_committed_one_is_rejected() {
    let case = relu(Committed, Committed);
    let other =
        RawInput(vec![RawTensor { bits: [1.0f32, 2.0, 3.0].map(f32::to_bits).to_vec(), ..case.input.0[0].clone() }]);
    let proof = prove_hiding(&case.key, &other, &ProofContext::default(), &SEED).expect("the model runs");
    let execution = ciro_execution::execute(&case.model, &other).expect("the model runs");
    let witness = Witness::fill(&case.key, &Default::default(), &execution).salted(&SEED);
    for statement in [
        Statement { input: case.statement.input.clone(), ..proof.statement.clone() },
        Statement { output: case.statement.output.clone(), ..proof.statement.clone() },
    ] {
        let verdict = |proof: &[u8]| case.key.verifying().verify(&statement, proof).expect_err("another value").phase();
        assert_eq!(verdict(&proof.bytes), Phase::Lookup);
        // Proven anew for that statement.
        assert_eq!(verdict(&prove_witness(&case.key, &statement, &witness).bytes), Phase::Opening);
    }
}

#[test]
fn another_root_is_rejected() {
    for case in hidden() {
        let reject = |statement: &Statement| {
            let stale = case.key.verifying().verify(statement, &case.proof.bytes).expect_err("a stale proof").phase();
            assert!([Phase::Lookup, Phase::Constraints].contains(&stale), "{}: {stale:?}", case.name);
            let fresh = prove_witness(&case.key, statement, &case.witness);
            let fresh = case.key.verifying().verify(statement, &fresh.bytes).expect_err("a fresh proof").phase();
            assert_eq!(fresh, Phase::Opening, "{}", case.name);
        };
        let (input, output) = (case.statement.input.root(), case.statement.output.root());
        let flipped = |root: Hash32| Hash32(root.0.map(|byte| byte ^ 1));
        if let Some(root) = input {
            reject(&Statement { input: Shown::Committed(flipped(root)), ..case.statement.clone() });
        }
        if let Some(root) = output {
            reject(&Statement { output: Shown::Committed(flipped(root)), ..case.statement.clone() });
        }
        if let (Some(input), Some(output)) = (input, output) {
            let swapped = (Shown::Committed(output), Shown::Committed(input));
            reject(&Statement { input: swapped.0, output: swapped.1, context: case.statement.context });
        }
    }
}

/// A statement shows what its program says, no more and no less.
#[test]
fn a_statement_that_shows_more_or_less_is_refused() {
    for case in cases() {
        let root = Hash32([3; 32]);
        let inputs = [Shown::Public(case.input.clone()), Shown::Committed(root), Shown::Private];
        for input in inputs.into_iter().filter(|s| s.disclosure() != case.statement.input.disclosure()) {
            let statement = Statement { input, ..case.statement.clone() };
            let error = case.key.verifying().verify(&statement, &case.proof.bytes).expect_err("another input");
            assert!(matches!(error, AuditError::Proof(VerifyError::Shown { what: "input", .. })), "{error}");
        }
        let outputs = [Shown::Public(case.output().clone()), Shown::Committed(root), Shown::Private];
        for output in outputs.into_iter().filter(|s| s.disclosure() != case.statement.output.disclosure()) {
            let statement = Statement { output, ..case.statement.clone() };
            let error = case.key.verifying().verify(&statement, &case.proof.bytes).expect_err("another output");
            assert!(matches!(error, AuditError::Proof(VerifyError::Shown { what: "output", .. })), "{error}");
        }
    }
}

/// The program says who learns what, and is part of the model's identity.
#[test]
fn a_flipped_flag_is_another_model() {
    let flags = [Public, Committed, Private];
    for case in hidden() {
        for (part, flag) in [0, 1].into_iter().flat_map(|part| flags.map(|flag| (part, flag))) {
            let mut model = case.model.clone();
            let visibility = &mut model.program.visibility;
            *[&mut visibility.input, &mut visibility.output][part] = flag;
            if model.program.visibility == case.model.program.visibility {
                continue;
            }
            let key = ProvingKey::new(model).expect("any part may be hidden");
            assert_ne!(key.model_id(), case.key.model_id(), "{}", case.name);
            assert!(key.verifying().verify(&case.statement, &case.proof.bytes).is_err(), "{}", case.name);
            let proof = prove_as(key.verifying(), &case.key, &case.statement, &case.witness);
            let verdict = key.verifying().verify(&proof.statement, &proof.bytes);
            assert_eq!(verdict.expect_err("another flag").phase(), Phase::Statement, "{}", case.name);
        }
    }
}

#[test]
fn weights_are_not_private() {
    let mut model = relu(Public, Public).model;
    model.program.visibility.weights = Private;
    assert_eq!(ProvingKey::new(model).err().map(|e| e.phase()), Some(Phase::Statement));
}

/// Under two seeds, proofs of the same inference commit to nothing in the same way; under one they are equal.
#[test]
fn commitments_depend_on_the_seed() {
    for case in hidden() {
        let of = |seed: [u8; 32]| Commitments::new(&case.key, &case.witness.clone().salted(&Seed::new(seed)));
        let (one, same, other) = (of([1; 32]), of([1; 32]), of([2; 32]));
        for space in case.key.verifying().relation().spaces.iter().filter(|s| s.poly != ciro_relation::Poly::Model) {
            assert_eq!(one.root(space.poly), same.root(space.poly), "{}", case.name);
            assert_ne!(one.root(space.poly), other.root(space.poly), "{}: {:?}", case.name, space.poly);
        }
        let error = prove(&case.key, &case.input, &ProofContext::default()).expect_err("there is no seed");
        assert_eq!(error, ProveError::Seed);
    }
}

#[test]
fn a_commitment_opens_to_its_value_and_to_no_other() {
    for case in hidden() {
        let key = case.key.verifying();
        let roots = [case.statement.input.root(), case.statement.output.root()];
        for ((part, values), committed) in [Part::Input, Part::Output].into_iter().zip(integers(&case)).zip(roots) {
            let salts = salts_of(&SEED, part);
            assert_eq!(root(key, part, &values, salts), Ok(committed), "{}", case.name);
            let Some(committed) = committed else { continue };
            assert_ne!(root(key, part, &values, Hash32([9; 32])), Ok(Some(committed)), "{}: other salts", case.name);
            for (k, i) in values.iter().enumerate().flat_map(|(k, v)| (0..v.len()).map(move |i| (k, i))) {
                for delta in [1, -1, 0x7f00_0001, 1 << 16, 1 << 32] {
                    let mut other = values.clone();
                    other[k][i] += delta;
                    assert_ne!(root(key, part, &other, salts), Ok(Some(committed)), "{}: {k} {i} {delta}", case.name);
                }
            }
        }
    }
}

#[test]
fn other_public_weights_are_rejected() {
    let case = cases().into_iter().find(|case| case.name == "convolution, public weights").expect("a case");
    let program = case.key.program();
    let (input, output) = case.statement.encode();
    let claim = |weights: &Weights| {
        let claim = Claim { program, weights, input: &input, output: &output, context: case.statement.context };
        verify(&claim, &case.proof.bytes).map_err(|e| e.phase())
    };
    assert!(claim(&Weights::Public(encode(&case.model.weights))).is_ok());
    let mut other = case.model.weights.clone();
    other[0][0] -= 1;
    assert_eq!(claim(&Weights::Public(encode(&other))), Err(Phase::Lookup));
    // Intervals that do not hold, another count, bytes that are no weights, and a commitment instead.
    other[0].iter_mut().for_each(|w| *w = 1000);
    let mut fewer = case.model.weights.clone();
    fewer[0].pop();
    for weights in [encode(&other), encode(&fewer), vec![1, 2, 3]].map(Weights::Public) {
        assert_eq!(claim(&weights), Err(Phase::Statement));
    }
    assert_eq!(claim(&Weights::Committed(case.key.weight_root())), Err(Phase::Statement));
    // And public ones for a program that commits to them.
    let committed = relu(Public, Public);
    assert!(AuditedModel::with_weights(committed.key.program(), committed.model.weights.clone()).is_err());
    assert!(AuditedModel::new(program, case.key.weight_root()).is_err());
}

/// Public weights take no commitment and no opening: the proof is smaller, and says the same.
#[test]
fn public_weights_take_no_opening() {
    let committed = cases().into_iter().find(|case| case.name == "convolution").expect("a case");
    let public = cases().into_iter().find(|case| case.name == "convolution, public weights").expect("a case");
    assert_eq!(committed.output(), public.output());
    assert!(public.proof.bytes.len() < committed.proof.bytes.len());
    assert_eq!(public.key.verifying().params().first.len(), 1);
}

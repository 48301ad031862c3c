//! A missing value goes where the model sends it, and nowhere else.

use crate::common::{Case, forest_model};
use ciro_auditor::{Phase, ProofContext, Statement};
use ciro_graph::{Model, RawInput, RawTensor};
use ciro_prover::{ProvingKey, Witness, prove, prove_witness};
use ciro_relation::Instance;

const NAN: f32 = f32::NAN;

fn row(x: &[f32]) -> RawInput {
    let bits = x.iter().map(|x| x.to_bits()).collect();
    RawInput(vec![RawTensor { shape: vec![1, x.len() as u32], bits }])
}

fn output(model: &Model, x: &[f32]) -> Vec<i64> {
    let run = ciro_execution::execute(model, &row(x)).expect("the model runs");
    run.outputs(&model.program).0[0].clone()
}

#[test]
fn each_node_sends_a_missing_value_its_own_way() {
    let model = forest_model(1, true);
    // The first tree sends a missing x₁ left as if it were small, the second one right as if it were large.
    let (first, second) = (output(&model, &[0.25, -9.0])[0], output(&model, &[0.25, 9.0])[2]);
    let missing = output(&model, &[0.25, NAN]);
    assert_eq!((missing[0], missing[2]), (first, second));
    assert_ne!(output(&model, &[0.25, 9.0])[0], first);
    assert_ne!(output(&model, &[0.25, -9.0])[2], second);
    for x in [[NAN, 3.5], [0.25, NAN], [NAN, NAN], [f32::INFINITY, f32::NEG_INFINITY]] {
        Case::new("missing", model.clone(), &x);
    }
}

#[test]
fn a_forest_that_learnt_no_way_for_missing_values_refuses_them() {
    let key = ProvingKey::new(forest_model(1, false)).expect("the model has a relation");
    let error = prove(&key, &row(&[0.25, NAN]), &ProofContext::default()).expect_err("a missing value");
    assert!(error.to_string().contains("element 1: expected a number, got NaN"), "{error}");
    let error = key.verifying().verify(&statement(&[0.25, NAN], vec![0; 3]), &[]).expect_err("a missing value");
    assert_eq!(error.phase(), Phase::Statement);
}

fn statement(x: &[f32], output: Vec<i64>) -> Statement {
    Statement::public(row(x), ciro_graph::RawOutput(vec![output]), ProofContext::default())
}

/// Where a liar's tables come from.
#[derive(PartialEq)]
enum Weights {
    Committed,
    Lied,
}

/// What rejects the proof of a prover who runs `lie` instead of `model`, or sees the input as `seen`, under the identity of
/// `model`.
fn rejected(model: &Model, (lie, weights): (&Model, Weights), x: &[f32], seen: impl Fn(&mut Vec<i64>)) -> Phase {
    let (key, lying_key) = (ProvingKey::new(model.clone()), ProvingKey::new(lie.clone()));
    let (key, lying_key) = (key.expect("a relation"), lying_key.expect("a relation"));
    let mut inputs = ciro_graph::ingest::ingest(&model.program, &row(x)).expect("the input is accepted");
    seen(&mut inputs[0]);
    let execution = lied_execution(lie, inputs.clone());
    let told = execution.outputs(&model.program);
    let honest = output(model, x);
    assert_ne!(told.0[0], honest, "the lie changes the answer");
    let statement = statement(x, told.0[0].clone());
    let instance = Instance { inputs, outputs: told.0 };
    let mut witness = Witness::fill(&lying_key, &instance, &execution);
    if weights == Weights::Committed {
        witness.read_weights_of(&key);
    }
    let proof = prove_witness(&key, &statement, &witness);
    key.verifying().verify(&statement, &proof.bytes).expect_err("a lie about a missing value").phase()
}

/// The values of a forest of one node on ingested inputs, whatever they claim the input is.
fn lied_execution(model: &Model, inputs: Vec<Vec<i64>>) -> ciro_execution::Execution {
    let ciro_graph::Op::Trees { forest, .. } = &model.program.nodes[0].op else { panic!("a forest") };
    let tables = ciro_graph::forest::Tables::new(forest, &model.weights).expect("all tables are there");
    let mut sums = vec![0; forest.classes as usize];
    for tree in 0..forest.trees as usize {
        let leaf = tables.walk(tree, &inputs[0]).expect("the walk ends");
        ciro_graph::forest::add_leaf(forest, &model.weights, tree, leaf, |class, value| sums[class] += value)
            .expect("the leaf has a value");
    }
    let mut values = inputs;
    values.push(sums);
    ciro_execution::Execution { values }
}

#[test]
fn the_other_direction_is_rejected() {
    let model = forest_model(1, true);
    // Node 1 reads x₁ in the second copy; the liar reads it in the first.
    let mut lie = model.clone();
    let ciro_graph::Op::Trees { forest, .. } = &model.program.nodes[0].op else { panic!("a forest") };
    lie.weights[forest.feature.0 as usize][1] = 1;
    assert_eq!(rejected(&model, (&lie, Weights::Committed), &[0.25, NAN], |_| {}), Phase::Lookup);
    assert_eq!(rejected(&model, (&lie, Weights::Lied), &[0.25, NAN], |_| {}), Phase::Batch);
}

#[test]
fn a_missing_value_cannot_be_taken_for_another() {
    let model = forest_model(1, true);
    // The copies exchanged: below everything where it should be above, and the other way round.
    let exchanged = |seen: &mut Vec<i64>| seen.rotate_left(2);
    assert_eq!(rejected(&model, (&model, Weights::Lied), &[0.25, NAN], exchanged), Phase::Lookup);
    // A number in its place.
    let number = |seen: &mut Vec<i64>| seen[3] = 1 << 16;
    assert_eq!(rejected(&model, (&model, Weights::Lied), &[0.25, NAN], number), Phase::Lookup);
}

//! A small real model is executed, proven and checked; whatever is not what it is called is refused.

use ciro_auditor::{Claim, ProofContext, verify};
use ciro_exec::{Answer, BlobError, Blobs, Executor, Failure, Fault, Task, Workbench};
use ciro_graph::{RawInput, RawOutput, RawTensor};
use ciro_prover::ProvingKey;
use ciro_state::{DeclineReason, FailReason, input_hash};
use ciro_test_models::relu;
use ciro_types::{
    AccountId, Amount, Assurance, ChainId, Hash32, Height, JobSpec, JobType, ModelId, Nonce, Requirements, decode,
    encode,
};

fn input(values: [f32; 2]) -> Vec<u8> {
    encode(&RawInput(vec![RawTensor { shape: vec![1, 2], bits: values.map(f32::to_bits).to_vec() }]))
}

/// Serves the same bytes whatever is asked.
struct Shelf {
    model: Option<Vec<u8>>,
    input: Option<Vec<u8>>,
}

fn or_missing(bytes: &Option<Vec<u8>>, what: &'static str) -> Result<Vec<u8>, BlobError> {
    bytes.clone().ok_or_else(|| BlobError::Missing { what, name: String::new() })
}

impl Blobs for Shelf {
    fn model(&self, _: ModelId) -> Result<Vec<u8>, BlobError> {
        or_missing(&self.model, "model")
    }

    fn input(&self, _: Hash32) -> Result<Vec<u8>, BlobError> {
        or_missing(&self.input, "input")
    }
}

fn shelf(values: [f32; 2]) -> Shelf {
    Shelf { model: Some(encode(&relu(0))), input: Some(input(values)) }
}

fn task(assurance: Assurance, input: &[u8]) -> Task {
    let key = ProvingKey::new(relu(0)).expect("the model has a relation");
    let spec = JobSpec {
        chain: ChainId([1; 32]),
        client: AccountId([2; 32]),
        nonce: Nonce(0),
        job_type: JobType::AIInference,
        model: key.model_id(),
        input: input_hash(input),
        assurance,
        max_price: Amount::ciro(1),
        deadline: Height(9),
        requirements: Requirements::default(),
    };
    Task { spec, worker: AccountId([5; 32]) }
}

#[test]
fn an_a4_answer_is_right_and_its_proof_convinces_a_stranger_for_this_job_and_worker_only() {
    let shelf = shelf([5.0, 2.0]);
    let task = task(Assurance::A4, &input([5.0, 2.0]));
    let answer = Workbench::new().answer(&task, &shelf).expect("answers");
    assert_eq!(decode(&answer.output, 100), Ok(RawOutput(vec![vec![4]])));

    let key = ProvingKey::new(relu(0)).expect("the model has a relation");
    let context = ProofContext { chain: task.spec.chain, job: task.job(), worker: task.worker };
    let weights = key.weights();
    let claim = |context| Claim {
        program: key.program(),
        weights: &weights,
        input: &answer.input,
        output: &answer.output,
        context,
    };
    assert!(verify(&claim(context), &answer.proof).is_ok());
    let thief = ProofContext { worker: AccountId([6; 32]), ..context };
    assert!(verify(&claim(thief), &answer.proof).is_err());
}

#[test]
fn every_rung_gives_the_same_output_and_only_a4_a_proof() {
    let (shelf, bench) = (shelf([1.0, -2.0]), Workbench::new());
    let answers: Vec<_> = Assurance::ALL
        .iter()
        .map(|assurance| bench.answer(&task(*assurance, &input([1.0, -2.0])), &shelf).expect("answers"))
        .collect();
    assert!(answers.iter().all(|answer| answer.output == answers[0].output));
    let with_proof: Vec<_> = answers.iter().map(|answer| !answer.proof.is_empty()).collect();
    assert_eq!(with_proof, [false, false, true]);
}

#[test]
fn what_is_missing_altered_or_unfit_is_refused_with_its_reason() {
    let good = input([1.0, 1.0]);
    let task = task(Assurance::A0, &good);
    let reason = |shelf: &Shelf| match Workbench::new().answer(&task, shelf).expect_err("must be refused").fault() {
        Fault::Absent(reason) => Some(reason),
        Fault::Job(_) | Fault::Machine(_) => None,
    };

    assert_eq!(reason(&Shelf { input: None, ..shelf([1.0, 1.0]) }), Some(FailReason::InputUnavailable));
    assert_eq!(reason(&shelf([1.0, 1.5])), Some(FailReason::InputUnavailable), "another input");
    assert_eq!(reason(&Shelf { model: None, ..shelf([1.0, 1.0]) }), Some(FailReason::ModelUnavailable));

    let mut other = relu(0);
    other.weights[0][0] += 1;
    let altered = Shelf { model: Some(encode(&other)), input: Some(good.clone()) };
    assert_eq!(reason(&altered), Some(FailReason::ModelUnavailable), "one weight differs");
    let noise = Shelf { model: Some(vec![7; 100]), input: Some(good) };
    assert_eq!(reason(&noise), Some(FailReason::ModelUnavailable));
}

#[test]
fn an_input_outside_the_models_range_is_the_jobs_fault() {
    let far = input([1e9, 0.0]);
    let error = Workbench::new().answer(&task(Assurance::A4, &far), &shelf([1e9, 0.0])).expect_err("must be refused");
    assert_eq!(error.fault(), Fault::Job(FailReason::InputInvalid));
}

/// An executor of another type, which answers everything alike.
struct Echo;

impl Executor for Echo {
    fn job_type(&self) -> JobType {
        JobType::DataProcessing
    }

    fn answer(&self, _: &Task, _: &dyn Blobs) -> Result<Answer, Failure> {
        Ok(Answer { input: vec![1], output: vec![2], proof: Vec::new() })
    }
}

#[test]
fn a_job_goes_to_the_executor_of_its_type_and_without_one_to_another_machine() {
    let mut task = task(Assurance::A0, &input([1.0, 1.0]));
    task.spec.job_type = JobType::DataProcessing;
    let shelf = shelf([1.0, 1.0]);
    let failure = Workbench::new().answer(&task, &shelf).expect_err("nothing runs it");
    assert_eq!(failure.fault(), Fault::Machine(DeclineReason::Unsuitable));

    let bench = Workbench::new().with(Echo);
    assert_eq!(bench.job_types().collect::<Vec<_>>(), [JobType::AIInference, JobType::DataProcessing]);
    assert_eq!(bench.answer(&task, &shelf).expect("answers").output, [2]);
}

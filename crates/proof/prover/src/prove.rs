//! The order of it all.

use crate::commitments::Commitments;
use crate::kernel::product::Lanes;
use crate::kernel::work::grind;
use crate::key::ProvingKey;
use crate::opening::open;
use crate::phase::{Observer, Phase};
use crate::seed::Seed;
use crate::witness::Witness;
use crate::{batch, constraints, gathers, lookup, products, samples};
use ciro_auditor::{AuditError, AuditedModel, ProofContext, Statement};
use ciro_execution::{ExecError, Execution, execute_on};
use ciro_graph::{Disclosure, Program, RawInput, RawOutput, Visibility};
use ciro_relation::{Instance, Poly};
use ciro_transcript::{Segment, Step, Writer};
use ciro_verifier::batch::Reduced;
use ciro_verifier::key::PROTOCOL;
use ciro_verifier::layout::Evaluations;

/// A proof and what it shows.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What is shown.
    pub statement: Statement,
    /// What the model answered; nothing if only a statement that hides it was given.
    pub output: RawOutput,
    /// The proof.
    pub bytes: Vec<u8>,
    /// Where each labelled message lies in `bytes`.
    pub segments: Vec<Segment>,
    /// Every step of the transcript, in order.
    pub steps: Vec<Step>,
}

/// Why no proof was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    /// The model does not run on the input.
    #[error("{0}")]
    Execute(#[from] ExecError),
    /// The program hides its input or output, and no seed was given to hide it with.
    #[error("the model hides its input or output: expected a seed for the salts, got none")]
    Seed,
    /// The statement is not one that can be proven.
    #[error("{0}")]
    Statement(#[from] AuditError),
}

/// Runs the model on `input`: [`ciro_execution::execute`], in lanes and threads.
///
/// # Errors
/// If the input is refused or the model does not run.
pub fn execute(key: &ProvingKey, input: &RawInput) -> Result<Execution, ExecError> {
    on_pool(|| execute_on(&Lanes, key.model(), input))
}

/// Runs the model on `input` and proves the result for `context`.
///
/// # Errors
/// If the input is refused or the model does not run, or if its program hides something: that takes [`prove_hiding`].
pub fn prove(key: &ProvingKey, input: &RawInput, context: &ProofContext) -> Result<Proof, ProveError> {
    if key.model().program.visibility.hides_values() {
        return Err(ProveError::Seed);
    }
    prove_hiding(key, input, context, &Seed::NONE)
}

/// As [`prove`], for any program. Whoever knows `seed` can check guesses of what is hidden, so it is to be drawn anew for each proof.
///
/// # Errors
/// If the input is refused or the model does not run.
pub fn prove_hiding(
    key: &ProvingKey,
    input: &RawInput,
    context: &ProofContext,
    seed: &Seed,
) -> Result<Proof, ProveError> {
    Filled::run(key, input, seed)?.prove(key, input, context, &mut ()).map(|(proof, _, _)| proof)
}

/// As [`prove_hiding`], for an execution that is there already.
///
/// # Errors
/// If the statement is not one that can be proven.
pub fn prove_execution(
    key: &ProvingKey,
    input: &RawInput,
    execution: &Execution,
    context: &ProofContext,
    seed: &Seed,
) -> Result<Proof, ProveError> {
    prove_observed(key, input, execution, context, seed, &mut ())
}

/// As [`prove_execution`], before somebody's eyes.
///
/// # Errors
/// As [`prove_execution`].
pub fn prove_observed(
    key: &ProvingKey,
    input: &RawInput,
    execution: &Execution,
    context: &ProofContext,
    seed: &Seed,
    observer: &mut dyn Observer,
) -> Result<Proof, ProveError> {
    observer.begins(Phase::Witness);
    Filled::new(key, execution, seed).prove(key, input, context, observer).map(|(proof, _, _)| proof)
}

/// What is left of an execution once the witness is filled.
pub(crate) struct Filled {
    witness: Witness,
    output: RawOutput,
}

impl Filled {
    /// Runs the model. Its execution goes when the witness is filled.
    pub(crate) fn run(key: &ProvingKey, input: &RawInput, seed: &Seed) -> Result<Self, ExecError> {
        Ok(Self::new(key, &execute(key, input)?, seed))
    }

    fn new(key: &ProvingKey, execution: &Execution, seed: &Seed) -> Self {
        let program = &key.model().program;
        let output = execution.outputs(program);
        let Visibility { input: of_input, output: of_output, .. } = program.visibility;
        let instance = Instance {
            inputs: if of_input == Disclosure::Public { inputs(program, execution) } else { Vec::new() },
            outputs: if of_output == Disclosure::Public { output.0.clone() } else { Vec::new() },
        };
        let witness = on_pool(|| Witness::fill(key, &instance, execution).salted(seed));
        Self { witness, output }
    }

    /// The proof, the commitments, and what the claims on them came down to.
    pub(crate) fn prove(
        self,
        key: &ProvingKey,
        input: &RawInput,
        context: &ProofContext,
        observer: &mut dyn Observer,
    ) -> Result<(Proof, Commitments, Reduced), ProveError> {
        let Self { witness, output } = self;
        on_pool(|| {
            observer.begins(Phase::Commitment);
            let commitments = Commitments::new(key, &witness);
            let statement = commitments.statement(&key.model().program.visibility, input, &output, context);
            key.verifying().instance(&statement)?;
            let (proof, reduced) = run(key.verifying(), key, &statement, &witness, &commitments, observer);
            Ok((Proof { output, ..proof }, commitments, reduced))
        })
    }
}

/// Runs `f` on a thread of the pool: from any other, each parallel piece would put that thread to sleep and wake it again.
fn on_pool<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| f())
}

fn inputs(program: &Program, execution: &Execution) -> Vec<Vec<i64>> {
    execution.values.iter().take(program.inputs.len()).cloned().collect()
}

/// Proves `statement` with a given witness. The proof is only as good as the witness: a wrong one gives bytes that no verifier accepts.
#[must_use]
pub fn prove_witness(key: &ProvingKey, statement: &Statement, witness: &Witness) -> Proof {
    prove_as(key.verifying(), key, statement, witness)
}

/// As [`prove_witness`] under the identity of another model of the same shape, for adversaries.
#[must_use]
pub fn prove_as(identity: &AuditedModel, key: &ProvingKey, statement: &Statement, witness: &Witness) -> Proof {
    on_pool(|| {
        let commitments = Commitments::new(key, witness);
        run(identity, key, statement, witness, &commitments, &mut ()).0
    })
}

fn run(
    identity: &AuditedModel,
    key: &ProvingKey,
    statement: &Statement,
    witness: &Witness,
    commitments: &Commitments,
    observer: &mut dyn Observer,
) -> (Proof, Reduced) {
    let (relation, params) = (key.verifying().relation(), key.verifying().params());
    let mut transcript = Writer::new(PROTOCOL);
    identity.key().absorb(&mut transcript, &identity.claimed(statement));
    transcript.write_digest("witness root", &commitments.root(Poly::Witness).unwrap_or_default());

    let mut claims = Evaluations::default();
    let work = key.verifying().key().work();
    observer.begins(Phase::Lookups);
    samples::prove(&mut transcript, relation, params, &commitments.opened(), &mut claims);
    grind(&mut transcript, "lookup work", work.lookups);
    lookup::prove(&mut transcript, relation, witness, &mut claims);
    observer.begins(Phase::Constraints);
    grind(&mut transcript, "constraint work", work.constraints);
    constraints::prove(&mut transcript, relation, witness, &mut claims);
    observer.begins(Phase::Products);
    grind(&mut transcript, "product work", work.products);
    products::prove(&mut transcript, relation, witness, &mut claims);
    observer.begins(Phase::Gathers);
    grind(&mut transcript, "gather work", work.gathers);
    gathers::prove(&mut transcript, relation, witness, &mut claims);
    observer.begins(Phase::Batch);
    grind(&mut transcript, "batch work", work.batch);
    let reduced = batch::prove(&mut transcript, relation, params, &commitments.cells(), claims);
    observer.begins(Phase::Opening);
    open(&mut transcript, params, &commitments.opened(), &reduced.point);
    let steps = transcript.steps().to_vec();
    let (bytes, segments) = transcript.finish();
    let output = statement.output.public().cloned().unwrap_or_else(|| RawOutput(Vec::new()));
    (Proof { statement: statement.clone(), output, bytes, segments, steps }, reduced)
}

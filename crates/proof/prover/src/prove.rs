//! The order of it all.

use crate::commitments::Commitments;
use crate::kernel::work::grind;
use crate::key::ProvingKey;
use crate::opening::open;
use crate::seed::Seed;
use crate::witness::Witness;
use crate::{batch, constraints, gathers, lookup, products, samples};
use ciro_graph::{Disclosure, ExecError, Execution, Program, RawInput, RawOutput, execute};
use ciro_relation::{Instance, Poly};
use ciro_transcript::{Segment, Step, Writer};
use ciro_verifier::batch::Reduced;
use ciro_verifier::key::PROTOCOL;
use ciro_verifier::layout::Evaluations;
use ciro_verifier::{ProofContext, Statement, VerifyError, VerifyingKey};

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
    Statement(#[from] VerifyError),
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
    prove_execution(key, input, &execute(key.model(), input)?, context, seed)
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
    prove_committed(key, input, execution, context, seed).map(|(proof, _, _)| proof)
}

/// As [`prove_execution`]; also returns the commitments, and what the claims on them came down to.
pub(crate) fn prove_committed(
    key: &ProvingKey,
    input: &RawInput,
    execution: &Execution,
    context: &ProofContext,
    seed: &Seed,
) -> Result<(Proof, Commitments, Reduced), ProveError> {
    let program = &key.model().program;
    let output = execution.outputs(program);
    let instance = Instance {
        inputs: if program.visibility.input == Disclosure::Public { inputs(program, execution) } else { Vec::new() },
        outputs: if program.visibility.output == Disclosure::Public { output.0.clone() } else { Vec::new() },
    };
    on_pool(|| {
        let witness = Witness::fill(key, &instance, execution).salted(seed);
        let commitments = Commitments::new(key, &witness);
        let statement = commitments.statement(&program.visibility, input, &output, context);
        key.verifying().instance(&statement)?;
        let (proof, reduced) = run(key.verifying(), key, &statement, &witness, &commitments);
        Ok((Proof { output, ..proof }, commitments, reduced))
    })
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
pub fn prove_as(identity: &VerifyingKey, key: &ProvingKey, statement: &Statement, witness: &Witness) -> Proof {
    on_pool(|| {
        let commitments = Commitments::new(key, witness);
        run(identity, key, statement, witness, &commitments).0
    })
}

fn run(
    identity: &VerifyingKey,
    key: &ProvingKey,
    statement: &Statement,
    witness: &Witness,
    commitments: &Commitments,
) -> (Proof, Reduced) {
    let (relation, params) = (key.verifying().relation(), key.verifying().params());
    let mut transcript = Writer::new(PROTOCOL);
    identity.absorb(&mut transcript, statement);
    transcript.write_digest("witness root", &commitments.root(Poly::Witness).unwrap_or_default());

    let mut claims = Evaluations::default();
    let work = key.verifying().work();
    samples::prove(&mut transcript, relation, params, &commitments.opened(), &mut claims);
    grind(&mut transcript, "lookup work", work.lookups);
    lookup::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "constraint work", work.constraints);
    constraints::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "product work", work.products);
    products::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "gather work", work.gathers);
    gathers::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "batch work", work.batch);
    let reduced = batch::prove(&mut transcript, relation, params, &commitments.cells(), claims);
    open(&mut transcript, params, &commitments.opened(), &reduced.point);
    let steps = transcript.steps().to_vec();
    let (bytes, segments) = transcript.finish();
    let output = statement.output.public().cloned().unwrap_or_else(|| RawOutput(Vec::new()));
    (Proof { statement: statement.clone(), output, bytes, segments, steps }, reduced)
}

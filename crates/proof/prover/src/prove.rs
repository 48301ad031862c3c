//! The order of it all.

use crate::kernel::work::grind;
use crate::key::ProvingKey;
use crate::opening::{Opened, open};
use crate::oracle::BaseOracle;
use crate::witness::Witness;
use crate::{batch, constraints, gathers, lookup, products, samples};
use ciro_graph::{ExecError, RawInput, RawOutput, execute};
use ciro_transcript::{Segment, Step, Writer};
use ciro_verifier::key::PROTOCOL;
use ciro_verifier::layout::Evaluations;
use ciro_verifier::{ProofContext, Statement, VerifyError, VerifyingKey};

/// A proof and what it shows.
#[derive(Clone, Debug)]
pub struct Proof {
    /// What the model answered.
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
    /// The statement is not one that can be proven.
    #[error("{0}")]
    Statement(#[from] VerifyError),
}

/// Runs the model on `input` and proves the result for `context`.
///
/// # Errors
/// If the input is refused or the model does not run.
pub fn prove(key: &ProvingKey, input: &RawInput, context: &ProofContext) -> Result<Proof, ProveError> {
    let execution = execute(key.model(), input)?;

    let output = execution.outputs(&key.model().program);
    let statement = Statement { input: input.clone(), output, context: *context };
    let instance = key.verifying().instance(&statement)?;
    let witness = Witness::fill(key, &instance, &execution);

    Ok(prove_witness(key, &statement, &witness))
}

/// Proves `statement` with a given witness. The proof is only as good as the witness: a wrong one gives bytes that no verifier accepts.
#[must_use]
pub fn prove_witness(key: &ProvingKey, statement: &Statement, witness: &Witness) -> Proof {
    prove_as(key.verifying(), key, statement, witness)
}

/// As [`prove_witness`] under the identity of another model of the same shape, for adversaries.
#[must_use]
pub fn prove_as(identity: &VerifyingKey, key: &ProvingKey, statement: &Statement, witness: &Witness) -> Proof {
    let (relation, params) = (key.verifying().relation(), key.verifying().params());
    let mut transcript = Writer::new(PROTOCOL);
    identity.absorb(&mut transcript, statement);

    let table = witness.polynomial(relation);
    let oracle = BaseOracle::new(&table, &params.first[1]);
    transcript.write_digest("witness root", &oracle.root());

    let mut claims = Evaluations::default();
    let work = key.verifying().work();
    samples::prove(&mut transcript, params, [&key.table, &table], &mut claims);
    grind(&mut transcript, "lookup work", work.lookups);
    lookup::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "constraint work", work.constraints);
    constraints::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "product work", work.products);
    products::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "gather work", work.gathers);
    gathers::prove(&mut transcript, relation, witness, &mut claims);
    grind(&mut transcript, "batch work", work.batch);
    let rho = batch::prove(&mut transcript, relation, params, &key.table, &table, claims);
    let opened = [Opened { table: &key.table, oracle: &key.oracle }, Opened { table: &table, oracle: &oracle }];
    open(&mut transcript, params, &opened, &rho);
    let steps = transcript.steps().to_vec();
    let (bytes, segments) = transcript.finish();
    Proof { output: statement.output.clone(), bytes, segments, steps }
}

//! What is cheap to refuse is refused first: of two defects the earlier one is named.

use ciro_crypto::Keypair;
use ciro_forge::{Answer, Forger, Frozen};
use ciro_graph::{Model, RawInput, RawOutput, RawTensor, ValueId};
use ciro_prover::{ProvingKey, prove};
use ciro_receipt::{ProofVerifier, Receipt, ReceiptError, Terms};
use ciro_relation::{Limits, RelationError};
use ciro_state::{
    Action, Authority, BlockContext, EvidenceCheck, EvidenceRejection, Facts as _, Genesis, GenesisAccount,
    GenesisValidator, Offence, Params, SignedLease, SignedTx, State, TxBody, TxError, apply_block, check_stateless,
    input_hash, job_id, screen,
};
use ciro_test_models::relu;
use ciro_types::{
    Amount, Assurance, ChainId, Hash32, Height, JobId, JobSpec, JobType, Lease, LeaseToken, ModelId, Nonce,
    Requirements, encode,
};
use ciro_verifier::{ProofContext, VerifyError};

fn tree() -> Answer {
    Frozen::named("B_dtree_bc_ml").answer
}

/// Which stage refused.
fn stage(terms: Terms, receipt: &Receipt) -> &'static str {
    match terms.check(receipt) {
        Ok(_) => "none",
        Err(ReceiptError::Model { .. }) => "model",
        Err(ReceiptError::Network { .. } | ReceiptError::Unsettled { .. }) => "network",
        Err(ReceiptError::Proof(_)) => "program or proof",
        Err(ReceiptError::SignedElse | ReceiptError::Signature(_) | ReceiptError::Nothing) => "signature",
        Err(_) => "settlement",
    }
}

#[test]
fn pins_come_before_the_settlement_and_that_before_signature_program_and_proof() {
    let forger = Forger::default();
    let any = Terms::default();
    // Of the worst, one defect after the other is mended.
    let garbage = Answer { program: b"no program".to_vec(), ..tree() };
    let mut receipt = forger.signed(garbage.clone());
    let tx = forger.signed(tree().lied()).evidence;
    receipt.evidence = tx;
    let late = Forger { header: Height(9), ..forger.clone() };
    receipt.settlement = late.signed(garbage.clone()).settlement;

    let (model, network) = (Some(ModelId([1; 32])), Some(ChainId([1; 32])));
    assert_eq!(stage(Terms { model, network, ..any }, &receipt), "model");
    assert_eq!(stage(Terms { network, ..any }, &receipt), "network");
    assert_eq!(stage(any, &receipt), "settlement");
    receipt.settlement = forger.signed(garbage.clone()).settlement;
    assert_eq!(stage(any, &receipt), "signature");
    receipt.evidence = forger.signed(garbage).evidence;
    assert_eq!(stage(any, &receipt), "program or proof");
    assert_eq!(stage(any, &forger.signed(tree())), "none");
}

/// Whoever verifies says how much; the error says which limit, and what it would take.
#[test]
fn what_costs_more_than_the_reader_accepts_is_refused_after_signatures_and_before_the_proof() {
    let forger = Forger::default();
    let limits = Limits { units: 0, ..Limits::VERIFY };
    let error = Terms { limits, ..Terms::default() }.check(&forger.signed(tree())).map(|_| ());
    let Err(ReceiptError::Proof(VerifyError::Relation(RelationError::TooCostly { expected: 0, got, .. }))) = error
    else {
        panic!("{error:?}")
    };
    assert!(got > 0);
    let mut unsigned = forger.signed(tree());
    unsigned.evidence = forger.signed(tree().lied()).evidence;
    assert_eq!(stage(Terms { limits, ..Terms::default() }, &unsigned), "signature");
}

#[test]
fn a_program_is_not_looked_at_where_another_model_is_named() {
    let frozen = Frozen::named("B_dtree_bc_ml");
    let receipt = Receipt { program: vec![0xff; 1 << 20], ..frozen.receipt() };
    assert_eq!(stage(Terms { model: Some(ModelId::ZERO), ..Terms::default() }, &receipt), "model");
}

/// The ledger of a network with one funded account, which has registered a model and ordered a proof.
fn ledger(client: &Keypair, scheduler: &Keypair, model: &Model, input: &[u8]) -> (State, JobId) {
    let proofs = ProofVerifier::default();
    let genesis = Genesis {
        network: "order".into(),
        params: Params::with_block_ms(1_000),
        scheduler: scheduler.account(),
        validators: vec![GenesisValidator { account: client.account(), stake: Amount::ciro(1_000) }],
        accounts: vec![GenesisAccount { account: client.account(), balance: Amount::ciro(1_000) }],
    };
    let mut state = State::genesis(&genesis).expect("a sound genesis");
    let key = ProvingKey::new(model.clone()).expect("the model has a relation");
    let spec = JobSpec {
        chain: state.chain(),
        client: client.account(),
        nonce: Nonce(0),
        job_type: JobType::AIInference,
        model: key.model_id(),
        input: input_hash(input),
        assurance: Assurance::A4,
        max_price: Amount::ciro(10),
        deadline: Height(40),
        requirements: Requirements::default(),
    };
    let register = Action::RegisterModel { program: key.program().to_vec(), weight_root: key.weight_root() };
    for (nonce, action) in [register, Action::SubmitJob { spec: spec.clone() }].into_iter().enumerate() {
        let body = TxBody { chain: state.chain(), sender: client.account(), nonce: Nonce(nonce as u64), action };
        let checked = screen(&SignedTx::sign(body, client), &state, &proofs, &NoEvidence).expect("sound");
        let (height, entropy) = (state.height().next(), Hash32([1; 32]));
        let context = BlockContext { height, proposer: client.account(), entropy };
        let effects = apply_block(&mut state, &context, &[checked]).expect("the next block");
        assert!(effects.outcomes[0].is_ok(), "{:?}", effects.outcomes);
    }
    (state, job_id(&spec))
}

struct NoEvidence;

impl EvidenceCheck for NoEvidence {
    fn check(&self, _: ChainId, _: &[u8]) -> Result<Offence, EvidenceRejection> {
        Err(EvidenceRejection { reason: "none".into() })
    }
}

/// A model whose relation has no lookups: zeros contradict nothing before the opening.
fn linear() -> Model {
    let Model { mut program, weights } = relu(2);
    program.nodes.truncate(1);
    program.outputs[0].value = ValueId(1);
    Model { program, weights }
}

/// Of a proof of zeros for a lie, both the work and the sums are wrong.
#[test]
fn the_ledger_misses_a_proofs_work_before_it_evaluates_what_the_proof_says() {
    let [client, worker, scheduler] = [1, 2, 3].map(|seed| Keypair::from_seed([seed; 32]));
    let model = linear();
    let raw = RawInput(vec![RawTensor { shape: vec![1, 2], bits: [1.25f32, 0.5].map(f32::to_bits).to_vec() }]);
    let input = encode(&raw);
    let (state, job) = ledger(&client, &scheduler, &model, &input);
    let context = ProofContext { chain: state.chain(), job, worker: worker.account() };
    let key = ProvingKey::new(model).expect("a key");
    let proof = prove(&key, &raw, &context).expect("proves");
    let settle = |output: RawOutput, proof: &[u8]| {
        let expires = state.height().plus(5);
        let lease = Lease { job, worker: worker.account(), token: LeaseToken(1), price: Amount::ciro(1), expires };
        let authority = Authority::Lease(SignedLease::sign(lease, &scheduler, state.chain()));
        let (input, output, proof) = (input.clone(), encode(&output), proof.to_vec());
        let action = Action::SettleJob { authority, input, output, proof };
        let body = TxBody { chain: state.chain(), sender: worker.account(), nonce: Nonce(0), action };
        check_stateless(&SignedTx::sign(body, &worker), &state, &ProofVerifier::default(), &NoEvidence).map(|_| ())
    };
    assert_eq!(settle(proof.output.clone(), &proof.bytes), Ok(()));
    let refusal = |output, bytes: &[u8]| match settle(output, bytes) {
        Err(TxError::ProofRejected { reason }) => reason,
        other => panic!("{other:?}"),
    };
    let zeros = vec![0; *key.verifying().proof_bytes().end()];
    let lie = RawOutput(vec![vec![proof.output.0[0][0] + 1]]);
    let unworked = refusal(lie.clone(), &zeros);
    assert!(unworked.contains("expected a proof of work"), "{unworked}");
    let short = refusal(lie, &zeros[..8]);
    assert!(!short.contains("proof of work"), "its length comes first: {short}");
}

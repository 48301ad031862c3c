//! What is cheap to refuse is refused first: of two defects the earlier one is named, and nothing dear is done for either.
//!
//! That a real proof's own work is missed before anything dear is evaluated is the prover's test `metered`.

use crate::support::{INPUT, OUTPUT, PRICE, ToyEvidence, ToyProofs, Who, World, params};
use ciro_state::error::SizedField;
use ciro_state::{
    Action, Authority, Facts as _, JobAction, ModelCost, ProofCheck, ProofClaim, ProofRejection, SignedLease, SignedTx,
    TxBody, TxError, check_stateless, input_hash,
};
use ciro_types::{Assurance, ChainId, JobId, Lease, LeaseToken, ModelRoots, Nonce};
use std::cell::Cell;

/// Counts what is dear: proofs that are verified.
#[derive(Default)]
struct Metered(Cell<u32>);

impl ProofCheck for Metered {
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        self.0.set(self.0.get() + 1);
        ToyProofs.check(claim)
    }

    fn cost(&self, program: &[u8], roots: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        ToyProofs.cost(program, roots)
    }
}

/// A settlement of W1's, part by part.
struct Draft {
    chain: ChainId,
    signer: Who,
    leased_to: Who,
    leased_by: Who,
    job: JobId,
    input: Vec<u8>,
    output: Vec<u8>,
    proof: Vec<u8>,
}

impl Draft {
    fn tx(&self, world: &World) -> SignedTx {
        let (worker, expires) = (self.leased_to.id(), world.height().plus(5));
        let lease = Lease { job: self.job, worker, token: LeaseToken(1), price: PRICE, expires };
        let authority = Authority::Lease(SignedLease::sign(lease, &self.leased_by.key(), world.state.chain()));
        let (input, output, proof) = (self.input.clone(), self.output.clone(), self.proof.clone());
        let action = Action::Job(JobAction::Settle { authority, input, output, proof });
        let body = TxBody { chain: self.chain, sender: Who::W1.id(), nonce: Nonce(0), action };
        SignedTx::sign(body, &self.signer.key())
    }
}

fn too_large(field: SizedField, limit: u32) -> TxError {
    TxError::TooLarge { field, expected: limit.into(), got: u64::from(limit) + 1 }
}

/// One defect of a settlement: what is refused because of it, and how it is mended.
struct Peel(TxError, Box<dyn Fn(&mut Draft)>);

/// Every defect, in the order in which they are to be named.
fn peels(world: &World, (ended, job): (JobId, JobId)) -> Vec<Peel> {
    let chain = world.state.chain();
    let limits = params();
    let proof = world.proof(job, Who::W1, OUTPUT);
    let peel = |error, mend: Box<dyn Fn(&mut Draft)>| Peel(error, mend);
    let status = world.status(ended);
    vec![
        peel(TxError::WrongChain { expected: chain, got: ChainId([9; 32]) }, Box::new(move |d| d.chain = chain)),
        peel(too_large(SizedField::Input, limits.max_input_bytes), Box::new(|d| d.input = b"other".to_vec())),
        peel(too_large(SizedField::Output, limits.max_output_bytes), Box::new(|d| d.output = OUTPUT.to_vec())),
        peel(too_large(SizedField::Proof, limits.max_proof_bytes), Box::new(|d| d.proof.clear())),
        peel(TxError::BadSignature { sender: Who::W1.id() }, Box::new(|d| d.signer = Who::W1)),
        peel(TxError::WrongSender { expected: Who::W2.id(), got: Who::W1.id() }, Box::new(|d| d.leased_to = Who::W1)),
        peel(
            TxError::BadLeaseSignature { scheduler: Who::Scheduler.id(), token: LeaseToken(1) },
            Box::new(|d| d.leased_by = Who::Scheduler),
        ),
        peel(TxError::UnknownJob { job: JobId([9; 32]) }, Box::new(move |d| d.job = ended)),
        peel(TxError::JobClosed { job: ended, status }, Box::new(move |d| d.job = job)),
        peel(
            TxError::WrongInput { expected: input_hash(INPUT), got: input_hash(b"other") },
            Box::new(|d| d.input = INPUT.to_vec()),
        ),
        peel(TxError::ProofMissing { job }, Box::new(|d| d.proof = b"wrong".to_vec())),
        peel(TxError::ProofRejected { reason: "toy proof".into() }, Box::new(move |d| d.proof.clone_from(&proof))),
    ]
}

#[test]
fn of_all_defects_of_a_settlement_the_cheapest_is_named_and_no_proof_is_verified_before_the_last() {
    let mut world = World::new();
    let (ended, job) = (world.submit(Assurance::A4), world.submit(Assurance::A4));
    world.ok(Who::Alice, Action::Job(JobAction::Cancel { job: ended }));
    while world.job(ended).is_open() {
        world.block(&[]);
    }
    let long = |limit: u32| vec![0; limit as usize + 1];
    let limits = params();
    let mut draft = Draft {
        chain: ChainId([9; 32]),
        signer: Who::Stranger,
        leased_to: Who::W2,
        leased_by: Who::Stranger,
        job: JobId([9; 32]),
        input: long(limits.max_input_bytes),
        output: long(limits.max_output_bytes),
        proof: long(limits.max_proof_bytes),
    };
    let meter = Metered::default();
    let check = |draft: &Draft| check_stateless(&draft.tx(&world), &world.state, &meter, &ToyEvidence).map(|_| ());
    for Peel(expected, mend) in peels(&world, (ended, job)) {
        let is_last = matches!(expected, TxError::ProofRejected { .. });
        assert_eq!(check(&draft), Err(expected));
        assert_eq!(meter.0.get(), u32::from(is_last), "a proof is verified when nothing else is left");
        mend(&mut draft);
    }
    assert_eq!((check(&draft), meter.0.get()), (Ok(()), 2));
}

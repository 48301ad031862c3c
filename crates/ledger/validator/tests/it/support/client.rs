//! Transactions as clients, workers and the scheduler make them.

use super::{SCHEDULER, genesis, key};
use ciro_state::{
    Action, Authority, JobAction, ModelAction, SignedLease, SignedTx, TokenAction, TxBody, WorkerAction, input_hash,
    job_id, model_id,
};
use ciro_types::{
    AccountId, Amount, Assurance, Height, JobId, JobSpec, JobType, Lease, LeaseToken, ModelRoots, Nonce, Offer, encode,
};

/// An account that signs its transactions in order.
pub(crate) struct Client {
    pub(crate) n: u8,
    nonce: u64,
}

impl Client {
    pub(crate) fn new(n: u8) -> Self {
        Self { n, nonce: 0 }
    }

    pub(crate) fn account(&self) -> AccountId {
        key(self.n).account()
    }

    pub(crate) fn tx(&mut self, action: Action) -> Vec<u8> {
        self.nonce += 1;
        tx_at(self.n, self.nonce - 1, action)
    }

    pub(crate) fn transfer(&mut self, to: AccountId, amount: u64) -> Vec<u8> {
        self.tx(Action::Token(TokenAction::Transfer { to, amount: Amount::ciro(amount) }))
    }

    pub(crate) fn register_worker(&mut self) -> Vec<u8> {
        self.tx(Action::Worker(WorkerAction::Register { stake: Amount::ciro(500) }))
    }

    pub(crate) fn register_model(&mut self) -> Vec<u8> {
        self.tx(Action::Model(ModelAction::Register { program: PROGRAM.to_vec(), roots: ModelRoots::default() }))
    }

    pub(crate) fn offer(&mut self) -> Vec<u8> {
        let offer = Offer {
            worker: self.account(),
            sequence: 1,
            flags: Default::default(),
            memory: Default::default(),
            price: Amount::ciro(2),
            slots: 4,
            expires: Height(5_000),
            label: String::new(),
        };
        self.tx(Action::Worker(WorkerAction::PublishOffer { offer }))
    }

    pub(crate) fn order(&mut self, spec: &JobSpec) -> Vec<u8> {
        self.tx(Action::Job(JobAction::Submit { spec: spec.clone() }))
    }

    pub(crate) fn settle(&mut self, job: JobId, token: u64, proof: &[u8]) -> Vec<u8> {
        let authority = Authority::Lease(lease(job, self.account(), token));
        let (input, output, proof) = (INPUT.to_vec(), b"the answer".to_vec(), proof.to_vec());
        self.tx(Action::Job(JobAction::Settle { authority, input, output, proof }))
    }
}

pub(crate) const PROGRAM: &[u8] = b"a program";
pub(crate) const INPUT: &[u8] = b"an input";

pub(crate) fn tx_at(n: u8, nonce: u64, action: Action) -> Vec<u8> {
    let body = TxBody { chain: genesis().chain_id(), sender: key(n).account(), nonce: Nonce(nonce), action };
    encode(&SignedTx::sign(body, &key(n)))
}

pub(crate) fn spec(client: u8, nonce: u64, assurance: Assurance) -> JobSpec {
    JobSpec {
        chain: genesis().chain_id(),
        client: key(client).account(),
        nonce: Nonce(nonce),
        job_type: JobType::AIInference,
        model: model_id(PROGRAM, &ModelRoots::default()),
        input: input_hash(INPUT),
        assurance,
        max_price: Amount::ciro(10),
        deadline: Height(5_000),
        requirements: Default::default(),
    }
}

pub(crate) fn id_of(spec: &JobSpec) -> JobId {
    job_id(spec)
}

fn lease(job: JobId, worker: AccountId, token: u64) -> SignedLease {
    let lease = Lease { job, worker, token: LeaseToken(token), price: Amount::ciro(2), expires: Height(300) };
    SignedLease::sign(lease, &key(SCHEDULER), genesis().chain_id())
}

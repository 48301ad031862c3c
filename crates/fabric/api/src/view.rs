//! Accounts, workers, models, jobs, blocks and the network as they are shown, and how they are read from the ledger's state.

use crate::refusal::Refusal;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_state::{Facts, Job, JobStatus, Params, State, Worker};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, JobSpec, ModelId, ModelRoots, Nonce, Offer,
    StateRoot, TxId,
};
use serde::{Deserialize, Serialize};

/// The network and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Status {
    /// Its name for people.
    pub network: String,
    /// Its name in every signature.
    pub chain: ChainId,
    /// The version of the software that answers.
    pub version: String,
    /// The last committed block.
    pub height: Height,
    /// The key that signs leases.
    pub scheduler: AccountId,
    /// Validators in the set.
    pub validators: u64,
    /// Workers with a standing offer.
    pub workers: u64,
    /// Milliseconds between blocks, as configured.
    pub block_ms: u64,
    /// Why the node takes nothing in, if it does not: its disk has no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<String>,
    /// The network's fixed numbers.
    pub params: Params,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct AccountView {
    /// Which.
    pub account: AccountId,
    /// Spendable money.
    pub balance: Amount,
    /// How many nonces are used up by committed transactions.
    pub nonce: Nonce,
    /// What its next transaction must carry: `nonce`, and past those of transactions that wait for a block.
    pub next_nonce: Nonce,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct WorkerView {
    /// Which.
    pub worker: AccountId,
    /// Active stake.
    pub stake: Amount,
    /// 0–1000.
    pub reputation: u16,
    /// Jobs paid.
    pub jobs_done: u64,
    /// Leases and reveal windows that ran out.
    pub timeouts: u64,
    /// Disputes lost.
    pub disputes_lost: u64,
    /// Its standing offer.
    pub offer: Option<Offer>,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelView {
    /// Which.
    pub model: ModelId,
    /// Its key and its weights.
    #[serde(flatten)]
    pub roots: ModelRoots,
    /// Longest part: its public program, bytes.
    pub program_bytes: u64,
    /// Who registered it first.
    pub owner: AccountId,
    /// When.
    pub registered: Height,
    /// Its owner withdrew it: it takes no orders until somebody registers it anew.
    pub is_retired: bool,
    /// Whether this node holds its program and weights, intact, for workers to fetch.
    pub is_stored: bool,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct JobView {
    /// Which.
    pub job: JobId,
    /// The order.
    pub spec: JobSpec,
    /// When it was ordered.
    pub opened: Height,
    /// Where it stands.
    pub status: JobStatus,
    /// Money held for it.
    pub escrow: Amount,
    /// Why it waits, while it waits for a worker.
    pub waits_for: Option<Refusal>,
    /// The same, for people.
    pub waits_because: Option<String>,
}

/// A committed block in brief.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: Height,
    /// Hash of its header.
    pub id: BlockId,
    /// The block before.
    pub parent: BlockId,
    /// Who proposed it.
    pub proposer: AccountId,
    /// Root of the state after the block before.
    pub state_root: StateRoot,
    /// Root over what the block before settled.
    pub receipts_root: Hash32,
    /// Its transactions.
    pub transactions: Vec<TxId>,
    /// Validators whose signatures certify it.
    pub signers: Vec<AccountId>,
}

/// A model the node keeps for workers to fetch.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StoredModel {
    /// Its id.
    pub model: ModelId,
    /// Its key and its weights.
    #[serde(flatten)]
    pub roots: ModelRoots,
    /// Whether the ledger knows it already and takes orders on it. If not, its owner registers it with a signed transaction.
    pub is_registered: bool,
}

/// What an account that signs requests owns, by which it may have budgets of its own.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Standing {
    /// The network's name in every signature.
    pub chain: ChainId,
    /// The last committed block.
    pub height: Height,
    /// Spendable money.
    pub balance: Amount,
    /// Active stake, if it is a worker's.
    pub stake: Amount,
}

/// A worker that would serve an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Offered {
    /// Who.
    pub worker: AccountId,
    /// What it asks, before the protocol fee.
    pub price: Amount,
}

/// How long recent jobs took from order to settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Latency {
    /// The median, milliseconds.
    pub median_ms: u64,
    /// Of how many jobs.
    pub jobs: u64,
}

impl Standing {
    /// What `state` says of an account.
    #[must_use]
    pub fn of(state: &State, account: AccountId) -> Self {
        Self {
            chain: state.chain(),
            height: state.height(),
            balance: state.account(&account).balance,
            stake: state.worker(&account).map_or(Amount::ZERO, |worker| worker.stake),
        }
    }
}

impl AccountView {
    /// What `state` says of an account whose waiting transactions take the nonces before `queued`.
    #[must_use]
    pub fn of(state: &State, account: AccountId, queued: Nonce) -> Self {
        let found = state.account(&account);
        Self { account, balance: found.balance, nonce: found.nonce, next_nonce: queued.max(found.nonce) }
    }
}

impl WorkerView {
    /// All workers of `state`.
    #[must_use]
    pub fn all(state: &State) -> Vec<Self> {
        let view = |(id, worker): (&AccountId, &Worker)| Self {
            worker: *id,
            stake: worker.stake,
            reputation: worker.reputation.0,
            jobs_done: worker.jobs_done,
            timeouts: worker.timeouts,
            disputes_lost: worker.disputes_lost,
            offer: state.offer(id).cloned(),
        };
        state.workers().map(view).collect()
    }
}

impl ModelView {
    /// What `state` says of a model, if it knows it.
    #[must_use]
    pub fn of(state: &State, model: ModelId, is_stored: bool) -> Option<Self> {
        let found = state.model(&model)?;
        Some(Self {
            model,
            roots: found.roots,
            program_bytes: found.program.len() as u64,
            owner: found.owner,
            registered: found.registered,
            is_retired: found.is_retired,
            is_stored,
        })
    }
}

impl JobView {
    /// A job of the ledger, and why it waits for a worker if it does.
    #[must_use]
    pub fn of(id: JobId, job: Job, waits_for: Option<Refusal>) -> Self {
        Self {
            job: id,
            opened: job.opened,
            status: job.status,
            escrow: job.escrow,
            spec: job.spec,
            waits_because: waits_for.as_ref().map(ToString::to_string),
            waits_for,
        }
    }
}

/// What somebody would lose who made a wrong answer pass at `assurance`, if `workers` answered.
#[must_use]
pub fn stake_at_risk(state: &State, assurance: Assurance, workers: &[AccountId]) -> Amount {
    match assurance {
        Assurance::A0 => Amount::ZERO,
        Assurance::A2 => workers.iter().filter_map(|id| state.worker(id)).map(|worker| worker.stake).sum(),
        Assurance::A4 => {
            let voters = state.validators().filter(|(_, validator)| validator.power > 0);
            let total: Amount = voters.map(|(_, validator)| validator.stake).sum();
            total.mul_div(2, 3).unwrap_or(total)
        }
    }
}

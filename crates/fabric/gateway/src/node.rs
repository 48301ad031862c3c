//! What the gateway asks of the process it runs in.

use crate::caller::Client;
use ciro_queue::Position;
use ciro_receipt::Receipt;
use ciro_scheduler::Refusal;
use ciro_state::{CommittedEvent, Params, SignedTx, State};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, ModelId, Nonce, Requirements, StateRoot,
    TxId,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// Why the node gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The ledger would refuse this transaction.
    #[error("{reason}")]
    Refused {
        /// The ledger's words.
        reason: String,
    },
    /// Another transaction of this account has this nonce, in a block or waiting for one. Once it is in a block this one can never be
    /// executed and may be signed anew.
    #[error("{reason}")]
    Nonce {
        /// The ledger's words.
        reason: String,
    },
    /// It was kept once and is no longer.
    #[error("{reason}")]
    Pruned {
        /// From where on such things are kept.
        reason: String,
    },
    /// The bytes are not what they are sent as.
    #[error("{reason}")]
    Invalid {
        /// What is wrong with them.
        reason: String,
    },
    /// The client keeps as much here as it may, or the node as much as it has room for.
    #[error("{reason}")]
    Quota {
        /// What is full.
        reason: String,
        /// After which time there may be room.
        wait: Duration,
    },
    /// The node is stopping, overloaded or broken.
    #[error("the node cannot answer: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// The network and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub validators: usize,
    /// Workers with a standing offer.
    pub workers: usize,
    /// Milliseconds between blocks, as configured.
    pub block_ms: u64,
    /// Why the node takes nothing in, if it does not: its disk has no room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<String>,
    /// The network's fixed numbers.
    pub params: Params,
}

/// When a submission is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Once the transaction waits for a block: its nonce is taken, and nothing is durable.
    Waiting,
    /// Once it is committed, durably.
    #[default]
    Committed,
}

/// A committed block in brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredModel {
    /// Its id.
    pub model: ModelId,
    /// Commitment to its weights.
    pub weight_root: Hash32,
    /// Whether the ledger knows it already and takes orders on it. If not, its owner registers it with a signed transaction.
    pub is_registered: bool,
}

/// What became of a transaction.
pub type Fate = Result<TxId, NodeError>;

/// An upload on its way to the node. Dropping it leaves nothing behind. Calls may block.
pub trait Sink<T>: Send {
    /// Appends bytes. Holds no file open between calls.
    ///
    /// # Errors
    /// [`NodeError::Quota`] if the client has no room for them, [`NodeError::Unavailable`].
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError>;

    /// Keeps what came, durably once this returns.
    ///
    /// # Errors
    /// [`NodeError::Invalid`] if the bytes are not what they are sent as.
    fn keep(self: Box<Self>) -> Result<T, NodeError>;
}

/// The node behind a gateway. Calls come from many threads and may block.
pub trait Node: Send + Sync + 'static {
    /// The network and how far it is.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn status(&self) -> Result<Status, NodeError>;

    /// Shows the committed state to `read`, once.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`]; `read` was not called then.
    fn with_state(&self, read: Box<dyn FnOnce(&State) + Send>) -> Result<(), NodeError>;

    /// What the next transaction of `account` must carry, counting those that wait for a block.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn next_nonce(&self, account: AccountId) -> Result<Nonce, NodeError>;

    /// Hands a transaction to consensus. Its fate comes when `until` says, or once it is refused; the channel closes without
    /// one if the node stops. Sending it again does no harm. Does not wait for the block.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`]. What the ledger refuses comes through the channel: [`NodeError::Refused`], or
    /// [`NodeError::Nonce`] if another transaction has its nonce.
    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError>;

    /// What became of a transaction that is in a block. `None` if none holds it.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn fate(&self, tx: TxId) -> Result<Option<Fate>, NodeError>;

    /// Room for a raw input that workers can fetch, in the name of `client`.
    ///
    /// # Errors
    /// [`NodeError::Quota`], [`NodeError::Unavailable`].
    fn take_input(&self, client: &Client) -> Result<Box<dyn Sink<Hash32>>, NodeError>;

    /// Room for a compiled model in the name of `client`. Keeping it checks it and commits to its weights.
    ///
    /// # Errors
    /// [`NodeError::Quota`], [`NodeError::Unavailable`].
    fn take_model(&self, client: &Client) -> Result<Box<dyn Sink<StoredModel>>, NodeError>;

    /// Whether a raw input is here, intact.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn holds_input(&self, input: Hash32) -> Result<bool, NodeError>;

    /// Whether the bytes of a compiled model are here, intact.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn holds_model(&self, model: ModelId) -> Result<bool, NodeError>;

    /// Removes what nobody refers to any more. Called about once a minute.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn tidy(&self) -> Result<(), NodeError>;

    /// The `count` workers that would serve these requirements now and what each asks, or why there are not as many.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn offers(
        &self,
        requirements: Requirements,
        count: usize,
    ) -> Result<Result<Vec<(AccountId, Amount)>, Refusal>, NodeError>;

    /// Why an open job waits, if it waits for a worker.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn waits_for(&self, job: JobId) -> Result<Option<Refusal>, NodeError>;

    /// The receipt of a settled job, once the block after its settlement is certified.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn receipt(&self, job: JobId) -> Result<Option<Receipt>, NodeError>;

    /// A committed block.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn block(&self, height: Height) -> Result<Option<BlockView>, NodeError>;

    /// Up to `limit` committed events at or after `from`, in order.
    ///
    /// # Errors
    /// [`NodeError::Unavailable`].
    fn events(&self, from: Position, limit: usize) -> Result<Vec<CommittedEvent>, NodeError>;

    /// Changes whenever a block has been committed; closes when the node stops.
    fn committed(&self) -> watch::Receiver<Height>;

    /// Median milliseconds from order to settlement of recent jobs at a rung, and over how many. `None` without any.
    fn latency(&self, assurance: Assurance) -> Option<(u64, usize)>;
}

//! What goes into a validator and what comes out.

use ciro_consensus::BlockHeader;
use ciro_state::{CommittedEvent, SettlementRecord, TxError};
use ciro_store::TxRecord;
use ciro_types::{AccountId, Amount, BlockId, DecodeError, Nonce, TxId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A wake-up. Early, late and superfluous ones do no harm.
    Timer,
    /// A message from a peer that the transport has authenticated.
    Bytes {
        /// The peer.
        from: AccountId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Encoded transactions from a client of this validator. Each is answered by one [`Effect::Admission`], at once or,
    /// if it depends on a block that is not committed here yet, after a few blocks.
    Submit(Vec<Vec<u8>>),
}

/// Something to do, in the order given.
#[derive(Clone, Debug)]
pub enum Effect {
    /// [`crate::Net::send`].
    Send {
        /// The peer.
        to: AccountId,
        /// The message.
        bytes: Vec<u8>,
    },
    /// [`crate::Net::broadcast`].
    Broadcast {
        /// The message.
        bytes: Vec<u8>,
    },
    /// Give [`Input::Timer`] at or after this time. Wishes add up, and none is made twice: [`crate::WakeUps`] keeps them.
    SetTimer {
        /// When, milliseconds on the caller's clock.
        at_ms: u64,
    },
    /// What became of a submitted transaction.
    Admission(Admission),
    /// A block is final, executed and durable.
    Committed(Arc<Committed>),
    /// Something that only a bug, or a Byzantine majority, explains. For the operator's log.
    Anomaly(String),
    /// The validator stops taking part, or takes part again.
    Health(Health),
}

/// Whether a validator takes part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Health {
    /// It does.
    #[default]
    Well,
    /// Its disk has no room. It answers from what it has, and tries again.
    ReadOnly {
        /// What the disk said.
        reason: String,
    },
}

/// Whether a submitted transaction waits for a block now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// Its id; none if the bytes are no transaction.
    pub tx: Option<TxId>,
    /// Accepted (a transaction that waits already counts as accepted), or why not.
    pub result: Result<(), SubmitError>,
}

/// Why a transaction does not wait for a block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The bytes are no transaction.
    #[error("not a transaction")]
    Malformed(#[source] DecodeError),
    /// It can never succeed as it is.
    #[error("transaction refused")]
    Invalid(#[source] TxError),
    /// Its nonce is used up: it, or another with the same nonce, is in a block.
    #[error("nonce {got} is used: the account is at {expected}")]
    NonceUsed {
        /// The account's next nonce.
        expected: Nonce,
        /// The transaction's.
        got: Nonce,
    },
    /// Its nonce is too far ahead to be kept.
    #[error("nonce {got} is too far ahead: the account is at {next}, at most {ahead} may wait")]
    NonceAhead {
        /// The account's next nonce.
        next: Nonce,
        /// How many may wait.
        ahead: usize,
        /// The transaction's.
        got: Nonce,
    },
    /// Another transaction with this nonce waits. The first one stays.
    #[error("nonce {nonce} is taken by waiting transaction {waiting}")]
    NonceTaken {
        /// The nonce.
        nonce: Nonce,
        /// The one that waits.
        waiting: TxId,
    },
    /// Its sender cannot pay the fees of all its waiting transactions.
    #[error("fees of this and the sender's waiting transactions: expected a balance of at least {expected}, got {got}")]
    Unfunded {
        /// All fees together.
        expected: Amount,
        /// The balance.
        got: Amount,
    },
    /// Its sender has as much waiting as one may have. Try again after the next block.
    #[error("{txs} transactions of this sender with {bytes} bytes wait already")]
    SenderFull {
        /// How many wait.
        txs: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// Its sender sent something false that was dear to check. Try again some blocks later.
    #[error("a false proof, model or report of this sender was refused; try again {commits} blocks later")]
    Barred {
        /// For how long.
        commits: u64,
    },
    /// Its part of the pool is full of what pays as much for each byte. Try again after the next block.
    #[error("the pool of waiting transactions is full")]
    PoolFull,
    /// The validator takes nothing in until its disk has room.
    #[error("read-only: {reason}")]
    ReadOnly {
        /// What the disk said.
        reason: String,
    },
}

/// A committed block, as the rest of the node follows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its name.
    pub id: BlockId,
    /// Its header.
    pub header: BlockHeader,
    /// What became of its transactions, in order.
    pub txs: Vec<TxRecord>,
    /// What the next transaction of each account with a transaction here must carry.
    pub nonces: BTreeMap<AccountId, Nonce>,
    /// What happened, in order, each with its position.
    pub events: Vec<CommittedEvent>,
    /// Jobs paid in this block. Their proofs exist once the next block is committed.
    pub records: Vec<SettlementRecord>,
}

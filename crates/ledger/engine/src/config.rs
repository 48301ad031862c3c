//! What a validator is told once.

use crate::verified::VerifiedTxs;
use ciro_consensus::Timeouts;
use ciro_crypto::Keypair;
use ciro_state::{Genesis, ProofCheck};
use ciro_store::Store;
use std::sync::Arc;

/// Who this validator is, on which network, and within which bounds.
pub struct Config {
    /// The network.
    pub genesis: Genesis,
    /// Signs votes, proposals and evidence reports. A key outside the validator set follows without voting.
    pub key: Keypair,
    /// Waiting times.
    pub timeouts: Timeouts,
    /// Bounds.
    pub limits: Limits,
    /// Verifies A4 proofs.
    pub proofs: Arc<dyn ProofCheck + Send + Sync>,
    /// Transactions already checked. Several validators of one process may share it: they then trust that process to
    /// check each signature and proof once, as they trust its memory.
    pub verified: Arc<VerifiedTxs>,
}

/// What a validator survives on: two small files and a database. Each validator has its own.
pub struct Disks<F> {
    /// The write-ahead log of the agreement.
    pub wal: F,
    /// The last-signed mark of the key.
    pub guard: F,
    /// Blocks and state. Shared with whoever serves reads.
    pub store: Arc<Store>,
}

/// Bounds of one validator. Block bounds are judged by every validator, so they are the same across a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most transactions of a block.
    pub block_txs: usize,
    /// Most transaction bytes of a block. One transaction of the largest allowed size always fits.
    pub block_bytes: usize,
    /// Most waiting transactions.
    pub pool_txs: usize,
    /// Most bytes of waiting transactions.
    pub pool_bytes: usize,
    /// Most waiting transactions of one sender, and how far ahead of its account its nonces may be.
    pub pool_per_sender: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { block_txs: 4_000, block_bytes: 8 << 20, pool_txs: 40_000, pool_bytes: 128 << 20, pool_per_sender: 4_096 }
    }
}

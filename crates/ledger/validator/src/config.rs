//! What a validator is told once.

use crate::verified::VerifiedTxs;
use ciro_consensus::Timeouts;
use ciro_crypto::Keypair;
use ciro_state::{Genesis, Lane, Load, ProofCheck};
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

impl Config {
    /// The same words again, for a validator that is opened again.
    #[must_use]
    pub fn again(&self) -> Self {
        Self {
            genesis: self.genesis.clone(),
            key: Keypair::from_seed(self.key.seed()),
            timeouts: self.timeouts,
            limits: self.limits,
            proofs: Arc::clone(&self.proofs),
            verified: Arc::clone(&self.verified),
        }
    }
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

/// Bounds of one validator's pool. What a block may hold follows from the network's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most waiting transactions, in all lanes together.
    pub pool_txs: usize,
    /// Most bytes of waiting transactions, in all lanes together.
    pub pool_bytes: usize,
    /// Most waiting transactions of one sender.
    pub pool_per_sender: usize,
    /// Most bytes of waiting transactions of one sender, unless it is a single one.
    pub sender_bytes: usize,
    /// Most units of verification of waiting transactions, in all lanes together.
    pub pool_units: u64,
    /// Most units of waiting transactions of one sender, unless it is a single one: what two plain blocks hold by default.
    pub sender_units: u64,
    /// How far beyond the next free nonce of its sender a transaction's may be.
    pub gap: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pool_txs: 40_000,
            pool_bytes: 128 << 20,
            pool_per_sender: 4_096,
            sender_bytes: 16 << 20,
            pool_units: 32_000_000,
            sender_units: 1_000_000,
            gap: 16,
        }
    }
}

impl Limits {
    /// What one lane may hold of it: a half, a quarter, three sixteenths and a sixteenth.
    #[must_use]
    pub fn share(&self, lane: Lane) -> Load {
        let sixteenths = match lane {
            Lane::Plain => 8,
            Lane::Work => 4,
            Lane::Reveal => 3,
            Lane::Report => 1,
        };
        let part = |whole: usize| (whole / 16).saturating_mul(sixteenths) + whole % 16 * sixteenths / 16;
        let units = (self.pool_units / 16).saturating_mul(sixteenths as u64);
        Load { txs: part(self.pool_txs).max(1), bytes: part(self.pool_bytes), units }
    }
}

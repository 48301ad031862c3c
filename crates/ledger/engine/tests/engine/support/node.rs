//! One validator on simulated disks, with what it has said.

use super::{Rng, genesis, key};
use ciro_consensus::file::Fate;
use ciro_engine::{
    Admission, Config, Disks, Effect, Input, Limits, MemoryBackend, MemoryFile, Store, Timeouts, Validator, VerifiedTxs,
};
use ciro_state::{CommittedEvent, ProofCheck, ProofClaim, ProofCost, ProofRejection, State};
use ciro_types::{AccountId, Hash32};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Accepts exactly one proof, and counts how often it is asked: what a cache must not change, and what it must.
#[derive(Default)]
pub(crate) struct CountingProofs(pub(crate) AtomicUsize);

pub(crate) const GOOD_PROOF: &[u8] = b"the proof that this checker accepts";

impl ProofCheck for CountingProofs {
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if claim.proof == GOOD_PROOF { Ok(()) } else { Err(ProofRejection { reason: "not the good proof".into() }) }
    }

    fn cost(&self, _: &[u8], _: Hash32) -> Result<ProofCost, ProofRejection> {
        Ok(ProofCost { units: 1_000, memory: 0 })
    }
}

pub(crate) struct Node {
    n: u8,
    pub(crate) account: AccountId,
    pub(crate) incarnation: u64,
    pub(crate) validator: Option<Validator<MemoryFile>>,
    pub(crate) wal: MemoryFile,
    guard: MemoryFile,
    database: MemoryFile,
    store: Option<Arc<Store>>,
    pub(crate) proofs: Arc<CountingProofs>,
    pub(crate) verified: Arc<VerifiedTxs>,
    pub(crate) limits: Limits,
    pub(crate) events: Vec<CommittedEvent>,
    pub(crate) admissions: Vec<Admission>,
    pub(crate) anomalies: Vec<String>,
}

impl Node {
    pub(crate) fn new(n: u8) -> Self {
        Self {
            n,
            account: key(n).account(),
            incarnation: 0,
            validator: None,
            wal: MemoryFile::default(),
            guard: MemoryFile::default(),
            database: MemoryFile::default(),
            store: None,
            proofs: Arc::default(),
            verified: Arc::default(),
            limits: Limits::default(),
            events: Vec::new(),
            admissions: Vec::new(),
            anomalies: Vec::new(),
        }
    }

    pub(crate) fn boot(&mut self, now_ms: u64) -> Vec<Effect> {
        self.incarnation += 1;
        let store = Arc::new(Store::open_on(MemoryBackend(self.database.clone())).expect("recoverable"));
        self.store = Some(store.clone());
        let config = Config {
            genesis: genesis(),
            key: key(self.n),
            timeouts: Timeouts { propose_ms: 300, propose_step_ms: 150, rebroadcast_ms: 400, ..Timeouts::default() },
            limits: self.limits,
            proofs: self.proofs.clone(),
            verified: self.verified.clone(),
        };
        let disks = Disks { wal: self.wal.clone(), guard: self.guard.clone(), store };
        let (validator, effects) = Validator::open(config, disks, now_ms).expect("starts");
        self.validator = Some(validator);
        effects
    }

    /// Power loss: unsynced writes are kept, lost or torn. The process's memory is gone, its cache included.
    pub(crate) fn crash(&mut self, rng: &mut Rng) {
        self.incarnation += 1;
        let fate = |rng: &mut Rng| match rng.below(3) {
            0 => Fate::Kept,
            1 => Fate::Lost,
            _ => Fate::Torn(rng.below(300) as usize),
        };
        // The disk is cut first: a database that is closed in an orderly way would have synced.
        let database = self.database.fork();
        for file in [&self.wal, &self.guard, &database] {
            file.crash(|| fate(rng));
        }
        (self.validator, self.store, self.database) = (None, None, database);
        self.verified = Arc::default();
    }

    pub(crate) fn deliver(&mut self, now_ms: u64, from: AccountId, bytes: Vec<u8>) -> Vec<Effect> {
        self.step(now_ms, Input::Bytes { from, bytes })
    }

    pub(crate) fn timer(&mut self, now_ms: u64, incarnation: u64) -> Vec<Effect> {
        if incarnation == self.incarnation { self.step(now_ms, Input::Timer) } else { Vec::new() }
    }

    pub(crate) fn submit(&mut self, now_ms: u64, txs: Vec<Vec<u8>>) -> Vec<Effect> {
        self.step(now_ms, Input::Submit(txs))
    }

    fn step(&mut self, now_ms: u64, input: Input) -> Vec<Effect> {
        match &mut self.validator {
            Some(validator) => validator.step(now_ms, input).expect("keeps going"),
            None => Vec::new(),
        }
    }

    pub(crate) fn height(&self) -> u64 {
        self.state().height().0
    }

    pub(crate) fn state(&self) -> &State {
        self.validator.as_ref().expect("alive").state()
    }

    pub(crate) fn store(&self) -> &Store {
        self.store.as_deref().expect("alive")
    }

    /// The content of its database on a disk of its own.
    pub(crate) fn database_copy(&self) -> MemoryBackend {
        MemoryBackend(self.database.fork())
    }

    pub(crate) fn validator(&mut self) -> &mut Validator<MemoryFile> {
        self.validator.as_mut().expect("alive")
    }
}

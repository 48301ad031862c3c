//! One validator on simulated disks, with what it has said.

use super::{Rng, genesis, key};
use ciro_consensus::file::Fate;
use ciro_state::{CommittedEvent, ModelCost, ProofCheck, ProofClaim, ProofCost, ProofRejection, State};
use ciro_types::{AccountId, ModelRoots};
use ciro_validator::{
    Admission, Config, Effect, Health, Input, Limits, Machine, MemoryBackend, MemoryFile, Resident, Retention, Store,
    Timeouts, Validator, ValidatorError, VerifiedTxs, WalFile,
};
use redb::StorageBackend;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Accepts exactly one proof, and counts how often it is asked: what a cache must not change, and what it must.
#[derive(Default)]
pub(crate) struct CountingProofs(pub(crate) AtomicUsize);

pub(crate) const GOOD_PROOF: &[u8] = b"the proof that this checker accepts";

impl ProofCheck for CountingProofs {
    fn check(&self, claim: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        self.0.fetch_add(1, Ordering::Relaxed);
        if claim.proof == GOOD_PROOF { Ok(()) } else { Err(ProofRejection { reason: "not the good proof".into() }) }
    }

    fn cost(&self, _: &[u8], _: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        Ok(ModelCost { proof: ProofCost { units: 1_000, memory: 0 }, weight_bytes: 0 })
    }
}

/// A file on a disk that may be full.
#[derive(Clone, Debug, Default)]
pub(crate) struct Small {
    pub(crate) file: MemoryFile,
    pub(crate) is_full: Arc<AtomicBool>,
}

impl Small {
    fn on(is_full: &Arc<AtomicBool>) -> Self {
        Self { file: MemoryFile::default(), is_full: Arc::clone(is_full) }
    }

    fn room(&self) -> io::Result<()> {
        if self.is_full.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl WalFile for Small {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.file.read()
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.room()?;
        self.file.write_at(offset, bytes)
    }

    fn set_len(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

impl StorageBackend for Small {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_at(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.clone().set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.clone().sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.room()?;
        self.file.clone().write_at(offset, data)
    }
}

/// The files of one validator, on one disk.
pub(crate) struct Desk {
    wal: Small,
    guard: Small,
    store: Arc<Store>,
}

impl Machine for Desk {
    type File = Small;

    fn files(&self) -> io::Result<(Small, Small)> {
        Ok((self.wal.clone(), self.guard.clone()))
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }
}

pub(crate) struct Node {
    n: u8,
    pub(crate) account: AccountId,
    pub(crate) incarnation: u64,
    pub(crate) validator: Option<Resident<Desk>>,
    pub(crate) wal: Small,
    guard: Small,
    database: Small,
    pub(crate) retention: Retention,
    pub(crate) health: Health,
    pub(crate) stranded: Option<ValidatorError>,
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
        let disk = Arc::default();
        Self {
            n,
            account: key(n).account(),
            incarnation: 0,
            validator: None,
            wal: Small::on(&disk),
            guard: Small::on(&disk),
            database: Small::on(&disk),
            retention: Retention::All,
            health: Health::Well,
            stranded: None,
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
        let store = Store::open_on(self.database.clone()).expect("recoverable").retaining(self.retention);
        let store = Arc::new(store);
        self.store = Some(store.clone());
        let config = Config {
            genesis: genesis(),
            key: key(self.n),
            timeouts: Timeouts {
                propose_ms: 300,
                propose_step_ms: 150,
                rebroadcast_ms: 400,
                pace_ms: 0,
                ..Timeouts::default()
            },
            limits: self.limits,
            proofs: self.proofs.clone(),
            verified: self.verified.clone(),
        };
        let desk = Desk { wal: self.wal.clone(), guard: self.guard.clone(), store };
        let (validator, effects) = Resident::open(config, desk, now_ms).expect("starts");
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
        let database = Small { file: self.database.file.fork(), is_full: Arc::clone(&self.database.is_full) };
        for file in [&self.wal.file, &self.guard.file, &database.file] {
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
        let Some(validator) = &mut self.validator else { return Vec::new() };
        match validator.step(now_ms, input) {
            Ok(effects) => effects,
            Err(error @ ValidatorError::Stranded { .. }) => {
                (self.validator, self.stranded) = (None, Some(error));
                Vec::new()
            }
            Err(error) => panic!("does not keep going: {error:?}"),
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
        MemoryBackend(self.database.file.fork())
    }

    pub(crate) fn validator(&self) -> &Validator<Small> {
        self.validator.as_ref().expect("alive").validator()
    }

    /// Fills the disk, or makes room on it.
    pub(crate) fn set_full(&self, is_full: bool) {
        self.database.is_full.store(is_full, Ordering::Relaxed);
    }

    /// The store's file is gone.
    pub(crate) fn lose_database(&mut self) {
        (self.validator, self.store) = (None, None);
        self.database = Small { file: MemoryFile::default(), is_full: Arc::clone(&self.database.is_full) };
    }

    /// Another store in place of the one that is lost.
    pub(crate) fn fresh_store(&mut self) -> Store {
        Store::open_on(self.database.clone()).expect("a new file").retaining(self.retention)
    }
}

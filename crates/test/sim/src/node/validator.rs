//! A validator's machine: its key, its three files, and the clients that wait for an answer.

use super::Stopped;
use crate::cast::{Place, timeouts};
use crate::disk::{Disk, Power};
use crate::rng::Rng;
use ciro_receipt::ProofVerifier;
use ciro_state::{Genesis, State};
use ciro_types::{Height, TxId, chain};
use ciro_validator::{
    Config, Effect, Input, Limits, Machine, Resident, Store, Validator, ValidatorError, VerifiedTxs, WakeUps,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The files of a validator's machine.
struct Files {
    wal: Disk,
    guard: Disk,
    store: Arc<Store>,
}

impl Machine for Files {
    type File = Disk;

    fn files(&self) -> std::io::Result<(Disk, Disk)> {
        Ok((self.wal.clone(), self.guard.clone()))
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }
}

/// A validator's machine.
pub struct ValidatorNode {
    number: usize,
    power: Power,
    wal: Disk,
    guard: Disk,
    database: Disk,
    running: Option<Resident<Files>>,
    /// What it asked for, kept as the runner that ships keeps it.
    pub wake_ups: WakeUps,
    /// Counts starts, so that wake-ups of an earlier life are recognised.
    pub incarnation: u64,
    /// Who waits to hear of which transaction.
    pub waiting: BTreeMap<TxId, BTreeSet<Place>>,
}

impl ValidatorNode {
    /// A machine with empty disks, switched off.
    #[must_use]
    pub fn new(number: usize) -> Self {
        let power = Power::default();
        let [wal, guard, database] = [(); 3].map(|()| Disk::new(&power));
        Self {
            number,
            power,
            wal,
            guard,
            database,
            running: None,
            wake_ups: WakeUps::default(),
            incarnation: 0,
            waiting: BTreeMap::new(),
        }
    }

    /// Starts the validator from its disks.
    ///
    /// # Errors
    /// [`Stopped`] if the power goes meanwhile, or the disks do not hold what they must.
    pub fn start(&mut self, genesis: &Genesis, now_ms: u64) -> Result<Vec<Effect>, Stopped> {
        self.incarnation += 1;
        self.wake_ups = WakeUps::default();
        let store =
            Store::open_on(self.database.clone()).map_err(ValidatorError::Store).map_err(|e| self.not_started(&e))?;
        let config = Config {
            genesis: genesis.clone(),
            key: Place::Validator(self.number).key(),
            timeouts: timeouts(),
            limits: Limits::default(),
            proofs: Arc::new(ProofVerifier::default()),
            verified: Arc::new(VerifiedTxs::default()),
        };
        let files = Files { wal: self.wal.clone(), guard: self.guard.clone(), store: Arc::new(store) };
        let (validator, effects) = Resident::open(config, files, now_ms).map_err(|e| self.not_started(&e))?;
        self.running = Some(validator);
        Ok(effects)
    }

    /// Takes one step, if the machine is on.
    ///
    /// # Errors
    /// [`Stopped`] if the validator must stop.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, Stopped> {
        let Some(validator) = &mut self.running else { return Ok(Vec::new()) };
        validator.step(now_ms, input).map_err(|e: ValidatorError| self.stopped(&e))
    }

    /// A machine that finds no room when it starts is started again.
    fn not_started(&self, error: &ValidatorError) -> Stopped {
        if error.is_no_room() { Stopped::Dark } else { self.stopped(error) }
    }

    fn stopped(&self, error: &dyn std::error::Error) -> Stopped {
        if self.power.is_out() { Stopped::Dark } else { Stopped::Broken(chain(error)) }
    }

    /// Cuts the power now, or at a later flush.
    pub fn cut_after(&self, flushes: u64) {
        self.power.cut_after(flushes);
    }

    /// Whether the machine's disk has no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.power.is_full()
    }

    /// Fills the machine's disk, or makes room on it.
    pub fn set_full(&self, is_full: bool) {
        self.power.set_full(is_full);
    }

    /// The machine is off, and its disks hold what the cut left.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.power.cut();
        self.running = None;
        self.incarnation += 1;
        self.wake_ups = WakeUps::default();
        self.waiting.clear();
        for disk in [&self.wal, &self.guard, &self.database] {
            disk.crash(rng);
        }
        self.power.restore();
    }

    /// The validator, while the machine is on.
    #[must_use]
    pub fn validator(&self) -> Option<&Validator<Disk>> {
        self.running.as_ref().map(Resident::validator)
    }

    /// The state after the last block, while the machine is on.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.running.as_ref().map(Resident::state)
    }

    /// Whether the block at `height` is committed here.
    #[must_use]
    pub fn has(&self, height: Height) -> bool {
        self.state().is_some_and(|state| state.height() >= height)
    }
}

//! A validator's machine: its key, its three files, and the clients that wait for an answer.

use super::{Stopped, explain};
use crate::cast::{Place, timeouts};
use crate::disk::{Disk, Power};
use crate::rng::Rng;
use ciro_engine::{Config, Disks, Effect, EngineError, Input, Limits, Store, Validator, VerifiedTxs};
use ciro_receipt::ProofVerifier;
use ciro_state::{Genesis, State};
use ciro_types::{Height, TxId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A validator's machine.
pub struct ValidatorNode {
    number: usize,
    power: Power,
    wal: Disk,
    guard: Disk,
    database: Disk,
    running: Option<Validator<Disk>>,
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
        Self { number, power, wal, guard, database, running: None, incarnation: 0, waiting: BTreeMap::new() }
    }

    /// Starts the validator from its disks.
    ///
    /// # Errors
    /// [`Stopped`] if the power goes meanwhile, or the disks do not hold what they must.
    pub fn start(&mut self, genesis: &Genesis, now_ms: u64) -> Result<Vec<Effect>, Stopped> {
        self.incarnation += 1;
        let store = Store::open_on(self.database.clone()).map_err(|e| self.stopped(&e))?;
        let config = Config {
            genesis: genesis.clone(),
            key: Place::Validator(self.number).key(),
            timeouts: timeouts(),
            limits: Limits::default(),
            proofs: Arc::new(ProofVerifier::default()),
            verified: Arc::new(VerifiedTxs::default()),
        };
        let disks = Disks { wal: self.wal.clone(), guard: self.guard.clone(), store: Arc::new(store) };
        let (validator, effects) = Validator::open(config, disks, now_ms).map_err(|e| self.stopped(&e))?;
        self.running = Some(validator);
        Ok(effects)
    }

    /// Takes one step, if the machine is on.
    ///
    /// # Errors
    /// [`Stopped`] if the validator must stop.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, Stopped> {
        let Some(validator) = &mut self.running else { return Ok(Vec::new()) };
        validator.step(now_ms, input).map_err(|e: EngineError| self.stopped(&e))
    }

    fn stopped(&self, error: &dyn std::error::Error) -> Stopped {
        if self.power.is_out() { Stopped::Dark } else { Stopped::Broken(explain(error)) }
    }

    /// Cuts the power now, or at a later flush.
    pub fn cut_after(&self, flushes: u64) {
        self.power.cut_after(flushes);
    }

    /// The machine is off, and its disks hold what the cut left.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.power.cut();
        self.running = None;
        self.incarnation += 1;
        self.waiting.clear();
        for disk in [&self.wal, &self.guard, &self.database] {
            disk.crash(rng);
        }
        self.power.restore();
    }

    /// The validator, while the machine is on.
    #[must_use]
    pub fn validator(&self) -> Option<&Validator<Disk>> {
        self.running.as_ref()
    }

    /// The state after the last block, while the machine is on.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.running.as_ref().map(Validator::state)
    }

    /// Whether the block at `height` is committed here.
    #[must_use]
    pub fn has(&self, height: Height) -> bool {
        self.state().is_some_and(|state| state.height() >= height)
    }
}

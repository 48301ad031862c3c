//! A validator that outlives a full disk.
//!
//! When a disk has no room, the step fails, and nothing of it is sent. The validator stops taking part: it is
//! *read-only*. Reads are still answered from the last state, and submissions are refused by name. After a while it is
//! opened again from its disks, as after a crash. A block that was decided meanwhile is in its log or with its peers.
//! So none is lost, and none is announced twice or not at all.

use crate::config::{Config, Disks};
use crate::error::ValidatorError;
use crate::step::{Admission, Effect, Health, Input, SubmitError};
use crate::validator::Validator;
use ciro_consensus::WalFile;
use ciro_state::{SignedTx, State};
use ciro_store::Store;
use ciro_types::{Height, chain};
use std::io;
use std::sync::Arc;

/// First pause before a full disk is tried again, milliseconds. It doubles up to the longest, until a block is written.
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 8_000;

/// Where a validator's files are, so that it can be opened again.
pub trait Machine: Send {
    /// A file of this machine.
    type File: WalFile;

    /// Opens the write-ahead log and the last-signed mark, in this order.
    ///
    /// # Errors
    /// Whatever the disk reports.
    fn files(&self) -> io::Result<(Self::File, Self::File)>;

    /// The store. It opens itself again.
    fn store(&self) -> Arc<Store>;
}

/// See the module's documentation.
pub struct Resident<M: Machine> {
    machine: M,
    config: Config,
    validator: Validator<M::File>,
    halt: Option<Halt>,
    pause_ms: u64,
    /// The last block that the caller was told of.
    announced: Height,
}

/// Why the validator does not take part, and until when it is not tried again.
struct Halt {
    reason: String,
    until_ms: u64,
}

impl<M: Machine> Resident<M> {
    /// Opens the validator and says what to do first.
    ///
    /// # Errors
    /// [`ValidatorError`] if a disk cannot be used, is full already, or belongs to another network.
    pub fn open(config: Config, machine: M, now_ms: u64) -> Result<(Self, Vec<Effect>), ValidatorError> {
        let (validator, effects) = open(&config, &machine, now_ms)?;
        // Opening may have committed what the log holds: the caller is told of that.
        let told = effects.iter().filter(|effect| matches!(effect, Effect::Committed(_))).count() as u64;
        let announced = Height(validator.state().height().0 - told);
        let mut resident = Self { machine, config, validator, halt: None, pause_ms: FIRST_PAUSE_MS, announced };
        resident.note(&effects);
        Ok((resident, effects))
    }

    /// Takes one input at time `now_ms` and returns what to do, in order.
    ///
    /// # Errors
    /// [`ValidatorError`]: the validator must stop, and more room on the disk would not help.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, ValidatorError> {
        match &self.halt {
            None => self.take_part(now_ms, input),
            Some(halt) if now_ms < halt.until_ms => Ok(self.decline(input)),
            Some(_) => {
                let mut effects = self.decline(input);
                effects.extend(self.try_again(now_ms)?);
                Ok(effects)
            }
        }
    }

    /// The validator, as it is or was last.
    #[must_use]
    pub fn validator(&self) -> &Validator<M::File> {
        &self.validator
    }

    /// The state after the last block.
    #[must_use]
    pub fn state(&self) -> &State {
        self.validator.state()
    }

    /// Whether it takes part.
    #[must_use]
    pub fn health(&self) -> Health {
        self.halt.as_ref().map_or(Health::Well, |halt| Health::ReadOnly { reason: halt.reason.clone() })
    }

    fn take_part(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, ValidatorError> {
        let submitted = match &input {
            Input::Submit(txs) => txs.clone(),
            Input::Timer | Input::Bytes { .. } => Vec::new(),
        };
        match self.validator.step(now_ms, input) {
            Ok(effects) => {
                self.note(&effects);
                Ok(effects)
            }
            Err(error) if error.is_no_room() => {
                let mut effects = self.halt(now_ms, &error);
                // Their answers were lost with the step.
                effects.extend(self.decline(Input::Submit(submitted)));
                Ok(effects)
            }
            Err(error) => Err(error),
        }
    }

    fn halt(&mut self, now_ms: u64, error: &ValidatorError) -> Vec<Effect> {
        let (reason, until_ms) = (chain(error), now_ms.saturating_add(self.pause_ms));
        self.pause_ms = (self.pause_ms * 2).min(LONGEST_PAUSE_MS);
        let was_well = self.halt.replace(Halt { reason: reason.clone(), until_ms }).is_none();
        let said = was_well.then_some(Effect::Health(Health::ReadOnly { reason }));
        said.into_iter().chain([Effect::SetTimer { at_ms: until_ms }]).collect()
    }

    /// Answers what must be answered. A peer repeats what is lost.
    fn decline(&self, input: Input) -> Vec<Effect> {
        let Some(halt) = &self.halt else { return Vec::new() };
        let txs = match input {
            Input::Submit(txs) => txs,
            // This may have been the wake-up that was to come then.
            Input::Timer => return vec![Effect::SetTimer { at_ms: halt.until_ms }],
            Input::Bytes { .. } => return Vec::new(),
        };
        let refused = |bytes: Vec<u8>| {
            let tx = SignedTx::decode(&bytes, bytes.len()).ok().map(|tx| tx.id());
            Effect::Admission(Admission { tx, result: Err(SubmitError::ReadOnly { reason: halt.reason.clone() }) })
        };
        txs.into_iter().map(refused).collect()
    }

    /// Opens the validator again, from what its disks hold.
    fn try_again(&mut self, now_ms: u64) -> Result<Vec<Effect>, ValidatorError> {
        let probed = self.machine.store().probe().map_err(ValidatorError::Store);
        match probed.and_then(|()| open(&self.config, &self.machine, now_ms)) {
            Ok((validator, effects)) => {
                self.validator = validator;
                self.halt = None;
                let mut all = vec![Effect::Health(Health::Well)];
                all.extend(self.catch_up(&effects)?);
                self.note(&effects);
                all.extend(effects);
                Ok(all)
            }
            Err(error) if error.is_no_room() => Ok(self.halt(now_ms, &error)),
            Err(error) => Err(error),
        }
    }

    /// Blocks that became durable in a step whose effects were lost, and that `effects` do not announce.
    fn catch_up(&mut self, effects: &[Effect]) -> Result<Vec<Effect>, ValidatorError> {
        let first_told = effects.iter().find_map(|effect| {
            let Effect::Committed(committed) = effect else { return None };
            Some(committed.header.height)
        });
        let end = first_told.unwrap_or(self.validator.state().height().next());
        let mut missed = Vec::new();
        while self.announced.next() < end {
            self.announced = self.announced.next();
            let block = self.validator.ledger().committed_at(self.announced)?;
            missed.extend(block.map(|block| Effect::Committed(Arc::new(block))));
        }
        Ok(missed)
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Committed(committed) = effect {
                self.announced = self.announced.max(committed.header.height);
                self.pause_ms = FIRST_PAUSE_MS;
            }
        }
    }
}

fn open<M: Machine>(
    config: &Config,
    machine: &M,
    now_ms: u64,
) -> Result<(Validator<M::File>, Vec<Effect>), ValidatorError> {
    let disk = |source| ciro_consensus::ConsensusError::Disk { action: "open", file: "write-ahead log", source };
    let (wal, guard) = machine.files().map_err(|source| ValidatorError::Consensus(disk(source)))?;
    Validator::open(config.again(), Disks { wal, guard, store: machine.store() }, now_ms)
}

//! One validator on one thread. Validators share nothing but encoded bytes.

use crate::look::Look;
use ciro_types::AccountId;
use ciro_validator::{
    Admission, Committed, DiskFile, Effect, Health, Input, Machine, Net, Resident, Retention, Store, ValidatorError,
    WakeUps,
};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, Instant};

/// Messages that wait for a validator. Beyond it they are dropped, as a network may: votes are repeated, blocks synced.
pub const MAILBOX: usize = 8_192;

/// Longest sleep, milliseconds: a superfluous wake-up does no harm.
const MAX_PATIENCE_MS: u64 = 60_000;

/// What a validator is sent.
pub enum Mail {
    /// A message from a peer.
    Bytes {
        /// The peer, authenticated by being in this process.
        from: AccountId,
        /// The message.
        bytes: Arc<[u8]>,
    },
    /// Encoded transactions of clients.
    Submit(Vec<Vec<u8>>),
    /// A look at the committed state.
    Look(Look),
    /// No more.
    Stop,
}

/// The in-process transport of one validator.
pub struct Port {
    from: AccountId,
    peers: BTreeMap<AccountId, SyncSender<Mail>>,
}

impl Port {
    /// The port of `from` among everybody's mailboxes.
    #[must_use]
    pub fn new(from: AccountId, mailboxes: &BTreeMap<AccountId, SyncSender<Mail>>) -> Self {
        let peers = mailboxes.iter().filter(|(peer, _)| **peer != from);
        Self { from, peers: peers.map(|(peer, mailbox)| (*peer, mailbox.clone())).collect() }
    }

    fn deliver(&self, mailbox: &SyncSender<Mail>, bytes: Arc<[u8]>) {
        match mailbox.try_send(Mail::Bytes { from: self.from, bytes }) {
            // A full mailbox loses messages, a stopped validator hears nothing: both are what a network does.
            Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
        }
    }
}

impl Net for Port {
    fn send(&self, to: AccountId, bytes: &[u8]) {
        if let Some(mailbox) = self.peers.get(&to) {
            self.deliver(mailbox, bytes.into());
        }
    }

    fn broadcast(&self, bytes: &[u8]) {
        let bytes: Arc<[u8]> = bytes.into();
        for mailbox in self.peers.values() {
            self.deliver(mailbox, Arc::clone(&bytes));
        }
    }
}

/// The files of one validator.
pub struct Files {
    directory: PathBuf,
    store: Arc<Store>,
}

impl Files {
    /// Opens or creates the files in `directory`.
    ///
    /// # Errors
    /// Whatever the file system or the store reports.
    pub fn open(directory: &Path, retention: Retention) -> Result<Self, ValidatorError> {
        let store = Store::open(&store_path(directory)).map_err(ValidatorError::Store)?.retaining(retention);
        Ok(Self { directory: directory.to_path_buf(), store: Arc::new(store) })
    }
}

/// Where the store of a validator's directory is.
#[must_use]
pub fn store_path(directory: &Path) -> PathBuf {
    directory.join("store.redb")
}

impl Machine for Files {
    type File = DiskFile;

    fn files(&self) -> io::Result<(DiskFile, DiskFile)> {
        Ok((DiskFile::open(&self.directory.join("wal"))?, DiskFile::open(&self.directory.join("last-signed"))?))
    }

    fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }
}

/// What a validator tells the process it runs in.
pub trait Outlet: Send {
    /// What became of a submitted transaction.
    fn admission(&self, admission: Admission);
    /// A block is final, executed and durable.
    fn committed(&self, committed: Arc<Committed>);
    /// Something only a bug or a Byzantine majority explains.
    fn anomaly(&self, text: String);
    /// The validator stopped taking part, or takes part again.
    fn health(&self, health: Health);
    /// The validator stopped by itself.
    fn failed(&self, error: ValidatorError);
}

/// Runs a validator until it is told to stop or fails.
pub struct Runner<O> {
    /// The step machine.
    pub validator: Resident<Files>,
    /// Its mailbox.
    pub mailbox: Receiver<Mail>,
    /// Its transport.
    pub port: Port,
    /// Where it reports.
    pub outlet: O,
    /// Zero of its clock.
    pub epoch: Instant,
}

impl<O: Outlet> Runner<O> {
    /// Works until told to stop. `first` is what opening the validator asked for.
    pub fn run(mut self, first: Vec<Effect>) {
        let mut wake_ups = WakeUps::default();
        self.carry_out(first, &mut wake_ups);
        while let Some(input) = self.next_input(&mut wake_ups) {
            match self.step(input) {
                Ok(effects) => self.carry_out(effects, &mut wake_ups),
                Err(error) => return self.outlet.failed(error),
            }
        }
    }

    /// What the validator is to take next, or `None` if it is to stop. Deadlines come before mail, however much there is.
    fn next_input(&self, wake_ups: &mut WakeUps) -> Option<Input> {
        loop {
            let now = self.now();
            if wake_ups.take_due(now) {
                return Some(Input::Timer);
            }
            let patience =
                wake_ups.next().map_or(MAX_PATIENCE_MS, |at_ms| at_ms.saturating_sub(now).min(MAX_PATIENCE_MS));
            match self.mailbox.recv_timeout(Duration::from_millis(patience)) {
                Ok(Mail::Bytes { from, bytes }) => return Some(Input::Bytes { from, bytes: bytes.to_vec() }),
                Ok(Mail::Submit(txs)) => return Some(Input::Submit(txs)),
                Ok(Mail::Look(look)) => {
                    let validator = self.validator.validator();
                    look.answer(self.validator.state(), |account| validator.next_nonce(account));
                }
                Ok(Mail::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    fn step(&mut self, input: Input) -> Result<Vec<Effect>, ValidatorError> {
        self.validator.step(self.now(), input)
    }

    fn carry_out(&self, effects: Vec<Effect>, wake_ups: &mut WakeUps) {
        for effect in effects {
            match effect {
                Effect::Send { to, bytes } => self.port.send(to, &bytes),
                Effect::Broadcast { bytes } => self.port.broadcast(&bytes),
                Effect::SetTimer { at_ms } => wake_ups.set(at_ms),
                Effect::Admission(admission) => self.outlet.admission(admission),
                Effect::Committed(committed) => self.outlet.committed(committed),
                Effect::Anomaly(text) => self.outlet.anomaly(text),
                Effect::Health(health) => self.outlet.health(health),
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

//! Heights: starting one, replaying one from the log, finishing one; and feeding the engine.

use super::timers::{TimerKey, timeout_of};
use super::{Config, Consensus, ConsensusError, Effect, Host, Phase, Reason, Replay, Timeouts, Tip};
use crate::block::SealedBlock;
use crate::file::WalFile;
use crate::guard::{Guard, Position};
use crate::malachite::context::round_number;
use crate::malachite::convert::{from_wal, proposal_to_core, sync_to_core};
use crate::malachite::{
    Address, CoreError, CoreHeight, CoreInput, CoreSet, Ctx, LocallyProposedValue, Params, ProposedValue, Round, State,
    ThresholdParams, Validity, ValueOrigin, ValuePayload, VoteExtensionPolicy, process,
};
use crate::validators::ValidatorSet;
use crate::vote::Statement;
use crate::wal::{Kept, Wal, WalEntry};
use ciro_types::{BlockId, Hash32, Height};
use std::io;

/// The engine's own queue for later heights stays empty: the host holds such messages back.
const ENGINE_QUEUE: usize = 1;

impl<F: WalFile> Host<F> {
    pub(super) fn open(
        config: Config,
        tip: Tip,
        wal: F,
        guard: F,
        now_ms: u64,
    ) -> Result<(Self, Vec<WalEntry>), ConsensusError> {
        let height = tip.committed.next();
        let (wal, logged) = Wal::open(wal, height).map_err(disk("open", "write-ahead log"))?;
        let guard = Guard::open(guard).map_err(disk("open", "last-signed mark"))?;
        let muted_through = guard.last().and_then(|last| muted_through(height, last, &logged, wal.kept()));
        let host = Self {
            me: config.key.account(),
            config,
            validators: tip.validators,
            height,
            phase: Phase::Waiting,
            wal,
            guard,
            muted_through,
            timers: Default::default(),
            pace: Default::default(),
            peers: Default::default(),
            inbox: Default::default(),
            synced: Default::default(),
            blocks: Default::default(),
            checking: Default::default(),
            proposals: Default::default(),
            evidence: Default::default(),
            verified: Default::default(),
            replay: None,
            queue: Default::default(),
            out: Vec::new(),
            failure: None,
            now_ms,
        };
        Ok((host, logged))
    }

    pub(super) fn new_core(&self) -> State<Ctx> {
        let params = Params {
            address: Address(self.me),
            threshold_params: ThresholdParams::default(),
            value_payload: ValuePayload::ProposalOnly,
            enabled: true,
        };
        let (height, set) = (CoreHeight(self.height.0), CoreSet::from(&self.validators));
        State::new(Ctx, height, set, params, ENGINE_QUEUE, ENGINE_QUEUE)
    }

    pub(super) fn wait_for_work(&mut self) {
        self.phase = Phase::Waiting;
        self.timers.set(TimerKey::Idle, self.now_ms.saturating_add(self.config.timeouts.idle_ms));
    }

    /// Queues the start of the height. No target time: it would make the engine read a wall clock.
    pub(super) fn start_height(&mut self, is_restart: bool) {
        self.phase = Phase::Running;
        self.timers.cancel(TimerKey::Idle);
        self.timers.cancel(TimerKey::Due);
        let (height, set) = (CoreHeight(self.height.0), CoreSet::from(&self.validators));
        self.queue.push_back(CoreInput::StartHeight(height, set, is_restart, None, VoteExtensionPolicy::Disabled));
    }

    pub(super) fn is_muted(&self) -> bool {
        self.is_muted_at(self.height)
    }

    pub(super) fn is_muted_at(&self, height: Height) -> bool {
        self.muted_through.is_some_and(|through| height <= through)
    }

    fn forget_height(&mut self) {
        self.blocks.clear();
        self.checking.clear();
        self.proposals.clear();
        self.evidence.clear();
        self.verified.clear();
        self.queue.clear();
        self.timers.cancel_rounds();
        self.timers.cancel(TimerKey::Sync);
    }

    /// The log first: a mark without its log entry would silence this validator after a crash.
    fn sync_files(&mut self) -> Result<(), ConsensusError> {
        self.wal.sync().map_err(disk("sync", "write-ahead log"))?;
        self.guard.sync().map_err(disk("sync", "last-signed mark"))
    }
}

impl<F: WalFile> Consensus<F> {
    pub(super) fn on_timer(&mut self) {
        for key in self.host.timers.take_due(self.host.now_ms) {
            match key {
                TimerKey::Idle => self.on_work(),
                TimerKey::Due => self.on_due(),
                TimerKey::Sync => self.ask_for_blocks(),
                TimerKey::Round { .. } => {
                    self.host.queue.extend(timeout_of(key).map(CoreInput::TimeoutElapsed));
                }
            }
        }
    }

    /// Starts the height, or will when it is due.
    pub(super) fn on_work(&mut self) {
        if self.host.phase != Phase::Waiting {
            return;
        }
        let due_ms = self.host.pace.due_ms();
        if self.host.now_ms < due_ms {
            self.host.timers.set(TimerKey::Due, due_ms);
        } else {
            self.host.start_height(false);
        }
    }

    /// Starts the height and takes what has arrived for it.
    fn on_due(&mut self) {
        self.on_work();
        self.take_held();
    }

    fn take_held(&mut self) {
        for (from, message) in self.host.inbox.take() {
            self.on_message(from, message);
        }
    }

    pub(super) fn on_built(&mut self, round: u32, block: SealedBlock) {
        if self.host.phase != Phase::Running || block.height() != self.host.height {
            return;
        }
        self.host.blocks.insert(block.id(), block.clone());
        let height = CoreHeight(self.host.height.0);
        self.host.queue.push_back(CoreInput::Propose(LocallyProposedValue::new(height, Round::new(round), block)));
    }

    /// Feeds what waited for the verdict. An invalid proposal is dropped: the engine would take it for valid.
    pub(super) fn on_checked(&mut self, block: BlockId, valid: bool) -> Result<(), ConsensusError> {
        let Some((sealed, reasons)) = self.host.checking.remove(&block) else { return Ok(()) };
        if valid {
            self.host.blocks.insert(block, sealed.clone());
        }
        for reason in reasons {
            match reason {
                Reason::Proposed(proposal) if valid => {
                    self.host.queue.push_back(CoreInput::Proposal(proposal_to_core(&proposal)));
                }
                Reason::Proposed(_) => {}
                Reason::Synced(certificate) if valid => self.decide_synced(&sealed, &certificate),
                Reason::Synced(_) => {
                    return Err(ConsensusError::CertifiedInvalid { height: self.host.height, block });
                }
            }
        }
        Ok(())
    }

    /// Certificate first, block second: the engine decides as soon as it has both.
    pub(super) fn decide_synced(&mut self, block: &SealedBlock, certificate: &crate::CommitCertificate) {
        let proposer = self.host.validators.proposer(certificate.height, certificate.round);
        let value = ProposedValue {
            height: CoreHeight(certificate.height.0),
            round: Round::new(certificate.round),
            valid_round: Round::Nil,
            proposer: Address(proposer),
            value: block.clone(),
            validity: Validity::Valid,
        };
        self.host.queue.push_back(sync_to_core(certificate));
        self.host.queue.push_back(CoreInput::ProposedValue(value, ValueOrigin::Sync));
    }

    pub(super) fn on_committed(&mut self, height: Height, validators: ValidatorSet) -> Result<(), ConsensusError> {
        if self.host.phase != Phase::Decided || height != self.host.height {
            let reason = format!("told that height {height} is committed while deciding {}", self.host.height);
            return Err(ConsensusError::Engine { reason });
        }
        self.host.forget_height();
        self.host.height = height.next();
        self.host.validators = validators;
        let kept = self.host.wal.reset(self.host.height).map_err(disk("restart", "write-ahead log"))?;
        let Timeouts { pace_ms, pace_slack_ms, .. } = self.host.config.timeouts;
        self.host.pace.note(self.host.now_ms, pace_ms, pace_slack_ms);
        self.host.wait_for_work();
        if !kept.is_empty() {
            self.replay(kept)?;
        }
        self.continue_sync();
        self.take_held();
        Ok(())
    }

    /// Runs the log through the engine as if its entries arrived now. Statements found in it are published again as
    /// they were; the engine refuses to derive different ones.
    pub(super) fn replay(&mut self, logged: Vec<WalEntry>) -> Result<(), ConsensusError> {
        self.host.blocks.extend(logged.iter().filter_map(logged_block));
        let inputs: Vec<_> = logged.iter().map(from_wal).collect();
        self.core.index_wal_entries(&inputs);
        self.host.replay = Some(Replay { logged, wanted_round: None });
        self.host.start_height(true);
        self.host.queue.extend(inputs);
        self.drain()?;
        self.core.reset_entries_index();
        let wanted = self.host.replay.take().and_then(|replay| replay.wanted_round);
        self.resume_proposing(wanted);
        self.drain()
    }

    /// Asks for a block if the log ends before our turn was used.
    fn resume_proposing(&mut self, wanted: Option<u32>) {
        let current = self.core.round().as_u32();
        if wanted.is_some() && wanted == current && self.core.driver.step_is_propose() {
            self.host.want_block(wanted.unwrap_or(0));
        }
    }

    /// Feeds queued inputs until the engine is quiet. What is queued behind a decision no longer matters.
    pub(super) fn drain(&mut self) -> Result<(), ConsensusError> {
        while let Some(input) = self.host.queue.pop_front() {
            if self.host.phase == Phase::Decided {
                self.host.queue.clear();
                break;
            }
            self.feed(input)?;
        }
        Ok(())
    }

    fn feed(&mut self, input: CoreInput<Ctx>) -> Result<(), ConsensusError> {
        let host = &mut self.host;
        let result: Result<(), CoreError<Ctx>> = process!(
            input: input, state: &mut self.core, metrics: &(),
            with: effect => Ok::<_, std::convert::Infallible>(host.on_effect(effect))
        );
        if let Some(failure) = self.host.failure.take() {
            return Err(failure);
        }
        match result {
            Ok(()) => Ok(()),
            Err(error) => self.on_core_error(&error),
        }
    }

    fn on_core_error(&mut self, error: &CoreError<Ctx>) -> Result<(), ConsensusError> {
        let reason = error.to_string();
        match error {
            CoreError::DriverProcess(_) | CoreError::MissingPolkaCertificate(..) => {
                self.host.out.push(Effect::Anomaly(reason));
                Ok(())
            }
            _ => Err(ConsensusError::Engine { reason }),
        }
    }

    /// Syncs the files, then releases the effects. In this order: see the module's promises.
    pub(super) fn finish_step(&mut self) -> Result<Vec<Effect>, ConsensusError> {
        self.host.sync_files()?;
        let mut effects = std::mem::take(&mut self.host.out);
        effects.extend(self.host.timers.arm().map(|at_ms| Effect::SetTimer { at_ms }));
        Ok(effects)
    }

    /// The engine's round, from 0; used to bound how far ahead a proposal may be.
    pub(super) fn core_round(&self) -> u32 {
        round_number(self.core.round())
    }
}

pub(super) fn disk(action: &'static str, file: &'static str) -> impl FnOnce(io::Error) -> ConsensusError {
    move |source| ConsensusError::Disk { action, file, source }
}

/// Up to which height a key must be silent that has signed last at `last`: the log must hold what it signed there. Heights below a log
/// that is kept are decided, and nothing is logged there.
fn muted_through(
    height: Height,
    (at, digest): (Position, Hash32),
    logged: &[WalEntry],
    kept: Option<&Kept>,
) -> Option<Height> {
    let (logged_at, entries) = kept.map_or((height, logged), |kept| (kept.height, kept.entries.as_slice()));
    if at.height >= logged_at && !holds(entries, digest) {
        return Some(at.height);
    }
    kept.map(|kept| Height(kept.height.0 - 1))
}

/// Only proposals whose block was found valid are logged.
fn logged_block(entry: &WalEntry) -> Option<(BlockId, SealedBlock)> {
    let WalEntry::Proposal(proposal) = entry else { return None };
    Some((proposal.block.id(), proposal.block.clone()))
}

/// Whether the log holds the statement with this digest.
fn holds(logged: &[WalEntry], digest: Hash32) -> bool {
    logged.iter().any(|entry| match entry {
        WalEntry::Vote(vote) => vote.body.digest() == digest,
        WalEntry::Proposal(proposal) => proposal.statement.body.digest() == digest,
        WalEntry::Polka(_) | WalEntry::Timeout { .. } => false,
    })
}

//! One validator's side of the agreement, as a step function.
//!
//! ```text
//!   Input ──► Consensus::step(now) ──► [Effect]
//! ```
//!
//! No clock, socket or thread: the caller says what time it is, carries the messages, and wakes it when asked. The two
//! files it is given are its only I/O, and they are behind a trait. Equal inputs give equal effects.
//!
//! # One height
//!
//! `Waiting` ends with work, a peer's message or the idle deadline, once the height is due. `Running` proposes,
//! prevotes and precommits in rounds, until `Decided`. The caller then executes and stores the block and says
//! [`Input::Committed`]: `Waiting` at the next height. While it waits nothing is sent and only deadlines run. So an
//! idle network does not spin, and a busy one no faster than its pace.
//!
//! # Promises
//!
//! * Nothing that this validator signed leaves [`Consensus::step`] before the log and the guard are synced.
//! * A block is checked by the caller before the engine hears of its proposal, and before a synced block is decided.
//! * After a crash the log is replayed and the same statements are published again, byte for byte. If the log has lost
//!   what the guard remembers, the validator stays silent until the network has passed that height.
//! * What a Byzantine peer can make it store is bounded: rounds ahead, proposals per round, messages per sender.

mod drive;
mod effects;
mod inbox;
mod messages;
mod pace;
mod peers;
mod sync;
mod timers;

use crate::block::SealedBlock;
use crate::certificate::CommitCertificate;
use crate::evidence::Equivocation;
use crate::file::WalFile;
use crate::guard::Guard;
use crate::malachite::{Ctx, State};
use crate::message::{DecidedBlock, Message};
use crate::validators::ValidatorSet;
use crate::vote::{Proposal, Signed, SignedProposal};
use crate::wal::{Wal, WalEntry};
use ciro_crypto::{Keypair, Signature};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

/// How long to wait for what, milliseconds of the caller's clock. A phase of round `r` waits `base + step · r`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the proposer's block to arrive and be checked.
    pub propose_ms: u64,
    /// Added to `propose_ms` per round.
    pub propose_step_ms: u64,
    /// For stragglers once two thirds have voted without agreeing.
    pub vote_ms: u64,
    /// Added to `vote_ms` and `rebroadcast_ms` per round.
    pub vote_step_ms: u64,
    /// Without progress, before our votes are sent again.
    pub rebroadcast_ms: u64,
    /// Upper bound of all of the above.
    pub max_ms: u64,
    /// Without work, before an empty block is proposed. Heights are the ledger's clock.
    pub idle_ms: u64,
    /// Before a decided block that we lack is asked for, and before another peer is asked.
    pub sync_ms: u64,
    /// Between blocks on average, at least, however much work there is. Below `propose_ms`: clocks and pauses differ.
    pub pace_ms: u64,
    /// How far blocks may be ahead of that pace after a pause.
    pub pace_slack_ms: u64,
}

impl Timeouts {
    /// For a local or regional network. A dead proposer costs under a second. An idle network makes a block a second, and a busy one
    /// twenty. When an idle one wakes up, it makes sixteen without a pause.
    pub const DEFAULT: Self = Self {
        propose_ms: 800,
        propose_step_ms: 400,
        vote_ms: 200,
        vote_step_ms: 100,
        rebroadcast_ms: 400,
        max_ms: 10_000,
        idle_ms: 1_000,
        sync_ms: 100,
        pace_ms: 50,
        pace_slack_ms: 800,
    };
}

impl Default for Timeouts {
    /// [`Timeouts::DEFAULT`].
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a validator is told once.
pub struct Config {
    /// The network; part of everything that is signed.
    pub chain: ChainId,
    /// This validator's key. It need not be in the validator set: then it follows without voting.
    pub key: Keypair,
    /// Waiting times.
    pub timeouts: Timeouts,
}

/// Where the ledger stands when the validator starts.
#[derive(Clone, Debug)]
pub struct Tip {
    /// The last height whose block is durable in the store; zero for none.
    pub committed: Height,
    /// The set that decides the next height.
    pub validators: ValidatorSet,
}

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// The wake-up that [`Effect::SetTimer`] asked for, or any other: early and late ones do no harm. Messages look at the
    /// clock as well.
    Timer,
    /// A message arrived. `from` is whom the transport has authenticated; an answer goes back there.
    Message {
        /// The sender.
        from: AccountId,
        /// What it sent.
        message: Message,
    },
    /// There is something to propose: do not wait for the idle deadline.
    Work,
    /// The answer to [`Effect::BuildBlock`].
    Built {
        /// The round it was asked for.
        round: u32,
        /// The block. Its builder vouches for its validity.
        block: SealedBlock,
    },
    /// The answer to [`Effect::CheckBlock`].
    Checked {
        /// The block.
        block: BlockId,
        /// Whether it may become the next block here.
        valid: bool,
    },
    /// The answer to [`Effect::Decided`]: the block is executed and durable.
    Committed {
        /// Its height.
        height: Height,
        /// The set that decides the next height.
        validators: ValidatorSet,
    },
}

/// Something to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Send to one peer. May be lost.
    Send {
        /// The peer.
        to: AccountId,
        /// What to send.
        message: Message,
    },
    /// Send to every other validator. May be lost.
    Broadcast(Message),
    /// Give [`Input::Timer`] at or after this time, and also at every time wished for before: none is wished for twice.
    SetTimer {
        /// When, on the caller's clock.
        at_ms: u64,
    },
    /// It is our turn: build a block on the last committed one and answer with [`Input::Built`].
    BuildBlock {
        /// For this height.
        height: Height,
        /// For this round.
        round: u32,
    },
    /// Say with [`Input::Checked`] whether this block may become the next one. Its body matches its header.
    CheckBlock(SealedBlock),
    /// The block is final: execute it, make it durable, answer with [`Input::Committed`].
    Decided(Box<Decision>),
    /// A peer asked for decided blocks from a height on: answer it with [`Message::SyncResponse`].
    ServeBlocks {
        /// The peer.
        to: AccountId,
        /// The first height it lacks.
        from: Height,
    },
    /// The engine refused an input in a way that only a bug or a Byzantine majority explains. For the operator's log.
    Anomaly(String),
}

/// A decided block with its proof, and what misbehaviour was seen on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The block.
    pub block: SealedBlock,
    /// The decision. Validators may hold different quorums for the same block.
    pub certificate: CommitCertificate,
    /// Conflicting signatures seen at this height. Each verifies by itself.
    pub evidence: Vec<Equivocation>,
}

/// Why a validator must stop. Restarting it from its files is safe; what needs a human says so.
#[derive(Debug, thiserror::Error)]
pub enum ConsensusError {
    /// The log or the guard cannot be read or written. Nothing was published after the failure.
    #[error("cannot {action} the {file}")]
    Disk {
        /// What was tried.
        action: &'static str,
        /// Which file.
        file: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// Two thirds of the network decided a block that this validator finds invalid. It must not follow.
    #[error("block {block} at height {height} is decided by a quorum but invalid here")]
    CertifiedInvalid {
        /// The height.
        height: Height,
        /// The block.
        block: BlockId,
    },
    /// The engine contradicts itself or its log.
    #[error("agreement engine failed: {reason}")]
    Engine {
        /// What it reported.
        reason: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The height has not started here.
    Waiting,
    /// Rounds are running.
    Running,
    /// Decided; waiting for [`Input::Committed`].
    Decided,
}

/// Why a block is being checked.
#[derive(Clone, Debug)]
enum Reason {
    Proposed(SignedProposal),
    Synced(CommitCertificate),
}

/// One validator. See the module documentation.
pub struct Consensus<F> {
    core: State<Ctx>,
    host: Host<F>,
}

/// Everything but the engine's state, which is borrowed by the engine while effects are handled.
struct Host<F> {
    config: Config,
    me: AccountId,
    validators: ValidatorSet,
    /// The height being decided.
    height: Height,
    phase: Phase,
    wal: Wal<F>,
    guard: Guard<F>,
    /// No signatures at or below this height: the log has lost something the guard remembers.
    muted_through: Option<Height>,
    timers: timers::Timers,
    pace: pace::Pace,
    peers: peers::Peers,
    inbox: inbox::Inbox,
    /// Decided blocks received from a peer, at and above the current height.
    synced: BTreeMap<Height, DecidedBlock>,
    /// Blocks of this height that were found valid.
    blocks: BTreeMap<BlockId, SealedBlock>,
    /// Blocks whose verdict is awaited, and why.
    checking: BTreeMap<BlockId, (SealedBlock, Vec<Reason>)>,
    /// Distinct signed proposals seen, by round.
    proposals: BTreeMap<u32, Vec<Signed<Proposal>>>,
    evidence: BTreeSet<Equivocation>,
    /// Votes of this height whose signature has been checked: in certificates they come back again and again.
    verified: BTreeSet<(Hash32, Signature)>,
    /// While the log is replayed: what it holds, and the round a block was asked for.
    replay: Option<Replay>,
    queue: VecDeque<crate::malachite::CoreInput<Ctx>>,
    out: Vec<Effect>,
    /// First failure inside the engine's effect handler, which cannot return one.
    failure: Option<ConsensusError>,
    now_ms: u64,
}

struct Replay {
    logged: Vec<WalEntry>,
    wanted_round: Option<u32>,
}

impl<F: WalFile> Consensus<F> {
    /// Opens the files, replays the log, and says what to do first.
    ///
    /// # Errors
    /// [`ConsensusError`] if a file cannot be used or the log contradicts itself.
    pub fn open(
        config: Config,
        tip: Tip,
        wal: F,
        guard: F,
        now_ms: u64,
    ) -> Result<(Self, Vec<Effect>), ConsensusError> {
        let (host, logged) = Host::open(config, tip, wal, guard, now_ms)?;
        let mut consensus = Self { core: host.new_core(), host };
        consensus.host.out.push(Effect::Broadcast(Message::Status(consensus.committed())));
        if logged.is_empty() {
            consensus.host.wait_for_work();
        } else {
            consensus.replay(logged)?;
        }
        let effects = consensus.finish_step()?;
        Ok((consensus, effects))
    }

    /// Takes one input at time `now_ms` and returns what to do, in order.
    ///
    /// # Errors
    /// [`ConsensusError`]: the validator must stop, and nothing of this step may be sent.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Result<Vec<Effect>, ConsensusError> {
        self.host.now_ms = now_ms;
        match input {
            Input::Timer => self.on_timer(),
            Input::Message { from, message } => {
                // A caller that is kept busy by messages must not starve the deadlines.
                self.on_timer();
                self.on_message(from, message);
            }
            Input::Work => self.on_work(),
            Input::Built { round, block } => self.on_built(round, block),
            Input::Checked { block, valid } => self.on_checked(block, valid)?,
            Input::Committed { height, validators } => self.on_committed(height, validators)?,
        }
        self.drain()?;
        self.finish_step()
    }

    /// The height being decided.
    #[must_use]
    pub fn height(&self) -> Height {
        self.host.height
    }

    /// The current round, or `None` before the height has started.
    #[must_use]
    pub fn round(&self) -> Option<u32> {
        (self.host.phase != Phase::Waiting).then(|| self.core.round().as_u32()).flatten()
    }

    /// The set that decides the current height.
    #[must_use]
    pub fn validators(&self) -> &ValidatorSet {
        &self.host.validators
    }

    /// Whether this validator keeps silent because its log has lost something its guard remembers.
    #[must_use]
    pub fn is_muted(&self) -> bool {
        self.host.is_muted()
    }

    /// Whether it will keep silent for the same reason at `height`, once it is there.
    #[must_use]
    pub fn is_muted_at(&self, height: Height) -> bool {
        self.host.is_muted_at(height)
    }

    fn committed(&self) -> Height {
        Height(self.host.height.0 - 1)
    }
}

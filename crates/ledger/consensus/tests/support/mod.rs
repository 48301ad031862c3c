//! Validators on one thread and one seeded event queue. The seed is the bug report.
#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by several test binaries; each uses a part of it")]

pub mod node;
pub mod rng;

use ciro_consensus::{Block, BlockHeader, Message, SealedBlock, Timeouts, Validator, ValidatorSet, txs_root};
use ciro_crypto::{Hasher, Keypair};
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height, StateRoot};
use node::Node;
use rng::Rng;
use std::collections::BTreeMap;

pub const CHAIN: ChainId = ChainId([0xc1; 32]);

pub fn key(n: usize) -> Keypair {
    Keypair::from_seed([n as u8 + 1; 32])
}

pub fn validators(powers: &[u64]) -> ValidatorSet {
    let member = |(n, &power): (usize, &u64)| Validator { account: key(n).account(), power };
    ValidatorSet::new(powers.iter().enumerate().map(member).collect()).expect("a valid set")
}

/// A block that every node finds valid on top of `parent`.
pub fn block(
    height: Height,
    parent: BlockId,
    proposer: AccountId,
    set: &ValidatorSet,
    txs: Vec<Vec<u8>>,
) -> SealedBlock {
    let header = BlockHeader {
        chain: CHAIN,
        height,
        proposer,
        parent,
        validators: set.digest(),
        next_validators: set.digest(),
        txs_root: txs_root(&txs),
        state_root: StateRoot(parent.0),
        receipts_root: Hash32::ZERO,
    };
    SealedBlock::seal(Block { header, txs }).expect("built to match")
}

/// What the network does to messages until `heal_ms`, after which it only delays them by `delay_ms`.
#[derive(Clone, Debug)]
pub struct Weather {
    pub delay_ms: (u64, u64),
    pub loss_percent: u64,
    pub duplicate_percent: u64,
    /// Two groups that do not hear each other: nodes below this index, and the rest.
    pub partition_below: Option<usize>,
    pub heal_ms: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self { delay_ms: (5, 15), loss_percent: 0, duplicate_percent: 0, partition_below: None, heal_ms: 0 }
    }
}

#[derive(Debug)]
enum Event {
    Deliver { to: usize, from: usize, bytes: Vec<u8> },
    Timer { node: usize, incarnation: u64 },
    Crash { node: usize },
    Restart { node: usize },
}

/// The whole network.
pub struct Net {
    pub nodes: Vec<Node>,
    pub now_ms: u64,
    pub set: ValidatorSet,
    weather: Weather,
    rng: Rng,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    decided: BTreeMap<Height, BlockId>,
    trace: Hasher,
    pub delivered: u64,
}

/// Blocks come as fast as messages do.
pub fn timeouts() -> Timeouts {
    Timeouts { propose_ms: 300, propose_step_ms: 150, rebroadcast_ms: 500, pace_ms: 0, ..Timeouts::default() }
}

impl Net {
    pub fn new(seed: u64, powers: &[u64], weather: Weather) -> Self {
        Self::timed(seed, powers, weather, |_| timeouts())
    }

    /// A network whose validators wait as each likes.
    pub fn timed(seed: u64, powers: &[u64], weather: Weather, timeouts: impl Fn(usize) -> Timeouts) -> Self {
        let set = validators(powers);
        let nodes = (0..powers.len()).map(|n| Node::new(n, set.clone(), timeouts(n))).collect();
        let mut net = Self {
            nodes,
            now_ms: 0,
            set,
            weather,
            rng: Rng::new(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            decided: BTreeMap::new(),
            trace: Hasher::new("test/trace"),
            delivered: 0,
        };
        (0..net.nodes.len()).for_each(|n| net.boot(n));
        net
    }

    /// Schedules a power loss of `node` and its restart.
    pub fn schedule_crash(&mut self, node: usize, at_ms: u64, restart_ms: u64) {
        self.push(at_ms, Event::Crash { node });
        self.push(restart_ms, Event::Restart { node });
    }

    pub fn kill(&mut self, node: usize) {
        self.nodes[node].crash(&mut self.rng);
    }

    /// Runs until every node in `who` has committed `height`, or the clock passes `limit_ms`.
    pub fn run_until(&mut self, who: &[usize], height: u64, limit_ms: u64) -> bool {
        while !who.iter().all(|&n| self.nodes[n].chain.len() as u64 >= height) {
            if self.now_ms > limit_ms || !self.step() {
                return false;
            }
        }
        true
    }

    /// Runs until the clock passes `until_ms`.
    pub fn run_for(&mut self, until_ms: u64) {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= until_ms) && self.step() {}
        self.now_ms = self.now_ms.max(until_ms);
    }

    pub fn all(&self) -> Vec<usize> {
        (0..self.nodes.len()).collect()
    }

    pub fn trace_hash(&self) -> Hash32 {
        self.trace.clone().finish()
    }

    /// Gives a node an input now, as an attacker or a test would.
    pub fn inject(&mut self, to: usize, from: usize, message: &Message) {
        self.push(self.now_ms, Event::Deliver { to, from, bytes: message.to_bytes() });
    }

    pub fn boot(&mut self, n: usize) {
        let sent = self.nodes[n].boot(self.now_ms);
        self.after(n, sent);
    }

    fn step(&mut self) -> bool {
        let Some(((at, _), event)) = self.queue.pop_first() else { return false };
        self.now_ms = self.now_ms.max(at);
        match event {
            Event::Deliver { to, from, bytes } => {
                self.delivered += 1;
                self.trace.update(&at.to_le_bytes()).update(&[to as u8, from as u8]).update(&bytes);
                let from = self.nodes[from].account;
                let sent = self.nodes[to].deliver(self.now_ms, from, &bytes);
                self.after(to, sent);
            }
            Event::Timer { node, incarnation } if self.nodes[node].incarnation == incarnation => {
                let sent = self.nodes[node].timer(self.now_ms);
                self.after(node, sent);
            }
            Event::Timer { .. } => {}
            Event::Crash { node } => self.nodes[node].crash(&mut self.rng),
            Event::Restart { node } => self.boot(node),
        }
        true
    }

    /// Carries out what node `n` asked for.
    pub fn after(&mut self, n: usize, sent: node::Sent) {
        for at_ms in sent.timers {
            let incarnation = self.nodes[n].incarnation;
            self.push(at_ms.max(self.now_ms), Event::Timer { node: n, incarnation });
        }
        for (to, message) in sent.messages {
            self.post(n, to, &message.to_bytes());
        }
        self.check_agreement(n);
    }

    /// The invariant of this crate: no two validators commit different blocks at one height, and every commit carries
    /// a certificate that a stranger accepts.
    fn check_agreement(&mut self, n: usize) {
        let Some(last) = self.nodes[n].chain.last() else { return };
        let first = *self.decided.entry(last.block.height()).or_insert_with(|| last.block.id());
        assert_eq!(first, last.block.id(), "fork at height {}", last.block.height());
        assert_eq!(last.certificate.verify(CHAIN, &self.set), Ok(()));
    }

    fn post(&mut self, from: usize, to: Option<AccountId>, bytes: &[u8]) {
        for n in 0..self.nodes.len() {
            let wanted = to.map_or(n != from, |account| account == self.nodes[n].account);
            if wanted {
                self.post_one(from, n, bytes);
            }
        }
    }

    fn post_one(&mut self, from: usize, to: usize, bytes: &[u8]) {
        let stormy = self.now_ms < self.weather.heal_ms;
        let cut = stormy && self.weather.partition_below.is_some_and(|below| (from < below) != (to < below));
        if cut || (stormy && self.rng.percent(self.weather.loss_percent)) {
            return;
        }
        let copies = if stormy && self.rng.percent(self.weather.duplicate_percent) { 2 } else { 1 };
        for _ in 0..copies {
            let delay = self.rng.between(self.weather.delay_ms.0, self.weather.delay_ms.1);
            self.push(self.now_ms + delay, Event::Deliver { to, from, bytes: bytes.to_vec() });
        }
    }

    fn push(&mut self, at_ms: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at_ms, self.sequence), event);
    }
}

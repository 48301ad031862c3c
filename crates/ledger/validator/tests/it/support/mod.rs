//! Four whole validators on one thread and one seeded event queue. The seed is the bug report.

pub(crate) mod client;
pub(crate) mod node;

use ciro_crypto::{Hasher, Keypair};
use ciro_state::{Genesis, GenesisAccount, GenesisValidator, Params};
use ciro_types::{AccountId, Amount, BlockId, Hash32, Height};
use ciro_validator::Effect;
use node::Node;
use std::collections::BTreeMap;

/// SplitMix64: enough for a simulator, and the same everywhere.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub(crate) fn key(n: u8) -> Keypair {
    Keypair::from_seed([n; 32])
}

pub(crate) const VALIDATORS: [u8; 4] = [1, 2, 3, 4];
pub(crate) const CLIENTS: [u8; 4] = [11, 12, 13, 14];
pub(crate) const SCHEDULER: u8 = 21;

pub(crate) fn genesis() -> Genesis {
    let validator = |n| GenesisValidator { account: key(n).account(), stake: Amount::ciro(1_000) };
    let client = |n| GenesisAccount { account: key(n).account(), balance: Amount::ciro(10_000) };
    Genesis {
        network: "engine-test".into(),
        params: Params::with_block_ms(1_000),
        scheduler: key(SCHEDULER).account(),
        validators: VALIDATORS.map(validator).into(),
        accounts: CLIENTS.map(client).into(),
    }
}

/// What the network does to messages until `heal_ms`; afterwards it only delays them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) delay_ms: (u64, u64),
    pub(crate) loss_percent: u64,
    pub(crate) duplicate_percent: u64,
    pub(crate) heal_ms: u64,
}

pub(crate) const CALM: Weather = Weather { delay_ms: (10, 10), loss_percent: 0, duplicate_percent: 0, heal_ms: 0 };
pub(crate) const STORM: Weather =
    Weather { delay_ms: (2, 90), loss_percent: 10, duplicate_percent: 10, heal_ms: 5_000 };

pub(crate) enum Event {
    Deliver { to: usize, from: AccountId, bytes: Vec<u8> },
    Timer { node: usize, incarnation: u64 },
    Submit { node: usize, txs: Vec<Vec<u8>> },
    Crash { node: usize },
    Restart { node: usize },
}

pub(crate) struct Net {
    pub(crate) nodes: Vec<Node>,
    pub(crate) now_ms: u64,
    weather: Weather,
    pub(crate) rng: Rng,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
    blocks: BTreeMap<Height, BlockId>,
    trace: Hasher,
}

impl Net {
    pub(crate) fn new(seed: u64, weather: Weather) -> Self {
        Self::with_nodes(seed, weather, VALIDATORS.map(Node::new).into())
    }

    pub(crate) fn with_nodes(seed: u64, weather: Weather, nodes: Vec<Node>) -> Self {
        let mut net = Self {
            nodes,
            now_ms: 0,
            weather,
            rng: Rng(seed),
            queue: BTreeMap::new(),
            sequence: 0,
            blocks: BTreeMap::new(),
            trace: Hasher::new("test/trace"),
        };
        (0..net.nodes.len()).for_each(|n| net.boot(n));
        net
    }

    pub(crate) fn at(&mut self, at_ms: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((at_ms, self.sequence), event);
    }

    pub(crate) fn submit(&mut self, node: usize, tx: Vec<u8>) {
        self.at(self.now_ms, Event::Submit { node, txs: vec![tx] });
    }

    pub(crate) fn crash(&mut self, node: usize, at_ms: u64, restart_ms: u64) {
        self.at(at_ms, Event::Crash { node });
        self.at(restart_ms, Event::Restart { node });
    }

    /// Runs until `done` or the clock passes `limit_ms`; whether it was done.
    pub(crate) fn run_until(&mut self, limit_ms: u64, done: impl Fn(&Self) -> bool) -> bool {
        while !done(self) {
            if self.now_ms > limit_ms || !self.step() {
                return false;
            }
        }
        true
    }

    pub(crate) fn run_for(&mut self, until_ms: u64) {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= until_ms) && self.step() {}
        self.now_ms = self.now_ms.max(until_ms);
    }

    /// Runs until every living node has committed `height`.
    pub(crate) fn run_to_height(&mut self, height: u64, limit_ms: u64) -> bool {
        self.run_until(limit_ms, |net| net.living().all(|node| node.height() >= height))
    }

    pub(crate) fn living(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.validator.is_some())
    }

    pub(crate) fn trace_hash(&self) -> Hash32 {
        self.trace.clone().finish()
    }

    pub(crate) fn boot(&mut self, n: usize) {
        let effects = self.nodes[n].boot(self.now_ms);
        self.after(n, effects);
    }

    fn step(&mut self) -> bool {
        let Some(((at_ms, _), event)) = self.queue.pop_first() else { return false };
        self.now_ms = self.now_ms.max(at_ms);
        match event {
            Event::Deliver { to, from, bytes } => {
                self.trace.update(&at_ms.to_le_bytes()).update(&[to as u8]).update(&bytes);
                let effects = self.nodes[to].deliver(self.now_ms, from, bytes);
                self.after(to, effects);
            }
            Event::Timer { node, incarnation } => {
                let effects = self.nodes[node].timer(self.now_ms, incarnation);
                self.after(node, effects);
            }
            Event::Submit { node, txs } => {
                let effects = self.nodes[node].submit(self.now_ms, txs);
                self.after(node, effects);
            }
            Event::Crash { node } => self.nodes[node].crash(&mut self.rng),
            Event::Restart { node } => self.boot(node),
        }
        true
    }

    fn after(&mut self, n: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send { to, bytes } => self.post(n, Some(to), &bytes),
                Effect::Broadcast { bytes } => self.post(n, None, &bytes),
                Effect::SetTimer { at_ms } => {
                    let incarnation = self.nodes[n].incarnation;
                    self.at(at_ms.max(self.now_ms), Event::Timer { node: n, incarnation });
                }
                Effect::Committed(block) => {
                    let first = *self.blocks.entry(block.header.height).or_insert(block.id);
                    assert_eq!(first, block.id, "fork at height {}", block.header.height);
                    self.nodes[n].events.extend(block.events.iter().cloned());
                }
                Effect::Admission(admission) => self.nodes[n].admissions.push(admission),
                Effect::Anomaly(text) => self.nodes[n].anomalies.push(text),
                Effect::Health(health) => self.nodes[n].health = health,
            }
        }
    }

    fn post(&mut self, from: usize, to: Option<AccountId>, bytes: &[u8]) {
        let sender = self.nodes[from].account;
        for n in 0..self.nodes.len() {
            if to.map_or(n != from, |to| to == self.nodes[n].account) {
                self.post_one(sender, n, bytes);
            }
        }
    }

    pub(crate) fn post_one(&mut self, from: AccountId, to: usize, bytes: &[u8]) {
        let stormy = self.now_ms < self.weather.heal_ms;
        if stormy && self.rng.below(100) < self.weather.loss_percent {
            return;
        }
        let copies = 1 + u64::from(stormy && self.rng.below(100) < self.weather.duplicate_percent);
        for _ in 0..copies {
            let (low, high) = self.weather.delay_ms;
            let at_ms = self.now_ms + low + self.rng.below(high - low + 1);
            self.at(at_ms, Event::Deliver { to, from, bytes: bytes.to_vec() });
        }
    }
}

/// Every invariant that must hold on every validator at rest.
pub(crate) fn assert_whole(net: &Net) {
    for node in net.living() {
        assert_eq!(node.state().audit(), Ok(()));
    }
    let mut roots = BTreeMap::new();
    for node in net.living() {
        let root = node.store().root().expect("readable");
        assert_eq!(*roots.entry(node.height()).or_insert(root), root, "states differ at height {}", node.height());
    }
}

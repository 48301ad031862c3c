//! One validator with a toy ledger: a block is valid if it extends the last one, and costs nothing to execute.

use super::rng::Rng;
use super::{CHAIN, block, key};
use ciro_consensus::file::Fate;
use ciro_consensus::vote::Proposal;
use ciro_consensus::{
    Config, Consensus, DecidedBlock, Decision, Effect, Equivocation, Input, MemoryFile, Message, SealedBlock, Signed,
    SignedProposal, Timeouts, Tip, ValidatorSet, Vote, WalFile,
};
use ciro_types::{AccountId, BlockId, Height};

/// What a node does besides its duty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Character {
    Honest,
    /// Signs a second, different statement for each one it makes.
    Equivocator,
    /// Agrees to blocks but never sends anything.
    Mute,
}

#[derive(Default)]
pub struct Sent {
    pub messages: Vec<(Option<AccountId>, Message)>,
    pub timers: Vec<u64>,
}

pub struct Node {
    n: usize,
    pub account: AccountId,
    pub character: Character,
    pub set: ValidatorSet,
    timeouts: Timeouts,
    pub chain: Vec<DecidedBlock>,
    pub evidence: Vec<Equivocation>,
    /// Whether there is always something to propose.
    pub busy: bool,
    /// Whether it is never woken.
    pub deaf_to_timers: bool,
    pub incarnation: u64,
    pub wal: MemoryFile,
    pub guard: MemoryFile,
    pub consensus: Option<Consensus<MemoryFile>>,
    pub published: Vec<Message>,
}

impl Node {
    pub fn new(n: usize, set: ValidatorSet, timeouts: Timeouts) -> Self {
        Self {
            n,
            account: key(n).account(),
            character: Character::Honest,
            set,
            timeouts,
            chain: Vec::new(),
            evidence: Vec::new(),
            busy: true,
            deaf_to_timers: false,
            incarnation: 0,
            wal: MemoryFile::default(),
            guard: MemoryFile::default(),
            consensus: None,
            published: Vec::new(),
        }
    }

    pub fn boot(&mut self, now_ms: u64) -> Sent {
        self.incarnation += 1;
        let tip = Tip { committed: Height(self.chain.len() as u64), validators: self.set.clone() };
        let config = Config { chain: CHAIN, key: key(self.n), timeouts: self.timeouts };
        let opened = Consensus::open(config, tip, self.wal.clone(), self.guard.clone(), now_ms);
        let (consensus, effects) = opened.unwrap_or_else(|e| panic!("node {} does not start: {e:?}", self.n));
        self.consensus = Some(consensus);
        let mut sent = Sent::default();
        self.carry_out(now_ms, effects, &mut sent);
        self.nudge(now_ms, &mut sent);
        sent
    }

    /// Power loss: unsynced writes are kept, lost or torn.
    pub fn crash(&mut self, rng: &mut Rng) {
        self.consensus = None;
        self.incarnation += 1;
        for file in [&self.wal, &self.guard] {
            file.crash(|| match rng.between(0, 2) {
                0 => Fate::Kept,
                1 => Fate::Lost,
                _ => Fate::Torn(rng.between(0, 200) as usize),
            });
        }
    }

    pub fn deliver(&mut self, now_ms: u64, from: AccountId, bytes: &[u8]) -> Sent {
        match Message::from_bytes(bytes) {
            Ok(message) => self.input(now_ms, Input::Message { from, message }),
            Err(_) => Sent::default(),
        }
    }

    pub fn timer(&mut self, now_ms: u64) -> Sent {
        if self.deaf_to_timers { Sent::default() } else { self.input(now_ms, Input::Timer) }
    }

    pub fn input(&mut self, now_ms: u64, input: Input) -> Sent {
        let mut sent = Sent::default();
        self.step(now_ms, input, &mut sent);
        sent
    }

    fn step(&mut self, now_ms: u64, input: Input, sent: &mut Sent) {
        let Some(consensus) = &mut self.consensus else { return };
        let effects = consensus.step(now_ms, input).unwrap_or_else(|e| panic!("node {} stopped: {e:?}", self.n));
        self.carry_out(now_ms, effects, sent);
    }

    fn nudge(&mut self, now_ms: u64, sent: &mut Sent) {
        if self.busy {
            self.step(now_ms, Input::Work, sent);
        }
    }

    fn carry_out(&mut self, now_ms: u64, effects: Vec<Effect>, sent: &mut Sent) {
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.send(Some(to), message, sent),
                Effect::Broadcast(message) => self.broadcast(message, sent),
                Effect::SetTimer { at_ms } => sent.timers.push(at_ms),
                Effect::BuildBlock { height, round } => {
                    let block = self.build(height, round);
                    self.step(now_ms, Input::Built { round, block }, sent);
                }
                Effect::CheckBlock(block) => {
                    let valid = self.is_next(&block);
                    self.step(now_ms, Input::Checked { block: block.id(), valid }, sent);
                }
                Effect::Decided(decision) => self.commit(now_ms, *decision, sent),
                Effect::ServeBlocks { to, from } => {
                    let blocks = self.chain.iter().skip(from.0 as usize - 1).take(5).cloned().collect();
                    self.send(Some(to), Message::SyncResponse(blocks), sent);
                }
                Effect::Anomaly(reason) => panic!("node {}: {reason}", self.n),
            }
        }
    }

    fn commit(&mut self, now_ms: u64, decision: Decision, sent: &mut Sent) {
        assert!(self.is_next(&decision.block), "an invalid block was decided");
        let height = decision.block.height();
        self.evidence.extend(decision.evidence);
        self.chain.push(DecidedBlock { block: decision.block, certificate: decision.certificate });
        self.step(now_ms, Input::Committed { height, validators: self.set.clone() }, sent);
        self.nudge(now_ms, sent);
    }

    fn tip(&self) -> BlockId {
        self.chain.last().map_or(BlockId::ZERO, |d| d.block.id())
    }

    fn build(&self, height: Height, round: u32) -> SealedBlock {
        let tx = format!("{height}/{round} by {}", self.n).into_bytes();
        block(height, self.tip(), self.account, &self.set, vec![tx])
    }

    fn is_next(&self, block: &SealedBlock) -> bool {
        block.header().parent == self.tip() && block.txs() != [b"invalid".to_vec()]
    }

    fn send(&mut self, to: Option<AccountId>, message: Message, sent: &mut Sent) {
        if self.character != Character::Mute {
            self.published.push(message.clone());
            sent.messages.push((to, message));
        }
    }

    fn broadcast(&mut self, message: Message, sent: &mut Sent) {
        if self.character == Character::Equivocator {
            self.contradict(&message, sent);
        }
        self.send(None, message, sent);
    }

    /// The second face of an equivocator: another vote to everyone, another block to half of the others.
    fn contradict(&self, message: &Message, sent: &mut Sent) {
        match message {
            Message::Vote(vote) => {
                let block = if vote.body.block.is_some() { None } else { Some(BlockId([7; 32])) };
                let lie = Signed::sign(Vote { block, ..vote.body.clone() }, CHAIN, &key(self.n));
                sent.messages.push((None, Message::Vote(lie)));
            }
            Message::Proposal(proposal) => {
                let (height, body) = (proposal.block.height(), &proposal.statement.body);
                let other = block(height, self.tip(), self.account, &self.set, vec![b"double spend".to_vec()]);
                let body = Proposal { block: other.id(), ..body.clone() };
                let statement = Signed::sign(body, CHAIN, &key(self.n));
                let lie = Message::Proposal(SignedProposal { statement, block: other });
                let half = self.set.members().iter().map(|v| v.account).filter(|a| a != &self.account).step_by(2);
                sent.messages.extend(half.map(|to| (Some(to), lie.clone())));
            }
            _ => {}
        }
    }

    /// Every statement this node has ever published, for looking for contradictions.
    pub fn has_contradicted_itself(&self) -> bool {
        let mut votes = std::collections::BTreeMap::new();
        self.published.iter().any(|message| match message {
            Message::Vote(vote) => {
                let body = &vote.body;
                let place = (body.kind, body.height, body.round);
                votes.insert(place, body.block).is_some_and(|before| before != body.block)
            }
            _ => false,
        })
    }

    /// Loses the log but not the last-signed mark, as an operator who cleans the wrong directory does.
    pub fn lose_wal(&mut self) {
        self.wal.set_len(0).and_then(|()| self.wal.sync()).expect("memory does not fail");
    }
}

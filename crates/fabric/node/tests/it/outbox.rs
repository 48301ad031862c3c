//! The outbox: by example, and against a ledger that loses, refuses, delays and is shared with others.

use ciro_crypto::Keypair;
use ciro_node::outbox::{RESEND_BLOCKS, WINDOW};
use ciro_node::{Outbox, news};
use ciro_state::{Action, SignedTx, TokenAction, TxError};
use ciro_types::{AccountId, Amount, ChainId, Height, JobId, Nonce, TxId};
use ciro_validator::{Admission, SubmitError};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const CHAIN: ChainId = ChainId([1; 32]);

fn key() -> Keypair {
    Keypair::from_seed([5; 32])
}

fn job(n: u64) -> JobId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&n.to_le_bytes());
    JobId(bytes)
}

/// An action that is told from every other by its number.
fn action(n: u64) -> Action {
    Action::Token(TokenAction::Transfer { to: AccountId(job(n).0), amount: Amount(2) })
}

/// The number of an action; none if it only uses up a nonce.
fn number(tx: &SignedTx) -> Option<u64> {
    let Action::Token(TokenAction::Transfer { to, .. }) = &tx.body.action else {
        panic!("only transfers are asked for")
    };
    (*to != key().account()).then(|| u64::from_le_bytes(to.0[..8].try_into().expect("eight bytes")))
}

fn outbox(actions: u64) -> Outbox {
    let mut outbox = Outbox::new(CHAIN, key(), Nonce(7), Height(10));
    for n in 0..actions {
        outbox.push(Some(job(n)), action(n));
    }
    outbox
}

/// A validator would not queue a transaction.
fn refuse(outbox: &mut Outbox, id: TxId, error: SubmitError) -> Option<(JobId, TxError)> {
    let verdict = news::verdict(&Admission { tx: Some(id), result: Err(error) });
    outbox.on_verdict(&verdict.expect("it is a transaction"))
}

fn nonces(txs: &[SignedTx]) -> Vec<u64> {
    txs.iter().map(|tx| tx.body.nonce.0).collect()
}

#[test]
fn transactions_leave_in_order_of_nonce_and_once() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    assert_eq!(nonces(&txs), [7, 8, 9]);
    assert!(txs.iter().all(|tx| tx.verify_signature().is_ok()));
    assert_eq!(outbox.flush(), []);
    let refused = outbox.on_block(Height(11), Some(Nonce(8)), [(txs[0].id(), None)]);
    assert_eq!((refused, outbox.len()), (vec![], 2));
    assert_eq!(outbox.flush(), [], "the others are under way with the right nonces");
}

#[test]
fn no_more_than_a_window_is_under_way() {
    let mut outbox = outbox(WINDOW + 3);
    let txs = outbox.flush();
    assert_eq!(txs.len() as u64, WINDOW);
    outbox.on_block(Height(11), Some(Nonce(9)), [(txs[0].id(), None), (txs[1].id(), None)]);
    assert_eq!(nonces(&outbox.flush()), [7 + WINDOW, 8 + WINDOW]);
}

#[test]
fn a_refusal_in_a_block_leaves_the_others_their_nonces() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    let refused = outbox.on_block(Height(11), Some(Nonce(8)), [(txs[0].id(), Some(TxError::ZeroAmount))]);
    assert_eq!(refused, [(job(0), TxError::ZeroAmount)]);
    assert_eq!(outbox.flush(), []);
}

#[test]
fn a_nonce_that_a_refusal_frees_is_used_up_so_that_the_others_are_executed() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    let refused = refuse(&mut outbox, txs[0].id(), SubmitError::Invalid(TxError::ZeroAmount));
    assert_eq!(refused, Some((job(0), TxError::ZeroAmount)));
    let fillers = outbox.flush();
    assert_eq!((nonces(&fillers), number(&fillers[0])), (vec![7], None));
    assert_eq!(refuse(&mut outbox, fillers[0].id(), SubmitError::PoolFull), None);
    outbox.push(Some(job(3)), action(3));
    assert_eq!(nonces(&outbox.flush()), [10], "a filler that is signed stays");
    outbox.on_block(Height(11), None, []);
    assert_eq!(outbox.flush(), fillers, "room comes with the next block");
}

#[test]
fn the_next_action_takes_a_free_nonce_before_a_filler_does() {
    let mut outbox = outbox(3);
    let txs = outbox.flush();
    refuse(&mut outbox, txs[1].id(), SubmitError::Invalid(TxError::ZeroAmount));
    outbox.push(Some(job(3)), action(3));
    let sent = outbox.flush();
    assert_eq!((nonces(&sent), number(&sent[0])), (vec![8], Some(3)));
}

#[test]
fn a_used_nonce_is_believed_of_the_state_alone() {
    let mut outbox = outbox(2);
    let txs = outbox.flush();
    // Somebody else's transaction, and a validator that is ahead or lies.
    let far = SubmitError::NonceUsed { expected: Nonce(60), got: Nonce(0) };
    for id in [TxId([9; 32]), txs[0].id(), txs[1].id()] {
        assert_eq!(refuse(&mut outbox, id, far.clone()), None);
    }
    assert_eq!(outbox.flush(), []);
    // The account did move on: another process has used both nonces.
    outbox.on_block(Height(11), Some(Nonce(9)), []);
    let again = outbox.flush();
    assert_eq!((nonces(&again), number(&again[0]), number(&again[1])), (vec![9, 10], Some(0), Some(1)));
}

#[test]
fn a_lost_transaction_is_sent_again_as_it_was() {
    let mut outbox = outbox(1);
    let txs = outbox.flush();
    for height in 11..10 + RESEND_BLOCKS {
        outbox.on_block(Height(height), None, []);
        assert_eq!(outbox.flush(), []);
    }
    outbox.on_block(Height(10 + RESEND_BLOCKS), None, []);
    assert_eq!(outbox.flush(), txs, "silence is not inclusion");
}

/// Chance from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ (mixed >> 31)) % n
    }

    fn percent(&mut self, percentage: u64) -> bool {
        self.below(100) < percentage
    }
}

/// A block as the outbox hears of it.
struct Block {
    height: Height,
    nonce: Option<Nonce>,
    included: Vec<(TxId, Option<TxError>)>,
}

/// One account's half of a ledger, and the road to it.
struct World {
    dice: Dice,
    /// Whether a refused transaction uses its nonce up.
    refusals_spend: bool,
    outbox: Outbox,
    nonce: u64,
    height: u64,
    pool: BTreeMap<u64, SignedTx>,
    /// On their way to the validator.
    wire: Vec<SignedTx>,
    /// On their way to the outbox, in order.
    news: VecDeque<Block>,
    /// From which height on the ledger refuses an action.
    refused_from: BTreeMap<u64, u64>,
    executed: BTreeSet<u64>,
    reported: BTreeSet<u64>,
    storm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice(seed),
            refusals_spend: seed.is_multiple_of(2),
            outbox: outbox(0),
            nonce: 7,
            height: 10,
            pool: BTreeMap::new(),
            wire: Vec::new(),
            news: VecDeque::new(),
            refused_from: BTreeMap::new(),
            executed: BTreeSet::new(),
            reported: BTreeSet::new(),
            storm: true,
        }
    }

    fn strikes(&mut self, percentage: u64) -> bool {
        self.storm && self.dice.percent(percentage)
    }

    fn push(&mut self) {
        let n = self.refused_from.len() as u64;
        let lasts = if self.dice.percent(25) { self.dice.below(12) } else { u64::MAX / 2 };
        self.refused_from.insert(n, self.height + lasts);
        self.outbox.push(Some(job(n)), action(n));
    }

    fn send(&mut self) {
        for tx in self.outbox.flush() {
            let copies = if self.strikes(20) { self.dice.below(3) } else { 1 };
            self.wire.extend((0..copies).map(|_| tx.clone()));
        }
    }

    fn refuses(&self, tx: &SignedTx) -> bool {
        number(tx).is_some_and(|n| self.refused_from[&n] <= self.height)
    }

    /// One of the messages arrives, and perhaps its answer.
    fn arrive(&mut self) {
        if self.wire.is_empty() {
            return;
        }
        let at = if self.storm { self.dice.below(self.wire.len() as u64) as usize } else { 0 };
        let tx = self.wire.remove(at);
        if let Some(error) = self.admit(&tx).filter(|_| !self.strikes(20)) {
            let refused = refuse(&mut self.outbox, tx.id(), error);
            self.report(refused.into_iter().collect());
        }
    }

    fn admit(&mut self, tx: &SignedTx) -> Option<SubmitError> {
        let nonce = tx.body.nonce;
        if let Some(waiting) = self.pool.get(&nonce.0) {
            let waiting = waiting.id();
            return (waiting != tx.id()).then_some(SubmitError::NonceTaken { nonce, waiting });
        }
        if nonce.0 < self.nonce {
            return Some(SubmitError::NonceUsed { expected: Nonce(self.nonce), got: nonce });
        }
        if self.strikes(10) {
            return Some(SubmitError::PoolFull);
        }
        if self.refuses(tx) {
            return Some(SubmitError::Invalid(TxError::ZeroAmount));
        }
        self.pool.insert(nonce.0, tx.clone());
        None
    }

    fn report(&mut self, refused: Vec<(JobId, TxError)>) {
        for (job, _) in refused {
            let n = u64::from_le_bytes(job.0[..8].try_into().expect("eight bytes"));
            assert!(self.reported.insert(n), "action {n} is reported once");
        }
    }

    fn block(&mut self) {
        self.height += 1;
        let before = self.nonce;
        let mut included = Vec::new();
        if self.strikes(10) {
            // Another process with the same key was faster.
            self.pool.remove(&self.nonce);
            self.nonce += 1;
        }
        let most = if self.storm { self.dice.below(6) } else { u64::MAX };
        while (included.len() as u64) < most {
            let Some(tx) = self.pool.remove(&self.nonce) else { break };
            let is_refused = self.execute(&tx, &mut included);
            if is_refused && !self.refusals_spend {
                break;
            }
        }
        if self.strikes(10) {
            self.pool.pop_last();
        }
        let nonce = (self.nonce > before || !included.is_empty()).then_some(Nonce(self.nonce));
        self.news.push_back(Block { height: Height(self.height), nonce, included });
    }

    fn execute(&mut self, tx: &SignedTx, included: &mut Vec<(TxId, Option<TxError>)>) -> bool {
        let is_refused = self.refuses(tx);
        included.push((tx.id(), is_refused.then_some(TxError::ZeroAmount)));
        if !is_refused || self.refusals_spend {
            self.nonce += 1;
        }
        if let Some(n) = number(tx).filter(|_| !is_refused) {
            assert!(self.executed.insert(n), "action {n} is executed once");
        }
        is_refused
    }

    fn hear(&mut self) {
        let Some(block) = self.news.pop_front() else { return };
        let refused = self.outbox.on_block(block.height, block.nonce, block.included);
        self.report(refused);
    }

    /// What strangers send, and what was said to them.
    fn gossip(&mut self) {
        let id = TxId([self.dice.below(250) as u8; 32]);
        let expected = Nonce(self.dice.below(100));
        let refused = refuse(&mut self.outbox, id, SubmitError::NonceUsed { expected, got: Nonce(0) });
        assert_eq!(refused, None);
    }

    fn happen(&mut self) {
        match self.dice.below(10) {
            0 => self.push(),
            1..=2 => self.send(),
            3..=5 => self.arrive(),
            6 => self.gossip(),
            7..=8 => self.hear(),
            _ => self.block(),
        }
    }

    /// Everything arrives at once, and every block takes what is next.
    fn calm_block(&mut self) {
        self.send();
        while !self.wire.is_empty() {
            self.arrive();
        }
        self.block();
        while !self.news.is_empty() {
            self.hear();
        }
    }
}

/// Blocks within which a calm network carries out whatever is under way: a gap is noticed after one interval, and what it freed
/// takes another.
const CALM_BLOCKS: u64 = 2 * RESEND_BLOCKS + 2;

#[test]
fn whatever_happens_no_gap_lasts_and_every_action_is_executed_once_or_reported() {
    for seed in 0..500 {
        let mut world = World::new(seed);
        for _ in 0..3 {
            world.storm = true;
            for _ in 0..60 {
                world.happen();
            }
            world.storm = false;
            (0..CALM_BLOCKS).for_each(|_| world.calm_block());
            assert!(world.outbox.is_empty(), "seed {seed}: {} are left", world.outbox.len());
            let ended: BTreeSet<u64> = world.executed.union(&world.reported).copied().collect();
            assert_eq!(ended.len(), world.refused_from.len(), "seed {seed}");
            assert!(world.executed.is_disjoint(&world.reported), "seed {seed}");
        }
    }
}

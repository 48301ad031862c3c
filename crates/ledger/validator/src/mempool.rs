//! Transactions that wait for a block. Bounded, each once, in order of nonce per sender and of arrival overall.
//!
//! Nothing enters before its sender is seen to be able to pay for it and for everything else of it that waits. Nothing
//! enters before its stateless phase has passed, either. A transaction may only lack what a coming block may bring: a
//! job, a seat or a model. It is parked and tried again after each commit, because gossip may be faster than the
//! block.
//!
//! **Lanes.** Each lane ([`ciro_state::lane`]) has its own share of the pool, so that a flood in one leaves the others their room.
//!
//! **Gaps.** A nonce beyond the next free one waits for those before it. Few may, and not for long: nobody pays for them.
//!
//! **Eviction.** In a full lane, a newcomer takes the place of what pays less for each byte and unit; what waits behind a gap
//! pays nothing. What the same sender sent after it goes as well, as it could not be executed. Nobody evicts itself. Where
//! only units have no room, what its largest holder sent last goes.
//!
//! **Turns.** What takes verification goes into blocks in turns of its senders. A block holds little of it. Whoever
//! came first with a thousand would hold up everybody else's for as many blocks as these fill.

use crate::config::Limits;
use crate::step::SubmitError;
use ciro_state::{Account, InclusionError, Item, Lane, Load, Manifest, Offence, State};
use ciro_types::{AccountId, Amount, Nonce, TxId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most parked transactions, of one sender, and most bytes of all.
const MAX_PARKED: usize = 1_024;
const MAX_PARKED_OF_SENDER: usize = 64;
const MAX_PARKED_BYTES: usize = 16 << 20;
/// How many commits a parked transaction is given.
const PARKED_COMMITS: u8 = 4;
/// How many commits a transaction may wait for room. Without an end, what a full lane never takes would stay.
pub const MAX_WAIT_COMMITS: u64 = 512;
/// How many commits a transaction may wait for those before it.
pub const MAX_GAP_COMMITS: u64 = 16;

/// A transaction that has passed the stateless phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: TxId,
    /// Who pays, and for what.
    pub item: Item,
    /// Its lane when it came.
    pub lane: Lane,
    /// What it pays.
    pub fee: Amount,
    /// The offence that it reports, if it is a report.
    pub offence: Option<Offence>,
    /// Its encoding.
    pub bytes: Arc<[u8]>,
}

/// A transaction that a coming block may make valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Who signed it.
    pub sender: AccountId,
    /// Its encoding.
    pub bytes: Vec<u8>,
    /// Whether a client of this validator waits for the verdict.
    pub local: bool,
    /// Commits left.
    commits: u8,
}

/// What a place in a full lane is given up for: pay for each byte and unit, then age.
type Rank = (u128, Reverse<u64>, AccountId, Nonce);

#[derive(Debug)]
struct Entry {
    arrival: u64,
    /// When it is its sender's turn, if it takes verification.
    turn: u64,
    /// Pay for each 1,024 bytes and units; nothing while it waits behind a gap.
    rate: u128,
    /// The commit at which it has waited too long.
    until: u64,
    waiting: Waiting,
}

impl Entry {
    const fn rank(&self) -> Rank {
        (self.rate, Reverse(self.arrival), self.waiting.item.sender, self.waiting.item.nonce)
    }
}

/// What waits of one sender.
#[derive(Debug)]
struct Queue {
    /// The account's nonce, as of the last commit.
    next: Nonce,
    txs: BTreeMap<Nonce, Entry>,
    bytes: usize,
    units: u64,
    owed: u128,
    /// The turn of what came last and takes verification.
    turn: u64,
}

impl Queue {
    /// The first nonce with which nothing waits.
    fn next_free(&self) -> Nonce {
        self.txs.range(self.next..).fold(self.next, |free, (nonce, _)| if *nonce == free { after(free) } else { free })
    }
}

/// What waits in one lane.
#[derive(Debug, Default)]
struct Share {
    load: Load,
    ranks: BTreeSet<Rank>,
}

/// The pool.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    senders: BTreeMap<AccountId, Queue>,
    ids: BTreeMap<TxId, (AccountId, Nonce)>,
    shares: BTreeMap<Lane, Share>,
    arrivals: u64,
    /// The last turn of which a block held something.
    turn: u64,
    commits: u64,
    /// When each has waited too long.
    ends: BTreeSet<(u64, TxId)>,
    parked: BTreeMap<TxId, Parked>,
}

const fn after(nonce: Nonce) -> Nonce {
    Nonce(nonce.0.saturating_add(1))
}

/// A unit costs about what a byte does, and so weighs as much: who pays for verification does not outrank others by that.
fn rate(fee: Amount, item: &Item) -> u128 {
    fee.0.saturating_mul(1_024) / (item.bytes.max(1) as u128 + u128::from(item.units))
}

impl Mempool {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            senders: BTreeMap::new(),
            ids: BTreeMap::new(),
            shares: BTreeMap::new(),
            arrivals: 0,
            turn: 0,
            commits: 0,
            ends: BTreeSet::new(),
            parked: BTreeMap::new(),
        }
    }

    /// How many transactions wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether this transaction waits.
    #[must_use]
    pub fn contains(&self, id: &TxId) -> bool {
        self.ids.contains_key(id)
    }

    /// How many commits there have been.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.commits
    }

    /// Whether a transaction may wait, before anyone pays for its signature. `account` is its sender's.
    ///
    /// # Errors
    /// [`SubmitError`] if the nonce is used, taken or too far ahead, or if the sender cannot pay or has too much here. Also if the lane
    /// is full of what pays better.
    pub fn admits(&self, item: &Item, lane: Lane, fee: Amount, account: &Account) -> Result<(), SubmitError> {
        self.admits_nonce(item, account.nonce)?;
        self.admits_sender(item, fee, account)?;
        self.victims(item, lane, fee, account.nonce).map(|_| ())
    }

    fn admits_nonce(&self, item: &Item, next: Nonce) -> Result<(), SubmitError> {
        let nonce = item.nonce;
        if nonce < next {
            return Err(SubmitError::NonceUsed { expected: next, got: nonce });
        }
        if let Some(entry) = self.senders.get(&item.sender).and_then(|queue| queue.txs.get(&nonce)) {
            return Err(SubmitError::NonceTaken { nonce, waiting: entry.waiting.id });
        }
        let (free, ahead) = (self.next_free(&item.sender, next), self.limits.gap);
        if nonce.0.saturating_sub(free.0) > ahead as u64 {
            return Err(SubmitError::NonceAhead { next: free, ahead, got: nonce });
        }
        Ok(())
    }

    fn admits_sender(&self, item: &Item, fee: Amount, account: &Account) -> Result<(), SubmitError> {
        let queue = self.senders.get(&item.sender);
        let owed = queue.map_or(0, |queue| queue.owed);
        let (expected, got) = (Amount(owed.saturating_add(fee.0)), account.balance);
        if expected > got {
            return Err(SubmitError::Unfunded { expected, got });
        }
        let (txs, bytes, units) = queue.map_or((0, 0, 0), |queue| (queue.txs.len(), queue.bytes, queue.units));
        let fits_units = item.units == 0 || units.saturating_add(item.units) <= self.limits.sender_units;
        // One transaction of any size may wait.
        let fits = txs == 0
            || txs < self.limits.pool_per_sender && bytes + item.bytes <= self.limits.sender_bytes && fits_units;
        if fits { Ok(()) } else { Err(SubmitError::SenderFull { txs, bytes }) }
    }

    /// What has to go for this transaction to have room.
    fn victims(&self, item: &Item, lane: Lane, fee: Amount, next: Nonce) -> Result<Vec<TxId>, SubmitError> {
        let limit = self.limits.share(lane);
        let Some(share) = self.shares.get(&lane) else { return Ok(Vec::new()) };
        let mut load = share.load.plus(load_of(item));
        let rate = if item.nonce > self.next_free(&item.sender, next) { 0 } else { rate(fee, item) };
        let mut victims = Vec::new();
        for &(theirs, _, sender, nonce) in &share.ranks {
            if fits_but_units(load, limit) {
                break;
            }
            if theirs >= rate || sender == item.sender {
                return Err(SubmitError::PoolFull);
            }
            let queue = self.senders.get(&sender).into_iter();
            for entry in queue.flat_map(|queue| queue.txs.range(nonce..)).map(|(_, entry)| entry) {
                if entry.waiting.lane == lane && !victims.contains(&entry.waiting.id) {
                    load = load_without(load, &entry.waiting.item);
                    victims.push(entry.waiting.id);
                }
            }
        }
        if load.units > limit.units && rate > 0 {
            self.dear_victims(item, lane, (&mut load, limit), &mut victims);
        }
        if load.is_within(limit) { Ok(victims) } else { Err(SubmitError::PoolFull) }
    }

    /// Adds what whoever holds most units sent last, as long as that leaves it more than the newcomer's sender would have. Cost:
    /// linear in senders, only where a lane has no units left.
    fn dear_victims(&self, item: &Item, lane: Lane, (load, limit): (&mut Load, Load), victims: &mut Vec<TxId>) {
        let own = self.senders.get(&item.sender).map_or(0, |queue| queue.units).saturating_add(item.units);
        let others = self.senders.iter().filter(|(sender, _)| **sender != item.sender);
        let Some((_, largest)) = others.max_by_key(|(sender, queue)| (queue.units, **sender)) else { return };
        let mut left = largest.units;
        for entry in largest.txs.values().rev() {
            if load.units <= limit.units || left <= own {
                return;
            }
            left -= entry.waiting.item.units;
            if entry.waiting.lane == lane && !victims.contains(&entry.waiting.id) {
                *load = load_without(*load, &entry.waiting.item);
                victims.push(entry.waiting.id);
            }
        }
    }

    /// Takes a transaction for which [`Mempool::admits`] has said yes, with the same `account`.
    pub fn insert(&mut self, waiting: Waiting, account: &Account) {
        let item = waiting.item;
        let victims = self.victims(&item, waiting.lane, waiting.fee, account.nonce).unwrap_or_default();
        victims.iter().for_each(|id| self.remove_tail(id));
        self.arrivals += 1;
        self.ids.insert(waiting.id, (item.sender, item.nonce));
        let share = self.shares.entry(waiting.lane).or_default();
        share.load = share.load.plus(load_of(&item));
        let empty = Queue { next: account.nonce, txs: BTreeMap::new(), bytes: 0, units: 0, owed: 0, turn: 0 };
        let queue = self.senders.entry(item.sender).or_insert(empty);
        queue.bytes += item.bytes;
        queue.units = queue.units.saturating_add(item.units);
        if item.units > 0 {
            queue.turn = queue.turn.max(self.turn) + 1;
        }
        queue.owed = queue.owed.saturating_add(waiting.fee.0);
        let until = self.commits + MAX_GAP_COMMITS;
        let entry = Entry { arrival: self.arrivals, turn: queue.turn, rate: 0, until, waiting };
        share.ranks.insert(entry.rank());
        self.ends.insert((until, entry.waiting.id));
        queue.txs.insert(item.nonce, entry);
        self.rank(item.sender);
    }

    /// Gives those of a sender's transactions that no longer wait behind a gap their rank and their time.
    fn rank(&mut self, sender: AccountId) {
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        let mut next = queue.next;
        for (nonce, entry) in queue.txs.range_mut(queue.next..) {
            if *nonce != next {
                break;
            }
            next = after(next);
            if entry.rate > 0 {
                continue;
            }
            let Some(share) = self.shares.get_mut(&entry.waiting.lane) else { continue };
            share.ranks.remove(&entry.rank());
            // A free report outranks nothing and needs not to: its lane is its own.
            entry.rate = rate(entry.waiting.fee, &entry.waiting.item).max(1);
            share.ranks.insert(entry.rank());
            self.ends.remove(&(entry.until, entry.waiting.id));
            entry.until = self.commits + MAX_WAIT_COMMITS;
            self.ends.insert((entry.until, entry.waiting.id));
        }
    }

    /// The first nonce at or after `next` with which nothing of `sender` waits.
    #[must_use]
    pub fn next_free(&self, sender: &AccountId, next: Nonce) -> Nonce {
        self.senders.get(sender).map_or(next, |queue| queue.next_free().max(next))
    }

    /// Whether some transaction could go into a block now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.senders.values().any(|queue| queue.txs.contains_key(&queue.next))
    }

    /// A batch for a block after `state`, in order of arrival. What takes verification comes in turns of its senders. The transactions of
    /// each sender are in order of nonce, without gaps. A lane ends at the first transaction that does not fit, so that a large one is
    /// not passed over for ever. Where only verification has no room left, the lane goes on with what takes none.
    #[must_use]
    pub fn batch(&self, state: &State) -> Vec<Vec<u8>> {
        let mut heads = Heads::default();
        for queue in self.senders.values() {
            queue.txs.get(&queue.next).into_iter().for_each(|entry| heads.push(entry));
        }
        let (mut manifest, mut batch) = (Manifest::new(state), Vec::new());
        let (mut full, mut verified, mut reported) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        while let Some(entry) = heads.pop() {
            let item = &entry.waiting.item;
            let lane = state.lane(&item.sender, item.errand);
            let is_over = full.contains(&lane) || item.units > 0 && verified.contains(&lane);
            if is_over || lane == Lane::Report && !is_news(&entry.waiting, state, &mut reported) {
                continue;
            }
            match manifest.add(item) {
                Ok(()) => batch.push(entry.waiting.bytes.to_vec()),
                Err(InclusionError::Full { lane }) => {
                    let over = if manifest.lacks_only_units(item) { &mut verified } else { &mut full };
                    over.insert(lane);
                    continue;
                }
                // Its money went, or its nonce: what follows of this sender has to wait as well.
                Err(
                    InclusionError::Nonce { .. } | InclusionError::Unfunded { .. } | InclusionError::IdleReport { .. },
                ) => {
                    continue;
                }
            }
            let follower = self.senders.get(&item.sender).and_then(|queue| queue.txs.get(&after(item.nonce)));
            follower.into_iter().for_each(|entry| heads.push(entry));
        }
        batch
    }

    /// Ends a block. Drops what it held, and what its senders' accounts have moved past or cannot pay any more. Also drops reports that
    /// came too late, and what has waited too long.
    pub fn forget(&mut self, included: &[TxId], state: &State) {
        for id in included {
            self.parked.remove(id);
            self.turn = self.turn.max(self.turn_of(id));
            self.remove(id);
        }
        let moved =
            |(sender, queue): (&AccountId, &Queue)| (state.account(sender).nonce != queue.next).then_some(*sender);
        let moved: Vec<_> = self.senders.iter().filter_map(moved).collect();
        for sender in moved {
            self.follow(sender, &state.account(&sender));
        }
        self.forget_reports(state);
        self.commits += 1;
        self.expire();
    }

    /// The turn of what waits and takes verification; 0 of anything else.
    fn turn_of(&self, id: &TxId) -> u64 {
        let entry = self.ids.get(id).and_then(|(sender, nonce)| self.senders.get(sender)?.txs.get(nonce));
        entry.filter(|entry| entry.waiting.item.units > 0).map_or(0, |entry| entry.turn)
    }

    /// Brings a sender's queue in line with its account.
    fn follow(&mut self, sender: AccountId, account: &Account) {
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        queue.next = account.nonce;
        let used: Vec<_> = queue.txs.range(..account.nonce).map(|(_, entry)| entry.waiting.id).collect();
        used.iter().for_each(|id| self.remove(id));
        while let Some(last) = self.last_unpaid(sender, account.balance) {
            self.remove(&last);
        }
        self.rank(sender);
    }

    fn last_unpaid(&self, sender: AccountId, balance: Amount) -> Option<TxId> {
        let queue = self.senders.get(&sender).filter(|queue| queue.owed > balance.0)?;
        queue.txs.last_key_value().map(|(_, entry)| entry.waiting.id)
    }

    fn forget_reports(&mut self, state: &State) {
        let ranks = self.shares.get(&Lane::Report).into_iter().flat_map(|share| &share.ranks);
        let waiting =
            ranks.filter_map(|(_, _, sender, nonce)| Some(&self.senders.get(sender)?.txs.get(nonce)?.waiting));
        let is_late = |waiting: &&Waiting| !waiting.offence.is_some_and(|offence| state.is_punishable(&offence));
        let late: Vec<_> = waiting.filter(is_late).map(|waiting| waiting.id).collect();
        late.iter().for_each(|id| self.remove(id));
    }

    fn expire(&mut self) {
        while let Some(&(until, id)) = self.ends.first().filter(|(until, _)| *until < self.commits) {
            self.ends.remove(&(until, id));
            self.remove_tail(&id);
        }
    }

    /// Removes a transaction and what its sender sent after it.
    fn remove_tail(&mut self, id: &TxId) {
        let Some((sender, nonce)) = self.ids.get(id).copied() else { return };
        let queue = self.senders.get(&sender).into_iter();
        let tail: Vec<_> =
            queue.flat_map(|queue| queue.txs.range(nonce..)).map(|(_, entry)| entry.waiting.id).collect();
        tail.iter().for_each(|id| self.remove(id));
    }

    fn remove(&mut self, id: &TxId) {
        let Some((sender, nonce)) = self.ids.remove(id) else { return };
        let Some(queue) = self.senders.get_mut(&sender) else { return };
        if let Some(entry) = queue.txs.remove(&nonce) {
            let Waiting { item, lane, fee, .. } = &entry.waiting;
            queue.bytes -= item.bytes;
            queue.units -= item.units;
            queue.owed -= fee.0;
            self.ends.remove(&(entry.until, *id));
            if let Some(share) = self.shares.get_mut(lane) {
                share.ranks.remove(&entry.rank());
                share.load = load_without(share.load, item);
            }
        }
        if queue.txs.is_empty() {
            self.senders.remove(&sender);
        }
    }

    /// Keeps a transaction to be tried after the next commits. False if there is no room.
    pub fn park(&mut self, id: TxId, sender: AccountId, bytes: Vec<u8>, local: bool) -> bool {
        if let Some(parked) = self.parked.get_mut(&id) {
            parked.local |= local;
            return true;
        }
        let of_sender = self.parked.values().filter(|parked| parked.sender == sender).count();
        let held: usize = self.parked.values().map(|parked| parked.bytes.len()).sum();
        let fits = self.parked.len() < MAX_PARKED
            && of_sender < MAX_PARKED_OF_SENDER
            && held + bytes.len() <= MAX_PARKED_BYTES;
        if fits {
            self.parked.insert(id, Parked { sender, bytes, local, commits: PARKED_COMMITS });
        }
        fits
    }

    /// Takes the parked transactions for another try, each with one try less.
    pub fn unpark(&mut self) -> Vec<(TxId, Parked)> {
        let parked = std::mem::take(&mut self.parked);
        parked.into_iter().map(|(id, p)| (id, Parked { commits: p.commits.saturating_sub(1), ..p })).collect()
    }

    /// Puts a parked transaction back after a try that failed. False if it has no tries left.
    pub fn repark(&mut self, id: TxId, parked: Parked) -> bool {
        let again = parked.commits > 0;
        if again {
            self.parked.insert(id, parked);
        }
        again
    }
}

/// What could go into a block next, one of each sender.
#[derive(Default)]
struct Heads<'a> {
    /// What takes no verification, by arrival.
    cheap: BTreeMap<u64, &'a Entry>,
    /// What does, by turn and arrival.
    dear: BTreeMap<(u64, u64), &'a Entry>,
    /// When the dear ones came: the oldest says when one of them is due, whichever that is.
    dear_arrivals: BTreeSet<u64>,
}

impl<'a> Heads<'a> {
    fn push(&mut self, entry: &'a Entry) {
        if entry.waiting.item.units == 0 {
            self.cheap.insert(entry.arrival, entry);
        } else {
            self.dear.insert((entry.turn, entry.arrival), entry);
            self.dear_arrivals.insert(entry.arrival);
        }
    }

    fn pop(&mut self) -> Option<&'a Entry> {
        let (cheap, dear) = (self.cheap.first_key_value(), self.dear_arrivals.first());
        let is_dear_due = dear.is_some_and(|dear| cheap.is_none_or(|(cheap, _)| dear < cheap));
        let entry = if is_dear_due { self.dear.pop_first()?.1 } else { self.cheap.pop_first()?.1 };
        self.dear_arrivals.remove(&entry.arrival);
        Some(entry)
    }
}

const fn load_of(item: &Item) -> Load {
    Load { txs: 1, bytes: item.bytes, units: item.units }
}

const fn load_without(load: Load, item: &Item) -> Load {
    Load { txs: load.txs - 1, bytes: load.bytes - item.bytes, units: load.units - item.units }
}

const fn fits_but_units(load: Load, limit: Load) -> bool {
    load.is_within(Load { units: u64::MAX, ..limit })
}

/// Whether a free report would punish somebody whom no report before it in the block punishes.
fn is_news(waiting: &Waiting, state: &State, reported: &mut BTreeSet<(AccountId, u64, u32)>) -> bool {
    let Some(offence) = waiting.offence.filter(|offence| state.is_punishable(offence)) else { return false };
    reported.insert((offence.validator, offence.height.0, offence.round))
}

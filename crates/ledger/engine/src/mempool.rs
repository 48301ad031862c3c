//! Transactions that wait for a block. Bounded, each once, in order of nonce per sender and of arrival overall.
//!
//! Nothing enters before its stateless phase has passed. A transaction that only lacks something a coming block may
//! bring, a job or a model, is parked and tried again after each commit, because gossip may be faster than the block.

use crate::config::Limits;
use crate::step::SubmitError;
use ciro_types::{AccountId, Nonce, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Most parked transactions.
const MAX_PARKED: usize = 1_024;
/// How many commits a parked transaction is given.
const PARKED_COMMITS: u8 = 4;
/// How many commits a transaction may wait, for a gap before it to be filled or for room. Without an end, transactions
/// that nobody can ever execute would fill the pool.
pub const MAX_WAIT_COMMITS: u64 = 512;

/// A transaction that has passed the stateless phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its id.
    pub id: TxId,
    /// Its sender.
    pub sender: AccountId,
    /// Its nonce.
    pub nonce: Nonce,
    /// Its encoding.
    pub bytes: Arc<[u8]>,
}

/// A transaction that a coming block may make valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// Its encoding.
    pub bytes: Vec<u8>,
    /// Whether a client of this validator waits for the verdict.
    pub local: bool,
    /// Commits left.
    commits: u8,
}

#[derive(Debug)]
struct Entry {
    arrival: u64,
    waiting: Waiting,
}

/// The pool.
#[derive(Debug)]
pub struct Mempool {
    limits: Limits,
    senders: BTreeMap<AccountId, BTreeMap<Nonce, Entry>>,
    ids: BTreeMap<TxId, (AccountId, Nonce)>,
    bytes: usize,
    arrivals: u64,
    commits: u64,
    /// In order of arrival: which transaction, and how many commits there had been.
    ages: VecDeque<(u64, TxId, u64)>,
    parked: BTreeMap<TxId, Parked>,
}

impl Mempool {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            senders: BTreeMap::new(),
            ids: BTreeMap::new(),
            bytes: 0,
            arrivals: 0,
            commits: 0,
            ages: VecDeque::new(),
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

    /// Whether a transaction with this nonce has room, before anyone pays for its signature. `next` is what the
    /// sender's account wants.
    ///
    /// # Errors
    /// [`SubmitError`] if the nonce is used, taken or too far ahead, or the pool is full.
    pub fn admits(&self, sender: AccountId, nonce: Nonce, size: usize, next: Nonce) -> Result<(), SubmitError> {
        if nonce < next {
            return Err(SubmitError::NonceUsed { expected: next, got: nonce });
        }
        let ahead = self.limits.pool_per_sender;
        if nonce.0 - next.0 >= ahead as u64 {
            return Err(SubmitError::NonceAhead { next, ahead, got: nonce });
        }
        if let Some(entry) = self.senders.get(&sender).and_then(|nonces| nonces.get(&nonce)) {
            return Err(SubmitError::NonceTaken { nonce, waiting: entry.waiting.id });
        }
        let fits = self.ids.len() < self.limits.pool_txs && self.bytes + size <= self.limits.pool_bytes;
        if fits { Ok(()) } else { Err(SubmitError::PoolFull) }
    }

    /// Takes a transaction for which [`Mempool::admits`] has said yes.
    pub fn insert(&mut self, waiting: Waiting) {
        self.arrivals += 1;
        self.bytes += waiting.bytes.len();
        self.ids.insert(waiting.id, (waiting.sender, waiting.nonce));
        self.ages.push_back((self.arrivals, waiting.id, self.commits));
        let entry = Entry { arrival: self.arrivals, waiting };
        let nonces = self.senders.entry(entry.waiting.sender).or_default();
        nonces.insert(entry.waiting.nonce, entry);
    }

    /// The first nonce at or after `next` with which nothing of `sender` waits.
    #[must_use]
    pub fn next_free(&self, sender: &AccountId, next: Nonce) -> Nonce {
        let waiting = self.senders.get(sender).into_iter().flat_map(|nonces| nonces.range(next..));
        waiting.fold(next, |free, (nonce, _)| if *nonce == free { Nonce(free.0 + 1) } else { free })
    }

    /// Whether some transaction could go into a block now. `next` gives the nonce that an account wants.
    pub fn is_ready(&self, next: impl Fn(&AccountId) -> Nonce) -> bool {
        self.senders.iter().any(|(sender, nonces)| nonces.contains_key(&next(sender)))
    }

    /// A batch for a block: in order of arrival, but each sender's in order of nonce without gaps. Stops at the first
    /// transaction that does not fit, so that a large one is not passed over for ever.
    pub fn batch(&self, max_txs: usize, max_bytes: usize, next: impl Fn(&AccountId) -> Nonce) -> Vec<Vec<u8>> {
        let mut heads: BTreeMap<u64, &Entry> = BTreeMap::new();
        let push = |heads: &mut BTreeMap<u64, _>, sender: &AccountId, nonce: Nonce| {
            if let Some(entry) = self.senders.get(sender).and_then(|nonces| nonces.get(&nonce)) {
                heads.insert(entry.arrival, entry);
            }
        };
        self.senders.keys().for_each(|sender| push(&mut heads, sender, next(sender)));
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while let Some((_, entry)) = heads.pop_first() {
            let tx = &entry.waiting;
            bytes += tx.bytes.len();
            if batch.len() == max_txs || bytes > max_bytes {
                break;
            }
            batch.push(tx.bytes.to_vec());
            push(&mut heads, &tx.sender, Nonce(tx.nonce.0 + 1));
        }
        batch
    }

    /// Ends a block: drops what it held, whatever its senders' accounts have moved past, and what has waited too long.
    pub fn forget(&mut self, included: &[TxId], next: impl Fn(&AccountId) -> Nonce) {
        let mut touched = Vec::new();
        for id in included {
            self.parked.remove(id);
            touched.extend(self.remove(id));
        }
        for sender in touched {
            let wanted = next(&sender);
            let nonces = self.senders.get(&sender).into_iter().flat_map(|nonces| nonces.range(..wanted));
            let used: Vec<_> = nonces.map(|(_, entry)| entry.waiting.id).collect();
            for id in used {
                self.remove(&id);
            }
        }
        self.commits += 1;
        self.expire();
    }

    fn expire(&mut self) {
        while let Some(&(arrival, id, commits)) = self.ages.front() {
            let gone = self.arrival(&id) != Some(arrival);
            if !gone && self.commits - commits <= MAX_WAIT_COMMITS {
                break;
            }
            self.ages.pop_front();
            if !gone {
                self.remove(&id);
            }
        }
    }

    fn arrival(&self, id: &TxId) -> Option<u64> {
        let (sender, nonce) = self.ids.get(id)?;
        Some(self.senders.get(sender)?.get(nonce)?.arrival)
    }

    /// Removes one transaction and returns its sender.
    fn remove(&mut self, id: &TxId) -> Option<AccountId> {
        let (sender, nonce) = self.ids.remove(id)?;
        let nonces = self.senders.get_mut(&sender)?;
        if let Some(entry) = nonces.remove(&nonce) {
            self.bytes -= entry.waiting.bytes.len();
        }
        if nonces.is_empty() {
            self.senders.remove(&sender);
        }
        Some(sender)
    }

    /// Keeps a transaction to be tried after the next commits. False if there is no room.
    pub fn park(&mut self, id: TxId, bytes: Vec<u8>, local: bool) -> bool {
        if self.parked.len() >= MAX_PARKED {
            return false;
        }
        let parked = self.parked.entry(id).or_insert(Parked { bytes, local, commits: PARKED_COMMITS });
        parked.local |= local;
        true
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

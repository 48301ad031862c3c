//! Transactions whose signature and proof have been checked. Each is checked when it first appears, in gossip, in a
//! submission or in a block. It is not checked again when the block is proposed and executed.

use ciro_state::Checked;
use ciro_types::{Height, TxId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A bounded, thread-safe set of checked transactions; the oldest are forgotten first.
///
/// Only acceptances are kept. An acceptance holds for the state it was made against and for every later one of the same chain. It never
/// holds for an earlier one. So each is kept with its height, and a validator that is behind checks for itself.
#[derive(Debug)]
pub struct VerifiedTxs {
    inner: Mutex<Inner>,
    max_txs: usize,
    max_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    checked: BTreeMap<TxId, Entry>,
    order: VecDeque<TxId>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    at: Height,
    bytes: usize,
    checked: Checked,
}

impl VerifiedTxs {
    /// A cache of at most `max_txs` transactions and `max_bytes` of their encodings.
    #[must_use]
    pub fn new(max_txs: usize, max_bytes: usize) -> Self {
        Self { inner: Mutex::default(), max_txs, max_bytes }
    }

    /// The acceptance of `id`, if one was made at `height` or before.
    #[must_use]
    pub fn get(&self, id: &TxId, height: Height) -> Option<Checked> {
        let inner = self.inner();
        inner.checked.get(id).filter(|entry| entry.at <= height).map(|entry| entry.checked.clone())
    }

    /// Keeps an acceptance that was made against the state after `at`. `bytes` is the length of the transaction.
    pub fn put(&self, at: Height, bytes: usize, checked: Checked) {
        let id = checked.id();
        let mut inner = self.inner();
        if let Some(entry) = inner.checked.get_mut(&id) {
            entry.at = entry.at.min(at);
            return;
        }
        inner.checked.insert(id, Entry { at, bytes, checked });
        inner.order.push_back(id);
        inner.bytes += bytes;
        while inner.order.len() > self.max_txs || inner.bytes > self.max_bytes {
            inner.forget_oldest();
        }
    }

    /// Forgets transactions that are in a block: nobody asks for them again.
    pub fn forget(&self, ids: &[TxId]) {
        let mut inner = self.inner();
        for id in ids {
            if let Some(entry) = inner.checked.remove(id) {
                inner.bytes -= entry.bytes;
            }
        }
        // Their places in line go with them, so that the line is no longer than the set.
        let Inner { checked, order, .. } = &mut *inner;
        order.retain(|id| checked.contains_key(id));
    }

    /// A panic elsewhere cannot leave a wrong acceptance behind, only miscounted bytes.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for VerifiedTxs {
    fn default() -> Self {
        Self::new(100_000, 256 << 20)
    }
}

impl Inner {
    fn forget_oldest(&mut self) {
        if let Some(entry) = self.order.pop_front().and_then(|id| self.checked.remove(&id)) {
            self.bytes -= entry.bytes;
        }
    }
}

//! Clients that wait for a transaction, and what each is told.

use crate::news::refused;
use ciro_api::news::{BlockNews, Verdict};
use ciro_api::{NodeError, Until};
use ciro_types::{Height, TxId};
use ciro_validator::Store;
use std::collections::BTreeMap;

/// Names a waiting client. Never used twice by one desk's caller.
pub type Ticket = u64;

/// Blocks after which nobody waits any more. Validators give up on a waiting transaction about then.
const WAIT_BLOCKS: u64 = 512;

/// A client that waits.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    ticket: Ticket,
    until: Until,
    since: Height,
}

/// A client's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Whose.
    pub ticket: Ticket,
    /// How its transaction ended.
    pub result: Result<TxId, NodeError>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Counter {
    height: Height,
    waiting: BTreeMap<TxId, Vec<Waiter>>,
}

impl Counter {
    /// A client waits for `id` from now on.
    pub fn expect(&mut self, id: TxId, until: Until, ticket: Ticket) {
        let waiter = Waiter { ticket, until, since: self.height };
        self.waiting.entry(id).or_default().push(waiter);
    }

    /// A block answers those whose transactions it holds, and those who have waited too long.
    pub fn on_news(&mut self, block: &BlockNews) -> Vec<Reply> {
        self.height = block.height;
        let mut replies = Vec::new();
        for tx in &block.txs {
            let result = tx.refusal.as_ref().map_or(Ok(tx.id), |error| Err(refused(error)));
            replies.extend(self.answer(tx.id, |_| true, &result));
        }
        let now = self.height;
        let has_waited = |waiter: &Waiter| waiter.since.0.saturating_add(WAIT_BLOCKS) <= now.0;
        let late: Vec<TxId> =
            self.waiting.iter().filter(|(_, waiters)| waiters.iter().any(has_waited)).map(|(id, _)| *id).collect();
        for id in late {
            replies.extend(self.answer(id, has_waited, &Err(late_answer())));
        }
        replies
    }

    /// The validator's word answers those who only wait for it, and all if it is a refusal.
    pub fn on_verdict(&mut self, Verdict { tx, result }: &Verdict) -> Vec<Reply> {
        match result {
            Ok(()) => self.answer(*tx, |waiter| waiter.until == Until::Waiting, &Ok(*tx)),
            Err(turned) => self.answer(*tx, |_| true, &Err(turned.told().clone())),
        }
    }

    /// The validator was not reached.
    pub fn on_undelivered(&mut self, id: TxId) -> Vec<Reply> {
        let reason = "the validator is overloaded or stopping".into();
        self.answer(id, |_| true, &Err(NodeError::Unavailable { reason }))
    }

    fn answer(&mut self, id: TxId, is_meant: impl Fn(&Waiter) -> bool, result: &Result<TxId, NodeError>) -> Vec<Reply> {
        let waiters = self.waiting.remove(&id).unwrap_or_default();
        let (meant, others): (Vec<_>, Vec<_>) = waiters.into_iter().partition(is_meant);
        if !others.is_empty() {
            self.waiting.insert(id, others);
        }
        meant.into_iter().map(|waiter| Reply { ticket: waiter.ticket, result: result.clone() }).collect()
    }
}

fn late_answer() -> NodeError {
    NodeError::Unavailable { reason: format!("not in a block after {WAIT_BLOCKS} of them; it may be sent again") }
}

/// What became of a transaction that is in a block already.
///
/// # Errors
/// If the store cannot be read.
pub fn known(store: &Store, id: TxId) -> Result<Option<Result<TxId, NodeError>>, ciro_store::StoreError> {
    let Some(height) = store.tx_height(&id)? else { return Ok(None) };
    let record = store.journal(height)?.and_then(|journal| journal.txs.into_iter().find(|tx| tx.id == id));
    Ok(record.map(|record| record.result.map(|_| id).map_err(|error| refused(&error))))
}

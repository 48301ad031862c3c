//! Who is ahead, who is behind, and whom to ask for the blocks we lack.

use ciro_types::{AccountId, Height};
use std::collections::BTreeMap;

/// Most peers remembered. Above it, new ones are heard but not asked.
const MAX_PEERS: usize = 1024;

#[derive(Debug, Default)]
struct Peer {
    committed: Height,
    told_at: Option<u64>,
    served: Option<(Height, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    height: Height,
    deadline: u64,
}

/// What is known about the others' progress. Claims, not facts: a wrong one costs a wasted request.
#[derive(Debug, Default)]
pub(super) struct Peers {
    known: BTreeMap<AccountId, Peer>,
    request: Option<(AccountId, Request)>,
    asked: usize,
}

impl Peers {
    /// Notes that `peer` claims to have committed `height`.
    pub(super) fn note(&mut self, peer: AccountId, height: Height) {
        if let Some(peer) = self.peer(peer) {
            peer.committed = peer.committed.max(height);
        }
    }

    /// The highest height that anybody claims to have committed.
    pub(super) fn best(&self) -> Height {
        self.known.values().map(|p| p.committed).max().unwrap_or_default()
    }

    /// Whether to tell `peer` our height now. At most once per `pause_ms`, since late messages are normal.
    pub(super) fn may_tell(&mut self, peer: AccountId, now_ms: u64, pause_ms: u64) -> bool {
        let Some(peer) = self.peer(peer) else { return false };
        let due = peer.told_at.is_none_or(|at| now_ms >= at.saturating_add(pause_ms));
        if due {
            peer.told_at = Some(now_ms);
        }
        due
    }

    /// Whether to serve `peer` blocks from `height` now. The same request again within `pause_ms` is a duplicate.
    pub(super) fn may_serve(&mut self, peer: AccountId, height: Height, now_ms: u64, pause_ms: u64) -> bool {
        let Some(peer) = self.peer(peer) else { return false };
        let repeated = peer.served.is_some_and(|(h, at)| h == height && now_ms < at.saturating_add(pause_ms));
        if !repeated {
            peer.served = Some((height, now_ms));
        }
        !repeated
    }

    /// Whether a request for `height` is still waiting for its answer.
    pub(super) fn is_waiting(&self, height: Height, now_ms: u64) -> bool {
        self.request.as_ref().is_some_and(|(_, r)| r.height == height && now_ms < r.deadline)
    }

    /// Chooses whom to ask for `height`: in turn among those who claim to have it, so a silent one is passed over.
    pub(super) fn ask(&mut self, height: Height, deadline: u64) -> Option<AccountId> {
        let able: Vec<_> = self.known.iter().filter(|(_, p)| p.committed >= height).map(|(&a, _)| a).collect();
        let peer = *able.get(self.asked.checked_rem(able.len())?)?;
        self.asked = self.asked.wrapping_add(1);
        self.request = Some((peer, Request { height, deadline }));
        Some(peer)
    }

    /// Whether `peer` was asked, so that its answer is wanted. One answer per request.
    pub(super) fn take_answer(&mut self, peer: AccountId) -> bool {
        let asked = self.request.as_ref().is_some_and(|(asked, _)| *asked == peer);
        if asked {
            self.request = None;
        }
        asked
    }

    fn peer(&mut self, peer: AccountId) -> Option<&mut Peer> {
        if self.known.len() >= MAX_PEERS && !self.known.contains_key(&peer) {
            return None;
        }
        Some(self.known.entry(peer).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: AccountId = AccountId([1; 32]);
    const B: AccountId = AccountId([2; 32]);

    #[test]
    fn a_silent_peer_is_passed_over_and_one_behind_is_not_asked() {
        let mut peers = Peers::default();
        assert_eq!(peers.ask(Height(1), 10), None, "nobody is known");
        peers.note(A, Height(5));
        peers.note(B, Height(5));
        let first = peers.ask(Height(5), 10);
        assert!(peers.is_waiting(Height(5), 9) && !peers.is_waiting(Height(5), 10));
        assert_ne!(peers.ask(Height(5), 20), first);
        peers.note(A, Height(6));
        assert_eq!([peers.ask(Height(6), 30), peers.ask(Height(6), 40)], [Some(A), Some(A)]);
    }

    #[test]
    fn only_the_peer_that_was_asked_answers_and_only_once() {
        let mut peers = Peers::default();
        peers.note(A, Height(5));
        assert_eq!(peers.ask(Height(5), 10), Some(A));
        assert!(!peers.take_answer(B));
        assert!(peers.take_answer(A));
        assert!(!peers.take_answer(A));
    }
}

//! Messages for a height that has not started here: this one is not finished, or the next not due. Bounded per sender.

use crate::message::Message;
use ciro_types::AccountId;
use std::collections::BTreeMap;

/// Votes and certificates kept per sender: two per round for a generous number of rounds.
const MAX_SMALL: usize = 64;
/// Proposals kept per sender. They carry whole blocks.
const MAX_PROPOSALS: usize = 2;

/// The bounded store. Overflow drops the newest: rebroadcasts and value sync repair what is lost.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    senders: BTreeMap<AccountId, Vec<Message>>,
}

impl Inbox {
    /// Keeps `message` unless it is a repetition or its sender has used up its share.
    pub(super) fn put(&mut self, from: AccountId, message: Message) {
        let kept = self.senders.entry(from).or_default();
        let is_proposal = |m: &Message| matches!(m, Message::Proposal(_));
        let limit = if is_proposal(&message) { MAX_PROPOSALS } else { MAX_SMALL };
        let used = kept.iter().filter(|m| is_proposal(m) == is_proposal(&message)).count();
        if used < limit && !kept.contains(&message) {
            kept.push(message);
        }
    }

    /// Everything kept, by sender, in order of arrival.
    pub(super) fn take(&mut self) -> Vec<(AccountId, Message)> {
        let senders = std::mem::take(&mut self.senders);
        senders.into_iter().flat_map(|(from, messages)| messages.into_iter().map(move |m| (from, m))).collect()
    }
}

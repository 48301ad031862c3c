//! Messages: which are for now, which for later, which too late, and what must hold before the engine sees them.

use super::{Consensus, Effect, Host, Phase, Reason};
use crate::evidence::Equivocation;
use crate::file::WalFile;
use crate::malachite::CoreInput;
use crate::malachite::convert::{polka_to_core, proposal_to_core, round_to_core, vote_to_core};
use crate::message::Message;
use crate::vote::{Proposal, Signed, SignedProposal};
use ciro_types::{AccountId, Height};
use std::cmp::Ordering;

/// How many rounds ahead of ours a proposal may be. The engine has the same bound.
const MAX_ROUNDS_AHEAD: u32 = 10;
/// Distinct proposals of one round that are looked at. Two prove equivocation; a third proves nothing more.
const MAX_PROPOSALS_PER_ROUND: usize = 2;

impl<F: WalFile> Consensus<F> {
    pub(super) fn on_message(&mut self, from: AccountId, message: Message) {
        match message {
            Message::Status(committed) => self.on_status(from, committed),
            Message::SyncRequest(height) => self.on_sync_request(from, height),
            Message::SyncResponse(blocks) => self.on_sync_response(from, blocks),
            Message::Vote(ref vote) => self.on_agreement(from, vote.body.height, message),
            Message::Proposal(ref proposal) => self.on_agreement(from, proposal.statement.body.height, message),
            Message::Polka(ref polka) => self.on_agreement(from, polka.height, message),
            Message::Round(ref certificate) => self.on_agreement(from, certificate.height, message),
        }
    }

    fn on_agreement(&mut self, from: AccountId, height: Height, message: Message) {
        let Some(committed) = height.0.checked_sub(1).map(Height) else { return };
        self.host.peers.note(from, committed);
        match height.cmp(&self.host.height) {
            Ordering::Less => self.tell_status(from),
            Ordering::Equal => self.on_current(from, message),
            Ordering::Greater => {
                if height == self.host.height.next() {
                    self.host.hold(from, message);
                }
                self.consider_sync();
            }
        }
    }

    fn on_current(&mut self, from: AccountId, message: Message) {
        if self.host.phase == Phase::Decided || (self.host.phase == Phase::Waiting && !self.host.is_authentic(&message))
        {
            return;
        }
        self.on_work();
        if self.host.phase == Phase::Waiting {
            return self.host.hold(from, message);
        }
        match message {
            Message::Vote(vote) => self.host.queue.push_back(CoreInput::Vote(vote_to_core(&vote))),
            Message::Proposal(proposal) => self.on_proposal(proposal),
            Message::Polka(polka) => self.host.queue.push_back(CoreInput::PolkaCertificate(polka_to_core(&polka))),
            Message::Round(round) => self.host.queue.push_back(CoreInput::RoundCertificate(round_to_core(&round))),
            Message::Status(_) | Message::SyncRequest(_) | Message::SyncResponse(_) => {}
        }
    }

    /// Has the block checked first, then feeds the proposal.
    fn on_proposal(&mut self, proposal: SignedProposal) {
        let body = &proposal.statement.body;
        let too_far = body.round > self.core_round().saturating_add(MAX_ROUNDS_AHEAD);
        if too_far || proposal.verify(self.host.config.chain, &self.host.validators).is_err() {
            return;
        }
        if !self.host.note_proposal(&proposal.statement) {
            return;
        }
        if self.host.blocks.contains_key(&body.block) {
            self.host.queue.push_back(CoreInput::Proposal(proposal_to_core(&proposal)));
        } else {
            self.host.check_block(proposal.block.clone(), Reason::Proposed(proposal));
        }
    }
}

impl<F: WalFile> Host<F> {
    /// Keeps what a validator sent until its height starts here.
    fn hold(&mut self, from: AccountId, message: Message) {
        if self.validators.power(from).is_some() {
            self.inbox.put(from, message);
        }
    }

    /// Records a verified proposal and says whether it is worth a look: new, and not the third of its round. A second,
    /// different one is evidence.
    fn note_proposal(&mut self, statement: &Signed<Proposal>) -> bool {
        let seen = self.proposals.entry(statement.body.round).or_default();
        if seen.len() >= MAX_PROPOSALS_PER_ROUND || seen.iter().any(|s| s.body == statement.body) {
            return false;
        }
        if let Some(first) = seen.first() {
            self.evidence.insert(Equivocation::proposals(first.clone(), statement.clone()));
        }
        seen.push(statement.clone());
        true
    }

    /// Asks for a verdict once per block, and remembers everyone who waits for it.
    pub(super) fn check_block(&mut self, block: crate::SealedBlock, reason: Reason) {
        let id = block.id();
        if let Some((_, waiting)) = self.checking.get_mut(&id) {
            waiting.push(reason);
            return;
        }
        self.checking.insert(id, (block.clone(), vec![reason]));
        self.out.push(Effect::CheckBlock(block));
    }

    /// Whether a validator of this height really said this. Only then does it start the height here, so that an
    /// outsider cannot keep the network awake.
    fn is_authentic(&mut self, message: &Message) -> bool {
        let validators = self.validators.clone();
        match message {
            Message::Vote(vote) => validators.power(vote.body.validator).is_some() && self.check_vote(vote).is_ok(),
            Message::Proposal(proposal) => proposal.verify(self.config.chain, &validators).is_ok(),
            Message::Polka(polka) => polka.verify_by(&validators, |vote| self.check_vote(vote)).is_ok(),
            Message::Round(certificate) => certificate.verify_by(&validators, |vote| self.check_vote(vote)).is_ok(),
            Message::Status(_) | Message::SyncRequest(_) | Message::SyncResponse(_) => false,
        }
    }
}

//! Value sync: a validator that is behind asks for decided blocks and checks them like any other.

use super::timers::TimerKey;
use super::{Consensus, Effect, Phase, Reason};
use crate::file::WalFile;
use crate::message::{DecidedBlock, Message};
use ciro_types::{AccountId, Height};

/// Most blocks kept from one answer.
const MAX_BLOCKS: usize = 256;

impl<F: WalFile> Consensus<F> {
    /// A peer says how far it is. Whoever is behind learns it from this exchange.
    pub(super) fn on_status(&mut self, from: AccountId, committed: Height) {
        self.host.peers.note(from, committed);
        if committed < self.committed() {
            self.tell_status(from);
        } else {
            self.consider_sync();
        }
    }

    pub(super) fn on_sync_request(&mut self, from: AccountId, height: Height) {
        let pause_ms = self.host.config.timeouts.sync_ms / 2;
        let have = height.0 > 0 && height <= self.committed();
        if have && self.host.peers.may_serve(from, height, self.host.now_ms, pause_ms) {
            self.host.out.push(Effect::ServeBlocks { to: from, from: height });
        }
    }

    pub(super) fn on_sync_response(&mut self, from: AccountId, blocks: Vec<DecidedBlock>) {
        if !self.host.peers.take_answer(from) {
            return;
        }
        let current = self.host.height;
        let useful = blocks.into_iter().take(MAX_BLOCKS).filter(|b| b.block.height() >= current);
        self.host.synced = useful.map(|b| (b.block.height(), b)).collect();
        self.continue_sync();
    }

    /// Tells a peer that seems to be behind where we are. A late vote looks the same, so this is rate-limited.
    pub(super) fn tell_status(&mut self, peer: AccountId) {
        let (now_ms, pause_ms) = (self.host.now_ms, self.host.config.timeouts.sync_ms);
        if self.host.peers.may_tell(peer, now_ms, pause_ms) {
            let message = Message::Status(self.committed());
            self.host.out.push(Effect::Send { to: peer, message });
        }
    }

    /// Asks at once if we are clearly behind. If only this height is missing, the votes are probably on their way.
    pub(super) fn consider_sync(&mut self) {
        let (height, best) = (self.host.height, self.host.peers.best());
        if self.host.phase == Phase::Decided || best < height || self.host.timers.is_set(TimerKey::Sync) {
            return;
        }
        if best > height {
            self.ask_for_blocks();
        } else {
            let at_ms = self.host.now_ms.saturating_add(self.host.config.timeouts.sync_ms);
            self.host.timers.set(TimerKey::Sync, at_ms);
        }
    }

    /// Asks the next peer that claims to have the current height, and sets the deadline for asking another.
    pub(super) fn ask_for_blocks(&mut self) {
        let (height, now_ms) = (self.host.height, self.host.now_ms);
        let wanted = self.host.phase != Phase::Decided && self.host.peers.best() >= height;
        if !wanted || self.host.peers.is_waiting(height, now_ms) {
            return;
        }
        let deadline = now_ms.saturating_add(self.host.config.timeouts.sync_ms);
        if let Some(to) = self.host.peers.ask(height, deadline) {
            self.host.out.push(Effect::Send { to, message: Message::SyncRequest(height) });
            self.host.timers.set(TimerKey::Sync, deadline);
        }
    }

    /// Takes the next received block if it is for the current height; otherwise sees whether to ask for more.
    pub(super) fn continue_sync(&mut self) {
        self.host.synced = self.host.synced.split_off(&self.host.height);
        match self.host.synced.remove(&self.host.height) {
            Some(decided) => self.on_decided_block(decided),
            None => self.consider_sync(),
        }
    }

    /// The certificate is checked before the block, because it is cheaper and says who vouches for the block.
    fn on_decided_block(&mut self, decided: DecidedBlock) {
        let DecidedBlock { block, certificate } = decided;
        let host = &mut self.host;
        let matches = certificate.height == host.height && certificate.block == block.id();
        let validators = host.validators.clone();
        if !matches || certificate.verify_by(&validators, |vote| host.check_vote(vote)).is_err() {
            self.host.synced.clear();
            return self.consider_sync();
        }
        if self.host.phase == Phase::Waiting {
            // Decided is decided, however soon.
            self.host.start_height(false);
        }
        if self.host.blocks.contains_key(&block.id()) {
            self.decide_synced(&block, &certificate);
        } else {
            self.host.check_block(block, Reason::Synced(certificate));
        }
    }
}

//! What the engine asks for in the middle of a step: signing, checking, logging, sending, deciding.

use super::drive::disk;
use super::timers::round_timer;
use super::{Decision, Effect, Host, Phase};
use crate::certificate::CertificateError;
use crate::file::WalFile;
use crate::guard::Position;
use crate::malachite::context::round_number;
use crate::malachite::convert::{
    commit_from_core, evidence_from_core, polka_from_core, proposal_from_core, round_from_core, to_wal, vote_from_core,
    vote_to_core,
};
use crate::malachite::{
    ConsensusMsg, CoreCertificateError, CoreEffect, CoreHeight, CoreInput, CoreProposal, CoreSignedProposal,
    CoreSignedVote, CoreVote, Ctx, LivenessMsg, Resume, SignedConsensusMsg, SignedMessage,
};
use crate::message::Message;
use crate::vote::{Signed, SignedProposal, SignedVote, Statement, Vote};
use ciro_crypto::{Signature, SignatureError};
use ciro_types::Height;

/// What stands for a signature that the guard refused. It never verifies, so the engine drops the statement, and
/// nothing that carries it is sent.
const WITHHELD: Signature = Signature([0; 64]);

impl<F: WalFile> Host<F> {
    pub(super) fn on_effect(&mut self, effect: CoreEffect<Ctx>) -> Resume<Ctx> {
        match effect {
            CoreEffect::SignVote(vote, _) => Resume::SignedVote(self.sign_vote(&vote)),
            CoreEffect::SignProposal(proposal, _) => Resume::SignedProposal(self.sign_proposal(&proposal)),
            CoreEffect::VerifySignature(message, _, _) => Resume::SignatureValidity(self.is_signed(&message)),
            CoreEffect::VerifyCommitCertificate(certificate, set, _, _) => {
                let checked = commit_from_core(&certificate).verify_by(&set.set, |vote| self.check_vote(vote));
                certificate_validity(checked)
            }
            CoreEffect::VerifyExtendedCommitCertificate(certificate, set, ..) => {
                let certificate = commit_from_core(&certificate.trim_vote_extensions());
                certificate_validity(certificate.verify_by(&set.set, |vote| self.check_vote(vote)))
            }
            CoreEffect::VerifyPolkaCertificate(certificate, set, _, _) => {
                let checked = polka_from_core(&certificate).verify_by(&set.set, |vote| self.check_vote(vote));
                certificate_validity(checked)
            }
            CoreEffect::VerifyRoundCertificate(certificate, set, _, _) => {
                let checked = round_from_core(&certificate).verify_by(&set.set, |vote| self.check_vote(vote));
                certificate_validity(checked)
            }
            // Extensions are disabled at every height, so neither of these is ever asked.
            CoreEffect::ExtendVote(..) => Resume::VoteExtension(None),
            CoreEffect::VerifyVoteExtension(..) => Resume::VoteExtensionValidity(Ok(())),
            other => {
                self.on_notice(other);
                Resume::Continue
            }
        }
    }

    /// Effects that expect no answer.
    fn on_notice(&mut self, effect: CoreEffect<Ctx>) {
        match effect {
            CoreEffect::CancelAllTimeouts(_) => self.timers.cancel_rounds(),
            CoreEffect::CancelTimeout(timeout, _) => {
                self.timers.cancel(round_timer(timeout, &self.config.timeouts).0);
            }
            CoreEffect::ScheduleTimeout(timeout, _) => {
                let (key, duration_ms) = round_timer(timeout, &self.config.timeouts);
                self.timers.set(key, self.now_ms.saturating_add(duration_ms));
            }
            CoreEffect::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), _)
            | CoreEffect::PublishLivenessMsg(LivenessMsg::Vote(vote), _)
            | CoreEffect::RepublishVote(vote, _) => self.publish_vote(vote_from_core(&vote)),
            CoreEffect::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal), _) => {
                self.publish_proposal(proposal_from_core(&proposal));
            }
            CoreEffect::PublishLivenessMsg(LivenessMsg::PolkaCertificate(polka), _) => {
                self.out.push(Effect::Broadcast(Message::Polka(polka_from_core(&polka))));
            }
            CoreEffect::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(certificate), _)
            | CoreEffect::RepublishRoundCertificate(certificate, _) => {
                self.out.push(Effect::Broadcast(Message::Round(round_from_core(&certificate))));
            }
            CoreEffect::GetValue(_, round, _, _) => self.want_block(round_number(round)),
            CoreEffect::WalAppend(height, input, _) => self.log(height, &input),
            CoreEffect::Finalize(certificate, _, evidence, _) => {
                self.evidence.extend(evidence_from_core(&evidence));
                self.decide(commit_from_core(&certificate));
            }
            // A proposal message carries its whole block, so there is nothing to restream; the rest only informs.
            _ => {}
        }
    }

    fn sign_vote(&mut self, vote: &CoreVote) -> CoreSignedVote<Ctx> {
        let body = Vote::from(vote);
        let position = Position::of_vote(&body);
        let signed = self.sign(position, body);
        // Our own signature needs no check when the engine hands it back in a moment.
        if signed.signature != WITHHELD {
            self.verified.insert((signed.body.digest(), signed.signature));
        }
        vote_to_core(&signed)
    }

    fn sign_proposal(&mut self, proposal: &CoreProposal) -> CoreSignedProposal<Ctx> {
        let body = proposal.statement();
        let signed = self.sign(Position::of_proposal(&body), body);
        CoreSignedProposal::new(proposal.clone(), signed.signature)
    }

    fn sign<T: Statement>(&mut self, position: Position, body: T) -> Signed<T> {
        if self.is_muted() || !self.guard.admit(position, body.digest()) {
            return Signed { body, signature: WITHHELD };
        }
        Signed::sign(body, self.config.chain, &self.config.key)
    }

    fn is_signed(&mut self, message: &SignedMessage<Ctx, ConsensusMsg<Ctx>>) -> bool {
        match &message.message {
            ConsensusMsg::Vote(vote) => {
                self.check_vote(&Signed { body: Vote::from(vote), signature: message.signature }).is_ok()
            }
            ConsensusMsg::Proposal(proposal) => {
                Signed { body: proposal.statement(), signature: message.signature }.verify(self.config.chain).is_ok()
            }
        }
    }

    /// Checks a vote's signature once per height, however many certificates repeat it.
    pub(super) fn check_vote(&mut self, vote: &SignedVote) -> Result<(), SignatureError> {
        let digest = (vote.body.digest(), vote.signature);
        if !self.verified.contains(&digest) {
            vote.verify(self.config.chain)?;
            self.verified.insert(digest);
        }
        Ok(())
    }

    fn publish_vote(&mut self, vote: SignedVote) {
        if vote.signature != WITHHELD {
            self.out.push(Effect::Broadcast(Message::Vote(vote)));
        }
    }

    fn publish_proposal(&mut self, proposal: SignedProposal) {
        if proposal.statement.signature != WITHHELD {
            self.out.push(Effect::Broadcast(Message::Proposal(proposal)));
        }
    }

    /// Asks for a block, unless it could not be signed anyway. During replay the log may already hold our proposal.
    pub(super) fn want_block(&mut self, round: u32) {
        if let Some(replay) = &mut self.replay {
            replay.wanted_round = Some(round);
        } else if !self.is_muted() {
            self.out.push(Effect::BuildBlock { height: self.height, round });
        }
    }

    fn log(&mut self, height: CoreHeight, input: &CoreInput<Ctx>) {
        if Height(height.0) != self.wal.height() {
            return;
        }
        let Some(entry) = to_wal(input) else { return };
        if self.replay.as_ref().is_some_and(|replay| replay.logged.contains(&entry)) {
            return;
        }
        if let Err(error) = self.wal.append(&entry) {
            self.failure.get_or_insert(disk("append to", "write-ahead log")(error));
        }
    }

    fn decide(&mut self, certificate: crate::CommitCertificate) {
        let Some(block) = self.blocks.get(&certificate.block).cloned() else {
            let reason = format!("decided block {} was never checked here", certificate.block);
            self.failure.get_or_insert(super::ConsensusError::Engine { reason });
            return;
        };
        let evidence = std::mem::take(&mut self.evidence).into_iter().collect();
        self.phase = Phase::Decided;
        self.out.push(Effect::Decided(Box::new(Decision { block, certificate, evidence })));
    }
}

/// The engine only asks whether, not why.
fn certificate_validity(result: Result<(), CertificateError>) -> Resume<Ctx> {
    Resume::CertificateValidity(result.map_err(|_| CoreCertificateError::VerificationError(None)))
}

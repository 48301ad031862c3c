//! Wire and log types to the engine's and back. Total in both directions for everything we log or send.

use super::context::{Address, CoreHeight, CoreProposal, CoreVote, Ctx, round_number};
use crate::certificate::{CommitCertificate, PolkaCertificate, RoundCertificate, RoundReason, VoteSignature};
use crate::evidence::Equivocation;
use crate::vote::{Signed, SignedProposal, SignedVote, Vote};
use crate::wal::{TimeoutPhase, WalEntry};
use arc_malachitebft_core_consensus::{Input, MisbehaviorEvidence, PeerId};
use arc_malachitebft_core_types as core;
use ciro_types::Height;

type CoreInput = Input<Ctx>;

pub(crate) fn vote_to_core(vote: &SignedVote) -> core::SignedVote<Ctx> {
    core::SignedVote::new(CoreVote::from(&vote.body), vote.signature)
}

pub(crate) fn vote_from_core(vote: &core::SignedVote<Ctx>) -> SignedVote {
    Signed { body: Vote::from(&vote.message), signature: vote.signature }
}

pub(crate) fn proposal_to_core(proposal: &SignedProposal) -> core::SignedProposal<Ctx> {
    let message = CoreProposal::new(&proposal.statement.body, proposal.block.clone());
    core::SignedProposal::new(message, proposal.statement.signature)
}

pub(crate) fn proposal_from_core(proposal: &core::SignedProposal<Ctx>) -> SignedProposal {
    let statement = Signed { body: proposal.message.statement(), signature: proposal.signature };
    SignedProposal { statement, block: proposal.message.block().clone() }
}

pub(crate) fn polka_to_core(polka: &PolkaCertificate) -> core::PolkaCertificate<Ctx> {
    let signature = |s: &VoteSignature| core::PolkaSignature::new(Address(s.validator), s.signature);
    core::PolkaCertificate {
        height: CoreHeight(polka.height.0),
        round: core::Round::new(polka.round),
        value_id: polka.block,
        polka_signatures: polka.signatures.iter().map(signature).collect(),
    }
}

pub(crate) fn polka_from_core(polka: &core::PolkaCertificate<Ctx>) -> PolkaCertificate {
    let signature = |s: &core::PolkaSignature<Ctx>| VoteSignature { validator: s.address.0, signature: s.signature };
    PolkaCertificate {
        height: Height(polka.height.0),
        round: round_number(polka.round),
        block: polka.value_id,
        signatures: polka.polka_signatures.iter().map(signature).collect(),
    }
}

pub(crate) fn round_to_core(certificate: &RoundCertificate) -> core::RoundCertificate<Ctx> {
    let cert_type = match certificate.reason {
        RoundReason::Skip => core::RoundCertificateType::Skip,
        RoundReason::Precommit => core::RoundCertificateType::Precommit,
    };
    let votes = certificate.votes.iter().map(vote_to_core).collect();
    let height = CoreHeight(certificate.height.0);
    core::RoundCertificate::new_from_votes(height, core::Round::new(certificate.round), cert_type, votes)
}

pub(crate) fn round_from_core(certificate: &core::RoundCertificate<Ctx>) -> RoundCertificate {
    let reason = match certificate.cert_type {
        core::RoundCertificateType::Skip => RoundReason::Skip,
        core::RoundCertificateType::Precommit => RoundReason::Precommit,
    };
    RoundCertificate {
        height: Height(certificate.height.0),
        round: round_number(certificate.round),
        reason,
        votes: certificate.votes(&Ctx).map(|vote| vote_from_core(&vote)).collect(),
    }
}

/// The engine lists signatures in order of arrival; ours are canonical, so one decision by the same votes is one value.
pub(crate) fn commit_from_core(certificate: &core::CommitCertificate<Ctx>) -> CommitCertificate {
    let signature = |s: &core::CommitSignature<Ctx>| VoteSignature { validator: s.address.0, signature: s.signature };
    let mut signatures: Vec<_> = certificate.commit_signatures.iter().map(signature).collect();
    signatures.sort_unstable();
    CommitCertificate {
        height: Height(certificate.height.0),
        round: round_number(certificate.round),
        block: certificate.value_id,
        signatures,
    }
}

/// The engine's form of a decided block received from a peer. The block itself is kept by the host, which has already
/// decoded it, so only the certificate is passed.
pub(crate) fn sync_to_core(certificate: &CommitCertificate) -> CoreInput {
    let signature = |s: &VoteSignature| core::ExtendedCommitSignature::new(Address(s.validator), s.signature, None);
    let certificate = core::ExtendedCommitCertificate {
        height: CoreHeight(certificate.height.0),
        round: core::Round::new(certificate.round),
        value_id: certificate.block,
        commit_signatures: certificate.signatures.iter().map(signature).collect(),
    };
    Input::SyncValueResponse(core::ValueResponse::new(nobody(), Default::default(), certificate))
}

/// The engine only echoes the sender back; the host knows whom it asked.
fn nobody() -> PeerId {
    PeerId::from_bytes(&[0, 0]).expect("the identity multihash of nothing is well-formed")
}

pub(crate) fn evidence_from_core(evidence: &MisbehaviorEvidence<Ctx>) -> Vec<Equivocation> {
    let votes = evidence.votes.iter().flat_map(|(_, pairs)| pairs);
    let proposals = evidence.proposals.iter().flat_map(|(_, pairs)| pairs);
    let votes = votes.map(|(a, b)| Equivocation::votes(vote_from_core(a), vote_from_core(b)));
    let statement = |p: &core::SignedProposal<Ctx>| proposal_from_core(p).statement;
    votes.chain(proposals.map(|(a, b)| Equivocation::proposals(statement(a), statement(b)))).collect()
}

/// What the log keeps of an input, or `None` for what need not survive. A block is only voted for once its proposal is logged with it. A
/// synced block is asked for again.
pub(crate) fn to_wal(input: &CoreInput) -> Option<WalEntry> {
    match input {
        Input::Vote(vote) => Some(WalEntry::Vote(vote_from_core(vote))),
        Input::Proposal(proposal) => Some(WalEntry::Proposal(proposal_from_core(proposal))),
        Input::TimeoutElapsed(timeout) => {
            Some(WalEntry::Timeout { phase: phase_of(timeout.kind)?, round: round_number(timeout.round) })
        }
        Input::PolkaCertificate(polka) => Some(WalEntry::Polka(polka_from_core(polka))),
        _ => None,
    }
}

pub(crate) fn from_wal(entry: &WalEntry) -> CoreInput {
    match entry {
        WalEntry::Vote(vote) => Input::Vote(vote_to_core(vote)),
        WalEntry::Proposal(proposal) => Input::Proposal(proposal_to_core(proposal)),
        WalEntry::Timeout { phase, round } => {
            Input::TimeoutElapsed(core::Timeout::new(core::Round::new(*round), kind_of(*phase)))
        }
        WalEntry::Polka(polka) => Input::PolkaCertificate(polka_to_core(polka)),
    }
}

fn phase_of(kind: core::TimeoutKind) -> Option<TimeoutPhase> {
    match kind {
        core::TimeoutKind::Propose => Some(TimeoutPhase::Propose),
        core::TimeoutKind::Prevote => Some(TimeoutPhase::Prevote),
        core::TimeoutKind::Precommit => Some(TimeoutPhase::Precommit),
        core::TimeoutKind::Rebroadcast | core::TimeoutKind::FinalizeHeight(_) => None,
    }
}

const fn kind_of(phase: TimeoutPhase) -> core::TimeoutKind {
    match phase {
        TimeoutPhase::Propose => core::TimeoutKind::Propose,
        TimeoutPhase::Prevote => core::TimeoutKind::Prevote,
        TimeoutPhase::Precommit => core::TimeoutKind::Precommit,
    }
}

//! Frozen bytes: what is signed, sent and certified. A change here is a new protocol version, not a fix.

use crate::support::{CHAIN, block, key, validators};
use ciro_consensus::certificate::{RoundCertificate, RoundReason, VoteSignature};
use ciro_consensus::vote::{Proposal, Statement};
use ciro_consensus::{
    CommitCertificate, DecidedBlock, Equivocation, Message, SealedBlock, Signed, SignedProposal, SignedVote, Vote,
    VoteKind,
};
use ciro_crypto::hash;
use ciro_types::{BlockId, Height};

fn sample_block() -> SealedBlock {
    block(Height(7), BlockId([3; 32]), key(0).account(), &validators(&[4, 3, 2, 1]), vec![b"one".to_vec(), Vec::new()])
}

fn vote(kind: VoteKind, block: Option<BlockId>) -> SignedVote {
    let body = Vote { kind, height: Height(7), round: 2, block, validator: key(0).account() };
    Signed::sign(body, CHAIN, &key(0))
}

fn proposal() -> SignedProposal {
    let block = sample_block();
    let body =
        Proposal { height: Height(7), round: 2, pol_round: Some(1), block: block.id(), proposer: key(0).account() };
    SignedProposal { statement: Signed::sign(body, CHAIN, &key(0)), block }
}

fn commit() -> CommitCertificate {
    let signed = vote(VoteKind::Precommit, Some(sample_block().id()));
    let signature = VoteSignature { validator: signed.body.validator, signature: signed.signature };
    CommitCertificate { height: Height(7), round: 2, block: sample_block().id(), signatures: vec![signature] }
}

fn messages() -> Vec<(&'static str, Message)> {
    let votes = vec![vote(VoteKind::Prevote, None)];
    let round = RoundCertificate { height: Height(7), round: 2, reason: RoundReason::Skip, votes };
    let decided = DecidedBlock { block: sample_block(), certificate: commit() };
    vec![
        ("vote", Message::Vote(vote(VoteKind::Precommit, None))),
        ("proposal", Message::Proposal(proposal())),
        ("round", Message::Round(round)),
        ("status", Message::Status(Height(7))),
        ("sync request", Message::SyncRequest(Height(8))),
        ("sync response", Message::SyncResponse(vec![decided])),
    ]
}

/// First eight hexadecimal digits of a digest of the bytes.
fn print_of(bytes: &[u8]) -> String {
    hash("test/format", bytes).short()
}

#[test]
fn names_and_signed_digests_are_frozen() {
    let prints = [
        sample_block().id().short(),
        validators(&[4, 3, 2, 1]).digest().short(),
        vote(VoteKind::Precommit, Some(BlockId([1; 32]))).body.digest().short(),
        proposal().statement.body.digest().short(),
    ];
    assert_eq!(prints, FROZEN_NAMES);
}

#[test]
fn messages_and_evidence_are_frozen_and_read_back() {
    for (name, message) in messages() {
        assert_eq!(Message::from_bytes(&message.to_bytes()), Ok(message), "{name}");
    }
    let prints: Vec<_> = messages().into_iter().map(|(name, message)| (name, print_of(&message.to_bytes()))).collect();
    assert_eq!(prints, FROZEN_MESSAGES.map(|(name, print)| (name, print.to_string())));
    let evidence = Equivocation::votes(vote(VoteKind::Prevote, None), vote(VoteKind::Prevote, Some(BlockId([1; 32]))));
    assert_eq!(print_of(&evidence.to_bytes()), FROZEN_EVIDENCE);
}

const FROZEN_NAMES: [&str; 4] = ["63a7706d", "7ab3c843", "b6d58363", "0af6fd55"];
const FROZEN_MESSAGES: [(&str, &str); 6] = [
    ("vote", "04c1c25d"),
    ("proposal", "0f1b5956"),
    ("round", "cd611a17"),
    ("status", "b14d9186"),
    ("sync request", "01d74ec7"),
    ("sync response", "4b978518"),
];
const FROZEN_EVIDENCE: &str = "1779767b";

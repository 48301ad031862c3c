//! Forging and tampering: what a stranger with only the validator set must refuse.

use crate::support::{CHAIN, block, key, validators};
use ciro_consensus::certificate::VoteSignature;
use ciro_consensus::light::{CertifiedHeader, LightError, SetChange, follow, verify};
use ciro_consensus::{CertificateError, CommitCertificate, Signed, ValidatorSet, Vote, VoteKind, verify_evidence};
use ciro_consensus::{Equivocation, EvidenceError};
use ciro_crypto::Signature;
use ciro_types::{AccountId, BlockId, ChainId, Hash32, Height, StateRoot};

fn precommit(signer: usize, height: Height, round: u32, id: BlockId) -> Signed<Vote> {
    let validator = key(signer).account();
    Signed::sign(Vote { kind: VoteKind::Precommit, height, round, block: Some(id), validator }, CHAIN, &key(signer))
}

fn certificate(signers: &[usize], height: Height, id: BlockId) -> CommitCertificate {
    let sign = |&n: &usize| {
        let vote = precommit(n, height, 2, id);
        VoteSignature { validator: vote.body.validator, signature: vote.signature }
    };
    let mut signatures: Vec<_> = signers.iter().map(sign).collect();
    signatures.sort_unstable();
    CommitCertificate { height, round: 2, block: id, signatures }
}

fn certified(signers: &[usize], set: &ValidatorSet) -> CertifiedHeader {
    let sealed = block(Height(9), BlockId([1; 32]), key(0).account(), set, vec![b"tx".to_vec()]);
    CertifiedHeader { certificate: certificate(signers, Height(9), sealed.id()), header: sealed.header().clone() }
}

fn four() -> ValidatorSet {
    validators(&[1, 1, 1, 1])
}

#[test]
fn a_quorum_convinces_a_stranger() {
    assert_eq!(verify(CHAIN, &four(), &certified(&[0, 1, 2], &four())), Ok(()));
    assert_eq!(verify(CHAIN, &four(), &certified(&[0, 1, 2, 3], &four())), Ok(()));
}

/// Defect 10 of an earlier implementation: ⌊2n/3⌋ = 2 of 4 was enough.
#[test]
fn two_of_four_convince_nobody() {
    let underweight = CertificateError::Underweight { expected: 2, got: 2 };
    assert_eq!(verify(CHAIN, &four(), &certified(&[0, 1], &four())), Err(LightError::Certificate(underweight)));
}

#[test]
fn weight_counts_not_heads() {
    let set = validators(&[70, 10, 10, 10]);
    assert_eq!(verify(CHAIN, &set, &certified(&[0], &set)), Ok(()));
    assert!(verify(CHAIN, &set, &certified(&[1, 2, 3], &set)).is_err());
}

#[test]
fn one_signature_counted_twice_is_refused() {
    let mut forged = certified(&[0, 1], &four());
    let first = forged.certificate.signatures[0];
    forged.certificate.signatures.insert(0, first);
    let refusal = CertificateError::NotAscending(first.validator);
    assert_eq!(verify(CHAIN, &four(), &forged), Err(LightError::Certificate(refusal)));
}

#[test]
fn every_tampered_field_is_refused() {
    type Tamper = fn(&mut CertifiedHeader);
    let tampers: [(&str, Tamper); 17] = [
        ("chain", |c| c.header.chain = ChainId([9; 32])),
        ("height", |c| c.header.height = Height(10)),
        ("proposer", |c| c.header.proposer = key(1).account()),
        ("parent", |c| c.header.parent = BlockId([9; 32])),
        ("validators", |c| c.header.validators = Hash32([9; 32])),
        ("next_validators", |c| c.header.next_validators = Hash32([9; 32])),
        ("txs_root", |c| c.header.txs_root = Hash32([9; 32])),
        ("state_root", |c| c.header.state_root = StateRoot([9; 32])),
        ("receipts_root", |c| c.header.receipts_root = Hash32([9; 32])),
        ("certificate height", |c| c.certificate.height = Height(8)),
        ("certificate round", |c| c.certificate.round = 3),
        ("certificate block", |c| c.certificate.block = BlockId([9; 32])),
        ("both heights", |c| {
            c.certificate.height = Height(10);
            c.header.height = Height(10);
            c.certificate.block = c.header.id();
        }),
        ("header and certificate block", |c| {
            c.header.state_root = StateRoot([9; 32]);
            c.certificate.block = c.header.id();
        }),
        ("signer", |c| c.certificate.signatures[0].validator = AccountId([0; 32])),
        ("signature", |c| c.certificate.signatures[0].signature = Signature([1; 64])),
        ("order", |c| c.certificate.signatures.reverse()),
    ];
    for (field, tamper) in tampers {
        let mut forged = certified(&[0, 1, 2], &four());
        tamper(&mut forged);
        assert!(verify(CHAIN, &four(), &forged).is_err(), "{field}");
    }
}

#[test]
fn no_single_flipped_bit_of_an_encoded_certificate_survives() {
    let original = certified(&[0, 1, 2], &four());
    let bytes = ciro_types::encode(&original);
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        if let Ok(forged) = ciro_types::decode::<CertifiedHeader>(&flipped, 1 << 16) {
            assert!(verify(CHAIN, &four(), &forged).is_err(), "byte {position}");
        }
    }
}

#[test]
fn a_certificate_of_prevotes_or_of_another_network_is_refused() {
    let mut forged = certified(&[0, 1, 2], &four());
    for signature in &mut forged.certificate.signatures {
        let n = (0..4).find(|&n| key(n).account() == signature.validator).expect("a member");
        let mut vote = precommit(n, Height(9), 2, forged.certificate.block).body;
        vote.kind = VoteKind::Prevote;
        signature.signature = Signed::sign(vote, CHAIN, &key(n)).signature;
    }
    assert!(matches!(verify(CHAIN, &four(), &forged), Err(LightError::Certificate(CertificateError::Signature(_)))));
    let genuine = certified(&[0, 1, 2], &four());
    assert!(matches!(verify(ChainId([9; 32]), &four(), &genuine), Err(LightError::Chain { .. })));
}

/// A header of the first set at `height` that hands over to `next`, signed by `signers`.
fn handover(height: u64, signers: &[usize], from: &ValidatorSet, next: &ValidatorSet) -> SetChange {
    let mut header = block(Height(height), BlockId([1; 32]), key(0).account(), from, Vec::new()).header().clone();
    header.next_validators = next.digest();
    let certificate = certificate(signers, header.height, header.id());
    SetChange { last: CertifiedHeader { header, certificate }, next: next.clone() }
}

#[test]
fn trust_follows_certified_handovers_and_nothing_else() {
    let (first, second, third) = (four(), validators(&[3, 1, 1]), validators(&[1, 5]));
    let changes = [handover(5, &[0, 1, 2], &first, &second), handover(8, &[0, 1], &second, &third)];
    assert_eq!(follow(CHAIN, &first, &changes), Ok(third.clone()));
    assert_eq!(follow(CHAIN, &first, &[]), Ok(first.clone()));

    let uncertified = [handover(5, &[0, 1], &first, &second)];
    assert!(matches!(follow(CHAIN, &first, &uncertified), Err(LightError::Certificate(_))));
    let mut swapped = changes.clone();
    swapped[0].next = third;
    assert!(matches!(follow(CHAIN, &first, &swapped), Err(LightError::Handover { .. })));
    assert!(follow(CHAIN, &first, &changes[1..]).is_err(), "a skipped handover");
    let backwards = [changes[0].clone(), handover(5, &[0, 1], &second, &first)];
    assert!(matches!(follow(CHAIN, &first, &backwards), Err(LightError::Order { .. })));
}

#[test]
fn evidence_convicts_only_real_contradictions() {
    let (a, b) = (precommit(0, Height(3), 1, BlockId([1; 32])), precommit(0, Height(3), 1, BlockId([2; 32])));
    let genuine = Equivocation::votes(b.clone(), a.clone());
    let offence = verify_evidence(CHAIN, &genuine.to_bytes()).expect("a contradiction");
    assert_eq!((offence.validator, offence.height, offence.round), (key(0).account(), Height(3), 1));
    assert_eq!(genuine, Equivocation::votes(a.clone(), b.clone()), "one offence, one encoding");

    let refused = |a: &Signed<Vote>, b: &Signed<Vote>| Equivocation::DoubleVote(a.clone(), b.clone()).verify(CHAIN);
    assert_eq!(refused(&a, &a), Err(EvidenceError::NotConflicting), "the same vote twice");
    assert_eq!(refused(&b, &a), Err(EvidenceError::NotConflicting), "the other order is another encoding");
    assert_eq!(refused(&a, &precommit(0, Height(3), 2, BlockId([2; 32]))), Err(EvidenceError::Unrelated));
    assert_eq!(refused(&a, &precommit(0, Height(4), 1, BlockId([2; 32]))), Err(EvidenceError::Unrelated));
    assert!(matches!(
        refused(&a, &precommit(1, Height(3), 1, BlockId([2; 32]))),
        Err(EvidenceError::TwoAuthors { .. })
    ));
    let mut framed = b.clone();
    framed.signature = a.signature;
    assert!(matches!(refused(&a, &framed), Err(EvidenceError::Signature(_))), "an accuser cannot sign for the accused");
    assert!(genuine.verify(ChainId([9; 32])).is_err(), "a vote on another network is not an offence here");
    assert!(matches!(verify_evidence(CHAIN, &[0; 1000]), Err(EvidenceError::Malformed(_))));
}

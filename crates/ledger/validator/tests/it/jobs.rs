//! Jobs: settlement, its proof to a stranger, proofs of computation, and transactions that outrun their block.

use crate::support::client::{Client, id_of, spec};
use crate::support::node::{GOOD_PROOF, Node};
use crate::support::{CALM, Event, Net, VALIDATORS, assert_whole, genesis, key};
use ciro_consensus::{Validator, ValidatorSet};
use ciro_state::{Event as Happened, TxError};
use ciro_types::{Assurance, ChainId, Hash32, Height, JobId};
use ciro_validator::query::settlement_proof;
use ciro_validator::{SettlementProof, SubmitError, VerifiedTxs};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const WORKER: u8 = 13;

pub(crate) fn strangers_set() -> ValidatorSet {
    let member = |n| Validator { account: key(n).account(), power: 1_000 };
    ValidatorSet::new(VALIDATORS.map(member).into()).expect("a valid set")
}

/// A network with a model and a worker, and an open job.
pub(crate) fn with_job(net: &mut Net, assurance: Assurance) -> (JobId, Client) {
    let (mut client, mut worker) = (Client::new(11), Client::new(WORKER));
    let spec = spec(11, 1, assurance);
    for tx in [client.register_model(), worker.register_worker(), worker.offer(), client.order(&spec)] {
        net.submit(0, tx);
    }
    let job = id_of(&spec);
    assert!(net.run_until(2_000, |net| net.nodes.iter().all(|n| n.state().jobs().count() == 1)));
    (job, worker)
}

pub(crate) fn proof_of(node: &Node, job: &JobId) -> Option<SettlementProof> {
    settlement_proof(node.store(), job).expect("readable")
}

fn settled(assurance: Assurance, proof: &[u8]) -> (Net, JobId) {
    let mut net = Net::new(1, CALM);
    let (job, mut worker) = with_job(&mut net, assurance);
    net.submit(1, worker.settle(job, 1, proof));
    let limit = net.now_ms + 5_000;
    assert!(net.run_until(limit, |net| net.nodes.iter().all(|n| proof_of(n, &job).is_some())));
    (net, job)
}

#[test]
fn a_settled_job_is_proven_to_a_stranger_without_waiting_for_an_idle_block() {
    let mut net = Net::new(1, CALM);
    let (job, mut worker) = with_job(&mut net, Assurance::A0);
    let start = net.now_ms;
    net.submit(1, worker.settle(job, 1, b""));
    assert!(net.run_until(start + 5_000, |net| net.nodes.iter().all(|n| proof_of(n, &job).is_some())));
    assert!(net.now_ms - start <= 70, "gossip, two blocks of three hops at 10 ms: {} ms", net.now_ms - start);
    for node in &net.nodes {
        let proof = proof_of(node, &job).expect("settled");
        assert_eq!(proof.verify(genesis().chain_id(), &strangers_set()), Ok(()));
        assert_eq!((proof.record.job, proof.record.payments[0].worker), (job, key(WORKER).account()));
    }
    assert_whole(&net);
}

#[test]
fn every_tampered_part_of_a_settlement_proof_is_refused() {
    let (net, job) = settled(Assurance::A0, b"");
    let genuine = proof_of(&net.nodes[0], &job).expect("settled");
    type Tamper = fn(&mut SettlementProof);
    let tampers: [(&str, Tamper); 10] = [
        ("payment", |p| p.record.payments[0].price.0 += 1),
        ("payee", |p| p.record.payments[0].worker = key(14).account()),
        ("output", |p| p.record.output = Hash32([1; 32])),
        ("job", |p| p.record.job = JobId([1; 32])),
        ("chain", |p| p.record.chain = ChainId([1; 32])),
        ("settled height", |p| p.record.height = Height(p.record.height.0 + 1)),
        ("path index", |p| p.path.index += 1),
        ("path length", |p| p.path.siblings.push(Hash32::ZERO)),
        ("header", |p| p.certified.header.receipts_root = Hash32([1; 32])),
        ("signatures", |p| p.certified.certificate.signatures.truncate(2)),
    ];
    for (part, tamper) in tampers {
        let mut forged = genuine.clone();
        tamper(&mut forged);
        assert!(forged.verify(genesis().chain_id(), &strangers_set()).is_err(), "{part}");
    }
    assert!(genuine.verify(ChainId([1; 32]), &strangers_set()).is_err(), "another network");
    let others = ValidatorSet::new(vec![Validator { account: key(9).account(), power: 1 }]).expect("a valid set");
    assert!(genuine.verify(genesis().chain_id(), &others).is_err(), "other validators");
}

#[test]
fn every_flipped_byte_of_an_encoded_settlement_proof_is_refused() {
    let (net, job) = settled(Assurance::A0, b"");
    let bytes = ciro_types::encode(&proof_of(&net.nodes[0], &job).expect("settled"));
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        if let Ok(forged) = ciro_types::decode::<SettlementProof>(&flipped, 1 << 20) {
            assert!(forged.verify(genesis().chain_id(), &strangers_set()).is_err(), "byte {position}");
        }
    }
}

/// Defects 2 and 9 of an earlier implementation: results were accepted with an unchecked proof.
#[test]
fn every_validator_checks_a_proof_itself_and_once() {
    let (net, _) = settled(Assurance::A4, GOOD_PROOF);
    let checks: Vec<_> = net.nodes.iter().map(|n| n.proofs.0.load(Ordering::Relaxed)).collect();
    assert_eq!(checks, [1; 4], "gossip, proposal and execution share one check per validator");
}

#[test]
fn validators_sharing_a_cache_check_a_proof_once_between_them() {
    let cache = Arc::new(VerifiedTxs::default());
    let mut nodes: Vec<_> = VALIDATORS.map(Node::new).into();
    nodes.iter_mut().for_each(|n| n.verified = cache.clone());
    let mut net = Net::with_nodes(1, CALM, nodes);
    let (job, mut worker) = with_job(&mut net, Assurance::A4);
    net.submit(2, worker.settle(job, 1, GOOD_PROOF));
    assert!(net.run_until(5_000, |net| net.nodes.iter().all(|n| proof_of(n, &job).is_some())));
    let checks: usize = net.nodes.iter().map(|n| n.proofs.0.load(Ordering::Relaxed)).sum();
    assert_eq!(checks, 1);
}

#[test]
fn a_bad_proof_is_refused_at_the_door_and_pays_nobody_in_a_block() {
    let mut net = Net::new(1, CALM);
    let (job, mut worker) = with_job(&mut net, Assurance::A4);
    let bad = worker.settle(job, 1, b"a bad proof");
    net.submit(2, bad.clone());
    net.run_for(net.now_ms + 500);
    let refused = net.nodes[2].admissions.last().expect("answered");
    assert!(matches!(refused.result, Err(SubmitError::Invalid(TxError::ProofRejected { .. }))), "{refused:?}");

    // A Byzantine proposer puts it into a block all the same: the block stands, and the transaction pays for the check.
    for node in &mut net.nodes {
        let account = node.account;
        let block = node.validator().ledger().build(account, vec![bad.clone()]);
        let mut twin = crate::blocks::reopened(node);
        assert_eq!(twin.check(&block), Ok(()));
        let before = twin.state().snapshot().len();
        let committed = twin.commit(&crate::blocks::uncertified(block)).expect("executable");
        assert!(matches!(committed.txs[0].result, Err(TxError::ProofRejected { .. })));
        assert!(committed.records.is_empty() && twin.state().snapshot().len() == before);
    }
    assert!(net.nodes.iter().all(|n| proof_of(n, &job).is_none()));
}

#[test]
fn a_settlement_that_outruns_its_job_waits_for_it() {
    let mut net = Net::new(1, CALM);
    let (mut client, mut worker) = (Client::new(11), Client::new(WORKER));
    let spec = spec(11, 1, Assurance::A0);
    let job = id_of(&spec);
    for tx in [client.register_model(), worker.register_worker(), worker.offer()] {
        net.submit(0, tx);
    }
    net.run_for(500);
    // The answer reaches validator 3 before the order has reached anybody.
    net.submit(3, worker.settle(job, 1, b""));
    let later = net.now_ms + 30;
    net.at(later, Event::Submit { node: 1, txs: vec![client.order(&spec)] });
    assert!(net.run_until(later + 400, |net| net.nodes.iter().all(|n| proof_of(n, &job).is_some())));
    assert_eq!(net.nodes[3].admissions.last().map(|a| a.result.clone()), Some(Ok(())));
}

#[test]
fn a_settlement_for_a_job_that_never_comes_is_refused_in_the_end() {
    let mut net = Net::new(1, CALM);
    net.submit(3, Client::new(WORKER).settle(JobId([7; 32]), 1, b""));
    net.run_for(10_000);
    let answers: Vec<_> = net.nodes[3].admissions.iter().map(|a| a.result.clone()).collect();
    assert_eq!(answers, [Err(SubmitError::Invalid(TxError::UnknownJob { job: JobId([7; 32]) }))]);
}

/// Defect 3 of an earlier implementation: rewards could be distributed twice, by anyone.
#[test]
fn two_workers_racing_for_one_job_are_paid_once() {
    let mut net = Net::new(1, CALM);
    let (job, mut worker) = with_job(&mut net, Assurance::A0);
    let mut rival = Client::new(14);
    net.submit(0, rival.register_worker());
    net.submit(0, rival.offer());
    net.run_for(net.now_ms + 300);
    net.submit(0, worker.settle(job, 1, b""));
    net.submit(3, rival.settle(job, 2, b""));
    net.run_for(net.now_ms + 3_000);
    for node in &net.nodes {
        let paid = node.events.iter().filter(|e| matches!(e.event, Happened::JobSettled { .. })).count();
        assert_eq!(paid, 1);
    }
    assert_whole(&net);
}

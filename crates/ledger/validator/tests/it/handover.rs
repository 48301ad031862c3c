//! What an equivocator loses: its vote. What a stranger needs then: the header that says so.

use crate::faults::contradiction;
use crate::jobs::{proof_of, strangers_set, with_job};
use crate::support::client::Client;
use crate::support::node::Node;
use crate::support::{CALM, Event, Net, Rng, VALIDATORS, assert_whole, genesis, key};
use ciro_consensus::{LightError, Validator, ValidatorSet};
use ciro_types::{AccountId, Assurance, Height, JobId, encode};
use ciro_validator::wire::Wire;
use ciro_validator::{Retention, SettlementProof, SettlementProofError, repair};

/// The place and the key of the validator that signs twice.
const TRAITOR: (usize, u8) = (3, VALIDATORS[3]);

fn traitor() -> AccountId {
    key(TRAITOR.1).account()
}

/// Sends the others two votes of the traitor for one place.
fn betray(net: &mut Net) {
    let height = net.living().map(Node::height).max().unwrap_or(0) + 1;
    for bytes in contradiction(TRAITOR.1, height) {
        (0..3).for_each(|to| net.post_one(traitor(), to, &bytes));
    }
}

fn voters(net: &Net, n: usize) -> Vec<AccountId> {
    net.nodes[n].state().voters().into_iter().map(|(account, _)| account).collect()
}

fn is_out(net: &Net) -> bool {
    (0..net.nodes.len()).filter(|&n| net.nodes[n].validator.is_some()).all(|n| !voters(net, n).contains(&traitor()))
}

/// A network in which the traitor has lost its vote, and a job that was paid since.
fn after_betrayal() -> (Net, JobId) {
    let mut net = Net::new(1, CALM);
    let (job, mut worker) = with_job(&mut net, Assurance::A0);
    betray(&mut net);
    let limit_ms = net.now_ms + 10_000;
    assert!(net.run_until(limit_ms, is_out), "the traitor still votes");
    net.submit(1, worker.settle(job, 1, b""));
    let limit_ms = net.now_ms + 5_000;
    assert!(net.run_until(limit_ms, |net| net.nodes.iter().all(|node| proof_of(node, &job).is_some())));
    (net, job)
}

fn refusal(proof: &SettlementProof) -> SettlementProofError {
    proof.verify(genesis().chain_id(), &strangers_set()).expect_err("a forgery")
}

/// Finding f06: voting power was that of the genesis, whatever was slashed.
#[test]
fn whoever_signs_twice_has_no_vote_and_a_stranger_is_shown_why() {
    let (net, job) = after_betrayal();
    for (n, node) in net.nodes.iter().enumerate() {
        assert_eq!(voters(&net, n).len(), 3);
        let proof = proof_of(node, &job).expect("settled");
        assert_eq!(proof.verify(genesis().chain_id(), &strangers_set()), Ok(()), "node {n}");
        let [change] = &proof.changes[..] else { panic!("one handover, got {:?}", proof.changes) };
        assert_eq!(change.next.power(traitor()), None);
        let signers = &proof.certified.certificate.signatures;
        assert!(signers.iter().all(|signer| signer.validator != traitor()), "it signed after it was out");
    }
    assert_whole(&net);
}

#[test]
fn the_set_changes_one_height_after_the_header_that_names_it() {
    let (net, _) = after_betrayal();
    let store = net.nodes[0].store();
    let newest = Height(net.nodes[0].height());
    let changes = store.handovers(newest.next()).expect("readable");
    let at = changes[0].last.header.height;
    let header = |height: Height| store.certified_header(height).expect("readable").expect("kept").header;
    let (full, rest) = (strangers_set().digest(), changes[0].next.digest());
    assert_ne!(full, rest);
    for height in (1..=newest.0).map(Height) {
        let (decides, follows) = (header(height).validators, header(height).next_validators);
        assert_eq!(decides, if height > at { rest } else { full }, "height {height}");
        assert_eq!(follows, if height >= at { rest } else { full }, "height {height}");
    }
}

#[test]
fn every_tampered_handover_is_refused() {
    let (net, job) = after_betrayal();
    let genuine = proof_of(&net.nodes[0], &job).expect("settled");
    type Tamper = fn(&mut SettlementProof);
    type Reason = fn(&LightError) -> bool;
    let all = || VALIDATORS.map(|n| Validator { account: key(n).account(), power: 1_000 });
    let tampers: [(&str, Tamper, Reason); 6] = [
        ("left out", |p| p.changes.clear(), |e| matches!(e, LightError::Validators { .. })),
        ("twice", |p| p.changes.push(p.changes[0].clone()), |e| matches!(e, LightError::Order { .. })),
        (
            "uncertified",
            |p| p.changes[0].last.certificate.signatures.truncate(2),
            |e| matches!(e, LightError::Certificate(_)),
        ),
        (
            "to one validator",
            |p| {
                let usurper = Validator { account: key(TRAITOR.1).account(), power: 1 };
                p.changes[0].next = ValidatorSet::new(vec![usurper]).expect("a set");
            },
            |e| matches!(e, LightError::Handover { .. }),
        ),
        ("of another network", |p| p.changes[0].last.header.chain.0[0] ^= 1, |e| matches!(e, LightError::Chain { .. })),
        (
            "of another header",
            |p| p.changes[0].last.header.state_root.0[0] ^= 1,
            |e| matches!(e, LightError::Block { .. }),
        ),
    ];
    for (what, tamper, is_reason) in tampers {
        let mut forged = genuine.clone();
        tamper(&mut forged);
        let refused = refusal(&forged);
        assert!(matches!(&refused, SettlementProofError::Header(e) if is_reason(e)), "{what}: {refused:?}");
    }
    let rest = ValidatorSet::new(all()[..3].to_vec()).expect("a set");
    assert!(genuine.verify(genesis().chain_id(), &rest).is_err(), "from a set that was not the first");
}

#[test]
fn every_flipped_byte_of_a_proof_with_a_handover_is_refused() {
    let (net, job) = after_betrayal();
    let bytes = encode(&proof_of(&net.nodes[0], &job).expect("settled"));
    for position in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[position] ^= 1 << (position % 8);
        if let Ok(forged) = ciro_types::decode::<SettlementProof>(&flipped, 1 << 20) {
            refusal(&forged);
        }
    }
}

#[test]
fn a_power_cut_at_any_moment_of_a_handover_changes_nothing_about_it() {
    for cut_ms in (0..200).step_by(8) {
        let mut net = Net::new(5, CALM);
        net.run_for(300);
        betray(&mut net);
        net.run_for(net.now_ms + cut_ms);
        let mut rng = Rng(cut_ms);
        net.nodes.iter_mut().for_each(|node| node.crash(&mut rng));
        (0..net.nodes.len()).for_each(|n| net.boot(n));
        // What only memory knew of the offence is gone: it is seen again, or was reported.
        betray(&mut net);
        let limit_ms = net.now_ms + 20_000;
        assert!(net.run_until(limit_ms, is_out), "cut at {cut_ms} ms: the traitor still votes");
        let height = net.nodes[0].height();
        let limit_ms = net.now_ms + 20_000;
        assert!(net.run_to_height(height + 3, limit_ms), "cut at {cut_ms} ms: stuck at {height}");
        assert_whole(&net);
    }
}

#[test]
fn a_validator_without_its_database_is_made_anew_across_a_handover() {
    let (mut net, job) = after_betrayal();
    net.nodes[2].retention = Retention::Blocks(2);
    net.nodes[2].crash(&mut Rng(1));
    net.nodes[2].lose_database();
    let store = net.nodes[2].fresh_store();
    let at = repair(&store, net.nodes[0].store(), &genesis()).expect("a peer that is intact");
    assert_eq!(at, Height(net.nodes[0].height() - 1), "as of the last certified state");
    drop(store);
    net.boot(2);
    let ahead = net.nodes[0].height() + 5;
    let limit_ms = net.now_ms + 20_000;
    assert!(net.run_to_height(ahead, limit_ms), "it does not go on");
    let proof = proof_of(&net.nodes[2], &job).expect("settled");
    assert_eq!(proof.verify(genesis().chain_id(), &strangers_set()), Ok(()));
    assert_whole(&net);
}

/// Whoever votes proposes what the others have not heard of. Whoever does not must say it again.
#[test]
fn what_is_sent_to_a_validator_without_a_vote_reaches_a_block_though_its_gossip_is_lost() {
    let (mut net, _) = after_betrayal();
    let before = net.nodes[0].state().account(&key(14).account()).nonce;
    let tx = Client::new(14).transfer(key(12).account(), 1);
    // The traitor's machine takes it in as if from a peer, and so tells nobody.
    let bytes = Wire::Txs(vec![tx]).to_bytes();
    net.post_one(key(99).account(), TRAITOR.0, &bytes);
    let limit_ms = net.now_ms + 20_000;
    let is_done = |net: &Net| net.nodes[0].state().account(&key(14).account()).nonce > before;
    assert!(net.run_until(limit_ms, is_done), "it waits for ever");
    assert_whole(&net);
}

/// A finding: the repaired store lay one block behind the log, which was thrown away. Its validator was silent at the one height that
/// needed it, for ever.
#[test]
fn a_store_that_is_made_anew_while_every_vote_is_needed_silences_nobody() {
    for round in 0..24 {
        let (mut net, _) = after_betrayal();
        let mut client = Client::new(12);
        for n in 0..8 {
            net.at(net.now_ms + n * 9, Event::Submit { node: 1, txs: vec![client.transfer(key(11).account(), 1)] });
        }
        net.run_for(net.now_ms + 4 * round);
        let mut rng = Rng(round);
        net.nodes.iter_mut().for_each(|node| node.crash(&mut rng));
        [0, 1, 3].into_iter().for_each(|n| net.boot(n));
        net.nodes[2].lose_database();
        let best = [0, 1, 3].into_iter().max_by_key(|&n| net.nodes[n].height()).expect("three");
        repair(&net.nodes[2].fresh_store(), net.nodes[best].store(), &genesis()).expect("a peer that is intact");
        net.boot(2);
        let ahead = net.nodes[best].height() + 3;
        let limit_ms = net.now_ms + 30_000;
        assert!(net.run_to_height(ahead, limit_ms), "round {round}: it does not go on");
        assert_whole(&net);
    }
}

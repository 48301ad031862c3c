//! What a validator refuses to vote for, and what becomes of its ledger on its own.

use crate::support::client::{Client, tx_at};
use crate::support::node::Node;
use crate::support::{CALM, Net, genesis, key};
use ciro_consensus::{Block, BlockHeader, CommitCertificate, DecidedBlock, SealedBlock, txs_root};
use ciro_state::{
    Action, Genesis, InclusionError, Lane, SignedTx, TokenAction, TxError, ValidatorAction, WorkerAction,
};
use ciro_types::{AccountId, Amount, BlockId, ChainId, Hash32, Height, StateRoot};
use ciro_validator::ledger::{BlockRefusal, Ledger};
use ciro_validator::{MemoryBackend, Store, ValidatorError};
use std::sync::Arc;

fn ledger_on(store: &Arc<Store>, genesis: &Genesis) -> Result<Ledger, ValidatorError> {
    let proofs = Arc::new(crate::support::node::CountingProofs::default());
    Ledger::open(genesis, store.clone(), proofs, Arc::default())
}

fn fresh() -> Ledger {
    let store = Arc::new(Store::open_on(MemoryBackend::default()).expect("a new file"));
    ledger_on(&store, &genesis()).expect("opens")
}

/// A second ledger with the content of `node`'s, on a disk of its own.
pub(crate) fn reopened(node: &mut Node) -> Ledger {
    let store = Arc::new(Store::open_on(node.database_copy()).expect("recoverable"));
    ledger_on(&store, &genesis()).expect("opens")
}

pub(crate) fn uncertified(block: SealedBlock) -> DecidedBlock {
    let certificate = CommitCertificate { height: block.height(), round: 0, block: block.id(), signatures: Vec::new() };
    DecidedBlock { block, certificate }
}

fn with_header(ledger: &Ledger, change: fn(&mut BlockHeader)) -> SealedBlock {
    let mut block: Block = ledger.build(key(1).account(), Vec::new()).block().clone();
    change(&mut block.header);
    SealedBlock::seal(block).expect("the body is unchanged")
}

#[test]
fn a_header_that_differs_from_our_state_in_any_field_is_refused() {
    type Change = fn(&mut BlockHeader);
    let changes: [(&str, Change); 7] = [
        ("chain", |h| h.chain = ChainId([9; 32])),
        ("height", |h| h.height = Height(2)),
        ("parent", |h| h.parent = BlockId([9; 32])),
        ("validators", |h| h.validators = Hash32([9; 32])),
        ("next_validators", |h| h.next_validators = Hash32([9; 32])),
        ("state_root", |h| h.state_root = StateRoot([9; 32])),
        ("receipts_root", |h| h.receipts_root = Hash32([9; 32])),
    ];
    let mut ledger = fresh();
    for (field, change) in changes {
        let block = with_header(&ledger, change);
        assert!(matches!(ledger.check(&block), Err(BlockRefusal::Header { .. })), "{field}");
    }
    let outsider = with_header(&ledger, |h| h.proposer = AccountId([9; 32]));
    assert_eq!(ledger.check(&outsider), Err(BlockRefusal::Outsider(AccountId([9; 32]))));
    let genuine = with_header(&ledger, |_| {});
    assert_eq!(ledger.check(&genuine), Ok(()));
}

#[test]
fn bodies_that_no_honest_proposer_builds_are_refused() {
    let mut ledger = fresh();
    let proposer = key(1).account();
    let good = Client::new(11).transfer(key(12).account(), 1);
    let mut stolen = SignedTx::decode(&good, 1 << 20).expect("a transaction");
    stolen.body.sender = key(12).account();
    let refusal = |txs: Vec<Vec<u8>>, ledger: &mut Ledger| {
        let block = ledger.build(proposer, txs);
        ledger.check(&block).expect_err("refused")
    };
    let malformed = refusal(vec![good.clone(), b"garbage".to_vec()], &mut ledger);
    assert_eq!(malformed, BlockRefusal::Malformed { index: 1 });
    let mut trailing = good.clone();
    trailing.push(0);
    assert_eq!(refusal(vec![trailing], &mut ledger), BlockRefusal::Malformed { index: 0 });
    let inclusion = |txs, ledger: &mut Ledger| match refusal(txs, ledger) {
        BlockRefusal::Inclusion(error) => error,
        other => panic!("{other}"),
    };
    let twice = inclusion(vec![good.clone(), good.clone()], &mut ledger);
    assert!(matches!(twice, InclusionError::Nonce { .. }), "{twice}");
    let early = inclusion(vec![tx_at(11, 1, Action::Worker(WorkerAction::WithdrawStake))], &mut ledger);
    assert!(matches!(early, InclusionError::Nonce { .. }), "{early}");
    let unpaid = inclusion(vec![tx_at(99, 0, Action::Worker(WorkerAction::WithdrawStake))], &mut ledger);
    assert!(matches!(unpaid, InclusionError::Unfunded { .. }), "{unpaid}");
    let idle = inclusion(
        vec![tx_at(1, 0, Action::Validator(ValidatorAction::ReportEquivocation { evidence: vec![1] }))],
        &mut ledger,
    );
    assert!(matches!(idle, InclusionError::IdleReport { .. }), "{idle}");
    let unsigned = refusal(vec![ciro_types::encode(&stolen)], &mut ledger);
    assert!(matches!(unsigned, BlockRefusal::Unsigned { index: 0, source: TxError::BadSignature { .. } }));
    let mut client = Client::new(11);
    let quota = genesis().params.quota(Lane::Plain).txs;
    let many: Vec<_> = (0..=quota).map(|_| client.tx(Action::Worker(WorkerAction::WithdrawStake))).collect();
    assert_eq!(inclusion(many, &mut ledger), InclusionError::Full { lane: Lane::Plain });
}

#[test]
fn a_transaction_that_fails_in_a_block_leaves_only_its_outcome_and_its_fee() {
    let mut ledger = fresh();
    let overdraft =
        tx_at(11, 0, Action::Token(TokenAction::Transfer { to: key(12).account(), amount: Amount::ciro(999_999) }));
    let fine = tx_at(12, 0, Action::Token(TokenAction::Transfer { to: key(11).account(), amount: Amount::ciro(1) }));
    let block = ledger.build(key(1).account(), vec![overdraft, fine]);
    assert_eq!(ledger.check(&block), Ok(()));
    let committed = ledger.commit(&uncertified(block)).expect("executable");
    assert!(matches!(committed.txs[0].result, Err(TxError::InsufficientBalance { .. })));
    assert!(committed.txs[1].result.is_ok());
    let (balance, whole) = (ledger.state().account(&key(11).account()).balance, Amount::ciro(10_001));
    assert!(balance < whole && balance > Amount(whole.0 - Amount::ONE.0 / 100), "{balance}");
    assert_eq!(ledger.state().audit(), Ok(()));
}

#[test]
fn a_header_certifies_the_state_and_receipts_of_the_block_before() {
    let mut ledger = fresh();
    let first = ledger.build(key(1).account(), vec![Client::new(11).transfer(key(12).account(), 3)]);
    ledger.check(&first).expect("valid");
    ledger.commit(&uncertified(first.clone())).expect("executable");
    let second = ledger.build(key(2).account(), Vec::new());
    assert_eq!(second.header().parent, first.id());
    assert_ne!(second.header().state_root, first.header().state_root);
    assert_eq!(second.header().state_root, ledger.store().root().expect("readable"));
    assert_eq!(second.header().txs_root, txs_root::<Vec<u8>>(&[]));
    let row = ciro_state::Key::Account(key(12).account()).encode();
    let (value, proof) = ledger.store().prove(Height(1), &row).expect("kept");
    assert_eq!(proof.verify(second.header().state_root, &row, value.as_deref()), Ok(()));
    assert!(value.is_some());
}

#[test]
fn a_store_of_another_network_is_refused() {
    let store = Arc::new(Store::open_on(MemoryBackend::default()).expect("a new file"));
    ledger_on(&store, &genesis()).expect("opens");
    let other = Genesis { network: "another".into(), ..genesis() };
    assert!(matches!(ledger_on(&store, &other), Err(ValidatorError::OtherChain { .. })));
}

#[test]
fn a_block_with_garbage_costs_its_proposer_the_round_and_nobody_the_chain() {
    let mut net = Net::new(1, CALM);
    net.submit(0, Client::new(11).transfer(key(12).account(), 1));
    assert!(net.run_to_height(1, 1_000));
    let byzantine = net.nodes.iter().position(|n| {
        let ledger = n.validator().ledger();
        ledger.validators().proposer(Height(2), 0) == n.account
    });
    let byzantine = byzantine.expect("a validator proposes");
    let account = net.nodes[byzantine].account;
    let block = net.nodes[byzantine].validator().ledger().build(account, vec![b"garbage".to_vec()]);
    let body = ciro_consensus::vote::Proposal {
        height: Height(2),
        round: 0,
        pol_round: None,
        block: block.id(),
        proposer: account,
    };
    let signer = crate::support::VALIDATORS.map(key).into_iter().find(|k| k.account() == account).expect("its key");
    let statement = ciro_consensus::Signed::sign(body, genesis().chain_id(), &signer);
    let message = ciro_consensus::Message::Proposal(ciro_consensus::SignedProposal { statement, block });
    let bytes = ciro_validator::wire::Wire::Consensus(message).to_bytes();
    net.nodes[byzantine].validator = None;
    for n in (0..4).filter(|&n| n != byzantine) {
        net.post_one(account, n, &bytes);
    }
    assert!(net.run_to_height(4, 20_000));
    assert!(net.living().all(|n| n.anomalies.iter().any(|a| a.contains("refused"))), "and the operator hears of it");
}

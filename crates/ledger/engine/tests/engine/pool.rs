//! The pool by itself, and the cache of checked transactions.

use crate::support::client::Client;
use crate::support::{genesis, key};
use ciro_engine::mempool::{MAX_WAIT_COMMITS, Mempool, Waiting};
use ciro_engine::{Limits, SubmitError, VerifiedTxs};
use ciro_state::{Checked, SignedTx, State, check_stateless};
use ciro_types::{AccountId, Height, Nonce, TxId};
use std::collections::BTreeMap;

const LIMITS: Limits = Limits { block_txs: 100, block_bytes: 1_000, pool_txs: 6, pool_bytes: 600, pool_per_sender: 4 };

fn sender(n: u8) -> AccountId {
    AccountId([n; 32])
}

fn waiting(n: u8, nonce: u64, size: usize) -> Waiting {
    let mut id = [n; 32];
    id[31] = nonce as u8;
    Waiting { id: TxId(id), sender: sender(n), nonce: Nonce(nonce), bytes: vec![n; size].into() }
}

fn put(pool: &mut Mempool, n: u8, nonce: u64, size: usize) -> Result<(), SubmitError> {
    pool.admits(sender(n), Nonce(nonce), size, Nonce(0))?;
    pool.insert(waiting(n, nonce, size));
    Ok(())
}

fn origin(_: &AccountId) -> Nonce {
    Nonce(0)
}

/// Which senders' transactions a batch holds, in order.
fn batch(pool: &Mempool, txs: usize, bytes: usize) -> Vec<u8> {
    pool.batch(txs, bytes, origin).iter().map(|tx| tx[0]).collect()
}

#[test]
fn a_batch_keeps_arrival_order_and_each_senders_nonce_order() {
    let mut pool = Mempool::new(LIMITS);
    for (n, nonce) in [(2, 1), (1, 0), (2, 0), (3, 1)] {
        put(&mut pool, n, nonce, 10).expect("room");
    }
    assert_eq!(batch(&pool, 10, 1_000), [1, 2, 2], "sender 3 lacks nonce 0");
    assert_eq!(batch(&pool, 2, 1_000), [1, 2]);
    assert_eq!(batch(&pool, 10, 25), [1, 2], "bytes bound the batch");
    assert!(pool.is_ready(origin));
}

#[test]
fn a_large_transaction_is_not_passed_over_for_ever() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 0, 500).expect("room");
    put(&mut pool, 2, 0, 10).expect("room");
    assert_eq!(batch(&pool, 10, 505), [1], "the small one behind it waits its turn");
}

#[test]
fn a_gap_makes_a_sender_unready_and_filling_it_ready() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 1, 10).expect("room");
    assert!(!pool.is_ready(origin) && batch(&pool, 10, 1_000).is_empty());
    assert_eq!(pool.next_free(&sender(1), Nonce(0)), Nonce(0));
    put(&mut pool, 1, 0, 10).expect("room");
    assert!(pool.is_ready(origin));
    assert_eq!(pool.next_free(&sender(1), Nonce(0)), Nonce(2));
}

#[test]
fn every_bound_holds() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 0, 10).expect("room");
    assert!(matches!(put(&mut pool, 1, 0, 10), Err(SubmitError::NonceTaken { .. })));
    assert!(matches!(put(&mut pool, 1, 4, 10), Err(SubmitError::NonceAhead { ahead: 4, .. })));
    assert!(matches!(pool.admits(sender(1), Nonce(2), 10, Nonce(3)), Err(SubmitError::NonceUsed { .. })));
    assert_eq!(put(&mut pool, 2, 0, 591), Err(SubmitError::PoolFull), "bytes");
    for n in 2..=6 {
        put(&mut pool, n, 0, 10).expect("room");
    }
    assert_eq!(put(&mut pool, 7, 0, 10), Err(SubmitError::PoolFull), "count");
}

#[test]
fn committed_and_outdated_transactions_leave_and_make_room() {
    let mut pool = Mempool::new(LIMITS);
    for nonce in 0..3 {
        put(&mut pool, 1, nonce, 100).expect("room");
    }
    // A block held nonce 0, and another transaction with nonce 1 that went to another validator.
    let next: BTreeMap<_, _> = [(sender(1), Nonce(2))].into();
    pool.forget(&[waiting(1, 0, 100).id], |account| next[account]);
    assert_eq!(pool.len(), 1);
    assert!(pool.contains(&waiting(1, 2, 100).id));
    put(&mut pool, 2, 0, 500).expect("the bytes are free again");
}

#[test]
fn a_transaction_that_nobody_can_execute_does_not_wait_for_ever() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 1, 100).expect("room");
    for _ in 0..MAX_WAIT_COMMITS {
        pool.forget(&[], origin);
    }
    put(&mut pool, 2, 0, 100).expect("room");
    assert_eq!(pool.len(), 2);
    pool.forget(&[], origin);
    assert!(pool.len() == 1 && pool.contains(&waiting(2, 0, 100).id), "the older one is gone");
    assert_eq!(put(&mut pool, 1, 1, 500), Ok(()), "and its bytes are free again");
}

#[test]
fn parked_transactions_are_bounded_in_number_and_tries() {
    let mut pool = Mempool::new(LIMITS);
    let id = waiting(1, 0, 1).id;
    assert!(pool.park(id, vec![1], false));
    let mut tries = 0;
    while let Some((id, parked)) = pool.unpark().pop() {
        tries += 1;
        pool.repark(id, parked);
    }
    assert_eq!(tries, 4);
    let parked = (0..2_000u32).filter(|n| {
        let mut id = [0; 32];
        id[..4].copy_from_slice(&n.to_le_bytes());
        pool.park(TxId(id), Vec::new(), false)
    });
    assert_eq!(parked.count(), 1_024);
}

fn checked(n: u64) -> Checked {
    let mut client = Client::new(11);
    let bytes = (0..=n).map(|_| client.transfer(key(12).account(), 1)).last().expect("at least one");
    let tx = SignedTx::decode(&bytes, 1 << 20).expect("a transaction");
    let state = State::genesis(&genesis()).expect("a valid genesis");
    let proofs = crate::support::node::CountingProofs::default();
    check_stateless(&tx, &state, &proofs, &ciro_engine::evidence::Judge).expect("a good signature")
}

#[test]
fn an_acceptance_made_later_does_not_serve_a_validator_that_is_behind() {
    let cache = VerifiedTxs::default();
    let id = checked(0).id();
    cache.put(Height(7), 100, checked(0));
    assert!(cache.get(&id, Height(6)).is_none());
    assert!(cache.get(&id, Height(7)).is_some() && cache.get(&id, Height(8)).is_some());
    cache.put(Height(5), 100, checked(0));
    assert!(cache.get(&id, Height(5)).is_some(), "the earliest acceptance counts");
}

#[test]
fn the_cache_forgets_the_oldest_beyond_either_bound() {
    for cache in [VerifiedTxs::new(3, 1 << 20), VerifiedTxs::new(100, 300)] {
        for n in 0..5 {
            cache.put(Height(0), 100, checked(n));
        }
        let kept: Vec<_> = (0..5).map(|n| cache.get(&checked(n).id(), Height(0)).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
    }
}

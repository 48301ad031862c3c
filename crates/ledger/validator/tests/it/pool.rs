//! The pool by itself, and the cache of checked transactions.

use crate::support::client::Client;
use crate::support::{genesis, key};
use ciro_state::{
    Account, Action, BlockContext, Checked, Errand, Genesis, GenesisAccount, Item, Lane, SignedTx, State, TxBody,
    WorkerAction, apply_block, check_stateless, screen,
};
use ciro_types::{AccountId, Amount, Hash32, Height, Nonce, TxId};
use ciro_validator::mempool::{MAX_GAP_COMMITS, MAX_WAIT_COMMITS, Mempool, Waiting};
use ciro_validator::{Limits, SubmitError, VerifiedTxs};

/// Shares of the lanes: 8 transactions and 800 bytes plain, half of that for work.
const LIMITS: Limits = Limits {
    pool_txs: 16,
    pool_bytes: 1_600,
    pool_per_sender: 6,
    sender_bytes: 700,
    pool_units: 16_000_000,
    sender_units: 1_000_000,
    gap: 3,
};

fn sender(n: u8) -> AccountId {
    AccountId([n; 32])
}

/// Senders 1 to 9 with money for some transactions; sender 9 has none.
fn state() -> State {
    let account = |n| GenesisAccount { account: sender(n), balance: if n == 9 { Amount(1) } else { Amount::ONE } };
    State::genesis(&Genesis { accounts: (1..=9).map(account).collect(), ..genesis() }).expect("a valid genesis")
}

fn item(n: u8, nonce: u64, bytes: usize) -> Item {
    Item { sender: sender(n), nonce: Nonce(nonce), bytes, units: 0, errand: Errand::Plain }
}

fn id(n: u8, nonce: u64) -> TxId {
    let mut id = [n; 32];
    id[31] = nonce as u8;
    TxId(id)
}

fn put_in(lane: Lane, pool: &mut Mempool, n: u8, nonce: u64, size: usize) -> Result<(), SubmitError> {
    put_item(lane, pool, item(n, nonce, size))
}

fn put_item(lane: Lane, pool: &mut Mempool, item: Item) -> Result<(), SubmitError> {
    let (state, n) = (state(), item.sender.0[0]);
    let (fee, account) = (state.fee(&item), state.account(&item.sender));
    pool.admits(&item, lane, fee, &account)?;
    let bytes = vec![n; item.bytes].into();
    pool.insert(Waiting { id: id(n, item.nonce.0), item, lane, fee, offence: None, bytes }, &account);
    Ok(())
}

fn put(pool: &mut Mempool, n: u8, nonce: u64, size: usize) -> Result<(), SubmitError> {
    put_in(Lane::Plain, pool, n, nonce, size)
}

/// Which senders' transactions a batch holds, in order.
fn batch(pool: &Mempool) -> Vec<u8> {
    pool.batch(&state()).iter().map(|tx| tx[0]).collect()
}

#[test]
fn a_batch_keeps_arrival_order_and_each_senders_nonce_order() {
    let mut pool = Mempool::new(LIMITS);
    for (n, nonce) in [(2, 1), (1, 0), (2, 0), (3, 1)] {
        put(&mut pool, n, nonce, 10).expect("room");
    }
    assert_eq!(batch(&pool), [1, 2, 2], "sender 3 lacks nonce 0");
    assert!(pool.is_ready());
}

#[test]
fn a_large_transaction_is_not_passed_over_for_ever() {
    let mut pool = Mempool::new(Limits { pool_bytes: 64 << 20, sender_bytes: 8 << 20, ..LIMITS });
    let quota = genesis().params.quota(Lane::Plain).bytes;
    put(&mut pool, 1, 0, quota / 2 + 1).expect("room");
    put(&mut pool, 2, 0, quota / 2).expect("room");
    put(&mut pool, 3, 0, 10).expect("room");
    assert_eq!(batch(&pool), [1], "the small one behind the second large one waits its turn");
}

#[test]
fn verification_without_room_holds_up_only_what_needs_it() {
    let mut pool = Mempool::new(LIMITS);
    let units = genesis().params.quota(Lane::Plain).units / 2 + 1;
    for n in [1, 2, 3] {
        put_item(Lane::Plain, &mut pool, Item { units, ..item(n, 0, 10) }).expect("room");
    }
    put(&mut pool, 4, 0, 10).expect("room");
    put_item(Lane::Plain, &mut pool, Item { units: 1, ..item(5, 0, 10) }).expect("room");
    assert_eq!(batch(&pool), [1, 4], "a small one does not overtake a large one of its kind");
}

#[test]
fn whoever_came_first_with_much_to_verify_takes_turns_with_others() {
    let mut pool = Mempool::new(LIMITS);
    let units = genesis().params.quota(Lane::Plain).units / 4;
    let put = |pool: &mut Mempool, n, nonce| {
        put_item(Lane::Plain, pool, Item { units, ..item(n, nonce, 10) }).expect("room");
    };
    (0..6).for_each(|nonce| put(&mut pool, 1, nonce));
    put(&mut pool, 2, 0);
    put_item(Lane::Plain, &mut pool, item(3, 0, 10)).expect("room");
    assert_eq!(batch(&pool), [1, 2, 1, 1, 3]);
}

#[test]
fn units_are_bounded_and_whoever_holds_most_of_them_makes_way() {
    let mut pool = Mempool::new(Limits { pool_units: 2_000_000, sender_units: 800_000, ..LIMITS });
    let put = |pool: &mut Mempool, n, nonce| put_item(Lane::Plain, pool, Item { units: 200_000, ..item(n, nonce, 10) });
    (0..4).for_each(|nonce| put(&mut pool, 1, nonce).expect("room"));
    assert!(matches!(put(&mut pool, 1, 4), Err(SubmitError::SenderFull { txs: 4, .. })));
    put(&mut pool, 2, 0).expect("a million units in all");
    put(&mut pool, 3, 0).expect("the first sender holds most");
    put(&mut pool, 3, 1).expect("and still does");
    assert_eq!([1, 2, 3].map(|nonce| pool.contains(&id(1, nonce))), [true, false, false]);
    assert_eq!(put(&mut pool, 3, 2), Err(SubmitError::PoolFull), "it would hold most itself");
    put_item(Lane::Plain, &mut pool, item(4, 0, 10)).expect("what takes none has room");
}

#[test]
fn paying_for_verification_outranks_nothing() {
    let mut pool = Mempool::new(LIMITS);
    (1..=8).for_each(|n| put(&mut pool, n, 0, 10).expect("room"));
    let dear = Item { units: 50_000, ..item(1, 1, 10) };
    assert_eq!(put_item(Lane::Plain, &mut pool, dear), Err(SubmitError::PoolFull));
}

#[test]
fn a_gap_makes_a_sender_unready_and_filling_it_ready() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 1, 10).expect("room");
    assert!(!pool.is_ready() && batch(&pool).is_empty());
    assert_eq!(pool.next_free(&sender(1), Nonce(0)), Nonce(0));
    put(&mut pool, 1, 0, 10).expect("room");
    assert!(pool.is_ready());
    assert_eq!(pool.next_free(&sender(1), Nonce(0)), Nonce(2));
}

#[test]
fn every_bound_of_a_sender_holds() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 0, 10).expect("room");
    assert!(matches!(put(&mut pool, 1, 0, 10), Err(SubmitError::NonceTaken { .. })));
    let ahead = SubmitError::NonceAhead { next: Nonce(1), ahead: 3, got: Nonce(5) };
    assert_eq!(put(&mut pool, 1, 5, 10), Err(ahead));
    let past = Account { nonce: Nonce(3), balance: Amount::ONE };
    assert!(matches!(pool.admits(&item(1, 2, 10), Lane::Plain, Amount(1), &past), Err(SubmitError::NonceUsed { .. })));
    assert!(matches!(put(&mut pool, 1, 1, 691), Err(SubmitError::SenderFull { txs: 1, bytes: 10 })), "bytes");
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 2, 0, 800).expect("a single one may have any size");
    let mut pool = Mempool::new(LIMITS);
    for nonce in 0..6 {
        put(&mut pool, 1, nonce, 10).expect("room");
    }
    assert!(matches!(put(&mut pool, 1, 6, 10), Err(SubmitError::SenderFull { txs: 6, .. })), "count");
}

#[test]
fn nothing_waits_that_its_sender_cannot_pay_with_all_the_rest() {
    let mut pool = Mempool::new(LIMITS);
    assert!(matches!(put(&mut pool, 9, 0, 10), Err(SubmitError::Unfunded { got: Amount(1), .. })));
    let fee = state().fee(&item(1, 0, 10));
    let account = Account { nonce: Nonce(0), balance: Amount(2 * fee.0) };
    for (nonce, is_paid) in [(0, true), (1, true), (2, false)] {
        let admitted = pool.admits(&item(1, nonce, 10), Lane::Plain, fee, &account);
        assert_eq!(admitted.is_ok(), is_paid, "{admitted:?}");
        if is_paid {
            put(&mut pool, 1, nonce, 10).expect("room");
        }
    }
}

#[test]
fn a_full_lane_leaves_the_others_their_room() {
    let mut pool = Mempool::new(LIMITS);
    for n in 1..=8 {
        put(&mut pool, n, 0, 10).expect("room");
    }
    assert_eq!(put(&mut pool, 1, 1, 10), Err(SubmitError::PoolFull));
    for lane in [Lane::Work, Lane::Reveal, Lane::Report] {
        assert_eq!(put_in(lane, &mut pool, lane as u8 + 1, 1, 10), Ok(()), "{lane}");
    }
}

#[test]
fn a_full_lane_gives_up_what_pays_less_for_its_bytes() {
    let mut pool = Mempool::new(LIMITS);
    put(&mut pool, 1, 0, 500).expect("room");
    put(&mut pool, 1, 1, 10).expect("room");
    put(&mut pool, 2, 0, 280).expect("room");
    assert_eq!(put(&mut pool, 3, 0, 600), Err(SubmitError::PoolFull), "it would pay the least");
    put(&mut pool, 3, 0, 200).expect("it pays more than the largest");
    assert!(!pool.contains(&id(1, 0)) && !pool.contains(&id(1, 1)), "what followed it could not be executed");
    assert!(pool.contains(&id(2, 0)) && pool.contains(&id(3, 0)));
}

#[test]
fn what_waits_behind_a_gap_is_given_up_first_and_evicts_nothing() {
    let mut pool = Mempool::new(LIMITS);
    for n in 1..=7 {
        put(&mut pool, n, 0, 10).expect("room");
    }
    put(&mut pool, 8, 1, 10).expect("room");
    assert_eq!(put(&mut pool, 1, 2, 10), Err(SubmitError::PoolFull), "it would wait behind a gap as well");
    put(&mut pool, 1, 1, 100).expect("even a larger one pays more than nothing");
    assert!(!pool.contains(&id(8, 1)));
}

#[test]
fn committed_and_outdated_transactions_leave_and_make_room() {
    let mut pool = Mempool::new(LIMITS);
    let who = key(11).account();
    let state = State::genesis(&genesis()).expect("a valid genesis");
    for nonce in 0..3 {
        let item = Item { sender: who, ..item(1, nonce, 100) };
        let (fee, account) = (state.fee(&item), state.account(&who));
        pool.admits(&item, Lane::Plain, fee, &account).expect("room");
        let bytes = vec![1; 100].into();
        pool.insert(Waiting { id: id(1, nonce), item, lane: Lane::Plain, fee, offence: None, bytes }, &account);
    }
    // A block held nonce 0, and another transaction with nonce 1 that went to another validator.
    pool.forget(&[id(1, 0)], &spent(&state, 2));
    assert_eq!(pool.len(), 1);
    assert!(pool.contains(&id(1, 2)) && pool.is_ready());
    put(&mut pool, 2, 0, 600).expect("the bytes are free again");
}

#[test]
fn what_its_sender_cannot_pay_any_more_leaves() {
    let mut pool = Mempool::new(LIMITS);
    let who = key(11).account();
    // Four fees of ten bytes each, to the unit; those of the block are of whole transactions.
    let fee = state().fee(&item(1, 0, 10));
    let account = GenesisAccount { account: who, balance: Amount(4 * fee.0) };
    let poor = Genesis { accounts: vec![account], ..genesis() };
    let state = State::genesis(&poor).expect("a valid genesis");
    for nonce in 0..4 {
        let item = Item { sender: who, ..item(1, nonce, 10) };
        let (fee, account) = (state.fee(&item), state.account(&who));
        pool.admits(&item, Lane::Plain, fee, &account).expect("paid so far");
        let bytes = vec![1; 10].into();
        pool.insert(Waiting { id: id(1, nonce), item, lane: Lane::Plain, fee, offence: None, bytes }, &account);
    }
    pool.forget(&[id(1, 0)], &spent(&state, 2));
    assert!(pool.len() == 1 && pool.contains(&id(1, 2)), "what is left pays for one of two");
}

/// The state after client 11 spent so many nonces.
fn spent(state: &State, nonces: u64) -> State {
    let mut state = state.clone();
    let (chain, sender) = (state.meta().chain, key(11).account());
    let body =
        |nonce| TxBody { chain, sender, nonce: Nonce(nonce), action: Action::Worker(WorkerAction::WithdrawStake) };
    let proofs = crate::support::node::CountingProofs::default();
    let judge = ciro_validator::evidence::Judge;
    let check = |nonce| screen(&SignedTx::sign(body(nonce), &key(11)), &state, &proofs, &judge).expect("signed");
    let txs: Vec<_> = (0..nonces).map(check).collect();
    let context = BlockContext { height: Height(1), proposer: key(1).account(), entropy: Hash32::ZERO };
    apply_block(&mut state, &context, &txs).expect("the next block");
    state
}

#[test]
fn what_waits_for_a_gap_waits_a_short_time_and_what_waits_for_room_a_long_one() {
    for (nonce, commits) in [(1, MAX_GAP_COMMITS), (0, MAX_WAIT_COMMITS)] {
        let mut pool = Mempool::new(LIMITS);
        put(&mut pool, 1, nonce, 100).expect("room");
        for _ in 0..commits {
            pool.forget(&[], &state());
        }
        put(&mut pool, 2, 0, 100).expect("room");
        assert_eq!(pool.len(), 2);
        pool.forget(&[], &state());
        assert!(pool.len() == 1 && pool.contains(&id(2, 0)), "the older one is gone");
        assert_eq!(put(&mut pool, 1, nonce, 600), Ok(()), "and its bytes are free again");
    }
}

#[test]
fn parked_transactions_are_bounded_in_number_bytes_and_tries() {
    let mut pool = Mempool::new(LIMITS);
    assert!(pool.park(id(1, 0), sender(1), vec![1], false));
    let mut tries = 0;
    while let Some((id, parked)) = pool.unpark().pop() {
        tries += 1;
        pool.repark(id, parked);
    }
    assert_eq!(tries, 4);
    let mut numbers = 0..;
    let mut park = |pool: &mut Mempool, who: u8, bytes: usize| {
        let number: u32 = numbers.next().expect("endless");
        let mut id = [0; 32];
        id[..4].copy_from_slice(&number.to_le_bytes());
        pool.park(TxId(id), sender(who), vec![0; bytes], false)
    };
    assert_eq!((0..100).filter(|_| park(&mut pool, 1, 0)).count(), 64, "of one sender");
    assert_eq!((0..2_000).filter(|n| park(&mut pool, 2 + (n / 64) as u8, 0)).count(), 1_024 - 64, "of all");
    let mut pool = Mempool::new(LIMITS);
    assert_eq!((0..5).filter(|n| park(&mut pool, *n, 6 << 20)).count(), 2, "bytes");
}

fn checked(n: u64) -> Checked {
    let mut client = Client::new(11);
    let bytes = (0..=n).map(|_| client.transfer(key(12).account(), 1)).last().expect("at least one");
    let tx = SignedTx::decode(&bytes, 1 << 20).expect("a transaction");
    let state = State::genesis(&genesis()).expect("a valid genesis");
    let proofs = crate::support::node::CountingProofs::default();
    check_stateless(&tx, &state, &proofs, &ciro_validator::evidence::Judge).expect("a good signature")
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

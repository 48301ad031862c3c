//! The matcher against a slow twin that looks at every worker.

use ciro_api::{Predicate, Refusal, Relaxation};
use ciro_scheduler::{Book, Decision, Demand};
use ciro_state::Reputation;
use ciro_types::{AccountId, Amount, CapabilityFlags, Height, LeaseToken, MemoryMib, Offer, Requirements};
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Clone, Debug)]
struct Machine {
    offer: Offer,
    reputation: u16,
    busy: u16,
}

fn offer(worker: AccountId, price: u64, memory: u32, flags: u16, slots: u16) -> Offer {
    Offer {
        worker,
        sequence: 1,
        flags: CapabilityFlags(flags),
        memory: MemoryMib(memory),
        price: Amount::ciro(price),
        slots,
        expires: Height(1_000),
        label: String::new(),
    }
}

fn book(machines: &[Machine]) -> Book {
    let mut book = Book::new();
    let mut token = 0;
    for machine in machines {
        let worker = machine.offer.worker;
        book.publish(machine.offer.clone());
        book.set_reputation(worker, Reputation(machine.reputation));
        for _ in 0..machine.busy {
            token += 1;
            book.occupy(worker, LeaseToken(token));
        }
    }
    book
}

/// The rule as the module's documentation states it, on the machines themselves.
fn best(machines: &[Machine], demand: &Demand<'_>) -> Option<AccountId> {
    let serves = |machine: &&Machine| {
        machine.busy < machine.offer.slots
            && machine.offer.price.0 <= demand.price_cap.0
            && machine.reputation >= demand.requirements.min_reputation
            && machine.offer.memory.0 >= demand.requirements.memory.0
            && machine.offer.flags.0 & demand.requirements.flags.0 == demand.requirements.flags.0
            && !demand.excluded.contains(&machine.offer.worker)
    };
    let rank = |machine: &&Machine| {
        let worker = machine.offer.worker;
        let expected = machine.offer.price.0 * 1_000 / u128::from(machine.reputation.max(250));
        (expected, worker < demand.pivot, worker)
    };
    machines.iter().filter(serves).min_by_key(rank).map(|machine| machine.offer.worker)
}

fn machines() -> impl Strategy<Value = Vec<Machine>> {
    let machine = (1..4u64, 1..4u32, 0..8u16, 1..3u16, 0..3u16, prop_oneof![Just(500u16), 0..1_000u16]);
    proptest::collection::vec(machine, 0..40).prop_map(|rows| {
        let to_machine = |(n, (price, memory, flags, slots, busy, reputation))| {
            // Spread over the circle, so that pivots fall between them.
            let worker = AccountId([u8::try_from(n).unwrap_or(0).wrapping_mul(37); 32]);
            Machine { offer: offer(worker, price, memory, flags, slots), reputation, busy }
        };
        (0usize..).zip(rows).map(to_machine).collect()
    })
}

proptest! {
    #[test]
    fn the_match_is_the_best_of_all_workers(
        machines in machines(),
        needs in (0..4u32, 0..8u16, prop_oneof![Just(0u16), 0..1_000u16]),
        cap in 0..5u64,
        pivot in any::<u8>(),
        excluded in proptest::collection::btree_set(0..40usize, 0..4),
    ) {
        let excluded: BTreeSet<AccountId> =
            excluded.iter().filter_map(|&n| machines.get(n)).map(|machine| machine.offer.worker).collect();
        let requirements =
            Requirements { memory: MemoryMib(needs.0), flags: CapabilityFlags(needs.1), min_reputation: needs.2 };
        let demand = Demand {
            requirements: &requirements,
            price_cap: Amount::ciro(cap),
            excluded: &excluded,
            pivot: AccountId([pivot; 32]),
        };
        let found = book(&machines).pick(&demand).map(|(worker, _)| worker);
        prop_assert_eq!(found, best(&machines, &demand));
    }

    #[test]
    fn leases_that_end_leave_the_book_as_it_was(machines in machines(), taken in 1..20u64) {
        let mut book = book(&machines);
        let none = BTreeSet::new();
        let needs = Requirements::default();
        let demand =
            Demand { requirements: &needs, price_cap: Amount::ciro(9), excluded: &none, pivot: AccountId::ZERO };
        let before = book.decide(&demand);
        let mut leases = Vec::new();
        for token in 1_000..1_000 + taken {
            if let Some((worker, _)) = book.pick(&demand) {
                book.occupy(worker, LeaseToken(token));
                leases.push((worker, LeaseToken(token)));
            }
        }
        for (worker, token) in leases {
            book.vacate(worker, token);
        }
        prop_assert_eq!(book.decide(&demand), before);
    }
}

fn worker(n: u8) -> AccountId {
    AccountId([n; 32])
}

fn machine(n: u8, price: u64, memory: u32, flags: u16) -> Machine {
    Machine { offer: offer(worker(n), price, memory, flags, 1), reputation: 500, busy: 0 }
}

fn refusal(machines: &[Machine], needs: &Requirements, cap: u64) -> Refusal {
    let none = BTreeSet::new();
    let demand = Demand { requirements: needs, price_cap: Amount::ciro(cap), excluded: &none, pivot: AccountId::ZERO };
    match book(machines).decide(&demand) {
        Decision::Refused(refusal) => refusal,
        Decision::Matched { worker, .. } => panic!("{worker} must not match"),
    }
}

#[test]
fn a_refusal_counts_every_failing_predicate_and_names_the_nearest_way_out() {
    let machines = [machine(1, 9, 8, 1), machine(2, 7, 8, 1), machine(3, 1, 2, 0)];
    let needs = Requirements { memory: MemoryMib(4), flags: CapabilityFlags(1), min_reputation: 0 };
    let refusal = refusal(&machines, &needs, 5);
    assert_eq!(refusal.workers, 3);
    let counts: Vec<_> = refusal.failing.iter().map(|(predicate, count)| (*predicate, *count)).collect();
    assert_eq!(counts, [(Predicate::Price, 2), (Predicate::Memory, 1), (Predicate::Flags, 1)]);
    assert_eq!(refusal.nearest, [Relaxation::Pay { price: Amount::ciro(7) }]);
    assert_eq!(
        refusal.to_string(),
        "none of 3 workers can serve, 2 too expensive, 1 short of memory, 1 lacking capabilities; \
         nearest way out: pay 7 CIRO per worker before the fee"
    );
}

#[test]
fn a_busy_worker_is_nearer_than_one_that_must_change() {
    let mut busy = machine(1, 1, 8, 0);
    busy.busy = 1;
    let refusal = refusal(&[busy, machine(2, 9, 8, 0)], &Requirements::default(), 5);
    assert_eq!(refusal.nearest, [Relaxation::Wait]);
}

#[test]
fn an_empty_book_says_so() {
    let refusal = refusal(&[], &Requirements::default(), 5);
    assert_eq!(refusal.to_string(), "no worker has a standing offer");
}

#[test]
fn equal_workers_share_equal_work() {
    let machines: Vec<_> = (0..4).map(|n| machine(n * 64, 1, 8, 0)).collect();
    let mut book = book(&machines);
    let (needs, none) = (Requirements::default(), BTreeSet::new());
    let mut winners = BTreeSet::new();
    for pivot in [1, 65, 129, 193] {
        let demand = Demand { requirements: &needs, price_cap: Amount::ciro(5), excluded: &none, pivot: worker(pivot) };
        winners.insert(book.pick(&demand));
    }
    assert_eq!(winners.len(), 4);
}

#[test]
fn whoever_takes_all_standing_from_a_worker_gets_its_jobs_at_twice_the_price_and_no_more() {
    let mut ruined = machine(1, 4, 8, 0);
    ruined.reputation = 0;
    let (needs, none) = (Requirements::default(), BTreeSet::new());
    let demand = Demand { requirements: &needs, price_cap: Amount::ciro(20), excluded: &none, pivot: AccountId::ZERO };
    for (asked, winner) in [(7, 2), (9, 1)] {
        let picked = book(&[ruined.clone(), machine(2, asked, 8, 0)]).pick(&demand);
        assert_eq!(picked.map(|(id, _)| id), Some(worker(winner)), "{asked}");
    }
}

/// Defect 6: an earlier version took the first worker with enough memory.
#[test]
fn defect_6_flags_price_and_reputation_decide_not_the_first_with_memory() {
    let mut liar = machine(1, 2, 64, 0xff);
    liar.reputation = 50;
    let machines = [machine(0, 9, 64, 0xff), liar, machine(2, 2, 64, 0), machine(3, 3, 64, 0xff)];
    let needs = Requirements { memory: MemoryMib(1), flags: CapabilityFlags(1), min_reputation: 0 };
    let none = BTreeSet::new();
    let demand = Demand { requirements: &needs, price_cap: Amount::ciro(20), excluded: &none, pivot: AccountId::ZERO };
    assert_eq!(book(&machines).pick(&demand), Some((worker(3), Amount::ciro(3))));
}

/// The first height, up to a thousand, at which `worker` is matched like any other.
fn back_at(book: &mut Book, demand: &Demand<'_>, worker: AccountId) -> Option<u64> {
    (1..1_000).find(|height| {
        book.advance(Height(*height));
        book.pick(demand).is_some_and(|(picked, _)| picked == worker)
    })
}

#[test]
fn benched_workers_come_back_after_a_lease_time_and_slots_that_run_out_together_are_one_miss() {
    let worker = AccountId([1; 32]);
    let (requirements, excluded) = (Requirements::default(), BTreeSet::new());
    let demand =
        Demand { requirements: &requirements, price_cap: Amount::ciro(5), excluded: &excluded, pivot: AccountId::ZERO };
    let mut book = Book::new();
    book.publish(offer(worker, 1, 64, 0, 4));
    book.advance(Height(1));
    (0..4).for_each(|_| book.bench(worker, 100));
    book.advance(Height(2));
    book.bench(worker, 100);
    assert_eq!(back_at(&mut book, &demand, worker), Some(101), "as long as a lease");
    book.advance(Height(101));
    book.bench(worker, 100);
    assert_eq!(back_at(&mut book, &demand, worker), Some(301), "twice as long the second time");
}

#[test]
fn a_benched_worker_is_asked_only_where_nobody_else_could_serve_and_the_one_free_soonest() {
    let [first, second, busy] = [1, 2, 3].map(|n| AccountId([n; 32]));
    let (requirements, excluded) = (Requirements::default(), BTreeSet::new());
    let demand =
        Demand { requirements: &requirements, price_cap: Amount::ciro(5), excluded: &excluded, pivot: AccountId::ZERO };
    let mut book = Book::new();
    [(first, 5), (second, 1)].iter().for_each(|(worker, price)| book.publish(offer(*worker, *price, 64, 0, 1)));
    for (height, worker) in [(1, first), (2, second)] {
        book.advance(Height(height));
        book.bench(worker, 100);
    }
    let asked = |book: &Book, gone: &BTreeSet<_>| book.pick_benched(&demand, gone).map(|(worker, _)| worker);
    assert_eq!((book.pick(&demand), asked(&book, &excluded)), (None, Some(first)));
    book.publish(offer(busy, 2, 64, 0, 1));
    book.occupy(busy, LeaseToken(1));
    assert_eq!(asked(&book, &excluded), None, "one that is busy will be free");
    assert_eq!(asked(&book, &BTreeSet::from([busy])), Some(first), "unless the job cannot go to it");
    book.occupy(first, LeaseToken(2));
    assert_eq!(asked(&book, &BTreeSet::from([busy])), Some(second), "a slot has to be free");
}

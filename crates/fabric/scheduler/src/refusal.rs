//! Why nobody matches: every predicate counted, with the nearest way out.

use crate::book::{Candidate, Demand};
use ciro_api::{Predicate, Refusal, Relaxation};
use ciro_types::{AccountId, Amount};

/// Looks at every candidate, each with whether it has a free slot.
pub(crate) fn refusal<'a>(candidates: impl Iterator<Item = (&'a Candidate, bool)>, demand: &Demand<'_>) -> Refusal {
    let mut refusal = Refusal::default();
    let mut nearest: Option<Distance> = None;
    for (candidate, is_free) in candidates {
        let failing = failing(candidate, is_free, demand);
        refusal.workers += 1;
        for (predicate, _) in &failing {
            *refusal.failing.entry(*predicate).or_default() += 1;
        }
        let distance = Distance::of(candidate, &failing);
        if nearest.as_ref().is_none_or(|best| distance < *best) {
            nearest = Some(distance);
        }
    }
    refusal.nearest = nearest.map(|distance| distance.relaxations).unwrap_or_default();
    refusal
}

/// How far a worker is from serving. Fewer failures first, then easier ones, then cheaper, then by account.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Distance {
    count: usize,
    predicates: Vec<Predicate>,
    price: Amount,
    worker: AccountId,
    relaxations: Vec<Relaxation>,
}

impl Distance {
    fn of(candidate: &Candidate, failing: &[(Predicate, Relaxation)]) -> Self {
        Self {
            count: failing.len(),
            predicates: failing.iter().map(|(predicate, _)| *predicate).collect(),
            price: candidate.offer.price,
            worker: candidate.offer.worker,
            relaxations: failing.iter().map(|(_, relaxation)| *relaxation).collect(),
        }
    }
}

/// Every predicate that `candidate` fails, with what would relax it.
fn failing(candidate: &Candidate, is_free: bool, demand: &Demand<'_>) -> Vec<(Predicate, Relaxation)> {
    let (offer, needs) = (&candidate.offer, demand.requirements);
    let reputation = candidate.reputation.0;
    let checks = [
        (is_free, Predicate::Free, Relaxation::Wait),
        (offer.price <= demand.price_cap, Predicate::Price, Relaxation::Pay { price: offer.price }),
        (reputation >= needs.min_reputation, Predicate::Reputation, Relaxation::AcceptReputation { reputation }),
        (offer.memory >= needs.memory, Predicate::Memory, Relaxation::NeedMemory { memory: offer.memory }),
        (
            offer.flags.covers(needs.flags),
            Predicate::Flags,
            Relaxation::DropFlags { flags: offer.flags.missing(needs.flags) },
        ),
        (!demand.excluded.contains(&offer.worker), Predicate::Fresh, Relaxation::OtherWorker),
    ];
    checks.into_iter().filter(|(holds, ..)| !holds).map(|(_, predicate, relaxation)| (predicate, relaxation)).collect()
}

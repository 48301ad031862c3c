//! Why nobody serves a job, in words its client can act on.

use crate::book::{Candidate, Demand};
use ciro_types::{AccountId, Amount, CapabilityFlags, MemoryMib};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a worker must satisfy to be given a job, easiest to relax first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Predicate {
    /// It has a free slot.
    Free,
    /// It asks no more than the job pays.
    Price,
    /// Its reputation is high enough.
    Reputation,
    /// It has the memory.
    Memory,
    /// It has the capability bits.
    Flags,
    /// It has not had this job before.
    Fresh,
}

/// What would have to change for one worker to serve the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "relax", rename_all = "snake_case")]
pub enum Relaxation {
    /// Wait until it has a free slot.
    Wait,
    /// Pay this much per worker, before the protocol fee.
    Pay {
        /// What it asks.
        price: Amount,
    },
    /// Accept this reputation.
    AcceptReputation {
        /// What it has, 0–1000.
        reputation: u16,
    },
    /// Need no more than this memory.
    NeedMemory {
        /// What it has.
        memory: MemoryMib,
    },
    /// Do without these capabilities.
    DropFlags {
        /// What it lacks.
        flags: CapabilityFlags,
    },
    /// Nothing: it had this job before and never gets it twice.
    OtherWorker,
}

impl fmt::Display for Relaxation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wait => f.write_str("wait for a free slot"),
            Self::Pay { price } => write!(f, "pay {price} CIRO per worker before the fee"),
            Self::AcceptReputation { reputation } => write!(f, "accept a reputation of {reputation}"),
            Self::NeedMemory { memory } => write!(f, "need at most {memory} MiB"),
            Self::DropFlags { flags } => write!(f, "do without capability bits {:#x}", flags.0),
            Self::OtherWorker => f.write_str("wait for a worker that has not had this job"),
        }
    }
}

/// Why nobody serves a demand now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Standing offers looked at.
    pub workers: usize,
    /// How many of them fail each predicate. One worker may fail several.
    pub failing: BTreeMap<Predicate, usize>,
    /// What would let the nearest worker serve: the one that fails fewest predicates. Empty without any offer.
    pub nearest: Vec<Relaxation>,
}

impl Refusal {
    /// Looks at every candidate, each with whether it has a free slot.
    pub(crate) fn over<'a>(candidates: impl Iterator<Item = (&'a Candidate, bool)>, demand: &Demand<'_>) -> Self {
        let mut refusal = Self::default();
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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.workers == 0 {
            return f.write_str("no worker has a standing offer");
        }
        write!(f, "none of {} workers can serve", self.workers)?;
        for (predicate, count) in &self.failing {
            write!(f, ", {count} {}", complaint(*predicate))?;
        }
        for (place, relaxation) in self.nearest.iter().enumerate() {
            write!(f, "{}{relaxation}", if place == 0 { "; nearest way out: " } else { " and " })?;
        }
        Ok(())
    }
}

const fn complaint(predicate: Predicate) -> &'static str {
    match predicate {
        Predicate::Free => "busy",
        Predicate::Price => "too expensive",
        Predicate::Reputation => "below the reputation",
        Predicate::Memory => "short of memory",
        Predicate::Flags => "lacking capabilities",
        Predicate::Fresh => "had this job before",
    }
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

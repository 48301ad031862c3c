//! Why nobody serves a job, in words its client can act on.

use borsh::{BorshDeserialize, BorshSerialize};
use ciro_types::{Amount, CapabilityFlags, MemoryMib};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a worker must satisfy to be given a job, easiest to relax first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
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
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Refusal {
    /// Standing offers looked at.
    pub workers: usize,
    /// How many of them fail each predicate. One worker may fail several.
    pub failing: BTreeMap<Predicate, usize>,
    /// What would let the nearest worker serve: the one that fails fewest predicates. Empty without any offer.
    pub nearest: Vec<Relaxation>,
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

//! What a gateway and its clients say to each other in JSON, where that is no view of the ledger. The schema is `api/openapi.json`.

use crate::until::Until;
use ciro_state::JobStatus;
use ciro_types::{AccountId, Amount, Assurance, BasisPoints, Hash32, JobId, TxId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A refusal: `code` for programs, `message` and `hint` for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// One of [`code`](crate::code).
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Milliseconds after which the same request may succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// When to come again.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.retry_after_ms.unwrap_or_default())
    }
}

/// A signed transaction in hexadecimal canonical bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TxRequest {
    /// The bytes.
    pub tx: String,
    /// When to answer.
    #[serde(default)]
    pub until: Until,
}

/// A transaction that is where its request wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedTx {
    /// Its id.
    pub tx: TxId,
}

/// An order that is where its request wanted it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubmittedJob {
    /// The job.
    pub job: JobId,
    /// Where it stands, if the ledger has it already: the order was a repetition.
    pub known: Option<JobStatus>,
}

/// A raw input that workers can fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredInput {
    /// Its hash: what a job names.
    pub input: Hash32,
}

/// Every rung, priced from the offers that stand now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// The protocol fee that is part of every price, hundredths of a percent of what workers get.
    pub fee: BasisPoints,
    /// What the transaction that orders a job costs on top, whatever becomes of the job. All orders are of one size.
    pub order_fee: Amount,
    /// Weakest first.
    pub rungs: Vec<Rung>,
}

/// One rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// Which.
    pub assurance: Assurance,
    /// The least `max_price` that buys it now, fee included. None if nobody can serve.
    pub price: Option<Amount>,
    /// Who would serve.
    pub workers: Vec<AccountId>,
    /// Why nobody can serve.
    pub refusal: Option<String>,
    /// Whether somebody who would serve is only busy.
    pub is_busy: bool,
    /// Median time from order to payment, milliseconds. None until a job has been measured.
    pub latency_ms: Option<u64>,
    /// Over how many recent jobs of this network that was measured.
    pub latency_jobs: u64,
    /// Probability that one cheating worker goes unnoticed.
    pub undetected: String,
    /// What somebody must put at risk to make a wrong answer pass, and why.
    pub cost_to_corrupt: Amount,
    /// Where the last two come from.
    pub basis: String,
}

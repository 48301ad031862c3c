//! Why a client does not get what it asked for.

use ciro_api::code;
use ciro_api::http::Problem;
use ciro_auditor::AuditError;
use ciro_state::RefundReason;
use ciro_types::{Amount, Assurance};
use std::io;

/// Why a client does not get what it asked for. What to try next is up to whoever speaks to people.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No gateway answers.
    #[error("no answer from the network at {endpoint}: {reason}")]
    Unreachable {
        /// Where it was asked.
        endpoint: String,
        /// What the connection said.
        reason: String,
    },
    /// The answer is not what the schema says.
    #[error("the gateway's answer makes no sense: {reason}")]
    Strange {
        /// What is wrong with it.
        reason: String,
    },
    /// The gateway says no, or not now.
    #[error("{}", .0.message)]
    Refused(Problem),
    /// The model cannot be proven.
    #[error("{0}")]
    Model(AuditError),
    /// The network has no such rung.
    #[error("the network does not offer {assurance:?}")]
    NotOffered {
        /// What was wished for.
        assurance: Assurance,
    },
    /// Nobody serves the wish, and no price says that it may wait.
    #[error("{reason}")]
    NoWorker {
        /// The network's words.
        reason: String,
    },
    /// The wish costs more than its client pays.
    #[error("{assurance:?} costs {asked} CIRO now, and at most {most} are to be paid")]
    TooDear {
        /// What was wished for.
        assurance: Assurance,
        /// What it costs.
        asked: Amount,
        /// What the client pays at most.
        most: Amount,
    },
    /// The job ended without an answer.
    #[error("the job was refunded in full: {0}")]
    Refunded(RefundReason),
    /// Orders under way cannot be kept.
    #[error("cannot use {place}: {source}")]
    Orders {
        /// Where they are kept.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// An order needs a number that nobody else draws.
    #[error("the system gives no randomness: {reason}")]
    Entropy {
        /// What the system said.
        reason: String,
    },
}

impl ClientError {
    /// The gateway's code, if it is the gateway that refuses.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        if let Self::Refused(problem) = self { Some(&problem.code) } else { None }
    }

    /// Whether there is no such thing.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        self.code() == Some(code::NOT_FOUND)
    }

    /// Whether it will exist, and does not yet.
    #[must_use]
    pub fn is_early(&self) -> bool {
        self.code() == Some(code::NOT_YET)
    }
}

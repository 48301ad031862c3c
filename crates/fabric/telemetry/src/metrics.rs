//! Every counter of a node, under its name and labels.
//!
//! The names below are the schema: dashboards and alerts depend on them, so they are added to and not changed.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// What the text that [`Metrics::text`] makes is declared as.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper ends of the times that requests are counted by, seconds.
const REQUEST_SECONDS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0];
/// Upper ends of the times that answers are counted by, seconds.
const ANSWER_SECONDS: [f64; 9] = [0.001, 0.01, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Something that happened on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    event: &'static str,
    reason: &'static str,
}

/// What became of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TransactionLabels {
    outcome: &'static str,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

/// A request that was refused, by the code that its client was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    code: String,
}

/// A connection that ended, or one that was not let in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CloseLabels {
    reason: &'static str,
}

/// An answer that a worker computed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AnswerLabels {
    outcome: &'static str,
}

/// What an operator was told.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NoticeLabels {
    notice: &'static str,
}

/// The counters of one node. Counting takes a lock for readers and an atomic addition.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    height: Gauge,
    events: Family<EventLabels, Counter>,
    transactions: Family<TransactionLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Histogram,
    refusals: Family<RefusalLabels, Counter>,
    closed: Family<CloseLabels, Counter>,
    answers: Family<AnswerLabels, Counter>,
    answer_seconds: Histogram,
    notices: Family<NoticeLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("ciro");
        let height = Gauge::default();
        registry.register("height", "Height of the last committed block", height.clone());
        let events = Family::default();
        registry.register("events", "What happened on the ledger, and why where there is a reason", events.clone());
        let transactions = Family::default();
        registry.register(
            "transactions",
            "Transactions in committed blocks, by what became of them",
            transactions.clone(),
        );
        let requests = Family::default();
        registry.register("requests", "Requests that the gateway answered", requests.clone());
        let request_seconds = Histogram::new(REQUEST_SECONDS);
        let about = "From the head of a request to the head of its answer";
        registry.register_with_unit("request", about, Unit::Seconds, request_seconds.clone());
        let refusals = Family::default();
        registry.register(
            "refusals",
            "Requests that the gateway refused, by the code that the client was told",
            refusals.clone(),
        );
        let closed = Family::default();
        registry.register(
            "connections_closed",
            "Connections that ended, and those not let in, by the reason",
            closed.clone(),
        );
        let answers = Family::default();
        registry.register("answers", "Answers that this node's workers computed", answers.clone());
        let answer_seconds = Histogram::new(ANSWER_SECONDS);
        let about = "Inference and, at A4, proof of one answer";
        registry.register_with_unit("answer", about, Unit::Seconds, answer_seconds.clone());
        let notices = Family::default();
        registry.register("notices", "What the operator was told", notices.clone());
        Self {
            registry,
            height,
            events,
            transactions,
            requests,
            request_seconds,
            refusals,
            closed,
            answers,
            answer_seconds,
            notices,
        }
    }

    /// A block was committed.
    pub fn block(&self, height: u64) {
        self.height.set(i64::try_from(height).unwrap_or(i64::MAX));
    }

    /// Something happened on the ledger; `reason` is empty where it needs none.
    pub fn event(&self, event: &'static str, reason: &'static str) {
        self.events.get_or_create(&EventLabels { event, reason }).inc();
    }

    /// A transaction was executed, or refused and paid for.
    pub fn transaction(&self, outcome: &'static str) {
        self.transactions.get_or_create(&TransactionLabels { outcome }).inc();
    }

    /// A request was answered. `route` is a path of the schema, never one that a client wrote.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route: route.into(), status }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// A request was refused with this code.
    pub fn refusal(&self, code: &str) {
        self.refusals.get_or_create(&RefusalLabels { code: code.into() }).inc();
    }

    /// A connection ended for this reason.
    pub fn closed(&self, reason: &'static str) {
        self.closed.get_or_create(&CloseLabels { reason }).inc();
    }

    /// A worker computed an answer, or failed to.
    pub fn answer(&self, outcome: &'static str, took: Duration) {
        self.answers.get_or_create(&AnswerLabels { outcome }).inc();
        self.answer_seconds.observe(took.as_secs_f64());
    }

    /// The operator was told something.
    pub fn notice(&self, notice: &'static str) {
        self.notices.get_or_create(&NoticeLabels { notice }).inc();
    }

    /// All of them in Prometheus' text format, as [`CONTENT_TYPE`] says.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string fails only where a metric's own encoding does, and these are of the library's kinds.
        if encode(&mut text, &self.registry).is_err() {
            text.clear();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_in_the_text_under_its_name_and_labels() {
        let metrics = Metrics::new();
        metrics.block(7);
        metrics.event("job_refunded", "cancelled");
        metrics.event("job_refunded", "cancelled");
        metrics.transaction("refused");
        metrics.request("/v1/status", 200, Duration::from_millis(3));
        metrics.refusal("too_many");
        metrics.closed("idle");
        metrics.answer("answered", Duration::from_millis(300));
        metrics.notice("disk_full");
        let text = metrics.text();
        for line in [
            "ciro_height 7",
            "ciro_events_total{event=\"job_refunded\",reason=\"cancelled\"} 2",
            "ciro_transactions_total{outcome=\"refused\"} 1",
            "ciro_requests_total{route=\"/v1/status\",status=\"200\"} 1",
            "ciro_request_seconds_bucket{le=\"0.005\"} 1",
            "ciro_request_seconds_bucket{le=\"0.001\"} 0",
            "ciro_refusals_total{code=\"too_many\"} 1",
            "ciro_connections_closed_total{reason=\"idle\"} 1",
            "ciro_answers_total{outcome=\"answered\"} 1",
            "ciro_answer_seconds_count 1",
            "ciro_notices_total{notice=\"disk_full\"} 1",
        ] {
            assert!(text.lines().any(|got| got == line), "expected {line}, got\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}

//! What counters and log are told of committed blocks, computed answers and notices.
//!
//! Names are those of the ledger's own types: a new event, reason or notice does not compile until it has one.

use ciro_api::BlockNews;
use ciro_exec::{Answer, Failure};
use ciro_node::alarm::{Notice, Notify};
use ciro_state::Event;
use ciro_telemetry::Metrics;
use ciro_validator::Health;
use std::sync::Arc;
use std::time::Duration;

/// A block was committed.
pub(crate) fn committed(metrics: &Metrics, block: &BlockNews) {
    let height = block.height.0;
    metrics.block(height);
    for record in &block.txs {
        metrics.transaction(if record.refusal.is_none() { "executed" } else { "refused" });
        if let Some(error) = &record.refusal {
            tracing::info!(target: "ciro::transactions", height, tx = %record.id, %error, "refused");
        }
    }
    for event in &block.events {
        metrics.event(event.event.name(), event.event.reason().unwrap_or_default());
        tell(height, &event.event);
    }
    tracing::debug!(target: "ciro::blocks", height, txs = block.txs.len(), events = block.events.len(), "committed");
}

/// A worker computed an answer, or did not.
pub(crate) fn computed(metrics: &Metrics, result: &Result<Answer, Failure>, took: Duration) {
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    match result {
        Ok(_) => {
            metrics.answer("answered", took);
            tracing::debug!(target: "ciro::answers", ms, "answered");
        }
        Err(failure) => {
            metrics.answer("failed", took);
            tracing::warn!(target: "ciro::answers", ms, %failure, "failed");
        }
    }
}

/// Counts what goes to `notify`.
pub(crate) fn counted(metrics: &Arc<Metrics>, notify: &Notify) -> Notify {
    let (metrics, notify) = (Arc::clone(metrics), Arc::clone(notify));
    Arc::new(move |notice| {
        noticed(&metrics, &notice);
        notify(notice);
    })
}

fn noticed(metrics: &Metrics, notice: &Notice) {
    metrics.notice(match notice {
        Notice::Anomaly { .. } => "anomaly",
        Notice::Failed { .. } => "failed",
        Notice::Health { health: Health::Well, .. } => "room_again",
        Notice::Health { health: Health::ReadOnly { .. }, .. } => "read_only",
        Notice::Repaired { .. } => "repaired",
        Notice::WorkWaits { .. } => "work_store_waits",
        Notice::WorkRebuilt { .. } => "work_store_rebuilt",
    });
}

/// A line of the log. Slashing is what an operator wants to hear of; the rest is for who follows jobs.
fn tell(height: u64, event: &Event) {
    let (name, reason) = (event.name(), event.reason());
    if let Event::Slashed { account, amount, job, .. } = event {
        tracing::warn!(target: "ciro::slashing", height, %account, %amount, job = job.map(tracing::field::display), reason, "{name}");
        return;
    }
    match event.job() {
        Some(job) => tracing::info!(target: "ciro::jobs", height, %job, reason, "{name}"),
        None => tracing::debug!(target: "ciro::ledger", height, reason, "{name}"),
    }
}

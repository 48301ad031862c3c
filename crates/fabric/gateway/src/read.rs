//! What is: accounts, workers, models, jobs, receipts, blocks.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::node::{BlockView, Node, NodeError, Status};
use crate::routes::Shared;
use axum::Json;
use axum::extract::{Extension, Path, State as Extract};
use axum::response::IntoResponse;
use ciro_scheduler::Refusal;
use ciro_state::{JobStatus, SettlementRecord, State};
use ciro_types::{AccountId, Amount, Hash32, Height, JobId, JobSpec, ModelId, Nonce, Offer};
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::sync::mpsc;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Which.
    pub account: AccountId,
    /// Spendable money.
    pub balance: Amount,
    /// How many nonces are used up by committed transactions.
    pub nonce: Nonce,
    /// What its next transaction must carry: `nonce`, and past those of transactions that wait for a block.
    pub next_nonce: Nonce,
}

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Which.
    pub worker: AccountId,
    /// Active stake.
    pub stake: Amount,
    /// 0–1000.
    pub reputation: u16,
    /// Jobs paid.
    pub jobs_done: u64,
    /// Leases and reveal windows that ran out.
    pub timeouts: u64,
    /// Disputes lost.
    pub disputes_lost: u64,
    /// Its standing offer.
    pub offer: Option<Offer>,
}

/// A registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelView {
    /// Which.
    pub model: ModelId,
    /// Commitment to its weights.
    pub weight_root: Hash32,
    /// Longest part: its public program, bytes.
    pub program_bytes: usize,
    /// Who registered it first.
    pub owner: AccountId,
    /// When.
    pub registered: Height,
    /// Its owner withdrew it: it takes no orders until somebody registers it anew.
    pub is_retired: bool,
    /// Whether this node holds its program and weights, intact, for workers to fetch.
    pub is_stored: bool,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobView {
    /// Which.
    pub job: JobId,
    /// The order.
    pub spec: JobSpec,
    /// When it was ordered.
    pub opened: Height,
    /// Where it stands.
    pub status: JobStatus,
    /// Money held for it.
    pub escrow: Amount,
    /// Why it waits, while it waits for a worker.
    pub waits_for: Option<Refusal>,
    /// The same, for people.
    pub waits_because: Option<String>,
}

pub(crate) async fn status(Extract(gateway): Extract<Shared>) -> Result<Json<Status>, ApiError> {
    gateway.ask(|node| Ok(node.status()?)).await.map(Json)
}

pub(crate) async fn account(
    Extract(gateway): Extract<Shared>,
    Path(account): Path<String>,
) -> Result<Json<AccountView>, ApiError> {
    let id: AccountId = parse("account", &account)?;
    gateway
        .ask(move |node| {
            let found = with_state(node, move |state| state.account(&id))?;
            let next_nonce = node.next_nonce(id)?.max(found.nonce);
            Ok(AccountView { account: id, balance: found.balance, nonce: found.nonce, next_nonce })
        })
        .await
        .map(Json)
}

pub(crate) async fn workers(Extract(gateway): Extract<Shared>) -> Result<Json<Vec<WorkerView>>, ApiError> {
    gateway.ask(|node| Ok(with_state(node, worker_views)?)).await.map(Json)
}

fn worker_views(state: &State) -> Vec<WorkerView> {
    let view = |(id, worker): (&AccountId, &ciro_state::Worker)| WorkerView {
        worker: *id,
        stake: worker.stake,
        reputation: worker.reputation.0,
        jobs_done: worker.jobs_done,
        timeouts: worker.timeouts,
        disputes_lost: worker.disputes_lost,
        offer: state.offer(id).cloned(),
    };
    state.workers().map(view).collect()
}

pub(crate) async fn model(
    Extract(gateway): Extract<Shared>,
    Path(model): Path<String>,
) -> Result<Json<ModelView>, ApiError> {
    let id: ModelId = parse("model", &model)?;
    let view = gateway.ask(move |node| {
        let is_stored = node.holds_model(id)?;
        Ok(with_state(node, move |state| model_view(state, id, is_stored))?)
    });
    view.await?.map(Json).ok_or_else(|| ApiError::not_found("model"))
}

fn model_view(state: &State, id: ModelId, is_stored: bool) -> Option<ModelView> {
    let found = ciro_state::Facts::model(state, &id)?;
    Some(ModelView {
        model: id,
        weight_root: found.weight_root,
        program_bytes: found.program.len(),
        owner: found.owner,
        registered: found.registered,
        is_retired: found.is_retired,
        is_stored,
    })
}

pub(crate) async fn job(Extract(gateway): Extract<Shared>, Path(job): Path<String>) -> Result<Json<JobView>, ApiError> {
    let id: JobId = parse("job", &job)?;
    gateway.ask(move |node| job_view(node, id)).await.map(Json)
}

fn job_view(node: &dyn Node, id: JobId) -> Result<JobView, ApiError> {
    let found = with_state(node, move |state| ciro_state::Facts::job(state, &id).cloned())?;
    let job = found.ok_or_else(|| {
        ApiError::not_found("job").hint("it was never ordered, is not committed yet, or ended long ago")
    })?;
    let waits_for = if job.is_open() { node.waits_for(id)? } else { None };
    Ok(JobView {
        job: id,
        opened: job.opened,
        status: job.status,
        escrow: job.escrow,
        spec: job.spec,
        waits_because: waits_for.as_ref().map(ToString::to_string),
        waits_for,
    })
}

/// A receipt holds input and output: its client may read it, and the workers who were paid.
pub(crate) async fn receipt(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    Path(job): Path<String>,
) -> Result<impl IntoResponse, ApiError> {
    let id: JobId = parse("job", &job)?;
    let reader = caller.account.ok_or_else(|| {
        ApiError::unsigned("a receipt holds input and output: its client may read it, and the workers who were paid")
    })?;
    let receipt = gateway.ask(move |node| match node.receipt(id)? {
        Some(receipt) if receipt.settlement.as_ref().is_some_and(|found| concerns(&found.record, reader)) => {
            Ok(receipt)
        }
        Some(_) => Err(ApiError::forbidden(format!("account {reader} neither ordered job {id} nor was paid for it"))),
        None => Err(no_receipt(job_view(node, id)?.status)),
    });
    let bytes = receipt.await?.to_bytes();
    Ok(([("content-type", "application/octet-stream")], bytes))
}

fn concerns(record: &SettlementRecord, reader: AccountId) -> bool {
    record.client == reader || record.payments.iter().any(|payment| payment.worker == reader)
}

fn no_receipt(status: JobStatus) -> ApiError {
    match status {
        JobStatus::Open => ApiError::not_yet("the job is still open").hint("follow GET /v1/events"),
        JobStatus::Settled { height, .. } => {
            let next = height.next();
            ApiError::not_yet(format!("the job settled at height {height}; block {next} will certify it"))
        }
        JobStatus::Refunded { reason, .. } => ApiError::refused(format!("the job was refunded: {reason:?}")),
    }
}

pub(crate) async fn block(
    Extract(gateway): Extract<Shared>,
    Path(height): Path<String>,
) -> Result<Json<BlockView>, ApiError> {
    let height: u64 = parse("height", &height)?;
    let found = gateway.ask(move |node| Ok(node.block(Height(height))?)).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("block").hint("GET /v1/status says how far the network is"))
}

/// A value computed from the committed state.
pub(crate) fn with_state<T: Send + 'static>(
    node: &dyn Node,
    read: impl FnOnce(&State) -> T + Send + 'static,
) -> Result<T, NodeError> {
    let (sender, receiver) = mpsc::channel();
    // The receiver outlives the call, so the send cannot fail.
    node.with_state(Box::new(move |state| drop(sender.send(read(state)))))?;
    receiver.recv().map_err(|_| NodeError::Unavailable { reason: "the state was not shown".into() })
}

/// Parses a path or query parameter.
pub(crate) fn parse<T: FromStr<Err: ToString>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|e: T::Err| ApiError::bad_request(format!("{name}: {}", e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_state::Payment;
    use ciro_types::{Assurance, ChainId};

    #[test]
    fn a_settled_job_concerns_who_ordered_it_and_who_was_paid() {
        let [client, worker, stranger] = [1, 2, 3].map(|n| AccountId([n; 32]));
        let record = SettlementRecord {
            chain: ChainId([0; 32]),
            job: JobId([0; 32]),
            client,
            model: ModelId([0; 32]),
            input: Hash32([0; 32]),
            output: Hash32([0; 32]),
            assurance: Assurance::A0,
            payments: vec![Payment { worker, price: Amount(1) }],
            fee: Amount(0),
            refund: Amount(0),
            height: Height(1),
        };
        assert_eq!([client, worker, stranger].map(|reader| concerns(&record, reader)), [true, true, false]);
    }
}

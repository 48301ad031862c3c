//! What is: accounts, workers, models, jobs, receipts, blocks.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::gateway::Shared;
use axum::Json;
use axum::extract::{Extension, Path, State as Extract};
use axum::http::header;
use axum::response::IntoResponse;
use ciro_api::{AccountView, BlockView, JobView, ModelView, Status, WorkerView, ask};
use ciro_state::{JobStatus, SettlementRecord};
use ciro_telemetry::metrics::CONTENT_TYPE;
use ciro_types::{AccountId, Height, JobId};
use std::str::FromStr;

pub(crate) async fn status(Extract(gateway): Extract<Shared>) -> Result<Json<Status>, ApiError> {
    gateway.question(ask::Status {}).await.map(Json)
}

/// The counters of this process, for Prometheus.
pub(crate) async fn metrics(Extract(gateway): Extract<Shared>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], gateway.settings.metrics.text())
}

pub(crate) async fn account(
    Extract(gateway): Extract<Shared>,
    Path(account): Path<String>,
) -> Result<Json<AccountView>, ApiError> {
    gateway.question(ask::Account { account: parse("account", &account)? }).await.map(Json)
}

pub(crate) async fn workers(Extract(gateway): Extract<Shared>) -> Result<Json<Vec<WorkerView>>, ApiError> {
    gateway.question(ask::Workers {}).await.map(Json)
}

pub(crate) async fn model(
    Extract(gateway): Extract<Shared>,
    Path(model): Path<String>,
) -> Result<Json<ModelView>, ApiError> {
    let found = gateway.question(ask::Model { model: parse("model", &model)? }).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("model"))
}

pub(crate) async fn job(Extract(gateway): Extract<Shared>, Path(job): Path<String>) -> Result<Json<JobView>, ApiError> {
    let job = parse("job", &job)?;
    gateway.question(ask::Job { job }).await?.map(Json).ok_or_else(no_job)
}

fn no_job() -> ApiError {
    ApiError::not_found("job").hint("it was never ordered, is not committed yet, or ended long ago")
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
    let receipt = match gateway.question(ask::Receipt { job: id }).await? {
        Some(receipt) if receipt.settlement.as_ref().is_some_and(|found| concerns(&found.record, reader)) => receipt,
        Some(_) => {
            return Err(ApiError::forbidden(format!("account {reader} neither ordered job {id} nor was paid for it")));
        }
        None => {
            let status = gateway.question(ask::JobStatus { job: id }).await?;
            return Err(status.map_or_else(no_job, no_receipt));
        }
    };
    Ok(([("content-type", "application/octet-stream")], receipt.to_bytes()))
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
        JobStatus::Refunded { reason, .. } => ApiError::refused(format!("the job was refunded: {reason}")),
    }
}

pub(crate) async fn block(
    Extract(gateway): Extract<Shared>,
    Path(height): Path<String>,
) -> Result<Json<BlockView>, ApiError> {
    let height: u64 = parse("height", &height)?;
    let found = gateway.question(ask::Block { height: Height(height) }).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("block").hint("GET /v1/status says how far the network is"))
}

/// Parses a path or query parameter.
pub(crate) fn parse<T: FromStr<Err: ToString>>(name: &str, text: &str) -> Result<T, ApiError> {
    text.parse().map_err(|e: T::Err| ApiError::bad_request(format!("{name}: {}", e.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_state::Payment;
    use ciro_types::{Amount, Assurance, ChainId, Hash32, ModelId};

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

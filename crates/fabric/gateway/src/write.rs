//! What changes something. Everything that moves value is signed before it comes here.

use crate::error::ApiError;
use crate::node::{Node, StoredModel, Until};
use crate::read::with_state;
use crate::routes::{BODY_BYTES_MAX, Shared, ask};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State as Extract;
use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::http::StatusCode;
use ciro_state::{Action, Facts, JobStatus, SignedTx, job_id};
use ciro_types::{Hash32, JobId, TxId};
use serde::{Deserialize, Serialize};

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

pub(crate) async fn transaction(
    Extract(node): Extract<Shared>,
    body: Result<Json<TxRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<SubmittedTx>), ApiError> {
    let TxRequest { tx, until } = body.map_err(|e| json_error(&e))?.0;
    let submitted = ask(&node, move |node| {
        let tx = node.submit(decode_tx(node, &tx)?, until)?;
        Ok(SubmittedTx { tx })
    });
    let status = match until {
        Until::Waiting => StatusCode::ACCEPTED,
        Until::Committed => StatusCode::OK,
    };
    Ok((status, Json(submitted.await?)))
}

pub(crate) async fn job(
    Extract(node): Extract<Shared>,
    body: Result<Json<TxRequest>, JsonRejection>,
) -> Result<(StatusCode, Json<SubmittedJob>), ApiError> {
    let request = body.map_err(|e| json_error(&e))?.0;
    let until = request.until;
    let submitted = ask(&node, move |node| order(node, &request)).await?;
    let status = match until {
        _ if submitted.known.is_some() => StatusCode::OK,
        Until::Waiting => StatusCode::ACCEPTED,
        Until::Committed => StatusCode::CREATED,
    };
    Ok((status, Json(submitted)))
}

/// Commits an order, unless the ledger has it: a retry with a spent nonce must not look like a failure.
fn order(node: &dyn Node, request: &TxRequest) -> Result<SubmittedJob, ApiError> {
    let tx = decode_tx(node, &request.tx)?;
    let Action::SubmitJob { spec } = &tx.body.action else {
        return Err(ApiError::bad_request("expected a SubmitJob transaction").hint("POST /v1/transactions takes all"));
    };
    let job = job_id(spec);
    let known = with_state(node, move |state| state.job(&job).map(|found| found.status))?;
    if known.is_none() {
        node.submit(tx, request.until)?;
    }
    Ok(SubmittedJob { job, known })
}

fn decode_tx(node: &dyn Node, text: &str) -> Result<SignedTx, ApiError> {
    let limit = with_state(node, |state| state.params().max_tx_bytes())?;
    let bytes =
        hex::decode(text).map_err(|e| ApiError::bad_request(format!("tx: expected hexadecimal digits: {e}")))?;
    SignedTx::decode(&bytes, limit).map_err(|e| ApiError::bad_request(format!("tx: {e}")))
}

pub(crate) async fn model(
    Extract(node): Extract<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<StoredModel>, ApiError> {
    let bytes = body.map_err(|_| ApiError::too_large(BODY_BYTES_MAX))?;
    ask(&node, move |node| Ok(node.put_model(bytes.to_vec())?)).await.map(Json)
}

pub(crate) async fn input(
    Extract(node): Extract<Shared>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<StoredInput>, ApiError> {
    let limit = ask(&node, |node| Ok(with_state(node, |state| state.params().max_input_bytes)?)).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let bytes = body.map_err(|_| ApiError::too_large(limit))?;
    if bytes.len() > limit {
        return Err(ApiError::too_large(limit));
    }
    let input = ask(&node, move |node| Ok(node.put_input(bytes.to_vec())?)).await?;
    Ok(Json(StoredInput { input }))
}

fn json_error(rejection: &JsonRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(BODY_BYTES_MAX),
        _ => ApiError::bad_request(rejection.body_text()).hint("send {\"tx\": \"<hexadecimal>\"} as application/json"),
    }
}

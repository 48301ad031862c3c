//! What changes something. Everything that moves value is signed before it comes here.

use crate::body::Reader;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::gateway::{BODY_BYTES_MAX, Gateway, Shared};
use crate::guard::Peer;
use crate::submission::{Begun, Submission, Told, settle};
use crate::upload::{Uploading, unexpected};
use axum::Json;
use axum::extract::{Extension, Request, State as Extract};
use axum::http::StatusCode;
use ciro_api::http::{StoredInput, SubmittedJob, SubmittedTx};
use ciro_api::{Asking as _, Done, Fate, Node, NodeError, StoredModel, Until, UploadKind, ask};
use ciro_state::{Action, JobAction, SignedTx, job_id};
use ciro_types::TxId;
use serde::Deserialize;
use std::borrow::Cow;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

pub(crate) async fn transaction(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<(StatusCode, Json<SubmittedTx>), ApiError> {
    let (tx, until) = read_tx(&gateway, &caller, request).await?;
    let tx = submit(&gateway, tx, until).await?;
    let status = match until {
        Until::Waiting => StatusCode::ACCEPTED,
        Until::Committed => StatusCode::OK,
    };
    Ok((status, Json(SubmittedTx { tx })))
}

pub(crate) async fn job(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<(StatusCode, Json<SubmittedJob>), ApiError> {
    let (tx, until) = read_tx(&gateway, &caller, request).await?;
    let submitted = order(&gateway, tx, until).await?;
    let status = match (until, submitted.known) {
        (Until::Waiting | Until::Committed, Some(_)) => StatusCode::OK,
        (Until::Waiting, None) => StatusCode::ACCEPTED,
        (Until::Committed, None) => StatusCode::CREATED,
    };
    Ok((status, Json(submitted)))
}

/// Commits an order, unless the ledger has it: a retry with a spent nonce must not look like a failure.
async fn order(gateway: &Gateway, tx: SignedTx, until: Until) -> Result<SubmittedJob, ApiError> {
    let Action::Job(JobAction::Submit { spec }) = &tx.body.action else {
        return Err(ApiError::bad_request("expected a SubmitJob transaction").hint("POST /v1/transactions takes all"));
    };
    let job = job_id(spec);
    let known = gateway.question(ask::JobStatus { job }).await?;
    if known.is_none() {
        submit(gateway, tx, until).await?;
    }
    Ok(SubmittedJob { job, known })
}

/// Hands a transaction to the ledger and waits as long as the client wants, without a thread, at one of the sender's places. See
/// [`Submission`] for what is asked and told.
async fn submit(gateway: &Gateway, tx: SignedTx, until: Until) -> Result<TxId, ApiError> {
    let id = tx.id();
    let place = gateway.waiting.take_or_displace(&tx.body.sender, Instant::now()).ok_or_else(crowded)?;
    let begun = gateway.with_node(move |node| begin(node, tx, until)).await?;
    let Begin::Pending(submission, pending) = begun else { return Ok(id) };
    let patience = gateway.settings.limits.commit_patience;
    let fate = tokio::select! {
        biased;
        fate = pending => fate.unwrap_or_else(|_| Err(overloaded())),
        () = place.taken_back() => return Err(crowded()),
        () = tokio::time::sleep(patience) => Err(no_answer(patience)),
    };
    drop(place);
    let told = match submission.on_fate(fate) {
        Told::Final(fate) => fate,
        Told::Doubtful(refusal) => settle(refusal, gateway.question(ask::Fate { tx: id }).await?),
    };
    told.map_err(ApiError::from)
}

/// A submission that began.
enum Begin {
    /// A block holds the transaction.
    Known,
    /// A validator will say what becomes of it.
    Pending(Submission, oneshot::Receiver<Fate>),
}

fn begin(node: &dyn Node, tx: SignedTx, until: Until) -> Result<Begin, ApiError> {
    let mut submission = Submission::new(&tx, until);
    let known = node.ask(ask::Fate { tx: tx.id() })?;
    let next = || node.ask(ask::Account { account: tx.body.sender }).map(|account| account.next_nonce);
    match submission.begin(known.as_ref(), next)? {
        Begun::Known => Ok(Begin::Known),
        Begun::Submit(until) => {
            check_supplies(node, &tx.body.action)?;
            Ok(Begin::Pending(submission, node.submit(tx, until)?))
        }
    }
}

/// An order whose input or model workers cannot fetch would cost them fees and its client time.
fn check_supplies(node: &dyn Node, action: &Action) -> Result<(), ApiError> {
    let Action::Job(JobAction::Submit { spec }) = action else { return Ok(()) };
    if !node.ask(ask::HoldsInput { input: spec.input })? {
        let message = format!("no copy of input {} is here", spec.input);
        return Err(ApiError::refused(message).hint("send it to POST /v1/inputs first, and then the order again"));
    }
    if !node.ask(ask::HoldsModel { model: spec.model })? {
        let message = format!("no copy of model {} is here", spec.model);
        return Err(ApiError::refused(message).hint("send it to POST /v1/models first, and then the order again"));
    }
    Ok(())
}

/// No place to wait at. A transaction that waited already may be committed all the same.
fn crowded() -> ApiError {
    let message = "as many transactions wait for their block as may at once";
    ApiError::too_many(message, Duration::from_secs(1)).hint("ask with until=waiting, or send the same request again")
}

fn overloaded() -> NodeError {
    NodeError::Unavailable { reason: "it is overloaded or stopping".into() }
}

fn no_answer(patience: Duration) -> NodeError {
    let seconds = patience.as_secs();
    NodeError::Unavailable { reason: format!("no answer within {seconds} s; the same request may be sent again") }
}

/// The transaction of a request, with a good signature: whoever waits, waits at the sender's own places.
async fn read_tx(gateway: &Gateway, caller: &Caller, request: Request) -> Result<(SignedTx, Until), ApiError> {
    let limit = gateway.question(ask::Params {}).await?.max_tx_bytes();
    // Two digits for a byte, and room for the rest of the document.
    let json = read(gateway, caller, request, limit.saturating_mul(2).saturating_add(256)).await?.collect().await?;
    gateway.with_node(move |_| decode_tx(&json.bytes, limit)).await
}

/// [`ciro_api::http::TxRequest`], without a copy of the digits.
#[derive(Deserialize)]
struct Digits<'a> {
    #[serde(borrow)]
    tx: Cow<'a, str>,
    #[serde(default)]
    until: Until,
}

fn decode_tx(json: &[u8], limit: usize) -> Result<(SignedTx, Until), ApiError> {
    let request: Digits<'_> = serde_json::from_slice(json).map_err(|e| {
        ApiError::bad_request(e.to_string()).hint("send {\"tx\": \"<hexadecimal>\"} as application/json")
    })?;
    let bytes = hex::decode(request.tx.as_bytes())
        .map_err(|e| ApiError::bad_request(format!("tx: expected hexadecimal digits: {e}")))?;
    let tx = SignedTx::decode(&bytes, limit).map_err(|e| ApiError::bad_request(format!("tx: {e}")))?;
    tx.verify_signature().map_err(|e| ApiError::bad_request(format!("tx: {e}")))?;
    Ok((tx, request.until))
}

pub(crate) async fn model(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<StoredModel>, ApiError> {
    let upload = Uploading::open(&gateway, UploadKind::Model, &caller.client).await?;
    pour(&upload, &gateway, read(&gateway, &caller, request, BODY_BYTES_MAX).await?).await?;
    let turn = gateway.models.clone().acquire_owned().await.map_err(|e| ApiError::unavailable(e.to_string()))?;
    let kept = upload.keep(turn).await?;
    let Done::KeptModel(model) = kept else { return Err(unexpected(&kept)) };
    Ok(Json(model))
}

pub(crate) async fn input(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Json<StoredInput>, ApiError> {
    let limit = gateway.question(ask::Params {}).await?.max_input_bytes;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let upload = Uploading::open(&gateway, UploadKind::Input, &caller.client).await?;
    pour(&upload, &gateway, read(&gateway, &caller, request, limit).await?).await?;
    let kept = upload.keep(()).await?;
    let Done::KeptInput(input) = kept else { return Err(unexpected(&kept)) };
    Ok(Json(StoredInput { input }))
}

async fn read<'a>(
    gateway: &'a Gateway,
    caller: &'a Caller,
    request: Request,
    limit: usize,
) -> Result<Reader<'a>, ApiError> {
    let seat = request.extensions().get::<Peer>().map(|peer| peer.seat.clone());
    let (head, body) = request.into_parts();
    Reader::new(gateway, &caller.client, seat, &head.headers, body, limit).await
}

/// Lets a body flow into the node, a buffer at a time.
async fn pour(upload: &Uploading, gateway: &Gateway, mut reader: Reader<'_>) -> Result<(), ApiError> {
    let size = gateway.settings.limits.upload_buffer;
    let mut buffer = Vec::new();
    loop {
        let piece = reader.next().await?;
        let is_last = piece.is_none();
        buffer.extend_from_slice(&piece.unwrap_or_default());
        if is_last || buffer.len() >= size {
            upload.append(std::mem::take(&mut buffer)).await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

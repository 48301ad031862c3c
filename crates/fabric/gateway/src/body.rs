//! Bodies of requests: read piece by piece, within a length, a pace and a client's budget.

use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::hall::Seat;
use crate::shares::Share;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use ciro_api::Client;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bodies up to this many bytes need no place among the uploads.
pub(crate) const SMALL_BYTES: usize = 64 << 10;

/// A body under way.
pub(crate) struct Reader<'a> {
    gateway: &'a Gateway,
    client: &'a Client,
    seat: Option<Arc<Seat>>,
    stream: BodyDataStream,
    limit: usize,
    received: u64,
    started: Instant,
    // Held as long as the body is read.
    _place: Option<Share<Client>>,
}

impl<'a> Reader<'a> {
    /// A body of at most `limit` bytes. One that may be long needs a place.
    pub(crate) fn new(
        gateway: &'a Gateway,
        client: &'a Client,
        seat: Option<Arc<Seat>>,
        headers: &HeaderMap,
        body: Body,
        limit: usize,
    ) -> Result<Self, ApiError> {
        let declared = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > limit as u64) {
            return Err(ApiError::too_large(limit));
        }
        let may_be_long = declared.is_none_or(|length| length > SMALL_BYTES as u64);
        let place = if may_be_long { Some(place(gateway, client)?) } else { None };
        let stream = body.into_data_stream();
        Ok(Self { gateway, client, seat, stream, limit, received: 0, started: Instant::now(), _place: place })
    }

    /// The next piece, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.announce();
        let deadline = tokio::time::Instant::from_std(self.started + self.patience());
        let piece = tokio::time::timeout_at(deadline, self.stream.next()).await.map_err(|_| self.too_slow())?;
        let Some(piece) = piece else {
            self.seat.iter().for_each(|seat| seat.at_work());
            return Ok(None);
        };
        let piece = piece.map_err(|e| ApiError::bad_request(format!("the body ends before its time: {e}")))?;
        self.received += piece.len() as u64;
        if self.received > self.limit as u64 {
            return Err(ApiError::too_large(self.limit));
        }
        self.gateway
            .budgets
            .spend_bytes(self.client, piece.len() as u64, Instant::now())
            .map_err(|wait| ApiError::too_many("this client has sent more bytes than it may for now", wait))?;
        Ok(Some(piece))
    }

    /// All of it.
    pub(crate) async fn collect(mut self) -> Result<Vec<u8>, ApiError> {
        let mut bytes = Vec::new();
        while let Some(piece) = self.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// The time that the body has in all so far: its grace, and what its bytes have earned.
    fn patience(&self) -> Duration {
        let limits = &self.gateway.settings.limits;
        limits.body_grace + Duration::from_millis(self.received.saturating_mul(1_000) / limits.body_rate.max(1))
    }

    fn announce(&self) {
        if let Some(seat) = &self.seat {
            seat.receiving(self.received, self.started);
        }
    }

    fn too_slow(&self) -> ApiError {
        let rate = self.gateway.settings.limits.body_rate;
        let (bytes, seconds) = (self.received, self.started.elapsed().as_secs());
        ApiError::too_slow(format!(
            "expected a body at {rate} bytes per second or faster, got {bytes} bytes in {seconds} s"
        ))
    }
}

fn place(gateway: &Gateway, client: &Client) -> Result<Share<Client>, ApiError> {
    gateway
        .uploads
        .take(client)
        .ok_or_else(|| ApiError::too_many("too many long bodies are under way", Duration::from_secs(1)))
}

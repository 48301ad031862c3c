//! Bodies of requests: read piece by piece, within a length, a pace and a client's budget.
//!
//! A long body holds one of few places. It keeps it while bytes come: what came fast at first buys seconds, not minutes. When all
//! are taken, the slowest body of the client that holds most makes way.

use crate::error::ApiError;
use crate::gateway::Gateway;
use crate::hall::Seat;
use crate::rooms::Room;
use crate::shares::Share;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::http::{HeaderMap, header};
use ciro_api::Client;
use futures_util::StreamExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bodies up to this many bytes need no place among the uploads.
pub(crate) const SMALL_BYTES: usize = 64 << 10;

/// How long the rest of a refused body is read and dropped: a client that is still sending would not see the refusal.
const DRAINED: Duration = Duration::from_millis(500);

/// A body in memory, with the room that it takes until it is dropped.
pub(crate) struct Collected {
    pub(crate) bytes: Vec<u8>,
    _room: Room<Client>,
}

/// A body under way.
pub(crate) struct Reader<'a> {
    gateway: &'a Gateway,
    client: &'a Client,
    seat: Option<Arc<Seat>>,
    stream: BodyDataStream,
    limit: usize,
    received: u64,
    started: Instant,
    /// For how long its client may be waited for from now on.
    patience: Duration,
    /// Held as long as a long body is read.
    place: Option<Share<Client>>,
}

impl<'a> Reader<'a> {
    /// A body of at most `limit` bytes. One that may be long needs a place.
    pub(crate) async fn new(
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
        let (started, patience) = (Instant::now(), gateway.settings.limits.body_grace);
        let stream = body.into_data_stream();
        let mut reader = Self { gateway, client, seat, stream, limit, received: 0, started, patience, place: None };
        if may_be_long {
            reader.place = gateway.uploads.take_or_displace(client, started);
            if reader.place.is_none() {
                let error = ApiError::too_many("too many long bodies are under way", Duration::from_secs(1));
                return Err(reader.refuse(error).await);
            }
        }
        Ok(reader)
    }

    /// The next piece, or `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        self.announce();
        let asked = Instant::now();
        let piece = tokio::select! {
            // What has come counts, however late it is asked for.
            biased;
            piece = self.stream.next() => piece,
            () = taken_back(self.place.as_ref()) => return Err(displaced()),
            () = tokio::time::sleep(self.patience) => return Err(self.too_slow()),
        };
        self.patience = self.patience.saturating_sub(asked.elapsed());
        let Some(piece) = piece else {
            self.seat.iter().for_each(|seat| seat.at_work());
            return Ok(None);
        };
        let piece = piece.map_err(|e| ApiError::bad_request(format!("the body ends before its time: {e}")))?;
        self.note(piece.len() as u64);
        if self.received > self.limit as u64 {
            return Err(ApiError::too_large(self.limit));
        }
        self.gateway
            .budgets
            .spend_bytes(self.client, piece.len() as u64, Instant::now())
            .map_err(|wait| ApiError::too_many("this client has sent more bytes than it may for now", wait))?;
        Ok(Some(piece))
    }

    /// All of it. What is longer than a small body takes room that all clients share.
    pub(crate) async fn collect(mut self) -> Result<Collected, ApiError> {
        let mut bytes = Vec::new();
        let mut room = self.gateway.rooms.none(self.client);
        while let Some(piece) = self.next().await? {
            let length = bytes.len() + piece.len();
            if length > bytes.capacity() {
                // Grown by halves, so that what is charged is what is taken.
                let capacity = length.max(bytes.capacity() * 3 / 2).max(SMALL_BYTES).min(self.limit.max(SMALL_BYTES));
                if !room.grow(capacity.saturating_sub(SMALL_BYTES)) {
                    drop(bytes);
                    let error = ApiError::too_many("long bodies fill the memory that they may", Duration::from_secs(1));
                    return Err(self.refuse(error).await);
                }
                bytes.reserve_exact(capacity - bytes.len());
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Collected { bytes, _room: room })
    }

    /// Bytes came: they earn time, up to a small credit.
    fn note(&mut self, bytes: u64) {
        let limits = &self.gateway.settings.limits;
        self.received += bytes;
        let earned = Duration::from_millis(bytes.saturating_mul(1_000) / limits.body_rate.max(1));
        self.patience = self.patience.max((self.patience + earned).min(limits.body_credit));
        self.place.iter().for_each(|place| place.progress(bytes, Instant::now()));
    }

    /// Reads on for a moment, as far as the client's budget goes, so that the client comes to read `error`.
    async fn refuse(mut self, error: ApiError) -> ApiError {
        self.place = None;
        let drained = async {
            while let Some(Ok(piece)) = self.stream.next().await {
                let spent = self.gateway.budgets.spend_bytes(self.client, piece.len() as u64, Instant::now());
                if spent.is_err() {
                    break;
                }
            }
        };
        // A body that goes on for longer than that is cut off.
        let _ = tokio::time::timeout(DRAINED, drained).await;
        error
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

async fn taken_back(place: Option<&Share<Client>>) {
    match place {
        Some(place) => place.taken_back().await,
        None => std::future::pending().await,
    }
}

fn displaced() -> ApiError {
    let message = "too many long bodies are under way, and this one was the slowest of the client with most of them";
    ApiError::too_many(message, Duration::from_secs(1))
}

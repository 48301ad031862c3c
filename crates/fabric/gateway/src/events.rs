//! Committed events as a stream, from any position. Each message's id is its position, so a client that lost its connection goes on
//! where it was.
//!
//! A stream holds one page of events. A reader may leave the next one lying for as long as the gateway is patient.
//! Then it gets a last message, `lagged`, with the position to resume at, and the stream ends.

use crate::caller::Caller;
use crate::error::ApiError;
use crate::gateway::Shared;
use crate::read::parse;
use crate::shares::Share;
use axum::extract::{Extension, Query, State as Extract};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use ciro_api::{Client, ask};
use ciro_state::{CommittedEvent, EventPosition};
use ciro_types::Height;
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Events read from the node at once; a block is never cut.
const PAGE: u32 = 256;

/// Where a stream stands.
struct Cursor {
    gateway: Shared,
    /// What the node is asked for next.
    next: EventPosition,
    ready: VecDeque<CommittedEvent>,
    committed: watch::Receiver<Height>,
    /// When the reader was given the last event.
    given: Option<Instant>,
    has_lagged: bool,
    // Held as long as the stream.
    _place: Share<Client>,
}

/// What a reader is given.
enum Item {
    Event(Box<CommittedEvent>),
    Lagged { resume: EventPosition },
}

/// The last message of a stream whose reader is too slow.
#[derive(Serialize)]
struct Lagged {
    /// `height.index`, for `from`.
    resume: String,
}

pub(crate) async fn stream(
    Extract(gateway): Extract<Shared>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let next = start(&query, &headers)?;
    let place = gateway.streams.take(&caller.client).ok_or_else(|| {
        ApiError::too_many("as many event streams are open as may be at once", Duration::from_secs(5))
    })?;
    let committed = gateway.node.committed();
    let cursor =
        Cursor { gateway, next, ready: VecDeque::new(), committed, given: None, has_lagged: false, _place: place };
    let events = stream::unfold(cursor, |mut cursor| async move {
        let item = cursor.advance().await?;
        Some((item, cursor))
    });
    Ok(Sse::new(events.map(|item| Ok(message(&item)))).keep_alive(KeepAlive::default()))
}

/// After `Last-Event-ID` if the client reconnects, else at `from`, else at the beginning.
fn start(query: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<EventPosition, ApiError> {
    if let Some(last) = headers.get("last-event-id").and_then(|value| value.to_str().ok()) {
        return Ok(position(last)?.next());
    }
    query.get("from").map_or(Ok(EventPosition::default()), |from| position(from))
}

/// `height` or `height.index`.
fn position(text: &str) -> Result<EventPosition, ApiError> {
    let (height, index) = text.split_once('.').unwrap_or((text, "0"));
    let index: u32 = parse("from", index)?;
    if index == u32::MAX {
        return Err(ApiError::bad_request("from: no block has that many events"));
    }
    Ok(EventPosition { height: Height(parse("from", height)?), index })
}

impl Cursor {
    /// What the reader is given next, waiting for blocks as long as the node runs.
    async fn advance(&mut self) -> Option<Item> {
        if self.has_lagged {
            return None;
        }
        // From giving an event to being asked for the next one, only the reader is waited for.
        let lag = self.given.map(|given| given.elapsed()).unwrap_or_default();
        if lag > self.gateway.settings.limits.lag_patience {
            self.has_lagged = true;
            return Some(Item::Lagged { resume: self.ready.front().map_or(self.next, position_of) });
        }
        let event = self.event().await?;
        self.given = Some(Instant::now());
        Some(Item::Event(Box::new(event)))
    }

    async fn event(&mut self) -> Option<CommittedEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Seen before reading, so that a block that comes while we read is not missed.
            self.committed.borrow_and_update();
            let from = self.next;
            let page = self.gateway.question(ask::Events { from, limit: PAGE }).await.ok()?;
            if let Some(last) = page.last() {
                self.next = position_of(last).next();
                self.ready = page.into();
            } else {
                self.committed.changed().await.ok()?;
            }
        }
    }
}

const fn position_of(event: &CommittedEvent) -> EventPosition {
    event.position
}

/// The types serialise into JSON without maps with foreign keys, so this cannot fail.
fn message(item: &Item) -> Event {
    match item {
        Item::Event(event) => {
            let id = format!("{}.{}", event.position.height, event.position.index);
            Event::default().id(id).json_data(event).unwrap_or_default()
        }
        Item::Lagged { resume } => {
            let resume = format!("{}.{}", resume.height, resume.index);
            Event::default().event("lagged").json_data(Lagged { resume }).unwrap_or_default()
        }
    }
}

//! Committed events as a stream, from any position. Each message's id is its position, so a client that lost its connection goes on
//! where it was.

use crate::error::ApiError;
use crate::node::Node;
use crate::read::parse;
use crate::routes::{Shared, ask};
use axum::extract::{Query, State as Extract};
use axum::http::HeaderMap;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use ciro_queue::Position;
use ciro_state::CommittedEvent;
use ciro_types::Height;
use futures_util::stream::{self, Stream, StreamExt as _};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use tokio::sync::watch;

/// Events read from the node at once.
const PAGE: usize = 256;

/// Where a stream stands.
struct Cursor {
    node: Shared,
    next: Position,
    ready: VecDeque<CommittedEvent>,
    committed: watch::Receiver<Height>,
}

pub(crate) async fn stream(
    Extract(node): Extract<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let next = start(&query, &headers)?;
    let committed = node.committed();
    let cursor = Cursor { node, next, ready: VecDeque::new(), committed };
    let events = stream::unfold(cursor, |mut cursor| async move {
        let event = cursor.advance().await?;
        Some((event, cursor))
    });
    Ok(Sse::new(events.map(|event| Ok(message(&event)))).keep_alive(KeepAlive::default()))
}

/// After `Last-Event-ID` if the client reconnects, else at `from`, else at the beginning.
fn start(query: &BTreeMap<String, String>, headers: &HeaderMap) -> Result<Position, ApiError> {
    if let Some(last) = headers.get("last-event-id").and_then(|value| value.to_str().ok()) {
        return Ok(position(last)?.next());
    }
    query.get("from").map_or(Ok(Position::default()), |from| position(from))
}

/// `height` or `height.index`.
fn position(text: &str) -> Result<Position, ApiError> {
    let (height, index) = text.split_once('.').unwrap_or((text, "0"));
    let index: u32 = parse("from", index)?;
    if index == u32::MAX {
        return Err(ApiError::bad_request("from: no block has that many events"));
    }
    Ok(Position { height: Height(parse("from", height)?), index })
}

impl Cursor {
    /// The next event, waiting for blocks as long as the node runs.
    async fn advance(&mut self) -> Option<CommittedEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            // Seen before reading, so that a block that comes while we read is not missed.
            self.committed.borrow_and_update();
            let from = self.next;
            let page = ask(&self.node, move |node: &dyn Node| Ok(node.events(from, PAGE)?)).await.ok()?;
            if let Some(last) = page.last() {
                self.next = Position { height: last.position.height, index: last.position.index }.next();
                self.ready = page.into();
            } else {
                self.committed.changed().await.ok()?;
            }
        }
    }
}

fn message(event: &CommittedEvent) -> Event {
    let id = format!("{}.{}", event.position.height, event.position.index);
    // The type serialises into JSON without maps with foreign keys, so this cannot fail.
    Event::default().id(id).json_data(event).unwrap_or_default()
}

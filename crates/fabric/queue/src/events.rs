//! The contract of a log of committed events.
//!
//! The ledger is one: its append is the commit of a block. Any other is a copy that is fed from it ([`follow`]) and may be lost. Apache Kafka can
//! be one, or a file for whoever reads much. Nothing is ever fed back.

use ciro_state::{CommittedEvent, EventPosition};
use ciro_types::Height;
use std::error::Error;

/// Events read at once when a log is fed.
const PAGE: usize = 4_096;

/// Committed events in order, to be read again from any position.
///
/// Contract, for every backend:
///
/// * **Order.** Positions increase strictly, and events of one block have the indices from zero on.
/// * **Reading** from a position gives the first event at or after it and those that follow. Where it ends, reading goes on at the position
///   after the last one: so nothing is missed and nothing comes twice.
/// * **Whole blocks.** Events of a block appear at once, and so does the head that counts it.
pub trait EventSource {
    /// Why the log cannot be read.
    type Error: Error;

    /// The last block that is here. None in an empty log.
    ///
    /// # Errors
    /// Storage only.
    fn head(&self) -> Result<Option<Height>, Self::Error>;

    /// Up to `limit` events at or after `from`, in order. A page may end within a block.
    ///
    /// # Errors
    /// If events at `from` were kept once and are no longer, or if the storage fails.
    fn read(&self, from: EventPosition, limit: usize) -> Result<Vec<CommittedEvent>, Self::Error>;
}

/// A log that can be appended to. Besides the contract of [`EventSource`]:
///
/// * **Once.** The height is the key by which a repetition is recognised: a block at or below the head changes nothing.
/// * **Durable** once [`append`](Self::append) has returned; after a crash a block is there whole or not at all.
/// * **Refusals** leave the log unchanged.
pub trait EventLog: EventSource {
    /// Appends the events of the block at `height`. Returns false if the log has them. Blocks without events may be left out.
    ///
    /// # Errors
    /// If the events are not those of one block in order, or the storage fails.
    fn append(&mut self, height: Height, events: &[CommittedEvent]) -> Result<bool, Self::Error>;
}

/// Which side failed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError<S, L> {
    /// What is followed cannot be read.
    #[error("the log that is followed cannot be read")]
    Source(#[source] S),
    /// What follows cannot be appended to.
    #[error("the log that follows cannot be appended to")]
    Log(#[source] L),
}

/// Brings `log` to where `source` is. Returns how many events it lacked.
///
/// # Errors
/// [`FollowError`]. What was appended by then stays, and following again goes on from there.
pub fn follow<S: EventSource, L: EventLog>(source: &S, log: &mut L) -> Result<usize, FollowError<S::Error, L::Error>> {
    // Seen before reading: a block that comes meanwhile may be read, and is then appended with its own height.
    let Some(head) = source.head().map_err(FollowError::Source)? else { return Ok(0) };
    let known = log.head().map_err(FollowError::Log)?;
    let mut from = EventPosition { height: known.map_or(Height(0), Height::next), index: 0 };
    let (mut lacked, mut block) = (0, Vec::<CommittedEvent>::new());
    loop {
        let page = source.read(from, PAGE).map_err(FollowError::Source)?;
        let Some(last) = page.last() else { break };
        from = last.position.next();
        lacked += page.len();
        for event in page {
            if block.first().is_some_and(|first| first.position.height < event.position.height) {
                append(log, &std::mem::take(&mut block)).map_err(FollowError::Log)?;
            }
            block.push(event);
        }
    }
    append(log, &block).map_err(FollowError::Log)?;
    log.append(head, &[]).map_err(FollowError::Log)?;
    Ok(lacked)
}

/// Appends the events of one block, if there are any.
fn append<L: EventLog>(log: &mut L, events: &[CommittedEvent]) -> Result<(), L::Error> {
    let Some(first) = events.first() else { return Ok(()) };
    log.append(first.position.height, events).map(|_| ())
}

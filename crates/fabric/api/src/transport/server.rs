//! A node here, for somebody elsewhere.

use super::frame::{FrameError, Reader, Writer};
use crate::command::Command;
use crate::error::NodeError;
use crate::node::Node;
use crate::wire::Message;
use std::future::Future;
use std::io::{Read, Write};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

/// Questions and commands of one connection that are under way at once, each on a thread of its own. Beyond it the other side is told
/// that the node is busy.
const UNDER_WAY: usize = 256;

/// Transactions of one connection that wait for a block: places of their own, or nobody could ask anything while they wait.
const WAITING: usize = 1_024;

/// Answers what comes `from` a stream, and tells of every new head, until the stream ends. Replies come in any order.
///
/// # Errors
/// Why the stream broke, if it was not closed.
pub fn serve(node: &Arc<dyn Node>, from: impl Read, to: impl Write + Send + 'static) -> Result<(), FrameError> {
    let out = Arc::new(Mutex::new(Writer::new(to)));
    tell_heads(node.as_ref(), &out);
    let (asked, waiting) = (Places::new(UNDER_WAY), Places::new(WAITING));
    let mut reader = Reader::new(from);
    while let Some(message) = reader.receive()? {
        let waits = matches!(&message, Message::Command { command: Command::Submit { .. }, .. });
        let places = if waits { &waiting } else { &asked };
        let Some(place) = Places::take(places) else {
            reply(&out, refusal(&message, format!("{} questions and commands are under way", places.limit)));
            continue;
        };
        let owed = Owed { out: Arc::clone(&out), refusal: refusal(&message, "the node failed on it".into()) };
        let node = Arc::clone(node);
        std::thread::spawn(move || {
            let _place = place;
            owed.pay(answer(node.as_ref(), message));
        });
    }
    Ok(())
}

/// How many may be under way at once, and how many are.
struct Places {
    limit: usize,
    taken: AtomicUsize,
}

/// One of them, given back when it is dropped.
struct Place(Arc<Places>);

impl Places {
    fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, taken: AtomicUsize::new(0) })
    }

    fn take(places: &Arc<Self>) -> Option<Place> {
        let place = Place(Arc::clone(places));
        (places.taken.fetch_add(1, Ordering::Relaxed) < places.limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A reply that somebody waits for: whatever becomes of the node, one is sent.
struct Owed<W: Write> {
    out: Arc<Mutex<Writer<W>>>,
    refusal: Option<Message>,
}

impl<W: Write> Owed<W> {
    fn pay(mut self, message: Option<Message>) {
        self.refusal = None;
        reply(&self.out, message);
    }
}

impl<W: Write> Drop for Owed<W> {
    fn drop(&mut self) {
        reply(&self.out, self.refusal.take());
    }
}

/// Sends a reply, or that it is too long. A reader that is gone needs no answer: the stream ends at its other side.
fn reply<W: Write>(out: &Mutex<Writer<W>>, message: Option<Message>) {
    let Some(message) = message else { return };
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(FrameError::TooLong { got }) = out.send(&message)
        && let Some(refusal) = refusal(&message, format!("the answer has {got} bytes: ask for less"))
    {
        let _ = out.send(&refusal);
    }
}

/// The reply to a message; `None` if it is one itself.
fn answer(node: &dyn Node, message: Message) -> Option<Message> {
    match message {
        Message::Query { id, query } => Some(Message::Answer { id, answer: Box::new(node.query(query)) }),
        Message::Command { id, command } => Some(Message::Done { id, done: node.command(command) }),
        Message::Answer { .. }
        | Message::Done { .. }
        | Message::Block(_)
        | Message::Verdict(_)
        | Message::Grant(_)
        | Message::Head { .. } => None,
    }
}

/// What is said instead of an answer to a message, or of one that cannot be sent.
fn refusal(message: &Message, reason: String) -> Option<Message> {
    let refused = NodeError::Unavailable { reason };
    match message {
        Message::Query { id, .. } | Message::Answer { id, .. } => {
            Some(Message::Answer { id: *id, answer: Box::new(Err(refused)) })
        }
        Message::Command { id, .. } | Message::Done { id, .. } => Some(Message::Done { id: *id, done: Err(refused) }),
        Message::Block(_) | Message::Verdict(_) | Message::Grant(_) | Message::Head { .. } => None,
    }
}

/// Tells of the head now and whenever it changes, on a thread of its own, until either side is gone.
fn tell_heads<W: Write + Send + 'static>(node: &dyn Node, out: &Arc<Mutex<Writer<W>>>) {
    let (mut head, out) = (node.committed(), Arc::downgrade(out));
    std::thread::spawn(move || {
        loop {
            let height = *head.borrow_and_update();
            let Some(out) = out.upgrade() else { return };
            if out.lock().unwrap_or_else(PoisonError::into_inner).send(&Message::Head { height }).is_err() {
                return;
            }
            drop(out);
            if block_on(head.changed()).is_err() {
                return;
            }
        }
    });
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for `future` on this thread: there is no executor here, and one channel needs none.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let (mut context, mut future) = (Context::from_waker(&waker), pin!(future));
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

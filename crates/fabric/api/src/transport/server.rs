//! A node here, for somebody elsewhere.

use super::frame::{FrameError, Reader, Writer};
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

/// Answers what comes `from` a stream, and tells of every new head, until the stream ends. Replies come in any order.
///
/// # Errors
/// Why the stream broke, if it was not closed.
pub fn serve(node: &Arc<dyn Node>, from: impl Read, to: impl Write + Send + 'static) -> Result<(), FrameError> {
    let out = Arc::new(Mutex::new(Writer::new(to)));
    tell_heads(node.as_ref(), &out);
    let busy = Arc::<AtomicUsize>::default();
    let mut reader = Reader::new(from);
    while let Some(message) = reader.receive()? {
        if busy.fetch_add(1, Ordering::Relaxed) >= UNDER_WAY {
            busy.fetch_sub(1, Ordering::Relaxed);
            reply(&out, refusal(&message));
            continue;
        }
        let (node, out, busy) = (Arc::clone(node), Arc::clone(&out), Arc::clone(&busy));
        std::thread::spawn(move || {
            reply(&out, answer(node.as_ref(), message));
            busy.fetch_sub(1, Ordering::Relaxed);
        });
    }
    Ok(())
}

/// A reader that is gone needs no answer: the stream ends at its other side.
fn reply<W: Write>(out: &Mutex<Writer<W>>, message: Option<Message>) {
    if let Some(message) = message {
        let _ = out.lock().unwrap_or_else(PoisonError::into_inner).send(&message);
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

fn refusal(message: &Message) -> Option<Message> {
    let busy = || NodeError::Unavailable { reason: format!("{UNDER_WAY} questions and commands are under way") };
    match message {
        Message::Query { id, .. } => Some(Message::Answer { id: *id, answer: Box::new(Err(busy())) }),
        Message::Command { id, .. } => Some(Message::Done { id: *id, done: Err(busy()) }),
        Message::Answer { .. }
        | Message::Done { .. }
        | Message::Block(_)
        | Message::Verdict(_)
        | Message::Grant(_)
        | Message::Head { .. } => None,
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

//! A node elsewhere: questions and commands go out as messages, and what comes back finds whoever waits for it by its name.

use super::frame::{Reader, Writer};
use crate::command::{Command, Done, Fate};
use crate::error::NodeError;
use crate::node::Node;
use crate::query::{Answer, Query};
use crate::until::Until;
use crate::wire::Message;
use ciro_state::SignedTx;
use ciro_types::Height;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// Who waits for what, by its name.
enum Waiter {
    Answer(oneshot::Sender<Result<Answer, NodeError>>),
    Done(oneshot::Sender<Result<Done, NodeError>>),
    Fate(oneshot::Sender<Fate>),
}

/// Those who wait. `None` once the stream is over: nobody is answered any more.
#[derive(Default)]
struct Waiting {
    last: u64,
    by_id: BTreeMap<u64, Waiter>,
    is_over: bool,
}

/// See the module's documentation.
pub struct Remote<W> {
    out: Mutex<Writer<W>>,
    waiting: Arc<Mutex<Waiting>>,
    head: watch::Receiver<Height>,
}

impl<W: Write + Send + 'static> Remote<W> {
    /// The node at the other end of a stream. A thread of its own reads what comes, until the stream ends.
    pub fn connect(from: impl Read + Send + 'static, to: W) -> Self {
        let (seen, head) = watch::channel(Height(0));
        let waiting = Arc::<Mutex<Waiting>>::default();
        let inbox = Arc::clone(&waiting);
        std::thread::spawn(move || {
            let mut reader = Reader::new(from);
            while let Ok(Some(message)) = reader.receive() {
                hear(&inbox, &seen, message);
            }
            let mut waiting = lock(&inbox);
            waiting.is_over = true;
            waiting.by_id.clear();
        });
        Self { out: Mutex::new(Writer::new(to)), waiting, head }
    }

    /// Sends what `message` makes of a new name, for `waiter` to hear of.
    fn send(&self, waiter: Waiter, message: impl FnOnce(u64) -> Message) -> Result<(), NodeError> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_over {
            return Err(gone("the connection to it is over"));
        }
        waiting.last += 1;
        let id = waiting.last;
        waiting.by_id.insert(id, waiter);
        drop(waiting);
        let sent = self.out.lock().unwrap_or_else(PoisonError::into_inner).send(&message(id));
        sent.map_err(|error| {
            lock(&self.waiting).by_id.remove(&id);
            gone(&error.to_string())
        })
    }
}

/// Gives a message to whoever waits for it. What nobody waits for is dropped.
fn hear(waiting: &Mutex<Waiting>, head: &watch::Sender<Height>, message: Message) {
    let waiter = |id| lock(waiting).by_id.remove(&id);
    match message {
        Message::Answer { id, answer } => {
            if let Some(Waiter::Answer(reply)) = waiter(id) {
                // Who stopped waiting needs no answer.
                let _ = reply.send(*answer);
            }
        }
        Message::Done { id, done } => match waiter(id) {
            Some(Waiter::Done(reply)) => drop(reply.send(done)),
            Some(Waiter::Fate(reply)) => drop(reply.send(fate(done))),
            Some(Waiter::Answer(_)) | None => {}
        },
        Message::Head { height } => drop(head.send_replace(height)),
        Message::Query { .. }
        | Message::Command { .. }
        | Message::Block(_)
        | Message::Verdict(_)
        | Message::Grant(_) => {}
    }
}

/// What became of a transaction.
fn fate(done: Result<Done, NodeError>) -> Fate {
    match done? {
        Done::Submitted(tx) => Ok(tx),
        Done::Opened(_) | Done::Appended | Done::KeptInput(_) | Done::KeptModel(_) | Done::Abandoned | Done::Tidied => {
            Err(gone("it did something else"))
        }
    }
}

impl<W: Write + Send + 'static> Node for Remote<W> {
    fn query(&self, query: Query) -> Result<Answer, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.send(Waiter::Answer(reply), |id| Message::Query { id, query })?;
        answer.blocking_recv().map_err(|_| gone("the connection to it is over"))?
    }

    fn command(&self, command: Command) -> Result<Done, NodeError> {
        let (reply, done) = oneshot::channel();
        self.send(Waiter::Done(reply), |id| Message::Command { id, command })?;
        done.blocking_recv().map_err(|_| gone("the connection to it is over"))?
    }

    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, fate) = oneshot::channel();
        let command = Command::Submit { tx: Box::new(tx), until };
        self.send(Waiter::Fate(reply), |id| Message::Command { id, command })?;
        Ok(fate)
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.head.clone()
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone(reason: &str) -> NodeError {
    NodeError::Unavailable { reason: reason.into() }
}

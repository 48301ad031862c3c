//! A client's machine: what `ciro run` decides, and the gateway's half that answers it.

use super::{Follower, Request};
use crate::cast::{Place, VALIDATORS};
use crate::model::Shelf;
use ciro_api::{Fate, Message, NodeError, Until};
use ciro_client::{Answer, Ask, Errand, pause_after};
use ciro_crypto::Keypair;
use ciro_gateway::{Begun, Submission, Told, settle};
use ciro_node::counter::{Counter, Reply, Ticket};
use ciro_state::{Action, ModelAction, SignedTx};
use ciro_types::{ChainId, Height, JobId, Nonce, TxId};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

/// How long an answer is waited for, milliseconds. Then the question is asked again.
const PATIENCE_MS: u64 = 3_000;

/// What a client's validator says of its account and of a transaction.
pub struct Books<'a> {
    /// Nonces used up, and the first that nothing holds.
    pub nonces: (Nonce, Nonce),
    /// What became of a transaction that is in a block.
    pub known: &'a dyn Fn(TxId) -> Option<Fate>,
}

/// Something the client wants done: one command of its user.
struct Command {
    job: Option<JobId>,
    errand: Errand,
    /// When it was given, milliseconds.
    since_ms: u64,
    /// Until when it asks nothing, milliseconds: its last answer settled nothing.
    pause_ms: u64,
    /// What it waits for.
    asked: Option<Asked>,
    /// How it was answered.
    answer: Option<Fate>,
}

/// A question on its way, in the gateway's hands.
struct Asked {
    ticket: Ticket,
    id: TxId,
    submission: Submission,
    /// When it was asked, milliseconds.
    since_ms: u64,
}

/// A client's machine. It is never switched off: whoever waits for money stays awake.
pub struct ClientNode {
    key: Keypair,
    chain: ChainId,
    counter: Counter,
    commands: Vec<Command>,
    tickets: Ticket,
    /// When it looks at its commands again, milliseconds, if nothing happens before.
    alarm_ms: Option<u64>,
    /// Why its orders were refused, by job.
    pub refused: BTreeMap<JobId, NodeError>,
    /// Whom it follows.
    pub follower: Follower,
}

impl ClientNode {
    /// A client of `chain`.
    #[must_use]
    pub fn new(number: usize, chain: ChainId) -> Self {
        Self {
            key: Place::Client(number).key(),
            chain,
            counter: Counter::default(),
            commands: Vec::new(),
            tickets: 0,
            alarm_ms: None,
            refused: BTreeMap::new(),
            follower: Follower { home: number % VALIDATORS, next: Height(1) },
        }
    }

    /// Publishes the model that every job runs.
    pub fn register_model(&mut self) {
        let shelf = Shelf::shared();
        let action = Action::Model(ModelAction::Register { program: shelf.program.clone(), roots: shelf.roots });
        self.want(None, action, 0);
    }

    /// Orders, or withdraws.
    pub fn ask(&mut self, job: JobId, action: Action, now_ms: u64) {
        self.want(Some(job), action, now_ms);
    }

    fn want(&mut self, job: Option<JobId>, action: Action, now_ms: u64) {
        let errand = Errand::new(self.chain, action);
        self.commands.push(Command { job, errand, since_ms: now_ms, pause_ms: 0, asked: None, answer: None });
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.commands.is_empty()
    }

    /// Takes in a message, with the gateway's half.
    pub fn hear(&mut self, message: &Message) {
        let replies = match message {
            Message::Block(news) => self.counter.on_news(news),
            Message::Verdict(verdict) => self.counter.on_verdict(verdict),
            Message::Grant(_)
            | Message::Query { .. }
            | Message::Answer { .. }
            | Message::Command { .. }
            | Message::Done { .. }
            | Message::Head { .. } => Vec::new(),
        };
        replies.into_iter().for_each(|Reply { ticket, result }| self.note(ticket, result));
    }

    fn note(&mut self, ticket: Ticket, result: Result<TxId, NodeError>) {
        let is_asked = |command: &&mut Command| command.asked.as_ref().is_some_and(|asked| asked.ticket == ticket);
        if let Some(command) = self.commands.iter_mut().find(is_asked) {
            command.answer = Some(result);
        }
    }

    /// Brings every command as far as it goes. Returns what to send.
    pub fn go_on(&mut self, now_ms: u64, books: &Books<'_>) -> Vec<Request> {
        let mut requests = Vec::new();
        for mut command in std::mem::take(&mut self.commands) {
            if self.advance(&mut command, now_ms, books, &mut requests) {
                self.commands.push(command);
            }
        }
        requests
    }

    /// When the first pause ends, milliseconds, if that is news: each alarm is told once.
    pub fn alarm(&mut self, now_ms: u64) -> Option<u64> {
        let is_set = |alarm: &u64| *alarm > now_ms;
        let set = self.alarm_ms.filter(is_set);
        let due = self.commands.iter().map(|command| command.pause_ms).filter(is_set).min()?;
        if set.is_some_and(|set| set <= due) {
            return None;
        }
        self.alarm_ms = Some(due);
        self.alarm_ms
    }

    /// Returns whether the command goes on.
    fn advance(&mut self, command: &mut Command, now_ms: u64, books: &Books<'_>, requests: &mut Vec<Request>) -> bool {
        match Self::take_answer(command, now_ms, books) {
            Some(Ok(answer)) => {
                command.errand.on_answer(answer);
                pause(command, answer, now_ms);
            }
            Some(Err(error)) => {
                self.refused.extend(command.job.map(|job| (job, error)));
                return false;
            }
            None if command.asked.is_some() => return true,
            None => {}
        }
        if now_ms < command.pause_ms {
            return true;
        }
        match command.errand.ask() {
            Some(Ask::Account) => {
                command.errand.on_account(&self.key, books.nonces.0, books.nonces.1);
                self.advance(command, now_ms, books, requests)
            }
            Some(Ask::Enqueue(tx) | Ask::Fill(tx)) => self.post(command, tx, Until::Waiting, now_ms, books, requests),
            Some(Ask::Follow(tx)) => self.post(command, tx, Until::Committed, now_ms, books, requests),
            None => false,
        }
    }

    /// The answer to what was asked, if there is one or none will come; an error ends the command.
    fn take_answer(command: &mut Command, now_ms: u64, books: &Books<'_>) -> Option<Result<Answer, NodeError>> {
        let asked = command.asked.take()?;
        match command.answer.take() {
            Some(fate) => Some(heard(&command.errand, told(&asked, fate, books))),
            None if now_ms >= asked.since_ms + PATIENCE_MS => Some(Ok(Answer::Unknown)),
            None => {
                command.asked = Some(asked);
                None
            }
        }
    }

    fn post(
        &mut self,
        command: &mut Command,
        tx: SignedTx,
        until: Until,
        now_ms: u64,
        books: &Books<'_>,
        requests: &mut Vec<Request>,
    ) -> bool {
        self.tickets += 1;
        let (ticket, id, mut submission) = (self.tickets, tx.id(), Submission::new(&tx, until));
        let Ok(begun) = submission.begin((books.known)(id).as_ref(), || Ok::<_, Infallible>(books.nonces.1));
        command.asked = Some(Asked { ticket, id, submission, since_ms: now_ms });
        match begun {
            Begun::Known => {
                command.answer = Some(Ok(id));
                self.advance(command, now_ms, books, requests)
            }
            Begun::Submit(until) => {
                self.counter.expect(id, until, ticket);
                requests.push(Request::Submit(vec![tx]));
                true
            }
        }
    }
}

/// The gateway's answer to what was asked.
fn told(asked: &Asked, fate: Fate, books: &Books<'_>) -> Fate {
    match asked.submission.on_fate(fate) {
        Told::Final(fate) => fate,
        Told::Doubtful(refusal) => settle(refusal, (books.known)(asked.id)),
    }
}

/// What `ciro run` makes of it; an error ends the command.
fn heard(errand: &Errand, fate: Fate) -> Result<Answer, NodeError> {
    match (errand.ask(), fate) {
        (Some(Ask::Fill(_)), _) => Ok(Answer::Unknown),
        (_, Ok(_)) => Ok(Answer::Done),
        (_, Err(error)) => Answer::of(error.code()).ok_or(error),
    }
}

/// As `ciro run`: an answer that settles nothing is followed by a pause.
fn pause(command: &mut Command, answer: Answer, now_ms: u64) {
    match answer {
        Answer::Done => {}
        Answer::NonceTaken | Answer::Unknown => {
            let pause = pause_after(Duration::from_millis(now_ms - command.since_ms));
            command.pause_ms = now_ms + pause.as_millis() as u64;
        }
    }
}

//! The gateway's own state: the node behind it, and what its clients hold and spend at present.

use crate::budget::Budgets;
use crate::error::ApiError;
use crate::limits::Limits;
use crate::rooms::Rooms;
use crate::shares::Shares;
use ciro_api::{Asking as _, Client, Command, Done, Node, Question};
use ciro_telemetry::Metrics;
use ciro_types::AccountId;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The gateway, shared by all handlers.
pub(crate) type Shared = Arc<Gateway>;

/// Longest body of a request, bytes: a compiled model. Transactions and inputs have the network's own, shorter limits.
pub const BODY_BYTES_MAX: usize = 256 << 20;

/// What an operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What clients may take.
    pub limits: Limits,
    /// Names under which the gateway is reached besides those of loopback: what a proxy forwards as `Host`.
    pub hosts: BTreeSet<String>,
    /// What is counted, here and by the node; `GET /metrics` shows it.
    pub metrics: Arc<Metrics>,
}

impl Settings {
    /// The limits of this process, and no name but loopback's.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { limits: Limits::of_this_process(), hosts: BTreeSet::new(), metrics: Arc::default() }
    }
}

/// Shared by all handlers.
pub(crate) struct Gateway {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) settings: Settings,
    pub(crate) budgets: Budgets,
    /// Submissions that wait for their block, by sender.
    pub(crate) waiting: Shares<AccountId>,
    /// Event streams.
    pub(crate) streams: Shares<Client>,
    /// Bodies too long to be read at once.
    pub(crate) uploads: Shares<Client>,
    /// Bytes of long bodies that are read at once.
    pub(crate) rooms: Rooms<Client>,
    /// Models that are checked and committed to.
    pub(crate) models: Arc<Semaphore>,
    questions: Arc<Semaphore>,
}

impl Gateway {
    pub(crate) fn new(node: Arc<dyn Node>, settings: Settings) -> Arc<Self> {
        let limits = &settings.limits;
        Arc::new(Self {
            budgets: Budgets::new(limits),
            waiting: Shares::new(limits.waiting, limits.waiting_per_account),
            streams: Shares::new(limits.streams, limits.streams_per_client),
            uploads: Shares::paced(limits.uploads, limits.uploads_per_client, limits.body_brisk),
            rooms: Rooms::new(limits.body_memory),
            models: Arc::new(Semaphore::new(limits.models_at_work)),
            questions: Arc::new(Semaphore::new(limits.questions)),
            node,
            settings,
        })
    }

    /// Asks the node one question.
    pub(crate) async fn question<Q>(&self, question: Q) -> Result<Q::Answer, ApiError>
    where
        Q: Question<Answer: Send> + Send + 'static,
    {
        self.with_node(move |node| Ok(node.ask(question)?)).await
    }

    /// Tells the node to do something.
    pub(crate) async fn command(&self, command: Command) -> Result<Done, ApiError> {
        self.with_node(move |node| Ok(node.command(command)?)).await
    }

    /// Runs what blocks on the node off the executor, in its turn.
    pub(crate) async fn with_node<T: Send + 'static>(
        &self,
        question: impl FnOnce(&dyn Node) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let closed = |failure: String| ApiError::unavailable(failure);
        let turn = Arc::clone(&self.questions).acquire_owned().await.map_err(|e| closed(e.to_string()))?;
        let node = Arc::clone(&self.node);
        // The turn ends with the thread's work, also when the client is gone.
        let answer = tokio::task::spawn_blocking(move || {
            let answer = question(node.as_ref());
            drop(turn);
            answer
        });
        answer.await.map_err(|e| closed(e.to_string()))?
    }
}

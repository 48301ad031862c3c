//! The running network as the gateway sees it: reads of one validator's state and store, writes through the dispatcher.

use crate::alarm::Alarm;
use crate::blobs::{BlobStore, BlobStoreError, Intake, Kind};
use crate::counter;
use crate::latency::Latencies;
use crate::log::LedgerLog;
use crate::look::{Look, Referred};
use crate::mailbox::Job;
use crate::receipts::{self, PublicModel};
use crate::uploads::Uploads;
use crate::validator::Mail;
use ciro_api::{
    Answer, BlockView, Command, Done, Fate, JobView, Node, NodeError, Query, Question as _, Refusal, Status,
    StoredModel, Until, UploadKind, ask,
};
use ciro_exec::inference::MODEL_BYTES_MAX;
use ciro_graph::check_model;
use ciro_prover::ProvingKey;
use ciro_queue::EventSource as _;
use ciro_receipt::Receipt;
use ciro_state::{CommittedEvent, EventPosition, Genesis, Model, SignedTx};
use ciro_store::StoreError;
use ciro_types::{Height, JobId, decode};
use ciro_validator::{Health, Store};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// How long a question waits for its answer.
const READ_PATIENCE: Duration = Duration::from_secs(5);

/// See the module's documentation.
pub struct LocalNode {
    /// The network.
    pub genesis: Genesis,
    /// The followed validator.
    pub ledger: SyncSender<Mail>,
    /// Its store.
    pub store: Arc<Store>,
    /// The dispatcher.
    pub jobs: SyncSender<Job>,
    /// Models and inputs.
    pub blobs: BlobStore,
    /// How long jobs take.
    pub latencies: Arc<Mutex<Latencies>>,
    /// How far the dispatcher is.
    pub head: watch::Receiver<Height>,
    /// How the followed validator is.
    pub health: watch::Receiver<Health>,
    /// What is on its way in.
    pub uploads: Uploads,
    /// Who is told of damage.
    pub alarm: Alarm,
    /// Nominal time between blocks of an idle network, milliseconds.
    pub block_ms: u64,
}

/// Most events of one answer: whoever wants more asks again from there.
const EVENTS_MAX: u32 = 4_096;

impl LocalNode {
    /// What the committed state says.
    fn look<T>(&self, look: impl FnOnce(Sender<T>) -> Look) -> Result<T, NodeError> {
        let (reply, answer) = channel();
        self.ledger.try_send(Mail::Look(look(reply))).map_err(|_| stopping())?;
        wait(&answer, READ_PATIENCE)
    }

    /// What the scheduler answers.
    fn scheduler(&self, query: Query) -> Result<Answer, NodeError> {
        let (reply, answer) = channel();
        self.jobs.try_send(Job::Ask { query, reply }).map_err(|_| stopping())?;
        wait(&answer, READ_PATIENCE)
    }

    fn waits(&self, job: JobId) -> Result<Option<Refusal>, NodeError> {
        let answer = self.scheduler(ask::Waits { job }.into())?;
        ask::Waits::take(answer).ok_or_else(stopping)
    }

    /// What the store says, with its refusals in the gateway's words. Damage is nobody's answer: it ends the network.
    fn kept<T>(&self, found: Result<T, StoreError>) -> Result<T, NodeError> {
        found.map_err(|error| {
            if let StoreError::Pruned { .. } = error {
                return NodeError::Pruned { reason: error.to_string() };
            }
            if error.is_damage() {
                self.alarm.damaged(&error);
            }
            broken(error)
        })
    }

    fn holds(&self, kind: Kind, name: &str) -> bool {
        self.blobs.holds(kind, name)
    }

    fn job(&self, id: JobId) -> Result<Option<JobView>, NodeError> {
        let Some(job) = self.look(|reply| Look::Job { job: id, reply })? else { return Ok(None) };
        let waits_for = if job.is_open() { self.waits(id)? } else { None };
        Ok(Some(JobView::of(id, job, waits_for)))
    }

    fn status(&self) -> Result<Status, NodeError> {
        let (genesis, head, block_ms) = (self.genesis.clone(), *self.head.borrow(), self.block_ms);
        let read_only = match &*self.health.borrow() {
            Health::Well => None,
            Health::ReadOnly { reason } => Some(reason.clone()),
        };
        let census = self.look(|reply| Look::Census { reply })?;
        Ok(Status {
            network: genesis.network,
            chain: census.chain,
            version: env!("CARGO_PKG_VERSION").into(),
            height: head,
            scheduler: genesis.scheduler,
            validators: census.voters,
            workers: census.offers,
            block_ms,
            read_only,
            params: genesis.params,
        })
    }

    fn receipt(&self, job: JobId) -> Result<Option<Receipt>, NodeError> {
        let Some(settlement) = self.kept(receipts::settlement(&self.store, &self.genesis, job))? else {
            return Ok(None);
        };
        let id = settlement.record.model;
        let model = match self.look(|reply| Look::Program { model: id, reply })? {
            Some(model) => Some(model),
            None => self.kept(self.store.removed_model(&id))?,
        };
        match model {
            Some(Model { program, roots, .. }) => {
                self.kept(receipts::receipt(&self.store, PublicModel { program, roots }, settlement))
            }
            // Its row went with a block that is no longer kept, so the answer is no longer either.
            None => self.kept(receipts::pruned(&self.store, &settlement)),
        }
    }

    fn block(&self, height: Height) -> Result<Option<BlockView>, NodeError> {
        let Some(decided) = self.kept(self.store.decided(height))? else { return Ok(None) };
        let header = decided.block.header();
        let id_of = |bytes: &Vec<u8>| SignedTx::decode(bytes, bytes.len()).ok().map(|tx| tx.id());
        Ok(Some(BlockView {
            height,
            id: decided.block.id(),
            parent: header.parent,
            proposer: header.proposer,
            state_root: header.state_root,
            receipts_root: header.receipts_root,
            transactions: decided.block.txs().iter().filter_map(id_of).collect(),
            signers: decided.certificate.signatures.iter().map(|signature| signature.validator).collect(),
        }))
    }

    fn events(&self, from: EventPosition, limit: u32) -> Result<Vec<CommittedEvent>, NodeError> {
        // Of every block that the store has, though the dispatcher may not have seen the last: so does the fate of a transaction.
        self.kept(LedgerLog(Arc::clone(&self.store)).read(from, limit.min(EVENTS_MAX) as usize))
    }

    fn tidy(&self, now: Instant) -> Result<(), NodeError> {
        self.uploads.sweep(now);
        let Referred { inputs, models } = self.look(|reply| Look::Referred { reply })?;
        self.blobs.sweep(Kind::Input, now, |name| inputs.contains(name)).map_err(not_stored)?;
        self.blobs.sweep(Kind::Model, now, |name| models.contains(name)).map_err(not_stored)
    }

    /// Checks a model that came, commits to its weights, and keeps it.
    fn keep_model(&self, intake: Intake) -> Result<StoredModel, NodeError> {
        let invalid = |reason: String| NodeError::Invalid { reason };
        let bytes = intake.read_back().map_err(not_stored)?;
        let model: ciro_graph::Model = decode(&bytes, MODEL_BYTES_MAX).map_err(|e| invalid(e.to_string()))?;
        drop(bytes);
        check_model(&model).map_err(|e| invalid(e.to_string()))?;
        let key = ProvingKey::new(model).map_err(|e| invalid(e.to_string()))?;
        let (id, roots) = (key.model_id(), key.roots());
        intake.keep_model(id).map_err(not_stored)?;
        let known = self.look(|reply| Look::Model { model: id, is_stored: true, reply })?;
        let is_registered = known.is_some_and(|model| !model.is_retired);
        Ok(StoredModel { model: id, roots, is_registered })
    }
}

impl Node for LocalNode {
    fn query(&self, query: Query) -> Result<Answer, NodeError> {
        Ok(match query {
            Query::Status(ask::Status {}) => Answer::Status(self.status()?),
            Query::Params(ask::Params {}) => Answer::Params(self.genesis.params.clone()),
            Query::Standing(ask::Standing { account }) => {
                Answer::Standing(self.look(|reply| Look::Standing { account, reply })?)
            }
            Query::Account(ask::Account { account }) => {
                Answer::Account(self.look(|reply| Look::Account { account, reply })?)
            }
            Query::Workers(ask::Workers {}) => Answer::Workers(self.look(|reply| Look::Workers { reply })?),
            Query::Model(ask::Model { model }) => {
                let is_stored = self.holds(Kind::Model, &model.to_string());
                Answer::Model(self.look(|reply| Look::Model { model, is_stored, reply })?)
            }
            Query::Job(ask::Job { job }) => Answer::Job(self.job(job)?),
            Query::JobStatus(ask::JobStatus { job }) => {
                Answer::JobStatus(self.look(|reply| Look::Job { job, reply })?.map(|found| found.status))
            }
            Query::Fate(ask::Fate { tx }) => Answer::Fate(self.kept(counter::known(&self.store, tx))?),
            Query::HoldsInput(ask::HoldsInput { input }) => {
                Answer::HoldsInput(self.holds(Kind::Input, &input.to_string()))
            }
            Query::HoldsModel(ask::HoldsModel { model }) => {
                Answer::HoldsModel(self.holds(Kind::Model, &model.to_string()))
            }
            query @ (Query::Offers(_) | Query::Waits(_)) => self.scheduler(query)?,
            Query::StakeAtRisk(ask::StakeAtRisk { assurance, workers }) => {
                Answer::StakeAtRisk(self.look(|reply| Look::StakeAtRisk { assurance, workers, reply })?)
            }
            Query::Latency(ask::Latency { assurance }) => {
                Answer::Latency(self.latencies.lock().unwrap_or_else(PoisonError::into_inner).median(assurance))
            }
            Query::Receipt(ask::Receipt { job }) => Answer::Receipt(self.receipt(job)?.map(Box::new)),
            Query::Block(ask::Block { height }) => Answer::Block(self.block(height)?),
            Query::Events(ask::Events { from, limit }) => Answer::Events(self.events(from, limit)?),
        })
    }

    fn command(&self, command: Command) -> Result<Done, NodeError> {
        let now = Instant::now();
        match command {
            Command::Submit { tx, until } => {
                let fate = self.submit(*tx, until)?.blocking_recv().map_err(|_| stopping())?;
                fate.map(Done::Submitted)
            }
            Command::Open { kind, client } => {
                let intake = self.blobs.intake(kind_of(kind), Some(client));
                Ok(Done::Opened(self.uploads.open(kind, intake, now)))
            }
            Command::Append { upload, bytes } => {
                let write = |intake: &mut Intake| intake.write(&bytes).map_err(not_stored);
                self.uploads.append(upload, now, write).map(|()| Done::Appended)
            }
            Command::Keep { upload } => match self.uploads.take(upload)? {
                (UploadKind::Input, intake) => intake.keep_input().map(Done::KeptInput).map_err(not_stored),
                (UploadKind::Model, intake) => self.keep_model(intake).map(Done::KeptModel),
            },
            Command::Abandon { upload } => {
                self.uploads.abandon(upload);
                Ok(Done::Abandoned)
            }
            Command::Tidy => self.tidy(now).map(|()| Done::Tidied),
        }
    }

    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, fate) = oneshot::channel();
        self.jobs.try_send(Job::Client { tx: Box::new(tx), until, reply }).map_err(|_| stopping())?;
        Ok(fate)
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.head.clone()
    }
}

const fn kind_of(upload: UploadKind) -> Kind {
    match upload {
        UploadKind::Input => Kind::Input,
        UploadKind::Model => Kind::Model,
    }
}

fn not_stored(error: BlobStoreError) -> NodeError {
    match error {
        BlobStoreError::Full { age, .. } => {
            NodeError::Quota { reason: error.to_string(), wait_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX) }
        }
        // Clients have no business with the node's folders.
        BlobStoreError::Io { source, .. } => NodeError::Unavailable {
            reason: format!("its disk does not take the upload ({source}); its operator must make room or look at it"),
        },
    }
}

fn wait<T>(answer: &Receiver<T>, patience: Duration) -> Result<T, NodeError> {
    answer.recv_timeout(patience).map_err(|e| match e {
        RecvTimeoutError::Timeout => NodeError::Unavailable {
            reason: format!("no answer within {} s; the same request may be sent again", patience.as_secs()),
        },
        RecvTimeoutError::Disconnected => stopping(),
    })
}

fn stopping() -> NodeError {
    NodeError::Unavailable { reason: "it is overloaded or stopping".into() }
}

fn broken(error: impl std::error::Error) -> NodeError {
    NodeError::Unavailable { reason: error.to_string() }
}

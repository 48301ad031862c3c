//! The running network as the gateway sees it: reads of one validator's state and store, writes through the dispatcher.

use crate::blobs::{BlobStore, BlobStoreError, Intake, Kind};
use crate::counter;
use crate::dispatcher::{Job, Question};
use crate::latency::Latencies;
use crate::network::Alarm;
use crate::receipts::{self, PublicModel};
use crate::validator::Mail;
use ciro_engine::{Health, Store, query};
use ciro_gateway::{BlockView, Client, Fate, Node, NodeError, Sink, Status, StoredModel, Until};
use ciro_graph::check_model;
use ciro_prover::ProvingKey;
use ciro_queue::Position;
use ciro_receipt::Receipt;
use ciro_scheduler::Refusal;
use ciro_state::{CommittedEvent, EventPosition, Facts, Genesis, Model, SignedTx, State};
use ciro_store::StoreError;
use ciro_types::{AccountId, Amount, Assurance, Hash32, Height, JobId, ModelId, Nonce, Requirements, TxId, decode};
use ciro_worker::workbench::MODEL_BYTES_MAX;
use std::collections::BTreeSet;
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
    pub(crate) alarm: Alarm,
}

impl LocalNode {
    fn read<T: Send + 'static>(&self, read: impl FnOnce(&State) -> T + Send + 'static) -> Result<T, NodeError> {
        read_state(&self.ledger, read)
    }

    fn ask<T>(&self, question: impl FnOnce(Sender<T>) -> Question) -> Result<T, NodeError> {
        let (reply, answer) = channel();
        self.jobs.try_send(Job::Ask(question(reply))).map_err(|_| stopping())?;
        wait(&answer, READ_PATIENCE)
    }

    /// What the store says, with its refusals in the gateway's words. Damage is nobody's answer: it ends the network.
    fn kept<T>(&self, found: Result<T, StoreError>) -> Result<T, NodeError> {
        found.map_err(|error| match &error {
            StoreError::Pruned { .. } => NodeError::Pruned { reason: error.to_string() },
            error => {
                if error.is_damage() {
                    self.alarm.damaged(error);
                }
                broken(error)
            }
        })
    }

    /// What the ledger refers to, as names of blobs: inputs of open jobs, models of jobs that are open or ended lately.
    fn referred(&self) -> Result<(BTreeSet<String>, BTreeSet<String>), NodeError> {
        self.read(|state| {
            let open = state.jobs().filter(|(_, job)| job.is_open());
            let inputs = open.map(|(_, job)| job.spec.input.to_string()).collect();
            (inputs, state.jobs().map(|(_, job)| job.spec.model.to_string()).collect())
        })
    }
}

impl Node for LocalNode {
    fn status(&self) -> Result<Status, NodeError> {
        let (genesis, head) = (self.genesis.clone(), *self.head.borrow());
        let read_only = match &*self.health.borrow() {
            Health::Well => None,
            Health::ReadOnly { reason } => Some(reason.clone()),
        };
        self.read(move |state| Status {
            network: genesis.network,
            chain: state.chain(),
            version: env!("CARGO_PKG_VERSION").into(),
            height: head,
            scheduler: genesis.scheduler,
            validators: genesis.validators.len(),
            workers: state.offers().count(),
            block_ms: crate::genesis::BLOCK_MS,
            read_only,
            params: genesis.params,
        })
    }

    fn with_state(&self, read: Box<dyn FnOnce(&State) + Send>) -> Result<(), NodeError> {
        self.read(read)
    }

    fn next_nonce(&self, account: AccountId) -> Result<Nonce, NodeError> {
        let (reply, answer) = channel();
        self.ledger.try_send(Mail::NextNonce { account, reply }).map_err(|_| stopping())?;
        wait(&answer, READ_PATIENCE)
    }

    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, fate) = oneshot::channel();
        self.jobs.try_send(Job::Client { tx: Box::new(tx), until, reply }).map_err(|_| stopping())?;
        Ok(fate)
    }

    fn fate(&self, tx: TxId) -> Result<Option<Fate>, NodeError> {
        self.kept(counter::known(&self.store, tx))
    }

    fn take_input(&self, client: &Client) -> Result<Box<dyn Sink<Hash32>>, NodeError> {
        Ok(Box::new(InputSink(self.blobs.intake(Kind::Input, Some(client.clone())))))
    }

    fn take_model(&self, client: &Client) -> Result<Box<dyn Sink<StoredModel>>, NodeError> {
        let intake = self.blobs.intake(Kind::Model, Some(client.clone()));
        Ok(Box::new(ModelSink { intake, ledger: self.ledger.clone() }))
    }

    fn holds_input(&self, input: Hash32) -> Result<bool, NodeError> {
        Ok(self.blobs.holds(Kind::Input, &input.to_string()))
    }

    fn holds_model(&self, model: ModelId) -> Result<bool, NodeError> {
        Ok(self.blobs.holds(Kind::Model, &model.to_string()))
    }

    fn tidy(&self) -> Result<(), NodeError> {
        let (inputs, models) = self.referred()?;
        let now = Instant::now();
        self.blobs.sweep(Kind::Input, now, |name| inputs.contains(name)).map_err(not_stored)?;
        self.blobs.sweep(Kind::Model, now, |name| models.contains(name)).map_err(not_stored)
    }

    fn offers(
        &self,
        requirements: Requirements,
        count: usize,
    ) -> Result<Result<Vec<(AccountId, Amount)>, Refusal>, NodeError> {
        self.ask(|reply| Question::Offers { requirements, count, reply })
    }

    fn waits_for(&self, job: JobId) -> Result<Option<Refusal>, NodeError> {
        self.ask(|reply| Question::Wait { job, reply })
    }

    fn receipt(&self, job: JobId) -> Result<Option<Receipt>, NodeError> {
        let Some(settlement) = self.kept(receipts::settlement(&self.store, &self.genesis, job))? else {
            return Ok(None);
        };
        let id = settlement.record.model;
        let model = match self.read(move |state| state.model(&id).cloned())? {
            Some(model) => Some(model),
            None => self.kept(self.store.removed_model(&id))?,
        };
        match model {
            Some(Model { program, weight_root, .. }) => {
                self.kept(receipts::receipt(&self.store, PublicModel { program, weight_root }, settlement))
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

    fn events(&self, from: Position, limit: usize) -> Result<Vec<CommittedEvent>, NodeError> {
        let after = before(from);
        let found = self.kept(query::events_after(&self.store, after, limit))?;
        // What the dispatcher has not seen yet is not announced yet.
        let head = *self.head.borrow();
        Ok(found.into_iter().filter(|event| event.position.height <= head).collect())
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.head.clone()
    }

    fn latency(&self, assurance: Assurance) -> Option<(u64, usize)> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner).median(assurance)
    }
}

struct InputSink(Intake);

impl Sink<Hash32> for InputSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.0.write(bytes).map_err(not_stored)
    }

    fn keep(self: Box<Self>) -> Result<Hash32, NodeError> {
        self.0.keep_input().map_err(not_stored)
    }
}

struct ModelSink {
    intake: Intake,
    ledger: SyncSender<Mail>,
}

impl Sink<StoredModel> for ModelSink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.intake.write(bytes).map_err(not_stored)
    }

    fn keep(self: Box<Self>) -> Result<StoredModel, NodeError> {
        let invalid = |reason: String| NodeError::Invalid { reason };
        let bytes = self.intake.read_back().map_err(not_stored)?;
        let model: ciro_graph::Model = decode(&bytes, MODEL_BYTES_MAX).map_err(|e| invalid(e.to_string()))?;
        drop(bytes);
        check_model(&model).map_err(|e| invalid(e.to_string()))?;
        let key = ProvingKey::new(model).map_err(|e| invalid(e.to_string()))?;
        let (id, weight_root) = (key.model_id(), key.weight_root());
        self.intake.keep_model(id).map_err(not_stored)?;
        let is_registered =
            read_state(&self.ledger, move |state| state.model(&id).is_some_and(|model| !model.is_retired))?;
        Ok(StoredModel { model: id, weight_root, is_registered })
    }
}

fn read_state<T: Send + 'static>(
    ledger: &SyncSender<Mail>,
    read: impl FnOnce(&State) -> T + Send + 'static,
) -> Result<T, NodeError> {
    let (reply, answer) = channel();
    let mail = Mail::Read(Box::new(move |state| drop(reply.send(read(state)))));
    ledger.try_send(mail).map_err(|_| stopping())?;
    wait(&answer, READ_PATIENCE)
}

fn not_stored(error: BlobStoreError) -> NodeError {
    match error {
        BlobStoreError::Full { age, .. } => NodeError::Quota { reason: error.to_string(), wait: age },
        BlobStoreError::Io { .. } => broken(error),
    }
}

/// The last position before `from`.
fn before(from: Position) -> Option<EventPosition> {
    match (from.height.0, from.index) {
        (0, _) => None,
        (height, 0) => Some(EventPosition { height: Height(height - 1), index: u32::MAX }),
        (height, index) => Some(EventPosition { height: Height(height), index: index - 1 }),
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

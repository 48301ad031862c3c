//! A node with a real ledger state and no network: every accepted transaction is a block.

use ciro_api::transport::{Remote, pipe, serve};
use ciro_api::view::stake_at_risk;
use ciro_api::{
    AccountView, Answer, BlockView, Command, Done, Fate, JobView, Latency, ModelView, Node, NodeError, Offered, Query,
    Refusal, Standing, Status, StoredModel, Until, UploadId, UploadKind, WorkerView, ask,
};
use ciro_crypto::Keypair;
use ciro_state::{
    BlockContext, CommittedEvent, Event, EventPosition, EvidenceCheck, EvidenceRejection, Facts, Genesis,
    GenesisAccount, GenesisValidator, ModelCost, Offence, Params, ProofCheck, ProofClaim, ProofRejection, SignedTx,
    State, apply_block, check_stateless, input_hash,
};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, ModelId, ModelRoots, Nonce, StateRoot, TxId,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{oneshot, watch};

pub(crate) fn client() -> Keypair {
    Keypair::from_seed([1; 32])
}

pub(crate) fn validator() -> AccountId {
    Keypair::from_seed([2; 32]).account()
}

fn offered(worker: u8, price: u64) -> Offered {
    Offered { worker: AccountId([worker; 32]), price: Amount::ciro(price) }
}

pub(crate) struct TestNode {
    state: Mutex<State>,
    events: Mutex<Vec<CommittedEvent>>,
    committed: watch::Sender<Height>,
    fates: Mutex<BTreeMap<TxId, Fate>>,
    pub(crate) offers: Result<Vec<Offered>, Refusal>,
    open: Mutex<BTreeMap<UploadId, Taken>>,
    /// Keeps every transaction waiting: where their clients wait for a block.
    pub(crate) stuck: Option<Mutex<Vec<oneshot::Sender<Fate>>>>,
    /// How many bytes each piece of an upload brought.
    pub(crate) uploads: Arc<Mutex<Vec<usize>>>,
    /// Whether no input is here.
    pub(crate) lacks_inputs: bool,
    /// Whether no model is here.
    pub(crate) lacks_models: bool,
}

impl TestNode {
    pub(crate) fn new() -> Self {
        let genesis = Genesis {
            network: "test".into(),
            params: Params::with_block_ms(100),
            scheduler: AccountId([9; 32]),
            validators: vec![GenesisValidator { account: validator(), stake: Amount::ciro(90) }],
            accounts: vec![GenesisAccount { account: client().account(), balance: Amount::ciro(1_000) }],
        };
        Self {
            state: Mutex::new(State::genesis(&genesis).expect("a good genesis")),
            events: Mutex::new(Vec::new()),
            committed: watch::channel(Height(0)).0,
            fates: Mutex::default(),
            stuck: None,
            uploads: Arc::default(),
            lacks_inputs: false,
            lacks_models: false,
            open: Mutex::default(),
            offers: Ok(vec![offered(5, 10), offered(6, 12)]),
        }
    }

    pub(crate) fn chain(&self) -> ChainId {
        self.state.lock().expect("not poisoned").chain()
    }
}

impl TestNode {
    /// What its clients have paid for blocks, and the deposits of their models.
    pub(crate) fn fees(&self) -> Amount {
        let paid = |event: &CommittedEvent| match &event.event {
            Event::FeePaid { amount, .. } => *amount,
            _ => Amount::ZERO,
        };
        let fees: Amount = self.events.lock().expect("not poisoned").iter().map(paid).sum();
        let deposits: Amount = self.state.lock().expect("not poisoned").models().map(|(_, model)| model.deposit).sum();
        Amount(fees.0 + deposits.0)
    }

    /// A block with this transaction alone.
    fn execute(&self, tx: &SignedTx) -> Fate {
        let mut state = self.state.lock().expect("not poisoned");
        let refused = |e: ciro_state::TxError| NodeError::Refused { reason: e.to_string() };
        let checked = check_stateless(tx, &*state, &Nothing, &Nothing).map_err(refused)?;
        let (height, proposer) = (state.height().next(), validator());
        let context = BlockContext { height, proposer, entropy: Hash32::ZERO };
        let refused_block = |e: ciro_state::BlockError| NodeError::Refused { reason: format!("{e:?}") };
        let effects = apply_block(&mut state, &context, &[checked]).map_err(refused_block)?;
        self.events.lock().expect("not poisoned").extend(effects.committed());
        self.committed.send_replace(state.height());
        match &effects.outcomes[0] {
            Ok(_) => Ok(tx.id()),
            Err(error) => Err(refused(error.clone())),
        }
    }
}

/// An upload in memory.
struct Taken {
    kind: UploadKind,
    bytes: Vec<u8>,
}

struct Nothing;

impl ProofCheck for Nothing {
    fn check(&self, _: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        Err(ProofRejection { reason: "no proof is expected here".into() })
    }

    fn cost(&self, _: &[u8], _: &ModelRoots) -> Result<ModelCost, ProofRejection> {
        Ok(ModelCost::default())
    }
}

impl EvidenceCheck for Nothing {
    fn check(&self, _: ChainId, _: &[u8]) -> Result<Offence, EvidenceRejection> {
        Err(EvidenceRejection { reason: "no evidence is expected here".into() })
    }
}

impl TestNode {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.state();
        Status {
            network: "test".into(),
            chain: state.chain(),
            version: "0".into(),
            height: state.height(),
            scheduler: state.scheduler(),
            validators: state.validators().count() as u64,
            workers: state.offers().count() as u64,
            block_ms: 100,
            read_only: None,
            params: state.params().clone(),
        }
    }

    fn job(&self, id: JobId) -> Option<JobView> {
        let job = self.state().job(&id).cloned()?;
        let waits_for = job.is_open().then(Refusal::default);
        Some(JobView::of(id, job, waits_for))
    }

    fn block(&self, height: Height) -> Option<BlockView> {
        let view = BlockView {
            height,
            id: BlockId::ZERO,
            parent: BlockId::ZERO,
            proposer: validator(),
            state_root: StateRoot::ZERO,
            receipts_root: Hash32::ZERO,
            transactions: Vec::new(),
            signers: vec![validator()],
        };
        (height <= *self.committed.borrow()).then_some(view)
    }

    fn events(&self, from: EventPosition, limit: u32) -> Vec<CommittedEvent> {
        let events = self.events.lock().expect("not poisoned");
        events.iter().filter(|event| event.position >= from).take(limit as usize).cloned().collect()
    }

    fn answer(&self, query: Query) -> Answer {
        match query {
            Query::Status(_) => Answer::Status(self.status()),
            Query::Params(_) => Answer::Params(self.state().params().clone()),
            Query::Standing(ask::Standing { account }) => Answer::Standing(Standing::of(&self.state(), account)),
            Query::Account(ask::Account { account }) => {
                let queued = self.stuck.iter().map(|stuck| stuck.lock().expect("not poisoned").len() as u64).sum();
                Answer::Account(AccountView::of(&self.state(), account, Nonce(queued)))
            }
            Query::Workers(_) => Answer::Workers(WorkerView::all(&self.state())),
            Query::Model(ask::Model { model }) => {
                Answer::Model(ModelView::of(&self.state(), model, !self.lacks_models))
            }
            Query::Job(ask::Job { job }) => Answer::Job(self.job(job)),
            Query::JobStatus(ask::JobStatus { job }) => {
                Answer::JobStatus(self.state().job(&job).map(|found| found.status))
            }
            Query::Fate(ask::Fate { tx }) => Answer::Fate(self.fates.lock().expect("not poisoned").get(&tx).cloned()),
            Query::HoldsInput(_) => Answer::HoldsInput(!self.lacks_inputs),
            Query::HoldsModel(_) => Answer::HoldsModel(!self.lacks_models),
            Query::Offers(ask::Offers { count, .. }) => {
                Answer::Offers(self.offers.clone().map(|offers| offers.into_iter().take(count as usize).collect()))
            }
            Query::StakeAtRisk(ask::StakeAtRisk { assurance, workers }) => {
                Answer::StakeAtRisk(stake_at_risk(&self.state(), assurance, &workers))
            }
            Query::Latency(ask::Latency { assurance }) => {
                Answer::Latency((assurance == Assurance::A4).then_some(Latency { median_ms: 80, jobs: 3 }))
            }
            Query::Receipt(_) => Answer::Receipt(None),
            Query::Block(ask::Block { height }) => Answer::Block(self.block(height)),
            Query::Events(ask::Events { from, limit }) => Answer::Events(self.events(from, limit)),
            Query::Waits(_) => Answer::Waits(Some(Refusal::default())),
        }
    }

    fn carry_out(&self, command: Command) -> Result<Done, NodeError> {
        let mut open = self.open.lock().expect("not poisoned");
        let unknown = || NodeError::Invalid { reason: "no such upload".into() };
        match command {
            Command::Submit { .. } => panic!("submissions go another way"),
            Command::Open { kind, .. } => {
                let id = UploadId(open.len() as u64);
                open.insert(id, Taken { kind, bytes: Vec::new() });
                Ok(Done::Opened(id))
            }
            Command::Append { upload, bytes } => {
                self.uploads.lock().expect("not poisoned").push(bytes.len());
                open.get_mut(&upload).ok_or_else(unknown)?.bytes.extend(bytes);
                Ok(Done::Appended)
            }
            Command::Keep { upload } => keep(&open.remove(&upload).ok_or_else(unknown)?),
            Command::Abandon { upload } => {
                open.remove(&upload);
                Ok(Done::Abandoned)
            }
            Command::Tidy => Ok(Done::Tidied),
        }
    }
}

fn keep(taken: &Taken) -> Result<Done, NodeError> {
    match (taken.kind, taken.bytes.first()) {
        (UploadKind::Input, _) => Ok(Done::KeptInput(input_hash(&taken.bytes))),
        (UploadKind::Model, Some(b'M')) => {
            let (model, roots) = (ModelId([7; 32]), ModelRoots::default());
            Ok(Done::KeptModel(StoredModel { model, roots, is_registered: false }))
        }
        (UploadKind::Model, _) => Err(NodeError::Invalid { reason: "not a model".into() }),
    }
}

impl Node for TestNode {
    fn query(&self, query: Query) -> Result<Answer, NodeError> {
        Ok(self.answer(query))
    }

    fn command(&self, command: Command) -> Result<Done, NodeError> {
        match command {
            Command::Submit { tx, until } => {
                let fate = self.submit(*tx, until)?.blocking_recv();
                fate.map_err(|_| NodeError::Unavailable { reason: "it is stopping".into() })?.map(Done::Submitted)
            }
            other => self.carry_out(other),
        }
    }

    fn submit(&self, tx: SignedTx, until: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, pending) = oneshot::channel();
        if let Some(stuck) = &self.stuck {
            match until {
                Until::Committed => stuck.lock().expect("not poisoned").push(reply),
                Until::Waiting => reply.send(Ok(tx.id())).expect("somebody waits"),
            }
            return Ok(pending);
        }
        let (id, fate) = (tx.id(), self.execute(&tx));
        self.fates.lock().expect("not poisoned").insert(id, fate.clone());
        reply.send(fate).expect("somebody waits");
        Ok(pending)
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.committed.subscribe()
    }
}

/// The node as a gateway of another process sees it: everything between them is bytes.
pub(crate) fn elsewhere(node: Arc<TestNode>) -> Arc<dyn Node> {
    let ((near_in, far_out), (far_in, near_out)) = (pipe(), pipe());
    let node: Arc<dyn Node> = node;
    std::thread::spawn(move || serve(&node, far_in, far_out).expect("ends between two messages"));
    Arc::new(Remote::connect(near_in, near_out))
}

//! A node with a real ledger state and no network: every accepted transaction is a block.

use ciro_crypto::Keypair;
use ciro_gateway::{BlockView, Client, Fate, Node, NodeError, Sink, Status, StoredModel, Until};
use ciro_queue::Position;
use ciro_receipt::Receipt;
use ciro_scheduler::Refusal;
use ciro_state::{
    BlockContext, CommittedEvent, Event, EvidenceCheck, EvidenceRejection, Facts, Genesis, GenesisAccount,
    GenesisValidator, Offence, Params, ProofCheck, ProofClaim, ProofCost, ProofRejection, SignedTx, State, apply_block,
    check_stateless, input_hash,
};
use ciro_types::{
    AccountId, Amount, Assurance, BlockId, ChainId, Hash32, Height, JobId, ModelId, Nonce, Requirements, StateRoot,
    TxId,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::{oneshot, watch};

pub(crate) fn client() -> Keypair {
    Keypair::from_seed([1; 32])
}

pub(crate) fn validator() -> AccountId {
    Keypair::from_seed([2; 32]).account()
}

pub(crate) struct TestNode {
    state: Mutex<State>,
    events: Mutex<Vec<CommittedEvent>>,
    committed: watch::Sender<Height>,
    fates: Mutex<BTreeMap<TxId, Fate>>,
    pub(crate) offers: Result<Vec<(AccountId, Amount)>, Refusal>,
    /// Keeps every transaction waiting: where their clients wait.
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
            offers: Ok(vec![(AccountId([5; 32]), Amount::ciro(10)), (AccountId([6; 32]), Amount::ciro(12))]),
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
    uploads: Arc<Mutex<Vec<usize>>>,
    bytes: Vec<u8>,
}

impl Taken {
    fn new(uploads: &Arc<Mutex<Vec<usize>>>) -> Self {
        Self { uploads: Arc::clone(uploads), bytes: Vec::new() }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.uploads.lock().expect("not poisoned").push(bytes.len());
    }
}

impl Sink<Hash32> for Taken {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.take(bytes);
        Ok(())
    }

    fn keep(self: Box<Self>) -> Result<Hash32, NodeError> {
        Ok(input_hash(&self.bytes))
    }
}

impl Sink<StoredModel> for Taken {
    fn write(&mut self, bytes: &[u8]) -> Result<(), NodeError> {
        self.take(bytes);
        Ok(())
    }

    fn keep(self: Box<Self>) -> Result<StoredModel, NodeError> {
        match self.bytes.first() {
            Some(b'M') => {
                Ok(StoredModel { model: ModelId([7; 32]), weight_root: Hash32([8; 32]), is_registered: false })
            }
            _ => Err(NodeError::Invalid { reason: "not a model".into() }),
        }
    }
}

struct Nothing;

impl ProofCheck for Nothing {
    fn check(&self, _: &ProofClaim<'_>) -> Result<(), ProofRejection> {
        Err(ProofRejection { reason: "no proof is expected here".into() })
    }

    fn cost(&self, _: &[u8], _: Hash32) -> Result<ProofCost, ProofRejection> {
        Ok(ProofCost::default())
    }
}

impl EvidenceCheck for Nothing {
    fn check(&self, _: ChainId, _: &[u8]) -> Result<Offence, EvidenceRejection> {
        Err(EvidenceRejection { reason: "no evidence is expected here".into() })
    }
}

impl Node for TestNode {
    fn status(&self) -> Result<Status, NodeError> {
        let state = self.state.lock().expect("not poisoned");
        Ok(Status {
            network: "test".into(),
            chain: state.chain(),
            version: "0".into(),
            height: state.height(),
            scheduler: state.scheduler(),
            validators: state.validators().count(),
            workers: state.offers().count(),
            block_ms: 100,
            read_only: None,
            params: state.params().clone(),
        })
    }

    fn with_state(&self, read: Box<dyn FnOnce(&State) + Send>) -> Result<(), NodeError> {
        read(&self.state.lock().expect("not poisoned"));
        Ok(())
    }

    fn next_nonce(&self, account: AccountId) -> Result<Nonce, NodeError> {
        Ok(self.state.lock().expect("not poisoned").account(&account).nonce)
    }

    fn submit(&self, tx: SignedTx, _: Until) -> Result<oneshot::Receiver<Fate>, NodeError> {
        let (reply, pending) = oneshot::channel();
        if let Some(stuck) = &self.stuck {
            stuck.lock().expect("not poisoned").push(reply);
            return Ok(pending);
        }
        let (id, fate) = (tx.id(), self.execute(&tx));
        self.fates.lock().expect("not poisoned").insert(id, fate.clone());
        reply.send(fate).expect("somebody waits");
        Ok(pending)
    }

    fn fate(&self, tx: TxId) -> Result<Option<Fate>, NodeError> {
        Ok(self.fates.lock().expect("not poisoned").get(&tx).cloned())
    }

    fn take_input(&self, _: &Client) -> Result<Box<dyn Sink<Hash32>>, NodeError> {
        Ok(Box::new(Taken::new(&self.uploads)))
    }

    fn take_model(&self, _: &Client) -> Result<Box<dyn Sink<StoredModel>>, NodeError> {
        Ok(Box::new(Taken::new(&self.uploads)))
    }

    fn holds_input(&self, _: Hash32) -> Result<bool, NodeError> {
        Ok(!self.lacks_inputs)
    }

    fn holds_model(&self, _: ModelId) -> Result<bool, NodeError> {
        Ok(!self.lacks_models)
    }

    fn tidy(&self) -> Result<(), NodeError> {
        Ok(())
    }

    fn offers(&self, _: Requirements, count: usize) -> Result<Result<Vec<(AccountId, Amount)>, Refusal>, NodeError> {
        Ok(self.offers.clone().map(|offers| offers.into_iter().take(count).collect()))
    }

    fn waits_for(&self, _: JobId) -> Result<Option<Refusal>, NodeError> {
        Ok(Some(Refusal::default()))
    }

    fn receipt(&self, _: JobId) -> Result<Option<Receipt>, NodeError> {
        Ok(None)
    }

    fn block(&self, height: Height) -> Result<Option<BlockView>, NodeError> {
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
        Ok((height <= *self.committed.borrow()).then_some(view))
    }

    fn events(&self, from: Position, limit: usize) -> Result<Vec<CommittedEvent>, NodeError> {
        let at = |event: &&CommittedEvent| (event.position.height, event.position.index) >= (from.height, from.index);
        Ok(self.events.lock().expect("not poisoned").iter().filter(at).take(limit).cloned().collect())
    }

    fn committed(&self) -> watch::Receiver<Height> {
        self.committed.subscribe()
    }

    fn latency(&self, assurance: Assurance) -> Option<(u64, usize)> {
        (assurance == Assurance::A4).then_some((80, 3))
    }
}

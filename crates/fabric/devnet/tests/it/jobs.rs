//! Jobs through a whole network, and what a restart finds.

use ciro_api::{
    AccountView, Asking as _, Client as Uploader, Command, Done, Node as _, NodeError, Status, StoredModel, Until,
    UploadKind, ask,
};
use ciro_crypto::Keypair;
use ciro_devnet::{Network, Options};
use ciro_graph::{RawInput, RawOutput, RawTensor};
use ciro_node::{Layout, LocalNode, Notify, load_key};
use ciro_prover::ProvingKey;
use ciro_receipt::{Receipt, check};
use ciro_state::{
    Action, CommittedEvent, DeclineReason, Event, EventPosition, FailReason, JobAction, JobStatus, ModelAction,
    RefundReason, SignedTx, TokenAction, TxBody, WorkerAction, job_id,
};
use ciro_test_models::relu;
use ciro_types::{
    AccountId, Amount, Assurance, Hash32, Height, JobId, JobSpec, JobType, ModelId, Nonce, Requirements, TxId, decode,
    encode,
};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) fn raw(values: [f32; 2]) -> Vec<u8> {
    encode(&RawInput(vec![RawTensor { shape: vec![1, 2], bits: values.map(f32::to_bits).to_vec() }]))
}

/// A client with the wallet of a network.
pub(crate) struct Client {
    pub(crate) node: Arc<LocalNode>,
    pub(crate) key: Keypair,
}

fn start(root: &Path) -> (Network, Client) {
    let notify: Notify = Arc::new(|notice| panic!("nothing goes wrong here, but: {notice:?}"));
    start_with(root, Options::default(), &notify)
}

pub(crate) fn start_with(root: &Path, options: Options, notify: &Notify) -> (Network, Client) {
    let network = Network::start(root, options, notify).expect("starts");
    let client = client_of(root, &network);
    (network, client)
}

/// The owner of the wallet at a network that runs.
pub(crate) fn client_of(root: &Path, network: &Network) -> Client {
    let key = load_key(&Layout::new(root).wallet()).expect("the wallet is there");
    Client { node: network.node(), key }
}

impl Client {
    pub(crate) fn network(&self) -> Status {
        self.node.ask(ask::Status {}).expect("answers")
    }

    pub(crate) fn account(&self, account: AccountId) -> AccountView {
        self.node.ask(ask::Account { account }).expect("answers")
    }

    pub(crate) fn events(&self, limit: u32) -> Vec<CommittedEvent> {
        self.node.ask(ask::Events { from: EventPosition::default(), limit }).expect("answers")
    }

    pub(crate) fn balance(&self) -> Amount {
        self.account(self.key.account()).balance
    }

    /// What the client has paid for transactions and deposits, by the events.
    fn fees(&self) -> u128 {
        let account = self.key.account();
        let events = self.events(100_000);
        let paid = events.iter().map(|event| match &event.event {
            Event::FeePaid { account: by, amount } | Event::ModelRegistered { by, deposit: amount, .. }
                if *by == account =>
            {
                amount.0
            }
            _ => 0,
        });
        paid.sum()
    }

    pub(crate) fn send(&self, action: Action) -> Result<(), NodeError> {
        let sender = self.key.account();
        let (chain, nonce) = (self.network().chain, self.account(sender).nonce);
        let tx = SignedTx::sign(TxBody { chain, sender, nonce, action }, &self.key);
        self.submit(tx, Until::Committed).map(drop)
    }

    /// As the gateway does: what is in a block outweighs what the validator says of its nonce.
    pub(crate) fn submit(&self, tx: SignedTx, until: Until) -> Result<TxId, NodeError> {
        let id = tx.id();
        let fate = self.node.submit(tx, until)?.blocking_recv().expect("the node runs");
        match (fate, self.node.ask(ask::Fate { tx: id })?) {
            (Err(NodeError::Refused { .. } | NodeError::Nonce { .. }), Some(known)) => known,
            (fate, _) => fate,
        }
    }

    pub(crate) fn put_input(&self, bytes: &[u8]) -> Hash32 {
        match self.upload(UploadKind::Input, bytes) {
            Ok(Done::KeptInput(input)) => input,
            other => panic!("an input was not kept: {other:?}"),
        }
    }

    fn put_model(&self, bytes: &[u8]) -> Result<StoredModel, NodeError> {
        match self.upload(UploadKind::Model, bytes)? {
            Done::KeptModel(model) => Ok(model),
            other => panic!("a model was not kept: {other:?}"),
        }
    }

    fn upload(&self, kind: UploadKind, bytes: &[u8]) -> Result<Done, NodeError> {
        let opened = self.node.command(Command::Open { kind, client: self.client() })?;
        let Done::Opened(upload) = opened else { panic!("no upload was opened: {opened:?}") };
        for piece in bytes.chunks(100) {
            self.node.command(Command::Append { upload, bytes: piece.to_vec() })?;
        }
        self.node.command(Command::Keep { upload })
    }

    fn client(&self) -> Uploader {
        Uploader::Account(self.key.account())
    }

    pub(crate) fn register(&self) -> ModelId {
        let stored = self.put_model(&encode(&relu(0))).expect("a good model");
        let program = encode(&relu(0).program);
        match self.send(Action::Model(ModelAction::Register { program, roots: stored.roots })) {
            // After a restart it is there.
            Err(NodeError::Refused { reason }) if reason.contains("registered already") => {}
            registered => registered.expect("registers"),
        }
        stored.model
    }

    pub(crate) fn order(&self, model: ModelId, input: Hash32, assurance: Assurance, nonce: u64) -> JobId {
        self.order_from(&Requirements::default(), model, input, assurance, nonce)
    }

    /// An order that only such workers may serve.
    pub(crate) fn order_from(
        &self,
        requirements: &Requirements,
        model: ModelId,
        input: Hash32,
        assurance: Assurance,
        nonce: u64,
    ) -> JobId {
        let Status { chain, height, .. } = self.network();
        let spec = JobSpec {
            chain,
            client: self.key.account(),
            nonce: Nonce(nonce),
            job_type: JobType::AIInference,
            model,
            input,
            assurance,
            max_price: Amount::ciro(5),
            deadline: height.plus(600),
            requirements: requirements.clone(),
        };
        self.send(Action::Job(JobAction::Submit { spec: spec.clone() })).expect("orders");
        job_id(&spec)
    }

    /// Waits for what `look` finds. A test that hangs fails here with what it waited for.
    pub(crate) fn wait<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Instant::now() < deadline {
            if let Some(found) = look() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain for {what}")
    }

    pub(crate) fn status(&self, job: JobId) -> Option<JobStatus> {
        self.node.ask(ask::JobStatus { job }).expect("answers")
    }

    pub(crate) fn receipt(&self, job: JobId) -> Receipt {
        *self.wait("a receipt", || self.node.ask(ask::Receipt { job }).expect("answers"))
    }
}

fn output_of(receipt: &Receipt) -> RawOutput {
    decode(&receipt.output, 1_000).expect("canonical")
}

#[test]
fn every_rung_pays_once_and_hands_over_a_receipt_that_a_stranger_accepts() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let chain = client.network().chain;
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    for (nonce, assurance) in (0..).zip(Assurance::ALL) {
        let (before, earlier) = (client.balance(), client.fees());
        let job = client.order(model, input, assurance, nonce);
        let receipt = client.receipt(job);
        assert_eq!(output_of(&receipt), RawOutput(vec![vec![4]]), "{assurance:?}");
        let report = check(&receipt, Some(chain)).expect("valid");
        let record = report.record.expect("settled");
        assert_eq!((report.assurance, record.job), (assurance, job));
        let paid: Amount = record.payments.iter().map(|payment| payment.price).sum();
        assert_eq!(client.balance().0, before.0 - paid.0 - record.fee.0 - (client.fees() - earlier));
    }
    assert!(client.node.ask(ask::Latency { assurance: Assurance::A4 }).expect("answers").is_some());
}

#[test]
fn a_job_nobody_can_answer_is_refunded_with_the_workers_reason() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let model = client.register();
    let far = client.put_input(&raw([1e9, 0.0]));
    let (before, earlier) = (client.balance(), client.fees());
    for (nonce, (input, reason)) in
        (0..).zip([(far, FailReason::InputInvalid), (Hash32([7; 32]), FailReason::InputUnavailable)])
    {
        let job = client.order(model, input, Assurance::A4, nonce);
        let status = client.wait("the refund", || match client.status(job)? {
            JobStatus::Open => None,
            ended => Some(ended),
        });
        assert!(
            matches!(status, JobStatus::Refunded { reason: RefundReason::Failed(why), .. } if why == reason),
            "{status:?}"
        );
    }
    assert_eq!(client.balance().0, before.0 - (client.fees() - earlier), "the price came back, fees do not");
}

#[test]
fn a_job_whose_input_the_machine_cannot_read_for_now_is_answered_later() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    let path = Layout::new(directory.path()).blobs().join("inputs").join(input.to_string());
    let aside = directory.path().join("aside");
    std::fs::rename(&path, &aside).expect("there");
    // A link to itself cannot be opened, whoever tries.
    std::os::unix::fs::symlink(&path, &path).expect("writable");
    let job = client.order(model, input, Assurance::A4, 0);
    client.wait("a worker that declines", || {
        let events = client.events(10_000);
        let declines = |event: &Event| matches!(event, Event::LeaseAbandoned { reason: DeclineReason::Impaired, .. });
        events.iter().any(|event| declines(&event.event)).then_some(())
    });
    std::fs::rename(&aside, &path).expect("writable");
    assert_eq!(output_of(&client.receipt(job)), RawOutput(vec![vec![4]]));
}

#[test]
fn a_stopped_network_goes_on_where_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let (network, client) = start(directory.path());
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    let job = client.order(model, input, Assurance::A4, 0);
    let receipt = client.receipt(job);
    let (balance, events) = (client.balance(), client.events(1_000));
    // An order that is accepted and not served before the stop.
    let late = client.order(model, input, Assurance::A2, 1);
    drop((network, client));

    let (_network, client) = start(directory.path());
    assert_eq!(client.receipt(job), receipt);
    assert!(client.balance() < balance, "the second order is paid for");
    let again = client.events(events.len() as u32);
    assert_eq!(again[..events.len()], events);
    let record = client.receipt(late).settlement.expect("settled").record;
    assert_eq!(record.job, late);
}

#[test]
fn one_directory_runs_one_network_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, _client) = start(directory.path());
    let mode = std::fs::metadata(directory.path().join("network")).expect("is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "stores and logs hold what clients sent");
    let notify: Notify = Arc::new(|_| {});
    assert!(Network::start(directory.path(), Options::default(), &notify).is_err());
}

#[test]
fn the_model_is_what_its_id_says() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let key = ProvingKey::new(relu(0)).expect("the model has a relation");
    let model = client.register();
    assert_eq!(model, key.model_id());
    let numbers: usize = relu(0).weights.iter().map(Vec::len).sum();
    let params = client.node.ask(ask::Params {}).expect("answers");
    let expected = ciro_state::model::deposit(&params, key.program().len(), 4 * numbers as u64);
    let registered = client.events(100).into_iter().find_map(|event| match event.event {
        Event::ModelRegistered { model: of, deposit, .. } if of == model => Some(deposit),
        _ => None,
    });
    assert_eq!(registered, Some(expected), "program and weights are paid for");
    let refused = client.put_model(&[1, 2, 3]);
    assert!(matches!(refused, Err(NodeError::Invalid { .. })));
    let poor =
        client.send(Action::Token(TokenAction::Transfer { to: AccountId([1; 32]), amount: Amount::ciro(2_000_000) }));
    assert!(matches!(poor, Err(NodeError::Refused { .. })), "{poor:?}");
    assert!(client.node.ask(ask::Block { height: Height(1) }).expect("answers").is_some());
}

#[test]
fn a_strangers_stale_nonce_stops_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let model = client.register();
    let input = client.put_input(&raw([5.0, 2.0]));
    let stranger = Client { node: Arc::clone(&client.node), key: Keypair::from_seed([77; 32]) };
    client
        .send(Action::Token(TokenAction::Transfer { to: stranger.key.account(), amount: Amount::ciro(100) }))
        .expect("pays");
    let pay = Action::Token(TokenAction::Transfer { to: AccountId([1; 32]), amount: Amount(1) });
    // Far beyond any worker's own.
    (0..20).for_each(|_| stranger.send(pay.clone()).expect("pays"));
    let (chain, sender) = (client.network().chain, stranger.key.account());
    let stale = SignedTx::sign(
        TxBody { chain, sender, nonce: Nonce(0), action: Action::Worker(WorkerAction::WithdrawStake) },
        &stranger.key,
    );
    let refused = client.submit(stale, Until::Committed);
    assert!(matches!(refused, Err(NodeError::Nonce { .. })), "{refused:?}");
    for (nonce, assurance) in (0..).zip(Assurance::ALL) {
        client.receipt(client.order(model, input, assurance, nonce));
    }
}

#[test]
fn a_waiting_transaction_holds_its_nonce_and_is_the_same_when_it_is_sent_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let (_network, client) = start(directory.path());
    let sender = client.key.account();
    let (chain, first) = (client.network().chain, client.account(sender).next_nonce);
    let to = AccountId([1; 32]);
    let pay = |nonce, amount| {
        SignedTx::sign(
            TxBody { chain, sender, nonce, action: Action::Token(TokenAction::Transfer { to, amount }) },
            &client.key,
        )
    };
    let txs: Vec<SignedTx> = (0..8).map(|n| pay(Nonce(first.0 + n), Amount(1))).collect();
    for (waiting, tx) in (1..).zip(&txs) {
        client.submit(tx.clone(), Until::Waiting).expect("waits");
        assert_eq!(client.account(sender).next_nonce, Nonce(first.0 + waiting));
    }
    for tx in &txs {
        assert_eq!(client.submit(tx.clone(), Until::Committed), Ok(tx.id()));
    }
    assert_eq!(client.account(to).balance, Amount(8), "each was paid once");
    let other = client.submit(pay(first, Amount(2)), Until::Committed);
    assert!(matches!(other, Err(NodeError::Nonce { .. })), "{other:?}");
}

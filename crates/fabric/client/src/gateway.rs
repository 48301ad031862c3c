//! The gateway, as a client sees it: typed questions, typed refusals.

use crate::errand::{Answer as Then, Ask, Errand};
use crate::error::ClientError;
use crate::patience::Patience;
use crate::purse::Purse;
use ciro_api::code;
use ciro_api::http::{Problem, Quote, Rung, StoredInput, SubmittedJob, SubmittedTx, TxRequest};
use ciro_api::signed::{SIGNED_BLOCKS, authorization};
use ciro_api::{AccountView, BlockView, JobView, ModelView, Status, StoredModel, Until};
use ciro_crypto::Keypair;
use ciro_receipt::Receipt;
use ciro_receipt::receipt::RECEIPT_BYTES_MAX;
use ciro_state::{Action, JobAction, SignedTx, job_id};
use ciro_types::{AccountId, ChainId, Hash32, Height, JobId, JobSpec, ModelId, Requirements, TxId, encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use ureq::http::Response;
use ureq::{Agent, RequestBuilder};

/// Longer than the gateway takes to commit or to give up.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a transaction is tried again that others of the same account, or a full pool, keep from being committed.
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest JSON answer, bytes.
const JSON_BYTES_MAX: u64 = 16 << 20;

/// Longest sentence of a gateway that is repeated, characters.
const SAID_MAX: usize = 1_000;

const TRANSACTIONS: &str = "/v1/transactions";

/// A gateway.
pub struct Client {
    agent: Agent,
    endpoint: String,
    signer: OnceLock<Signer>,
}

/// Signs requests, so that the gateway knows whose they are.
struct Signer {
    key: Keypair,
    chain: ChainId,
    /// Up to which height signatures are good: half as far ahead as the gateway takes.
    until: AtomicU64,
}

impl Signer {
    fn seen(&self, height: Height) {
        self.until.store(height.0.saturating_add(SIGNED_BLOCKS / 2), Ordering::Relaxed);
    }

    fn sign(&self, method: &str, path: &str) -> String {
        authorization(&self.key, self.chain, method, path, Height(self.until.load(Ordering::Relaxed)))
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: Problem,
}

/// What a question is answered with.
pub type Answer<T> = Result<T, ClientError>;

impl Client {
    /// A client of the gateway at `endpoint`, `http://host:port`. Connects to nothing yet.
    #[must_use]
    pub fn new(endpoint: &str) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_PATIENCE)).build();
        Self { agent: config.into(), endpoint: endpoint.trim_end_matches('/').to_string(), signer: OnceLock::new() }
    }

    /// Signs all requests from now on with `key`: they have budgets of their own, and may read the account's receipts.
    pub fn sign_as(&self, key: &Keypair, status: &Status) {
        let key = Keypair::from_seed(key.seed());
        let signer = self.signer.get_or_init(|| Signer { key, chain: status.chain, until: AtomicU64::new(0) });
        signer.seen(status.height);
    }

    /// The network, and how far it is.
    ///
    /// # Errors
    /// [`ClientError`], as for every question here.
    pub fn status(&self) -> Answer<Status> {
        let status: Status = self.get("/v1/status")?;
        Ok(Status { network: said(&status.network), version: said(&status.version), ..status })
    }

    /// An account.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn account(&self, account: AccountId) -> Answer<AccountView> {
        self.get(&format!("/v1/accounts/{account}"))
    }

    /// A registered model.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_absent`] if there is none.
    pub fn model(&self, model: ModelId) -> Answer<ModelView> {
        self.get(&format!("/v1/models/{model}"))
    }

    /// A job.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_absent`] if there is none.
    pub fn job(&self, job: JobId) -> Answer<JobView> {
        let view: JobView = self.get(&format!("/v1/jobs/{job}"))?;
        Ok(JobView { waits_because: view.waits_because.as_deref().map(said), ..view })
    }

    /// A block in brief.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_absent`] if there is none.
    pub fn block(&self, height: Height) -> Answer<BlockView> {
        self.get(&format!("/v1/blocks/{height}"))
    }

    /// What each rung costs now on a machine that has this.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn quote(&self, needs: &Requirements) -> Answer<Quote> {
        let (memory, flags, reputation) = (needs.memory, needs.flags.0, needs.min_reputation);
        let quote: Quote = self.get(&format!("/v1/quote?memory={memory}&flags={flags}&min_reputation={reputation}"))?;
        let rungs = quote.rungs.into_iter().map(|rung| Rung {
            refusal: rung.refusal.as_deref().map(said),
            undetected: said(&rung.undetected),
            basis: said(&rung.basis),
            ..rung
        });
        Ok(Quote { rungs: rungs.collect(), ..quote })
    }

    /// The receipt of a paid job.
    ///
    /// # Errors
    /// [`ClientError`]; [`ClientError::is_early`] until the block after its settlement is certified.
    pub fn receipt(&self, job: JobId) -> Answer<Receipt> {
        let path = format!("/v1/jobs/{job}/receipt");
        let limit = u64::try_from(RECEIPT_BYTES_MAX).unwrap_or(u64::MAX);
        let bytes = self.exchange("GET", &path, limit, None)?;
        Receipt::from_bytes(&bytes).map_err(|e| strange(&e.to_string()))
    }

    /// Brings a compiled model, in canonical bytes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put_model(&self, bytes: &[u8]) -> Answer<StoredModel> {
        self.post("/v1/models", "application/octet-stream", bytes)
    }

    /// Brings a raw input, in canonical bytes. Returns its hash.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn put_input(&self, bytes: &[u8]) -> Answer<Hash32> {
        let stored: StoredInput = self.post("/v1/inputs", "application/octet-stream", bytes)?;
        Ok(stored.input)
    }

    /// Signs and commits an action. Returns once it is durable.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn act(&self, purse: &Purse, chain: ChainId, action: &Action) -> Answer<TxId> {
        let submitted: SubmittedTx = self.submit(TRANSACTIONS, purse, chain, action)?;
        Ok(submitted.tx)
    }

    /// Signs and commits an order. The same order again is the same job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn order(&self, purse: &Purse, spec: &JobSpec) -> Answer<JobId> {
        let action = Action::Job(JobAction::Submit { spec: spec.clone() });
        let submitted: SubmittedJob = self.submit("/v1/jobs", purse, spec.chain, &action)?;
        let expected = job_id(spec);
        if submitted.job == expected { Ok(expected) } else { Err(strange("another job was ordered")) }
    }

    /// Signs an action, has it wait for a block, and follows it there: see [`Errand`].
    fn submit<T: DeserializeOwned>(&self, path: &str, purse: &Purse, chain: ChainId, action: &Action) -> Answer<T> {
        let patience = Patience::new(PATIENCE);
        let mut errand = Errand::new(chain, action.clone());
        let mut turn = None;
        loop {
            let refused = match errand.ask() {
                Some(Ask::Account) => {
                    turn = if errand.is_unsigned() { purse.turn() } else { None };
                    let account = self.account(purse.key().account())?;
                    errand.on_account(purse.key(), account.nonce, account.next_nonce);
                    continue;
                }
                Some(Ask::Enqueue(tx)) => {
                    let answer: Answer<SubmittedTx> = self.post_tx(TRANSACTIONS, &tx, Until::Waiting);
                    drop(turn.take());
                    answer.err()
                }
                Some(Ask::Fill(tx)) => {
                    // Taken or not, the next question for the account shows whether the gap is closed.
                    let _: Answer<SubmittedTx> = self.post_tx(TRANSACTIONS, &tx, Until::Waiting);
                    errand.on_answer(Then::Unknown);
                    continue;
                }
                Some(Ask::Follow(tx)) => match self.post_tx(path, &tx, Until::Committed) {
                    Ok(answer) => return Ok(answer),
                    Err(refused) => Some(refused),
                },
                None => return Err(strange("a transaction ended without an answer")),
            };
            errand.on_answer(passing(refused, &patience)?);
        }
    }

    fn post_tx<T: DeserializeOwned>(&self, path: &str, tx: &SignedTx, until: Until) -> Answer<T> {
        let body = TxRequest { tx: hex::encode(encode(tx)), until };
        let body = serde_json::to_vec(&body).map_err(|e| strange(&e.to_string()))?;
        self.post(path, "application/json", &body)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> Answer<T> {
        from_json(&self.exchange("GET", path, JSON_BYTES_MAX, None)?)
    }

    fn post<T: DeserializeOwned>(&self, path: &str, kind: &str, body: &[u8]) -> Answer<T> {
        from_json(&self.exchange("POST", path, JSON_BYTES_MAX, Some((kind, body)))?)
    }

    /// Sends a request until it is answered. A busy gateway says when to come again. One that has closed an idle connection is simply
    /// called anew. Every request may be repeated.
    fn exchange(&self, method: &str, path: &str, limit: u64, body: Option<(&str, &[u8])>) -> Answer<Vec<u8>> {
        let started = Instant::now();
        let (mut is_renewed, mut is_called_anew) = (false, false);
        loop {
            match self.once(method, path, limit, body, self.signer.get()) {
                Err(ClientError::Refused(busy)) if busy.code == code::TOO_MANY && started.elapsed() < PATIENCE => {
                    std::thread::sleep(busy.wait());
                }
                Err(ClientError::Refused(stale)) if stale.code == code::UNSIGNED && !is_renewed => {
                    is_renewed = true;
                    self.renew()?;
                }
                Err(ClientError::Unreachable { .. }) if !is_called_anew => is_called_anew = true,
                other => return other,
            }
        }
    }

    /// Signatures run out: the network has made many blocks since.
    fn renew(&self) -> Answer<()> {
        let status: Status = from_json(&self.once("GET", "/v1/status", JSON_BYTES_MAX, None, None)?)?;
        self.signer.get().iter().for_each(|signer| signer.seen(status.height));
        Ok(())
    }

    fn once(
        &self,
        method: &str,
        path: &str,
        limit: u64,
        body: Option<(&str, &[u8])>,
        signer: Option<&Signer>,
    ) -> Answer<Vec<u8>> {
        let signed = signer.map(|signer| signer.sign(method, path));
        let answer = match body {
            None => signed_by(self.agent.get(self.url(path)), signed).call(),
            Some((kind, body)) => signed_by(self.agent.post(self.url(path)).content_type(kind), signed).send(body),
        };
        self.bytes(answer.map_err(|e| self.unreachable(&e))?, limit)
    }

    fn bytes(&self, mut answer: Response<ureq::Body>, limit: u64) -> Answer<Vec<u8>> {
        let is_success = answer.status().is_success();
        let body = answer.body_mut().with_config().limit(limit).read_to_vec().map_err(|e| self.unreachable(&e))?;
        if is_success { Ok(body) } else { Err(refused(&body)) }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.endpoint)
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        ClientError::Unreachable { endpoint: self.endpoint.clone(), reason: error.to_string() }
    }
}

/// The answer is not what the schema says.
fn strange(reason: &str) -> ClientError {
    ClientError::Strange { reason: said(reason) }
}

/// What an answer means for an errand. One that asking again does not change, or that has been asked for too long, ends it.
fn passing(refused: Option<ClientError>, patience: &Patience) -> Answer<Then> {
    let Some(refused) = refused else { return Ok(Then::Done) };
    let Some(then) = refused.code().and_then(Then::of).filter(|_| patience.lasts()) else { return Err(refused) };
    patience.pause();
    Ok(then)
}

/// The gateway's refusal, at a length that a person reads.
fn refused(body: &[u8]) -> ClientError {
    let Ok(ErrorBody { error }) = serde_json::from_slice(body) else {
        return strange(&String::from_utf8_lossy(body.get(..200).unwrap_or(body)));
    };
    let hint = error.hint.as_deref().map(said);
    ClientError::Refused(Problem { message: said(&error.message), hint, ..error })
}

fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Answer<T> {
    serde_json::from_slice(bytes).map_err(|e| strange(&e.to_string()))
}

fn signed_by<B>(request: RequestBuilder<B>, signed: Option<String>) -> RequestBuilder<B> {
    match signed {
        Some(signed) => request.header("authorization", signed),
        None => request,
    }
}

/// What a gateway says, cut to a length that a person reads.
fn said(text: &str) -> String {
    let mut said: String = text.chars().take(SAID_MAX).collect();
    if said.len() < text.len() {
        said.push('…');
    }
    said
}

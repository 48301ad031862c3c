//! Ordering a job and following it to its receipt.
//!
//! An order that is under way is kept in the data directory until it has ended. Repeating a command that was cut short therefore
//! finds its order, and the same order is the same job, paid once.

use crate::cli::{NeedsArgs, Rung};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::ui::Ui;
use ciro_crypto::{Keypair, hash_encoded};
use ciro_gateway::Status;
use ciro_graph::Model;
use ciro_network::Layout;
use ciro_network::durable::{Access, replace};
use ciro_prover::ProvingKey;
use ciro_receipt::Receipt;
use ciro_state::{Action, JobStatus, job_id};
use ciro_types::{
    Amount, Assurance, CapabilityFlags, Hash32, Height, JobId, JobSpec, JobType, MemoryMib, ModelId, Nonce,
    Requirements, decode, encode,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a job is looked at.
const POLL: Duration = Duration::from_millis(5);
/// How long a job may wait for a worker before its client is told why.
const QUIET: Duration = Duration::from_secs(1);
/// Longest stored order, bytes.
const ORDER_BYTES_MAX: usize = 4096;

/// What the command line says about the machine.
pub(crate) fn requirements(needs: &NeedsArgs) -> Requirements {
    Requirements {
        memory: MemoryMib(needs.memory),
        flags: CapabilityFlags(needs.flags),
        min_reputation: needs.min_reputation,
    }
}

/// The rung of the ladder.
pub(crate) fn assurance(rung: Rung) -> Assurance {
    match rung {
        Rung::A0 => Assurance::A0,
        Rung::A2 => Assurance::A2,
        Rung::A4 => Assurance::A4,
    }
}

/// What a client wants, before the network has put a price on it.
pub(crate) struct Wish {
    /// The compiled model.
    pub(crate) model: Model,
    /// Canonical bytes of the raw input.
    pub(crate) input: Vec<u8>,
    /// The rung.
    pub(crate) assurance: Assurance,
    /// The machine.
    pub(crate) requirements: Requirements,
    /// The most to pay.
    pub(crate) max_price: Option<Amount>,
    /// Blocks until the money comes back.
    pub(crate) deadline: u64,
}

/// A client with its wallet at a network.
pub(crate) struct Buyer<'a> {
    /// The gateway.
    pub(crate) client: &'a Client,
    /// The network.
    pub(crate) status: &'a Status,
    /// Who pays.
    pub(crate) key: &'a Keypair,
    /// Where orders under way are kept.
    pub(crate) home: &'a Layout,
    /// The screen.
    pub(crate) ui: Ui,
}

impl Buyer<'_> {
    /// Makes the model and the input available to workers.
    pub(crate) fn publish(&self, wish: &Wish) -> Result<(ModelId, Hash32), CliError> {
        let key = ProvingKey::new(wish.model.clone()).map_err(CliError::failed)?;
        let id = key.model_id();
        if let Err(refused) = self.client.model(id) {
            if refused.code != "not_found" {
                return Err(refused.into());
            }
            self.client.put_model(&encode(&wish.model))?;
            let action = Action::RegisterModel { program: key.program().to_vec(), weight_root: key.weight_root() };
            self.client.act(self.key, self.status.chain, &action)?;
        }
        Ok((id, self.client.put_input(&wish.input)?))
    }

    /// The most to pay: what the client said, if that is enough today, else the quote and a quarter.
    pub(crate) fn price(&self, wish: &Wish) -> Result<Amount, CliError> {
        let quote = self.client.quote(&wish.requirements)?;
        let rung = quote.rungs.into_iter().find(|rung| rung.assurance == wish.assurance);
        let rung = rung.ok_or_else(|| refusal(format!("the network does not offer {:?}", wish.assurance)))?;
        match (rung.price, wish.max_price) {
            // Workers may be busy only now: an order may wait for them.
            (None, Some(price)) => Ok(price),
            (None, None) => Err(refusal(rung.refusal.unwrap_or_else(|| "nobody can serve now".into()))
                .hint("pass --max-price to order anyway and wait")),
            (Some(asked), Some(price)) if price < asked => {
                Err(refusal(format!("{:?} costs {asked} CIRO now, above --max-price {price}", wish.assurance))
                    .hint("raise --max-price or take a lower rung: `ciro quote` shows all"))
            }
            (Some(_), Some(price)) => Ok(price),
            (Some(asked), None) => Ok(asked.mul_div(5, 4).unwrap_or(asked).max(self.status.params.min_price)),
        }
    }

    /// Orders the job, or finds that it was ordered before. The money is in escrow when this returns.
    pub(crate) fn order(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<JobSpec, CliError> {
        let file = self.order_file(wish, model, input);
        if let Some(spec) = self.resumable(&file) {
            self.ui.note(&format!("going on with job {}, which was ordered before", job_id(&spec)));
            self.client.order(self.key, &spec)?;
            return Ok(spec);
        }
        let spec = self.spec(wish, model, input)?;
        self.remember(&file, &spec)?;
        self.client.order(self.key, &spec)?;
        Ok(spec)
    }

    fn spec(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<JobSpec, CliError> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| CliError::failed(format!("the system gives no randomness: {e}")))?;
        Ok(JobSpec {
            chain: self.status.chain,
            client: self.key.account(),
            nonce: Nonce(u64::from_le_bytes(nonce)),
            job_type: JobType::AIInference,
            model,
            input,
            assurance: wish.assurance,
            max_price: self.price(wish)?,
            deadline: Height(self.status.height.0.saturating_add(wish.deadline)),
            requirements: wish.requirements.clone(),
        })
    }

    /// One file per thing that can be wished for.
    fn order_file(&self, wish: &Wish, model: ModelId, input: Hash32) -> PathBuf {
        let limits = (wish.max_price, wish.deadline);
        let wished = (self.status.chain, model, input, wish.assurance, &wish.requirements, limits);
        let name = hash_encoded("ciro/order-file/v1", &wished);
        self.home.root().join("orders").join(name.to_string())
    }

    /// The order of a command that was cut short, if the ledger has it or would still take it.
    fn resumable(&self, file: &Path) -> Option<JobSpec> {
        let spec: JobSpec = decode(&std::fs::read(file).ok()?, ORDER_BYTES_MAX).ok()?;
        let is_known = self.client.job(job_id(&spec)).is_ok();
        (spec.client == self.key.account() && (is_known || spec.deadline > self.status.height)).then_some(spec)
    }

    fn remember(&self, file: &Path, spec: &JobSpec) -> Result<(), CliError> {
        let kept = std::fs::create_dir_all(self.home.root().join("orders"))
            .and_then(|()| replace(file, &encode(spec), Access::Private));
        kept.map_err(|e| CliError::failed(format!("cannot write {}: {e}", file.display())))
    }

    /// The order has ended: a new one for the same thing is a new job.
    pub(crate) fn forget(&self, wish: &Wish, model: ModelId, input: Hash32) {
        // A file that stays behind names a job that has ended, whose receipt is then handed over again.
        let _ = std::fs::remove_file(self.order_file(wish, model, input));
    }

    /// Waits until the job is paid or refunded. A refund is a refusal with its reason.
    pub(crate) fn wait_for_end(&self, job: JobId) -> Result<(), CliError> {
        let (started, mut is_told) = (Instant::now(), false);
        loop {
            let view = self.client.job(job)?;
            match view.status {
                JobStatus::Settled { .. } => return Ok(()),
                JobStatus::Refunded { reason, .. } => {
                    return Err(refusal(format!("the job was refunded in full: {reason:?}")));
                }
                JobStatus::Open => {}
            }
            if let Some(because) = view.waits_because.filter(|_| !is_told && started.elapsed() > QUIET) {
                self.ui.note(&format!("waiting for a worker: {because}"));
                is_told = true;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Waits for the receipt of a paid job.
    pub(crate) fn receipt(&self, job: JobId) -> Result<Receipt, CliError> {
        loop {
            match self.client.receipt(job) {
                Err(refused) if refused.code == "not_yet" => std::thread::sleep(POLL),
                other => return Ok(other?),
            }
        }
    }
}

fn refusal(message: String) -> CliError {
    CliError::new(Exit::Refused, message)
}

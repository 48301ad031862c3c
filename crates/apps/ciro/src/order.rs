//! Ordering a job and following it to its receipt.
//!
//! An order that is under way is kept in the data directory until it has ended ([`crate::orders`]). Repeating a command that was cut
//! short therefore finds its order, and the same order is the same job, paid once. Equal commands that run at once are orders of their own.
#![deny(
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::string_slice,
    clippy::todo,
    clippy::unimplemented,
    clippy::unreachable,
    clippy::unwrap_used
)]

use crate::cli::{NeedsArgs, Rung};
use crate::client::Client;
use crate::error::{CliError, Exit};
use crate::orders::{Held, Orders, Verdict};
use crate::patience::Patience;
use crate::purse::Purse;
use crate::ui::Ui;
use ciro_api::Status;
use ciro_crypto::hash_encoded;
use ciro_graph::Model;
use ciro_node::Layout;
use ciro_prover::ProvingKey;
use ciro_receipt::Receipt;
use ciro_state::fees::tx_fee;
use ciro_state::model::deposit;
use ciro_state::{Action, FailReason, JobStatus, RefundReason, SignedTx, TxBody, job_id};
use ciro_types::{
    Amount, Assurance, CapabilityFlags, Hash32, Height, JobId, JobSpec, JobType, MemoryMib, ModelId, Nonce,
    Requirements, encode,
};
use serde::Serialize;
use std::io;
use std::time::Duration;

/// How long a job may wait for a worker before its client is told why.
const QUIET: Duration = Duration::from_secs(1);
/// How long a price is waited for while all workers are busy.
const BUSY_PATIENCE: Duration = Duration::from_secs(120);
/// How long a repeated command waits for what the wallet has sent before.
const SENT_PATIENCE: Duration = Duration::from_secs(10);

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

/// What a network has of a model.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Standing {
    /// It takes orders on it.
    is_registered: bool,
    /// Workers can fetch it.
    is_stored: bool,
}

impl Standing {
    const READY: Self = Self { is_registered: true, is_stored: true };
}

/// What workers can fetch now.
pub(crate) struct Published {
    /// The model.
    pub(crate) model: ModelId,
    /// The input's hash.
    pub(crate) input: Hash32,
    /// What that took from the wallet; None where the model was registered before.
    pub(crate) registration: Option<Registration>,
}

/// What registering a model takes from the wallet, once.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Registration {
    /// Held for as long as the network keeps the model: it comes back after `ciro wallet remove-model`.
    pub(crate) deposit: Amount,
    /// Of the transaction, and gone.
    pub(crate) fee: Amount,
}

/// How a job ended.
pub(crate) enum End {
    /// It was answered and paid.
    Paid,
    /// Nobody answered it, and the money is back.
    Refunded(RefundReason),
}

impl End {
    /// Whether another order could be answered once model and input have been sent again.
    pub(crate) const fn lacked_supplies(&self) -> bool {
        match self {
            Self::Refunded(RefundReason::Failed(reason)) => match reason {
                FailReason::InputUnavailable | FailReason::ModelUnavailable => true,
                FailReason::InputInvalid | FailReason::ModelInvalid | FailReason::NoMajority => false,
            },
            Self::Paid | Self::Refunded(RefundReason::Expired | RefundReason::Cancelled | RefundReason::Unmatched) => {
                false
            }
        }
    }

    /// A refund is a refusal with its reason.
    pub(crate) fn paid(self) -> Result<(), CliError> {
        match self {
            Self::Paid => Ok(()),
            Self::Refunded(reason) => Err(refusal(format!("the job was refunded in full: {reason}"))),
        }
    }
}

/// A client with its wallet at a network.
pub(crate) struct Buyer<'a> {
    /// The gateway.
    pub(crate) client: &'a Client,
    /// The network.
    pub(crate) status: &'a Status,
    /// Who pays.
    pub(crate) purse: &'a Purse,
    /// Where orders under way are kept.
    pub(crate) home: &'a Layout,
    /// The screen.
    pub(crate) ui: Ui,
}

impl Buyer<'_> {
    /// Makes the model and the input available to workers.
    pub(crate) fn publish(&self, wish: &Wish) -> Result<Published, CliError> {
        let key = ProvingKey::new(wish.model.clone()).map_err(CliError::failed)?;
        let model = key.model_id();
        let mut registration = None;
        if self.standing(model)? != Standing::READY {
            let _turn = self.purse.publishing();
            registration = self.supply(wish, &key, self.standing(model)?)?;
        }
        Ok(Published { model, input: self.client.put_input(&wish.input)?, registration })
    }

    /// Brings what the network lacks. A model that somebody registered may never have been sent, or no longer be there.
    fn supply(&self, wish: &Wish, key: &ProvingKey, standing: Standing) -> Result<Option<Registration>, CliError> {
        if !standing.is_stored {
            self.client.put_model(&encode(&wish.model))?;
        }
        if standing.is_registered { Ok(None) } else { self.register(wish, key) }
    }

    /// Registers the model, unless somebody else is faster.
    fn register(&self, wish: &Wish, key: &ProvingKey) -> Result<Option<Registration>, CliError> {
        let action = Action::RegisterModel { program: key.program().to_vec(), weight_root: key.weight_root() };
        match self.client.act(self.purse, self.status.chain, &action) {
            Err(_) if self.standing(key.model_id())?.is_registered => Ok(None),
            Err(refused) => Err(refused.into()),
            Ok(_) => self.registration(wish, key, action).map(Some),
        }
    }

    /// What a registration that a block holds took: the deposit is its owner's, the fee its sender's.
    fn registration(&self, wish: &Wish, key: &ProvingKey, action: Action) -> Result<Registration, CliError> {
        let params = &self.status.params;
        let is_ours = self.client.model(key.model_id())?.owner == self.purse.key().account();
        let held = deposit(params, key.program().len(), wish.model.program.weight_bytes());
        Ok(Registration {
            deposit: if is_ours { held } else { Amount::ZERO },
            fee: self.fee(action, params.max_proof_units),
        })
    }

    fn standing(&self, model: ModelId) -> Result<Standing, CliError> {
        match self.client.model(model) {
            Ok(view) => Ok(Standing { is_registered: !view.is_retired, is_stored: view.is_stored }),
            Err(refused) if refused.code == "not_found" => Ok(Standing { is_registered: false, is_stored: false }),
            Err(refused) => Err(refused.into()),
        }
    }

    /// Sends model and input again, whatever the network says that it holds.
    pub(crate) fn send_again(&self, wish: &Wish) -> Result<(), CliError> {
        self.client.put_model(&encode(&wish.model))?;
        self.client.put_input(&wish.input)?;
        Ok(())
    }

    /// The most to pay: what the client said, if that is enough today, else the quote and a quarter.
    pub(crate) fn price(&self, wish: &Wish) -> Result<Amount, CliError> {
        let rung = self.rung(wish)?;
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

    /// The rung that is wished for, as it is priced once a worker is free who would serve.
    fn rung(&self, wish: &Wish) -> Result<ciro_gateway::Rung, CliError> {
        let (patience, mut is_told) = (Patience::new(BUSY_PATIENCE), false);
        loop {
            let rungs = self.client.quote(&wish.requirements)?.rungs;
            let rung = rungs.into_iter().find(|rung| rung.assurance == wish.assurance);
            let rung = rung.ok_or_else(|| refusal(format!("the network does not offer {:?}", wish.assurance)))?;
            let waits = rung.price.is_none() && rung.is_busy && wish.max_price.is_none() && patience.lasts();
            if !waits {
                return Ok(rung);
            }
            if !is_told && patience.elapsed() > QUIET {
                self.ui.note("every worker that would serve is busy: waiting for a price");
                is_told = true;
            }
            patience.pause();
        }
    }

    /// Orders the job, or goes on with one that a command like this has ordered before it was cut short. The money is in escrow when
    /// this returns.
    pub(crate) fn order(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<(JobSpec, Held), CliError> {
        let orders = Orders::new(self.home.orders());
        let kind = self.kind(wish, model, input);
        let cannot_use = |e: io::Error| CliError::failed(format!("cannot use {}: {e}", self.home.orders().display()));
        if let Some((held, spec)) =
            orders.take_over(kind, |spec, is_wished| self.judge(spec, is_wished)).map_err(cannot_use)?
        {
            self.ui.note(&format!("going on with job {}, which was ordered before", job_id(&spec)));
            if !self.is_ordered(job_id(&spec))? {
                self.client.order(self.purse, &spec)?;
            }
            return Ok((spec, held));
        }
        let spec = self.spec(wish, model, input)?;
        let held = orders.keep(kind, &spec).map_err(cannot_use)?;
        self.client.order(self.purse, &spec)?;
        Ok((spec, held))
    }

    /// Whether the ledger has the job, or comes to have it from what the wallet has sent already. It would absorb a second order, but not
    /// without a second fee.
    fn is_ordered(&self, job: JobId) -> Result<bool, CliError> {
        let patience = Patience::new(SENT_PATIENCE);
        loop {
            // In this order: what waits no longer by now is in a block, and is seen below.
            let account = self.client.account(self.purse.key().account())?;
            match self.client.job(job) {
                Ok(_) => return Ok(true),
                Err(refused) if refused.code == "not_found" => {}
                Err(refused) => return Err(refused.into()),
            }
            if account.next_nonce <= account.nonce || !patience.lasts() {
                return Ok(false);
            }
            patience.pause();
        }
    }

    /// What the transaction that orders this costs, whatever becomes of the job.
    pub(crate) fn transaction_fee(&self, spec: &JobSpec) -> Amount {
        self.fee(Action::SubmitJob { spec: spec.clone() }, 0)
    }

    /// What a transaction of the wallet costs that takes `units` of verification.
    fn fee(&self, action: Action, units: u64) -> Amount {
        let key = self.purse.key();
        let body = TxBody { chain: self.status.chain, sender: key.account(), nonce: Nonce(0), action };
        tx_fee(&self.status.params, SignedTx::sign(body, key).size(), units)
    }

    fn spec(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<JobSpec, CliError> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| CliError::failed(format!("the system gives no randomness: {e}")))?;
        Ok(JobSpec {
            chain: self.status.chain,
            client: self.purse.key().account(),
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

    /// Everything that can be wished for, in one name.
    fn kind(&self, wish: &Wish, model: ModelId, input: Hash32) -> Hash32 {
        let limits = (wish.max_price, wish.deadline);
        let wished = (self.status.chain, model, input, wish.assurance, &wish.requirements, limits);
        hash_encoded("ciro/order-file/v1", &wished)
    }

    /// What is to be done with an order that nobody follows: the ledger must have it, or must still take it.
    fn judge(&self, spec: &JobSpec, is_wished: bool) -> Verdict {
        if spec.chain != self.status.chain || spec.client != self.purse.key().account() {
            return Verdict::Keep;
        }
        if spec.deadline <= self.status.height {
            match self.client.job(job_id(spec)) {
                Ok(_) => {}
                Err(refused) if refused.code == "not_found" => return Verdict::Remove,
                Err(_) => return Verdict::Keep,
            }
        }
        if is_wished { Verdict::Resume } else { Verdict::Keep }
    }

    /// Waits until the job is paid or refunded.
    pub(crate) fn wait_for_end(&self, job: JobId) -> Result<End, CliError> {
        let (patience, mut is_told) = (Patience::endless(), false);
        loop {
            let view = self.client.job(job)?;
            match view.status {
                JobStatus::Settled { .. } => return Ok(End::Paid),
                JobStatus::Refunded { reason, .. } => return Ok(End::Refunded(reason)),
                JobStatus::Open => {}
            }
            if let Some(because) = view.waits_because.filter(|_| !is_told && patience.elapsed() > QUIET) {
                self.ui.note(&format!("waiting for a worker: {because}"));
                is_told = true;
            }
            patience.pause();
        }
    }

    /// Waits for the receipt of a paid job.
    pub(crate) fn receipt(&self, job: JobId) -> Result<Receipt, CliError> {
        let patience = Patience::endless();
        loop {
            match self.client.receipt(job) {
                Err(refused) if refused.code == "not_yet" => patience.pause(),
                other => return Ok(other?),
            }
        }
    }
}

fn refusal(message: String) -> CliError {
    CliError::new(Exit::Refused, message)
}

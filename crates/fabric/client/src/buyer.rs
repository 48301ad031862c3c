//! Ordering a job and following it to its receipt.
//!
//! An order that is under way is kept until it has ended ([`crate::store`]). A client that was cut short therefore finds its order again,
//! and the same order is the same job, paid once. Equal wishes at the same time are orders of their own.

use crate::error::ClientError;
use crate::gateway::Client;
use crate::patience::Patience;
use crate::progress::{Progress, Watch};
use crate::purse::Purse;
use crate::store::{Held, Orders, Verdict};
use crate::wish::{End, Published, Registration, Standing, Wish};
use ciro_api::Status;
use ciro_api::http::Rung;
use ciro_crypto::hash_encoded;
use ciro_prover::ProvingKey;
use ciro_receipt::Receipt;
use ciro_state::fees::tx_fee;
use ciro_state::model::deposit;
use ciro_state::{Action, JobAction, JobStatus, ModelAction, SignedTx, TxBody, job_id};
use ciro_types::{Amount, Hash32, Height, JobId, JobSpec, JobType, ModelId, Nonce, encode};
use std::io;
use std::time::Duration;

/// How long a job may wait for a worker before its client is told why.
const QUIET: Duration = Duration::from_secs(1);
/// How long a price is waited for while all workers are busy.
const BUSY_PATIENCE: Duration = Duration::from_secs(120);
/// How long a repeated command waits for what the wallet has sent before.
const SENT_PATIENCE: Duration = Duration::from_secs(10);

/// A client with its wallet at a network.
pub struct Buyer<'a> {
    /// The gateway.
    pub client: &'a Client,
    /// The network.
    pub status: &'a Status,
    /// Who pays.
    pub purse: &'a Purse,
    /// Where orders under way are kept.
    pub orders: &'a dyn Orders,
    /// Who is told how it goes.
    pub watch: &'a dyn Watch,
}

impl Buyer<'_> {
    /// Makes the model and the input available to workers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn publish(&self, wish: &Wish) -> Result<Published, ClientError> {
        let key = ProvingKey::new(wish.model.clone()).map_err(ClientError::Model)?;
        let model = key.model_id();
        let mut registration = None;
        if self.standing(model)? != Standing::READY {
            let _turn = self.purse.publishing();
            registration = self.supply(wish, &key, self.standing(model)?)?;
        }
        Ok(Published { model, input: self.client.put_input(&wish.input)?, registration })
    }

    /// Brings what the network lacks. A model that somebody registered may never have been sent, or no longer be there.
    fn supply(&self, wish: &Wish, key: &ProvingKey, standing: Standing) -> Result<Option<Registration>, ClientError> {
        if !standing.is_stored {
            self.client.put_model(&encode(&wish.model))?;
        }
        if standing.is_registered { Ok(None) } else { self.register(wish, key, standing) }
    }

    /// Registers the model, unless somebody else is faster.
    fn register(&self, wish: &Wish, key: &ProvingKey, before: Standing) -> Result<Option<Registration>, ClientError> {
        let action = Action::Model(ModelAction::Register { program: key.program().to_vec(), roots: key.roots() });
        match self.client.act(self.purse, self.status.chain, &action) {
            Err(_) if self.standing(key.model_id())?.is_registered => Ok(None),
            Err(refused) => Err(refused),
            Ok(_) => self.registration(wish, key, before, action).map(Some),
        }
    }

    /// What a registration that a block holds took: the deposit is its owner's, the fee its sender's.
    fn registration(
        &self,
        wish: &Wish,
        key: &ProvingKey,
        before: Standing,
        action: Action,
    ) -> Result<Registration, ClientError> {
        let params = &self.status.params;
        let is_ours = self.client.model(key.model_id())?.owner == self.purse.key().account();
        let held = deposit(params, key.program().len(), wish.model.program.weight_bytes());
        Ok(Registration {
            deposit: if is_ours && !before.is_held { held } else { Amount::ZERO },
            fee: self.fee(action, params.max_proof_units),
        })
    }

    fn standing(&self, model: ModelId) -> Result<Standing, ClientError> {
        match self.client.model(model) {
            Ok(view) => Ok(Standing { is_held: true, is_registered: !view.is_retired, is_stored: view.is_stored }),
            Err(refused) if refused.is_absent() => Ok(Standing::default()),
            Err(refused) => Err(refused),
        }
    }

    /// Sends model and input again, whatever the network says that it holds.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn send_again(&self, wish: &Wish) -> Result<(), ClientError> {
        self.client.put_model(&encode(&wish.model))?;
        self.client.put_input(&wish.input)?;
        Ok(())
    }

    /// The most to pay: what the client said, if that is enough today, else the quote and a quarter.
    ///
    /// # Errors
    /// [`ClientError::NoWorker`], [`ClientError::TooDear`], [`ClientError::NotOffered`]; what the gateway says.
    pub fn price(&self, wish: &Wish) -> Result<Amount, ClientError> {
        let rung = self.rung(wish)?;
        match (rung.price, wish.max_price) {
            // Workers may be busy only now: an order may wait for them.
            (None, Some(price)) => Ok(price),
            (None, None) => {
                Err(ClientError::NoWorker { reason: rung.refusal.unwrap_or_else(|| "nobody can serve now".into()) })
            }
            (Some(asked), Some(most)) if most < asked => {
                Err(ClientError::TooDear { assurance: wish.assurance, asked, most })
            }
            (Some(_), Some(price)) => Ok(price),
            (Some(asked), None) => Ok(asked.mul_div(5, 4).unwrap_or(asked).max(self.status.params.min_price)),
        }
    }

    /// The rung that is wished for, as it is priced once a worker is free who would serve.
    fn rung(&self, wish: &Wish) -> Result<Rung, ClientError> {
        let (patience, mut is_told) = (Patience::new(BUSY_PATIENCE), false);
        loop {
            let rungs = self.client.quote(&wish.requirements)?.rungs;
            let rung = rungs.into_iter().find(|rung| rung.assurance == wish.assurance);
            let rung = rung.ok_or(ClientError::NotOffered { assurance: wish.assurance })?;
            let waits = rung.price.is_none() && rung.is_busy && wish.max_price.is_none() && patience.lasts();
            if !waits {
                return Ok(rung);
            }
            if !is_told && patience.elapsed() > QUIET {
                self.watch.tell(&Progress::AllBusy);
                is_told = true;
            }
            patience.pause();
        }
    }

    /// Orders the job, or goes on with one that a command like this has ordered before it was cut short. The money is in escrow when
    /// this returns.
    ///
    /// # Errors
    /// As [`Buyer::price`]; if the order cannot be kept.
    pub fn order(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<(JobSpec, Box<dyn Held>), ClientError> {
        let kind = self.kind(wish, model, input);
        let cannot_use = |source: io::Error| ClientError::Orders { place: self.orders.place(), source };
        if let Some((held, spec)) =
            self.orders.take_over(kind, &|spec, is_wished| self.judge(spec, is_wished)).map_err(cannot_use)?
        {
            self.watch.tell(&Progress::Resumed(job_id(&spec)));
            if !self.is_ordered(job_id(&spec))? {
                self.client.order(self.purse, &spec)?;
            }
            return Ok((spec, held));
        }
        let spec = self.spec(wish, model, input)?;
        let held = self.orders.keep(kind, &spec).map_err(cannot_use)?;
        self.client.order(self.purse, &spec)?;
        Ok((spec, held))
    }

    /// Whether the ledger has the job, or comes to have it from what the wallet has sent already. It would absorb a second order, but not
    /// without a second fee.
    fn is_ordered(&self, job: JobId) -> Result<bool, ClientError> {
        let patience = Patience::new(SENT_PATIENCE);
        loop {
            // In this order: what waits no longer by now is in a block, and is seen below.
            let account = self.client.account(self.purse.key().account())?;
            match self.client.job(job) {
                Ok(_) => return Ok(true),
                Err(refused) if refused.is_absent() => {}
                Err(refused) => return Err(refused),
            }
            if account.next_nonce <= account.nonce || !patience.lasts() {
                return Ok(false);
            }
            patience.pause();
        }
    }

    /// What the transaction that orders this costs, whatever becomes of the job.
    #[must_use]
    pub fn transaction_fee(&self, spec: &JobSpec) -> Amount {
        self.fee(Action::Job(JobAction::Submit { spec: spec.clone() }), 0)
    }

    /// What a transaction of the wallet costs that takes `units` of verification.
    fn fee(&self, action: Action, units: u64) -> Amount {
        let key = self.purse.key();
        let body = TxBody { chain: self.status.chain, sender: key.account(), nonce: Nonce(0), action };
        tx_fee(&self.status.params, SignedTx::sign(body, key).size(), units)
    }

    fn spec(&self, wish: &Wish, model: ModelId, input: Hash32) -> Result<JobSpec, ClientError> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).map_err(|e| ClientError::Entropy { reason: e.to_string() })?;
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
                Err(refused) if refused.is_absent() => return Verdict::Remove,
                Err(_) => return Verdict::Keep,
            }
        }
        if is_wished { Verdict::Resume } else { Verdict::Keep }
    }

    /// Waits until the job is paid or refunded.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn wait_for_end(&self, job: JobId) -> Result<End, ClientError> {
        let (patience, mut is_told) = (Patience::endless(), false);
        loop {
            let view = self.client.job(job)?;
            match view.status {
                JobStatus::Settled { .. } => return Ok(End::Paid),
                JobStatus::Refunded { reason, .. } => return Ok(End::Refunded(reason)),
                JobStatus::Open => {}
            }
            if let Some(because) = view.waits_because.filter(|_| !is_told && patience.elapsed() > QUIET) {
                self.watch.tell(&Progress::WaitsForWorker { because });
                is_told = true;
            }
            patience.pause();
        }
    }

    /// Waits for the receipt of a paid job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn receipt(&self, job: JobId) -> Result<Receipt, ClientError> {
        let patience = Patience::endless();
        loop {
            match self.client.receipt(job) {
                Err(refused) if refused.is_early() => patience.pause(),
                other => return other,
            }
        }
    }
}

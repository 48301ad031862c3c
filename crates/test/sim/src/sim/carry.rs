//! Validators: what they are told, what they ask for, their crashes.

use super::{Happening, Sim};
use crate::byzantine::contradict;
use crate::cast::{Place, VALIDATORS};
use crate::plan::{Character, Outage};
use crate::violation::Violation;
use ciro_consensus::light;
use ciro_state::{Event, SignedTx, TxError};
use ciro_types::{Height, encode};
use ciro_validator::{Admission, Committed, Effect, Input, Store, SubmitError, query};
use std::sync::Arc;

/// Percentage of its statements that an equivocator contradicts.
const CONTRADICTED: u64 = 15;
/// How long a machine stays off whose recovery was interrupted, milliseconds.
const RECOVERY_MS: u64 = 300;

impl Sim {
    pub(super) fn start_validator(&mut self, n: usize) -> Result<(), Violation> {
        match self.validators[n].start(&self.genesis, self.now_ms) {
            Ok(effects) => self.carry_out(n, effects),
            Err(stopped) => {
                if self.validators[n].is_full() {
                    // Its operator starts it again until there is room.
                    let place = Place::Validator(n);
                    let outage = Outage { place, at_ms: self.now_ms, flushes: None, back_ms: None, wipes: false };
                    self.at(self.now_ms + RECOVERY_MS, Happening::Restart { outage });
                }
                self.on_stopped(Place::Validator(n), stopped)
            }
        }
    }

    pub(super) fn on_message(&mut self, from: usize, to: usize, bytes: &Arc<[u8]>) -> Result<(), Violation> {
        if self.validators[to].validator().is_none() {
            return Ok(());
        }
        self.counts.messages += 1;
        self.trace.note(self.now_ms, &[b"message", &[from as u8, to as u8], bytes]);
        let from = Place::Validator(from).account();
        self.step_validator(to, Input::Bytes { from, bytes: bytes.to_vec() })
    }

    pub(super) fn on_timer(&mut self, n: usize, incarnation: u64) -> Result<(), Violation> {
        if self.validators[n].incarnation != incarnation || !self.validators[n].wake_ups.take_due(self.now_ms) {
            return Ok(());
        }
        self.trace.note(self.now_ms, &[b"timer", &[n as u8]]);
        self.step_validator(n, Input::Timer)
    }

    pub(super) fn on_submit(&mut self, from: Place, to: usize, bytes: &Arc<[u8]>) -> Result<(), Violation> {
        let Ok(tx) = SignedTx::decode(bytes, bytes.len()) else { return Ok(()) };
        if self.validators[to].validator().is_none() {
            return Ok(());
        }
        self.trace.note(self.now_ms, &[b"submit", from.to_string().as_bytes(), &[to as u8], bytes]);
        self.validators[to].waiting.entry(tx.id()).or_default().insert(from);
        self.tempt_thieves(from, &tx);
        self.step_validator(to, Input::Submit(vec![bytes.to_vec()]))
    }

    /// Strangers send every validator what their trick is, by the books of the first.
    pub(super) fn on_trick(&mut self, round: usize) {
        let (Some(trick), Some(books)) = (self.plan.trick, self.validators[0].state()) else { return };
        for (n, tx) in trick.round(round, self.chain_id, books) {
            let bytes: Arc<[u8]> = encode(&tx).into();
            for to in 0..VALIDATORS {
                let at_ms = self.soon(0, 5);
                self.at(at_ms, Happening::Submit { from: Place::Stranger(n), to, bytes: Arc::clone(&bytes) });
            }
        }
    }

    /// What waits for a block is public, and thieves read it.
    fn tempt_thieves(&mut self, from: Place, tx: &SignedTx) {
        for worker in 0..self.plan.workers.len() {
            if self.plan.workers[worker] == Character::Thief && from != Place::Worker(worker) {
                let at_ms = self.soon(0, 5);
                self.at(at_ms, Happening::Theft { worker, action: Box::new(tx.body.action.clone()) });
            }
        }
    }

    /// Carries out what validator `n` asks for.
    pub(super) fn carry_out(&mut self, n: usize, effects: Vec<Effect>) -> Result<(), Violation> {
        for effect in effects {
            match effect {
                Effect::Send { to, bytes } => self.send(n, to, &bytes.into()),
                Effect::Broadcast { bytes } => self.broadcast(n, &bytes.into()),
                Effect::SetTimer { at_ms } => {
                    self.validators[n].wake_ups.set(at_ms);
                    let incarnation = self.validators[n].incarnation;
                    self.at(at_ms, Happening::Timer { validator: n, incarnation });
                }
                Effect::Admission(admission) => self.on_admission(n, &admission),
                Effect::Committed(committed) => self.on_committed(n, &committed)?,
                Effect::Health(health) => self.note(&format!("validator {n} is {health:?}")),
                Effect::Anomaly(reason) => return Err(Violation::Anomaly { place: Place::Validator(n), reason }),
            }
        }
        Ok(())
    }

    fn send(&mut self, from: usize, to: ciro_types::AccountId, bytes: &Arc<[u8]>) {
        let found = (0..VALIDATORS).find(|n| Place::Validator(*n).account() == to);
        if let Some(to) = found {
            self.post_message(from, to, bytes);
        }
    }

    fn broadcast(&mut self, from: usize, bytes: &Arc<[u8]>) {
        let lie = self.lie(from, bytes);
        for to in (0..VALIDATORS).filter(|to| *to != from) {
            // Some hear the truth, some the lie, and some both: they are the witnesses.
            let hears = lie.as_ref().map_or(0, |_| self.rng.between(0, 2));
            if hears != 1 {
                self.post_message(from, to, bytes);
            }
            if let Some(lie) = lie.as_ref().filter(|_| hears > 0) {
                self.post_message(from, to, lie);
            }
        }
    }

    fn lie(&mut self, from: usize, bytes: &[u8]) -> Option<Arc<[u8]>> {
        if self.plan.equivocator != Some(from) || !self.rng.percent(CONTRADICTED) {
            return None;
        }
        let place = Place::Validator(from);
        let nonce = self.validators[from].state()?.account(&place.account()).nonce;
        let lie = contradict(place, self.chain_id, nonce, bytes)?;
        self.counts.contradictions += 1;
        Some(lie.into())
    }

    fn post_message(&mut self, from: usize, to: usize, bytes: &Arc<[u8]>) {
        let on_arrival = || Happening::Message { from, to, bytes: Arc::clone(bytes) };
        self.post(Place::Validator(from), Place::Validator(to), on_arrival);
    }

    fn on_admission(&mut self, n: usize, admission: &Admission) {
        let Some(id) = admission.tx else { return };
        for to in self.validators[n].waiting.remove(&id).unwrap_or_default() {
            if let Err(error) = &admission.result {
                self.note_refusal(n, to, error);
            }
            self.post(Place::Validator(n), to, || Happening::Answer { to, admission: admission.clone() });
        }
    }

    fn note_refusal(&mut self, n: usize, sender: Place, error: &SubmitError) {
        *self.counts.refused.entry(sender).or_default() += 1;
        if matches!(error, SubmitError::Invalid(TxError::ProofRejected { .. })) {
            *self.counts.refused_proofs.entry(sender).or_default() += 1;
        }
        if matches!(error, SubmitError::Invalid(TxError::NotDrawn { .. })) {
            *self.counts.refused_seats.entry(sender).or_default() += 1;
        }
        self.note(&format!("validator {n} refuses a transaction of {sender}: {}", ciro_types::chain(error)));
    }

    /// Every invariant that a block can break is checked here.
    fn on_committed(&mut self, n: usize, committed: &Arc<Committed>) -> Result<(), Violation> {
        let place = Place::Validator(n);
        let Some(validator) = self.validators[n].validator() else { return Ok(()) };
        let ledger = validator.ledger();
        let height = committed.header.height;
        let broken = |e: &dyn std::error::Error| Violation::Stopped { place, reason: ciro_types::chain(e) };
        let root = ledger.store().root().map_err(|e| broken(&e))?;
        let is_new = self.chain.on_committed(place, committed, root, ledger.state())?;
        if is_new {
            self.counts.decided_ms.push(self.now_ms);
            self.judge_header(height, ledger.store()).map_err(|reason| Violation::Certificate { height, reason })?;
            self.tell(committed);
        }
        self.trace.note(self.now_ms, &[b"committed", &[n as u8], &committed.id.0]);
        self.wake_followers(n);
        Ok(())
    }

    /// What a stranger who knows the genesis says of the header of `height`, given what a validator would send.
    fn judge_header(&self, height: Height, store: &Store) -> Result<(), String> {
        let certified = query::certified_header(store, height).map_err(|e| ciro_types::chain(&e))?;
        let changes = store.handovers(height).map_err(|e| ciro_types::chain(&e))?;
        let set = light::follow(self.chain_id, &self.first, &changes).map_err(|e| ciro_types::chain(&e))?;
        light::verify(self.chain_id, &set, &certified.ok_or("missing")?).map_err(|e| ciro_types::chain(&e))
    }

    fn tell(&mut self, committed: &Committed) {
        let (height, txs) = (committed.header.height, committed.txs.len());
        let failed = committed.txs.iter().filter(|tx| tx.result.is_err()).count();
        self.note(&format!("height {height} holds {txs} transactions, {failed} of them refused"));
        for event in &committed.events {
            if let Some(text) = headline(height, &event.event) {
                self.note(&text);
            }
        }
    }

    /// Those who follow validator `n` hear of its block, if the message arrives.
    fn wake_followers(&mut self, n: usize) {
        for place in self.followers() {
            if self.follower(place).home == n {
                self.post(Place::Validator(n), place, || Happening::Poll { place, repeats: false });
            }
        }
    }

    pub(super) fn on_crash(&mut self, outage: Outage) -> Result<(), Violation> {
        match (outage.place, outage.flushes) {
            (Place::Validator(n), Some(flushes)) => self.validators[n].cut_after(flushes),
            (Place::Scheduler, Some(flushes)) => self.scheduler.cut_after(flushes),
            (place, _) => self.crash(place, outage.wipes),
        }
        Ok(())
    }

    pub(super) fn crash(&mut self, place: Place, wipes: bool) {
        self.counts.crashes += 1;
        self.starting.remove(&place);
        self.note(&format!("{place} loses its power{}", if wipes { " and its files" } else { "" }));
        match place {
            Place::Validator(n) => self.validators[n].crash(&mut self.rng),
            Place::Scheduler => self.scheduler.crash(&mut self.rng, wipes),
            Place::Worker(n) => self.workers[n].crash(),
            Place::Client(_) | Place::Stranger(_) => {}
        }
    }

    /// A machine whose power has not gone yet loses it now: an outage that is planned happens.
    pub(super) fn on_restart(&mut self, outage: Outage) -> Result<(), Violation> {
        if self.is_on(outage.place) {
            self.crash(outage.place, outage.wipes);
        }
        self.note(&format!("{} starts again", outage.place));
        self.endanger_recovery(outage);
        match outage.place {
            Place::Validator(n) => self.start_validator(n),
            place @ (Place::Scheduler | Place::Worker(_) | Place::Client(_)) => self.start_follower(place),
            Place::Stranger(_) => Ok(()),
        }
    }

    /// Some machines lose their power once more while they recover, or soon after.
    fn endanger_recovery(&mut self, outage: Outage) {
        if outage.flushes.is_none() || !self.rng.percent(30) {
            return;
        }
        let flushes = self.rng.between(0, 8);
        match outage.place {
            Place::Validator(n) => self.validators[n].cut_after(flushes),
            Place::Scheduler => self.scheduler.cut_after(flushes),
            Place::Worker(_) | Place::Client(_) | Place::Stranger(_) => return,
        }
        let outage = Outage { flushes: None, wipes: false, ..outage };
        self.at(self.now_ms + RECOVERY_MS, Happening::Restart { outage });
    }

    pub(super) fn is_on(&self, place: Place) -> bool {
        match place {
            Place::Validator(n) => self.validators[n].validator().is_some(),
            Place::Scheduler => self.scheduler.scheduler().is_some(),
            Place::Worker(n) => self.workers[n].is_on(),
            Place::Client(_) | Place::Stranger(_) => true,
        }
    }
}

/// What a person wants to read about an event.
fn headline(height: Height, event: &Event) -> Option<String> {
    Some(match event {
        Event::JobOpened { job, spec, .. } => {
            format!("{height}: job {} opened at {:?}, due by {}", job.short(), spec.assurance, spec.deadline)
        }
        Event::JobSettled { record, .. } => format!("{height}: job {} settled", record.job.short()),
        Event::JobRefunded { job, reason, .. } => format!("{height}: job {} refunded: {reason:?}", job.short()),
        Event::JobReopened { job, .. } => format!("{height}: job {} reopened", job.short()),
        Event::JobCommitted { job, worker, .. } => {
            format!("{height}: {} commits to job {}", worker.short(), job.short())
        }
        Event::Slashed { account, reason, .. } => format!("{height}: {} slashed: {reason:?}", account.short()),
        Event::LeaseTimedOut { job, worker, token } => {
            format!("{height}: lease {token} of {} for job {} ran out", worker.short(), job.short())
        }
        Event::Transfer { .. }
        | Event::ModelRegistered { .. }
        | Event::WorkerRegistered { .. }
        | Event::StakeAdded { .. }
        | Event::UnstakeRequested { .. }
        | Event::StakeReleased { .. }
        | Event::StakeWithdrawn { .. }
        | Event::OfferPublished { .. }
        | Event::OfferWithdrawn { .. }
        | Event::JobCancelRequested { .. }
        | Event::JobCancelOverruled { .. }
        | Event::LeaseObserved { .. }
        | Event::LeaseAbandoned { .. }
        | Event::JobFailureReported { .. }
        | Event::JobRevealed { .. }
        | Event::ReputationChanged { .. }
        | Event::FeePaid { .. }
        | Event::DepositReturned { .. } => return None,
    })
}

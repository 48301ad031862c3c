//! The actor: one input in, what is to be done out.

use super::mailbox::{Effect, Input};
use super::state::Known;
use crate::config::{Config, LeaseLength, Reach};
use crate::error::SchedulerError;
use crate::scheduler::{Effect as Decided, Scheduler};
use ciro_api::news::{BlockNews, Grant};
use ciro_api::{Answer, Query, ask};
use ciro_crypto::Keypair;
use ciro_node::Outbox;
use ciro_queue::{Mark, WorkStore};
use ciro_state::{Action, JobAction, SignedLease};

/// See the documentation of [`matcher`](crate::matcher).
pub struct Matcher<W> {
    /// Decides.
    pub scheduler: Scheduler<W>,
    /// Sends what it reports.
    pub reports: Outbox,
}

impl<W: WorkStore> Matcher<W> {
    /// Starts from the store of `work` and what the ledger says. Leases go to those within `reach` only. The effects repeat the leases
    /// that are out.
    ///
    /// # Errors
    /// If the store of work fails or is damaged.
    pub fn open(
        key: &Keypair,
        leases: LeaseLength,
        reach: Reach,
        work: W,
        known: Known,
    ) -> Result<(Self, Vec<Effect>), SchedulerError> {
        let height = known.ledger.at.height;
        let config = Config {
            chain: known.chain,
            key: Keypair::from_seed(key.seed()),
            fee: known.fee,
            leases: LeaseLength { most: leases.most.min(known.max_lease_blocks), ..leases },
            reach,
        };
        let (scheduler, first) = Scheduler::restore(config, work, known.ledger)?;
        let reports = Outbox::new(known.chain, Keypair::from_seed(key.seed()), known.nonce, height);
        let mut matcher = Self { scheduler, reports };
        let effects = matcher.finish(first);
        Ok((matcher, effects))
    }

    /// Takes one step.
    ///
    /// # Errors
    /// If the store of work fails. The matcher must not be used again then.
    pub fn step(&mut self, input: Input<'_>) -> Result<Vec<Effect>, SchedulerError> {
        let decided = match input {
            Input::Block(news) => self.on_block(news)?,
            Input::Verdict(verdict) => {
                // Nobody waits for the job that a report is about.
                self.reports.on_verdict(verdict);
                Vec::new()
            }
            Input::Undelivered(txs) => {
                txs.iter().for_each(|id| self.reports.on_undelivered(*id));
                Vec::new()
            }
        };
        Ok(self.finish(decided))
    }

    /// Answers [`ask::Offers`] and [`ask::Waits`]; `None` to what somebody else knows.
    pub fn answer(&mut self, query: &Query) -> Option<Answer> {
        if let Query::Offers(ask::Offers { requirements, count }) = query {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            Some(Answer::Offers(self.scheduler.quote(requirements, count)))
        } else if let Query::Waits(ask::Waits { job }) = query {
            Some(Answer::Waits(self.scheduler.explain(*job)))
        } else {
            None
        }
    }

    fn on_block(&mut self, news: &BlockNews) -> Result<Vec<Decided>, SchedulerError> {
        // Accepted or refused: nobody waits for the job that a report is about.
        self.reports.on_news(news);
        self.scheduler.on_block(Mark { height: news.height, block: news.id }, &news.events)
    }

    /// Sends what is due, last of all.
    fn finish(&mut self, decided: Vec<Decided>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for effect in decided {
            match effect {
                Decided::ReportTimeout(lease) => {
                    self.reports.push(None, Action::Job(JobAction::ReportTimeout { lease }));
                }
                Decided::Grant(lease) => effects.extend(self.grant(lease)),
            }
        }
        let due = self.reports.flush();
        if !due.is_empty() {
            effects.push(Effect::Submit(due));
        }
        effects
    }

    /// A lease with the order it is for. A job that is closed by now needs none.
    fn grant(&self, lease: SignedLease) -> Option<Effect> {
        let spec = self.scheduler.spec(lease.lease.job)?.clone();
        Some(Effect::Grant(Box::new(Grant { lease, spec })))
    }
}

//! The actor: one input in, what is to be done out.

use super::mailbox::{Effect, Input};
use super::state::{Known, Standing, Terms};
use crate::worker::{Config, Effect as Decided, Input as Fact, Worker};
use ciro_api::news::{BlockNews, Grant};
use ciro_crypto::Keypair;
use ciro_exec::Task;
use ciro_node::Outbox;
use ciro_types::Requirements;

/// See the documentation of [`hand`](crate::hand).
pub struct Hand {
    /// Decides.
    pub worker: Worker,
    /// Sends.
    pub outbox: Outbox,
    standing: Standing,
}

impl Hand {
    /// The worker of `key` on these terms. It registers if it has to, publishes its offer, and takes up what it owes.
    #[must_use]
    pub fn start(key: Keypair, terms: Terms, known: &Known) -> (Self, Vec<Effect>) {
        let account = key.account();
        let worker = Worker::new(config(&key, &terms, known), known.height);
        let mut outbox = Outbox::new(known.chain, key, known.nonce, known.height);
        let standing = Standing::enter(terms, account, known, &mut outbox);
        let mut hand = Self { worker, outbox, standing };
        let open = known.open.iter();
        let tasks = open.flat_map(|(id, job)| hand.decide(Fact::Known { id: *id, job })).collect();
        let effects = hand.finish(tasks);
        (hand, effects)
    }

    /// Takes one step.
    pub fn step(&mut self, input: Input<'_>) -> Vec<Effect> {
        let tasks = match input {
            Input::Block(news) => self.on_block(news),
            Input::Verdict(verdict) => match self.outbox.on_verdict(verdict) {
                Some((job, error)) => self.decide(Fact::Refused { job, error }),
                None => Vec::new(),
            },
            Input::Grant(Grant { lease, spec }) => self.decide(Fact::Lease { lease: lease.clone(), spec }),
            Input::Undelivered(txs) => {
                txs.iter().for_each(|id| self.outbox.on_undelivered(*id));
                Vec::new()
            }
            Input::Computed { job, result } => self.decide(Fact::Computed { job, result }),
        };
        self.finish(tasks)
    }

    fn on_block(&mut self, news: &BlockNews) -> Vec<Task> {
        let refused = self.outbox.on_news(news);
        let mut tasks = self.decide(Fact::Block { height: news.height, events: &news.events });
        for (job, error) in refused {
            tasks.extend(self.decide(Fact::Refused { job, error }));
        }
        self.standing.on_height(news.height, &mut self.outbox);
        tasks
    }

    /// Lets the worker decide; what it sends goes into the outbox. Returns what to compute.
    fn decide(&mut self, fact: Fact<'_>) -> Vec<Task> {
        let mut tasks = Vec::new();
        for effect in self.worker.step(fact) {
            match effect {
                Decided::Compute(task) => tasks.push(task),
                Decided::Submit { job, action } => self.outbox.push(Some(job), action),
            }
        }
        tasks
    }

    /// Sends what is due, last of all.
    fn finish(&mut self, tasks: Vec<Task>) -> Vec<Effect> {
        let due = self.outbox.flush();
        let submit = (!due.is_empty()).then_some(Effect::Submit(due));
        tasks.into_iter().map(Effect::Compute).chain(submit).collect()
    }
}

fn config(key: &Keypair, terms: &Terms, known: &Known) -> Config {
    let (offer, params) = (&terms.offer, &known.params);
    Config {
        chain: known.chain,
        account: key.account(),
        secret: key.seed(),
        scheduler: known.scheduler,
        slots: usize::from(offer.slots),
        machine: Requirements { memory: offer.memory, flags: offer.flags, min_reputation: 0 },
        price: offer.price,
        fee: params.fee,
        output_bytes_max: params.max_output_bytes,
        proof_bytes_max: params.max_proof_bytes,
    }
}

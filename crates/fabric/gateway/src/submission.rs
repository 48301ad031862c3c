//! The gateway's half of a submission: what its node is asked about a transaction, and what its client is told.
//!
//! ```text
//! new ──is it known?──► submitted ──fate──► told
//!           │                         │
//!           └─ in a block ──► told    └── a refusal: is it known by now? ──► told
//! ```
//!
//! A transaction travels more than once: its client repeats it, and other validators pass it on. So a refusal may mean
//! that a block took it between the question and the submission. What is behind a gap of nonces waits in the pool
//! alone. Its client is told of the gap, as no block may hold it yet.
//!
//! Owns no connection and no clock. The client's half is `ciro_client::errand`.

use ciro_api::{Fate, NodeError, Until};
use ciro_state::SignedTx;
use ciro_types::Nonce;

/// How a submission begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// A block holds the transaction.
    Known,
    /// It is to be handed to the validator, which answers then.
    Submit(Until),
}

/// What a validator's answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// The client is told this.
    Final(Fate),
    /// A refusal that holds unless the ledger knows the transaction by now: [`settle`].
    Doubtful(NodeError),
}

/// See the module's documentation.
#[derive(Clone, Copy, Debug)]
pub struct Submission {
    nonce: Nonce,
    until: Until,
    /// The first nonce before the transaction's with which nothing waits.
    gap: Option<Nonce>,
}

impl Submission {
    /// Nothing is asked yet.
    #[must_use]
    pub const fn new(tx: &SignedTx, until: Until) -> Self {
        Self { nonce: tx.body.nonce, until, gap: None }
    }

    /// `known` is what the ledger says of the transaction, `next` asks for its sender's first nonce that nothing holds. What the ledger has
    /// refused is submitted again: the answer is about its nonce, which the client may take anew.
    ///
    /// # Errors
    /// Those of `next`.
    pub fn begin<E>(&mut self, known: Option<&Fate>, next: impl FnOnce() -> Result<Nonce, E>) -> Result<Begun, E> {
        if let Some(Ok(_)) = known {
            return Ok(Begun::Known);
        }
        self.gap = match self.until {
            Until::Waiting => None,
            Until::Committed => Some(next()?).filter(|next| *next < self.nonce),
        };
        Ok(Begun::Submit(if self.gap.is_some() { Until::Waiting } else { self.until }))
    }

    /// The validator's answer.
    #[must_use]
    pub fn on_fate(self, fate: Fate) -> Told {
        match fate {
            Ok(id) => Told::Final(self.gap.map_or(Ok(id), |missing| Err(behind(missing)))),
            Err(refusal @ (NodeError::Refused { .. } | NodeError::Nonce { .. })) => Told::Doubtful(refusal),
            Err(
                other @ (NodeError::Invalid { .. }
                | NodeError::Quota { .. }
                | NodeError::Pruned { .. }
                | NodeError::Unavailable { .. }),
            ) => Told::Final(Err(other)),
        }
    }
}

/// What a refusal comes to, by what the ledger says of the transaction after it.
///
/// # Errors
/// The ledger's refusal if a block holds it, else this one.
pub fn settle(refusal: NodeError, known: Option<Fate>) -> Fate {
    known.unwrap_or(Err(refusal))
}

fn behind(missing: Nonce) -> NodeError {
    NodeError::Nonce { reason: format!("it waits in the pool for nonce {missing}, with which nothing has come yet") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ciro_crypto::Keypair;
    use ciro_state::{Action, TxBody, WorkerAction};
    use ciro_types::{ChainId, TxId};
    use std::convert::Infallible;

    const ID: TxId = TxId([1; 32]);

    fn submission(nonce: u64, until: Until) -> Submission {
        let key = Keypair::from_seed([3; 32]);
        let (chain, sender, action) = (ChainId([1; 32]), key.account(), Action::Worker(WorkerAction::WithdrawStake));
        Submission::new(&SignedTx::sign(TxBody { chain, sender, nonce: Nonce(nonce), action }, &key), until)
    }

    fn begin(submission: &mut Submission, known: Option<&Fate>, next: u64) -> Begun {
        let Ok(begun) = submission.begin(known, || Ok::<_, Infallible>(Nonce(next)));
        begun
    }

    fn refused() -> NodeError {
        NodeError::Refused { reason: "no".into() }
    }

    #[test]
    fn what_a_block_holds_is_not_submitted_again_and_what_it_refused_is() {
        let mut repeated = submission(4, Until::Committed);
        assert_eq!(begin(&mut repeated, Some(&Ok(ID)), 5), Begun::Known);
        assert_eq!(begin(&mut repeated, Some(&Err(refused())), 5), Begun::Submit(Until::Committed));
        assert_eq!(begin(&mut repeated, None, 4), Begun::Submit(Until::Committed));
    }

    #[test]
    fn what_is_behind_a_gap_waits_in_the_pool_alone_and_its_client_is_told() {
        let mut early = submission(4, Until::Committed);
        assert_eq!(begin(&mut early, None, 3), Begun::Submit(Until::Waiting));
        let told = early.on_fate(Ok(ID));
        assert!(
            matches!(&told, Told::Final(Err(NodeError::Nonce { reason })) if reason.contains("nonce 3,")),
            "{told:?}"
        );
        let mut patient = submission(4, Until::Waiting);
        assert_eq!(begin(&mut patient, None, 3), Begun::Submit(Until::Waiting));
        assert_eq!(patient.on_fate(Ok(ID)), Told::Final(Ok(ID)), "it asked for no more");
    }

    #[test]
    fn a_refusal_of_what_a_block_took_meanwhile_is_none() {
        let submission = submission(4, Until::Committed);
        for refusal in [refused(), NodeError::Nonce { reason: "used".into() }] {
            assert_eq!(submission.on_fate(Err(refusal.clone())), Told::Doubtful(refusal.clone()));
            assert_eq!(settle(refusal.clone(), Some(Ok(ID))), Ok(ID));
            assert_eq!(settle(refusal.clone(), None), Err(refusal));
        }
        let busy = NodeError::Unavailable { reason: "full".into() };
        assert_eq!(submission.on_fate(Err(busy.clone())), Told::Final(Err(busy)), "nothing was judged");
    }
}

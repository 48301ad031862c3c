//! Everything that can be asked of a node, each question with its type of answer.

use crate::command::Fate;
use crate::refusal::Refusal;
use crate::view::{AccountView, BlockView, JobView, Latency, ModelView, Offered, Standing, Status, WorkerView};
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_receipt::Receipt;
use ciro_state::{CommittedEvent, EventPosition, JobStatus, Params};
use ciro_types::{AccountId, Amount, Assurance, Hash32, Height, JobId, ModelId, Requirements, TxId};

/// A question that knows the type of its answer.
pub trait Question: Into<Query> {
    /// What it is answered with.
    type Answer;

    /// The answer, or `None` if it is one to another question.
    fn take(answer: Answer) -> Option<Self::Answer>;
}

/// Writes each question as a struct in [`ask`], as a variant of [`Query`] and, with its answer, as a variant of [`Answer`].
macro_rules! questions {
    ($($(#[doc = $text:literal])+ $name:ident { $($(#[doc = $of_field:literal])+ $field:ident: $kind:ty,)* } -> $answer:ty;)+) => {
        /// A question. Variants are encoded by position: new ones are appended, none is reordered.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        pub enum Query {
            $($(#[doc = $text])+ $name(ask::$name),)+
        }

        /// The answer to the question of the same name.
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
        pub enum Answer {
            $($(#[doc = $text])+ $name($answer),)+
        }

        /// The questions, one struct each.
        pub mod ask {
            use super::*;

            $($(#[doc = $text])+
            #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
            pub struct $name {
                $($(#[doc = $of_field])+ pub $field: $kind,)*
            })+
        }

        $(impl From<ask::$name> for Query {
            fn from(question: ask::$name) -> Self {
                Self::$name(question)
            }
        }

        impl Question for ask::$name {
            type Answer = $answer;

            fn take(answer: Answer) -> Option<$answer> {
                if let Answer::$name(answer) = answer { Some(answer) } else { None }
            }
        })+
    };
}

questions! {
    /// The network, and how far it is.
    Status {} -> Status;
    /// The network's fixed numbers.
    Params {} -> Params;
    /// What an account that signs requests owns.
    Standing {
        /// Whose.
        account: AccountId,
    } -> Standing;
    /// An account, with the nonce of its next transaction.
    Account {
        /// Which.
        account: AccountId,
    } -> AccountView;
    /// All workers.
    Workers {} -> Vec<WorkerView>;
    /// A registered model, if there is one.
    Model {
        /// Which.
        model: ModelId,
    } -> Option<ModelView>;
    /// A job, with why it waits, if the ledger has it.
    Job {
        /// Which.
        job: JobId,
    } -> Option<JobView>;
    /// Where a job stands, if the ledger has it.
    JobStatus {
        /// Which.
        job: JobId,
    } -> Option<JobStatus>;
    /// What became of a transaction, if a block holds it.
    Fate {
        /// Which.
        tx: TxId,
    } -> Option<Fate>;
    /// Whether a raw input is here, intact.
    HoldsInput {
        /// Its hash.
        input: Hash32,
    } -> bool;
    /// Whether the bytes of a compiled model are here, intact.
    HoldsModel {
        /// Which.
        model: ModelId,
    } -> bool;
    /// The workers that would serve such an order now and what each asks, or why there are not as many.
    Offers {
        /// What their machines must have.
        requirements: Requirements,
        /// How many are wanted.
        count: u32,
    } -> Result<Vec<Offered>, Refusal>;
    /// What somebody would lose who made a wrong answer pass.
    StakeAtRisk {
        /// At which rung.
        assurance: Assurance,
        /// Who would answer.
        workers: Vec<AccountId>,
    } -> Amount;
    /// How long recent jobs took, if any was measured.
    Latency {
        /// At which rung.
        assurance: Assurance,
    } -> Option<Latency>;
    /// The receipt of a settled job, once the block after its settlement is certified.
    Receipt {
        /// Of which job.
        job: JobId,
    } -> Option<Box<Receipt>>;
    /// A committed block, if there is one.
    Block {
        /// At which height.
        height: Height,
    } -> Option<BlockView>;
    /// Committed events in order.
    Events {
        /// The first one.
        from: EventPosition,
        /// At most so many.
        limit: u32,
    } -> Vec<CommittedEvent>;
    /// Why a job waits for a worker, if it does.
    Waits {
        /// Which.
        job: JobId,
    } -> Option<Refusal>;
}

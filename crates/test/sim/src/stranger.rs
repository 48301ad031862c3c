//! Somebody without any part in the network, and what it sends validators: the same tricks that `ciro attack` tries on nodes.
//!
//! There are two strangers with a little money, and others without any. What a validator would not queue is refused there; what it
//! queues is paid for in a block.

use crate::cast::{FUNDED_STRANGERS as FUNDED, Place};
use crate::model::Shelf;
use ciro_exec::Blobs as _;
use ciro_graph::Model;
use ciro_state::{Action, Authority, JobAction, ModelAction, SignedTx, State, TokenAction, TxBody};
use ciro_types::{Amount, ChainId, Hash32, ModelRoots, Nonce, decode, encode};

/// All strangers.
pub const STRANGERS: usize = 8;
/// How often they try, and how long they rest in between, milliseconds.
pub const ROUNDS: usize = 12;
/// See [`ROUNDS`].
pub const REST_MS: u64 = 150;

/// What the first stranger pays whom it owes: more than it has, until the second helps out.
const DEBT: Amount = Amount::ciro(15);
/// What the second gives.
const HELP: Amount = Amount::ciro(9);
/// Bytes of what is no program.
const JUNK_BYTES: usize = 4_000;
/// Bytes of what is no proof.
const ZEROS: usize = 50_000;
/// How far beyond the next nonce a gap begins.
const GAP: u64 = 3;

/// A trick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trick {
    /// Large transactions without money, and small ones with some.
    Flood,
    /// Transactions behind gaps of nonces.
    Gaps,
    /// Transactions whose nonces were used.
    Stale,
    /// Junk registered as models.
    Junk,
    /// A payment that was refused for want of money, sent again once there is some.
    Replay,
    /// Answers to others' jobs, proven by zeros.
    Zeros,
    /// A model whose name runs backwards.
    Spoof,
}

impl Trick {
    /// What is sent in this round, and by which stranger, as the books of some validator stand.
    #[must_use]
    pub fn round(self, round: usize, chain: ChainId, books: &State) -> Vec<(usize, SignedTx)> {
        let sender = Sender { chain, books };
        match self {
            Self::Flood => {
                let large = (FUNDED..STRANGERS).map(|n| sender.next(n, 0, junk(n, round)));
                large.chain((0..4).map(|ahead| sender.next(0, ahead, to_itself()))).collect()
            }
            Self::Gaps => (0..STRANGERS)
                .flat_map(|n| (GAP..GAP + 4).map(move |ahead| (n, ahead)))
                .map(|(n, ahead)| sender.next(n, ahead, to_itself()))
                .collect(),
            Self::Stale => (0..FUNDED)
                .flat_map(|n| [sender.with(n, Nonce(0), to_itself()), sender.next(n, 0, to_itself())])
                .collect(),
            Self::Junk => (0..STRANGERS).map(|n| sender.next(n, 0, junk(n, round))).collect(),
            Self::Replay => {
                let payment = sender.with(
                    0,
                    Nonce(0),
                    Action::Token(TokenAction::Transfer { to: stranger(FUNDED).account(), amount: DEBT }),
                );
                let help = Action::Token(TokenAction::Transfer { to: stranger(0).account(), amount: HELP });
                if round == ROUNDS / 2 { vec![sender.next(1, 0, help)] } else { vec![payment] }
            }
            Self::Zeros => {
                let jobs = books.jobs().filter(|(_, job)| job.is_open()).map(|(id, job)| (*id, job.spec.input));
                let answers = jobs.filter_map(|(job, input)| Some((job, Shelf::shared().input(input).ok()?)));
                answers.map(|(job, input)| sender.next(0, 0, zeros(Authority::Open { job }, input))).collect()
            }
            Self::Spoof => vec![sender.next(0, 0, spoofed())],
        }
    }
}

/// Who signs, and what it knows.
struct Sender<'a> {
    chain: ChainId,
    books: &'a State,
}

impl Sender<'_> {
    /// A transaction of a stranger, `ahead` behind its next one.
    fn next(&self, n: usize, ahead: u64, action: Action) -> (usize, SignedTx) {
        let Nonce(next) = self.books.account(&stranger(n).account()).nonce;
        self.with(n, Nonce(next + ahead), action)
    }

    fn with(&self, n: usize, nonce: Nonce, action: Action) -> (usize, SignedTx) {
        let key = stranger(n).key();
        (n, SignedTx::sign(TxBody { chain: self.chain, sender: key.account(), nonce, action }, &key))
    }
}

/// One of them.
#[must_use]
pub const fn stranger(n: usize) -> Place {
    Place::Stranger(n)
}

fn to_itself() -> Action {
    Action::Token(TokenAction::Transfer { to: stranger(0).account(), amount: Amount::ONE })
}

fn junk(n: usize, round: usize) -> Action {
    let program = [&n.to_le_bytes()[..], &round.to_le_bytes(), &[0xa5; JUNK_BYTES]].concat();
    Action::Model(ModelAction::Register {
        program,
        roots: ModelRoots { key: Hash32([2; 32]), weights: Hash32([1; 32]) },
    })
}

fn zeros(authority: Authority, input: Vec<u8>) -> Action {
    Action::Job(JobAction::Settle { authority, input, output: vec![0; 16], proof: vec![0; ZEROS] })
}

/// The model that everybody runs, under a name that runs backwards.
///
/// # Panics
/// Never: the shelf's own model decodes.
fn spoofed() -> Action {
    let shelf = Shelf::shared();
    let bytes = shelf.model(shelf.model).expect("it is on the shelf");
    let mut model: Model = decode(&bytes, bytes.len()).expect("it is canonical");
    model.program.name = "proven\u{202e}ton".into();
    Action::Model(ModelAction::Register { program: encode(&model.program), roots: shelf.roots })
}

//! Between flags and words on this side, and the client library on the other.
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
use crate::error::{CliError, Exit};
use crate::home;
use crate::ui::Ui;
use ciro_api::http::Problem;
use ciro_api::{Status, code};
use ciro_client::{Client, ClientError, FileOrders, FileTurns, Progress, Purse, Watch};
use ciro_node::Layout;
use ciro_types::{Assurance, CapabilityFlags, MemoryMib, Requirements};

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

/// The wallet of a data directory. Commands that run on the same one take turns.
pub(crate) fn purse(home: &Layout) -> Result<Purse, CliError> {
    let turns = FileTurns { signing: home.wallet_lock(), publishing: home.publish_lock() };
    Ok(Purse::new(home::load_wallet(home)?, turns))
}

/// The orders under way of a data directory.
pub(crate) fn orders(home: &Layout) -> FileOrders {
    FileOrders::new(home.orders())
}

impl Watch for Ui {
    fn tell(&self, progress: &Progress) {
        match progress {
            Progress::AllBusy => self.note("every worker that would serve is busy: waiting for a price"),
            Progress::Resumed(job) => self.note(&format!("going on with job {job}, which was ordered before")),
            Progress::WaitsForWorker { because } => self.note(&format!("waiting for a worker: {because}")),
        }
    }
}

/// What the network says of itself, and a warning if it commits nothing for now: whoever waits should know for what.
pub(crate) fn open_for_writing(client: &Client, ui: &Ui) -> Result<Status, ClientError> {
    let status = client.status()?;
    if let Some(reason) = &status.read_only {
        ui.warn(&format!("the network commits nothing until its disk has room, so this waits: {reason}"));
    }
    Ok(status)
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let failed = Self::new(exit(&error), &error);
        match error {
            ClientError::Unreachable { .. } => {
                failed.hint("start one with `ciro up`; a command that was cut short may be repeated")
            }
            ClientError::Strange { .. } => {
                failed.hint("is it of the same version? see `ciro --version` and GET /v1/status")
            }
            ClientError::Refused(Problem { code, hint: None, .. }) if code == code::REFUSED => {
                failed.hint("a transaction that the ledger refuses costs its fee all the same: `ciro wallet balance`")
            }
            ClientError::Refused(Problem { hint, .. }) => Self { hint, ..failed },
            ClientError::NoWorker { .. } => failed.hint("pass --max-price to order anyway and wait"),
            ClientError::TooDear { assurance, asked, most } => {
                let message = format!("{assurance:?} costs {asked} CIRO now, above --max-price {most}");
                Self { message, ..failed }.hint("raise --max-price or take a lower rung: `ciro quote` shows all")
            }
            ClientError::Model(_)
            | ClientError::NotOffered { .. }
            | ClientError::Refunded(_)
            | ClientError::Orders { .. }
            | ClientError::Entropy { .. } => failed,
        }
    }
}

fn exit(error: &ClientError) -> Exit {
    match error {
        ClientError::Unreachable { .. } => Exit::Unreachable,
        ClientError::Refused(problem) => match problem.code.as_str() {
            code::REFUSED => Exit::Refused,
            // None of these says what became of the order: the command may be repeated.
            code::UNAVAILABLE | code::NONCE | code::TOO_MANY | code::TOO_SLOW => Exit::Unreachable,
            _ => Exit::Failed,
        },
        ClientError::NotOffered { .. }
        | ClientError::NoWorker { .. }
        | ClientError::TooDear { .. }
        | ClientError::Refunded(_) => Exit::Refused,
        ClientError::Strange { .. }
        | ClientError::Model(_)
        | ClientError::Orders { .. }
        | ClientError::Entropy { .. } => Exit::Failed,
    }
}

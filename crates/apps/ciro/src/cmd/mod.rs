//! One file per command; this one only wires.

mod completions;
mod inspect;
mod verify;
mod wallet;

use crate::cli::Command;
use crate::error::CliError;
use crate::ui::Ui;

/// Runs `command`.
pub(crate) fn dispatch(command: Command, ui: &Ui) -> Result<(), CliError> {
    match command {
        Command::Verify(args) => verify::run(&args, ui),
        Command::Inspect(args) => inspect::run(&args, ui),
        Command::Wallet(args) => wallet::run(&args, ui),
        Command::Completions(args) => completions::run(&args, ui),
    }
}

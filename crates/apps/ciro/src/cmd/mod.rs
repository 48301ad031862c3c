//! One file per command; this one only wires.

pub(crate) mod attack;
mod bench;
mod compile;
mod completions;
mod inspect;
mod open;
mod ops;
mod prove;
mod quote;
mod run;
mod up;
mod verify;
mod wallet;

use crate::cli::Command;
use crate::error::CliError;
use crate::ui::Ui;

/// Runs `command`.
pub(crate) fn dispatch(command: Command, ui: &Ui) -> Result<(), CliError> {
    match command {
        Command::Compile(args) => compile::run(&args, ui),
        Command::Prove(args) => prove::run(&args, ui),
        Command::Up(args) => up::run(&args, ui),
        Command::Quote(args) => quote::run(&args, ui),
        Command::Run(args) => run::run(&args, ui),
        Command::Verify(args) => verify::run(&args, ui),
        Command::Open(args) => open::run(&args, ui),
        Command::Inspect(args) => inspect::run(&args, ui),
        Command::Wallet(args) => wallet::run(&args, ui),
        Command::Bench(args) => bench::run(&args, ui),
        Command::Attack(args) => attack::run(&args, ui),
        Command::Ops => ops::run(ui),
        Command::Completions(args) => completions::run(&args, ui),
    }
}

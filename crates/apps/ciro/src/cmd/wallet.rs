//! `ciro wallet`: the key that pays.

use crate::cli::{WalletAction, WalletArgs};
use crate::error::CliError;
use crate::home;
use crate::ui::Ui;
use ciro_network::Layout;
use serde::Serialize;

#[derive(Serialize)]
struct WalletView {
    account: String,
    file: String,
}

pub(crate) fn run(args: &WalletArgs, ui: &Ui) -> Result<(), CliError> {
    let home = home::resolve(args.data.data.as_deref())?;
    match args.action {
        WalletAction::New => {
            let key = home::create_wallet(&home)?;
            ui.note("keep a copy of the key file: whoever has it has the money, and nobody can make another");
            show(&home, &key, ui)
        }
        WalletAction::Show => show(&home, &home::load_wallet(&home)?, ui),
    }
}

fn show(home: &Layout, key: &ciro_crypto::Keypair, ui: &Ui) -> Result<(), CliError> {
    let account = key.account().to_string();
    let view = WalletView { account, file: home.wallet().display().to_string() };
    ui.result(&view, || format!("account  {}\nkey file {}", view.account, view.file))
}

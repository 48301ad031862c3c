//! `ciro wallet`: the key that pays.

use crate::cli::{WalletAction, WalletArgs};
use crate::client::{open_for_writing, purse};
use crate::error::CliError;
use crate::home;
use crate::local::require;
use crate::ui::Ui;
use ciro_crypto::Keypair;
use ciro_node::Layout;
use ciro_state::{Action, ModelAction, TokenAction};
use ciro_types::{AccountId, Amount, ModelId, TxId};
use serde::Serialize;

#[derive(Serialize)]
struct WalletView {
    account: AccountId,
    file: String,
}

#[derive(Serialize)]
struct SentView {
    tx: TxId,
    to: AccountId,
    amount: Amount,
}

#[derive(Serialize)]
struct RemovedView {
    tx: TxId,
    model: ModelId,
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
        WalletAction::Balance => balance(&home, ui),
        WalletAction::Send { to, amount } => send(&home, to, amount, ui),
        WalletAction::RemoveModel { model } => remove_model(&home, model, ui),
    }
}

fn show(home: &Layout, key: &Keypair, ui: &Ui) -> Result<(), CliError> {
    let view = WalletView { account: key.account(), file: home.wallet().display().to_string() };
    ui.result(&view, || format!("account  {}\nkey file {}", view.account, view.file))
}

fn balance(home: &Layout, ui: &Ui) -> Result<(), CliError> {
    let key = home::load_wallet(home)?;
    let view = require(home)?.account(key.account())?;
    ui.result(&view, || format!("{} CIRO", view.balance))
}

fn send(home: &Layout, to: AccountId, amount: Amount, ui: &Ui) -> Result<(), CliError> {
    let purse = purse(home)?;
    let client = require(home)?;
    let chain = open_for_writing(&client, ui)?.chain;
    let tx = client.act(&purse, chain, &Action::Token(TokenAction::Transfer { to, amount }))?;
    let view = SentView { tx, to, amount };
    ui.result(&view, || format!("sent {amount} CIRO to {to}\ntransaction {tx}"))
}

fn remove_model(home: &Layout, model: ModelId, ui: &Ui) -> Result<(), CliError> {
    let purse = purse(home)?;
    let client = require(home)?;
    let chain = open_for_writing(&client, ui)?.chain;
    let tx = client.act(&purse, chain, &Action::Model(ModelAction::Remove { model }))?;
    let view = RemovedView { tx, model };
    ui.result(&view, || {
        format!("model {model} takes no more orders; its deposit comes back after the last job on it\ntransaction {tx}")
    })
}

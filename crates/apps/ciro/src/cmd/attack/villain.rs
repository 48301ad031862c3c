//! Keys and transactions of attackers: signed well, signed badly, in any order.

use super::arena::account_path;
use super::wire::{self, Reply};
use ciro_api::signed::authorization;
use ciro_crypto::Keypair;
use ciro_state::{Action, SignedTx, TokenAction, TxBody};
use ciro_types::{AccountId, Amount, ChainId, Height, Nonce, encode};
use std::net::SocketAddr;

/// Somebody with a key.
pub(crate) struct Villain {
    pub(crate) key: Keypair,
    pub(crate) chain: ChainId,
    address: SocketAddr,
}

impl Villain {
    pub(crate) const fn new(key: Keypair, chain: ChainId, address: SocketAddr) -> Self {
        Self { key, chain, address }
    }

    pub(crate) fn account(&self) -> AccountId {
        self.key.account()
    }

    /// What the ledger holds for it.
    pub(crate) fn nonce(&self) -> Nonce {
        let view = wire::ask(self.address, "GET", &account_path(self.account()), &[], None).json();
        Nonce(view["nonce"].as_u64().unwrap_or_default())
    }

    /// A transaction with any nonce.
    pub(crate) fn signed(&self, nonce: Nonce, action: Action) -> SignedTx {
        SignedTx::sign(TxBody { chain: self.chain, sender: self.account(), nonce, action }, &self.key)
    }

    /// Sends a transaction and waits for what becomes of it.
    pub(crate) fn send(&self, tx: &SignedTx) -> Reply {
        send(self.address, tx)
    }

    /// Signs an action with the present nonce and sends it.
    pub(crate) fn act(&self, action: Action) -> Reply {
        self.send(&self.signed(self.nonce(), action))
    }

    pub(crate) fn transfer(&self, to: AccountId, amount: Amount) -> Reply {
        self.act(Action::Token(TokenAction::Transfer { to, amount }))
    }

    /// A read that it signs.
    pub(crate) fn get(&self, path: &str, until: Height) -> Reply {
        let signed = authorization(&self.key, self.chain, "GET", path, until);
        wire::ask(self.address, "GET", path, &[("Authorization", &signed)], None)
    }
}

/// Sends a transaction of anybody.
pub(crate) fn send(address: SocketAddr, tx: &SignedTx) -> Reply {
    let body = format!("{{\"tx\":\"{}\"}}", hex::encode(encode(tx)));
    let headers = [("Content-Type", "application/json")];
    wire::ask(address, "POST", "/v1/transactions", &headers, Some(body.as_bytes()))
}

//! A transaction that the ledger refused, sent again when it would succeed.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_state::{Action, TokenAction};
use ciro_types::{Amount, Nonce};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "replayed-refusal",
    does: "keeps payments that the ledger refused for want of money, and sends them again once their sender has some",
    must: "the refusal spent the nonce and a fee: the same bytes never move money",
    needs: Needs::Money,
    attack,
};

const PAYMENT: Amount = Amount::ciro(5);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    // The client of the story: it has less than it wants to pay, and gets more later.
    let (client, thief) = (arena.funded(Amount::ciro(1))?, arena.villain());
    let nonce = client.nonce();
    let tx = client.signed(nonce, Action::Token(TokenAction::Transfer { to: thief.account(), amount: PAYMENT }));
    let refused = client.send(&tx);
    let spent = Amount::ciro(1).0.saturating_sub(arena.balance(client.account()).0);
    let is_paid_for = client.nonce() == Nonce(nonce.0 + 1) && spent > 0;
    let verdict = ensure(refused.status != 200, || "a payment without money succeeded".into())
        .and_then(|()| ensure(is_paid_for, || format!("the refusal cost {}", Amount(spent))));
    if let Err(won) = verdict {
        return Ok(Err(won));
    }
    let funded = arena.wallet()?.transfer(client.account(), Amount::ciro(20));
    let replayed = thief.send(&tx);
    let verdict = ensure(funded.status == 200, || format!("no money came: {}", funded.json()))
        .and_then(|()| ensure(replayed.status != 200, || "the refused payment was made after all".into()))
        .and_then(|()| {
            let stolen = arena.balance(thief.account());
            ensure(stolen == Amount::ZERO, || format!("the replay brought {stolen} CIRO"))
        });
    Ok(verdict.map(|()| {
        format!("a refusal cost {} CIRO, and the same bytes were then answered {}", Amount(spent), replayed.code())
    }))
}

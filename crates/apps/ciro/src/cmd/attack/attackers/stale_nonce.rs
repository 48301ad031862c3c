//! A stranger's transaction that is refused where everybody hears of it.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_state::{Action, TokenAction};
use ciro_types::{Amount, Nonce};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "stale-nonce",
    does: "sends transactions whose nonces were used long ago, before and while jobs run",
    must: "they concern nobody else: workers go on with their own nonces",
    needs: Needs::Money,
    attack,
};

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villain = arena.funded(Amount::ciro(10))?;
    let used = Nonce(0);
    let pay = |amount| Action::Token(TokenAction::Transfer { to: villain.account(), amount: Amount(amount) });
    let first = villain.act(pay(1)).status;
    if let Err(won) = ensure(first == 200, || format!("its first transaction was answered {first}")) {
        return Ok(Err(won));
    }
    for n in 0..8 {
        let status = villain.send(&villain.signed(used, pay(2 + n))).status;
        if let Err(won) = ensure(status != 200, || "a used nonce was taken again".into()) {
            return Ok(Err(won));
        }
        let rung = ["a0", "a2", "a4"][usize::from(n.to_le_bytes()[0] % 3)];
        if let Err(won) = arena.honest_job(rung) {
            return Ok(Err(won));
        }
    }
    Ok(Ok("8 stale transactions were refused, and every job between them was served".into()))
}

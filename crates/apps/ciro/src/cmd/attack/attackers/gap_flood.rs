//! Transactions whose turn never comes.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::villain::{Villain, send};
use crate::error::CliError;
use ciro_state::{Action, TokenAction};
use ciro_types::{Amount, Nonce};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "gap-flood",
    does: "sends 520 transactions with gaps before their nonces, half of them without money",
    must: "none holds a thread: status and honest jobs are answered meanwhile",
    needs: Needs::Money,
    attack,
};

const GAPS: u64 = 260;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villains = [arena.villain(), arena.funded(Amount::ciro(10))?];
    let address = arena.address;
    let (served, statuses) = std::thread::scope(|scope| {
        let gaps: Vec<_> = villains.iter().flat_map(|villain| (1..=GAPS).map(move |gap| late(villain, gap))).collect();
        let sent: Vec<_> = gaps.into_iter().map(|tx| scope.spawn(move || send(address, &tx).status)).collect();
        let served = ensure(arena.get("/v1/status").status == 200, || "status was not answered".into());
        let served = served.and_then(|()| arena.honest_job("a4").map(|_| ()));
        // A thread that panicked has sent nothing.
        (served, sent.into_iter().map(|sent| sent.join().unwrap_or_default()).collect::<Vec<u16>>())
    });
    let committed = statuses.iter().filter(|status| **status == 200).count();
    Ok(served.and_then(|()| {
        ensure(committed == 0, || format!("{committed} transactions were committed out of turn"))?;
        Ok(format!("{} transactions out of turn were refused", statuses.len()))
    }))
}

fn late(villain: &Villain, gap: u64) -> ciro_state::SignedTx {
    villain.signed(Nonce(gap), Action::Token(TokenAction::Transfer { to: villain.account(), amount: Amount(1) }))
}

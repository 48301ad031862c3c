//! Transactions of accounts without money.

use super::ensure;
use crate::cmd::attack::arena::Arena;
use crate::cmd::attack::villain::send;
use crate::cmd::attack::{Attacker, Verdict};
use crate::error::CliError;
use ciro_state::Action;
use ciro_types::{Amount, Hash32, Nonce};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "flood",
    does: "fills the pool with large transactions of 64 accounts that have no money",
    must: "none is committed, honest jobs at A2 are revealed and paid, and no worker is slashed",
    descriptors: None,
    attack,
};

const ACCOUNTS: usize = 64;
const PROGRAM_BYTES: usize = 200_000;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villains: Vec<_> = (0..ACCOUNTS).map(|_| arena.villain()).collect();
    let address = arena.address;
    let (served, statuses) = std::thread::scope(|scope| {
        let sent: Vec<_> = villains
            .iter()
            .enumerate()
            .map(|(n, villain)| {
                let program = vec![n.to_le_bytes()[0]; PROGRAM_BYTES];
                let action = Action::RegisterModel { program, weight_root: Hash32([1; 32]) };
                let tx = villain.signed(Nonce(0), action);
                scope.spawn(move || send(address, &tx).status)
            })
            .collect();
        let served = arena.honest_job("a2");
        // A thread that panicked has sent nothing.
        (served, sent.into_iter().map(|sent| sent.join().unwrap_or_default()).collect::<Vec<u16>>())
    });
    let committed = statuses.iter().filter(|status| **status == 200).count();
    Ok(served.and_then(|_| {
        ensure(committed == 0, || format!("{committed} transactions of accounts without money were committed"))?;
        let spent = Amount::ZERO;
        Ok(format!("{} transactions that cost {spent} CIRO were refused", statuses.len()))
    }))
}

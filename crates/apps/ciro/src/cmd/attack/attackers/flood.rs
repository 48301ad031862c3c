//! Transactions of accounts without money, and as many, or as fast, as little money buys.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::villain::{Villain, send};
use crate::error::CliError;
use ciro_state::{Action, ModelAction, SignedTx, TokenAction};
use ciro_types::{Amount, Hash32, ModelRoots, Nonce};
use ciro_validator::Timeouts;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "flood",
    does: "sends large transactions of 64 accounts that have no money, and up to 64 small ones of an account that has some",
    must: "none without money is committed, the others pay for each, and a job at A2 is revealed and paid meanwhile",
    needs: Needs::Money,
    attack,
};

/// Always has another transaction ready, so that blocks come as fast as they can.
pub(crate) const RACER: Attacker = Attacker {
    name: "block-racer",
    does: "sends a transfer as soon as the last one is committed, so that leases and windows, which count blocks, end within seconds",
    must: "blocks keep their pace, the transfers are paid for, and a job at A2 is revealed and paid meanwhile",
    needs: Needs::Money,
    attack: run_races,
};

const ACCOUNTS: usize = 64;
const PROGRAM_BYTES: usize = 200_000;
const PAID: u64 = 64;
const MONEY: Amount = Amount::ciro(10);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let (poor, rich): (Vec<_>, _) = ((0..ACCOUNTS).map(|_| arena.villain()).collect(), arena.funded(MONEY)?);
    let address = arena.address;
    let free: Vec<SignedTx> = poor.iter().map(large).collect();
    let paid: Vec<SignedTx> = (0..PAID).map(|n| small(&rich, n)).collect();
    let (served, free, paid) = std::thread::scope(|scope| {
        let spawn = |tx| scope.spawn(move || send(address, &tx).status);
        let (free, paid): (Vec<_>, Vec<_>) =
            (free.into_iter().map(spawn).collect(), paid.into_iter().map(spawn).collect());
        let served = arena.honest_job("a2");
        // A thread that panicked has sent nothing.
        let statuses = |sent: Vec<std::thread::ScopedJoinHandle<'_, u16>>| -> Vec<u16> {
            sent.into_iter().map(|sent| sent.join().unwrap_or_default()).collect()
        };
        (served, statuses(free), statuses(paid))
    });
    Ok(served.and_then(|_| verdict(arena, &rich, &free, &paid)))
}

fn verdict(arena: &Arena, rich: &Villain, free: &[u16], paid: &[u16]) -> Verdict {
    let committed = |statuses: &[u16]| statuses.iter().filter(|status| **status == 200).count();
    let won = committed(free);
    ensure(won == 0, || format!("{won} transactions of accounts without money were committed"))?;
    // What was committed may not have been told; the nonce counts all of it.
    let (told, used) = (committed(paid), rich.nonce().0);
    let spent = Amount(MONEY.0.saturating_sub(arena.balance(rich.account()).0));
    let least = arena_fee(arena).0.saturating_mul(u128::from(used));
    ensure(spent.0 >= least, || format!("{used} transactions cost {spent} CIRO, expected at least {}", Amount(least)))?;
    Ok(format!("{} free transactions were refused; {used} paid ones ({told} awaited) cost {spent} CIRO", free.len()))
}

/// The network's fee for the smallest transaction.
fn arena_fee(arena: &Arena) -> Amount {
    let status = arena.get("/v1/status").json();
    status["params"]["tx_fee"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn large(villain: &Villain) -> SignedTx {
    let program = vec![villain.account().0[0]; PROGRAM_BYTES];
    villain.signed(
        Nonce(0),
        Action::Model(ModelAction::Register {
            program,
            roots: ModelRoots { key: Hash32([2; 32]), weights: Hash32([1; 32]) },
        }),
    )
}

fn small(villain: &Villain, nonce: u64) -> SignedTx {
    villain.signed(Nonce(nonce), Action::Token(TokenAction::Transfer { to: villain.account(), amount: Amount(1) }))
}

const RACE_MONEY: Amount = Amount::ciro(1);
const RACE: Duration = Duration::from_secs(10);
/// Blocks that validators may begin before one of them notes the last.
const SPARE: u64 = 2;

fn run_races(arena: &mut Arena) -> Result<Verdict, CliError> {
    let (racer, is_over) = (arena.funded(RACE_MONEY)?, AtomicBool::new(false));
    let (started, before) = (Instant::now(), height(arena));
    let served = std::thread::scope(|scope| {
        scope.spawn(|| race(&racer, &is_over));
        let served = arena.honest_job("a2");
        std::thread::sleep(RACE.saturating_sub(started.elapsed()));
        is_over.store(true, Ordering::Relaxed);
        served
    });
    let (blocks, took) = (height(arena).saturating_sub(before), started.elapsed());
    Ok(served.and_then(|_| pace_is_kept(blocks, took)))
}

fn race(racer: &Villain, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        racer.transfer(racer.account(), Amount(1));
    }
}

fn pace_is_kept(blocks: u64, took: Duration) -> Verdict {
    let Timeouts { pace_ms, pace_slack_ms, .. } = Timeouts::DEFAULT;
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    let most = took_ms.saturating_add(pace_slack_ms) / pace_ms + SPARE;
    ensure(blocks <= most, || format!("{blocks} blocks came within {took_ms} ms, expected at most {most}"))?;
    Ok(format!("{blocks} blocks came within {took_ms} ms, of {most} at most"))
}

fn height(arena: &Arena) -> u64 {
    arena.get("/v1/status").json()["height"].as_u64().unwrap_or_default()
}

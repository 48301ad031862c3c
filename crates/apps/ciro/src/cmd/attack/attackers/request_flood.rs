//! One address that asks as fast as it can.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "request-flood",
    does: "asks for quotes from eight threads as fast as it can",
    must: "it is told to come again later, while an account that signs is served",
    needs: Needs::Money,
    attack,
};

const THREADS: usize = 8;
/// How long the flood may take to spend its budget.
const FLOOD_PATIENCE: Duration = Duration::from_secs(20);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let (is_over, refused) = (AtomicBool::new(false), AtomicUsize::new(0));
    let address = arena.address;
    let flood = || {
        while !is_over.load(Ordering::Relaxed) {
            if wire::ask(address, "GET", "/v1/quote", &[], None).status == 429 {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    };
    let served = std::thread::scope(|scope| {
        (0..THREADS).for_each(|_| drop(scope.spawn(flood)));
        let started = Instant::now();
        while refused.load(Ordering::Relaxed) == 0 && started.elapsed() < FLOOD_PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let served = arena.honest_job("a4");
        is_over.store(true, Ordering::Relaxed);
        served
    });
    let refused = refused.into_inner();
    Ok(served.and_then(|_| {
        ensure(refused > 0, || "it was never told to wait".into())?;
        Ok(format!("{refused} requests were refused, an honest job was served meanwhile"))
    }))
}

//! Workers that take every job because they ask next to nothing, and answer none.

use super::colluding_pair::offer;
use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::villain::Villain;
use crate::error::CliError;
use ciro_state::{Action, WorkerAction};
use ciro_types::{Amount, Offer};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "black-hole",
    does: "registers two workers with the least stake that offer their slots for nothing, then at the least price, and never answer",
    must: "a price of zero and slots without stake are refused; at the least price, jobs at every rung are answered in time all the same",
    needs: Needs::Money,
    attack,
};

/// The least stake, and as many slots as it backs.
const STAKE: Amount = Amount::ciro(100);
const SLOTS: u16 = 4;
/// The least price that the network takes.
const LEAST: Amount = Amount::ciro(1);
/// Jobs at each rung, so that the holes are chosen and forgotten.
const JOBS: usize = 2;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let holes = [arena.funded(Amount::ciro(150))?, arena.funded(Amount::ciro(150))?];
    let verdict = holes.iter().try_for_each(|hole| gape(arena, hole)).and_then(|()| swallow(arena));
    Ok(verdict.map(|served| {
        let timeouts: u64 = holes.iter().map(|hole| timeouts(arena, hole)).sum();
        format!(
            "offers at 0 were refused, offers at {LEAST} let {timeouts} leases run out, and {served} jobs were served"
        )
    }))
}

/// Becomes a worker as cheap as the network lets it.
fn gape(arena: &Arena, hole: &Villain) -> Result<(), String> {
    let registered = hole.act(Action::Worker(WorkerAction::Register { stake: STAKE }));
    ensure(registered.status == 200, || format!("the stake was not taken: {}", registered.json()))?;
    let publish = |offer: Offer| hole.act(Action::Worker(WorkerAction::PublishOffer { offer }));
    for (price, slots) in [(Amount::ZERO, 1), (Amount(LEAST.0 - 1), 1), (LEAST, u16::MAX)] {
        let reply = publish(offer(arena, hole, price, slots));
        ensure(reply.status != 200, || format!("an offer of {slots} slots at {price} was taken"))?;
    }
    let reply = publish(offer(arena, hole, LEAST, SLOTS));
    ensure(reply.status == 200, || format!("the cheapest offer was not taken: {}", reply.json()))
}

/// Honest jobs while the holes are there. Returns how many were served.
fn swallow(arena: &Arena) -> Result<usize, String> {
    let rungs = arena.get("/v1/quote").json()["rungs"].clone();
    let free = rungs.as_array().into_iter().flatten().filter(|rung| rung["price"].as_str() == Some("0")).count();
    ensure(free == 0, || format!("{free} rungs are quoted at 0"))?;
    let mut served = 0;
    for rung in ["a0", "a2", "a4"].repeat(JOBS) {
        arena.honest_job(rung)?;
        served += 1;
    }
    Ok(served)
}

fn timeouts(arena: &Arena, hole: &Villain) -> u64 {
    let (workers, account) = (arena.get("/v1/workers").json(), hole.account().to_string());
    let mut own = workers.as_array().into_iter().flatten().filter(|worker| worker["worker"] == account.as_str());
    own.next().and_then(|worker| worker["timeouts"].as_u64()).unwrap_or_default()
}

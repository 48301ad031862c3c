//! Workers that take every job because they ask nothing, and answer none.

use super::ensure;
use crate::cmd::attack::arena::Arena;
use crate::cmd::attack::{Attacker, Verdict};
use crate::error::CliError;
use ciro_state::Action;
use ciro_types::{Amount, CapabilityFlags, Height, MemoryMib, Offer};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "black-hole",
    does: "registers two workers with the least stake that offer every slot at price 0 and never answer",
    must: "a price of zero decides nothing: quotes keep an honest price, and jobs at every rung are answered in time",
    descriptors: None,
    attack,
};

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let mut taken = Vec::new();
    for _ in 0..2 {
        let villain = arena.funded(Amount::ciro(150))?;
        let registered = villain.act(Action::RegisterWorker { stake: Amount::ciro(100) });
        let offer = Offer {
            worker: villain.account(),
            sequence: 1,
            flags: CapabilityFlags(0),
            memory: MemoryMib(4_096),
            price: Amount::ZERO,
            slots: u16::MAX,
            expires: Height(arena.until().0 + 10_000),
            label: "cheap".into(),
        };
        let offered = villain.act(Action::PublishOffer { offer });
        taken.push((registered.status, offered.status));
    }
    let rungs = arena.get("/v1/quote").json()["rungs"].clone();
    let is_zero = |rung: &serde_json::Value| rung["price"].as_str() == Some("0");
    let free: Vec<_> = rungs.as_array().into_iter().flatten().filter(|rung| is_zero(rung)).collect();
    let quoted = ensure(free.is_empty(), || format!("{} rungs are quoted at 0", free.len()));
    let served = quoted.and_then(|()| ["a0", "a2", "a4"].iter().try_for_each(|rung| arena.honest_job(rung).map(drop)));
    Ok(served.map(|()| format!("its stakes and offers were answered {taken:?}, and jobs at 3 rungs were served")))
}

//! A stranger who wants to read somebody's input and output.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use ciro_api::signed::authorization;
use ciro_types::Height;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "receipt-thief",
    does: "asks for an honest client's receipt without a signature, with its own, and with stolen or stale ones",
    must: "nobody but the client and the paid worker reads it",
    needs: Needs::Money,
    attack,
};

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let job = match arena.honest_job("a0") {
        Ok(view) => view["job"].as_str().unwrap_or_default().to_string(),
        Err(won) => return Ok(Err(won)),
    };
    let path = format!("/v1/jobs/{job}/receipt");
    let (thief, owner, until) = (arena.villain(), arena.wallet()?, arena.until());
    let with = |value: &str| wire::ask(arena.address, "GET", &path, &[("Authorization", value)], None).status;
    let stolen = authorization(&owner.key, owner.chain, "GET", "/v1/status", until);
    let stale = authorization(&owner.key, owner.chain, "GET", &path, Height(0));
    let eternal = authorization(&owner.key, owner.chain, "GET", &path, Height(u64::MAX));
    let forged = authorization(&thief.key, thief.chain, "GET", &path, until)
        .replace(&thief.account().to_string(), &owner.account().to_string());
    let attempts = [
        ("unsigned", arena.get(&path).status, 401),
        ("signed by a stranger", thief.get(&path, until).status, 403),
        ("signed for another path", with(&stolen), 401),
        ("signed long ago", with(&stale), 401),
        ("signed for ever", with(&eternal), 401),
        ("signed by another key", with(&forged), 401),
        ("signed by the client", owner.get(&path, until).status, 200),
    ];
    let refuse = |(what, got, expected): &(&str, u16, u16)| {
        ensure(got == expected, || format!("{what}: expected {expected}, got {got}"))
    };
    Ok(attempts.iter().try_for_each(refuse).map(|()| "6 ways to read it were refused, the client's own was not".into()))
}

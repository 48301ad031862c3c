//! A disk that changes what was written.

use super::ensure;
use crate::cmd::attack::arena::Arena;
use crate::cmd::attack::{Attacker, Verdict};
use crate::error::CliError;
use ciro_crypto::hash_encoded;
use std::path::Path;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "torn-row",
    does: "stops the node, changes bytes of a validator's database, and starts it again",
    must: "damage is named and mended, or the node does not start; a changed row is never served",
    descriptors: None,
    attack,
};

/// How many places are changed.
const TEARS: u64 = 64;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    if !arena.is_ours() {
        return Ok(Ok("a node that is not ours has a disk that is not ours".into()));
    }
    if let Err(won) = arena.honest_job("a4") {
        return Ok(Err(won));
    }
    let account = super::super::arena::account_path(arena.wallet()?.account());
    let before = arena.get(&account).json();
    arena.kill();
    let database = arena.home().join("network").join("validator-0").join("store.redb");
    tear(&database, arena.seed).map_err(|e| CliError::failed(format!("cannot change the database: {e}")))?;
    if let Err(refusal) = arena.restart() {
        // The attack is over: what is checked afterwards needs a node that starts.
        std::fs::remove_dir_all(arena.home().join("network")).map_err(CliError::failed)?;
        arena.restart()?;
        let named = ensure(!refusal.message.trim().is_empty(), || "it does not start and says nothing".into());
        return Ok(named.map(|()| "the node named the damage and did not start".into()));
    }
    let after = arena.get(&account).json();
    let same = ensure(before["balance"] == after["balance"], || format!("{before} became {after}"));
    Ok(same.map(|()| "the node mended the damage and serves what was there".into()))
}

/// Inverts one bit at each of some places, which follow from the seed.
fn tear(database: &Path, seed: u64) -> std::io::Result<()> {
    let mut bytes = std::fs::read(database)?;
    for n in 0..TEARS {
        let drawn = hash_encoded("ciro/attack/tear/v1", &(seed, n)).0;
        let mut number = [0; 8];
        number.copy_from_slice(&drawn[..8]);
        let place = u64::from_le_bytes(number) % (bytes.len() as u64).max(1);
        if let Some(byte) = usize::try_from(place).ok().and_then(|place| bytes.get_mut(place)) {
            *byte ^= 1 << (drawn[8] % 8);
        }
    }
    std::fs::write(database, bytes)
}

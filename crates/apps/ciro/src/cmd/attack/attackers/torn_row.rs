//! A disk that changes what was written.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_crypto::hash_encoded;
use std::path::Path;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "torn-row",
    does: "stops the node, changes bytes of a validator's database, and starts it again",
    must: "the damage is mended from a peer, or the node ends and names the damaged store; a changed row is never served",
    needs: Needs::OwnNode { descriptors: None },
    attack,
};

/// How many places are changed.
const TEARS: u64 = 64;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
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
        let told = refusal.message;
        let named = ensure(names_damage(&told), || format!("it does not start, and does not name the damage: {told}"));
        return Ok(named.map(|()| "the node named the damage and did not start".into()));
    }
    let after = arena.get(&account).json();
    let same = ensure(before["balance"] == after["balance"], || format!("{before} became {after}"));
    Ok(same.map(|()| "the node mended the damage and serves what was there".into()))
}

/// Whether these are the words of a store that finds itself damaged (`StoreError`, `RepairError`), of the validator in question.
fn names_damage(told: &str) -> bool {
    let is_here = told.contains("validator 0 failed") || told.contains("the store of validator 0 cannot be repaired");
    let damage = ["store damaged: table", "state tree:", "does not decode", "database", "cannot be repaired"];
    is_here && damage.iter().any(|words| told.contains(words))
}

/// Inverts one bit at each of some places, which follow from the seed.
pub(super) fn tear(database: &Path, seed: u64) -> std::io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_of_a_damaged_store_name_damage() {
        let damaged = "the node does not start: error: validator 0 failed: store damaged: table blocks, row 4: expected 00, got 01";
        assert!(names_damage(damaged));
        assert!(names_damage("error: the store of validator 0 cannot be repaired: the peer's store does not help"));
        for other in ["", "error: validator 0 failed: no room on the disk for the store", "store damaged: table blocks"]
        {
            assert!(!names_damage(other), "{other}");
        }
    }
}

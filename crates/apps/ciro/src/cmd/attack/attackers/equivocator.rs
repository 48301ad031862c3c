//! A validator that signs two things at once, before a node that runs.

use super::torn_row::tear;
use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_consensus::{Equivocation, Signed, Vote, VoteKind};
use ciro_crypto::Keypair;
use ciro_node::{Layout, load_key};
use ciro_state::{Action, ValidatorAction};
use ciro_types::{Amount, BlockId, ChainId, Height};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "equivocator",
    does: "signs two votes for one place with a validator's key, and has somebody report them, twice",
    must: "it is slashed once and loses its vote; the others go on, and a stranger accepts their receipts",
    needs: Needs::OwnNode { descriptors: None },
    attack,
};

/// Blocks come at once while there is work, and a handover takes two.
const PATIENCE: Duration = Duration::from_secs(20);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let key = load_key(&Layout::new(arena.home()).key("validator-3")).map_err(CliError::failed)?;
    let evidence = contradiction(&key, arena.chain).to_bytes();
    let before = voters(arena);
    let villain = arena.funded(Amount::ONE)?;
    for (n, expected) in [(0, true), (1, false)] {
        let reply = villain.act(Action::Validator(ValidatorAction::ReportEquivocation { evidence: evidence.clone() }));
        let told = || format!("report {n} was answered with {}: {}", reply.status, reply.message());
        if let Err(won) = ensure((reply.status == 200) == expected, told) {
            return Ok(Err(won));
        }
    }
    let after = || voters(arena).zip(before).is_some_and(|(left, all)| left + 1 == all);
    let limit = Instant::now() + PATIENCE;
    while !after() {
        if Instant::now() > limit {
            return Ok(Err(format!("{:?} validators vote, as did before the report", voters(arena))));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(receipt_of_the_others(arena))
}

/// A settled answer carries the handover, is accepted by a reader that knows the network's id alone, and says who signed. So also
/// after a power cut.
fn receipt_of_the_others(arena: &mut Arena) -> Verdict {
    let mut shown = String::new();
    for _ in 0..2 {
        arena.honest_job("a4")?;
        let network = arena.chain.to_string();
        let receipt = arena.home().join("receipt.ciro").display().to_string();
        let checked = arena.command(&["verify", &receipt, "--network", &network], PATIENCE)?;
        let told = String::from_utf8_lossy(&checked.stdout).into_owned();
        let signers = told.lines().find(|line| line.contains("validators with more than 2/3")).unwrap_or_default();
        ensure(checked.status.success(), || format!("the receipt is refused: {told}"))?;
        ensure(signers.contains("3 validators"), || format!("others than the three signed: {told}"))?;
        shown = signers.trim().to_string();
        arena.restart().map_err(|e| e.message)?;
    }
    survives_damage(arena)?;
    Ok(format!("it lost its vote, and the receipt says: {shown}"))
}

/// Every vote is needed now. A power cut that damages one store must not silence its validator for good.
fn survives_damage(arena: &mut Arena) -> Result<(), String> {
    for round in 0..3 {
        arena.kill();
        let database = arena.home().join("network").join("validator-0").join("store.redb");
        tear(&database, arena.seed + round).map_err(|e| e.to_string())?;
        arena.restart().map_err(|e| e.message)?;
        arena.honest_job("a0")?;
    }
    Ok(())
}

/// How many validators vote.
fn voters(arena: &Arena) -> Option<u64> {
    arena.get("/v1/status").json()["validators"].as_u64()
}

/// Two votes of one validator for one place.
fn contradiction(key: &Keypair, chain: ChainId) -> Equivocation {
    let vote = |block| {
        let validator = key.account();
        Signed::sign(Vote { kind: VoteKind::Prevote, height: Height(1), round: 0, block, validator }, chain, key)
    };
    Equivocation::votes(vote(None), vote(Some(BlockId([7; 32]))))
}

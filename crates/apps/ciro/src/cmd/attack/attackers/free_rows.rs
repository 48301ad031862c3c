//! Rows of the state that cost nothing.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_state::{Action, ModelAction};
use ciro_types::{Amount, Hash32, ModelRoots};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "free-rows",
    does: "registers junk as models, with and without money",
    must: "bytes that are no program become no row, and without money nothing is taken",
    needs: Needs::Money,
    attack,
};

const PROGRAM_BYTES: usize = 100_000;

/// Some key and some weights: nobody looks at those of junk.
const fn roots(n: u8) -> ModelRoots {
    ModelRoots { key: Hash32([n; 32]), weights: Hash32([n; 32]) }
}

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let (poor, rich) = (arena.villain(), arena.funded(Amount::ciro(50))?);
    let junk = |n: u8| Action::Model(ModelAction::Register { program: vec![n; PROGRAM_BYTES], roots: roots(n) });
    let model = |n: u8| ciro_state::model_id(&vec![n; PROGRAM_BYTES], &roots(n));
    let replies = [(1, poor.act(junk(1))), (2, rich.act(junk(2)))];
    let kept: Vec<_> = replies
        .iter()
        .filter(|(n, _)| arena.get(&format!("/v1/models/{}", model(*n))).status == 200)
        .map(|(n, _)| *n)
        .collect();
    Ok(ensure(kept.is_empty(), || format!("junk became rows for good: {}", kept.len()))
        .map(|()| format!("refused with {} and {}", replies[0].1.status, replies[1].1.status)))
}

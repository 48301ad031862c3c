//! Settlements whose proof is zeros.

use super::bait;
use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;
use ciro_graph::RawOutput;
use ciro_state::{Action, Authority, JobAction};
use ciro_types::{Amount, Assurance, encode};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "zero-proof",
    does: "orders a job that no machine can take, and answers it itself with proofs of zeros",
    must: "each is refused before it costs anything, and nobody is paid",
    needs: Needs::Money,
    attack,
};

const PROOFS: u64 = 20;
const PROOF_BYTES: usize = 200_000;
/// Longer than the refusals take on a busy machine.
const FUSE: Duration = Duration::from_secs(20);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let villain = arena.funded(Amount::ciro(200))?;
    let (job, input) = match bait::order(arena, &villain, Assurance::A4, bait::NOBODY) {
        Ok(ordered) => ordered,
        Err(refused) => return Ok(Err(refused)),
    };
    let started = Instant::now();
    let output = encode(&RawOutput(vec![vec![4]]));
    for n in 0..PROOFS {
        let authority = Authority::Open { job };
        let proof = vec![0; PROOF_BYTES + usize::try_from(n).unwrap_or_default()];
        let action = Action::Job(JobAction::Settle { authority, input: input.clone(), output: output.clone(), proof });
        let status = villain.act(action).status;
        if let Err(won) = ensure(status != 200, || "a proof of zeros was paid".into()) {
            return Ok(Err(won));
        }
    }
    let took = started.elapsed();
    let lost = ensure(took < FUSE, || format!("{PROOFS} proofs of zeros took {} s", took.as_secs()));
    Ok(lost.map(|()| format!("{PROOFS} proofs of zeros were refused in {} ms", took.as_millis())))
}

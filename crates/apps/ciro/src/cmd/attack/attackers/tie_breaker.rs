//! A worker that reads the answers of others and then wants a seat among them.

use super::bait;
use super::colluding_pair::{offer, own_lease};
use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::villain::Villain;
use crate::error::CliError;
use ciro_state::{Action, Authority, JobAction, WorkerAction, commitment, output_hash};
use ciro_types::{Amount, Assurance, Hash32, JobId};
use std::time::{Duration, Instant};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "tie-breaker",
    does: "takes and opens a seat of an A2 job at each moment from its order to its end, with no lease or one of its own",
    must: "whoever was not leased or drawn has no seat and opens nothing: the job is paid to the workers that the scheduler chose",
    needs: Needs::Money,
    attack,
};

/// How long the job may take while the attack is under way.
const PATIENCE: Duration = Duration::from_secs(30);

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let client = arena.funded(Amount::ciro(100))?;
    let villain = arena.funded(Amount::ciro(150))?;
    let staked = villain.act(Action::Worker(WorkerAction::Register { stake: Amount::ciro(100) }));
    // It asks for more than anybody, so that no lease is granted to it.
    let offered = villain
        .act(Action::Worker(WorkerAction::PublishOffer { offer: offer(arena, &villain, Amount::ciro(1_000), 1) }));
    let ready = ensure((staked.status, offered.status) == (200, 200), || {
        format!("its stake and offer were answered {} and {}", staked.json(), offered.json())
    });
    let ordered = ready.and_then(|()| bait::order(arena, &client, Assurance::A2, bait::ANYBODY));
    Ok(ordered.and_then(|(job, input)| meddle(arena, &villain, job, &input)))
}

fn meddle(arena: &Arena, villain: &Villain, job: JobId, input: &[u8]) -> Verdict {
    let (before, started) = (arena.balance(villain.account()), Instant::now());
    let mut tries = 0;
    loop {
        for action in tricks(arena, villain, job, input) {
            let status = villain.act(action).status;
            ensure(status != 200, || "a seat that nobody gave was taken or opened".into())?;
            tries += 1;
        }
        let status = bait::status(arena, job);
        if status != "Open" {
            ensure(status["Settled"].is_object(), || format!("the job ended as {status}"))?;
            break;
        }
        ensure(started.elapsed() < PATIENCE, || format!("no answer within {} s", PATIENCE.as_secs()))?;
    }
    let after = arena.balance(villain.account());
    ensure(after <= before, || format!("it was paid {before} → {after}"))?;
    Ok(format!("{tries} tries to sit in were refused until two workers were paid"))
}

fn tricks(arena: &Arena, villain: &Villain, job: JobId, input: &[u8]) -> [Action; 3] {
    let (output, salt) = (b"lie".to_vec(), Hash32([9; 32]));
    let seal = commitment(job, villain.account(), output_hash(&output), salt);
    let seat = |authority| Action::Job(JobAction::Commit { authority, commitment: seal });
    [
        seat(Authority::Open { job }),
        seat(Authority::Lease(own_lease(arena, villain, job))),
        Action::Job(JobAction::Reveal { job, input: input.to_vec(), output, salt }),
    ]
}

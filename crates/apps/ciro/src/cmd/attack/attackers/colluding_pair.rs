//! Two accounts of one owner that want to answer an A2 job between themselves.

use super::bait;
use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::villain::Villain;
use crate::cmd::attack::wire::Reply;
use crate::error::CliError;
use ciro_state::{Action, Authority, FailReason, JobAction, SignedLease, WorkerAction, commitment, output_hash};
use ciro_types::{Amount, Assurance, CapabilityFlags, Hash32, Height, JobId, Lease, LeaseToken, MemoryMib, Offer};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "colluding-pair",
    does: "two accounts of one owner take both seats of an A2 job, or end it, with no lease or with leases they sign themselves",
    must: "without stake and with the least stake, no seat is taken and the job is not ended: leases and lots decide who answers",
    needs: Needs::Money,
    attack,
};

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let client = arena.funded(Amount::ciro(100))?;
    let pair = [arena.funded(Amount::ciro(150))?, arena.funded(Amount::ciro(150))?];
    let job = match bait::order(arena, &client, Assurance::A2, bait::NOBODY) {
        Ok((job, _)) => job,
        Err(refused) => return Ok(Err(refused)),
    };
    let verdict = collude(arena, &pair, job).and_then(|poor| {
        stake(arena, &pair)?;
        let rich = collude(arena, &pair, job)?;
        Ok(format!("{poor} tries without stake and {rich} with it were refused, each for want of a right"))
    });
    Ok(verdict)
}

/// Makes both workers that no job is too large for.
fn stake(arena: &Arena, pair: &[Villain]) -> Result<(), String> {
    for villain in pair {
        let registered = villain.act(Action::Worker(WorkerAction::Register { stake: Amount::ciro(100) }));
        ensure(registered.status == 200, || format!("its stake was not taken: {}", registered.json()))?;
        let offered = villain
            .act(Action::Worker(WorkerAction::PublishOffer { offer: offer(arena, villain, Amount::ciro(1), 1) }));
        ensure(offered.status == 200, || format!("its offer was not taken: {}", offered.json()))?;
    }
    Ok(())
}

/// An offer for machines of any size.
pub(super) fn offer(arena: &Arena, worker: &Villain, price: Amount, slots: u16) -> Offer {
    Offer {
        worker: worker.account(),
        sequence: 1,
        flags: CapabilityFlags(0),
        memory: MemoryMib(u32::MAX),
        price,
        slots,
        expires: Height(arena.until().0 + 10_000),
        label: "cheap".into(),
    }
}

/// Every try of both. Returns how many there were, all of them refused.
fn collude(arena: &Arena, pair: &[Villain], job: JobId) -> Result<usize, String> {
    let mut tries = 0;
    for villain in pair {
        for (what, reply) in together(villain, &tricks(arena, villain, job)) {
            let is_refused = reply.status == 422 && reply.code() == "refused";
            ensure(is_refused, || format!("{what} was answered {}: {}", reply.status, reply.message()))?;
            tries += 1;
        }
    }
    let status = bait::status(arena, job);
    ensure(status == "Open", || format!("the job is {status}"))?;
    Ok(tries)
}

/// What an account without a right can sign.
fn tricks(arena: &Arena, villain: &Villain, job: JobId) -> [(&'static str, Action); 3] {
    let seal = commitment(job, villain.account(), output_hash(b"lie"), Hash32([7; 32]));
    let lease = own_lease(arena, villain, job);
    let seat = |authority| Action::Job(JobAction::Commit { authority, commitment: seal });
    [
        ("a seat without a lease", seat(Authority::Open { job })),
        ("a seat with its own lease", seat(Authority::Lease(lease.clone()))),
        ("an end of the job", Action::Job(JobAction::Fail { lease, reason: FailReason::InputInvalid })),
    ]
}

/// A lease that the attacker signed in the scheduler's place.
pub(super) fn own_lease(arena: &Arena, villain: &Villain, job: JobId) -> SignedLease {
    let (worker, expires) = (villain.account(), Height(arena.until().0));
    let lease = Lease { job, worker, token: LeaseToken(u64::MAX), price: Amount::ciro(1), expires };
    SignedLease::sign(lease, &villain.key, villain.chain)
}

/// Sends them at the same time: what a coming block could make acceptable is tried for some blocks.
fn together(villain: &Villain, tricks: &[(&'static str, Action)]) -> Vec<(&'static str, Reply)> {
    let nonce = villain.nonce();
    let send = |action: &Action| villain.send(&villain.signed(nonce, action.clone()));
    std::thread::scope(|scope| {
        let sent: Vec<_> = tricks.iter().map(|(what, action)| (*what, scope.spawn(move || send(action)))).collect();
        // A thread that panicked has no answer, which is no refusal.
        sent.into_iter().map(|(what, sent)| (what, sent.join().unwrap_or_default())).collect()
    })
}

//! Bodies that are declared long and do not come.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use std::io::Write as _;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "slow-body",
    does: "opens uploads and sends one byte of each",
    must: "honest jobs are served meanwhile, and each upload ends with 408 or a closed connection",
    needs: Needs::Money,
    attack,
};

/// More than there are places for uploads of one client.
const UPLOADS: usize = 100;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let kind = ("Content-Type", "application/octet-stream");
    let head = wire::head(arena.address, "POST", "/v1/inputs", &[kind, ("Content-Length", "1000000")]);
    let mut uploads = Vec::new();
    for _ in 0..UPLOADS {
        if let Ok(mut stream) = wire::connect(arena.address) {
            // One that is turned away at once hears nothing.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"x"));
            uploads.push(stream);
        }
    }
    if let Err(won) = arena.honest_job("a0") {
        return Ok(Err(won));
    }
    let statuses: Vec<u16> = uploads.iter_mut().map(|stream| wire::answer(stream).status).collect();
    Ok(verdict(&statuses))
}

fn verdict(statuses: &[u16]) -> Verdict {
    let others: Vec<_> = statuses.iter().filter(|status| ![0, 408, 429].contains(*status)).collect();
    ensure(others.is_empty(), || format!("uploads without a body were answered {others:?}"))?;
    let timed_out = statuses.iter().filter(|status| **status == 408).count();
    ensure(timed_out > 0, || "no upload was told that it is too slow".into())?;
    Ok(format!("{timed_out} of {} uploads timed out, the others were turned away", statuses.len()))
}

//! Event streams that nobody reads.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use std::io::{Read as _, Write as _};

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "sse-hoarder",
    does: "opens 100 event streams from the first block and reads none of them",
    must: "one client gets a few streams, the others are refused with 429, and honest jobs are served",
    needs: Needs::Money,
    attack,
};

const STREAMS: usize = 100;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let head = wire::head(arena.address, "GET", "/v1/events?from=0", &[]);
    let mut held = Vec::new();
    for _ in 0..STREAMS {
        let Ok(mut stream) = wire::connect(arena.address) else { continue };
        let mut status = [0; 12];
        // A connection that was closed has no status.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.read_exact(&mut status));
        held.push((String::from_utf8_lossy(&status).into_owned(), stream));
    }
    let open = held.iter().filter(|(status, _)| status.ends_with(" 200")).count();
    let refused = held.iter().filter(|(status, _)| status.ends_with(" 429")).count();
    let served = arena.honest_job("a4");
    Ok(served.and_then(|_| {
        ensure(open > 0 && open <= 16, || format!("{open} streams were opened"))?;
        ensure(open + refused == held.len(), || format!("{refused} of {} were refused properly", held.len() - open))?;
        Ok(format!("{open} streams stayed open, {refused} were refused"))
    }))
}

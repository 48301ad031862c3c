//! As many connections as the node has descriptors.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use std::io::Write as _;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "descriptor-eater",
    does: "holds 400 idle connections and half heads against a node of 256 descriptors",
    must: "the node keeps descriptors for its own files, and a new client always finds a place",
    needs: Needs::OwnNode { descriptors: Some(256) },
    attack,
};

const CONNECTIONS: usize = 400;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let mut held = Vec::new();
    for n in 0..CONNECTIONS {
        let Ok(mut stream) = wire::connect(arena.address) else { continue };
        if n % 2 == 0 {
            // Half a head. One that was closed already stays closed.
            let _ = stream.write_all(format!("GET /v1/status HTTP/1.1\r\nHost: {}\r\nX-A: ", arena.address).as_bytes());
        }
        held.push(stream);
    }
    let verdict = ["a0", "a4"].iter().try_for_each(|assurance| {
        ensure(arena.get("/v1/status").status == 200, || "a new client found no place".into())?;
        arena.honest_job(assurance).map(|_| ())
    });
    let count = held.len();
    Ok(verdict.map(|()| format!("jobs at two rungs were served while {count} connections were held")))
}

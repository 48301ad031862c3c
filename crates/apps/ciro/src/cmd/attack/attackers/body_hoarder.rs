//! Large bodies that are sent almost whole and kept open.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use std::io::Write as _;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "body-hoarder",
    does: "sends large models almost whole and keeps the connections open",
    must: "the bytes go to disk within a quota and vanish with the connection: memory grows by less than 128 MiB",
    needs: Needs::OwnNode { descriptors: None },
    attack,
};

const BODIES: usize = 6;
const BODY_MIB: usize = 250;
/// Growth that the attacker must not reach, MiB.
const GROWTH_MIB: u64 = 128;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let before = arena.memory_mib().unwrap_or_default();
    let kind = ("Content-Type", "application/octet-stream");
    let head = wire::head(arena.address, "POST", "/v1/models", &[kind, ("Content-Length", "268435455")]);
    let piece = vec![0_u8; 1 << 20];
    let mut held = Vec::new();
    for _ in 0..BODIES {
        let Ok(mut stream) = wire::connect(arena.address) else { continue };
        let mut sent = stream.write_all(head.as_bytes());
        for _ in 0..BODY_MIB {
            sent = sent.and_then(|()| stream.write_all(&piece));
        }
        // One that was cut off is held like the others.
        drop(sent);
        held.push(stream);
    }
    let grown = arena.memory_mib().unwrap_or_default().saturating_sub(before);
    let served = arena.honest_job("a0");
    drop(held);
    Ok(verdict(arena, grown, served.map(|_| ())))
}

fn verdict(arena: &Arena, grown: u64, served: Result<(), String>) -> Verdict {
    served?;
    ensure(grown < GROWTH_MIB, || format!("the node's memory grew by {grown} MiB"))?;
    // The node notices that the connections have ended when it reads from them.
    for _ in 0..200 {
        if parts(arena) == 0 {
            return Ok(format!("memory grew by {grown} MiB, and no byte of {BODIES} bodies was kept"));
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Err(format!("{} unfinished uploads were left behind", parts(arena)))
}

fn parts(arena: &Arena) -> usize {
    let is_part = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "part");
    arena.files("network/blobs/models").iter().filter(|path| is_part(path)).count()
}

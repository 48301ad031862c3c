//! Inputs that no order refers to.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::error::CliError;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "input-hoarder",
    does: "uploads 320 MiB of inputs that no order refers to",
    must: "it is refused at its quota, and an honest client still finds room",
    needs: Needs::Address,
    attack,
};

const INPUTS: usize = 320;

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let mut kept = 0;
    let mut bytes = vec![0_u8; 1 << 20];
    for n in 0..INPUTS {
        bytes[..8].copy_from_slice(&(arena.seed ^ n as u64).to_le_bytes());
        let reply = arena.post("/v1/inputs", "application/octet-stream", &bytes);
        match reply.status {
            200 => kept += 1,
            429 => {
                let code = reply.code();
                let refused = ensure(code == "too_many", || format!("it was refused with {code}"));
                let told = |()| format!("{kept} MiB were kept for an hour, the rest was refused");
                return Ok(refused.map(told));
            }
            status => return Ok(Err(format!("an input was answered {status}: {}", reply.json()))),
        }
    }
    Ok(Err(format!("{kept} MiB that nobody ordered were kept")))
}

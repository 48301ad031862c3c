//! A page in a browser on this machine whose name the attacker made point here.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;
use ciro_gateway::routes;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "rebinding-page",
    does: "calls every route as a page of another origin does, under its own name and under the node's",
    must: "no request is answered and nothing is stored",
    needs: Needs::Address,
    attack,
};

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let before = arena.files("network/blobs/inputs").len();
    let disguises: [&[(&str, &str)]; 5] = [
        &[("Host", "evil.example")],
        &[("Host", "127.0.0.1.evil.example"), ("Origin", "http://127.0.0.1.evil.example")],
        &[("Origin", "http://evil.example")],
        &[("Origin", "null")],
        &[("Sec-Fetch-Site", "cross-site")],
    ];
    let mut count = 0;
    for route in routes() {
        for disguise in disguises {
            let path = route.path.replace(['{', '}'], "");
            let kinds: &[&str] =
                if route.method == "POST" { &["text/plain", "application/octet-stream"] } else { &[""] };
            for kind in kinds {
                let mut headers = disguise.to_vec();
                headers.extend((!kind.is_empty()).then_some(("Content-Type", *kind)));
                let body = (route.method == "POST").then_some(&b"x"[..]);
                let reply = wire::ask(arena.address, route.method, &path, &headers, body);
                if let Err(won) = ensure(reply.status == 403, || format!("{path} answered {} to a page", reply.status))
                {
                    return Ok(Err(won));
                }
                count += 1;
            }
        }
    }
    let after = arena.files("network/blobs/inputs").len();
    let stored = ensure(after == before, || format!("{} inputs of a page were stored", after - before));
    Ok(stored.map(|()| format!("{count} requests of pages were refused")))
}

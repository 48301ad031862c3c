//! Requests that make no sense.

use crate::cmd::attack::arena::{Arena, Needs};
use crate::cmd::attack::attacker::{Attacker, Verdict, ensure};
use crate::cmd::attack::wire;
use crate::error::CliError;

pub(crate) const ATTACKER: Attacker = Attacker {
    name: "bad-requests",
    does: "sends bodies that are nested, endless, declared too long or of another kind, and heads without end",
    must: "each is refused with its own code, and none is answered with 5xx",
    needs: Needs::Address,
    attack,
};

const JSON: (&str, &str) = ("Content-Type", "application/json");
const TEXT: (&str, &str) = ("Content-Type", "text/plain");

fn attack(arena: &mut Arena) -> Result<Verdict, CliError> {
    let nested = vec![b'['; 1_000_000];
    let objects = b"{\"a\":".repeat(200_000);
    let long_path = format!("/v1/accounts/{}", "f".repeat(8_000));
    let long_header = "a".repeat(100_000);
    type Case<'a> = (&'a str, &'a str, &'a str, (&'a str, &'a str), Option<&'a [u8]>, &'a [u16]);
    let cases: [Case<'_>; 11] = [
        ("nested arrays", "POST", "/v1/transactions", JSON, Some(&nested), &[400, 429]),
        ("nested objects", "POST", "/v1/transactions", JSON, Some(&objects), &[400, 429]),
        ("a number for bytes", "POST", "/v1/transactions", JSON, Some(b"{\"tx\":5}"), &[400]),
        ("no digits", "POST", "/v1/jobs", JSON, Some(b"{\"tx\":\"zz\"}"), &[400]),
        ("text for JSON", "POST", "/v1/transactions", TEXT, Some(b"{\"tx\":\"00\"}"), &[415]),
        ("an input above the limit", "POST", "/v1/inputs", ("X-A", "b"), Some(&[0; (1 << 20) + 1]), &[413]),
        ("no model", "POST", "/v1/models", ("X-A", "b"), Some(b"\xff\xff"), &[400]),
        ("a path out of the folder", "GET", "/v1/jobs/..%2f..%2fwallet.json", ("X-A", "b"), None, &[400]),
        ("a negative height", "GET", "/v1/blocks/-1", ("X-A", "b"), None, &[400]),
        ("a long name", "GET", &long_path, ("X-A", "b"), None, &[400]),
        ("an endless head", "GET", "/v1/status", ("X-A", &long_header), None, &[431]),
    ];
    for (what, method, path, header, body, expected) in cases {
        let got = wire::ask(arena.address, method, path, &[header], body).status;
        // A body that is cut off may reset the connection before the answer is read.
        let is_fine = expected.contains(&got) || (got == 0 && body.is_some_and(|body| body.len() > 1 << 16));
        if let Err(won) = ensure(is_fine, || format!("{what}: expected {expected:?}, got {got}")) {
            return Ok(Err(won));
        }
    }
    Ok(Ok(format!("{} requests were refused, each with its code", cases.len())))
}

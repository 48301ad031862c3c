//! What an attacker is.

use super::arena::{Arena, Needs};
use crate::error::CliError;

/// What came of an attack: how it was lost, or what the attacker won.
pub(crate) type Verdict = Result<String, String>;

/// Somebody who means harm.
pub(crate) struct Attacker {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// What it does, in one sentence.
    pub(crate) does: &'static str,
    /// What must happen.
    pub(crate) must: &'static str,
    /// What it takes.
    pub(crate) needs: Needs,
    /// The attack on a node that runs.
    pub(crate) attack: fn(&mut Arena) -> Result<Verdict, CliError>,
}

/// `Ok` with what was seen if `holds`, else what the attacker won.
pub(crate) fn ensure(holds: bool, won: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(won()) }
}

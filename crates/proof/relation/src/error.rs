//! Why a relation is refused.

/// A part of a relation is not what the phases that read it take: a bug of a gadget, or a key that nobody derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} {number}: {what}: expected {expected}, got {got}")]
pub struct Misfit {
    /// Which kind of part.
    pub part: &'static str,
    /// Its number.
    pub number: usize,
    /// What does not fit.
    pub what: &'static str,
    /// What phases take; where a limit, the largest.
    pub expected: usize,
    /// What is there.
    pub got: usize,
}

/// Verifying takes more than whoever is to do it accepts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("verifying takes {got} {what}, expected at most {expected}")]
pub struct TooCostly {
    /// Of what: units of work, or bytes of memory.
    pub what: &'static str,
    /// The limit.
    pub expected: u64,
    /// The cost, or as much of it as was counted when it was refused.
    pub got: u64,
}

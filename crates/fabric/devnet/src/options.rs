//! How a network is run.

use ciro_validator::Retention;

/// Blocks that are kept whole, with the proofs in them: five hours and a half of an idle network.
pub const RETAINED_BLOCKS: u64 = 20_000;

/// How a network is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How long whole blocks are kept.
    pub retention: Retention,
}

impl Default for Options {
    fn default() -> Self {
        Self { retention: Retention::Blocks(RETAINED_BLOCKS) }
    }
}

//! What a proof is made of, for whoever measures it.

/// A phase of making a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Filling the witness.
    Witness,
    /// Committing to it.
    Commitment,
    /// The circuit of lookups; before it, samples of the commitments where they are asked for.
    Lookups,
    /// The zerocheck.
    Constraints,
    /// The sumchecks of products.
    Products,
    /// Claims on picked columns.
    Gathers,
    /// All claims to one point.
    Batch,
    /// WHIR.
    Opening,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Witness,
        Self::Commitment,
        Self::Lookups,
        Self::Constraints,
        Self::Products,
        Self::Gathers,
        Self::Batch,
        Self::Opening,
    ];

    /// In one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Witness => "witness",
            Self::Commitment => "commitment",
            Self::Lookups => "lookups",
            Self::Constraints => "constraints",
            Self::Products => "products",
            Self::Gathers => "gathers",
            Self::Batch => "batch",
            Self::Opening => "opening",
        }
    }
}

/// Watches a proof being made. Nothing that it does changes the proof.
pub trait Observer: Send {
    /// Called as each phase begins: once for each, in order, whether or not the program has anything to prove there.
    fn begins(&mut self, phase: Phase);
}

/// Watches nothing.
impl Observer for () {
    fn begins(&mut self, _: Phase) {}
}

//! What goes in and what comes out, in canonical bytes.

use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// One input tensor exactly as the user gave it: bit patterns of float32 or float64, row-major.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawTensor {
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// IEEE-754 bit patterns, row-major: a word for each binary32, two for each binary64, the lower half first.
    pub bits: Vec<u32>,
}

impl RawTensor {
    /// A tensor of float64 bit patterns.
    #[must_use]
    pub fn of_doubles(shape: Vec<u32>, doubles: impl IntoIterator<Item = u64>) -> Self {
        let half = |bits: u64| u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        let halves = |bits: u64| [half(bits), half(bits >> 32)];
        Self { shape, bits: doubles.into_iter().flat_map(halves).collect() }
    }

    /// The bit patterns of a tensor that holds float64.
    pub fn doubles(&self) -> impl Iterator<Item = u64> + '_ {
        self.bits.chunks_exact(2).map(double)
    }
}

/// The bit pattern of a float64, from its halves.
pub(crate) fn double(halves: &[u32]) -> u64 {
    halves.iter().rev().fold(0, |bits, &half| bits << 32 | u64::from(half))
}

/// All inputs of one inference, in the order of [`crate::Program::inputs`]. Its canonical encoding is what a job commits to.
/// The samples of a batch are joined ([`crate::Program::join`]).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawInput(pub Vec<RawTensor>);

/// All outputs of one inference, in the order of [`crate::Program::outputs`]: row-major integers at the output's scale,
/// or class indices.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawOutput(pub Vec<Vec<i64>>);

//! What goes in and what comes out, in canonical bytes.

use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// One input tensor exactly as the user gave it: float32 bit patterns, row-major.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawTensor {
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// IEEE-754 binary32 bit patterns, row-major; `shape`'s product many.
    pub bits: Vec<u32>,
}

/// All inputs of one inference, in the order of [`crate::Program::inputs`]. Its canonical encoding is what a job commits to.
/// The samples of a batch are joined ([`crate::Program::join`]).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawInput(pub Vec<RawTensor>);

/// All outputs of one inference, in the order of [`crate::Program::outputs`]: row-major integers at the output's scale,
/// or class indices.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RawOutput(pub Vec<Vec<i64>>);

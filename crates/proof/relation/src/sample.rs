//! Which cells of committed inputs and outputs are one sample's, and what they hold.

use crate::column::ColId;
use crate::rows::Rows;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use ciro_transcript::E;
use ciro_transcript::field::from_int;

/// A column of a committed input or output. Its first dimension is the sample; the others are those of `rows`.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct SampleColumn {
    /// The column.
    pub col: ColId,
    /// Whose integers it holds.
    pub value: SampleValue,
    /// What of them.
    pub digits: Digits,
    /// The rows of one sample.
    pub rows: Rows,
}

/// An input or an output, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum SampleValue {
    /// An input.
    Input(usize),
    /// An output.
    Output(usize),
}

/// What a column holds of each integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Digits {
    /// All of it.
    All,
    /// Of an ordered image, in its first copy: sixteen bits.
    Bits {
        /// Bits below them.
        shift: u32,
    },
    /// Of the first copy: one where it is zero, the image of a missing value.
    Missing,
}

impl Digits {
    pub(crate) fn of(self, x: i64) -> i64 {
        match self {
            Self::All => x,
            Self::Bits { shift } => x.checked_shr(shift).unwrap_or(0) & 0xffff,
            Self::Missing => i64::from(x == 0),
        }
    }
}

impl SampleColumn {
    /// The cells of one sample, padded, from the integers of its inputs and outputs.
    #[must_use]
    pub fn cells(&self, inputs: &[Vec<i64>], outputs: &[Vec<i64>]) -> Vec<i64> {
        self.rows.scatter(self.integers(inputs, outputs).iter().map(|&x| self.digits.of(x)))
    }

    /// The polynomial of these cells at `point`.
    pub fn evaluate(&self, inputs: &[Vec<i64>], outputs: &[Vec<i64>], point: &[E]) -> E {
        self.rows.evaluate(self.integers(inputs, outputs), point, |x| from_int(self.digits.of(x)))
    }

    fn integers<'a>(&self, inputs: &'a [Vec<i64>], outputs: &'a [Vec<i64>]) -> &'a [i64] {
        let values = match self.value {
            SampleValue::Input(k) => inputs.get(k),
            SampleValue::Output(k) => outputs.get(k),
        };
        let all = values.map_or(&[][..], Vec::as_slice);
        all.get(..self.rows.real()).unwrap_or(all)
    }
}

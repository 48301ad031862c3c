//! What users call the elements of an input, and how they write them. These are names of columns, texts of categories,
//! and the number that stands for a missing value.
//!
//! None of it changes what a program computes. It is part of the identity all the same. It says which column of a
//! table is which element, and which text is which code. With other names the same integers would answer another
//! question.

use crate::program::Program;
use crate::shape::element_count;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use core::cmp::Ordering;

/// What users call one element of an input, and how they write it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Column {
    /// Its name in a table; empty if it has none.
    pub name: String,
    /// What the codes 0, 1, 2, … stand for; empty for numbers. Any other code is a category that the model has not seen.
    pub categories: Vec<String>,
    /// The number that users write for a missing value, as a float64 bit pattern. The program reads NaN instead.
    pub missing: Option<u64>,
    /// What becomes of a category that is none of these.
    pub unseen: Unseen,
}

/// What becomes of a category that a model has not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Unseen {
    /// It is a missing value, NaN.
    #[default]
    Missing,
    /// It has the code −1, and so has a missing value.
    Coded,
    /// It is refused.
    Refused,
}

/// How an output's integers read.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum OutputKind {
    /// A number: integer / 2^frac_bits.
    Fixed {
        /// Fractional bits.
        frac_bits: u8,
    },
    /// A class: the element is an index into integer labels.
    IntLabel {
        /// The labels.
        labels: Vec<i64>,
    },
    /// A class: the element is an index into truth values.
    BoolLabel {
        /// The labels.
        labels: Vec<bool>,
    },
    /// A class: the element is an index into text labels.
    TextLabel {
        /// The labels.
        labels: Vec<String>,
    },
}

/// An element of an input as its users write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Given<'a> {
    /// A number; NaN is a missing value.
    Number(f64), // deterministic: only people read it.
    /// A category by its text.
    Category(&'a str),
    /// A category that the model has not seen.
    Unseen,
}

impl Column {
    /// What `number`, which the program reads, stands for.
    #[must_use]
    // deterministic: compared by its bits, and only people read the result.
    pub fn given(&self, number: f64) -> Given<'_> {
        match self.missing {
            // deterministic: a bit pattern as it is.
            Some(missing) if number.is_nan() => return Given::Number(f64::from_bits(missing)),
            _ if self.categories.is_empty() || number.is_nan() => return Given::Number(number),
            _ => {}
        }
        let found = index_of(number, self.categories.len()).and_then(|index| self.categories.get(index));
        found.map_or(Given::Unseen, |text| Given::Category(text))
    }

    /// Whether `number` is the one that users write for a missing value. The program reads NaN in its place, so it is no input: else one
    /// printed number would stand for two values.
    #[must_use]
    // deterministic: a comparison.
    pub fn is_written_for_missing(&self, number: f64) -> bool {
        // deterministic: as above.
        self.missing.is_some_and(|missing| number.partial_cmp(&f64::from_bits(missing)) == Some(Ordering::Equal))
    }
}

/// The index below `len` that `number` is. Few steps, as a program may have many categories and an input many elements.
// deterministic: comparisons only.
fn index_of(number: f64, len: usize) -> Option<usize> {
    let len = u32::try_from(len).ok()?;
    // Bits of numbers that are not negative ascend as the numbers do.
    let (bits, mut low, mut high) = (number.to_bits(), 0, len);
    while low < high {
        let middle = low.midpoint(high);
        // deterministic: small integers are exact.
        if f64::from(middle).to_bits() < bits {
            low = middle.saturating_add(1);
        } else {
            high = middle;
        }
    }
    // deterministic: as above.
    let is_found = low < len && f64::from(low).to_bits() == bits;
    is_found.then(|| usize::try_from(low).ok()).flatten()
}

impl Program {
    /// The columns of input `index`, one per element; none if the program has no signature.
    #[must_use]
    pub fn columns_of(&self, index: usize) -> &[Column] {
        let len = |input: &crate::Input| usize::try_from(element_count(&input.shape)).unwrap_or(usize::MAX);
        let first = self.inputs.iter().take(index).map(len).fold(0, usize::saturating_add);
        let count = self.inputs.get(index).map_or(0, len);
        self.columns.get(first..first.saturating_add(count)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn a_code_is_the_text_that_it_stands_for() {
        let job = Column { categories: vec!["clerk".into(), "nurse".into()], ..Column::default() };
        assert_eq!(job.given(1.0), Given::Category("nurse"));
        assert_eq!([job.given(2.0), job.given(-1.0), job.given(0.5), job.given(-0.0)], [Given::Unseen; 4]);
        for len in 0..9 {
            let found: Vec<usize> = (0..20).filter_map(|i| index_of(f64::from(i) / 2.0, len)).collect();
            assert_eq!(found, (0..len).collect::<Vec<_>>());
        }
        assert!(matches!(job.given(f64::NAN), Given::Number(number) if number.is_nan()));
    }

    #[test]
    fn a_missing_value_is_the_number_that_users_write_for_it() {
        let age = Column { missing: Some((-999f64).to_bits()), ..Column::default() };
        assert_eq!(age.given(f64::NAN), Given::Number(-999.0));
        assert_eq!(age.given(7.0), Given::Number(7.0));
        assert!(matches!(Column::default().given(f64::NAN), Given::Number(number) if number.is_nan()));
    }
}

//! What users call the elements of an input, and how they write them: names of columns, texts of categories, the number
//! that stands for a missing value.
//!
//! None of it changes what a program computes. It is part of the identity all the same, because it says which column of a
//! table is which element, and which text is which code: with other names the same integers would answer another question.

use crate::ingest::element_count;
use crate::program::Program;
use alloc::string::String;
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

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
        // deterministic: small integers are exact.
        let mut categories = (0u32..).map(f64::from).zip(&self.categories);
        let found = categories.find(|(code, _)| code.to_bits() == number.to_bits());
        found.map_or(Given::Unseen, |(_, text)| Given::Category(text))
    }
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
        assert_eq!([job.given(2.0), job.given(-1.0), job.given(0.5)], [Given::Unseen; 3]);
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

//! What a model's users call its columns and its classes, and which number is a missing value: from the file, and from the user.

use super::error::CompileError;
use ciro_graph::Column;

pub use super::labels::Labels;

/// What the user says of a model that its file does not say, or says otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Signature {
    /// The columns, one per element of all inputs; none if there is nothing to say. What is empty in one is left as the file
    /// has it.
    pub columns: Vec<Column>,
    /// The number that stands for a missing value in all columns; NaN to say that none does.
    pub missing: Option<f64>,
    /// Names of the classes, in the order of the model's own.
    pub labels: Option<Labels>,
    /// Which trees count in a file of XGBoost that stopped early and does not say who predicts with it.
    pub rounds: Option<Rounds>,
}

/// Which of a booster's trees count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// Those up to the best round, as in the `predict` of XGBoost's estimators.
    Best,
    /// All, as in `Booster.predict`.
    All,
}

impl Signature {
    /// The columns of a model of so many `elements`, of which the file says `found`.
    ///
    /// # Errors
    /// [`CompileError::Signature`] for another number of columns.
    pub(crate) fn columns(&self, found: Vec<Column>, elements: usize) -> Result<Vec<Column>, CompileError> {
        let missing = self.missing.filter(|missing| !missing.is_nan()).map(f64::to_bits);
        if !self.columns.is_empty() && self.columns.len() != elements {
            return Err(CompileError::Signature {
                what: "columns".into(),
                expected: format!("{elements}, one per element of the inputs"),
                got: self.columns.len().to_string(),
            });
        }
        if found.is_empty() && self.columns.is_empty() && missing.is_none() {
            return Ok(found);
        }
        let mut columns = if found.is_empty() { vec![Column::default(); elements] } else { found };
        for (column, given) in columns.iter_mut().zip(&self.columns) {
            if !given.name.is_empty() {
                column.name.clone_from(&given.name);
            }
            if !given.categories.is_empty() {
                column.categories.clone_from(&given.categories);
            }
            column.missing = given.missing.or(column.missing);
        }
        if self.missing.is_some() {
            columns.iter_mut().for_each(|column| column.missing = missing);
        }
        Ok(columns)
    }

    /// Names the classes of outputs.
    ///
    /// # Errors
    /// [`CompileError::Signature`] if no output has so many classes.
    pub(crate) fn name_classes(&self, outputs: Vec<&mut Labels>) -> Result<(), CompileError> {
        let Some(labels) = &self.labels else { return Ok(()) };
        let mut counts = Vec::new();
        let mut is_named = false;
        for own in outputs {
            counts.push(own.len().to_string());
            if own.len() == labels.len() {
                is_named = true;
                own.clone_from(labels);
            }
        }
        let expected = match counts.as_slice() {
            [] => "none, as the model answers with no class".to_string(),
            counts => format!("{}, one per class of the model", counts.join(" or ")),
        };
        let got = labels.len().to_string();
        if is_named { Ok(()) } else { Err(CompileError::Signature { what: "labels".into(), expected, got }) }
    }
}

/// Labels as a user writes them in one line, `good,bad`: integers if all are, truth values if all are, else texts.
#[must_use]
pub fn labels_from(words: &[String]) -> Labels {
    let ints: Result<Vec<i64>, _> = words.iter().map(|word| word.parse()).collect();
    let truth = |word: &String| match word.as_str() {
        "True" | "true" => Some(true),
        "False" | "false" => Some(false),
        _ => None,
    };
    match (ints, words.iter().map(truth).collect::<Option<Vec<bool>>>()) {
        (Ok(ints), _) => Labels::Ints(ints),
        (Err(_), Some(truths)) => Labels::Bools(truths),
        (Err(_), None) => Labels::Texts(words.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_all_of_them_are() {
        let read = |words: [&str; 2]| labels_from(&words.map(String::from));
        assert_eq!(read(["1", "2"]), Labels::Ints(vec![1, 2]));
        assert_eq!(read(["False", "True"]), Labels::Bools(vec![false, true]));
        assert_eq!(read(["1", "True"]), Labels::Texts(vec!["1".into(), "True".into()]));
        assert_eq!(read(["good", "bad"]), Labels::Texts(vec!["good".into(), "bad".into()]));
    }
}

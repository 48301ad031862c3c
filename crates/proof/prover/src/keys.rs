//! Where the keys of a looked-up table are.

use ciro_relation::Rows;
use ciro_transcript::field::P;
use std::collections::BTreeMap;

/// The row of each key of a table.
pub enum KeyIndex {
    /// Row i has key i, and there are so many.
    InOrder(usize),
    /// The row by key.
    Map(BTreeMap<i64, usize>),
}

impl KeyIndex {
    /// The index of a table with these padded keys and real rows.
    #[must_use]
    pub fn new(keys: &[i64], rows: &Rows) -> Self {
        let rows = rows.indices();
        if rows.iter().enumerate().all(|(i, &row)| row == i && keys[row] == i as i64) {
            return Self::InOrder(rows.len());
        }
        Self::Map(rows.into_iter().map(|row| (keys[row], row)).collect())
    }

    /// The row of a key, if the table has it.
    #[must_use]
    pub fn row(&self, key: i64) -> Option<usize> {
        match self {
            Self::InOrder(len) => usize::try_from(key).ok().filter(|i| i < len),
            Self::Map(rows) => rows.get(&key).copied(),
        }
    }
}

/// What an integer is modulo p. Only a lie is negative or large where it is looked up: its best chance is to wrap.
#[must_use]
pub fn residue(x: i64) -> i64 {
    if (0..i64::from(P)).contains(&x) { x } else { x.rem_euclid(i64::from(P)) }
}

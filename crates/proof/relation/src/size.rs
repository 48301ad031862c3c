//! How large a relation may become.
//!
//! A program of a few kilobytes can describe a relation of terabytes: a sum of a value with itself has twice its terms, and the windows of a
//! convolution list positions that the program does not. So entries are counted as they are made, and before whatever many of them are
//! made at once.

use crate::builder::Builder;
use crate::cost::of_entries;
use crate::relation::{Expr, RelationError};

/// Most entries of a relation: terms, positions that gathers list, variables that views name, and what else takes some words. All
/// of them together take some hundred megabytes.
pub const ENTRIES_MAX: usize = 1 << 22;

/// What a column counts as: itself, its rows, its place, and the steps that fill it.
pub(crate) const COLUMN_ENTRIES: usize = 8;

/// What looking for a tensor's cut into blocks counts as: each of its bits is tried for each that is taken.
pub(crate) const CUT_ENTRIES: usize = 32;

impl Expr {
    /// How many entries it is.
    pub(crate) fn entries(&self) -> usize {
        self.terms.len().saturating_add(self.quads.len()).saturating_add(1)
    }
}

impl Builder<'_> {
    /// Counts a few entries, of which the next [`Builder::spend`] decides: a gadget makes a limited number of them in between.
    pub(crate) fn count(&mut self, entries: usize) {
        self.entries = self.entries.saturating_add(entries);
    }

    /// Counts entries that are about to be made.
    ///
    /// # Errors
    /// [`RelationError::TooMany`] if there would be more than [`ENTRIES_MAX`], [`RelationError::TooCostly`] if they cost more than whoever
    /// is to verify accepts.
    pub(crate) fn spend(&mut self, entries: usize) -> Result<(), RelationError> {
        self.count(entries);
        if self.entries > ENTRIES_MAX {
            return Err(RelationError::TooMany { node: self.node, expected: ENTRIES_MAX, got: self.entries });
        }
        self.limits.admit(&of_entries(self.entries))
    }
}

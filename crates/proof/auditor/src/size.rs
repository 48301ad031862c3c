//! How large a relation may become.
//!
//! A program of a few kilobytes can describe a relation of terabytes. A sum of a value with itself has twice its
//! terms. The windows of a convolution list positions that the program does not. So entries are counted as they are
//! made, and before whatever many of them are made at once.

/// Most entries of a relation: terms, positions that gathers list, variables that views name, and what else takes some words. All
/// of them together take some hundred megabytes.
pub const ENTRIES_MAX: usize = 1 << 22;

/// What a column counts as: itself, its rows, its place, and the steps that fill it.
pub(crate) const COLUMN_ENTRIES: usize = 8;

/// What looking for a tensor's cut into blocks counts as: each of its bits is tried for each that is taken.
pub(crate) const CUT_ENTRIES: usize = 32;

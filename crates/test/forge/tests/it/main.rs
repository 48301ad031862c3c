//! What a stranger's receipts can and cannot make a reader believe.

mod format;
mod handover;
mod numbers;
mod order;
mod verdict;
mod words;

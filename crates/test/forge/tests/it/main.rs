//! What a stranger's receipts can and cannot make a reader believe.

mod handover;
mod numbers;
mod order;
mod verdict;
mod words;

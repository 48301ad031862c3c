//! The command line as a user runs it.

mod batches;
mod cli;
mod network;
mod peers;
mod receipts;

//! Behaviour of the whole ledger through its public face.

mod attacks;
mod defects;
mod errors;
mod formats;
mod jobs;
mod leases;
mod money;
mod order;
mod persistence;
mod properties;
mod redundant;
mod rows;
mod stake;
mod support;

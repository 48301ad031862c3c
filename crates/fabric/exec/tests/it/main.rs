//! Tests of executors.

mod inference;

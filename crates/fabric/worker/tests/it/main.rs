//! Tests of the worker's decisions.

mod decisions;

//! Tests of what every process has.

mod outbox;
mod parts;

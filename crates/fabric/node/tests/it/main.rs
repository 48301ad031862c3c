//! Tests of what every process has.

mod counter;
mod outbox;
mod parts;

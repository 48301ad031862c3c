//! Tests of the network and its parts.

mod jobs;
mod outbox;
mod parts;

//! Tests of the network and its parts.

mod desk;
mod jobs;
mod outbox;
mod parts;

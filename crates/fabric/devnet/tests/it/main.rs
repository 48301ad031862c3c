//! Tests of the network and its parts.

mod disks;
mod jobs;
mod log;
mod long;

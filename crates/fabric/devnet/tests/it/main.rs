//! Tests of the network and its parts.

mod desk;
mod disks;
mod jobs;
mod long;

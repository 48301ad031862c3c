//! Whole validators against the network, their disks, their clients and one another.

mod blocks;
mod disks;
mod faults;
mod handover;
mod jobs;
mod pool;
mod support;
mod transfers;
